//! Commands that wait for an answer, because their effect depends on what plays.
//!
//! What is known of that may be some seconds old, and another device may have taken over meanwhile. So Spotify is asked before
//! what plays is removed, added, queued or liked, unless its last answer is no older than a second. Then:
//!
//! | what plays according to the answer | effect |
//! |---|---|
//! | what the keys showed at the press (for Remove: from the same playlist) | what was pressed |
//! | something else, since at least a second before the press, so that the user heard it | it is removed, added or queued, and named on the key |
//! | the same, but Like was pressed, and its heart belonged to another item | nothing, and the key reports it |
//! | something else, since later, or since an unknown moment | nothing, and the key reports it |
//!
//! Later commands that change what plays wait behind such a command.

use std::time::Duration;

use tokio::time::Instant;

use super::command::{Command, Verb};
use super::state::Snapshot;
use crate::spotify::Uri;

/// For how long what is known of what plays is certain.
pub(super) const CERTAIN_FOR: Duration = Duration::from_secs(1);
/// An item that has played for this long before a press was audible, so that the press can refer to it.
const AUDIBLE_AFTER: Duration = Duration::from_secs(1);
/// A command that has waited for longer isn't carried out any more.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// After this its key doesn't report that either.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

impl Verb {
    /// Whether it does something with the current item that another press doesn't undo.
    pub(super) fn is_about_current_item(&self) -> bool {
        matches!(
            self,
            Self::RemoveFromPlaylist | Self::AddToPlaylist(_) | Self::ToggleSaved(None) | Self::Enqueue(None)
        )
    }

    /// Whether its order among commands about the current item matters.
    pub(super) fn depends_on_item(&self) -> bool {
        self.is_about_current_item() || matches!(self, Self::Next | Self::Previous | Self::Start(_))
    }
}

/// What keys showed at a press.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    item: Option<Uri>,
    playlist: Option<Uri>,
}

impl Seen {
    pub fn of(known: Option<&Snapshot>) -> Self {
        known
            .map_or_else(Self::default, |known| Self { item: known.now.uri().cloned(), playlist: known.now.playlist() })
    }
}

/// A command that waits.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub command: Command,
    /// When it was pressed.
    pub at: Instant,
    /// What keys showed then; `None` if nothing was known.
    pub seen: Option<Seen>,
    /// The id of the change that is shown already.
    pub shown: Option<u64>,
}

impl Pending {
    /// Whether the press can refer to what plays according to an answer from after it.
    pub fn refers_to(&self, known: Option<&Snapshot>) -> bool {
        let (Some(seen), Some(known)) = (&self.seen, known) else { return true };
        let now = &known.now;
        let verb = &self.command.verb;
        let same_playlist = *verb != Verb::RemoveFromPlaylist || seen.playlist == now.playlist();
        if seen.item.as_ref() == now.uri() && same_playlist {
            return true;
        }
        // That is, it began `AUDIBLE_AFTER` before the press.
        let was_audible =
            now.playing && !known.position.is_estimate && known.at + AUDIBLE_AFTER <= self.at + now.position;
        was_audible && !matches!(verb, Verb::ToggleSaved(_))
    }

    /// Whether it has waited too long to be carried out.
    pub fn is_too_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) > MAX_WAIT
    }

    /// Whether it has waited for so long that its key doesn't report it.
    pub fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) > FORGOTTEN_AFTER
    }
}
