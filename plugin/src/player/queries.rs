//! Queries about anything but the playback state: when each is sent, and a bounded memory of the answers.
//!
//! Only what visible keys show is queried. When a query is repeated depends on its outcome:
//!
//! | outcome | repeated |
//! |---|---|
//! | answered | when the answer is old, or something may have changed elsewhere |
//! | failed for a temporary reason | after 30 s, doubled with every further failure, up to 15 minutes |
//! | refused | after an event that could change the answer, or after a day |
//!
//! A change of account or login and a press that refreshes could change any refusal; another context or device could change one
//! of the queue. A refusal that isn't about the subject of the query, such as a missing permission, applies to every query of
//! the same kind.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use host_sdk::backoff::Backoff;
use lru::LruCache;
use tokio::time::Instant;

use crate::spotify::{Device, DeviceId, Error, Item, Uri, UriKind};

/// How many subjects are remembered with the time of their last query. The least recently used one is dropped first.
const MAX_ASKED: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();
/// How many URIs are remembered as saved or not.
const MAX_SAVED: NonZeroUsize = NonZeroUsize::new(512).unwrap();
/// How many playlist names are remembered.
const MAX_NAMES: NonZeroUsize = NonZeroUsize::new(128).unwrap();
/// How many of the chosen URIs are queried at most. A panel has 20 keys.
const MAX_CHOSEN: usize = 200;
/// The most URIs that Spotify accepts in one query about the library.
const MAX_TOGETHER: usize = 40;

/// The wait after a failure; doubled with every further failure in a row.
const RETRY: Backoff = Backoff::new(Duration::from_secs(30), Duration::from_secs(900));
/// A refused query is repeated after this even if nothing could have changed the answer.
const REFUSAL_LASTS: Duration = DAY;
/// The shortest interval between two queries, even if something may have changed elsewhere.
const MIN_INTERVAL: Duration = Duration::from_secs(10);
/// How long after a write an answer may still be outdated.
const TRUST: Duration = Duration::from_secs(3);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The parts of Spotify's state that visible keys show. Nothing else is queried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// How many instances are visible.
    pub instances: usize,
    /// Whether the current item is saved.
    pub saved_now: bool,
    /// Whether these URIs are saved.
    pub saved: BTreeSet<Uri>,
    /// The devices.
    pub devices: bool,
    /// The queue.
    pub queue: bool,
    /// The name of the current playlist.
    pub playlist: bool,
}

impl Subscription {
    /// Returns the chosen URIs to query: those that can be saved, up to [`MAX_CHOSEN`].
    pub(super) fn chosen(&self) -> impl Iterator<Item = &Uri> {
        self.saved.iter().filter(|uri| can_be_saved(uri)).take(MAX_CHOSEN)
    }
}

/// Returns whether a URI can be saved to the library. Artists are followed instead, by another call.
pub(super) fn can_be_saved(uri: &Uri) -> bool {
    matches!(uri.kind(), UriKind::Track | UriKind::Album | UriKind::Playlist | UriKind::Show | UriKind::Episode)
}

/// The maximum age of the list of devices. It may be high, as the playback state includes the active device.
pub(super) const DEVICES_LAST: Duration = Duration::from_secs(180);

/// A query about anything but the playback state, in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Query {
    /// Whether these are saved: 1 to [`MAX_TOGETHER`] of them.
    Saved(Vec<Uri>),
    Devices,
    Queue,
    PlaylistName(Uri),
}

/// The answer to a [`Query`].
#[derive(Clone, Debug)]
pub(super) enum QueryResult {
    Saved(Vec<(Uri, bool)>),
    Devices(Vec<Device>),
    Queue(Vec<Item>),
    PlaylistName(Uri, String),
}

/// A subject of a [`Query`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Saved(Uri),
    Devices,
    Queue,
    PlaylistName(Uri),
}

impl Subject {
    /// Returns after how long an answer is old.
    fn max_age(&self) -> Duration {
        match self {
            Self::Saved(_) => Duration::from_secs(600),
            Self::Devices => DEVICES_LAST,
            Self::Queue => Duration::from_secs(120),
            Self::PlaylistName(_) => DAY,
        }
    }

