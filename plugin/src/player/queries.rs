//! Questions to Spotify about other things than what plays: when each is asked, and what is remembered of the answers.
//!
//! Only what visible keys show is asked about. When a question is asked again depends on what came of it:
//!
//! | outcome | asked again |
//! |---|---|
//! | answered | when the answer is old, or something may have changed elsewhere |
//! | failed for a reason that passes | after 30 s, doubled with every further failure, up to 15 minutes |
//! | refused | when something that could change the answer has happened, or after a day |
//!
//! What could change a refusal is another account or sign-in, or a press that asks for an answer now; for the queue also
//! another context or device. A refusal that isn't about the one thing that was asked about, such as a missing permission,
//! is one of every question of its kind.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use lru::LruCache;

use crate::spotify::{Device, Error, Item, Uri, UriKind};

/// How many things it is remembered of when they were asked about. What was asked longest ago is forgotten first.
const MAX_ASKED: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();
/// Of how many URIs it is remembered whether they are saved.
const MAX_SAVED: NonZeroUsize = NonZeroUsize::new(512).unwrap();
/// How many names of playlists are remembered.
const MAX_NAMES: NonZeroUsize = NonZeroUsize::new(128).unwrap();
/// So many of the chosen URIs are asked about at most. A panel has 20 keys.
const MAX_CHOSEN: usize = 200;
/// The most URIs that Spotify takes in one question whether they are saved.
const MAX_TOGETHER: usize = 40;

/// A question that failed is asked again after this; doubled with every further failure in a row.
const RETRY_MS: u64 = 30_000;
const LONGEST_RETRY_MS: u64 = 900_000;
/// A refused question is asked again after this although nothing has happened.
const REFUSAL_LASTS_MS: u64 = DAY_MS;
/// Not even a suspicion makes a question be asked sooner than this after the last time.
const LEAST_MS: u64 = 10_000;
/// How long a write is trusted over answers to questions from before it.
const TRUST_MS: u64 = 3_000;
const DAY_MS: u64 = 24 * 3_600_000;

/// What of Spotify's state is looked at: nothing else is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// How many instances are visible.
    pub instances: usize,
    /// Whether what plays is saved.
    pub saved_now: bool,
    /// Whether these URIs are saved.
    pub saved: BTreeSet<Uri>,
    /// The devices.
    pub devices: bool,
    /// What comes next.
    pub queue: bool,
    /// The name of the playlist that plays.
    pub playlist: bool,
}

impl Subscription {
    /// The chosen URIs that the library can hold, as many as are asked about.
    pub(super) fn chosen(&self) -> impl Iterator<Item = &Uri> {
        self.saved.iter().filter(|uri| can_be_saved(uri)).take(MAX_CHOSEN)
    }
}

/// Whether the user's library can hold it. Artists are followed, which is another call.
pub(super) fn can_be_saved(uri: &Uri) -> bool {
    matches!(uri.kind(), UriKind::Track | UriKind::Album | UriKind::Playlist | UriKind::Show | UriKind::Episode)
}

/// A list of devices gets old after this: which one is active comes with what plays.
pub(super) const DEVICES_LAST_MS: u64 = 180_000;

/// Something other than what plays that Spotify can be asked, in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether these are saved: 1 to [`MAX_TOGETHER`].
    Saved(Vec<Uri>),
    Devices,
    Queue,
    PlaylistName(Uri),
}

/// What came of a [`Question`].
#[derive(Clone, Debug)]
pub(super) enum Told {
    Saved(Vec<(Uri, bool)>),
    Devices(Vec<Device>),
    Queue(Vec<Item>),
    PlaylistName(Uri, String),
}

/// One thing that a [`Question`] is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Saved(Uri),
    Devices,
    Queue,
    PlaylistName(Uri),
}

impl Subject {
    /// The answer gets old after this.
    fn lasts_ms(&self) -> u64 {
        match self {
            Self::Saved(_) => 600_000,
            Self::Devices => DEVICES_LAST_MS,
            Self::Queue => 120_000,
            Self::PlaylistName(_) => DAY_MS,
        }
    }

