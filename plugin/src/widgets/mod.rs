//! The widgets: a file each, and the one list of them.
//!
//! A widget is a type with its settings and pure functions: what a press asks for, and what a state looks like. None of
//! them has I/O or a clock: the player that they are given is a snapshot of one moment. A new widget is one file here, one
//! line in [`ALL`] and one entry in manifest.json; tests fail when the three, the property view and the documentation
//! disagree.

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

/// What a widget is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// What plays: while Spotify can't be reached it says why.
    Playback,
    /// The accounts: it has its own words for their issues.
    Accounts,
}

/// A kind of key.
trait Widget: 'static {
    /// Its UUID in manifest.json.
    const UUID: &'static str;
    /// What it is about.
    const SUBJECT: Subject = Subject::Playback;
    /// Whether holding the key presses it again and again.
    const REPEATS: bool = false;
    /// What holding the key asks for, where that isn't the user's choice.
    const LONG_PRESS: Option<Verb> = None;
    /// What the user can set besides what is [common](Common) to all.
    type Settings: Default + DeserializeOwned + Send + Sync;

    /// What a press asks the player for, once Spotify is linked. None asks for an answer of Spotify's instead.
    fn press(view: &View<'_, Self::Settings>) -> Option<Verb>;

    /// What it looks like while Spotify is linked and known.
    fn face(view: &View<'_, Self::Settings>, size: Size) -> Face;

    /// Adds what else of Spotify's state it shows.
    fn subscribe(_settings: &Self::Settings, _common: &Common, _subscription: &mut Subscription) {}
}

/// What a widget decides by: one instance, and the player at one moment.
struct View<'a, S> {
    player: &'a Player,
    instance: &'a InstanceId,
    settings: &'a S,
    common: &'a Common,
}

/// The settings of a widget that has none of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
struct NoSettings {}

/// A widget in the list of all.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its UUID in manifest.json.
    pub uuid: &'static str,
    new: fn(InstanceId, &Settings) -> Box<dyn WidgetInstance>,
    /// The members of its settings.
    #[cfg(test)]
    members: fn() -> Vec<&'static str>,
}

impl Kind {
    const fn of<W: Widget>() -> Self {
        Self {
            uuid: W::UUID,
            new: |id, settings| Box::new(Placed::<W>::new(id, settings)),
            #[cfg(test)]
            members: tests::members::<W::Settings>,
        }
    }

    /// An instance of it.
    #[must_use]
    pub fn instance(&self, id: InstanceId, settings: &Settings) -> Box<dyn WidgetInstance> {
        (self.new)(id, settings)
    }

    /// The members of its settings.
    #[cfg(test)]
    fn members(&self) -> Vec<&'static str> {
        (self.members)()
    }
}

/// The widget with a UUID.
#[must_use]
pub fn by_uuid(uuid: &str) -> Option<&'static Kind> {
    const { &ALL }.iter().find(|kind| kind.uuid == uuid)
}

/// A widget on a key, with what the user has set for it.
pub trait WidgetInstance: Send + Sync {
    /// Takes over changed settings.
    fn set_settings(&mut self, settings: &Settings);
    /// What a key of this widget can mean beside a press.
    fn gesture_config(&self) -> GestureConfig;
    /// Adds what it shows of Spotify's state.
    fn subscribe(&self, subscription: &mut Subscription);
    /// What a gesture asks for.
    fn on_gesture(&self, gesture: Gesture, player: &Player) -> Option<Request>;
    /// What it looks like.
    fn face(&self, player: &Player, size: Size) -> Face;
}

/// What an instance shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Face {
    /// The picture.
    pub picture: Picture,
    /// The state to switch to, for widgets with several.
    pub state: Option<u32>,
    /// The picture in words.
    pub description: String,
}

/// What a press asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Something of the player.
    Command(Command),
    /// The settings page: Spotify isn't linked, or not with the right ID and secret.
    OpenSettings,
    /// A new sign-in of the account that had one.
    SignIn,
    /// Another account, by hand.
    SwitchAccount,
    /// A page in the user's browser, or in Spotify's app.
    OpenUrl(String),
    /// An answer from Spotify, now: what is shown is old.
    Refresh,
}

/// An instance of a widget.
struct Placed<W: Widget> {
    id: InstanceId,
    settings: W::Settings,
    common: Common,
}

impl<W: Widget> Placed<W> {
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
            // The browser or the keyring waits for the user already.
            Link::Loading | Link::KeyringWaiting | Link::Linking => return None,
        }
        if W::SUBJECT == Subject::Accounts {
            return Some(Request::SwitchAccount);
        }
        Some(W::press(&self.view(player)).map_or(Request::Refresh, |verb| self.command(verb)))
    }
}

