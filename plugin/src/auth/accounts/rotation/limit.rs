//! Limits: their kinds, and how their ends are extended and read from a file.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::auth::accounts::dates::{LONGEST_LIMIT, is_ahead, later_end};
use crate::unix_time::UnixTime;

/// Calls that share a quota. Spotify doesn't publish its buckets; these follow what users report: one can be used up while
/// others still answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Group {
    /// What plays, and every command about it.
    Player,
    /// Liked Songs and the rest of the library.
    Library,
    /// Playlists.
    Playlists,
    /// Search and public facts about tracks, albums, artists, shows.
    Catalog,
    /// The signed-in user.
    Profile,
}

/// The two kinds of 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LimitKind {
    /// Too many calls in the last 30 s; ends in seconds.
    Throttle,
    /// The quota of the developer account is used up; ends in hours.
    Quota,
}

/// A time during which Spotify must not be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its end.
    pub until: UnixTime,
    /// Its kind.
    pub kind: LimitKind,
}

impl Limit {
    /// The limit with this end, unless that has passed.
    pub(super) fn if_ahead(until: UnixTime, kind: LimitKind, now: UnixTime) -> Option<Self> {
        is_ahead(until, now, LONGEST_LIMIT).then_some(Self { until, kind })
    }
}

/// The shortest limit: Spotify asks to wait for 0 s at times, and would refuse a call that is repeated at once.
const SHORTEST_LIMIT: Duration = Duration::from_secs(1);

/// Extends a limit to `wait` from now. Calls that were sent together may be answered in any order: the latest end counts.
pub(super) fn extend(until: &mut UnixTime, now: UnixTime, wait: Duration) {
    let new = now + wait.clamp(SHORTEST_LIMIT, LONGEST_LIMIT);
    *until = later_end(*until, new, now);
}

/// Reads any value as the default if it isn't of its type.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// Reads a map without the entries that aren't of its types, such as those of a group that only a newer version has.
pub(super) fn lenient_map<'de, D, K, T>(deserializer: D) -> Result<BTreeMap<K, T>, D::Error>
where
    D: Deserializer<'de>,
    K: DeserializeOwned + Ord,
    T: DeserializeOwned,
{
    let Value::Object(members) = Value::deserialize(deserializer)? else { return Ok(BTreeMap::new()) };
    let entries = members.into_iter().filter_map(|(key, value)| {
        let key = serde_json::from_value(Value::String(key)).ok()?;
        Some((key, serde_json::from_value(value).ok()?))
    });
    Ok(entries.collect())
}