    /// Its kind, as a place in [`Memory::shut`].
    fn kind(&self) -> usize {
        match self {
            Self::Saved(_) => 0,
            Self::Devices => 1,
            Self::Queue => 2,
            Self::PlaylistName(_) => 3,
        }
    }
}

impl Question {
    fn subjects(&self) -> Vec<Subject> {
        match self {
            Self::Saved(uris) => uris.iter().cloned().map(Subject::Saved).collect(),
            Self::Devices => vec![Subject::Devices],
            Self::Queue => vec![Subject::Queue],
            Self::PlaylistName(uri) => vec![Subject::PlaylistName(uri.clone())],
        }
    }
}

/// What came of the last time that something was asked about.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// It isn't known yet.
    Pending,
    Answered,
    /// It failed for a reason that passes: to be asked again after so many milliseconds.
    Failed {
        again_ms: u64,
    },
    Refused,
    /// A call about several was refused, which may be because of another one of them.
    RefusedTogether,
}

/// When something was asked about last, and what came of it.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at_ms: u64,
    outcome: Outcome,
    /// How often it has failed in a row.
    failures: u32,
    /// The [`Memory::era`] in which it was asked: of an earlier one, refusals and failures count no more.
    era: u64,
}

#[derive(Clone, Copy, Debug)]
struct Saved {
    saved: bool,
    /// When we have saved or removed it: answers to questions from before that are no news.
    written_ms: Option<u64>,
}

/// What a refused question about the queue depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub context: Option<Uri>,
    pub device: Option<String>,
}

/// What visible keys show at a moment, and what makes answers about it old.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted<'a> {
    pub saved: Vec<&'a Uri>,
    pub devices: bool,
    pub queue: bool,
    pub playlist: Option<&'a Uri>,
    /// What plays from where, and on what.
    pub place: Place,
    /// When it was last seen that something may have been changed elsewhere.
    pub suspect_ms: u64,
    /// When what plays began.
    pub item_since_ms: u64,
}

/// What is remembered of questions and their answers. Its size has bounds, and so has the work that an event makes.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    asked: LruCache<Subject, Asked>,
    saved: LruCache<Uri, Saved>,
    names: LruCache<Uri, String>,
    /// What the queue was last asked about, where that counts.
    queue_place: Place,
    /// When all questions of a kind were refused, by their [`Subject::kind`].
    shut: [Option<u64>; 4],
    /// Counts what could change refusals.
    era: u64,
}

impl Memory {
    pub fn new() -> Self {
        Self {
            asked: LruCache::new(MAX_ASKED),
            saved: LruCache::new(MAX_SAVED),
            names: LruCache::new(MAX_NAMES),
            queue_place: Place::default(),
            shut: [None; 4],
            era: 0,
        }
    }

    /// Whether it is saved, if that is known.
    pub fn is_saved(&self, uri: &Uri) -> Option<bool> {
        self.saved.peek(uri).map(|known| known.saved)
    }

    /// The name of a playlist, if it is known.
    pub fn playlist_name(&self, uri: &Uri) -> Option<&str> {
        self.names.peek(uri).map(String::as_str)
    }

    /// Records that we have saved or removed something.
    pub fn on_saved(&mut self, uri: &Uri, saved: bool, now_ms: u64) {
        self.saved.put(uri.clone(), Saved { saved, written_ms: Some(now_ms) });
    }

    /// Something has changed what would be answered.
    pub fn invalidate_queue(&mut self) {
        self.asked.pop(&Subject::Queue);
    }

    /// Something has changed what would be answered.
    pub fn invalidate_devices(&mut self) {
        self.asked.pop(&Subject::Devices);
    }

    /// Something has happened that could change every refusal: another account or sign-in, or a press.
    pub fn forget_refusals(&mut self) {
        self.era = self.era.wrapping_add(1);
        self.shut = [None; 4];
    }

    /// Lets nothing have happened later than now, after the clock was set back.
    pub fn on_clock_change(&mut self, now_ms: u64) {
        for (_, known) in self.saved.iter_mut() {
            known.written_ms = known.written_ms.map(|written_ms| written_ms.min(now_ms));
        }
    }

