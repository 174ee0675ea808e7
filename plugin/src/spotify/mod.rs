//! The Web API: one typed call an endpoint. The only room that knows its addresses.
//!
//! A [`Client`] borrows a token from `auth` for each call, tells `auth` what came of it, and turns every failure into one
//! [`Error`]. It asks again in two cases only, at once and without a state of its own: with a new token if Spotify refuses
//! the first, and with the next account, if `auth` has one, where Spotify has refused the call for a reason that lies with
//! the account. A refused call was not carried out, so that is safe for commands, too. When to ask again after anything
//! else is the player's decision.

mod error;
mod model;
mod uri;

use std::borrow::Cow;

use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

pub use error::{Error, Restriction};
pub use model::{
    Actions, Collection, Context, Device, Disallows, Image, Item, Named, Owner, Page, Playback, PlayingType, Profile,
    Repeat,
};
pub use uri::{Uri, UriKind};

use crate::auth::{AccessToken, Auth, AuthError, Group, Needs, Outcome, Route, Trouble, User};
use crate::http::Http;

/// Spotify's Web API.
pub const API_URL: &str = "https://api.spotify.com/v1";

/// More than any answer of ours is long; a longer one is cut off instead of filling the memory.
const LONGEST_ANSWER: usize = 4 << 20;

/// The most that Spotify gives for a kind in a search.
const MOST_FOUND: u32 = 10;
/// The most that Spotify gives of a list at a time.
const PAGE: u32 = 50;
/// The most URIs that a call about the library may have.
const MAX_LIBRARY_URIS: usize = 40;

/// The calls. Cloning it is cheap.
#[derive(Clone)]
pub struct Client {
    http: Http,
    base: Url,
    auth: Auth,
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

    /// Whether it is a command, which only Premium users may give.
    fn is_command(&self) -> bool {
        self.method != Method::GET && self.group() == Group::Player
    }

    fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// The device that the call is for; without one Spotify takes the active one.
    fn device(self, id: Option<&str>) -> Self {
        match id {
            Some(id) => self.query("device_id", id),
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

    /// Says that the computer has slept, or that its clock was set, back by `set_back_ms` (0: forward): connections of
    /// before may be dead, and `auth` remembers moments that were told by another clock.
    pub fn woke(&self, set_back_ms: u64) {
        self.http.renew();
        self.auth.woke(set_back_ms);
    }

    /// Returns who has signed in with an account: what `Auth::identified` wants to know.
    /// <https://developer.spotify.com/documentation/web-api/reference/get-current-users-profile>
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn me(&self, account: &str) -> Result<User, Error> {
        let call = Call::new(Method::GET, "me");
        let token = self.auth.token_of(account, call.route()).await.map_err(|error| self.no_token(error))?;
        let profile: Profile = read(self.attempt(&call, token).await.map_err(|failure| failure.error)?).await?;
        let account_id = profile.account_id.filter(|id| !id.is_empty());
        let id = Some(profile.id).filter(|id| !id.is_empty()).or_else(|| account_id.clone());
        // Without either, one user would look like any other.
        let id = id.ok_or(Error::Unexpected(StatusCode::OK.as_u16()))?;
        let name = profile.display_name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| id.clone());
        Ok(User { id, account_id, name })
    }

    /// What Spotify finds for some words, up to 10 of each kind. Needs no user: it works before anybody has signed in.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn search(&self, words: &str, kinds: &[UriKind]) -> Result<Vec<Item>, Error> {
        let types: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        let call = Call::new(Method::GET, "search").without_user();
        let call = call.query("q", words).query("type", types.join(",")).query("limit", MOST_FOUND);
        Ok(read::<model::Search>(self.send(&call).await?).await?.found())
    }

