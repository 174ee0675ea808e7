//! Calls to Spotify's accounts service: the authorize URL and the three grants of `/api/token`.
//!
//! The `oauth2` crate implements the protocol; this module provides the HTTP client and classifies the answers by what they
//! mean for a sign-in. A server's failure is recognised before the body is read: only a real `invalid_grant` or
//! `invalid_client` may ever end a sign-in.
//! <https://developer.spotify.com/documentation/web-api/tutorials/code-pkce-flow>

use std::time::Duration;

use oauth2::basic::{BasicClient, BasicErrorResponseType, BasicTokenResponse};
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope,
    TokenResponse, TokenUrl,
};
use serde_json::Value;
use url::Url;

use crate::auth::accounts::{Credentials, TokenError, Tokens, printable_code};
use crate::auth::secret::Secret;
use crate::foreign::whole;
use crate::http::{self as client, Http, retry_after};

/// The scopes that the user grants: the union of what all widgets need, so that users needn't log in again when a version
/// adds widgets. A sign-in that lacks one works for everything else. From Spotify's
/// [scope table](https://developer.spotify.com/documentation/web-api/concepts/scopes) as of November 2026.
pub(super) const SCOPES: [&str; 12] = [
    "user-read-private",
    "user-read-playback-state",
    "user-modify-playback-state",
    "user-read-currently-playing",
    "user-read-recently-played",
    "user-read-playback-position",
    "user-library-read",
    "user-library-modify",
    "playlist-read-private",
    "playlist-read-collaborative",
    "playlist-modify-public",
    "playlist-modify-private",
];

/// Spotify's words for a grant that has ended for good, such as after six months: "Refresh token revoked", "Refresh
/// token expired", "Invalid refresh token".
/// <https://developer.spotify.com/blog/2026-06-18-refresh-token-expiration>
const GRANT_HAS_ENDED: [&str; 3] = ["revoked", "expired", "invalid refresh token"];

/// Spotify's documented life of an access token, for an answer without one.
const DEFAULT_LIFE: Duration = Duration::from_secs(3600);

/// The longest answer of the accounts service that is read, in bytes: longer than any.
const LONGEST_ANSWER: usize = 1 << 16;

/// A client of the accounts service for one app.
pub(super) struct AccountsService {
    /// Base address, such as `https://accounts.spotify.com`.
    pub base: Url,
    /// The shared client.
    pub http: Http,
    /// The app.
    pub credentials: Credentials,
}

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

impl AccountsService {
    fn client(&self) -> Client {
        let client = BasicClient::new(ClientId::new(self.credentials.client_id.to_string()))
            .set_auth_uri(AuthUrl::from_url(join(&self.base, "authorize")))
            .set_token_uri(TokenUrl::from_url(join(&self.base, "api/token")));
        match &self.credentials.client_secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
            None => client,
        }
    }

    /// Returns the page on which the user agrees. It always includes PKCE, with a secret or without.
    pub fn authorize_url(&self, redirect_uri: &Url, state: &Secret, verifier: &Secret) -> Url {
        let challenge =
            PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.expose().to_owned()));
        let client = self.client().set_redirect_uri(RedirectUrl::from_url(redirect_uri.clone()));
        let (url, _) = client
            .authorize_url(|| CsrfToken::new(state.expose().to_owned()))
            .add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge)
            .url();
        url
    }

    /// Exchanges the code that the browser brought back for tokens.
    pub async fn exchange_code(
        &self,
        redirect_uri: &Url,
        code: &Secret,
        verifier: &Secret,
    ) -> Result<Tokens, TokenError> {
        let client = self.client().set_redirect_uri(RedirectUrl::from_url(redirect_uri.clone()));
        let answer = client
            .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose().to_owned()))
            .request_async(&|request| send(self.http.clone(), request))
            .await;
        classify(answer)
    }

    /// Exchanges a refresh token for a new access token.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Tokens, TokenError> {
        let token = RefreshToken::new(refresh_token.expose().to_owned());
        let send = |request| send(self.http.clone(), request);
        classify(self.client().exchange_refresh_token(&token).request_async(&send).await)
    }

    /// Requests a token without a user, which also shows whether ID and secret are right.
    pub async fn client_credentials(&self) -> Result<Tokens, TokenError> {
        let send = |request| send(self.http.clone(), request);
        classify(self.client().exchange_client_credentials().request_async(&send).await)
    }
}