    /// Returns its kind, as an index into [`Memory::refused_at`].
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

/// The outcome of the last query about a subject.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// Not known yet.
    Pending,
    Answered,
    /// Failed for a temporary reason.
    Failed {
        retry_after: Duration,
    },
    Refused,
    /// A query about several subjects was refused, possibly because of another one of them.
    RefusedTogether,
}

/// The time and the outcome of the last query about a subject.
#[derive(Clone, Copy, Debug)]
struct QueryState {
    at: Instant,
    outcome: Outcome,
    /// How often it has failed in a row.
    failures: u32,
    /// The [`Memory::generation`] in which it was asked: of an earlier one, refusals and failures count no more.
    generation: u64,
}

#[derive(Clone, Copy, Debug)]
struct Saved {
    saved: bool,
    /// When we last saved or removed it; answers to earlier queries are outdated.
    written_at: Option<Instant>,
}

/// The context and device that a refusal of the queue depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub context: Option<Uri>,
    pub device: Option<DeviceId>,
}

/// What to query at a moment, and the events that make answers old.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted<'a> {
    pub saved: Vec<&'a Uri>,
    pub devices: bool,
    pub queue: bool,
    pub playlist: Option<&'a Uri>,
    /// The current context and device.
    pub place: Place,
    /// When something may last have changed elsewhere.
    pub invalidated_at: Option<Instant>,
    /// When the current item began, if known.
    pub item_began_at: Option<Instant>,
}

/// A bounded memory of queries and their answers.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    asked: LruCache<Subject, QueryState>,
    saved: LruCache<Uri, Saved>,
    names: LruCache<Uri, String>,
    /// The context and device at the last query of the queue.
    queue_place: Place,
    /// When all queries of a kind were refused, by [`Subject::kind`].
    refused_at: [Option<Instant>; 4],
    /// Incremented by every event that could change refusals.
    generation: u64,
}

impl Memory {
    pub fn new() -> Self {
        Self {
            asked: LruCache::new(MAX_ASKED),
            saved: LruCache::new(MAX_SAVED),
            names: LruCache::new(MAX_NAMES),
            queue_place: Place::default(),
            refused_at: [None; 4],
            generation: 0,
        }
    }

    /// Returns whether a URI is saved, if known.
    pub fn is_saved(&self, uri: &Uri) -> Option<bool> {
        self.saved.peek(uri).map(|known| known.saved)
    }

    /// Returns the name of a playlist, if known.
    pub fn playlist_name(&self, uri: &Uri) -> Option<&str> {
        self.names.peek(uri).map(String::as_str)
    }

    /// Records that we have saved or removed a URI.
    pub fn on_saved(&mut self, uri: &Uri, saved: bool, now: Instant) {
        self.saved.put(uri.clone(), Saved { saved, written_at: Some(now) });
    }

    /// Records that the queue has changed.
    pub fn invalidate_queue(&mut self) {
        self.asked.pop(&Subject::Queue);
    }

    /// Records that the devices have changed.
    pub fn invalidate_devices(&mut self) {
        self.asked.pop(&Subject::Devices);
    }

    /// Forgets all refusals, because of an event that could change them: another account or login, or a press.
    pub fn forget_refusals(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.refused_at = [None; 4];
    }

    /// Records that a query is sent.
    pub fn on_asked(&mut self, query: &Query, place: Place, now: Instant) {
        if *query == Query::Queue {
            self.queue_place = place;
        }
        for subject in query.subjects() {
            let before = self.asked.peek(&subject).filter(|asked| asked.generation == self.generation);
            let failures = before.map_or(0, |asked| asked.failures);
            self.asked
                .put(subject, QueryState { at: now, outcome: Outcome::Pending, failures, generation: self.generation });
        }
    }

    /// Records an answer. The caller keeps devices and the queue.
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

