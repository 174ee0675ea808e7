//! The Web API: one typed call an endpoint. The only room that knows its addresses.
//!
//! A [`Client`] borrows a token from `auth` for each call, asks again once if Spotify refuses it, tells `auth` when
//! Spotify limits the calls, and turns every failure into one [`Error`]. It keeps no state of its own and never retries
//! anything else: when to ask again is the player's decision.

mod error;
mod model;

use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

pub use error::{Error, Restriction};
pub use model::{
    Actions, Collection, Context, Device, Disallows, Image, Item, Named, Playback, PlayingType, Profile, Repeat,
};

use crate::auth::{AccessToken, Auth, AuthError, User};

/// Spotify's Web API.
pub const API_URL: &str = "https://api.spotify.com/v1";

/// More than any answer of ours is long; a longer one is cut off instead of filling the memory.
const LONGEST_ANSWER: usize = 4 << 20;

/// The calls. Cloning it is cheap.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    auth: Auth,
}

/// One call, before it is sent.
struct Call {
    method: Method,
    path: &'static str,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
}

impl Call {
    fn new(method: Method, path: &'static str) -> Self {
        Self { method, path, query: Vec::new(), body: None }
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
    pub fn new(http: reqwest::Client, base: Url, auth: Auth) -> Self {
        Self { http, base, auth }
    }

    /// Who has signed in, with the id of the account whose token was used: what `Auth::identified` wants to know.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn me(&self) -> Result<(String, User), Error> {
        let (answer, token) = self.send(&Call::new(Method::GET, "me")).await?;
        let profile: Profile = read(answer).await?;
        let name = profile.display_name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| profile.id.clone());
        Ok((token.account().to_owned(), User { id: profile.id, name }))
    }

    /// What plays, where and how. None if nothing is active.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn player(&self) -> Result<Option<Playback>, Error> {
        let call = Call::new(Method::GET, "me/player").query("additional_types", "track,episode");
        let (answer, _) = self.send(&call).await?;
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
        let (answer, _) = self.send(&Call::new(Method::GET, "me/player/devices")).await?;
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

    /// A call whose success says nothing more: the live service answers with text of its own, which isn't read.
    async fn write(&self, call: Call) -> Result<(), Error> {
        let (answer, _) = self.send(&call).await?;
        // Read to its end, so that the connection serves the next call.
        let _ = limited_body(answer).await;
        Ok(())
    }

    /// Sends a call, with a second token if the first is refused. Gives back only a 2xx, and the token that it took.
    async fn send(&self, call: &Call) -> Result<(reqwest::Response, AccessToken), Error> {
        let mut token = self.auth.token().await.map_err(|error| self.no_token(error))?;
        let mut answer = self.send_with(call, &token).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            token = self.auth.rejected(&token).await.map_err(|error| self.no_token(error))?;
            answer = self.send_with(call, &token).await?;
        }
        let status = answer.status();
        if status.is_success() {
            return Ok((answer, token));
        }
        let headers = answer.headers().clone();
        let body = limited_body(answer).await.unwrap_or_default();
        let mut error = Error::from_answer(status, &headers, &body);
        if let Error::RateLimited { retry_after, kind } = &mut error {
            let limit = self.auth.limited(&token, *kind, *retry_after);
            (*retry_after, *kind) = (Some(self.auth.remaining(&limit)), limit.kind);
        }
        tracing::debug!(method = %call.method, path = call.path, status = status.as_u16(), %error, "Spotify refused a call");
        Err(error)
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
        let mut request = self
            .http
            .request(call.method.clone(), format!("{base}/{}", call.path))
            .query(&call.query)
            .bearer_auth(token.bearer().expose());
        request = match &call.body {
            Some(body) => request.json(body),
            // A PUT or POST without a length is refused by some servers.
            None if call.method != Method::GET => request.header(http::header::CONTENT_LENGTH, 0),
            None => request,
        };
        request.send().await.map_err(|error| {
            let sorted = Error::from_transport(&error);
            tracing::debug!(path = call.path, error = %error.without_url(), "Spotify was not reached");
            sorted
        })
    }
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
mod tests;