/// Returns `base` with `path` appended, whether or not the base ends with a slash.
fn join(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    // Only addresses without a host, such as mailto:, have no path to extend; the configuration refuses those.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.split('/'));
    }
    url
}

/// A failure below the protocol.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("the network failed")]
    Network,
    #[error("the server has failed")]
    Server(u16, Option<Duration>),
    #[error("the answer is too long")]
    TooLong,
}

/// Sends a request of `oauth2` with our HTTP client.
async fn send(http: Http, request: HttpRequest) -> Result<HttpResponse, SendError> {
    let (parts, body) = request.into_parts();
    let mut headers = parts.headers;
    if let Some(value) = headers.get_mut(http::header::AUTHORIZATION) {
        // Keeps it out of the HTTP library's traces.
        value.set_sensitive(true);
    }
    let http = http.client().await.map_err(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "no call to the accounts service is possible");
        SendError::Network
    })?;
    let response = http.request(parts.method, parts.uri.to_string()).headers(headers).body(body).send().await.map_err(
        |error| {
            tracing::debug!(error = %error.without_url(), "the accounts service was not reached");
            SendError::Network
        },
    )?;
    let status = response.status();
    if status.is_server_error() || status.is_redirection() || status == http::StatusCode::TOO_MANY_REQUESTS {
        return Err(SendError::Server(status.as_u16(), retry_after(response.headers())));
    }
    let content_type = response.headers().get(http::header::CONTENT_TYPE).cloned();
    let body = client::read_body(response, LONGEST_ANSWER).await.map_err(|_| SendError::Network)?;
    let body = body.ok_or(SendError::TooLong)?;
    let mut answer = http::Response::new(normalized(body));
    *answer.status_mut() = status;
    if let Some(content_type) = content_type {
        answer.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
    }
    Ok(answer)
}

/// Returns an answer in the form that `oauth2` requires: it reads the life of a token only as a number, and fails on a scope
/// that isn't a string. We don't use the scope.
fn normalized(body: Vec<u8>) -> Vec<u8> {
    let Ok(Value::Object(mut answer)) = serde_json::from_slice(&body) else { return body };
    answer.remove("scope");
    if answer.contains_key("access_token") {
        if !answer.get("token_type").is_some_and(Value::is_string) {
            answer.insert("token_type".to_owned(), "Bearer".into());
        }
        if !answer.get("refresh_token").is_some_and(Value::is_string) {
            answer.remove("refresh_token");
        }
    }
    if let Some(life) = answer.get_mut("expires_in") {
        *life = whole(life).into();
    }
    serde_json::to_vec(&answer).unwrap_or(body)
}

type Answer =
    Result<BasicTokenResponse, RequestTokenError<SendError, oauth2::StandardErrorResponse<BasicErrorResponseType>>>;

