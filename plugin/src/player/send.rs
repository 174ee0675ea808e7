//! How a call reaches Spotify: on the device that is meant, under the id that it has now, and awake.
//!
//! Where Spotify answers that it plays nowhere, or doesn't know the device, the devices are asked for: a chosen device may have
//! another id by now, and one that sleeps is woken by moving playback to it. Some devices wake up without knowing what they
//! played, or take a while to begin. So where nothing played before, it is looked whether something does, and if not, it is
//! asked for once more, and at last given what the user has played last, on whatever device. Every wait is bounded, and what
//! comes of none is said.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::command::{Call, QueuedCall, Verb};
use super::device::{self, ChosenDevice, Found};
use super::settle::{self, LastPlaying, Outcome};
use crate::clock::{Clock, millis};
use crate::spotify::{Client, Device, DeviceId, Error, Item, Playback, Played, Restriction, Uri, UriKind};

/// How often, and with which pause, a device that was just woken is tried, or looked at: 4 s in all.
const WAKE_TRIES: u32 = 8;
const WAKE_PAUSE: Duration = Duration::from_millis(500);
/// A device that is awake and silent at so many looks is asked once more; where it was to go on with what it doesn't know any
/// more, after as many again it is given what the user has played last.
const SILENT_LOOKS: u32 = 2;

/// So many Liked Songs are played where Spotify doesn't take them as a context: it has refused a list of 850, and each 50 take a
/// call.
const MOST_LIKED: usize = 500;
/// Their list is read no further than this: some entries may have no name.
const MOST_LIKED_PLACES: u32 = 1_000;

/// What came of a call, and what was learnt on the way.
#[derive(Debug)]
pub(super) struct Sent {
    pub result: Result<(), Error>,
    /// The devices, and when they were asked for, if they were.
    pub devices: Option<(Instant, Vec<Device>)>,
    /// What plays, and when it was asked for, if it was.
    pub playback: Option<(Instant, Option<Playback>)>,
    /// Whether Liked Songs weren't taken as a context.
    pub liked_as_list: bool,
}

/// Sends a call. Where Spotify plays nowhere, a device is woken for it: the chosen one, else the last one, else the only
/// one. What became of one whose connection was lost is found out by what played `before`.
pub(super) async fn send(
    spotify: Client,
    clock: Arc<dyn Clock>,
    call: &QueuedCall,
    last: Option<&DeviceId>,
    before: Option<&LastPlaying>,
) -> Sent {
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
    Sent { result, devices, playback, liked_as_list }
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
            // What plays nowhere needs no pause.
            Err(error @ Error::NoActiveDevice) if call.call != Call::Pause || chosen.is_some() => error,
            Ok(()) if call.from_nothing && call.call.starts() => {
                return self.look(&call.call, chosen.map(|device| &device.id), true).await;
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

    /// The devices as they are now.
    async fn devices(&mut self) -> Result<&[Device], Error> {
        let asked_at = self.clock.now().instant;
        let devices = self.spotify.devices().await?;
        Ok(&self.devices.insert((asked_at, devices)).1)
    }

    /// The id that a chosen device has now; `None` where it isn't listed.
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

    /// Moves playback to the device after the active one, as both are listed now.
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

    /// Wakes a device, and makes the call there.
    async fn wake(&mut self, call: &Call, id: &DeviceId) -> Result<(), Error> {
        tracing::info!("Spotify plays nowhere; a device is woken");
        let plays = *call == Call::Play;
        self.spotify.transfer(id, Some(plays)).await?;
        if plays {
            return self.look(call, Some(id), true).await;
        }
        if call.starts() {
            return self.look(call, Some(id), false).await;
        }
        for _ in 0..WAKE_TRIES {
            match self.attempt(call, Some(id)).await {
                Err(Error::NoActiveDevice) => tokio::time::sleep(WAKE_PAUSE).await,
                other => return other,
            }
        }
        Err(Error::NoActiveDevice)
    }

    /// Looks whether something plays by now, and if not, asks for it once more, then for what was played last. `asked`: whether
    /// it has been asked for.
    async fn look(&mut self, call: &Call, id: Option<&DeviceId>, mut asked: bool) -> Result<(), Error> {
        let mut silent = 0;
        let mut asked_again = false;
        let mut awake = false;
        for _ in 0..WAKE_TRIES {
            if asked_again && silent == SILENT_LOOKS {
                // There is nothing else to try.
                if *call != Call::Play || !self.play_last_played(id).await {
                    break;
                }
                silent += 1;
            } else if !asked || silent == SILENT_LOOKS {
                if asked {
                    (asked_again, silent) = (true, 0);
                }
                match self.attempt(call, id).await {
                    Ok(()) => asked = true,
                    Err(Error::NoActiveDevice) => {}
                    // It has begun meanwhile, or will say at the next look what it makes of it.
                    Err(Error::Restricted(_)) if asked => {}
                    Err(error) => return Err(error),
                }
            }
            tokio::time::sleep(WAKE_PAUSE).await;
            let asked_at = self.clock.now().instant;
            let playback = match self.spotify.player().await {
                Ok(playback) => playback,
                Err(Error::NoActiveDevice) => None,
                // It was asked for; how it goes on, the next query will tell.
                Err(_) => return Ok(()),
            };
            let playing = playback.as_ref().is_some_and(|playback| playback.is_playing);
            awake |= playback.is_some();
            silent += u32::from(asked && playback.is_some() && !playing);
            self.playback = Some((asked_at, playback));
            if playing {
                return Ok(());
            }
        }
        Err(if awake { Error::Restricted(Restriction::StaysSilent) } else { Error::NoActiveDevice })
    }

    /// Plays what the user has played last. False where Spotify doesn't tell it, such as to a sign-in from before it was asked
    /// for, or doesn't play it.
    async fn play_last_played(&self, id: Option<&DeviceId>) -> bool {
        let last = match self.spotify.last_played().await {
            Ok(last) => last,
            Err(error) => {
                tracing::info!(%error, "what was played last isn't known");
                return false;
            }
        };
        let Some(Played { track: Some(Item { uri: Some(track), .. }), context }) = last else { return false };
        let context = context.and_then(|context| context.uri);
        // Spotify takes an offset in these alone.
        let played = match context.filter(|context| matches!(context.kind(), UriKind::Album | UriKind::Playlist)) {
            Some(context) => self.spotify.play_from(&context, &track, id).await,
            None => Err(Error::Restricted(Restriction::NotPlayable)),
        };
        // A playlist may be gone, or without the track by now.
        played.is_ok() || self.spotify.play_all(std::slice::from_ref(&track), id).await.is_ok()
    }

    /// The newest Liked Songs, up to [`MOST_LIKED`].
    async fn liked(&self) -> Result<Vec<Uri>, Error> {
        let mut uris = Vec::new();
        let mut offset = 0_u32;
        while uris.len() < MOST_LIKED {
            let page = self.spotify.liked(offset).await?;
            // Also an entry that Spotify doesn't name takes a place.
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

    /// Makes the call once, on a device or on the active one.
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
            // Which one is known only where the devices are.
            Call::NextDevice => Err(Error::NoActiveDevice),
        }
    }
}
