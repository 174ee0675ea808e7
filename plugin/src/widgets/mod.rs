//! The widgets: a file each, and the one list of them.
//!
//! A widget is two pure functions: what a press asks for, and what a state looks like. Neither has I/O nor a clock: the
//! player that they are given is a snapshot of one moment. A new widget is one file here, one line in [`ALL`] and one
//! entry in manifest.json; a test fails when the three disagree.

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
mod shuffle;
mod up_next;
mod volume_down;
mod volume_up;

use host_sdk::package::Settings;
use serde::Deserialize;
use serde_json::Value;

use crate::auth::{LimitKind, Link, UserMessage};
use crate::face::{Icon, Key, Notice, Picture, Scroll, Size, Tone};
use crate::gesture::{Gesture, Means};
use crate::player::{ChosenDevice, Command, Done, Found, Interest, Now, Player, Verb, Wait};
use crate::spotify::{Device, Error, PlayingType, Uri, UriKind};

/// Every widget.
pub const ALL: [Widget; 21] = [
    play_pause::WIDGET,
    previous::WIDGET,
    next::WIDGET,
    volume_up::WIDGET,
    volume_down::WIDGET,
    shuffle::WIDGET,
    repeat::WIDGET,
    playing_now::WIDGET,
    account::WIDGET,
    mute::WIDGET,
    set_volume::WIDGET,
    seek::WIDGET,
    restart::WIDGET,
    like::WIDGET,
    play::WIDGET,
    add_to_playlist::WIDGET,
    remove_from_playlist::WIDGET,
    add_to_queue::WIDGET,
    up_next::WIDGET,
    device::WIDGET,
    now_playing_text::WIDGET,
];

/// A kind of key.
#[derive(Clone, Copy, Debug)]
pub struct Widget {
    /// Its UUID in manifest.json.
    pub uuid: &'static str,
    /// What it is about.
    about: About,
    /// What a press asks the player for, once Spotify is linked.
    press: fn(&Player, &Settings) -> Option<Verb>,
    /// What else of Spotify's state it shows.
    looks_at: fn(&Settings, &mut Interest),
    /// Whether holding the key presses it again and again.
    repeats: bool,
    /// Which commands of the player are this widget's, to show why one had no effect.
    owns: fn(&Verb, &Settings) -> bool,
    /// What it looks like while Spotify is linked and known.
    face: fn(&Player, &Settings, Size) -> Face,
}

/// What a widget is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// What plays: while Spotify can't be reached it says why.
    Playback,
    /// The accounts: it has its own words for their troubles.
    Accounts,
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

/// The widget with a UUID.
#[must_use]
pub fn by_uuid(uuid: &str) -> Option<&'static Widget> {
    const { &ALL }.iter().find(|widget| widget.uuid == uuid)
}

/// Bytes of a text in an instance's settings that count: more than a sensible template, name or address has. Settings are
/// read for every picture.
const LONGEST_SETTING: usize = 4096;

/// An instance's settings with their texts cut to a length that is read quickly.
#[must_use]
pub fn bounded(mut settings: Settings) -> Settings {
    settings.values_mut().for_each(shorten);
    settings
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) => text.truncate(text.floor_char_boundary(LONGEST_SETTING)),
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(members) => members.values_mut().for_each(shorten),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Widget {
    /// A widget that does and shows nothing: what the others start from.
    const BLANK: Self = Self {
        uuid: "",
        about: About::Playback,
        press: |_, _| None,
        looks_at: |_, _| {},
        repeats: false,
        owns: |_, _| false,
        face: |player, _, _| key(player, Icon::Music, "", Tone::Disabled),
    };

    /// What a key of this widget can mean beside a press.
    #[must_use]
    pub fn means(&self, settings: &Settings) -> Means {
        let (long, double) = (extra(settings, LONG_PRESS).is_some(), extra(settings, DOUBLE_PRESS).is_some());
        match self.about {
            About::Playback => Means { long, double: double && !self.repeats, repeats: self.repeats && !long },
            About::Accounts => Means::default(),
        }
    }

    /// Adds what an instance looks at.
    pub fn looks_at(&self, settings: &Settings, interest: &mut Interest) {
        (self.looks_at)(settings, interest);
        for extra in [LONG_PRESS, DOUBLE_PRESS].into_iter().filter_map(|name| extra(settings, name)) {
            match extra {
                Extra::Like => interest.saved_now = true,
                Extra::NextDevice => interest.devices = true,
                _ => {}
            }
        }
    }

    /// What a gesture asks for.
    #[must_use]
    pub fn act(&self, gesture: Gesture, player: &Player, settings: &Settings) -> Option<Request> {
        let name = match gesture {
            Gesture::Press => return self.press(player, settings),
            Gesture::Long => LONG_PRESS,
            Gesture::Double => DOUBLE_PRESS,
        };
        match (player.link, extra(settings, name)) {
            (Link::Linked, Some(extra)) => extra.request(player, settings),
            _ => self.press(player, settings),
        }
    }

    /// What a press asks for.
    #[must_use]
    pub fn press(&self, player: &Player, settings: &Settings) -> Option<Request> {
        match player.link {
            Link::Linked => {}
            Link::NotLinked | Link::InvalidCredentials => return Some(Request::OpenSettings),
            Link::SignInAgain => return Some(Request::SignIn),
            // The browser or the keyring waits for the user already.
            Link::Loading | Link::KeyringWaiting | Link::Linking => return None,
        }
        if self.about == About::Accounts {
            return Some(Request::SwitchAccount);
        }
        match (self.press)(player, settings) {
            Some(verb) => Some(Request::Command(Command { verb, device: device(settings) })),
            None => Some(Request::Refresh),
        }
    }

    /// What an instance looks like.
    #[must_use]
    pub fn face(&self, player: &Player, settings: &Settings, size: Size) -> Face {
        if let Some(message) = player.link.user_message() {
            return notice(Icon::Link, message.key());
        }
        if self.about == About::Accounts {
            return (self.face)(player, settings, size);
        }
        // Before anything else: no key does anything until it is over.
        if let Some(wait) = player.wait {
            return waiting(wait);
        }
        if let Some(error) = player.refusal(|verb| (self.owns)(verb, settings) || besides(verb, settings)) {
            return refused(error);
        }
        match &player.problem {
            // Asking again won't help until the user has done something.
            Some(error) if !error.passes() => refused(error),
            Some(error) if player.now.is_none() => refused(error),
            _ => (self.face)(player, settings, size),
        }
    }
}

