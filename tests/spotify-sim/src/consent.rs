//! The accounts service over HTTP: the consent page in the user's browser, and the token endpoint.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use url::form_urlencoded;

use crate::accounts::{AuthorizeError, AuthorizeRequest, User};
use crate::server::header;
use crate::shared::Shared;

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/authorize", get(show).post(decide)).route("/api/token", post(token))
}

async fn show(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let request = AuthorizeRequest::parse(&query);
    let page = shared.read(|state, _| {
        let app = state.accounts.check(&request)?;
        Ok(consent_page(state.accounts.users(), &app.name, &request))
    });
    page.map_or_else(refuse, |page| Html(page).into_response())
}

async fn decide(State(shared): State<Arc<Shared>>, form: String) -> Response {
    let member = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(form.as_bytes());
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    let agree = member("decision").is_some_and(|decision| decision == "agree");
    let (user, request) = (member("user"), AuthorizeRequest::parse(&form));
    match shared.change(|state, now| state.accounts.decide(&request, user.as_deref(), agree, now)) {
        Ok(url) => redirect(url.as_str()),
        Err(error) => refuse(error),
    }
}

async fn token(State(shared): State<Arc<Shared>>, headers: HeaderMap, form: String) -> Response {
    let answer = shared.change(|state, now| state.accounts.grant(header(&headers, AUTHORIZATION), &form, now));
    let uncached = [(CACHE_CONTROL, "no-store")];
    match answer {
        Ok(answer) => (uncached, Json(answer)).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, uncached, Json(error)).into_response(),
    }
}

fn redirect(location: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

fn refuse(error: AuthorizeError) -> Response {
    match error {
        AuthorizeError::Redirect(url) => redirect(url.as_str()),
        AuthorizeError::Page(text) => {
            let page = include_str!("pages/refused.html").replace("{{message}}", &escape(text));
            (StatusCode::BAD_REQUEST, Html(page)).into_response()
        }
    }
}

/// Describes for users what a scope lets an app do.
fn describe_scope(scope: &str) -> &str {
    match scope {
        "user-read-playback-state" => "See what you play, and on which device",
        "user-modify-playback-state" => "Control what you play",
        "user-read-currently-playing" => "See what you are playing now",
        "user-read-recently-played" => "See what you played recently",
        "user-library-read" => "See what you have saved",
        "user-library-modify" => "Save to your library, and remove from it",
        "playlist-read-private" => "See your private playlists",
        "playlist-modify-private" => "Change your private playlists",
        "playlist-modify-public" => "Change your public playlists",
        "user-read-private" => "See your name and your subscription",
        "user-read-playback-position" => "See where you are in episodes",
        other => other,
    }
}

/// Renders the consent page with the first user selected.
fn consent_page(users: &[User], app: &str, request: &AuthorizeRequest) -> String {
    let scopes: String = request
        .scopes()
        .into_iter()
        .map(|scope| format!("<li>{}<code>{}</code></li>", escape(describe_scope(scope)), escape(scope)))
        .collect();
    let users: String = users
        .iter()
        .map(|user| format!("<option value=\"{}\">{}</option>", escape(&user.id), escape(&user.display_name)))
        .collect();
    let mut fields = String::new();
    let mut field = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            fields.push_str(&format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value)));
        }
    };
    field("client_id", Some(&request.client_id));
    field("redirect_uri", Some(&request.redirect_uri));
    field("response_type", Some(&request.response_type));
    field("scope", Some(&request.scope));
    field("state", request.state.as_deref());
    field("code_challenge", request.code_challenge.as_deref());
    field("code_challenge_method", request.code_challenge_method.as_deref());
    // Fields are inserted last, because a value could look like another placeholder.
    include_str!("pages/consent.html")
        .replace("{{app}}", &escape(app))
        .replace("{{users}}", &users)
        .replace("{{scopes}}", &scopes)
        .replace("{{fields}}", &fields)
}

/// Escapes text for HTML, attributes included.
fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::SCOPES;

    #[test]
    fn escape_replaces_markup_characters() {
        assert_eq!(escape(r#"<a href="x">'&"#), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    }

    #[test]
    fn described_scopes_are_known_scopes() {
        let described: Vec<_> = SCOPES.iter().filter(|scope| describe_scope(scope) != **scope).collect();
        assert_eq!(described.len(), 11);
    }
}
