//! The widgets: one file each, and the list of all of them.
//!
//! A widget is a type with settings and pure functions: which command a press sends, and how a state is shown. No widget does
//! I/O or reads a clock: the player it receives is a snapshot of one moment. A new widget is one file here, one line in
//! [`ALL`] and one entry in manifest.json; tests fail if these three, the property view and the documentation disagree.

mod account;
mod add_to_playlist;
mod add_to_queue;
mod device;
mod like;
mod mute;
mod next;
mod now_playing_text;
mod play;
mod play_pause;
mod playing_now;
mod previous;
mod remove_from_playlist;
mod repeat;
mod restart;
mod seek;
mod set_volume;
mod settings;
mod shortcut;
mod shuffle;
mod sleep_timer;
mod up_next;
mod volume_down;
mod volume_step;
mod volume_up;

use host_sdk::package::{InstanceId, Settings};
use serde::de::DeserializeOwned;

use crate::auth::{LimitKind, Link};
use crate::face::{Icon, Key, Notice, Picture, Size, Tone};
use crate::gesture::{Gesture, GestureConfig};
use crate::i18n::UserMessage;
use crate::player::{ChosenDevice, Command, Done, Now, Player, Subscription, Verb, Wait};
use crate::spotify::{Error, PlayingType};

use self::settings::Common;
pub use self::settings::{bounded, with_renewed_device};

/// Every widget.
pub const ALL: [Kind; 22] = [
    Kind::of::<play_pause::PlayPause>(),
    Kind::of::<previous::Previous>(),
    Kind::of::<next::Next>(),
    Kind::of::<volume_up::VolumeUp>(),
    Kind::of::<volume_down::VolumeDown>(),
    Kind::of::<shuffle::Shuffle>(),
    Kind::of::<repeat::Repeat>(),
    Kind::of::<playing_now::PlayingNow>(),
    Kind::of::<account::Account>(),
    Kind::of::<mute::Mute>(),
    Kind::of::<set_volume::SetVolume>(),
    Kind::of::<seek::Seek>(),
    Kind::of::<restart::Restart>(),
    Kind::of::<like::Like>(),
    Kind::of::<play::Play>(),
    Kind::of::<add_to_playlist::AddToPlaylist>(),
    Kind::of::<remove_from_playlist::RemoveFromPlaylist>(),
    Kind::of::<add_to_queue::AddToQueue>(),
    Kind::of::<up_next::UpNext>(),
    Kind::of::<device::Device>(),
    Kind::of::<now_playing_text::NowPlayingText>(),
    Kind::of::<sleep_timer::SleepTimer>(),
];

/// What a widget shows and controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// Playback. While Spotify can't be reached, the key shows the reason instead.
    Playback,
    /// The accounts, whose issues the widget itself shows.
    Accounts,
}

/// A kind of key.
trait Widget: 'static {
    /// Its UUID in manifest.json.
    const UUID: &'static str;
    /// What it shows and controls.
    const SUBJECT: Subject = Subject::Playback;
    /// Whether holding the key repeats the press.
    const REPEATS: bool = false;
    /// The command of a long press, if the user can't choose it.
    const LONG_PRESS: Option<Verb> = None;
    /// Its own settings, in addition to those [common](Common) to all widgets.
    type Settings: Default + DeserializeOwned + Send + Sync;

    /// Returns the command of a press while Spotify is linked. `None` polls Spotify instead.
    fn press(view: &View<'_, Self::Settings>) -> Option<Verb>;

    /// Returns the face while Spotify is linked and reachable.
    fn face(view: &View<'_, Self::Settings>, size: Size) -> Face;

    /// Adds the state that it shows in addition to playback.
    fn subscribe(_settings: &Self::Settings, _common: &Common, _subscription: &mut Subscription) {}
}

/// The input of a widget's functions: one instance, and the player at one moment.
struct View<'a, S> {
    player: &'a Player,
    instance: &'a InstanceId,
    settings: &'a S,
    common: &'a Common,
}

