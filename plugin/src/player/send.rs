//! Sends calls to Spotify: to the right device, under its current id, after waking it if necessary.
//!
//! If Spotify answers that no device is active, or doesn't know the device, the devices are listed: the id of a chosen device may
//! have changed, and a sleeping device is woken by transferring playback to it. Some devices wake up without knowing what they
//! played, or take a while to start. So if nothing played before, the playback state is checked after starting; if nothing
//! plays, the call is repeated once, and finally the user's last played track is started. Every wait is bounded, and the key
//! reports if nothing helps.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::command::{Call, QueuedCall, Verb};
use super::device::{self, ChosenDevice, Found};
use super::settle::{self, LastPlaying, Outcome};
use crate::clock::Clock;
use crate::spotify::{Client, Device, DeviceId, Error, Item, Playback, Played, Restriction, Uri, UriKind};
use crate::unix_time::millis;

/// How often, and at which interval, a device that was just woken is tried or checked: 4 s in total.
const WAKE_TRIES: u32 = 8;
const WAKE_PAUSE: Duration = Duration::from_millis(500);
/// After this many checks that find a device awake and silent the call is repeated; after as many again, a device that should
/// have resumed is given the user's last played track.
const SILENT_CHECKS: u32 = 2;

/// How many Liked Songs are played if Spotify doesn't accept them as a context: it has refused a list of 850, and each 50 take a
/// call.
const MOST_LIKED: usize = 500;
/// How many entries of Liked Songs are read at most, as some may be unusable.
const MOST_LIKED_PLACES: u32 = 1_000;

/// The outcome of a call, and what was learned while sending it.
#[derive(Debug)]
pub(super) struct CallOutcome {
    pub result: Result<(), Error>,
    /// The devices, if they were listed, and when they were asked for.
    pub devices: Option<(Instant, Vec<Device>)>,
    /// The playback state, if it was read, and when it was asked for.
    pub playback: Option<(Instant, Option<Playback>)>,
    /// Whether Spotify didn't accept Liked Songs as a context.
    pub liked_as_list: bool,
}

/// Sends a call. If no device is active, wakes one: the chosen one, otherwise the `last` active one, otherwise the only one.
/// If the connection is lost, compares Spotify's state with `before` to find out whether the call was carried out.
pub(super) async fn send(
    spotify: Client,
    clock: Arc<dyn Clock>,
    call: &QueuedCall,
    last: Option<&DeviceId>,
    before: Option<&LastPlaying>,
) -> CallOutcome {
    let mut sender = Sender { spotify, clock, devices: None, playback: None, liked_as_list: false };
    let mut result = sender.send(call, last).await;
    if let Err(error) = &result {
        match settle::outcome(&sender.spotify, &call.call, before, error).await {
            Outcome::Done => result = Ok(()),
            Outcome::NotDone => result = sender.send(call, last).await,
            Outcome::Unknown => {}
        }
    }
    let Sender { devices, playback, liked_as_list, .. } = sender;
    CallOutcome { result, devices, playback, liked_as_list }
}

struct Sender {
    spotify: Client,
    clock: Arc<dyn Clock>,
    devices: Option<(Instant, Vec<Device>)>,
    playback: Option<(Instant, Option<Playback>)>,
    liked_as_list: bool,
}

impl Sender {
    async fn send(&mut self, call: &QueuedCall, last: Option<&DeviceId>) -> Result<(), Error> {
        if call.call == Call::NextDevice {
            return self.next_device().await;
        }
        let chosen = call.device.as_ref();
        let refused = match self.attempt(&call.call, chosen.map(|device| &device.id)).await {
            // Without an active device nothing needs to be paused.
            Err(error @ Error::NoActiveDevice) if call.call != Call::Pause || chosen.is_some() => error,
            Ok(()) if call.was_idle && call.call.starts_playback() => {
                return self.ensure_playing(&call.call, chosen.map(|device| &device.id), true).await;
            }
            other => return other,
        };
        match &call.call {
            Call::Transfer { .. } if call.command.verb == Verb::NextDevice => self.next_device().await,
            Call::Transfer { device, play } => match self.find(device).await? {
                Some(id) if id != device.id => self.spotify.transfer(&id, *play).await,
                _ => Err(refused),
            },
            _ => {
                let id = match chosen {
                    Some(chosen) => match self.find(chosen).await? {
                        Some(id) if id != chosen.id => match self.attempt(&call.call, Some(&id)).await {
                            Err(Error::NoActiveDevice) => Some(id),
                            other => return other,
                        },
                        found => found,
                    },
                    None => device::to_wake(self.devices().await?, last).cloned(),
                };
                match id {
                    Some(id) if call.call != Call::Pause => self.wake(&call.call, &id).await,
                    _ => Err(refused),
                }
            }
        }
    }