impl<W: Widget> WidgetInstance for Placed<W> {
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
        // Before anything else: no key does anything until it is over.
        if let Some(wait) = player.wait {
            return waiting(wait);
        }
        if let Some(error) = player.refusal(&self.id) {
            return refused(error);
        }
        match &player.problem {
            // Asking again won't help until the user has done something.
            Some(error) if !error.is_transient() => refused(error),
            Some(error) if player.now.is_none() => refused(error),
            _ => W::face(&self.view(player), size),
        }
    }
}

impl<S> View<'_, S> {
    /// The device that the user has chosen; without one the active device is meant.
    fn device(&self) -> Option<&ChosenDevice> {
        self.common.device.as_ref()
    }

    /// The last press of this instance, if it has just worked and its effect shows nowhere else.
    fn done(&self) -> Option<&Done> {
        self.player.done(self.instance)
    }

    /// A key with an icon and a word.
    fn key(&self, icon: Icon, label: &str, tone: Tone) -> Face {
        let key = Key { icon, label: label.to_owned(), note: None, tone, meter: None, dimmed: self.player.stale };
        Face { picture: Picture::Key(key), state: None, description: label.to_owned() }
    }

    /// How a key stands out whose press asks for this: grey where it would have no effect.
    fn tone(&self, verb: &Verb) -> Tone {
        match self.player.obstacle(verb, self.device()) {
            Some(_) => Tone::Disabled,
            None => Tone::Normal,
        }
    }

    /// The same for what is about something that plays.
    fn tone_while_playing(&self, verb: &Verb) -> Tone {
        if self.nothing_plays() { Tone::Disabled } else { self.tone(verb) }
    }

    fn nothing_plays(&self) -> bool {
        self.player.now.as_ref().is_none_or(|now| now.track.is_none())
    }

    /// The volume of the device that a key is for.
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

    /// The face of the two volume widgets.
    fn volume_face(&self, verb: &Verb, icon: Icon, word: &str) -> Face {
        let tone = self.tone(verb);
        match self.volume(verb) {
            KeyVolume::Fixed => self.key(icon, "Volume is fixed", Tone::Disabled),
            KeyVolume::NoDevice => self.key(icon, word, Tone::Disabled),
            KeyVolume::Unknown => self.key(icon, word, tone),
            KeyVolume::Percent(percent) => {
                let mut face = self.key(icon, &format!("{percent} %"), tone).with_meter(Some(percent));
                face.description = format!("{word}: {percent} %");
                face
            }
        }
    }
}

/// The volume of a device, as a key shows it.
enum KeyVolume {
    /// Its device is known to have none that can be set: a press says so.
    Fixed,
    /// It is known.
    Percent(u8),
    /// The device has one and doesn't report it, or isn't known yet.
    Unknown,
    /// There is no device.
    NoDevice,
}

/// Shows what is in the way.
fn refused(error: &Error) -> Face {
    let icon = match error {
        Error::Offline | Error::SpotifyDown(_) => Icon::Offline,
        Error::RateLimited { .. } => Icon::Clock,
        Error::NoActiveDevice => Icon::Speaker,
        Error::Account(_) => Icon::Link,
        _ => Icon::Warning,
    };
    notice(icon, error.user_message().key())
}

/// Shows what is in the way of something that isn't the player's.
#[must_use]
pub fn notice_face(message: &UserMessage) -> Face {
    notice(Icon::Warning, message.key())
}

/// Shows how long nothing may be sent to Spotify.
fn waiting(wait: Wait) -> Face {
    let left = left(wait);
    notice(
        Icon::Clock,
        &match wait.kind {
            LimitKind::Throttle => format!("Spotify asks to wait {left}"),
            LimitKind::Quota => format!("Quota used up, back in {left}"),
        },
    )
}

/// What is left of a wait: `0:42`, `59:59`, `13 h 52 min`.
fn left(wait: Wait) -> String {
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

    /// Names what a command was about.
    fn about(self, done: &Done) -> Self {
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

/// The tone of something that is on, where a press would have an effect.
fn lit(tone: Tone, on: bool) -> Tone {
    if on && tone == Tone::Normal { Tone::Active } else { tone }
}

/// What plays in words: its title, and who made it.
fn words(now: &Now) -> (String, String) {
    match (&now.track, now.kind) {
        (Some(track), _) => (track.title.clone(), track.byline.clone()),
        (None, PlayingType::Ad) => ("Advertisement".to_owned(), now.device.name.clone()),
        (None, _) if now.device.is_private_session => ("Private session".to_owned(), now.device.name.clone()),
        (None, _) => ("Unknown title".to_owned(), now.device.name.clone()),
    }
}

#[cfg(test)]
mod tests;
