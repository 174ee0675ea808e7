//! Calls that are refused while others of the same app are served.
//!
//! A 429 names no scope. The first one of an endpoint is taken at its word and shuts the app. When the same endpoint is
//! refused again after the time that Spotify has asked for, and nothing else was, the refusal is about that endpoint: it
//! alone is shut, each time for longer, and all other calls go on.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::num::Saturating;
use std::time::Duration;

use host_sdk::backoff::Backoff;
use serde::{Deserialize, Serialize};

use super::limit::{Group, Limit, LimitKind, ahead, lenient, lenient_map, millis, prolong};

/// How many endpoints are remembered for an app: more than there are.
const MOST: usize = 48;
/// Guesses for throttles in a row whose `Retry-After` is missing.
const GUESS: Backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(300));
/// The longest time by which an endpoint that is refused alone is backed off.
const LONGEST_BACKOFF: Duration = Duration::from_secs(3_600);
/// A limit this long after the end of the one before is a new beginning, not the next in a row.
const FORGET: Duration = Duration::from_secs(600);
/// The same for an endpoint that was refused alone, which may not be asked for hours.
const FORGET_ALONE: Duration = Duration::from_secs(24 * 3_600);

/// What is remembered of an endpoint that was refused. Times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refused {
    group: Group,
    kind: LimitKind,
    /// The end of the wait, also of one that shuts the whole app.
    #[serde(default, deserialize_with = "lenient")]
    until: Saturating<u64>,
    /// Whether the wait is this endpoint's alone.
    #[serde(default, deserialize_with = "lenient")]
    alone: bool,
    /// How many refusals there were in a row.
    #[serde(default, deserialize_with = "lenient")]
    in_a_row: Saturating<u32>,
    /// Whether Spotify said how long to wait.
    #[serde(skip)]
    has_retry_after: bool,
    /// Whether another endpoint was served since.
    #[serde(skip)]
    others_served: bool,
}

/// The endpoints of an app that were refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Endpoints {
    #[serde(deserialize_with = "lenient_map")]
    refused: BTreeMap<String, Refused>,
    /// The one that was refused last, unless it was served since.
    #[serde(skip)]
    last: Option<String>,
}

impl Endpoints {
    /// Returns what shuts an endpoint alone, if anything does.
    pub fn limit(&self, now_ms: u64, endpoint: &str) -> Option<Limit> {
        self.refused.get(endpoint)?.limit(now_ms)
    }

    /// Returns all that is shut alone, by the group of the endpoint.
    pub fn limits(&self, now_ms: u64) -> impl Iterator<Item = (Group, Limit)> {
        self.refused.values().filter_map(move |refused| Some((refused.group, refused.limit(now_ms)?)))
    }

    /// Records that a call was served.
    pub fn on_served(&mut self, now_ms: u64, endpoint: &str) {
        self.last.take_if(|last| last == endpoint);
        // One that was refused alone is soon suspected again; for any other all is forgotten.
        if let Some(refused) = self.refused.get_mut(endpoint) {
            if refused.alone {
                refused.in_a_row = Saturating(1);
                refused.until = Saturating(now_ms);
            } else {
                self.refused.remove(endpoint);
            }
        }
        for (_, refused) in self.refused.iter_mut().filter(|(name, _)| *name != endpoint) {
            refused.others_served = true;
        }
    }

    /// Records a throttle. Returns how long the whole app is to wait, or None if the endpoint alone is.
    pub fn on_throttle(
        &mut self,
        now_ms: u64,
        group: Group,
        endpoint: &str,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        let is_last = self.last.as_deref() == Some(endpoint);
        self.last = Some(endpoint.to_owned());
        let refused = self.entry(now_ms, group, LimitKind::Throttle, endpoint);
        // A call that was under way already when the one before was refused means nothing new.
        if !ahead(refused.until, now_ms) {
            refused.alone = refused.in_a_row.0 > 0 && (refused.others_served || (is_last && refused.has_retry_after));
            refused.in_a_row += 1;
            refused.others_served = false;
        }
        refused.has_retry_after = retry_after.is_some();
        let wait = retry_after.unwrap_or_else(|| GUESS.after(refused.in_a_row.0));
        if refused.alone {
            let backed_off = Backoff::new(wait, LONGEST_BACKOFF).after(refused.in_a_row.0.saturating_sub(1));
            prolong(&mut refused.until, now_ms, wait.max(backed_off));
            return None;
        }
        prolong(&mut refused.until, now_ms, wait);
        Some(wait)
    }

    /// Records that the quota of an endpoint is used up, for this endpoint alone.
    pub fn on_quota(&mut self, now_ms: u64, group: Group, endpoint: &str, wait: Duration) {
        let refused = self.entry(now_ms, group, LimitKind::Quota, endpoint);
        refused.alone = true;
        prolong(&mut refused.until, now_ms, wait);
    }

    fn entry(&mut self, now_ms: u64, group: Group, kind: LimitKind, endpoint: &str) -> &mut Refused {
        self.refused.retain(|_, refused| !refused.is_over(now_ms));
        let new = Refused {
            group,
            kind,
            until: Saturating(0),
            alone: false,
            in_a_row: Saturating(0),
            has_retry_after: false,
            others_served: false,
        };
        let refused = self.refused.entry(endpoint.to_owned()).or_insert(new);
        refused.kind = kind;
        refused
    }

    /// Takes in what another copy of the package has written down: of two limits the later one.
    pub fn take_in(&mut self, later: impl Fn(Saturating<u64>, Saturating<u64>) -> Saturating<u64>, other: Self) {
        for (endpoint, theirs) in other.refused {
            let has_room = self.refused.len() < MOST;
            match self.refused.entry(endpoint) {
                Entry::Occupied(mut place) => {
                    let ours = place.get_mut();
                    let until = later(ours.until, theirs.until);
                    if until != ours.until {
                        *ours = Refused { until, ..theirs };
                    }
                }
                Entry::Vacant(place) if has_room => drop(place.insert(theirs)),
                Entry::Vacant(_) => {}
            }
        }
    }

    pub fn set_back(&mut self, by_ms: u64) {
        self.refused.values_mut().for_each(|refused| refused.until -= by_ms);
    }

    /// Drops what has no effect any more, and what is too much.
    pub fn tidy(&mut self, now_ms: u64) {
        self.refused.retain(|_, refused| !refused.is_over(now_ms));
        while self.refused.len() > MOST {
            self.refused.pop_last();
        }
    }

    pub fn is_empty(&self) -> bool {
        self.refused.is_empty()
    }
}

impl Refused {
    fn limit(&self, now_ms: u64) -> Option<Limit> {
        (self.alone && ahead(self.until, now_ms)).then_some(Limit { until_ms: self.until.0, kind: self.kind })
    }

    fn is_over(&self, now_ms: u64) -> bool {
        let forget = if self.alone { FORGET_ALONE } else { FORGET };
        !ahead(self.until, now_ms) && (self.until + Saturating(millis(forget))).0 < now_ms
    }
}