    /// A question is being asked.
    pub fn on_asked(&mut self, question: &Question, place: Place, now_ms: u64) {
        if *question == Question::Queue {
            self.queue_place = place;
        }
        for subject in question.subjects() {
            let before = self.asked.peek(&subject).filter(|asked| asked.era == self.era);
            let failures = before.map_or(0, |asked| asked.failures);
            self.asked.put(subject, Asked { at_ms: now_ms, outcome: Outcome::Pending, failures, era: self.era });
        }
    }

    /// A question was answered. What it says about devices and the queue is for others to keep.
    pub fn on_answer(&mut self, told: &Told) {
        match told {
            Told::Saved(answers) => {
                for (uri, saved) in answers {
                    let asked_ms = self.settle(&Subject::Saved(uri.clone()), Outcome::Answered);
                    let written_ms = self.saved.peek(uri).and_then(|known| known.written_ms);
                    if written_ms.is_none_or(|written_ms| asked_ms >= written_ms.saturating_add(TRUST_MS)) {
                        self.saved.put(uri.clone(), Saved { saved: *saved, written_ms });
                    }
                }
            }
            Told::Devices(_) => drop(self.settle(&Subject::Devices, Outcome::Answered)),
            Told::Queue(_) => drop(self.settle(&Subject::Queue, Outcome::Answered)),
            Told::PlaylistName(uri, name) => {
                self.settle(&Subject::PlaylistName(uri.clone()), Outcome::Answered);
                self.names.put(uri.clone(), name.clone());
            }
        }
    }

    /// Notes what came of asking about something, and gives when that was.
    fn settle(&mut self, subject: &Subject, outcome: Outcome) -> u64 {
        let Some(asked) = self.asked.get_mut(subject) else { return 0 };
        asked.outcome = outcome;
        asked.failures = match outcome {
            Outcome::Failed { .. } => asked.failures.saturating_add(1),
            _ => 0,
        };
        asked.at_ms
    }

    /// A question could not be answered.
    pub fn on_failure(&mut self, question: &Question, error: &Error, now_ms: u64) {
        let subjects = question.subjects();
        let refusal = Refusal::of(question, error);
        if refusal == Refusal::OfItsKind
            && let Some(subject) = subjects.first()
        {
            self.shut[subject.kind()] = Some(now_ms);
        }
        for subject in &subjects {
            let outcome = match refusal {
                Refusal::None => {
                    let failures = self.asked.peek(subject).map_or(0, |asked| asked.failures);
                    Outcome::Failed { again_ms: retry_ms(failures, error) }
                }
                Refusal::OfThis if subjects.len() > 1 => Outcome::RefusedTogether,
                Refusal::OfThis | Refusal::OfItsKind => Outcome::Refused,
            };
            self.settle(subject, outcome);
        }
    }

    /// The question to ask next, and when; `None`: none before something changes.
    pub fn next_question(&self, wanted: &Wanted<'_>, now_ms: u64) -> Option<(Question, u64)> {
        let due = |subject: Subject| {
            let due_ms = self.due_ms(&subject, wanted, now_ms)?;
            Some((subject, due_ms))
        };
        let saved: Vec<_> = wanted.saved.iter().filter_map(|uri| due(Subject::Saved((*uri).clone()))).collect();
        let devices = wanted.devices.then_some(Subject::Devices);
        let queue = wanted.queue.then_some(Subject::Queue);
        let playlist = wanted.playlist.cloned().map(Subject::PlaylistName);
        let others = [devices, queue, playlist].into_iter().flatten().filter_map(due);
        let (subject, due_ms) = saved.iter().cloned().chain(others).min_by_key(|(_, due_ms)| *due_ms)?;
        let question = match subject {
            Subject::Saved(first) => Question::Saved(self.together(first, saved)),
            Subject::Devices => Question::Devices,
            Subject::Queue => Question::Queue,
            Subject::PlaylistName(uri) => Question::PlaylistName(uri),
        };
        Some((question, due_ms))
    }

