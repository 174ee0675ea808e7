//! Checks requests against the Web API's contract, independently of their answers: query members and their ranges, the kinds
//! of URIs, and a body only where one is expected. Violations are recorded in
//! [`Request::violations`](crate::Request::violations).

use serde_json::{Map, Value};

use crate::connections::Protocol;

/// The kinds that can be searched for.
const SEARCHABLE: [&str; 7] = ["album", "artist", "playlist", "track", "show", "episode", "audiobook"];
/// The kinds that can be played as a context.
const CONTEXTS: [&str; 4] = ["album", "artist", "playlist", "show"];
/// The kinds of single items, which playlists contain.
const ITEMS: [&str; 2] = ["track", "episode"];
/// The kinds that can be saved.
const SAVABLE: [&str; 5] = ["track", "album", "episode", "show", "playlist"];
/// The largest offset of a list.
const MAX_OFFSET: u64 = 100_000;
/// The maximum length of a search query in characters.
const MAX_QUERY: usize = 100;

/// The parts of a request that the contract concerns.
pub(crate) struct Call<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a [(String, String)],
    pub body: &'a [u8],
    /// Whether its headers tell the length of its body.
    pub has_length: bool,
    pub protocol: Protocol,
}

impl Call<'_> {
    /// Returns whether servers may refuse it because the length of its body is unknown. HTTP/2 always transmits it.
    pub fn lacks_length(&self) -> bool {
        matches!(self.method, "PUT" | "POST") && !self.has_length && self.protocol == Protocol::Http1
    }

    /// Returns its violations of the contract; none if it isn't a call of the Web API.
    pub fn violations(&self) -> Vec<String> {
        let Some(path) = self.path.strip_prefix("/v1/") else { return Vec::new() };
        let mut found = Vec::new();
        if self.lacks_length() {
            found.push("a body of unknown length".to_owned());
        }
        let parts: Vec<&str> = path.split('/').collect();
        let Some(members) = members(self.method, &parts) else {
            found.push("no such call".to_owned());
            return found.into_iter().map(|violation| self.describe(&violation)).collect();
        };
        for (index, (name, value)) in self.query.iter().enumerate() {
            if !members.iter().any(|member| member.trim_end_matches('!') == name) {
                found.push(format!("query member {name} is not known"));
            } else if !is_valid(path, name, value) {
                found.push(format!("query member {name} can't be {value:?}"));
            }
            if self.query[..index].iter().any(|(before, _)| before == name) {
                found.push(format!("query member {name} is duplicated"));
            }
        }
        let required = members.iter().filter_map(|member| member.strip_suffix('!'));
        for name in required.filter(|name| !self.query.iter().any(|(present, _)| present == name)) {
            found.push(format!("query member {name} is missing"));
        }
        found.extend(self.body_violation(&parts));
        found.into_iter().map(|violation| self.describe(&violation)).collect()
    }

    fn describe(&self, violation: &str) -> String {
        format!("{} {}: {violation}", self.method, self.path)
    }

    fn body_violation(&self, parts: &[&str]) -> Option<String> {
        let body: Option<Map<String, Value>> = match self.body {
            [] => None,
            body => match serde_json::from_slice(body) {
                Ok(body) => Some(body),
                Err(_) => return Some("the body is no JSON object".to_owned()),
            },
        };
        let check: fn(&Map<String, Value>) -> bool = match (self.method, parts) {
            ("PUT", ["me", "player"]) => is_transfer_body,
            ("PUT", ["me", "player", "play"]) => {
                return body.filter(|body| !is_play_body(body)).map(|body| format!("a body of {body:?}"));
            }
            ("POST", ["playlists", _, "items"]) => is_add_body,
            ("DELETE", ["playlists", _, "items"]) => is_remove_body,
            _ => return body.map(|_| "a body where none belongs".to_owned()),
        };
        match body {
            None => Some("no body".to_owned()),
            Some(body) => (!check(&body)).then(|| format!("a body of {body:?}")),
        }
    }
}