    /// What plays, where and how. None if nothing is active.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn player(&self) -> Result<Option<Playback>, Error> {
        let call = Call::new(Method::GET, "me/player").query("additional_types", "track,episode");
        let answer = self.send(&call).await?;
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        read(answer).await
    }

    /// The devices with Spotify open. One without an id can't be addressed.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn devices(&self) -> Result<Vec<Device>, Error> {
        let answer = self.send(&Call::new(Method::GET, "me/player/devices")).await?;
        Ok(read::<model::Devices>(answer).await?.devices)
    }

    /// Moves playback to a device. `play`: whether it then plays; None keeps what it was.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn transfer(&self, device_id: &str, play: Option<bool>) -> Result<(), Error> {
        let mut body = json!({ "device_ids": [device_id] });
        if let Some(play) = play {
            body["play"] = play.into();
        }
        self.write(Call::new(Method::PUT, "me/player").body(body)).await
    }

    /// Goes on with what was playing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn play(&self, device_id: Option<&str>) -> Result<(), Error> {
        self.write(Call::new(Method::PUT, "me/player/play").device(device_id)).await
    }

    /// Plays a playlist, album, artist or show from its beginning, or one track or episode.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn play_uri(&self, uri: &Uri, device_id: Option<&str>) -> Result<(), Error> {
        let body =
            if uri.is_single() { json!({ "uris": [uri.as_str()] }) } else { json!({ "context_uri": uri.as_str() }) };
        self.write(Call::new(Method::PUT, "me/player/play").device(device_id).body(body)).await
    }

    /// Plays these tracks and episodes, one after the other.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn play_all(&self, uris: &[Uri], device_id: Option<&str>) -> Result<(), Error> {
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
    pub async fn pause(&self, device_id: Option<&str>) -> Result<(), Error> {
        self.write(Call::new(Method::PUT, "me/player/pause").device(device_id)).await
    }

    /// Goes to the next item.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn next(&self, device_id: Option<&str>) -> Result<(), Error> {
        self.write(Call::new(Method::POST, "me/player/next").device(device_id)).await
    }

    /// Goes to the previous item.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn previous(&self, device_id: Option<&str>) -> Result<(), Error> {
        self.write(Call::new(Method::POST, "me/player/previous").device(device_id)).await
    }

    /// Goes to a place in the item, in milliseconds from its beginning.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn seek(&self, position_ms: u64, device_id: Option<&str>) -> Result<(), Error> {
        let call = Call::new(Method::PUT, "me/player/seek").query("position_ms", position_ms);
        self.write(call.device(device_id)).await
    }

    /// Sets what is repeated.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn repeat(&self, repeat: Repeat, device_id: Option<&str>) -> Result<(), Error> {
        let call = Call::new(Method::PUT, "me/player/repeat").query("state", repeat.name());
        self.write(call.device(device_id)).await
    }

    /// Sets the volume in percent; more than 100 is taken as 100.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn volume(&self, percent: u8, device_id: Option<&str>) -> Result<(), Error> {
        let call = Call::new(Method::PUT, "me/player/volume").query("volume_percent", percent.min(100));
        self.write(call.device(device_id)).await
    }

    /// Switches shuffle on or off.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn shuffle(&self, on: bool, device_id: Option<&str>) -> Result<(), Error> {
        let call = Call::new(Method::PUT, "me/player/shuffle").query("state", on);
        self.write(call.device(device_id)).await
    }

    /// What comes next, in its order.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn queue(&self) -> Result<Vec<Item>, Error> {
        let answer = self.send(&Call::new(Method::GET, "me/player/queue")).await?;
        Ok(read::<model::Queue>(answer).await?.queue)
    }

    /// Puts a track or an episode behind what the user has put into the queue.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn enqueue(&self, uri: &Uri, device_id: Option<&str>) -> Result<(), Error> {
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
            let status = answer.status().as_u16();
            let known: Vec<bool> = read(answer).await?;
            if known.len() != asked.len() {
                return Err(Error::Unexpected(status));
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
        read(self.send(&call).await?).await
    }

    /// A page of Liked Songs, the newest first, from this one on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn liked(&self, offset: u32) -> Result<Page, Error> {
        let call = Call::new(Method::GET, "me/tracks").query("limit", PAGE).query("offset", offset);
        Ok(read::<model::SavedPage>(self.send(&call).await?).await?.into())
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
        read(self.send(&call).await?).await
    }

    /// A call whose success says nothing more: the live service answers with text of its own, which isn't read.
    async fn write(&self, call: Call) -> Result<(), Error> {
        let answer = self.send(&call).await?;
        // Read to its end, so that the connection serves the next call.
        let _ = limited_body(answer).await;
        Ok(())
    }

    /// Sends a call with whichever account serves it. Gives back only a 2xx.
    async fn send(&self, call: &Call) -> Result<reqwest::Response, Error> {
        let mut tried: Vec<String> = Vec::new();
        let mut refused = None;
        loop {
            let token = self.auth.token(call.route(), call.needs).await.map_err(|error| self.no_token(error))?;
            let account = token.account().to_owned();
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
    async fn attempt(&self, call: &Call, mut token: AccessToken) -> Result<reqwest::Response, Failure> {
        let mut answer = self.send_with(call, &token).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            // Whatever keeps this account from a new token, the call was refused, so that another one may make it.
            let refused = |error| Failure { error: self.no_token(error), elsewhere: true };
            token = self.auth.rejected(&token).await.map_err(refused)?;
            answer = self.send_with(call, &token).await?;
        }
        let status = answer.status();
        if status.is_success() {
            self.auth.heard(&token, call.route(), Outcome::Served { command: call.is_command() });
            return Ok(answer);
        }
        let headers = answer.headers().clone();
        let body = limited_body(answer).await.unwrap_or_default();
        let error = Error::from_answer(status, &headers, &body);
        let outcome = match &error {
            Error::RateLimited { retry_after, kind } => Some(Outcome::Limited(*kind, *retry_after)),
            Error::PremiumRequired => Some(Outcome::Trouble(Trouble::UserNeedsPremium)),
            Error::AppOwnerNeedsPremium => Some(Outcome::Trouble(Trouble::AppOwnerNeedsPremium)),
            Error::NotOnAllowList => Some(Outcome::Trouble(Trouble::NotOnAllowList)),
            _ => None,
        };
        if let Some(outcome) = outcome {
            self.auth.heard(&token, call.route(), outcome);
        }
        tracing::debug!(method = %call.method, path = %call.path, status = status.as_u16(), %error, "Spotify refused a call");
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

    async fn send_with(&self, call: &Call, token: &AccessToken) -> Result<reqwest::Response, Error> {
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
            None if call.method != Method::GET => request.header(http::header::CONTENT_LENGTH, 0),
            None => request,
        };
        self.auth.sent(token, call.group());
        request.send().await.map_err(|error| {
            let sorted = Error::from_transport(&error);
            tracing::debug!(path = %call.path, error = %error.without_url(), "Spotify was not reached");
            sorted
        })
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

/// The body, unless it is longer than any that we expect.
async fn limited_body(mut answer: reqwest::Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| Error::from_transport(&error))? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(Error::Unexpected(answer.status().as_u16()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

async fn read<T: DeserializeOwned>(answer: reqwest::Response) -> Result<T, Error> {
    let status = answer.status().as_u16();
    let body = limited_body(answer).await?;
    // A captive portal's page is a 200 without JSON.
    serde_json::from_slice(&body).map_err(|_| Error::Unexpected(status))
}

#[cfg(test)]
mod several;
#[cfg(test)]
mod tests;