    /// Records the outcome of a query about a subject, and returns when it was sent.
    fn settle(&mut self, subject: &Subject, outcome: Outcome) -> Option<Instant> {
        let asked = self.asked.get_mut(subject)?;
        asked.outcome = outcome;
        asked.failures = match outcome {
            Outcome::Failed { .. } => asked.failures.saturating_add(1),
            _ => 0,
        };
        Some(asked.at)
    }

    /// Records that a query failed.
    pub fn on_failure(&mut self, query: &Query, error: &Error, now: Instant) {
        let subjects = query.subjects();
        let refusal = Refusal::of(query, error);
        if refusal == Refusal::OfItsKind
            && let Some(subject) = subjects.first()
        {
            self.refused_at[subject.kind()] = Some(now);
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

    /// Returns the next query and when it is due; `None` if none is until something changes.
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

    /// Returns the URIs to query in one call with `first`: as a call is due, it includes everything visible.
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

    /// Returns when a subject is due; `None` if it isn't until something changes.
    fn due(&self, subject: &Subject, wanted: &Wanted<'_>, now: Instant) -> Option<Instant> {
        if let Some(refused_at) = self.refused_at[subject.kind()] {
            return Some(refused_at + REFUSAL_LASTS);
        }
        let Some(asked) = self.asked.peek(subject) else { return Some(now) };
        let item_began_at = wanted.item_began_at.filter(|_| *subject == Subject::Queue);
        let after = |wait: Duration| asked.at.checked_add(wait);
        match asked.outcome {
            Outcome::Pending => after(RETRY.after(1)),
            Outcome::Failed { .. } | Outcome::Refused | Outcome::RefusedTogether
                if asked.generation != self.generation =>
            {
                Some(now)
            }
            Outcome::Failed { retry_after } => after(retry_after),
            Outcome::RefusedTogether => Some(now),
            Outcome::Refused if *subject == Subject::Queue && wanted.place != self.queue_place => after(MIN_INTERVAL),
            Outcome::Refused => after(REFUSAL_LASTS),
            // Playlists are rarely renamed, so possible changes elsewhere don't count.
            Outcome::Answered if matches!(subject, Subject::PlaylistName(_)) => after(subject.max_age()),
            Outcome::Answered if wanted.invalidated_at.max(item_began_at) > Some(asked.at) => {
                // Wait a moment, so that Spotify's queue has advanced, too.
                let began = item_began_at.map_or(Duration::ZERO, |began| began.saturating_duration_since(asked.at));
                after(began.clamp(Duration::from_secs(1), MIN_INTERVAL))
            }
            Outcome::Answered => after(subject.max_age()),
        }
    }
}

/// Whether a failure is a refusal, and its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// It isn't: the failure is temporary.
    None,
    /// Of the subject.
    OfThis,
    /// Of every query of the same kind.
    OfItsKind,
}

impl Refusal {
    fn of(query: &Query, error: &Error) -> Self {
        let is_answer = |status: &u16| (200..300).contains(status);
        match (error, query) {
            (error, _) if error.is_transient() => Self::None,
            // An unreadable success is mostly a page of the local network, such as a captive portal's.
            (Error::Unexpected(status), _) if is_answer(status) => Self::None,
            (
                Error::Account(_)
                | Error::PremiumRequired
                | Error::AppOwnerNeedsPremium
                | Error::NotOnAllowList
                | Error::MissingScope,
                _,
            ) => Self::OfItsKind,
            // There is only one list of devices, and a single URI is only ever refused as malformed.
            (_, Query::Devices) => Self::OfItsKind,
            (Error::Unexpected(status), Query::Saved(_)) if *status != 400 => Self::OfItsKind,
            _ => Self::OfThis,
        }
    }
}

/// Returns how long to wait after a failure that follows `failures` others.
fn retry_after(failures: u32, error: &Error) -> Duration {
    let backoff = RETRY.after(failures.saturating_add(1));
    match error {
        Error::RateLimited { retry_after: Some(wait), .. } => (*wait).max(backoff),
        _ => backoff,
    }
}

#[cfg(test)]
mod tests;
