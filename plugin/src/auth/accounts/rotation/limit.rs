//! Limits: what is shut, until when, and how their ends are read and prolonged.

use std::collections::BTreeMap;
use std::num::Saturating;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Calls that share a quota. Spotify doesn't publish its buckets; these follow what users report: one can be shut while
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
    /// Who has signed in.
    Profile,
}

/// The two kinds of 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LimitKind {
    /// Too many calls in the last 30 s; over in seconds.
    Throttle,
    /// The quota of the developer account is used up; over in hours.
    Quota,
}

/// A time during which Spotify doesn't want to hear from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Unix milliseconds of its end.
    pub until_ms: u64,
    /// Why.
    pub kind: LimitKind,
}

/// Spotify says "0" at times; asking again at once would only be refused again.
pub(super) const SHORTEST: Duration = Duration::from_secs(1);
/// Longer than any measured answer (a day); what goes beyond is taken for a mistake.
pub(super) const LONGEST: Duration = Duration::from_secs(48 * 3600);
/// True for an end that is still to come. A clock that was set back must not make a limit longer than any that Spotify
/// gives.
pub(super) fn ahead(until: Saturating<u64>, now_ms: u64) -> bool {
    until.0 > now_ms && until.0 - now_ms <= millis(LONGEST)
}

/// Answers to calls that were under way together may arrive in any order: the latest end counts.
pub(super) fn prolong(until: &mut Saturating<u64>, now_ms: u64, wait: Duration) {
    let new = Saturating(now_ms) + Saturating(millis(wait.clamp(SHORTEST, LONGEST)));
    if !ahead(*until, now_ms) || *until < new {
        *until = new;
    }
}

/// Any value, or the default if it isn't what it should be.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// A map without the entries that aren't what they should be, such as those of a group that only a newer version has.
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

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
