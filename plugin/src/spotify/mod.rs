//! The Web API: one typed call an endpoint. The only room that knows its addresses.
//!
//! A [`Client`] borrows a token from `auth` for each call, tells `auth` what came of it, and turns every failure into one
//! [`Error`]. It asks again in three cases only, at once and without a state of its own: with a new token if Spotify refuses
//! the first; with the next account, if `auth` has one, where Spotify has refused the call for a reason that lies with the
//! account; and on a new connection where the first was lost, if the call has the same effect twice as once. A refused call
//! was not carried out, so that is safe for commands, too. When to ask again after anything else is the player's decision.

mod error;
mod market;
mod model;
mod uri;

use std::borrow::Cow;
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::{Value, json};
use url::Url;

pub use error::{Error, Restriction};
pub use market::Market;
pub use model::{
    Actions, Collection, Context, Device, DeviceId, Disallows, Image, Item, LinkedFrom, Named, Owner, Page, Playback,
    Played, PlayingType, Profile, Repeat,
};
pub use uri::{Uri, UriError, UriKind};

use crate::auth::{AccessToken, AccountId, AccountIssue, Auth, AuthError, Group, Needs, Outcome, Route, User};
use crate::http::{Http, body};

/// Spotify's Web API.
pub const API_URL: &str = "https://api.spotify.com/v1";

/// More than any answer of ours is long, in bytes and after it was decompressed; a longer one is given up instead of filling
/// the memory.
const LONGEST_ANSWER: usize = 4 << 20;

/// The most that Spotify gives for a kind in a search.
const MOST_FOUND: u32 = 10;
/// The most that Spotify gives of a list at a time.
const PAGE: u32 = 50;
/// How many entries at the end of a playlist are looked through for one that was just added.
const LAST_ENTRIES: u32 = 5;
/// The most URIs that a call about the library may have.
const MAX_LIBRARY_URIS: usize = 40;

/// The calls. Cloning it is cheap.
#[derive(Clone)]
pub struct Client {
    http: Http,
    base: Url,
    auth: Auth,
}

/// An answer with its whole body.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    /// Whether the call was made twice, as the connection was lost the first time.
    repeated: bool,
}

impl Answer {
    /// Why it isn't what was asked for; none for a success.
    fn error(&self) -> Option<Error> {
        if self.status.is_success() {
            return Error::from_success(self.status, &self.headers, &self.body);
        }
        Some(Error::from_answer(self.status, &self.headers, &self.body))
    }

    fn is_empty(&self) -> bool {
        self.body.trim_ascii().is_empty()
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| match error.classify() {
            // It breaks off in the middle, and its headers didn't say how long it is.
            Category::Eof => Error::ConnectionLost,
            _ => Error::Intercepted(self.status.as_u16()),
        })
    }
}

/// Why a call has failed, and whether it may be made again with another account: it was not carried out then.
struct Failure {
    error: Error,
    elsewhere: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let elsewhere = error.lies_with_the_account();
        Self { error, elsewhere }
    }
}

/// One call, before it is sent.
struct Call {
    method: Method,
    path: Cow<'static, str>,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    needs: Needs,
}

impl Call {
    fn new(method: Method, path: impl Into<Cow<'static, str>>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), body: None, needs: Needs::User }
    }

    /// A call that needs no user.
    fn without_user(mut self) -> Self {
        self.needs = Needs::App;
        self
    }

    /// The group that shares a quota with it.
    fn group(&self) -> Group {
        let mut parts = self.path.split('/');
        match (parts.next(), parts.next()) {
            (Some("me"), None) => Group::Profile,
            (Some("me"), Some("player")) => Group::Player,
            (Some("me"), Some("playlists")) | (Some("playlists"), _) => Group::Playlists,
            (Some("me"), Some(_)) => Group::Library,
            _ => Group::Catalog,
        }
    }

    /// What Spotify may shut it by.
    fn route(&self) -> Route {
        let group = self.group();
        let parts: Vec<&str> = self.path.split('/').collect();
        // What stands in the second place is an id, but below `me`.
        let path = match parts.as_slice() {
            ["me", ..] | [_] => self.path.to_string(),
            [kind, _] => format!("{kind}/{{id}}"),
            [kind, _, rest @ ..] => format!("{kind}/{{id}}/{}", rest.join("/")),
            [] => String::new(),
        };
        let needed = self.method != Method::GET || self.path == "me/player";
        let is_extra = !needed && matches!(group, Group::Player | Group::Library | Group::Playlists);
        Route { group, endpoint: format!("{} {path}", self.method).into(), is_extra }
    }

