//! The Web API: one typed method per endpoint. The only module that knows the API's paths.
//!
//! A [`Client`] borrows a token from `auth` for each call, reports the outcome back to `auth`, and turns every failure into
//! an [`Error`]. It retries in three cases only, immediately and without keeping state: with a new token if Spotify rejects
//! the first; with the next account, if `auth` has one, if Spotify refused the call for a reason specific to the account;
//! and on a new connection if the first was lost and the call is idempotent. A refused call was not carried out, so retrying
//! is safe for commands, too. When to try again after any other failure is the player's decision.

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
use crate::http::{Http, read_body};

/// Spotify's Web API.
pub const API_URL: &str = "https://api.spotify.com/v1";

/// Upper bound on the length of an answer, in bytes after decompression. A longer one is dropped instead of filling the
/// memory.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// Results per kind in a search: Spotify's maximum.
const SEARCH_LIMIT: u32 = 10;
/// Items per page of a list: Spotify's maximum.
const PAGE_LIMIT: u32 = 50;
/// How many entries at the end of a playlist are checked for one that was just added.
const LAST_ENTRIES: u32 = 5;
/// URIs per call about the library: Spotify's maximum.
const MAX_LIBRARY_URIS: usize = 40;

/// A client of the Web API. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: Http,
    base: Url,
    auth: Auth,
}

/// An answer with its complete body.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    /// Whether the call was sent twice because the connection was lost the first time.
    repeated: bool,
}

impl Answer {
    /// Returns why the call failed, or `None` if it succeeded.
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
            // Truncated, and the headers didn't give a length.
            Category::Eof => Error::ConnectionLost,
            category => {
                // Without the error's text, which quotes the answer.
                tracing::debug!(?category, line = error.line(), column = error.column(), "unreadable answer");
                Error::Intercepted(self.status.as_u16())
            }
        })
    }
}

/// Why a call failed, and whether it may be retried with another account, because it was not carried out.
struct Failure {
    error: Error,
    failover: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failover = error.allows_failover();
        Self { error, failover }
    }
}

