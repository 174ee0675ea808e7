//! Commands that wait for an answer, as what they mean depends on what plays.
//!
//! What is known of that may be some seconds old, and playback may have been moved elsewhere meanwhile. So before what plays
//! is removed, added, queued or liked, Spotify is asked, unless its last answer is no older than a second. Then:
//!
//! | what plays by the answer | what happens |
//! |---|---|
//! | what the keys showed at the press (for Remove: from the same playlist) | what was pressed |
//! | something else, since at least a second before the press: it was heard | it is removed, added or queued, and named on the key |
//! | the same, and Like was pressed: the heart was that of another one | nothing, and the key says so |
//! | something else, since later, or since an unknown moment | nothing, and the key says so |
//!
//! What is pressed after such a command and changes what plays waits behind it.

use super::command::{Command, Verb};
use super::state::Known;
use crate::spotify::Uri;

/// What is known of what plays is sure for so long.
pub(super) const SURE_MS: u64 = 1_000;
/// What has played for so long at a press was heard, so that the press can mean it.
const HEARD_MS: u64 = 1_000;
/// A command that has waited for so long isn't carried out any more.
const WAIT_MS: u64 = 10_000;
/// The key no longer says so after this.
const FORGOTTEN_MS: u64 = 30_000;

impl Verb {
    /// Whether it does something with what plays, whatever that is, that another press doesn't undo.
    pub(super) fn is_about_what_plays(&self) -> bool {
        matches!(
            self,
            Self::RemoveFromPlaylist | Self::AddToPlaylist(_) | Self::ToggleSaved(None) | Self::Enqueue(None)
        )
    }

    /// Whether its order among commands about what plays matters.
    pub(super) fn depends_on_item(&self) -> bool {
        self.is_about_what_plays() || matches!(self, Self::Next | Self::Previous | Self::Start(_))
    }
}

/// What keys showed at a press.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    item: Option<Uri>,
    playlist: Option<Uri>,
}

impl Seen {
    pub fn of(known: Option<&Known>) -> Self {
        known
            .map_or_else(Self::default, |known| Self { item: known.now.uri().cloned(), playlist: known.now.playlist() })
    }
}

/// A command that waits.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub command: Command,
    /// When it was pressed.
    pub at_ms: u64,
    /// What keys showed then; `None` if nothing was known.
    pub seen: Option<Seen>,
    /// The change that is shown already, by its id.
    pub shown: Option<u64>,
}

impl Pending {
    /// Whether what plays by an answer from after the press can be what was meant.
    pub fn means(&self, known: Option<&Known>) -> bool {
        let (Some(seen), Some(known)) = (&self.seen, known) else { return true };
        let now = &known.now;
        let verb = &self.command.verb;
        let same_playlist = *verb != Verb::RemoveFromPlaylist || seen.playlist == now.playlist();
        if seen.item.as_ref() == now.uri() && same_playlist {
            return true;
        }
        let began_ms = known.at_ms.saturating_sub(now.position_ms);
        let was_heard = now.playing && !known.position.is_reckoned && began_ms.saturating_add(HEARD_MS) <= self.at_ms;
        was_heard && !matches!(verb, Verb::ToggleSaved(_))
    }

    /// Whether it has waited too long to be carried out.
    pub fn is_too_old(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.at_ms) > WAIT_MS
    }

    /// Whether it has waited for so long that its key has nothing to say about it.
    pub fn is_forgotten(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.at_ms) > FORGOTTEN_MS
    }
}