    /// Lists the devices.
    async fn devices(&mut self) -> Result<&[Device], Error> {
        let asked_at = self.clock.now().instant;
        let devices = self.spotify.devices().await?;
        Ok(&self.devices.insert((asked_at, devices)).1)
    }

    /// Returns the current id of a chosen device; `None` if it isn't listed.
    async fn find(&mut self, chosen: &ChosenDevice) -> Result<Option<DeviceId>, Error> {
        match chosen.find_in(self.devices().await?) {
            Found::Several => Err(Error::Restricted(Restriction::SeveralDevices)),
            Found::Nowhere => Ok(None),
            Found::ById(device) | Found::ByName(device) => match &device.id {
                Some(id) if !device.is_restricted => Ok(Some(id.clone())),
                _ => Err(Error::Restricted(Restriction::Device)),
            },
        }
    }

    /// Transfers playback to the device after the active one in the current list.
    async fn next_device(&mut self) -> Result<(), Error> {
        let devices = self.devices().await?;
        let id = device::next(devices, None).and_then(|next| next.id.clone());
        let error = if devices.iter().any(|device| device.is_active) {
            Error::Restricted(Restriction::NoOtherDevice)
        } else {
            Error::NoActiveDevice
        };
        match id {
            Some(id) => self.spotify.transfer(&id, None).await,
            None => Err(error),
        }
    }

    /// Wakes a device and makes the call there.
    async fn wake(&mut self, call: &Call, id: &DeviceId) -> Result<(), Error> {
        tracing::info!("no device is active; waking one");
        let plays = *call == Call::Play;
        self.spotify.transfer(id, Some(plays)).await?;
        if plays {
            return self.ensure_playing(call, Some(id), true).await;
        }
        if call.starts_playback() {
            return self.ensure_playing(call, Some(id), false).await;
        }
        for _ in 0..WAKE_TRIES {
            match self.attempt(call, Some(id)).await {
                Err(Error::NoActiveDevice) => tokio::time::sleep(WAKE_PAUSE).await,
                other => return other,
            }
        }
        Err(Error::NoActiveDevice)
    }

    /// Waits until something plays; if nothing does, repeats the call once, then plays the user's last played track. `called`:
    /// whether the call was made already.
    async fn ensure_playing(&mut self, call: &Call, id: Option<&DeviceId>, mut called: bool) -> Result<(), Error> {
        let mut silent = 0;
        let mut called_again = false;
        let mut awake = false;
        for _ in 0..WAKE_TRIES {
            if called_again && silent == SILENT_CHECKS {
                // Only a resumed device can be given something else.
                if *call != Call::Play || !self.play_last_played(id).await {
                    break;
                }
                silent += 1;
            } else if !called || silent == SILENT_CHECKS {
                if called {
                    (called_again, silent) = (true, 0);
                }
                match self.attempt(call, id).await {
                    Ok(()) => called = true,
                    Err(Error::NoActiveDevice) => {}
                    // It may have started meanwhile; the next check shows.
                    Err(Error::Restricted(_)) if called => {}
                    Err(error) => return Err(error),
                }
            }
            tokio::time::sleep(WAKE_PAUSE).await;
            let asked_at = self.clock.now().instant;
            let playback = match self.spotify.player().await {
                Ok(playback) => playback,
                Err(Error::NoActiveDevice) => None,
                // The call was made; the next poll shows its effect.
                Err(_) => return Ok(()),
            };
            let playing = playback.as_ref().is_some_and(|playback| playback.is_playing);
            awake |= playback.is_some();
            silent += u32::from(called && playback.is_some() && !playing);
            self.playback = Some((asked_at, playback));
            if playing {
                return Ok(());
            }
        }
        Err(if awake { Error::Restricted(Restriction::StaysSilent) } else { Error::NoActiveDevice })
    }

