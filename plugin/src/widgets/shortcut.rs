//! The actions that the user can assign to a long or a double press of any widget.

use serde::Deserialize;

use super::Request;
use crate::player::{Player, Subscription, Verb};
use crate::spotify::Uri;

/// The action of a long or a double press.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shortcut {
    /// Plays or pauses.
    PlayPause,
    /// Skips to the next item.
    Next,
    /// Goes back to the previous item.
    Previous,
    /// Saves the current item, or removes it from the library.
    Like,
    /// Mutes, or restores the volume.
    Mute,
    /// Plays from the beginning.
    Restart,
    /// Switches shuffle on or off.
    Shuffle,
    /// Moves playback to the next device.
    NextDevice,
    /// Opens the current item in Spotify.
    Open,
    /// Switches to another account.
    SwitchAccount,
}

impl Shortcut {
    /// Returns its player command, or `None` if it isn't one.
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

    /// Adds the state that it depends on.
    pub fn subscribe(self, subscription: &mut Subscription) {
        match self {
            Self::Like => subscription.saved_now = true,
            Self::NextDevice => subscription.devices = true,
            _ => {}
        }
    }

    /// Returns its request. `command` builds a command of the instance.
    pub fn request(self, player: &Player, command: impl Fn(Verb) -> Request) -> Option<Request> {
        match self {
            Self::Open => {
                let now = player.now.as_ref()?;
                let uris = now.uri().into_iter().chain(&now.context);
                uris.filter_map(Uri::link).next().map(Request::OpenUrl)
            }
            Self::SwitchAccount => Some(Request::SwitchAccount),
            _ => self.verb().map(command),
        }
    }
}