/// Says what is in the way.
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

/// Says what is in the way of something that isn't the player's.
#[must_use]
pub fn says(message: &UserMessage) -> Face {
    notice(Icon::Warning, message.key())
}

/// Says how long Spotify wants to be left alone.
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

/// A key with an icon and a word.
fn key(player: &Player, icon: Icon, label: &str, tone: Tone) -> Face {
    Face {
        picture: Picture::Key(Key {
            icon,
            label: label.to_owned(),
            note: None,
            tone,
            meter: None,
            dimmed: player.stale,
        }),
        state: None,
        description: label.to_owned(),
    }
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

/// How a key stands out whose press asks for this: grey where it would have no effect.
fn tone(player: &Player, verb: &Verb, settings: &Settings) -> Tone {
    match player.obstacle(verb, device(settings).as_ref()) {
        Some(_) => Tone::Disabled,
        None => Tone::Normal,
    }
}

/// The same for what is about something that plays.
fn tone_while_playing(player: &Player, verb: &Verb, settings: &Settings) -> Tone {
    if nothing_playing(player.now.as_ref()) { Tone::Disabled } else { tone(player, verb, settings) }
}

/// The tone of something that is on, where a press would have an effect.
fn lit(tone: Tone, on: bool) -> Tone {
    if on && tone == Tone::Normal { Tone::Active } else { tone }
}

fn nothing_playing(now: Option<&Now>) -> bool {
    now.is_none_or(|now| now.track.is_none())
}

/// The members of an instance's settings that give a long and a double press a meaning.
const LONG_PRESS: &str = "longPress";
const DOUBLE_PRESS: &str = "doublePress";

/// What a long or a double press can mean, whatever the widget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Extra {
    PlayPause,
    Next,
    Previous,
    Like,
    Mute,
    Restart,
    Shuffle,
    NextDevice,
    Open,
    SwitchAccount,
}

impl Extra {
    /// What it asks the player for; None for what isn't the player's.
    fn verb(self) -> Option<Verb> {
        Some(match self {
            Self::PlayPause => Verb::TogglePlay,
            Self::Next => Verb::Next,
            Self::Previous => Verb::Previous,
            Self::Like => Verb::ToggleSaved(None),
            Self::Mute => Verb::ToggleMute,
            Self::Restart => Verb::Restart,
            Self::Shuffle => Verb::ToggleShuffle,
            Self::NextDevice => Verb::NextDevice,
            Self::Open | Self::SwitchAccount => return None,
        })
    }

    fn request(self, player: &Player, settings: &Settings) -> Option<Request> {
        match self {
            Self::Open => {
                let now = player.now.as_ref()?;
                let uris = now.uri().into_iter().chain(&now.context);
                uris.filter_map(Uri::link).next().map(Request::OpenUrl)
            }
            Self::SwitchAccount => Some(Request::SwitchAccount),
            _ => self.verb().map(|verb| Request::Command(Command { verb, device: device(settings) })),
        }
    }
}

/// Whether a long or a double press of an instance asks for this.
fn besides(verb: &Verb, settings: &Settings) -> bool {
    let extras = [LONG_PRESS, DOUBLE_PRESS].into_iter().filter_map(|name| extra(settings, name));
    extras.filter_map(Extra::verb).any(|asked| asked == *verb)
}

