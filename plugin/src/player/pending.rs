//! Commands that wait for an answer, because their effect depends on the current item.
//!
//! The known state may be some seconds old, and the item may have changed since. So before the current item is removed, added,
//! queued or liked, Spotify is asked, unless its last answer is at most a second old. Then:
//!
//! | current item according to the answer | effect |
//! |---|---|
//! | the one that the keys showed at the press (for Remove: from the same playlist) | the command is carried out |
//! | another one, begun at least a second before the press, so that the user heard it | Remove, Add and Queue are carried out with this item, and the key names it; Like isn't, as the key showed another item's heart |
//! | another one, begun later or at an unknown time | the command is refused |
//!
//! Later commands that change the current item wait behind such a command.

use std::time::Duration;

use tokio::time::Instant;

use super::command::{Command, Verb};
use super::state::Snapshot;
use crate::spotify::Uri;

/// For how long an answer about the current item counts as certain.
pub(super) const CERTAIN_FOR: Duration = Duration::from_secs(1);
/// A press can refer to an item that began at least this long before it, as the user could hear it.
const AUDIBLE_AFTER: Duration = Duration::from_secs(1);
/// A command that has waited longer is refused.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// A command that has waited longer is dropped without a message on its key.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

impl Verb {
    /// Returns whether this acts on the current item in a way that another press doesn't undo.
    pub(super) fn acts_on_current_item(&self) -> bool {
        matches!(
            self,
            Self::RemoveFromPlaylist | Self::AddToPlaylist(_) | Self::ToggleSaved(None) | Self::Enqueue(None)
        )
    }

    /// Returns whether its order among commands about the current item matters.
    pub(super) fn depends_on_item(&self) -> bool {
        self.acts_on_current_item() || matches!(self, Self::Next | Self::Previous | Self::Start(_))
    }
}

/// What the keys showed at the time of a press.
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

/// A command that waits for an answer.
#[derive(Clone, Debug)]
pub(super) struct PendingCommand {
    pub command: Command,
    /// When it was pressed.
    pub at: Instant,
    /// What the keys showed then; `None` if nothing was known.
    pub seen: Option<Seen>,
    /// The id of the change that already shows its effect.
    pub shown: Option<u64>,
}

impl PendingCommand {
    /// Returns whether the press can refer to the current item of a later answer.
    pub fn refers_to(&self, known: Option<&Snapshot>) -> bool {
        let (Some(seen), Some(known)) = (&self.seen, known) else { return true };
        let now = &known.now;
        let verb = &self.command.verb;
        let same_playlist = *verb != Verb::RemoveFromPlaylist || seen.playlist == now.playlist();
        if seen.item.as_ref() == now.uri() && same_playlist {
            return true;
        }
        // It began at least `AUDIBLE_AFTER` before the press.
        let was_audible =
            now.playing && !known.position.is_estimate && known.at + AUDIBLE_AFTER <= self.at + now.position;
        was_audible && !matches!(verb, Verb::ToggleSaved(_))
    }

    /// Returns whether it has waited too long to be carried out.
    pub fn is_too_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) > MAX_WAIT
    }

    /// Returns whether it has waited so long that its key shouldn't report it.
    pub fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) > FORGOTTEN_AFTER
    }
}