    /// Whether it may be carried out twice with the same effect as once. It is true of GET, PUT and DELETE by
    /// [their definition](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2), and of all that are sent here: there is no
    /// "louder by 5" and no "toggle" among them.
    fn is_repeatable(&self) -> bool {
        self.method != Method::POST
    }

    /// Whether it is a command, which only Premium users may give.
    fn is_command(&self) -> bool {
        self.method != Method::GET && self.group() == Group::Player
    }

    fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// The device that the call is for; without one Spotify takes the active one.
    fn device(self, id: Option<&DeviceId>) -> Self {
        match id {
            Some(id) => self.query("device_id", id.as_str()),
            None => self,
        }
    }

    fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

impl Client {
    /// Calls the Web API at `base` ([`API_URL`] unless in tests) with tokens from `auth`.
    #[must_use]
    pub fn new(http: Http, base: Url, auth: Auth) -> Self {
        Self { http, base, auth }
    }

    /// Handles that the computer has slept, or that its clock was set back by `set_back` (zero: forward): open connections may be
    /// dead, and dates that `auth` remembers belong to another clock.
    pub async fn on_wake(&self, set_back: Duration) {
        self.http.renew();
        self.auth.on_wake(set_back).await;
    }

    /// Returns who has signed in with an account: what [`Auth::set_user`] wants to know.
    /// <https://developer.spotify.com/documentation/web-api/reference/get-current-users-profile>
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn me(&self, account: &AccountId) -> Result<User, Error> {
        let call = Call::new(Method::GET, "me");
        let token = self.auth.token_of(account, call.route()).await.map_err(|error| self.no_token(error))?;
        let profile: Profile = self.attempt(&call, token).await.map_err(|failure| failure.error)?.read()?;
        let account_id = profile.account_id.filter(|id| !id.is_empty());
        let id = Some(profile.id).filter(|id| !id.is_empty()).or_else(|| account_id.clone());
        // Without either, one user would look like any other.
        let id = id.ok_or(Error::Unexpected(StatusCode::OK.as_u16()))?;
        let name = profile.display_name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| id.clone());
        Ok(User { id: id.into(), account_id, name })
    }