    /// Plays the user's last played track. Returns false if Spotify doesn't report one (as to logins from before that
    /// permission was requested) or doesn't play it.
    async fn play_last_played(&self, id: Option<&DeviceId>) -> bool {
        let last = match self.spotify.last_played().await {
            Ok(last) => last,
            Err(error) => {
                tracing::info!(%error, "could not read the last played track");
                return false;
            }
        };
        let Some(Played { track: Some(Item { uri: Some(track), .. }), context }) = last else { return false };
        let context = context.and_then(|context| context.uri);
        // Spotify accepts an offset only in these contexts.
        let played = match context.filter(|context| matches!(context.kind(), UriKind::Album | UriKind::Playlist)) {
            Some(context) => self.spotify.play_from(&context, &track, id).await,
            None => Err(Error::Restricted(Restriction::NotPlayable)),
        };
        // The playlist may have been deleted, or no longer contain the track.
        played.is_ok() || self.spotify.play_all(std::slice::from_ref(&track), id).await.is_ok()
    }

    /// Reads the newest Liked Songs, up to [`MOST_LIKED`].
    async fn liked(&self) -> Result<Vec<Uri>, Error> {
        let mut uris = Vec::new();
        let mut offset = 0_u32;
        while uris.len() < MOST_LIKED {
            let page = self.spotify.liked(offset).await?;
            // Unusable entries count, too.
            let places = u32::try_from(page.items.len()).unwrap_or(u32::MAX);
            offset = offset.saturating_add(places);
            uris.extend(page.items.into_iter().flatten().filter_map(|song| song.uri));
            if places == 0 || offset >= page.total || offset >= MOST_LIKED_PLACES {
                break;
            }
        }
        uris.truncate(MOST_LIKED);
        Ok(uris)
    }

    /// Makes the call once, on a device; `None` for the active one.
    async fn attempt(&mut self, call: &Call, device: Option<&DeviceId>) -> Result<(), Error> {
        let spotify = &self.spotify;
        match call {
            Call::Play => spotify.play(device).await,
            Call::Pause => spotify.pause(device).await,
            Call::Next => spotify.next(device).await,
            Call::Previous => spotify.previous(device).await,
            Call::Volume(percent) => spotify.volume(*percent, device).await,
            Call::Seek(position) => spotify.seek(millis(*position), device).await,
            Call::Shuffle(on) => spotify.shuffle(*on, device).await,
            Call::Repeat(repeat) => spotify.repeat(*repeat, device).await,
            Call::Save { uri, saved } => spotify.save(uri, *saved).await,
            Call::PlayUri(uri) => spotify.play_uri(uri, device).await,
            Call::PlayLiked { user } => {
                if let Some(user) = user.as_deref().filter(|_| !self.liked_as_list) {
                    match spotify.play_liked_context(user, device).await {
                        Err(Error::Unexpected(_) | Error::NotShared | Error::Restricted(Restriction::Other)) => {
                            self.liked_as_list = true;
                        }
                        other => return other,
                    }
                }
                let uris = self.liked().await?;
                if uris.is_empty() {
                    return Err(Error::Restricted(Restriction::NothingLiked));
                }
                self.spotify.play_all(&uris, device).await
            }
            Call::AddToPlaylist { playlist, uri } => spotify.add_to_playlist(playlist, uri).await,
            Call::RemoveFromPlaylist { playlist, uri } => spotify.remove_from_playlist(playlist, uri).await,
            Call::Enqueue(uri) => spotify.enqueue(uri, device).await,
            Call::Transfer { device, play } => spotify.transfer(&device.id, *play).await,
            // `send` handles it.
            Call::NextDevice => Err(Error::NoActiveDevice),
        }
    }
}