/// What the user has chosen for a long or a double press of an instance.
fn extra(settings: &Settings, name: &str) -> Option<Extra> {
    Extra::deserialize(settings.get(name)?).ok()
}

/// Something of Spotify's that the user has chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Chosen {
    uri: Uri,
    name: String,
    image: Option<String>,
}

/// What the user has chosen under this name, if it is of one of these kinds. `None` for nothing, or for what can't be
/// understood: the widget then does what it does by default.
fn chosen(settings: &Settings, name: &str, kinds: &[UriKind]) -> Option<Chosen> {
    let chosen = settings.get(name)?;
    let member = |name: &str| chosen.get(name).and_then(Value::as_str);
    let uri = Uri::parse(member("uri")?).filter(|uri| kinds.contains(&uri.kind()))?;
    Some(Chosen { uri, name: member("name").unwrap_or_default().to_owned(), image: member("image").map(str::to_owned) })
}

/// A whole number of the settings, within its bounds.
fn number(settings: &Settings, name: &str, bounds: std::ops::RangeInclusive<i64>, usual: i64) -> i64 {
    let value = settings.get(name);
    let value = value.and_then(|value| value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()));
    value.unwrap_or(usual).clamp(*bounds.start(), *bounds.end())
}

/// A word of the settings.
fn word<'a>(settings: &'a Settings, name: &str) -> &'a str {
    settings.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The longest id of a device, in characters. Spotify's have 40.
const MAX_DEVICE_ID: usize = 256;
/// The member of an instance's settings that holds its device.
const DEVICE: &str = "device";

/// The device that the user has chosen for an instance; without one the active device is meant.
fn device(settings: &Settings) -> Option<ChosenDevice> {
    let device = settings.get(DEVICE)?;
    let member = |name: &str| device.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let chosen = ChosenDevice { id: member("id"), name: member("name"), kind: member("type") };
    // Spotify's have letters, digits and a few signs; nothing else is sent there as the name of a device.
    let sound = |character: char| character.is_ascii_alphanumeric() || "-_.:".contains(character);
    let is_sound = |id: &str| (1..=MAX_DEVICE_ID).contains(&id.len()) && id.chars().all(sound);
    Some(chosen).filter(|chosen| is_sound(&chosen.id))
}

/// The settings of an instance with the id that its device has now, if that is another one.
#[must_use]
pub fn with_renewed_device(settings: &Settings, devices: &[Device]) -> Option<Settings> {
    let Found::ByName(Device { id: Some(id), .. }) = device(settings)?.find_in(devices) else { return None };
    let mut settings = settings.clone();
    settings.get_mut(DEVICE)?.as_object_mut()?.insert("id".to_owned(), Value::from(id.as_str()));
    Some(settings)
}

/// The volume step in percent that the user has chosen for an instance: 1 to 25, 5 by default.
fn step(settings: &Settings) -> i8 {
    i8::try_from(number(settings, "step", 1..=25, 5)).unwrap_or(5)
}

/// How fast the user wants long lines to scroll.
fn scroll(settings: &Settings) -> Scroll {
    match word(settings, "scroll") {
        "off" => Scroll::Off,
        "slow" => Scroll::Slow,
        "fast" => Scroll::Fast,
        _ => Scroll::Normal,
    }
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

/// The volume of the device that a key is for, as the key shows it.
enum Loudness {
    /// Its device is known to have none that can be set: a press says so.
    Fixed,
    /// It is known.
    Percent(u8),
    /// The device has one and doesn't tell it, or isn't known yet.
    Unknown,
    /// There is no device.
    Nowhere,
}

fn loudness(player: &Player, verb: &Verb, settings: &Settings) -> Loudness {
    let device = device(settings);
    if player.obstacle(verb, device.as_ref()) == Some(Error::VolumeNotAllowed) {
        return Loudness::Fixed;
    }
    match player.volume(device.as_ref()).percent {
        Some(percent) => Loudness::Percent(percent),
        None if device.is_none() && player.now.is_none() => Loudness::Nowhere,
        None => Loudness::Unknown,
    }
}

/// A chosen device's volume comes with the list of devices.
fn looks_at_volume(settings: &Settings, interest: &mut Interest) {
    interest.devices |= device(settings).is_some();
}

/// The face of the two volume widgets.
fn volume_face(player: &Player, settings: &Settings, verb: &Verb, icon: Icon, word: &str) -> Face {
    let tone = tone(player, verb, settings);
    match loudness(player, verb, settings) {
        Loudness::Fixed => key(player, icon, "Volume is fixed", Tone::Disabled),
        Loudness::Nowhere => key(player, icon, word, Tone::Disabled),
        Loudness::Unknown => key(player, icon, word, tone),
        Loudness::Percent(percent) => {
            let mut face = key(player, icon, &format!("{percent} %"), tone).with_meter(Some(percent));
            face.description = format!("{word}: {percent} %");
            face
        }
    }
}

#[cfg(test)]
mod tests;