    /// What goes into one call with the first one: a call that is made anyway asks about all that is visible.
    fn together(&self, first: Uri, mut wanted: Vec<(Subject, u64)>) -> Vec<Uri> {
        let outcome = |uri: &Uri| self.asked.peek(&Subject::Saved(uri.clone())).map(|asked| asked.outcome);
        if outcome(&first) == Some(Outcome::RefusedTogether) {
            return vec![first];
        }
        wanted.sort_by_key(|(_, due_ms)| *due_ms);
        let mut uris = vec![first];
        for (subject, _) in wanted {
            let Subject::Saved(uri) = subject else { continue };
            let alone = matches!(outcome(&uri), Some(Outcome::RefusedTogether | Outcome::Refused));
            if uris.len() < MAX_TOGETHER && !alone && !uris.contains(&uri) {
                uris.push(uri);
            }
        }
        uris
    }

    /// When something is to be asked about; `None`: not before something changes.
    fn due_ms(&self, subject: &Subject, wanted: &Wanted<'_>, now_ms: u64) -> Option<u64> {
        if let Some(shut_ms) = self.shut[subject.kind()].filter(|shut_ms| *shut_ms <= now_ms) {
            return Some(shut_ms.saturating_add(REFUSAL_LASTS_MS));
        }
        let Some(asked) = self.asked.peek(subject).filter(|asked| asked.at_ms <= now_ms) else { return Some(now_ms) };
        let item_since_ms = if *subject == Subject::Queue { wanted.item_since_ms } else { 0 };
        let after = |wait_ms: u64| Some(asked.at_ms.saturating_add(wait_ms));
        match asked.outcome {
            Outcome::Pending => after(RETRY_MS),
            Outcome::Failed { .. } | Outcome::Refused | Outcome::RefusedTogether if asked.era != self.era => {
                Some(now_ms)
            }
            Outcome::Failed { again_ms } => after(again_ms),
            Outcome::RefusedTogether => Some(now_ms),
            Outcome::Refused if *subject == Subject::Queue && wanted.place != self.queue_place => after(LEAST_MS),
            Outcome::Refused => after(REFUSAL_LASTS_MS),
            // A playlist is not renamed while it plays.
            Outcome::Answered if matches!(subject, Subject::PlaylistName(_)) => after(subject.lasts_ms()),
            Outcome::Answered if wanted.suspect_ms.max(item_since_ms) > asked.at_ms => {
                // A moment later, so that Spotify's queue has gone on, too.
                after(LEAST_MS.min(item_since_ms.saturating_sub(asked.at_ms).max(1_000)))
            }
            Outcome::Answered => after(subject.lasts_ms()),
        }
    }
}

/// Whether a failure is a refusal, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// It passes.
    None,
    /// Of what was asked about.
    OfThis,
    /// Of every question of its kind.
    OfItsKind,
}

impl Refusal {
    fn of(question: &Question, error: &Error) -> Self {
        let is_answer = |status: &u16| (200..300).contains(status);
        match (error, question) {
            (error, _) if error.is_transient() => Self::None,
            // What can't be read isn't Spotify's, mostly: it is a page of the network's.
            (Error::Unexpected(status), _) if is_answer(status) => Self::None,
            (
                Error::Account(_)
                | Error::PremiumRequired
                | Error::AppOwnerNeedsPremium
                | Error::NotOnAllowList
                | Error::MissingScope,
                _,
            ) => Self::OfItsKind,
            // There are no other devices to ask about, and the library is never refused for a single URI but as malformed.
            (_, Question::Devices) => Self::OfItsKind,
            (Error::Unexpected(status), Question::Saved(_)) if *status != 400 => Self::OfItsKind,
            _ => Self::OfThis,
        }
    }
}

/// How long to wait after a failure, with so many before it in a row.
fn retry_ms(failures: u32, error: &Error) -> u64 {
    let backoff_ms = RETRY_MS.saturating_mul(1 << failures.min(10)).min(LONGEST_RETRY_MS);
    match error {
        Error::RateLimited { retry_after: Some(wait), .. } => {
            u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(backoff_ms)
        }
        _ => backoff_ms,
    }
}

#[cfg(test)]
mod tests;
