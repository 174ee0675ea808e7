//! Queries to Spotify about other things than what plays: when each is asked, and what is remembered of the answers.
//!
//! Only what visible keys show is asked about. When a query is asked again depends on what came of it:
//!
//! | outcome | asked again |
//! |---|---|
//! | answered | when the answer is old, or something may have changed elsewhere |
//! | failed for a reason that passes | after 30 s, doubled with every further failure, up to 15 minutes |
//! | refused | when something that could change the answer has happened, or after a day |
//!
//! What could change a refusal is another account or sign-in, or a press that asks for an answer now; for the queue also
//! another context or device. A refusal that isn't about the one thing that was asked about, such as a missing permission,
//! is one of every query of its kind.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use host_sdk::backoff::Backoff;
use lru::LruCache;
use tokio::time::Instant;

use crate::spotify::{Device, DeviceId, Error, Item, Uri, UriKind};

/// How many things it is remembered of when they were asked about. What was asked longest ago is forgotten first.
const MAX_ASKED: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();
/// Of how many URIs it is remembered whether they are saved.
const MAX_SAVED: NonZeroUsize = NonZeroUsize::new(512).unwrap();
/// How many names of playlists are remembered.
const MAX_NAMES: NonZeroUsize = NonZeroUsize::new(128).unwrap();
/// So many of the chosen URIs are asked about at most. A panel has 20 keys.
const MAX_CHOSEN: usize = 200;
/// The most URIs that Spotify takes in one query whether they are saved.
const MAX_TOGETHER: usize = 40;

/// A query that failed is asked again after this; doubled with every further failure in a row.
const RETRY: Backoff = Backoff::new(Duration::from_secs(30), Duration::from_secs(900));
/// A refused query is asked again after this although nothing has happened.
const REFUSAL_LASTS: Duration = DAY;
/// A possible change elsewhere makes no query be repeated sooner than this.
const MIN_INTERVAL: Duration = Duration::from_secs(10);
/// How long a write is trusted over answers to queries from before it.
const TRUST: Duration = Duration::from_secs(3);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The parts of Spotify's state is looked at: nothing else is asked for.
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
pub(super) const DEVICES_LAST: Duration = Duration::from_secs(180);

/// Something other than what plays that Spotify can be asked, in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Query {
    /// Whether these are saved: 1 to [`MAX_TOGETHER`].
    Saved(Vec<Uri>),
    Devices,
    Queue,
    PlaylistName(Uri),
}

/// What came of a [`Query`].
#[derive(Clone, Debug)]
pub(super) enum QueryResult {
    Saved(Vec<(Uri, bool)>),
    Devices(Vec<Device>),
    Queue(Vec<Item>),
    PlaylistName(Uri, String),
}

/// One thing that a [`Query`] is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Saved(Uri),
    Devices,
    Queue,
    PlaylistName(Uri),
}