fn classify(answer: Answer) -> Result<Tokens, TokenError> {
    match answer {
        Ok(tokens) => Ok(Tokens {
            access: Secret::new(tokens.access_token().secret().as_str()),
            // A life of zero would renew the token before every call.
            life: tokens.expires_in().filter(|life| !life.is_zero()).unwrap_or(DEFAULT_LIFE),
            refresh: tokens
                .refresh_token()
                .map(|token| Secret::new(token.secret().as_str()))
                .filter(|token| !token.is_empty()),
        }),
        Err(RequestTokenError::ServerResponse(error)) => Err(match error.error() {
            BasicErrorResponseType::InvalidGrant => {
                let description = error.error_description().map(|text| text.to_ascii_lowercase()).unwrap_or_default();
                let is_documented = GRANT_HAS_ENDED.iter().any(|words| description.contains(words));
                TokenError::InvalidGrant { is_documented }
            }
            BasicErrorResponseType::InvalidClient => {
                // Only Spotify's words distinguish the two: "Invalid client" or "Invalid client secret".
                let about_secret =
                    error.error_description().is_some_and(|text| text.to_ascii_lowercase().contains("secret"));
                if about_secret { TokenError::InvalidSecret } else { TokenError::InvalidClient }
            }
            BasicErrorResponseType::Extension(code)
                if matches!(code.as_str(), "server_error" | "temporarily_unavailable") =>
            {
                TokenError::Down(503, None)
            }
            other => TokenError::Refused(printable_code(other.as_ref())),
        }),
        Err(RequestTokenError::Request(SendError::Network)) => Err(TokenError::Offline),
        Err(RequestTokenError::Request(SendError::Server(status, wait))) => Err(TokenError::Down(status, wait)),
        // Usually the page of a captive portal or a proxy. The body may contain tokens, so it is dropped.
        Err(
            RequestTokenError::Request(SendError::TooLong) | RequestTokenError::Parse(..) | RequestTokenError::Other(_),
        ) => Err(TokenError::Intercepted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_life_is_read_in_several_forms() {
        let life = |member: &str| {
            let body =
                format!(r#"{{"access_token":"a","token_type":"bearer","scope":[],"refresh_token":null{member}}}"#);
            let answer: BasicTokenResponse = serde_json::from_slice(&normalized(body.into_bytes())).unwrap();
            classify(Ok(answer)).ok().unwrap().life
        };
        for member in [r#","expires_in":1800"#, r#","expires_in":1800.0"#, r#","expires_in":"1800""#] {
            assert_eq!(life(member), Duration::from_secs(1800), "{member}");
        }
        for member in
            ["", r#","expires_in":null"#, r#","expires_in":-1"#, r#","expires_in":0"#, r#","expires_in":"soon""#]
        {
            assert_eq!(life(member), DEFAULT_LIFE, "{member}");
        }
        assert!(life(r#","expires_in":18446744073709551615"#) > DEFAULT_LIFE);
        assert_eq!(normalized(b"<html>".to_vec()), b"<html>");
    }

    #[test]
    fn join_accepts_a_base_with_a_path_and_a_slash() {
        for base in ["http://127.0.0.1:1/accounts", "http://127.0.0.1:1/accounts/"] {
            let url = join(&Url::parse(base).unwrap(), "api/token");
            assert_eq!(url.as_str(), "http://127.0.0.1:1/accounts/api/token");
        }
    }

    #[test]
    fn authorize_url_has_every_parameter() {
        let http = Http::new();
        let base = Url::parse("https://accounts.spotify.com").unwrap();
        let service = AccountsService {
            base,
            http,
            credentials: Credentials { client_id: "id".into(), client_secret: Some(Secret::new("very-secret")) },
        };
        let redirect = Url::parse("http://127.0.0.1:4000/callback").unwrap();
        // The verifier and challenge of RFC 7636, appendix B.
        let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        let url = service.authorize_url(&redirect, &Secret::new("st"), &verifier);
        assert!(url.as_str().starts_with("https://accounts.spotify.com/authorize?"));
        let query: std::collections::HashMap<_, _> = url.query_pairs().collect();
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["client_id"], "id");
        assert_eq!(query["redirect_uri"], "http://127.0.0.1:4000/callback");
        assert_eq!(query["state"], "st");
        assert_eq!(query["code_challenge_method"], "S256");
        assert_eq!(query["code_challenge"], "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(query["scope"], SCOPES.join(" "));
        assert!(!url.as_str().contains("secret"));
    }
}