/// Returns the query members of a call, required ones with a "!" at the end, or `None` for a call that isn't open to the
/// package.
fn members(method: &str, parts: &[&str]) -> Option<&'static [&'static str]> {
    Some(match (method, parts) {
        ("GET", ["me"] | ["me", "player", "devices" | "queue"]) | ("PUT", ["me", "player"]) => &[],
        ("GET", ["me", "player"] | ["me", "player", "currently-playing"]) => &["market", "additional_types"],
        ("PUT", ["me", "player", "play" | "pause"]) | ("POST", ["me", "player", "next" | "previous"]) => &["device_id"],
        ("PUT", ["me", "player", "seek"]) => &["position_ms!", "device_id"],
        ("PUT", ["me", "player", "repeat" | "shuffle"]) => &["state!", "device_id"],
        ("PUT", ["me", "player", "volume"]) => &["volume_percent!", "device_id"],
        ("POST", ["me", "player", "queue"]) => &["uri!", "device_id"],
        ("GET", ["me", "player", "recently-played"]) => &["limit", "after", "before"],
        ("PUT" | "DELETE", ["me", "library"]) | ("GET", ["me", "library", "contains"]) => &["uris!"],
        ("GET", ["me", "tracks"]) => &["limit", "offset", "market"],
        ("GET", ["me", "playlists"]) => &["limit", "offset"],
        ("GET", ["playlists", id]) if is_id(id) => &["market", "fields", "additional_types"],
        ("GET", ["playlists", id, "items"]) if is_id(id) => {
            &["market", "fields", "limit", "offset", "additional_types"]
        }
        ("POST" | "DELETE", ["playlists", id, "items"]) if is_id(id) => &[],
        ("GET", ["search"]) => &["q!", "type!", "market", "limit", "offset", "include_external"],
        ("GET", ["artists", id]) if is_id(id) => &[],
        ("GET", ["tracks" | "albums" | "shows" | "episodes", id]) if is_id(id) => &["market"],
        _ => return None,
    })
}

/// Returns whether a query member can have this value.
fn is_valid(path: &str, name: &str, value: &str) -> bool {
    let within = |min: u64, max: u64| value.parse().is_ok_and(|number: u64| (min..=max).contains(&number));
    let is_list_of = |known: &[&str]| {
        let parts: Vec<&str> = value.split(',').collect();
        let unique = parts.iter().enumerate().all(|(index, part)| !parts[..index].contains(part));
        unique && parts.iter().all(|part| known.contains(part))
    };
    match name {
        "market" => value.len() == 2 && value.bytes().all(|letter| letter.is_ascii_uppercase()),
        "additional_types" => is_list_of(&ITEMS),
        "device_id" => {
            !value.is_empty() && value.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_.:".contains(sign))
        }
        "position_ms" => within(0, u64::MAX),
        "volume_percent" => within(0, 100),
        "state" if path.ends_with("shuffle") => matches!(value, "true" | "false"),
        "state" => matches!(value, "off" | "context" | "track"),
        "uri" => is_uri(value, &ITEMS),
        "uris" => (1..=40).contains(&value.split(',').count()) && value.split(',').all(|uri| is_uri(uri, &SAVABLE)),
        "limit" if path == "search" => within(1, 10),
        "limit" => within(1, 50),
        "offset" => within(0, if path == "search" { 1_000 } else { MAX_OFFSET }),
        "after" | "before" => within(0, u64::MAX),
        "q" => (1..=MAX_QUERY).contains(&value.chars().count()) && !value.trim().is_empty(),
        "type" => is_list_of(&SEARCHABLE),
        _ => !value.is_empty(),
    }
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|sign| sign.is_ascii_alphanumeric())
}

fn is_uri(uri: &str, kinds: &[&str]) -> bool {
    matches!(*uri.split(':').collect::<Vec<_>>(), ["spotify", kind, id] if kinds.contains(&kind) && is_id(id))
}

/// Returns whether an object has no other members than these.
fn has_only(body: &Map<String, Value>, names: &[&str]) -> bool {
    body.keys().all(|name| names.contains(&name.as_str()))
}

/// Returns whether a value is a list of 1 to `max` URIs of items.
fn is_uri_list(value: Option<&Value>, max: usize) -> bool {
    let uris = value.and_then(Value::as_array);
    uris.is_some_and(|uris| {
        (1..=max).contains(&uris.len()) && uris.iter().all(|uri| uri.as_str().is_some_and(|uri| is_uri(uri, &ITEMS)))
    })
}

fn is_transfer_body(body: &Map<String, Value>) -> bool {
    let ids = body.get("device_ids").and_then(Value::as_array);
    let one = ids.is_some_and(|ids| ids.len() == 1 && ids[0].as_str().is_some_and(|id| is_valid("", "device_id", id)));
    one && body.get("play").is_none_or(Value::is_boolean) && has_only(body, &["device_ids", "play"])
}

