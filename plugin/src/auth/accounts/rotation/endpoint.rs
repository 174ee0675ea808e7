//! Endpoints that are refused while others of the same app are served.
//!
//! A 429 names no scope. The first one of an endpoint limits the whole app. When the same endpoint is refused again after the
//! time that Spotify has asked for, and nothing else was, the refusal is about that endpoint: it alone is limited, each time
//! for longer, and all other calls are served.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::num::Saturating;
use std::time::Duration;

use host_sdk::backoff::Backoff;
use serde::{Deserialize, Serialize};

use super::limit::{Group, Limit, LimitKind, extend, lenient, lenient_map};
use crate::auth::accounts::dates::{LONGEST_LIMIT, is_ahead, later_end};
use crate::unix_time::UnixTime;

/// The most endpoints that are remembered of an app: more than there are.
const MOST_ENDPOINTS: usize = 48;
/// Guesses for throttles in a row whose `Retry-After` is missing.
const GUESS: Backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(300));
/// The longest time by which an endpoint that is refused alone is backed off.
const LONGEST_BACKOFF: Duration = Duration::from_secs(3_600);
/// A refusal this long after the end of the one before is a first one, not the next in a row.
const FORGET: Duration = Duration::from_secs(600);
/// The same for an endpoint that was refused alone, which may not be called for hours.
const FORGET_ALONE: Duration = Duration::from_secs(24 * 3_600);

/// An endpoint that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refused {
    group: Group,
    kind: LimitKind,
    /// The end of the wait, also of one of the whole app.
    #[serde(default, deserialize_with = "lenient")]
    until: UnixTime,
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
    /// Returns the limit of an endpoint alone, if it has one.
    pub fn limit(&self, now: UnixTime, endpoint: &str) -> Option<Limit> {
        self.refused.get(endpoint)?.limit(now)
    }

    /// Returns the limits of endpoints alone, with the endpoint's group.
    pub fn limits(&self, now: UnixTime) -> impl Iterator<Item = (Group, Limit)> {
        self.refused.values().filter_map(move |refused| Some((refused.group, refused.limit(now)?)))
    }

    /// Records that a call was served.
    pub fn on_served(&mut self, now: UnixTime, endpoint: &str) {
        self.last.take_if(|last| last == endpoint);
        // One that was refused alone is limited alone at its next refusal; any other starts over.
        if let Some(refused) = self.refused.get_mut(endpoint) {
            if refused.alone {
                refused.in_a_row = Saturating(1);
                refused.until = now;
            } else {
                self.refused.remove(endpoint);
            }
        }
        for (_, refused) in self.refused.iter_mut().filter(|(name, _)| *name != endpoint) {
            refused.others_served = true;
        }
    }

    /// Records a throttle. Returns how long the whole app is to wait, or None if only the endpoint is.
    pub fn on_throttle(
        &mut self,
        now: UnixTime,
        group: Group,
        endpoint: &str,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        let is_last = self.last.as_deref() == Some(endpoint);
        self.last = Some(endpoint.to_owned());
        let refused = self.entry(now, group, LimitKind::Throttle, endpoint);
        // A call that had been sent already when the one before was refused proves nothing.
        if !refused.is_waiting(now) {
            refused.alone = refused.in_a_row.0 > 0 && (refused.others_served || (is_last && refused.has_retry_after));
            refused.in_a_row += 1;
            refused.others_served = false;
        }
        refused.has_retry_after = retry_after.is_some();
        let wait = retry_after.unwrap_or_else(|| GUESS.after(refused.in_a_row.0));
        if refused.alone {
            let backed_off = Backoff::new(wait, LONGEST_BACKOFF).after(refused.in_a_row.0.saturating_sub(1));
            extend(&mut refused.until, now, wait.max(backed_off));
            return None;
        }
        extend(&mut refused.until, now, wait);
        Some(wait)
    }

    /// Records that a quota is used up for this endpoint alone.
    pub fn on_quota(&mut self, now: UnixTime, group: Group, endpoint: &str, wait: Duration) {
        let refused = self.entry(now, group, LimitKind::Quota, endpoint);
        refused.alone = true;
        extend(&mut refused.until, now, wait);
    }

    fn entry(&mut self, now: UnixTime, group: Group, kind: LimitKind, endpoint: &str) -> &mut Refused {
        self.refused.retain(|_, refused| !refused.is_over(now));
        let new = Refused {
            group,
            kind,
            until: UnixTime::default(),
            alone: false,
            in_a_row: Saturating(0),
            has_retry_after: false,
            others_served: false,
        };
        let refused = self.refused.entry(endpoint.to_owned()).or_insert(new);
        refused.kind = kind;
        refused
    }

    /// Merges with what another copy of the package has saved: of two limits the later one counts.
    pub fn merge(&mut self, now: UnixTime, other: Self) {
        for (endpoint, theirs) in other.refused {
            let is_full = self.refused.len() >= MOST_ENDPOINTS;
            match self.refused.entry(endpoint) {
                Entry::Occupied(mut entry) => {
                    let ours = entry.get_mut();
                    if later_end(ours.until, theirs.until, now) != ours.until {
                        *ours = theirs;
                    }
                }
                Entry::Vacant(_) if is_full => {}
                Entry::Vacant(entry) => drop(entry.insert(theirs)),
            }
        }
    }

    /// Returns all dates, to be changed.
    pub fn dates_mut(&mut self) -> impl Iterator<Item = &mut UnixTime> {
        self.refused.values_mut().map(|refused| &mut refused.until)
    }

    /// Drops what has no effect any more, and what exceeds the bound.
    pub fn tidy(&mut self, now: UnixTime) {
        self.refused.retain(|_, refused| !refused.is_over(now));
        while self.refused.len() > MOST_ENDPOINTS {
            self.refused.pop_last();
        }
    }

    pub fn is_empty(&self) -> bool {
        self.refused.is_empty()
    }
}

impl Refused {
    fn limit(&self, now: UnixTime) -> Option<Limit> {
        Limit::if_ahead(self.until, self.kind, now).filter(|_| self.alone)
    }

    fn is_waiting(&self, now: UnixTime) -> bool {
        is_ahead(self.until, now, LONGEST_LIMIT)
    }

    fn is_over(&self, now: UnixTime) -> bool {
        let forget = if self.alone { FORGET_ALONE } else { FORGET };
        !self.is_waiting(now) && self.until + forget < now
    }
}