impl Subject {
    /// The answer gets old after this.
    fn is_lasting(&self) -> Duration {
        match self {
            Self::Saved(_) => Duration::from_secs(600),
            Self::Devices => DEVICES_LAST,
            Self::Queue => Duration::from_secs(120),
            Self::PlaylistName(_) => DAY,
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

impl Query {
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
    /// It failed for a reason that passes: to be asked again after this.
    Failed {
        retry_after: Duration,
    },
    Refused,
    /// A call about several was refused, which may be because of another one of them.
    RefusedTogether,
}

/// When something was asked about last, and what came of it.
#[derive(Clone, Copy, Debug)]
struct QueryState {
    at: Instant,
    outcome: Outcome,
    /// How often it has failed in a row.
    failures: u32,
    /// The [`Memory::era`] in which it was asked: of an earlier one, refusals and failures count no more.
    era: u64,
}

#[derive(Clone, Copy, Debug)]
struct Saved {
    saved: bool,
    /// When we have saved or removed it: answers to queries from before that are no news.
    written_at: Option<Instant>,
}

/// What a refused query about the queue depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub context: Option<Uri>,
    pub device: Option<DeviceId>,
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
    pub invalidated_at: Option<Instant>,
    /// When what plays began, if it began while it was watched.
    pub item_began_at: Option<Instant>,
}

/// What is remembered of queries and their answers. Its size has bounds, and so has the work that an event makes.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    asked: LruCache<Subject, QueryState>,
    saved: LruCache<Uri, Saved>,
    names: LruCache<Uri, String>,
    /// What the queue was last asked about, where that counts.
    queue_place: Place,
    /// When all queries of a kind were refused, by their [`Subject::kind`].
    shut: [Option<Instant>; 4],
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
    pub fn on_saved(&mut self, uri: &Uri, saved: bool, now: Instant) {
        self.saved.put(uri.clone(), Saved { saved, written_at: Some(now) });
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

    /// A query is being asked.
    pub fn on_asked(&mut self, query: &Query, place: Place, now: Instant) {
        if *query == Query::Queue {
            self.queue_place = place;
        }
        for subject in query.subjects() {
            let before = self.asked.peek(&subject).filter(|asked| asked.era == self.era);
            let failures = before.map_or(0, |asked| asked.failures);
            self.asked.put(subject, QueryState { at: now, outcome: Outcome::Pending, failures, era: self.era });
        }
    }

    /// A query was answered. What it says about devices and the queue is for others to keep.
    pub fn on_query_result(&mut self, result: &QueryResult) {
        match result {
            QueryResult::Saved(answers) => {
                for (uri, saved) in answers {
                    let asked_at = self.settle(&Subject::Saved(uri.clone()), Outcome::Answered);
                    let written_at = self.saved.peek(uri).and_then(|known| known.written_at);
                    let is_newer = |written_at| asked_at.is_some_and(|asked_at| asked_at >= written_at + TRUST);
                    if written_at.is_none_or(is_newer) {
                        self.saved.put(uri.clone(), Saved { saved: *saved, written_at });
                    }
                }
            }
            QueryResult::Devices(_) => drop(self.settle(&Subject::Devices, Outcome::Answered)),
            QueryResult::Queue(_) => drop(self.settle(&Subject::Queue, Outcome::Answered)),
            QueryResult::PlaylistName(uri, name) => {
                self.settle(&Subject::PlaylistName(uri.clone()), Outcome::Answered);
                self.names.put(uri.clone(), name.clone());
            }
        }
    }

    /// Notes what came of asking about something, and gives when that was.
    fn settle(&mut self, subject: &Subject, outcome: Outcome) -> Option<Instant> {
        let asked = self.asked.get_mut(subject)?;
        asked.outcome = outcome;
        asked.failures = match outcome {
            Outcome::Failed { .. } => asked.failures.saturating_add(1),
            _ => 0,
        };
        Some(asked.at)
    }

    /// A query could not be answered.
    pub fn on_failure(&mut self, query: &Query, error: &Error, now: Instant) {
        let subjects = query.subjects();
        let refusal = Refusal::of(query, error);
        if refusal == Refusal::OfItsKind
            && let Some(subject) = subjects.first()
        {
            self.shut[subject.kind()] = Some(now);
        }
        for subject in &subjects {
            let outcome = match refusal {
                Refusal::None => {
                    let failures = self.asked.peek(subject).map_or(0, |asked| asked.failures);
                    Outcome::Failed { retry_after: retry_after(failures, error) }
                }
                Refusal::OfThis if subjects.len() > 1 => Outcome::RefusedTogether,
                Refusal::OfThis | Refusal::OfItsKind => Outcome::Refused,
            };
            self.settle(subject, outcome);
        }
    }

    /// The query to ask next, and when; `None`: none before something changes.
    pub fn next_query(&self, wanted: &Wanted<'_>, now: Instant) -> Option<(Query, Instant)> {
        let with_due = |subject: Subject| {
            let due_at = self.due(&subject, wanted, now)?;
            Some((subject, due_at))
        };
        let saved: Vec<_> = wanted.saved.iter().filter_map(|uri| with_due(Subject::Saved((*uri).clone()))).collect();
        let devices = wanted.devices.then_some(Subject::Devices);
        let queue = wanted.queue.then_some(Subject::Queue);
        let playlist = wanted.playlist.cloned().map(Subject::PlaylistName);
        let others = [devices, queue, playlist].into_iter().flatten().filter_map(with_due);
        let (subject, due_at) = saved.iter().cloned().chain(others).min_by_key(|(_, due_at)| *due_at)?;
        let query = match subject {
            Subject::Saved(first) => Query::Saved(self.together(first, saved)),
            Subject::Devices => Query::Devices,
            Subject::Queue => Query::Queue,
            Subject::PlaylistName(uri) => Query::PlaylistName(uri),
        };
        Some((query, due_at))
    }

    /// What goes into one call with the first one: a call that is made anyway asks about all that is visible.
    fn together(&self, first: Uri, mut wanted: Vec<(Subject, Instant)>) -> Vec<Uri> {
        let outcome = |uri: &Uri| self.asked.peek(&Subject::Saved(uri.clone())).map(|asked| asked.outcome);
        if outcome(&first) == Some(Outcome::RefusedTogether) {
            return vec![first];
        }
        wanted.sort_by_key(|(_, due_at)| *due_at);
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
    fn due(&self, subject: &Subject, wanted: &Wanted<'_>, now: Instant) -> Option<Instant> {
        if let Some(shut_at) = self.shut[subject.kind()] {
            return Some(shut_at + REFUSAL_LASTS);
        }
        let Some(asked) = self.asked.peek(subject) else { return Some(now) };
        let item_began_at = wanted.item_began_at.filter(|_| *subject == Subject::Queue);
        let after = |wait: Duration| asked.at.checked_add(wait);
        match asked.outcome {
            Outcome::Pending => after(RETRY.after(1)),
            Outcome::Failed { .. } | Outcome::Refused | Outcome::RefusedTogether if asked.era != self.era => Some(now),
            Outcome::Failed { retry_after } => after(retry_after),
            Outcome::RefusedTogether => Some(now),
            Outcome::Refused if *subject == Subject::Queue && wanted.place != self.queue_place => after(MIN_INTERVAL),
            Outcome::Refused => after(REFUSAL_LASTS),
            // A playlist is not renamed while it plays.
            Outcome::Answered if matches!(subject, Subject::PlaylistName(_)) => after(subject.is_lasting()),
            Outcome::Answered if wanted.invalidated_at.max(item_began_at) > Some(asked.at) => {
                // A moment later, so that Spotify's queue has moved on, too.
                let began = item_began_at.map_or(Duration::ZERO, |began| began.saturating_duration_since(asked.at));
                after(began.clamp(Duration::from_secs(1), MIN_INTERVAL))
            }
            Outcome::Answered => after(subject.is_lasting()),
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
    /// Of every query of its kind.
    OfItsKind,
}

impl Refusal {
    fn of(query: &Query, error: &Error) -> Self {
        let is_answer = |status: &u16| (200..300).contains(status);
        match (error, query) {
            (error, _) if error.passes() => Self::None,
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
            (_, Query::Devices) => Self::OfItsKind,
            (Error::Unexpected(status), Query::Saved(_)) if *status != 400 => Self::OfItsKind,
            _ => Self::OfThis,
        }
    }
}

/// How long to wait after a failure, with so many before it in a row.
fn retry_after(failures: u32, error: &Error) -> Duration {
    let backoff = RETRY.after(failures.saturating_add(1));
    match error {
        Error::RateLimited { retry_after: Some(wait), .. } => (*wait).max(backoff),
        _ => backoff,
    }
}

#[cfg(test)]
mod tests;