    /// What Spotify finds for some words, up to 10 of each kind. Needs no user: it works before anybody has signed in. Podcasts are
    /// those of `market` then; a user's own country counts more.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn search(&self, words: &str, kinds: &[UriKind], market: &Market) -> Result<Vec<Item>, Error> {
        let types: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        let call = Call::new(Method::GET, "search").without_user();
        let mut call = call.query("q", words).query("type", types.join(",")).query("limit", MOST_FOUND);
        // Nothing else is left out for want of a country.
        if kinds.iter().any(|kind| matches!(kind, UriKind::Show | UriKind::Episode)) {
            call = call.query("market", market.as_str());
        }
        Ok(self.send(&call).await?.read::<model::Search>()?.found())
    }

    /// What plays, where and how. None if nothing is active.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn player(&self) -> Result<Option<Playback>, Error> {
        let call = Call::new(Method::GET, "me/player").query("additional_types", "track,episode");
        let answer = self.send(&call).await?;
        // An empty body and `null` have been seen in place of 204.
        if answer.is_empty() { Ok(None) } else { answer.read() }
    }

    /// The devices with Spotify open. One without an id can't be addressed.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn devices(&self) -> Result<Vec<Device>, Error> {
        let answer = self.send(&Call::new(Method::GET, "me/player/devices")).await?;
        Ok(answer.read::<model::Devices>()?.devices)
    }

    /// Moves playback to a device. `play`: whether it then plays; None keeps what it was.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn transfer(&self, device_id: &DeviceId, play: Option<bool>) -> Result<(), Error> {
        let mut body = json!({ "device_ids": [device_id.as_str()] });
        if let Some(play) = play {
            body["play"] = play.into();
        }
        self.write(Call::new(Method::PUT, "me/player").body(body)).await
    }

    /// Goes on with what was playing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn play(&self, device_id: Option<&DeviceId>) -> Result<(), Error> {
        self.write(Call::new(Method::PUT, "me/player/play").device(device_id)).await
    }

    /// Plays a playlist, album, artist or show from its beginning, or one track or episode.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn play_uri(&self, uri: &Uri, device_id: Option<&DeviceId>) -> Result<(), Error> {
        let body =
            if uri.is_single() { json!({ "uris": [uri.as_str()] }) } else { json!({ "context_uri": uri.as_str() }) };
        self.write(Call::new(Method::PUT, "me/player/play").device(device_id).body(body)).await
    }

    /// Plays a user's Liked Songs as a context. Not documented; reported to work since 2024.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn play_liked_context(&self, user: &str, device_id: Option<&DeviceId>) -> Result<(), Error> {
        let body = json!({ "context_uri": format!("spotify:user:{user}:collection") });
        self.write(Call::new(Method::PUT, "me/player/play").device(device_id).body(body)).await
    }

    /// Plays a playlist or an album from this item on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn play_from(&self, context: &Uri, item: &Uri, device_id: Option<&DeviceId>) -> Result<(), Error> {
        let body = json!({ "context_uri": context.as_str(), "offset": { "uri": item.as_str() } });
        self.write(Call::new(Method::PUT, "me/player/play").device(device_id).body(body)).await
    }

    /// What the user has played last, if Spotify knows: a track that was played for half a minute, never an episode.
    /// [Reference](https://developer.spotify.com/documentation/web-api/reference/get-recently-played).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn last_played(&self) -> Result<Option<Played>, Error> {
        let call = Call::new(Method::GET, "me/player/recently-played").query("limit", 1);
        let answer = self.send(&call).await?;
        Ok(answer.read::<model::RecentlyPlayed>()?.items.into_iter().next())
    }

    /// Plays these tracks and episodes, one after the other.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn play_all(&self, uris: &[Uri], device_id: Option<&DeviceId>) -> Result<(), Error> {
        self.write(
            Call::new(Method::PUT, "me/player/play")
                .device(device_id)
                .body(json!({ "uris": uris.iter().map(Uri::as_str).collect::<Vec<_>>() })),
        )
        .await
    }

    /// Pauses.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn pause(&self, device_id: Option<&DeviceId>) -> Result<(), Error> {
        self.write(Call::new(Method::PUT, "me/player/pause").device(device_id)).await
    }

    /// Goes to the next item.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn next(&self, device_id: Option<&DeviceId>) -> Result<(), Error> {
        self.write(Call::new(Method::POST, "me/player/next").device(device_id)).await
    }

    /// Goes to the previous item.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn previous(&self, device_id: Option<&DeviceId>) -> Result<(), Error> {
        self.write(Call::new(Method::POST, "me/player/previous").device(device_id)).await
    }

    /// Goes to a place in the item, in milliseconds from its beginning.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn seek(&self, position_ms: u64, device_id: Option<&DeviceId>) -> Result<(), Error> {
        let call = Call::new(Method::PUT, "me/player/seek").query("position_ms", position_ms);
        self.write(call.device(device_id)).await
    }

    /// Sets what is repeated.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn repeat(&self, repeat: Repeat, device_id: Option<&DeviceId>) -> Result<(), Error> {
        let call = Call::new(Method::PUT, "me/player/repeat").query("state", repeat.name());
        self.write(call.device(device_id)).await
    }

    /// Sets the volume in percent; more than 100 is taken as 100.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn volume(&self, percent: u8, device_id: Option<&DeviceId>) -> Result<(), Error> {
        let call = Call::new(Method::PUT, "me/player/volume").query("volume_percent", percent.min(100));
        self.write(call.device(device_id)).await
    }

    /// Switches shuffle on or off.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn shuffle(&self, on: bool, device_id: Option<&DeviceId>) -> Result<(), Error> {
        let call = Call::new(Method::PUT, "me/player/shuffle").query("state", on);
        self.write(call.device(device_id)).await
    }

    /// What comes next, in its order.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn queue(&self) -> Result<Vec<Item>, Error> {
        let answer = self.send(&Call::new(Method::GET, "me/player/queue")).await?;
        Ok(answer.read::<model::Queue>()?.queue)
    }

    /// Puts a track or an episode behind what the user has put into the queue.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn enqueue(&self, uri: &Uri, device_id: Option<&DeviceId>) -> Result<(), Error> {
        self.write(Call::new(Method::POST, "me/player/queue").query("uri", uri.as_str()).device(device_id)).await
    }

    /// Whether the user has saved each of these, in their order: one call for up to 40 of them.
    ///
    /// # Errors
    /// See [`Error`]. An answer for fewer or more than were asked for is [`Error::Unexpected`].
    pub async fn are_saved(&self, uris: &[Uri]) -> Result<Vec<bool>, Error> {
        let mut saved = Vec::with_capacity(uris.len());
        for asked in uris.chunks(MAX_LIBRARY_URIS) {
            let list = asked.iter().map(Uri::as_str).collect::<Vec<_>>().join(",");
            let answer = self.send(&Call::new(Method::GET, "me/library/contains").query("uris", list)).await?;
            let known: Vec<bool> = answer.read()?;
            if known.len() != asked.len() {
                return Err(Error::Unexpected(answer.status.as_u16()));
            }
            saved.extend(known);
        }
        Ok(saved)
    }

    /// Saves this to the user's library, or removes it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn save(&self, uri: &Uri, saved: bool) -> Result<(), Error> {
        let method = if saved { Method::PUT } else { Method::DELETE };
        self.write(Call::new(method, "me/library").query("uris", uri.as_str())).await
    }

    /// A page of the user's playlists, their own and those that they follow, from this one on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn playlists(&self, offset: u32) -> Result<Page, Error> {
        let call = Call::new(Method::GET, "me/playlists").query("limit", PAGE).query("offset", offset);
        self.send(&call).await?.read()
    }

    /// A page of Liked Songs, the newest first, from this one on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn liked(&self, offset: u32) -> Result<Page, Error> {
        let call = Call::new(Method::GET, "me/tracks").query("limit", PAGE).query("offset", offset);
        Ok(self.send(&call).await?.read::<model::SavedPage>()?.into())
    }

    /// Adds a track or an episode to a playlist, at its end.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn add_to_playlist(&self, playlist: &Uri, uri: &Uri) -> Result<(), Error> {
        let path = format!("playlists/{}/items", playlist.id());
        theirs(self.write(Call::new(Method::POST, path).body(json!({ "uris": [uri.as_str()] }))).await)
    }

    /// Removes a track or an episode from a playlist, wherever it stands in it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remove_from_playlist(&self, playlist: &Uri, uri: &Uri) -> Result<(), Error> {
        let path = format!("playlists/{}/items", playlist.id());
        theirs(self.write(Call::new(Method::DELETE, path).body(json!({ "items": [{ "uri": uri.as_str() }] }))).await)
    }

    /// Whether a track or an episode is among the last few entries of a playlist.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn ends_with(&self, playlist: &Uri, uri: &Uri) -> Result<bool, Error> {
        let entries = |limit: u32, offset: u32| {
            let call = Call::new(Method::GET, format!("playlists/{}/items", playlist.id()));
            call.query("limit", limit).query("offset", offset)
        };
        let total = self.send(&entries(1, 0)).await?.read::<model::SavedPage>()?.total();
        let call = entries(LAST_ENTRIES, total.saturating_sub(LAST_ENTRIES));
        let last = Page::from(self.send(&call).await?.read::<model::SavedPage>()?);
        Ok(last.items.into_iter().flatten().any(|item| item.uri.as_ref() == Some(uri)))
    }

    /// What a URI stands for: its name, who made it, its pictures.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn look_up(&self, uri: &Uri) -> Result<Item, Error> {
        let Some(collection) = uri.kind().collection() else { return Err(Error::Restricted(Restriction::NotPlayable)) };
        let call = Call::new(Method::GET, format!("{collection}/{}", uri.id()));
        let call = match uri.kind() {
            // Spotify wants a user's word for these.
            UriKind::Show | UriKind::Episode => call,
            // Fewer members make a playlist's answer small.
            UriKind::Playlist => call.without_user().query("fields", "uri,type,name,images,owner(display_name)"),
            _ => call.without_user(),
        };
        let answer = self.send(&call).await.map_err(|error| match error {
            // Some of what Spotify has made is there for its own apps only.
            Error::Unexpected(403 | 404) | Error::Restricted(_) => Error::NotShared,
            other => other,
        })?;
        answer.read()
    }

    /// A call whose success says nothing more: the live service answers with text of its own, which isn't read.
    async fn write(&self, call: Call) -> Result<(), Error> {
        self.send(&call).await.map(drop)
    }

    /// Sends a call with whichever account serves it. Gives back only what is a success.
    async fn send(&self, call: &Call) -> Result<Answer, Error> {
        let mut tried: Vec<AccountId> = Vec::new();
        let mut refused = None;
        loop {
            let token = self.auth.token(call.route(), call.needs).await.map_err(|error| self.no_token(error))?;
            let account = token.account().clone();
            if let Some(refused) = refused.take_if(|_| tried.contains(&account)) {
                return Err(refused);
            }
            match self.attempt(call, token).await {
                Ok(answer) => return Ok(answer),
                Err(Failure { error, elsewhere: true }) => refused = Some(error),
                Err(Failure { error, elsewhere: false }) => return Err(error),
            }
            tried.push(account);
        }
    }

    /// Sends a call with this account, with a second token if the first is refused, and tells `auth` what came of it.
    async fn attempt(&self, call: &Call, mut token: AccessToken) -> Result<Answer, Failure> {
        let mut answer = self.send_with(call, &token).await?;
        let mut error = answer.error();
        if error == Some(Error::Account(AuthError::SignInAgain)) {
            // Whatever keeps this account from a new token, the call was refused, so that another one may make it.
            let refused = |error| Failure { error: self.no_token(error), elsewhere: true };
            token = self.auth.renew_rejected(&token).await.map_err(refused)?;
            answer = self.send_with(call, &token).await?;
            error = answer.error();
        }
        if answer.repeated && call.is_command() {
            // "Paused already", mostly: the first one was carried out. What Spotify tells next shows it.
            error.take_if(|error| matches!(error, Error::Restricted(_)));
        }
        let Some(error) = error else {
            self.auth.record_outcome(&token, call.route(), Outcome::Served { command: call.is_command() }).await;
            return Ok(answer);
        };
        let outcome = match &error {
            Error::RateLimited { retry_after, kind } => Some(Outcome::Limited(*kind, *retry_after)),
            Error::PremiumRequired => Some(Outcome::Issue(AccountIssue::UserNeedsPremium)),
            Error::AppOwnerNeedsPremium => Some(Outcome::Issue(AccountIssue::AppOwnerNeedsPremium)),
            Error::NotOnAllowList => Some(Outcome::Issue(AccountIssue::NotOnAllowList)),
            _ => None,
        };
        if let Some(outcome) = outcome {
            self.auth.record_outcome(&token, call.route(), outcome).await;
        }
        tracing::debug!(
            method = %call.method, path = %call.path, status = answer.status.as_u16(), %error, "Spotify refused a call"
        );
        Err(error.into())
    }

    /// Why `auth` has lent no token, with the time to wait if there is one.
    fn no_token(&self, error: AuthError) -> Error {
        match error {
            AuthError::Limited(limit) => {
                Error::RateLimited { retry_after: Some(self.auth.remaining(&limit)), kind: limit.kind }
            }
            other => other.into(),
        }
    }

    /// Sends a call; once more, on a new connection, if the connection was lost under one that may be repeated.
    ///
    /// What never left this computer is sent again by hyper (an idle connection that turns out to be closed before anything
    /// was written), and what a server of HTTP/2 says it hasn't touched by reqwest (GOAWAY, REFUSED_STREAM). Everything
    /// else that breaks off arrives here, and may or may not have been carried out.
    async fn send_with(&self, call: &Call, token: &AccessToken) -> Result<Answer, Error> {
        match self.send_once(call, token).await {
            Err(Error::ConnectionLost) if call.is_repeatable() => {
                // Others that are kept open are as old, and may be as dead.
                self.http.renew();
                Ok(Answer { repeated: true, ..self.send_once(call, token).await? })
            }
            other => other,
        }
    }

    async fn send_once(&self, call: &Call, token: &AccessToken) -> Result<Answer, Error> {
        let base = self.base.as_str().trim_end_matches('/');
        let http = self.http.client().await.map_err(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "no call to Spotify is possible");
            Error::Offline
        })?;
        let mut request = http
            .request(call.method.clone(), format!("{base}/{}", call.path))
            .query(&call.query)
            .bearer_auth(token.bearer().expose());
        request = match &call.body {
            Some(body) => request.json(body),
            // A PUT or POST without a length is refused by some servers.
            None if call.method != Method::GET => request.header(CONTENT_LENGTH, 0),
            None => request,
        };
        self.auth.record_sent(token, call.group()).await;
        let lost = |error: reqwest::Error| {
            let sorted = Error::from_transport(&error);
            tracing::debug!(path = %call.path, error = %error.without_url(), "Spotify was not reached");
            sorted
        };
        let answer = request.send().await.map_err(lost)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = body(answer, LONGEST_ANSWER).await.map_err(lost)?;
        // Nothing of the Web API's is so long.
        let body = body.ok_or(Error::Intercepted(status.as_u16()))?;
        Ok(Answer { status, headers, body, repeated: false })
    }
}

/// A playlist that may not be changed is somebody else's.
fn theirs(result: Result<(), Error>) -> Result<(), Error> {
    result.map_err(|error| match error {
        Error::Restricted(Restriction::Other) | Error::Unexpected(403) => {
            Error::Restricted(Restriction::NotYourPlaylist)
        }
        other => other,
    })
}

#[cfg(test)]
mod several;
#[cfg(test)]
mod tests;
