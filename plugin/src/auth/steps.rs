//! Points at which a test can end the process.

use std::sync::OnceLock;

/// The steps of a renewal at which a test may end the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Spotify has not been asked.
    BeforeRequest,
    /// Spotify has answered, and nothing of it is stored.
    Answered,
    /// The new private file is beside the old one.
    WrittenBeside,
    /// The new refresh token is stored, and the access token is not used yet.
    Written,
    /// The access token was handed out.
    Used,
}

/// The step at which this process ends, set once in a process of its own.
pub(super) static END_AT: OnceLock<Step> = OnceLock::new();

/// Ends the process if it is to end at this step.
pub(super) fn reached(step: Step) {
    if END_AT.get() == Some(&step) {
        std::process::abort();
    }
}