/// The settings of a widget without its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
struct NoSettings {}

/// A widget in the list.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its UUID in manifest.json.
    pub uuid: &'static str,
    new: fn(InstanceId, &Settings) -> Box<dyn WidgetInstance>,
    /// Returns the member names of its settings.
    #[cfg(test)]
    members: fn() -> Vec<&'static str>,
}

impl Kind {
    const fn of<W: Widget>() -> Self {
        Self {
            uuid: W::UUID,
            new: |id, settings| Box::new(Instance::<W>::new(id, settings)),
            #[cfg(test)]
            members: tests::members::<W::Settings>,
        }
    }

    /// Creates an instance of it.
    #[must_use]
    pub fn instance(&self, id: InstanceId, settings: &Settings) -> Box<dyn WidgetInstance> {
        (self.new)(id, settings)
    }

    /// Returns the member names of its settings.
    #[cfg(test)]
    fn members(&self) -> Vec<&'static str> {
        (self.members)()
    }
}

/// Returns the widget with a UUID.
#[must_use]
pub fn by_uuid(uuid: &str) -> Option<&'static Kind> {
    const { &ALL }.iter().find(|kind| kind.uuid == uuid)
}

/// A widget on a key, with the user's settings.
pub trait WidgetInstance: Send + Sync {
    /// Replaces the settings.
    fn set_settings(&mut self, settings: &Settings);
    /// Returns which gestures the key distinguishes.
    fn gesture_config(&self) -> GestureConfig;
    /// Adds the state that it shows.
    fn subscribe(&self, subscription: &mut Subscription);
    /// Returns the request of a gesture.
    fn on_gesture(&self, gesture: Gesture, player: &Player) -> Option<Request>;
    /// Returns its face.
    fn face(&self, player: &Player, size: Size) -> Face;
}

/// What an instance shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Face {
    /// The picture.
    pub picture: Picture,
    /// The state to switch to, for widgets with several states.
    pub state: Option<u32>,
    /// The picture in words.
    pub description: String,
}

/// What a gesture requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A command to the player.
    Command(Command),
    /// Opening the settings page: Spotify isn't linked, or its Client ID or secret is wrong.
    OpenSettings,
    /// Signing in again with the account whose sign-in has ended.
    SignIn,
    /// Switching to another account.
    SwitchAccount,
    /// Opening a page in the user's browser, or in Spotify's app.
    OpenUrl(String),
    /// Polling Spotify now, because the shown state is old.
    Refresh,
}

/// An instance of a widget.
struct Instance<W: Widget> {
    id: InstanceId,
    settings: W::Settings,
    common: Common,
}

impl<W: Widget> Instance<W> {
    fn new(id: InstanceId, settings: &Settings) -> Self {
        Self { id, settings: settings::read(settings), common: settings::read(settings) }
    }

    fn view<'a>(&'a self, player: &'a Player) -> View<'a, W::Settings> {
        View { player, instance: &self.id, settings: &self.settings, common: &self.common }
    }

    fn command(&self, verb: Verb) -> Request {
        Request::Command(Command { instance: self.id.clone(), verb, device: self.common.device.clone() })
    }

    fn press(&self, player: &Player) -> Option<Request> {
        match player.link {
            Link::Linked => {}
            Link::NotLinked | Link::InvalidCredentials => return Some(Request::OpenSettings),
            Link::SignInAgain => return Some(Request::SignIn),
            // The browser or the keyring is already waiting for the user.
            Link::Loading | Link::KeyringWaiting | Link::Linking => return None,
        }
        if W::SUBJECT == Subject::Accounts {
            return Some(Request::SwitchAccount);
        }
        Some(W::press(&self.view(player)).map_or(Request::Refresh, |verb| self.command(verb)))
    }
}

impl<W: Widget> WidgetInstance for Instance<W> {
    fn set_settings(&mut self, settings: &Settings) {
        (self.settings, self.common) = (settings::read(settings), settings::read(settings));
    }