/// A call that is yet to be sent.
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

    /// Marks the call as one that needs no user.
    fn without_user(mut self) -> Self {
        self.needs = Needs::App;
        self
    }

    /// Returns the group of calls that it shares a quota with.
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

    /// Returns what Spotify may limit the call by.
    fn route(&self) -> Route {
        let group = self.group();
        let parts: Vec<&str> = self.path.split('/').collect();
        // The second segment is an id, except below `me`.
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

    /// Returns whether the call is idempotent. GET, PUT and DELETE are by
    /// [definition](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2), and those sent here really are: none means
    /// "louder by 5" or "toggle".
    fn is_idempotent(&self) -> bool {
        self.method != Method::POST
    }

    /// Returns whether it is a player command, which only Premium users may send.
    fn is_command(&self) -> bool {
        self.method != Method::GET && self.group() == Group::Player
    }

    fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// Adds the device that the call is for. Without one Spotify uses the active device.
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
    /// Creates a client of the Web API at `base` ([`API_URL`] outside tests) that takes its tokens from `auth`.
    #[must_use]
    pub fn new(http: Http, base: Url, auth: Auth) -> Self {
        Self { http, base, auth }
    }

    /// Handles the computer waking up, or its clock being set, back by `set_back` (zero: forward). Open connections may be
    /// dead, and `auth` has stored times of the previous clock.
    pub async fn on_wake(&self, set_back: Duration) {
        self.http.renew();
        self.auth.on_wake(set_back).await;
    }

    /// Returns the user who signed in with an account, for [`Auth::set_user`]
    /// ([Get Current User's Profile](https://developer.spotify.com/documentation/web-api/reference/get-current-users-profile)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn me(&self, account: &AccountId) -> Result<User, Error> {
        let call = Call::new(Method::GET, "me");
        let token = self.auth.token_of(account, call.route()).await.map_err(|error| self.no_token(error))?;
        let profile: Profile = self.attempt(&call, token).await.map_err(|failure| failure.error)?.read()?;
        let account_id = profile.account_id.filter(|id| !id.is_empty());
        let id = Some(profile.id).filter(|id| !id.is_empty()).or_else(|| account_id.clone());
        // Without either, all users would look the same.
        let id = id.ok_or(Error::Unexpected(StatusCode::OK.as_u16()))?;
        let name = profile.display_name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| id.clone());
        Ok(User { id: id.into(), account_id, name })
    }

    /// Searches the catalogue, for up to 10 results of each kind
    /// ([Search for Item](https://developer.spotify.com/documentation/web-api/reference/search)).
    ///
    /// Needs no user, so it works before the first sign-in. Podcasts are then those available in `market`; a signed-in
    /// user's own country takes precedence.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn search(&self, query: &str, kinds: &[UriKind], market: &Market) -> Result<Vec<Item>, Error> {
        let types: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        let call = Call::new(Method::GET, "search").without_user();
        let mut call = call.query("q", query).query("type", types.join(",")).query("limit", SEARCH_LIMIT);
        // Only podcasts are left out without a country.
        if kinds.iter().any(|kind| matches!(kind, UriKind::Show | UriKind::Episode)) {
            call = call.query("market", market.as_str());
        }
        Ok(self.send(&call).await?.read::<model::Search>()?.into_items())
    }

    /// Returns the playback state, or `None` if no device is active
    /// ([Get Playback State](https://developer.spotify.com/documentation/web-api/reference/get-information-about-the-users-current-playback)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn player(&self) -> Result<Option<Playback>, Error> {
        let call = Call::new(Method::GET, "me/player").query("additional_types", "track,episode");
        let answer = self.send(&call).await?;
        // Instead of 204, Spotify has also sent an empty body or `null`.
        if answer.is_empty() { Ok(None) } else { answer.read() }
    }

    /// Returns the devices that run Spotify. One without an id can't be addressed
    /// ([Get Available Devices](https://developer.spotify.com/documentation/web-api/reference/get-a-users-available-devices)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn devices(&self) -> Result<Vec<Device>, Error> {
        let answer = self.send(&Call::new(Method::GET, "me/player/devices")).await?;
        Ok(answer.read::<model::Devices>()?.devices)
    }

    /// Moves playback to a device, and starts or pauses it there as `play` says; `None` keeps its state
    /// ([Transfer Playback](https://developer.spotify.com/documentation/web-api/reference/transfer-a-users-playback)).
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

    /// Resumes playback
    /// ([Start/Resume Playback](https://developer.spotify.com/documentation/web-api/reference/start-a-users-playback)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn play(&self, device_id: Option<&DeviceId>) -> Result<(), Error> {
        self.write(Call::new(Method::PUT, "me/player/play").device(device_id)).await
    }

    /// Plays a playlist, album, artist or show from its beginning, or one track or episode
    /// ([Start/Resume Playback](https://developer.spotify.com/documentation/web-api/reference/start-a-users-playback)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn play_uri(&self, uri: &Uri, device_id: Option<&DeviceId>) -> Result<(), Error> {
        let body =
            if uri.is_single() { json!({ "uris": [uri.as_str()] }) } else { json!({ "context_uri": uri.as_str() }) };
        self.write(Call::new(Method::PUT, "me/player/play").device(device_id).body(body)).await
    }

    /// Plays a user's Liked Songs as a context
    /// ([Start/Resume Playback](https://developer.spotify.com/documentation/web-api/reference/start-a-users-playback), where
    /// this context is not documented; reported to work since 2024).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn play_liked_context(&self, user: &str, device_id: Option<&DeviceId>) -> Result<(), Error> {
        let body = json!({ "context_uri": format!("spotify:user:{user}:collection") });
        self.write(Call::new(Method::PUT, "me/player/play").device(device_id).body(body)).await
    }

    /// Plays a playlist or an album, starting with an item of it
    /// ([Start/Resume Playback](https://developer.spotify.com/documentation/web-api/reference/start-a-users-playback)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn play_from(&self, context: &Uri, item: &Uri, device_id: Option<&DeviceId>) -> Result<(), Error> {
        let body = json!({ "context_uri": context.as_str(), "offset": { "uri": item.as_str() } });
        self.write(Call::new(Method::PUT, "me/player/play").device(device_id).body(body)).await
    }

    /// Returns what the user played last, if Spotify knows: a track that played for at least 30 seconds, never an episode
    /// ([Get Recently Played Tracks](https://developer.spotify.com/documentation/web-api/reference/get-recently-played)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn last_played(&self) -> Result<Option<Played>, Error> {
        let call = Call::new(Method::GET, "me/player/recently-played").query("limit", 1);
        let answer = self.send(&call).await?;
        Ok(answer.read::<model::RecentlyPlayed>()?.items.into_iter().next())
    }

    /// Plays these tracks and episodes in order
    /// ([Start/Resume Playback](https://developer.spotify.com/documentation/web-api/reference/start-a-users-playback)).
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

    /// Pauses playback
    /// ([Pause Playback](https://developer.spotify.com/documentation/web-api/reference/pause-a-users-playback)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn pause(&self, device_id: Option<&DeviceId>) -> Result<(), Error> {
        self.write(Call::new(Method::PUT, "me/player/pause").device(device_id)).await
    }

    /// Skips to the next item
    /// ([Skip To Next](https://developer.spotify.com/documentation/web-api/reference/skip-users-playback-to-next-track)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn next(&self, device_id: Option<&DeviceId>) -> Result<(), Error> {
        self.write(Call::new(Method::POST, "me/player/next").device(device_id)).await
    }

    /// Skips to the previous item
    /// ([Skip To Previous](https://developer.spotify.com/documentation/web-api/reference/skip-users-playback-to-previous-track)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn previous(&self, device_id: Option<&DeviceId>) -> Result<(), Error> {
        self.write(Call::new(Method::POST, "me/player/previous").device(device_id)).await
    }

    /// Seeks to a position in the item, in milliseconds from its beginning
    /// ([Seek To Position](https://developer.spotify.com/documentation/web-api/reference/seek-to-position-in-currently-playing-track)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn seek(&self, position_ms: u64, device_id: Option<&DeviceId>) -> Result<(), Error> {
        let call = Call::new(Method::PUT, "me/player/seek").query("position_ms", position_ms);
        self.write(call.device(device_id)).await
    }

    /// Sets the repeat mode
    /// ([Set Repeat Mode](https://developer.spotify.com/documentation/web-api/reference/set-repeat-mode-on-users-playback)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn repeat(&self, repeat: Repeat, device_id: Option<&DeviceId>) -> Result<(), Error> {
        let call = Call::new(Method::PUT, "me/player/repeat").query("state", repeat.name());
        self.write(call.device(device_id)).await
    }

    /// Sets the volume in percent; more than 100 counts as 100
    /// ([Set Playback Volume](https://developer.spotify.com/documentation/web-api/reference/set-volume-for-users-playback)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn volume(&self, percent: u8, device_id: Option<&DeviceId>) -> Result<(), Error> {
        let call = Call::new(Method::PUT, "me/player/volume").query("volume_percent", percent.min(100));
        self.write(call.device(device_id)).await
    }

    /// Switches shuffle on or off
    /// ([Toggle Playback Shuffle](https://developer.spotify.com/documentation/web-api/reference/toggle-shuffle-for-users-playback)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn shuffle(&self, on: bool, device_id: Option<&DeviceId>) -> Result<(), Error> {
        let call = Call::new(Method::PUT, "me/player/shuffle").query("state", on);
        self.write(call.device(device_id)).await
    }

    /// Returns the upcoming items, in order
    /// ([Get the User's Queue](https://developer.spotify.com/documentation/web-api/reference/get-queue)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn queue(&self) -> Result<Vec<Item>, Error> {
        let answer = self.send(&Call::new(Method::GET, "me/player/queue")).await?;
        Ok(answer.read::<model::Queue>()?.queue)
    }

    /// Appends a track or an episode to what the user has queued
    /// ([Add Item to Playback Queue](https://developer.spotify.com/documentation/web-api/reference/add-to-queue)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn enqueue(&self, uri: &Uri, device_id: Option<&DeviceId>) -> Result<(), Error> {
        self.write(Call::new(Method::POST, "me/player/queue").query("uri", uri.as_str()).device(device_id)).await
    }

    /// Returns whether the user has saved each of these, in order, with one call for every 40 of them
    /// ([Check User's Saved Items](https://developer.spotify.com/documentation/web-api/reference/check-library-contains)).
    ///
    /// # Errors
    /// See [`Error`]. An answer with fewer or more values than URIs is [`Error::Unexpected`].
    pub async fn are_saved(&self, uris: &[Uri]) -> Result<Vec<bool>, Error> {
        let mut saved = Vec::with_capacity(uris.len());
        for chunk in uris.chunks(MAX_LIBRARY_URIS) {
            let list = chunk.iter().map(Uri::as_str).collect::<Vec<_>>().join(",");
            let answer = self.send(&Call::new(Method::GET, "me/library/contains").query("uris", list)).await?;
            let values: Vec<bool> = answer.read()?;
            if values.len() != chunk.len() {
                return Err(Error::Unexpected(answer.status.as_u16()));
            }
            saved.extend(values);
        }
        Ok(saved)
    }

    /// Saves something to the user's library
    /// ([Save Items to Library](https://developer.spotify.com/documentation/web-api/reference/save-library-items)), or removes
    /// it ([Remove Items from Library](https://developer.spotify.com/documentation/web-api/reference/remove-library-items)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn save(&self, uri: &Uri, saved: bool) -> Result<(), Error> {
        let method = if saved { Method::PUT } else { Method::DELETE };
        self.write(Call::new(method, "me/library").query("uris", uri.as_str())).await
    }

    /// Returns a page of the user's playlists, their own and those they follow, starting at `offset`
    /// ([Get Current User's Playlists](https://developer.spotify.com/documentation/web-api/reference/get-a-list-of-current-users-playlists)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn playlists(&self, offset: u32) -> Result<Page, Error> {
        let call = Call::new(Method::GET, "me/playlists").query("limit", PAGE_LIMIT).query("offset", offset);
        self.send(&call).await?.read()
    }

    /// Returns a page of Liked Songs, the newest first, starting at `offset`
    /// ([Get User's Saved Tracks](https://developer.spotify.com/documentation/web-api/reference/get-users-saved-tracks)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn liked(&self, offset: u32) -> Result<Page, Error> {
        let call = Call::new(Method::GET, "me/tracks").query("limit", PAGE_LIMIT).query("offset", offset);
        Ok(self.send(&call).await?.read::<model::SavedPage>()?.into())
    }

    /// Appends a track or an episode to a playlist
    /// ([Add Items to Playlist](https://developer.spotify.com/documentation/web-api/reference/add-items-to-playlist)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn add_to_playlist(&self, playlist: &Uri, uri: &Uri) -> Result<(), Error> {
        let path = format!("playlists/{}/items", playlist.id());
        as_not_your_playlist(self.write(Call::new(Method::POST, path).body(json!({ "uris": [uri.as_str()] }))).await)
    }

    /// Removes every occurrence of a track or an episode from a playlist
    /// ([Remove Playlist Items](https://developer.spotify.com/documentation/web-api/reference/remove-items-playlist)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remove_from_playlist(&self, playlist: &Uri, uri: &Uri) -> Result<(), Error> {
        let path = format!("playlists/{}/items", playlist.id());
        let call = Call::new(Method::DELETE, path).body(json!({ "items": [{ "uri": uri.as_str() }] }));
        as_not_your_playlist(self.write(call).await)
    }

    /// Returns whether a track or an episode is among the last few entries of a playlist
    /// ([Get Playlist Items](https://developer.spotify.com/documentation/web-api/reference/get-playlists-items)).
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

    /// Returns what a URI refers to: its name, its creator and its pictures (Get
    /// [Track](https://developer.spotify.com/documentation/web-api/reference/get-track),
    /// [Album](https://developer.spotify.com/documentation/web-api/reference/get-an-album),
    /// [Artist](https://developer.spotify.com/documentation/web-api/reference/get-an-artist),
    /// [Playlist](https://developer.spotify.com/documentation/web-api/reference/get-playlist),
    /// [Show](https://developer.spotify.com/documentation/web-api/reference/get-a-show) and
    /// [Episode](https://developer.spotify.com/documentation/web-api/reference/get-an-episode)).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn look_up(&self, uri: &Uri) -> Result<Item, Error> {
        let Some(collection) = uri.kind().collection() else { return Err(Error::Restricted(Restriction::NotPlayable)) };
        let call = Call::new(Method::GET, format!("{collection}/{}", uri.id()));
        let call = match uri.kind() {
            // Spotify requires a user's token for these.
            UriKind::Show | UriKind::Episode => call,
            // Only these members: a complete playlist is large.
            UriKind::Playlist => call.without_user().query("fields", "uri,type,name,images,owner(display_name)"),
            _ => call.without_user(),
        };
        let answer = self.send(&call).await.map_err(|error| match error {
            // Some of Spotify's own playlists and mixes are available to its own apps only.
            Error::Unexpected(403 | 404) | Error::Restricted(_) => Error::NotShared,
            other => other,
        })?;
        answer.read()
    }

    /// Sends a call whose answer carries no data: the live service answers with opaque text, which isn't read.
    async fn write(&self, call: Call) -> Result<(), Error> {
        self.send(&call).await.map(drop)
    }

    /// Sends a call with the account that serves it, or with the next ones if that fails over. Returns only successes.
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
                Err(Failure { error, failover: true }) => refused = Some(error),
                Err(Failure { error, failover: false }) => return Err(error),
            }
            tried.push(account);
        }
    }

    /// Sends a call with one account, with a second token if the first is rejected, and reports the outcome to `auth`.
    async fn attempt(&self, call: &Call, mut token: AccessToken) -> Result<Answer, Failure> {
        let mut answer = self.send_with(call, &token).await?;
        let mut error = answer.error();
        if error == Some(Error::Account(AuthError::SignInAgain)) {
            // The call was refused, so another account may make it, for whatever reason this one gets no new token.
            let refused = |error| Failure { error: self.no_token(error), failover: true };
            token = self.auth.renew_rejected(&token).await.map_err(refused)?;
            answer = self.send_with(call, &token).await?;
            error = answer.error();
        }
        if answer.repeated && call.is_command() {
            // Usually "already paused", because the first one was carried out. The next poll shows it.
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

    /// Converts the reason why `auth` provides no token, with the remaining wait if there is a limit.
    fn no_token(&self, error: AuthError) -> Error {
        match error {
            AuthError::Limited(limit) => {
                Error::RateLimited { retry_after: Some(self.auth.remaining(&limit)), kind: limit.kind }
            }
            other => other.into(),
        }
    }

    /// Sends a call, and retries it once on a new connection if the connection was lost and the call is idempotent.
    ///
    /// hyper itself resends what never left this computer (an idle connection turns out to be closed before anything was
    /// written), and reqwest what an HTTP/2 server reports as unprocessed (GOAWAY, REFUSED_STREAM). All other lost
    /// connections end up here, and the call may or may not have been carried out.
    async fn send_with(&self, call: &Call, token: &AccessToken) -> Result<Answer, Error> {
        match self.send_once(call, token).await {
            Err(Error::ConnectionLost) if call.is_idempotent() => {
                // The other open connections are as old and may be dead, too.
                self.http.renew();
                Ok(Answer { repeated: true, ..self.send_once(call, token).await? })
            }
            other => other,
        }
    }

    async fn send_once(&self, call: &Call, token: &AccessToken) -> Result<Answer, Error> {
        let base = self.base.as_str().trim_end_matches('/');
        let http = self.http.client().await.map_err(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "Spotify can't be called without an HTTP client");
            Error::Offline
        })?;
        let mut request = http
            .request(call.method.clone(), format!("{base}/{}", call.path))
            .query(&call.query)
            .bearer_auth(token.bearer().expose());
        request = match &call.body {
            Some(body) => request.json(body),
            // Some servers refuse a PUT or POST without a length.
            None if call.method != Method::GET => request.header(CONTENT_LENGTH, 0),
            None => request,
        };
        self.auth.record_sent(token, call.group()).await;
        let lost = |error: reqwest::Error| {
            let lost = Error::from_transport(&error);
            let error = error.without_url();
            tracing::debug!(path = %call.path, error = &error as &dyn std::error::Error, "Spotify was not reached");
            lost
        };
        let answer = request.send().await.map_err(lost)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = read_body(answer, MAX_ANSWER_BYTES).await.map_err(lost)?;
        // No answer of the Web API is this long.
        let body = body.ok_or(Error::Intercepted(status.as_u16()))?;
        Ok(Answer { status, headers, body, repeated: false })
    }
}

/// Converts a refused change to a playlist: the playlist belongs to somebody else.
fn as_not_your_playlist(result: Result<(), Error>) -> Result<(), Error> {
    result.map_err(|error| match error {
        Error::Restricted(Restriction::Other) | Error::Unexpected(403) => {
            Error::Restricted(Restriction::NotYourPlaylist)
        }
        other => other,
    })
}

#[cfg(test)]
mod failover_tests;
#[cfg(test)]
mod tests;