fn is_play_body(body: &Map<String, Value>) -> bool {
    let context = body.get("context_uri").map(|uri| {
        uri.as_str().is_some_and(|uri| {
            is_uri(uri, &CONTEXTS) || uri.starts_with("spotify:user:") || uri.contains(":collection")
        })
    });
    let tracks = body.get("uris").map(|uris| is_uri_list(Some(uris), super::api::MAX_URIS));
    let at_most_one = !(context.is_some() && tracks.is_some()) && context.unwrap_or(true) && tracks.unwrap_or(true);
    let known = has_only(body, &["context_uri", "uris", "offset", "position_ms"]);
    at_most_one && known && body.get("position_ms").is_none_or(Value::is_u64)
}

fn is_add_body(body: &Map<String, Value>) -> bool {
    is_uri_list(body.get("uris"), 100)
        && body.get("position").is_none_or(Value::is_u64)
        && has_only(body, &["uris", "position"])
}

fn is_remove_body(body: &Map<String, Value>) -> bool {
    // The user's local files can be removed, too.
    let is_removable = |uri: &str| is_uri(uri, &ITEMS) || uri.starts_with("spotify:local:");
    let items = body.get("items").and_then(Value::as_array);
    let is_valid_item = |item: &Value| item.get("uri").and_then(Value::as_str).is_some_and(is_removable);
    items.is_some_and(|items| (1..=100).contains(&items.len()) && items.iter().all(is_valid_item))
        && has_only(body, &["items", "snapshot_id"])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(method: &str, address: &str, body: &str) -> usize {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let query: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let path = format!("/v1/{path}");
        let call = Call {
            method,
            path: &path,
            query: &query,
            body: body.as_bytes(),
            has_length: true,
            protocol: Protocol::Http1,
        };
        call.violations().len()
    }

    #[test]
    fn valid_requests_have_no_violations() {
        for (method, address, body) in [
            ("GET", "me/player?additional_types=track,episode", ""),
            ("PUT", "me/player/play?device_id=5fbb_1", r#"{"context_uri":"spotify:album:a"}"#),
            ("PUT", "me/player/play", r#"{"uris":["spotify:track:a","spotify:episode:b"]}"#),
            ("PUT", "me/player/play", ""),
            ("PUT", "me/player", r#"{"device_ids":["a"],"play":true}"#),
            ("GET", "me/library/contains?uris=spotify:track:a,spotify:album:b", ""),
            ("GET", "me/playlists?limit=50&offset=100000", ""),
            ("DELETE", "playlists/a/items", r#"{"items":[{"uri":"spotify:track:a"}]}"#),
            ("GET", "search?q=a&type=track,show&limit=10&market=DE", ""),
        ] {
            assert_eq!(violations(method, address, body), 0, "{method} {address}");
        }
    }

    #[test]
    fn invalid_requests_have_violations() {
        let long = format!("search?q={}&type=track", "a".repeat(101));
        for (method, address, body) in [
            ("GET", "me/top/tracks", ""),
            ("GET", "me/player?fields=a", ""),
            ("PUT", "me/player/volume?volume_percent=101", ""),
            ("PUT", "me/player/volume", ""),
            ("PUT", "me/player/pause?device_id=a%20b", ""),
            ("PUT", "me/player/pause", "{}"),
            ("PUT", "me/player", ""),
            ("PUT", "me/player", r#"{"device_ids":["a","b"]}"#),
            ("PUT", "me/player/play", r#"{"context_uri":"spotify:track:a"}"#),
            ("PUT", "me/player/play", r#"{"context_uri":"spotify:album:a","uris":["spotify:track:a"]}"#),
            ("PUT", "me/library?uris=hello,%20world", ""),
            ("PUT", "me/library?uris=spotify:artist:a", ""),
            ("POST", "me/player/queue?uri=spotify:album:a", ""),
            ("POST", "playlists/a%2Fb/items", r#"{"uris":["spotify:track:a"]}"#),
            ("POST", "playlists/a/items", r#"{"uris":["spotify:album:a"]}"#),
            ("GET", "me/playlists?offset=100001", ""),
            ("GET", "search?q=a&type=track&limit=11", ""),
            ("GET", "search?q=a&type=track,track", ""),
            ("GET", "search?q=a&type=hologram", ""),
            ("GET", "search?q=a&type=track&market=de", ""),
            ("GET", long.as_str(), ""),
        ] {
            assert!(violations(method, address, body) > 0, "{method} {address}");
        }
    }
}