    fn gesture_config(&self) -> GestureConfig {
        let long = W::LONG_PRESS.is_some() || self.common.long_press.is_some();
        let double = self.common.double_press.is_some();
        match W::SUBJECT {
            Subject::Playback => GestureConfig { long, double: double && !W::REPEATS, repeats: W::REPEATS && !long },
            Subject::Accounts => GestureConfig::default(),
        }
    }

    fn subscribe(&self, subscription: &mut Subscription) {
        W::subscribe(&self.settings, &self.common, subscription);
        self.common.shortcuts().for_each(|shortcut| shortcut.subscribe(subscription));
    }

    fn on_gesture(&self, gesture: Gesture, player: &Player) -> Option<Request> {
        if let (Gesture::Long, Link::Linked, Some(verb)) = (gesture, player.link, W::LONG_PRESS) {
            return Some(self.command(verb));
        }
        let shortcut = match gesture {
            Gesture::Press => None,
            Gesture::Long => self.common.long_press,
            Gesture::Double => self.common.double_press,
        };
        match (player.link, shortcut) {
            (Link::Linked, Some(shortcut)) => shortcut.request(player, |verb| self.command(verb)),
            _ => self.press(player),
        }
    }

    fn face(&self, player: &Player, size: Size) -> Face {
        if let Some(message) = player.link.user_message() {
            return notice(Icon::Link, message.key());
        }
        if W::SUBJECT == Subject::Accounts {
            return W::face(&self.view(player), size);
        }
        // First of all, because no key has an effect until the wait is over.
        if let Some(wait) = player.wait {
            return wait_face(wait);
        }
        if let Some(error) = player.refusal(&self.id) {
            return error_face(error);
        }
        match &player.last_error {
            // Retrying is pointless until the user acts.
            Some(error) if !error.is_transient() => error_face(error),
            Some(error) if player.now.is_none() => error_face(error),
            _ => W::face(&self.view(player), size),
        }
    }
}

impl<S> View<'_, S> {
    /// Returns the device that the user has chosen; `None` stands for the active device.
    fn device(&self) -> Option<&ChosenDevice> {
        self.common.device.as_ref()
    }

    /// Returns the last press of this instance, if it has just succeeded and its effect is visible nowhere else.
    fn done(&self) -> Option<&Done> {
        self.player.done(self.instance)
    }

    /// Returns a key with an icon and a label.
    fn key(&self, icon: Icon, label: &str, tone: Tone) -> Face {
        let key = Key { icon, label: label.to_owned(), note: None, tone, meter: None, dimmed: self.player.stale };
        Face { picture: Picture::Key(key), state: None, description: label.to_owned() }
    }

    /// Returns the tone of a key that sends a command: grey if the command would have no effect.
    fn tone(&self, verb: &Verb) -> Tone {
        match self.player.obstacle(verb, self.device()) {
            Some(_) => Tone::Disabled,
            None => Tone::Normal,
        }
    }

    /// Returns the tone of a key that sends a command about the current item: grey also without one.
    fn tone_while_playing(&self, verb: &Verb) -> Tone {
        if self.nothing_plays() { Tone::Disabled } else { self.tone(verb) }
    }

    fn nothing_plays(&self) -> bool {
        self.player.now.as_ref().is_none_or(|now| now.track.is_none())
    }

    /// Returns the volume of the key's device.
    fn volume(&self, verb: &Verb) -> KeyVolume {
        if self.player.obstacle(verb, self.device()) == Some(Error::VolumeNotAllowed) {
            return KeyVolume::Fixed;
        }
        match self.player.volume(self.device()).percent {
            Some(percent) => KeyVolume::Percent(percent),
            None if self.device().is_none() && self.player.now.is_none() => KeyVolume::NoDevice,
            None => KeyVolume::Unknown,
        }
    }

    /// Returns the face of Volume Up and Volume Down.
    fn volume_face(&self, verb: &Verb, icon: Icon, label: &str) -> Face {
        let tone = self.tone(verb);
        match self.volume(verb) {
            KeyVolume::Fixed => self.key(icon, "Volume is fixed", Tone::Disabled),
            KeyVolume::NoDevice => self.key(icon, label, Tone::Disabled),
            KeyVolume::Unknown => self.key(icon, label, tone),
            KeyVolume::Percent(percent) => {
                let mut face = self.key(icon, &format!("{percent} %"), tone).with_meter(Some(percent));
                face.description = format!("{label}: {percent} %");
                face
            }
        }
    }
}

/// The volume of a device, as a key shows it.
enum KeyVolume {
    /// The device's volume can't be set: a press shows the reason.
    Fixed,
    /// The volume is known.
    Percent(u8),
    /// The device doesn't report its volume, or isn't known yet.
    Unknown,
    /// There is no device.
    NoDevice,
}

/// Returns the face for an error.
fn error_face(error: &Error) -> Face {
    let icon = match error {
        Error::Offline | Error::SpotifyDown(_) => Icon::Offline,
        Error::RateLimited { .. } => Icon::Clock,
        Error::NoActiveDevice => Icon::Speaker,
        Error::Account(_) => Icon::Link,
        _ => Icon::Warning,
    };
    notice(icon, error.user_message().key())
}

/// Returns the face for a message that doesn't come from the player.
#[must_use]
pub fn notice_face(message: &UserMessage) -> Face {
    notice(Icon::Warning, message.key())
}

/// Returns the face that shows how long nothing may be sent to Spotify.
fn wait_face(wait: Wait) -> Face {
    let left = time_left(wait);
    notice(
        Icon::Clock,
        &match wait.kind {
            LimitKind::Throttle => format!("Spotify asks to wait {left}"),
            LimitKind::Quota => format!("Quota used up, back in {left}"),
        },
    )
}

/// Formats the rest of a wait: `0:42`, `59:59`, `13 h 52 min`.
fn time_left(wait: Wait) -> String {
    let minutes = wait.seconds / 60;
    if wait.seconds > 3_600 {
        format!("{} h {} min", minutes / 60, minutes % 60)
    } else {
        format!("{minutes}:{:02}", wait.seconds % 60)
    }
}

fn notice(icon: Icon, text: &str) -> Face {
    Face { picture: Picture::Notice(Notice { icon, text: text.to_owned() }), state: None, description: text.to_owned() }
}

impl Face {
    fn in_state(mut self, state: u32) -> Self {
        self.state = Some(state);
        self
    }

    fn with_note(mut self, note: &str) -> Self {
        if let Picture::Key(key) = &mut self.picture {
            key.note = Some(note.to_owned());
            self.description = format!("{}: {note}", self.description);
        }
        self
    }

    /// Adds the title of the item that a command was about.
    fn with_title_of(self, done: &Done) -> Self {
        match done.title.as_deref().filter(|title| !title.is_empty()) {
            Some(title) => self.with_note(title),
            None => self,
        }
    }

    fn with_meter(mut self, percent: Option<u8>) -> Self {
        if let Picture::Key(key) = &mut self.picture {
            key.meter = percent;
        }
        self
    }
}

/// Highlights a key for something that is on, unless the key is disabled.
fn highlight(tone: Tone, on: bool) -> Tone {
    if on && tone == Tone::Normal { Tone::Active } else { tone }
}

/// Returns title and byline of the current item.
fn title_and_byline(now: &Now) -> (String, String) {
    match (&now.track, now.kind) {
        (Some(track), _) => (track.title.clone(), track.byline.clone()),
        (None, PlayingType::Ad) => ("Advertisement".to_owned(), now.device.name.clone()),
        (None, _) if now.device.is_private_session => ("Private session".to_owned(), now.device.name.clone()),
        (None, _) => ("Unknown title".to_owned(), now.device.name.clone()),
    }
}

#[cfg(test)]
mod tests;
