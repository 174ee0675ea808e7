//! The accounts service without HTTP: developers and their apps, authorization codes, access and refresh tokens, and the
//! rules by which Spotify issues them.
//!
//! An [`App`] belongs to a [`Developer`] because Spotify counts quota and checks Premium per developer account.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rand::SeedableRng;
use rand::distr::{Alphanumeric, SampleString};
use rand::rngs::SmallRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::{Host, Url, form_urlencoded};

use crate::fault::{Fault, Outcome};
use crate::playback::millis;

/// Client ID of [`App::demo`].
pub const DEMO_CLIENT_ID: &str = "5107f1de0a51a1b2c3d4e5f607182930";
/// Client Secret of [`App::demo`]. Invented and not valid anywhere else.
pub const DEMO_CLIENT_SECRET: &str = "0de0517f0a51c0ffee00112233445566";
/// Client ID of [`App::sibling`].
pub const SIBLING_CLIENT_ID: &str = "51b1199a0a51a1b2c3d4e5f607182930";
/// Client Secret of [`App::sibling`]. Invented.
pub const SIBLING_CLIENT_SECRET: &str = "51b051b00a51c0ffee00112233445566";
/// Client ID of [`App::backup`].
pub const BACKUP_CLIENT_ID: &str = "bac0b1de0a51a1b2c3d4e5f607182930";
/// Client Secret of [`App::backup`]. Invented.
pub const BACKUP_CLIENT_SECRET: &str = "bac0bac00a51c0ffee00112233445566";
/// The loopback redirect URI of a new [`App`], without a port, so that any port matches.
pub const LOOPBACK_REDIRECT: &str = "http://127.0.0.1/callback";
/// The vendor's relay, the other redirect URI of a new [`App`].
pub const RELAY_REDIRECT: &str = "https://www.avermedia.com/oauth/auth_v2.0.php";

/// The lifetime of an access token.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(3_600);
/// The lifetime of an authorization code.
pub const CODE_LIFETIME: Duration = Duration::from_secs(600);
/// The lifetime of a sign-in, counted from the user's consent and not extended by refreshing: Spotify documents six months.
pub const REFRESH_TOKEN_LIFETIME: Duration = Duration::from_secs(182 * 24 * 3_600);

/// A developer account with its apps.
#[derive(Clone, Debug)]
pub struct Developer {
    /// The name, by which tests refer to the developer.
    pub name: String,
    /// The apps.
    pub apps: Vec<App>,
    /// Whether the developer has Premium. Without it, every call of the apps answers 403 in plain text.
    pub premium: bool,
}

impl Developer {
    /// Creates a developer with Premium and without apps.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), apps: Vec::new(), premium: true }
    }

    /// Creates the developer of the demo app and its sibling, which share their quota.
    pub fn demo() -> Self {
        Self::new("Demo Developer").with_app(App::demo()).with_app(App::sibling())
    }

    /// Creates another developer, whose app has its own quota and so can back up the demo app.
    pub fn backup() -> Self {
        Self::new("Backup Developer").with_app(App::backup())
    }

    /// Adds an app.
    #[must_use]
    pub fn with_app(mut self, app: App) -> Self {
        self.apps.push(app);
        self
    }
}

/// An app as registered in the Spotify dashboard.
#[derive(Clone, Debug)]
pub struct App {
    /// The name on the consent page.
    pub name: String,
    /// The Client ID.
    pub client_id: String,
    /// The Client Secret.
    pub client_secret: String,
    /// The registered redirect URIs. They match exactly, except that a loopback URI without a port matches any port.
    pub redirect_uris: Vec<String>,
    /// IDs of the users for whom it works; without a list it works for all. Other users can sign in, but every call answers
    /// 403 in plain text.
    pub allow_list: Option<Vec<String>>,
}

impl App {
    /// Creates an app for all users, with [`LOOPBACK_REDIRECT`] and [`RELAY_REDIRECT`].
    pub fn new(name: &str, client_id: &str, client_secret: &str) -> Self {
        Self {
            name: name.to_owned(),
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            redirect_uris: vec![LOOPBACK_REDIRECT.to_owned(), RELAY_REDIRECT.to_owned()],
            allow_list: None,
        }
    }

    /// Creates the app of [`DEMO_CLIENT_ID`].
    pub fn demo() -> Self {
        Self::new("Demo Deck", DEMO_CLIENT_ID, DEMO_CLIENT_SECRET)
    }

    /// Creates the app of [`SIBLING_CLIENT_ID`].
    pub fn sibling() -> Self {
        Self::new("Sibling Deck", SIBLING_CLIENT_ID, SIBLING_CLIENT_SECRET)
    }

    /// Creates the app of [`BACKUP_CLIENT_ID`], which has only the [default](User::default) user on its allow list.
    pub fn backup() -> Self {
        let allow_list = Some(vec![User::default().id]);
        Self { allow_list, ..Self::new("Backup Deck", BACKUP_CLIENT_ID, BACKUP_CLIENT_SECRET) }
    }

    fn allows(&self, redirect_uri: &str) -> bool {
        self.redirect_uris.iter().any(|registered| {
            if registered == redirect_uri {
                return true;
            }
            match (loopback(registered), loopback(redirect_uri)) {
                (Some(registered), Some(mut requested)) if registered.port().is_none() => {
                    requested.set_port(None).is_ok() && requested == registered
                }
                _ => false,
            }
        })
    }
}

/// Parses an address, if it is http to a loopback literal.
fn loopback(uri: &str) -> Option<Url> {
    let url = Url::parse(uri).ok().filter(|url| url.scheme() == "http")?;
    let is_loopback = match url.host()? {
        Host::Ipv4(address) => address.octets() == [127, 0, 0, 1],
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(_) => false,
    };
    is_loopback.then_some(url)
}

/// A user of Spotify.
#[derive(Clone, Debug)]
pub struct User {
    /// The user ID.
    pub id: String,
    /// The stable ID that `GET /me` also returns since May 2026; `None` leaves it out, as before.
    pub account_id: Option<String>,
    /// The display name.
    pub display_name: String,
    /// Whether the user has Premium. Without it, player writes answer 403 PREMIUM_REQUIRED.
    pub premium: bool,
}

impl User {
    /// Creates a user with Premium.
    pub fn new(id: &str, display_name: &str) -> Self {
        Self {
            id: id.to_owned(),
            account_id: Some(format!("account-of-{id}")),
            display_name: display_name.to_owned(),
            premium: true,
        }
    }

    /// Creates the second user that the consent page offers by default.
    pub fn guest() -> Self {
        Self::new("sim_guest", "Gaël Nováček")
    }
}

impl Default for User {
    fn default() -> Self {
        Self::new("sim_user", "Simone Löwe")
    }
}

/// The scopes that Spotify knows. A request for any other is an `invalid_scope`.
pub(crate) const SCOPES: [&str; 19] = [
    "ugc-image-upload",
    "user-read-playback-state",
    "user-modify-playback-state",
    "user-read-currently-playing",
    "app-remote-control",
    "streaming",
    "playlist-read-private",
    "playlist-read-collaborative",
    "playlist-modify-private",
    "playlist-modify-public",
    "user-follow-modify",
    "user-follow-read",
    "user-read-playback-position",
    "user-top-read",
    "user-read-recently-played",
    "user-library-modify",
    "user-library-read",
    "user-read-email",
    "user-read-private",
];

/// The parameters of `/authorize`.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuthorizeRequest {
    pub client_id: String,
    pub redirect_uri: String,
    pub response_type: String,
    pub state: Option<String>,
    pub scope: String,
    pub code_challenge: Option<String>,
    pub code_challenge_method: Option<String>,
}

impl AuthorizeRequest {
    /// Parses a query or the consent form.
    pub fn parse(pairs: &str) -> Self {
        let mut request = Self::default();
        for (name, value) in form_urlencoded::parse(pairs.as_bytes()) {
            let value = value.into_owned();
            match &*name {
                "client_id" => request.client_id = value,
                "redirect_uri" => request.redirect_uri = value,
                "response_type" => request.response_type = value,
                "state" => request.state = Some(value),
                "scope" => request.scope = value,
                "code_challenge" => request.code_challenge = Some(value),
                "code_challenge_method" => request.code_challenge_method = Some(value),
                _ => {}
            }
        }
        request
    }

    pub fn scopes(&self) -> Vec<&str> {
        self.scope.split_whitespace().collect()
    }

    /// Returns the redirect URI with `name=value` and the state.
    fn redirect_with(&self, name: &str, value: &str) -> Option<Url> {
        let mut url = Url::parse(&self.redirect_uri).ok()?;
        url.query_pairs_mut().append_pair(name, value);
        if let Some(state) = &self.state {
            url.query_pairs_mut().append_pair("state", state);
        }
        Some(url)
    }
}

/// The reason for which `/authorize` shows no consent page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AuthorizeError {
    /// The browser shows an error page; the app is never called back.
    Page(&'static str),
    /// The browser is redirected to the app with the error.
    Redirect(Url),
}

/// A developer, user or app that doesn't exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// No developer has this name, and no app this Client ID.
    #[error("there is no developer and no app {0:?}")]
    Developer(String),
    /// No user has this ID.
    #[error("there is no user {0:?}")]
    User(String),
    /// No app has this Client ID.
    #[error("there is no app {0:?}")]
    App(String),
}

/// An error of the token endpoint: `{"error", "error_description"}` with status 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TokenError {
    pub error: &'static str,
    pub error_description: &'static str,
}

const fn token_error(error: &'static str, error_description: &'static str) -> TokenError {
    TokenError { error, error_description }
}

/// A successful answer of the token endpoint.
#[derive(Debug, Serialize)]
pub(crate) struct TokenAnswer {
    pub access_token: String,
    pub token_type: &'static str,
    pub expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

#[derive(Debug)]
struct Code {
    client_id: String,
    redirect_uri: String,
    scope: String,
    challenge: Option<String>,
    user: String,
    authorized_at: Duration,
}

/// What an access token grants.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub client_id: String,
    /// The ID of its user; client-credentials tokens have none.
    pub user: Option<String>,
    scope: String,
    expires_at: Duration,
}

impl Access {
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.split_whitespace().any(|granted| granted == scope)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct RefreshToken {
    client_id: String,
    scope: String,
    /// Whether it was obtained by PKCE alone: then it is refreshed without a secret, and rotated.
    public: bool,
    revoked: bool,
    /// The ID of the user. Files of older versions lack it because there was only one user.
    #[serde(default)]
    user: String,
    /// When the user agreed, in Unix milliseconds. Files of older versions lack it.
    #[serde(default)]
    authorized_ms: u64,
}

impl RefreshToken {
    fn expires_at(&self) -> Duration {
        Duration::from_millis(self.authorized_ms).saturating_add(REFRESH_TOKEN_LIFETIME)
    }
}

/// The reason for which an access token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccessError {
    Invalid,
    Expired,
}

/// Every token issued, for tests that search logs and files for them.
#[derive(Clone, Default)]
pub struct IssuedTokens {
    /// The authorization codes.
    pub codes: Vec<String>,
    /// The access tokens, including client-credentials ones.
    pub access: Vec<String>,
    /// The refresh tokens.
    pub refresh: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Accounts {
    developers: Vec<Developer>,
    /// The first user is the one who is signed in to Spotify in the browser.
    users: Vec<User>,
    rotate: bool,
    rng: SmallRng,
    codes: HashMap<String, Code>,
    access: HashMap<String, Access>,
    refresh: HashMap<String, RefreshToken>,
    used_codes: Vec<String>,
    /// The file that keeps the sign-ins across restarts.
    file: Option<PathBuf>,
}

impl Accounts {
    /// Creates the accounts service. `user` is signed in to Spotify in the browser, `others` can be chosen instead. `file`
    /// is the file of sign-ins and the current time.
    ///
    /// # Errors
    /// If the file of sign-ins exists but can't be read.
    pub fn new(
        developers: Vec<Developer>,
        user: User,
        others: Vec<User>,
        rotate: bool,
        seed: u64,
        file: Option<(PathBuf, Duration)>,
    ) -> io::Result<Self> {
        let mut refresh: HashMap<String, RefreshToken> = match file.as_ref().map(|(path, _)| fs::read(path)) {
            Some(Ok(text)) => serde_json::from_slice(&text)?,
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => HashMap::new(),
        };
        let (file, now) = file.map_or((None, Duration::ZERO), |(path, now)| (Some(path), now));
        for sign_in in refresh.values_mut() {
            if sign_in.user.is_empty() {
                sign_in.user.clone_from(&user.id);
            }
            if sign_in.authorized_ms == 0 {
                sign_in.authorized_ms = millis(now);
            }
        }
        let mut users = vec![user];
        users.extend(others);
        let accounts = Self {
            developers,
            users,
            rotate,
            rng: SmallRng::seed_from_u64(seed),
            codes: HashMap::new(),
            access: HashMap::new(),
            refresh,
            used_codes: Vec::new(),
            file,
        };
        // A file without dates gets them at once, so that lifetimes count from the first start with this version.
        accounts.save();
        Ok(accounts)
    }

    /// Writes the sign-ins to the file. If that fails, the next start doesn't know them.
    fn save(&self) {
        if let (Some(path), Ok(text)) = (&self.file, serde_json::to_vec(&self.refresh)) {
            let _ = fs::write(path, text);
        }
    }

    pub fn app(&self, client_id: &str) -> Option<&App> {
        self.developers.iter().flat_map(|developer| &developer.apps).find(|app| app.client_id == client_id)
    }

    pub fn developers(&self) -> &[Developer] {
        &self.developers
    }

    /// Returns the index of the developer who owns an app.
    pub fn owner(&self, client_id: &str) -> Option<usize> {
        self.developers.iter().position(|developer| developer.apps.iter().any(|app| app.client_id == client_id))
    }

    /// Returns the index of the developer with this name, or of the owner of the app with this Client ID.
    pub fn developer(&self, name_or_client_id: &str) -> Result<usize, LookupError> {
        let named = self.developers.iter().position(|developer| developer.name == name_or_client_id);
        let found = named.or_else(|| self.owner(name_or_client_id));
        found.ok_or_else(|| LookupError::Developer(name_or_client_id.to_owned()))
    }

    pub fn users(&self) -> &[User] {
        &self.users
    }

    pub fn user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub fn set_developer_premium(&mut self, name_or_client_id: &str, premium: bool) -> Result<(), LookupError> {
        let index = self.developer(name_or_client_id)?;
        self.developers[index].premium = premium;
        Ok(())
    }

    pub fn set_user_premium(&mut self, id: &str, premium: bool) -> Result<(), LookupError> {
        let user = self.users.iter_mut().find(|user| user.id == id);
        user.ok_or_else(|| LookupError::User(id.to_owned()))?.premium = premium;
        Ok(())
    }

    pub fn set_allow_list(&mut self, client_id: &str, users: Option<Vec<String>>) -> Result<(), LookupError> {
        let mut apps = self.developers.iter_mut().flat_map(|developer| &mut developer.apps);
        let app = apps.find(|app| app.client_id == client_id);
        app.ok_or_else(|| LookupError::App(client_id.to_owned()))?.allow_list = users;
        Ok(())
    }

    /// Returns the refusal of every call with a token, because of the app's owner or its allow list.
    pub fn refusal(&self, access: &Access) -> Option<Outcome> {
        let owner = &self.developers[self.owner(&access.client_id)?];
        if !owner.premium {
            return Some(Fault::owner_not_premium().outcome);
        }
        let allowed = self.app(&access.client_id)?.allow_list.as_ref()?;
        let unknown = !allowed.contains(access.user.as_ref()?);
        unknown.then(|| Fault::not_on_allow_list().outcome)
    }

    /// Checks a request as Spotify does before it shows the consent page.
    pub fn check(&self, request: &AuthorizeRequest) -> Result<&App, AuthorizeError> {
        let app = self.app(&request.client_id).ok_or(AuthorizeError::Page("INVALID_CLIENT: Invalid client"))?;
        let secure = match Url::parse(&request.redirect_uri) {
            Ok(url) => url.scheme() != "http" || loopback(&request.redirect_uri).is_some(),
            Err(_) => return Err(AuthorizeError::Page("INVALID_CLIENT: Invalid redirect URI")),
        };
        if !secure {
            return Err(AuthorizeError::Page("INVALID_CLIENT: Insecure redirect URI"));
        }
        if !app.allows(&request.redirect_uri) {
            return Err(AuthorizeError::Page("INVALID_CLIENT: Invalid redirect URI"));
        }
        let refused = |error| match request.redirect_with("error", error) {
            Some(url) => AuthorizeError::Redirect(url),
            None => AuthorizeError::Page("INVALID_CLIENT: Invalid redirect URI"),
        };
        if request.response_type != "code" {
            return Err(refused("unsupported_response_type"));
        }
        if request.scopes().iter().any(|scope| !SCOPES.contains(scope)) {
            return Err(refused("invalid_scope"));
        }
        if request.code_challenge.is_some() && request.code_challenge_method.as_deref() != Some("S256") {
            return Err(AuthorizeError::Page("code_challenge_method must be S256"));
        }
        Ok(app)
    }

    /// Records that a user clicked Agree (or Cancel) and returns where the browser is redirected. `None` is the user who is
    /// signed in.
    pub fn decide(
        &mut self,
        request: &AuthorizeRequest,
        user: Option<&str>,
        agree: bool,
        now: Duration,
    ) -> Result<Url, AuthorizeError> {
        self.check(request)?;
        let user = user.map_or(self.users.first(), |id| self.user(id));
        let user = user.ok_or(AuthorizeError::Page("There is no such user"))?.id.clone();
        let url = if agree {
            let code = self.token("AQ", 210);
            let url = request.redirect_with("code", &code);
            self.codes.insert(
                code,
                Code {
                    client_id: request.client_id.clone(),
                    redirect_uri: request.redirect_uri.clone(),
                    scope: request.scopes().join(" "),
                    challenge: request.code_challenge.clone(),
                    user,
                    authorized_at: now,
                },
            );
            url
        } else {
            request.redirect_with("error", "access_denied")
        };
        url.ok_or(AuthorizeError::Page("INVALID_CLIENT: Invalid redirect URI"))
    }

    /// Serves `POST /api/token`. `basic` is the value of the Authorization header, `form` the body.
    pub fn grant(&mut self, basic: Option<&str>, form: &str, now: Duration) -> Result<TokenAnswer, TokenError> {
        let form: HashMap<String, String> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        let member = |name: &str| form.get(name).map(String::as_str);
        let (client_id, confidential) = self.authenticate(basic, member("client_id"), member("client_secret"))?;
        match member("grant_type") {
            Some("client_credentials") if confidential => Ok(self.issue(&client_id, None, String::new(), now, None)),
            Some("client_credentials") => Err(token_error("invalid_client", "Invalid client secret")),
            Some("authorization_code") => {
                let (code, verifier) = (member("code"), member("code_verifier"));
                self.redeem(&client_id, confidential, code, member("redirect_uri"), verifier, now)
            }
            Some("refresh_token") => self.renew(&client_id, confidential, member("refresh_token"), now),
            Some(_) => Err(token_error("unsupported_grant_type", "grant_type parameter is invalid")),
            None => Err(token_error("unsupported_grant_type", "grant_type parameter is missing")),
        }
    }

    /// Returns the client's ID, and whether it sent the right secret.
    fn authenticate(
        &self,
        basic: Option<&str>,
        form_id: Option<&str>,
        form_secret: Option<&str>,
    ) -> Result<(String, bool), TokenError> {
        let header = basic.map(|value| basic_pair(value).ok_or(token_error("invalid_client", "Invalid client")));
        let (id, secret) = match header.transpose()? {
            Some((id, secret)) => (id, Some(secret)),
            None => (form_id.unwrap_or_default().to_owned(), form_secret.map(str::to_owned)),
        };
        let app = self.app(&id).ok_or(token_error("invalid_client", "Invalid client"))?;
        match secret {
            Some(secret) if secret == app.client_secret => Ok((id, true)),
            Some(_) => Err(token_error("invalid_client", "Invalid client secret")),
            None => Ok((id, false)),
        }
    }

    fn redeem(
        &mut self,
        client_id: &str,
        confidential: bool,
        code: Option<&str>,
        redirect_uri: Option<&str>,
        verifier: Option<&str>,
        now: Duration,
    ) -> Result<TokenAnswer, TokenError> {
        let invalid = token_error("invalid_grant", "Invalid authorization code");
        let (name, code) = code.and_then(|code| self.codes.remove_entry(code)).ok_or(invalid)?;
        self.used_codes.push(name);
        if code.client_id != client_id {
            return Err(invalid);
        }
        if code.authorized_at + CODE_LIFETIME <= now {
            return Err(token_error("invalid_grant", "Authorization code expired"));
        }
        if redirect_uri != Some(code.redirect_uri.as_str()) {
            return Err(token_error("invalid_grant", "Invalid redirect URI"));
        }
        match (&code.challenge, verifier) {
            (Some(challenge), Some(verifier)) if *challenge == challenge_of(verifier) => {}
            (Some(_), Some(_)) => return Err(token_error("invalid_grant", "code_verifier was incorrect")),
            (Some(_), None) => return Err(token_error("invalid_request", "code_verifier required")),
            (None, _) if !confidential => return Err(token_error("invalid_client", "Invalid client secret")),
            (None, _) => {}
        }
        let refresh = self.token("AQ", 129);
        let record = RefreshToken {
            client_id: client_id.to_owned(),
            scope: code.scope.clone(),
            public: !confidential,
            revoked: false,
            user: code.user.clone(),
            authorized_ms: millis(code.authorized_at),
        };
        self.refresh.insert(refresh.clone(), record);
        self.save();
        Ok(self.issue(client_id, Some(code.user), code.scope, now, Some(refresh)))
    }

    fn renew(
        &mut self,
        client_id: &str,
        confidential: bool,
        token: Option<&str>,
        now: Duration,
    ) -> Result<TokenAnswer, TokenError> {
        let token = token.ok_or(token_error("invalid_request", "refresh_token must be supplied"))?;
        let known = self.refresh.get(token).filter(|refresh| refresh.client_id == client_id).cloned();
        let refresh = known.ok_or(token_error("invalid_grant", "Invalid refresh token"))?;
        if refresh.revoked {
            return Err(token_error("invalid_grant", "Refresh token revoked"));
        }
        if refresh.expires_at() <= now {
            return Err(token_error("invalid_grant", "Refresh token expired"));
        }
        if !refresh.public && !confidential {
            return Err(token_error("invalid_client", "Invalid client secret"));
        }
        let successor = if refresh.public || self.rotate {
            let successor = self.token("AQ", 129);
            self.refresh.insert(successor.clone(), refresh.clone());
            if let Some(old) = self.refresh.get_mut(token) {
                old.revoked = true;
            }
            self.save();
            Some(successor)
        } else {
            None
        };
        Ok(self.issue(client_id, Some(refresh.user), refresh.scope, now, successor))
    }

    fn issue(
        &mut self,
        client_id: &str,
        user: Option<String>,
        scope: String,
        now: Duration,
        refresh_token: Option<String>,
    ) -> TokenAnswer {
        let access_token = self.token("BQ", 190);
        let expires_at = now + ACCESS_TOKEN_LIFETIME;
        let granted = user.is_some().then(|| scope.clone());
        let access = Access { client_id: client_id.to_owned(), user, scope, expires_at };
        self.access.insert(access_token.clone(), access);
        TokenAnswer {
            access_token,
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_LIFETIME.as_secs(),
            refresh_token,
            scope: granted,
        }
    }

    /// Returns what a bearer token grants.
    pub fn access(&self, token: &str, now: Duration) -> Result<&Access, AccessError> {
        let access = self.access.get(token).ok_or(AccessError::Invalid)?;
        if access.expires_at <= now { Err(AccessError::Expired) } else { Ok(access) }
    }

    /// Returns the Client ID in an Authorization header, or else in a form or a query, whether or not it is valid.
    pub fn client_of(&self, authorization: Option<&str>, form: &str, query: &str) -> Option<String> {
        match authorization {
            Some(value) => match value.strip_prefix("Bearer ") {
                Some(token) => self.access.get(token).map(|access| access.client_id.clone()),
                None => basic_pair(value).map(|(id, _)| id),
            },
            None => form_urlencoded::parse(form.as_bytes())
                .chain(form_urlencoded::parse(query.as_bytes()))
                .find(|(name, _)| name == "client_id")
                .map(|(_, value)| value.into_owned()),
        }
    }

    /// Expires every access token issued so far.
    pub fn expire_access(&mut self) {
        self.access.values_mut().for_each(|access| access.expires_at = Duration::ZERO);
    }

    /// Revokes every refresh token issued so far.
    pub fn revoke_refresh(&mut self) {
        self.refresh.values_mut().for_each(|refresh| refresh.revoked = true);
    }

    pub fn issued(&self) -> IssuedTokens {
        IssuedTokens {
            codes: self.codes.keys().chain(&self.used_codes).cloned().collect(),
            access: self.access.keys().cloned().collect(),
            refresh: self.refresh.keys().cloned().collect(),
        }
    }

    /// Generates a token that looks like Spotify's.
    fn token(&mut self, prefix: &str, length: usize) -> String {
        format!("{prefix}{}", Alphanumeric.sample_string(&mut self.rng, length))
    }
}

fn basic_pair(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000_000);
    const CALLBACK: &str = "http://127.0.0.1:40123/callback";

    fn accounts() -> Accounts {
        accounts_with(false, None)
    }

    fn accounts_with(rotate: bool, file: Option<(PathBuf, Duration)>) -> Accounts {
        let developers = vec![Developer::demo(), Developer::backup()];
        Accounts::new(developers, User::default(), vec![User::guest()], rotate, 1, file).unwrap()
    }

    fn request(challenge: Option<&str>) -> AuthorizeRequest {
        AuthorizeRequest {
            client_id: DEMO_CLIENT_ID.into(),
            redirect_uri: CALLBACK.into(),
            response_type: "code".into(),
            state: Some("s t".into()),
            scope: "user-read-private user-modify-playback-state".into(),
            code_challenge: challenge.map(str::to_owned),
            code_challenge_method: challenge.map(|_| "S256".to_owned()),
        }
    }

    fn basic(secret: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{DEMO_CLIENT_ID}:{secret}")))
    }

    fn code(accounts: &mut Accounts, challenge: Option<&str>) -> String {
        let url = accounts.decide(&request(challenge), None, true, NOW).expect("agreed");
        assert_eq!(url.query_pairs().find(|(name, _)| name == "state").expect("state").1, "s t");
        url.query_pairs().find(|(name, _)| name == "code").expect("code").1.into_owned()
    }

    fn access(client_id: &str, user: Option<&str>) -> Access {
        Access { client_id: client_id.to_owned(), user: user.map(str::to_owned), scope: String::new(), expires_at: NOW }
    }

    fn form(code: &str) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)])
            .finish()
    }

    // The example of RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn pkce(code: &str, verifier: &str) -> String {
        format!("{}&client_id={DEMO_CLIENT_ID}&code_verifier={verifier}", form(code))
    }

    #[test]
    fn redirect_uris_match_exactly_except_for_the_loopback_port() {
        let app = App::demo();
        assert!(app.allows("http://127.0.0.1:1234/callback"));
        assert!(app.allows(LOOPBACK_REDIRECT));
        assert!(app.allows(RELAY_REDIRECT));
        for wrong in [
            "http://127.0.0.1:1234/callback/",
            "http://127.0.0.1:1234/callback?x=1",
            "http://[::1]:1234/callback",
            "http://localhost:1234/callback",
            "https://127.0.0.1:1234/callback",
            "https://www.avermedia.com:8443/oauth/auth_v2.0.php",
        ] {
            assert!(!app.allows(wrong), "{wrong}");
        }
        let fixed = App { redirect_uris: vec!["http://127.0.0.1:8888/callback".into()], ..App::demo() };
        assert!(!fixed.allows(CALLBACK));
    }

    #[test]
    fn invalid_client_or_redirect_uri_shows_an_error_page() {
        let accounts = accounts();
        let page = |request: AuthorizeRequest| match accounts.check(&request) {
            Err(AuthorizeError::Page(text)) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(page(AuthorizeRequest { client_id: "x".into(), ..request(None) }), "INVALID_CLIENT: Invalid client");
        let localhost = "http://localhost:40123/callback".to_owned();
        assert_eq!(
            page(AuthorizeRequest { redirect_uri: localhost, ..request(None) }),
            "INVALID_CLIENT: Insecure redirect URI"
        );
        let other = "http://127.0.0.1:40123/other".to_owned();
        assert_eq!(
            page(AuthorizeRequest { redirect_uri: other, ..request(None) }),
            "INVALID_CLIENT: Invalid redirect URI"
        );
    }

    #[test]
    fn invalid_scope_redirects_to_the_app() {
        let accounts = accounts();
        let scope = AuthorizeRequest { scope: "read-minds".into(), ..request(None) };
        let Err(AuthorizeError::Redirect(url)) = accounts.check(&scope) else { panic!("a redirect") };
        assert_eq!(url.as_str(), format!("{CALLBACK}?error=invalid_scope&state=s+t"));
    }

    #[test]
    fn cancel_redirects_with_access_denied() {
        let url = accounts().decide(&request(None), None, false, NOW).expect("denied");
        assert_eq!(url.as_str(), format!("{CALLBACK}?error=access_denied&state=s+t"));
    }

    #[test]
    fn code_works_once_and_only_with_the_right_secret() {
        let mut accounts = accounts();
        let code = code(&mut accounts, None);
        let wrong = accounts.grant(Some(&basic("wrong")), &form(&code), NOW).expect_err("refused");
        assert_eq!((wrong.error, wrong.error_description), ("invalid_client", "Invalid client secret"));
        let answer = accounts.grant(Some(&basic(DEMO_CLIENT_SECRET)), &form(&code), NOW).expect("granted");
        assert_eq!(answer.expires_in, 3_600);
        assert_eq!(answer.scope.as_deref(), Some("user-read-private user-modify-playback-state"));
        assert!(answer.refresh_token.is_some());
        let again = accounts.grant(Some(&basic(DEMO_CLIENT_SECRET)), &form(&code), NOW).expect_err("refused");
        assert_eq!(again.error, "invalid_grant");
    }

    #[test]
    fn code_is_refused_with_another_redirect_uri() {
        let mut accounts = accounts();
        let first = code(&mut accounts, None);
        let other = form(&first).replace("40123", "40124");
        let error = accounts.grant(Some(&basic(DEMO_CLIENT_SECRET)), &other, NOW).expect_err("refused");
        assert_eq!(error.error_description, "Invalid redirect URI");
    }

    #[test]
    fn code_expires() {
        let mut accounts = accounts();
        let late = code(&mut accounts, None);
        let error =
            accounts.grant(Some(&basic(DEMO_CLIENT_SECRET)), &form(&late), NOW + CODE_LIFETIME).expect_err("refused");
        assert_eq!(error.error_description, "Authorization code expired");
    }

    #[test]
    fn wrong_pkce_verifier_is_refused() {
        let mut accounts = accounts();
        let code = code(&mut accounts, Some(CHALLENGE));
        let error = accounts.grant(None, &pkce(&code, "wrong"), NOW).expect_err("refused");
        assert_eq!(error.error_description, "code_verifier was incorrect");
    }

    #[test]
    fn code_without_challenge_needs_the_secret() {
        let mut accounts = accounts();
        let code = code(&mut accounts, None);
        let error = accounts.grant(None, &pkce(&code, VERIFIER), NOW).expect_err("no challenge, no secret");
        assert_eq!(error.error, "invalid_client");
    }

    #[test]
    fn pkce_refresh_token_rotates() {
        let mut accounts = accounts();
        let code = code(&mut accounts, Some(CHALLENGE));
        let answer = accounts.grant(None, &pkce(&code, VERIFIER), NOW).expect("granted");
        let first = answer.refresh_token.expect("a refresh token");
        let refresh =
            |token: &str| format!("grant_type=refresh_token&refresh_token={token}&client_id={DEMO_CLIENT_ID}");
        let second = accounts.grant(None, &refresh(&first), NOW).expect("granted").refresh_token.expect("rotated");
        assert_ne!(first, second);
        let error = accounts.grant(None, &refresh(&first), NOW).expect_err("refused");
        assert_eq!(error, token_error("invalid_grant", "Refresh token revoked"));
        accounts.grant(None, &refresh(&second), NOW).expect("granted");
    }

    #[test]
    fn refreshing_with_the_secret_rotates_only_if_configured() {
        for rotate in [false, true] {
            let mut accounts = accounts_with(rotate, None);
            let code = code(&mut accounts, None);
            let secret = basic(DEMO_CLIENT_SECRET);
            let token =
                accounts.grant(Some(&secret), &form(&code), NOW).expect("granted").refresh_token.expect("a token");
            let refresh = format!("grant_type=refresh_token&refresh_token={token}");
            let answer = accounts.grant(Some(&secret), &refresh, NOW).expect("granted");
            assert_eq!(answer.refresh_token.is_some(), rotate);
            assert!(answer.scope.is_some());
            accounts.revoke_refresh();
            let error = accounts.grant(Some(&secret), &refresh, NOW).expect_err("revoked");
            assert_eq!(error.error, "invalid_grant");
        }
    }

    #[test]
    fn client_credentials_token_has_no_user() {
        let mut accounts = accounts();
        let answer =
            accounts.grant(Some(&basic(DEMO_CLIENT_SECRET)), "grant_type=client_credentials", NOW).expect("granted");
        assert!(answer.refresh_token.is_none());
        assert_eq!(accounts.access(&answer.access_token, NOW).expect("valid").user, None);
    }

    #[test]
    fn client_credentials_need_the_secret() {
        let form = format!("grant_type=client_credentials&client_id={DEMO_CLIENT_ID}");
        assert_eq!(accounts().grant(None, &form, NOW).expect_err("no secret").error, "invalid_client");
    }

    #[test]
    fn access_token_expires() {
        let mut accounts = accounts();
        let answer =
            accounts.grant(Some(&basic(DEMO_CLIENT_SECRET)), "grant_type=client_credentials", NOW).expect("granted");
        let last = NOW + ACCESS_TOKEN_LIFETIME - Duration::from_millis(1);
        assert!(accounts.access(&answer.access_token, last).is_ok());
        let end = NOW + ACCESS_TOKEN_LIFETIME;
        assert_eq!(accounts.access(&answer.access_token, end).map(|_| ()), Err(AccessError::Expired));
        assert_eq!(accounts.access("x", NOW).map(|_| ()), Err(AccessError::Invalid));
    }

    #[test]
    fn sign_ins_survive_a_restart_with_a_file() {
        let file = std::env::temp_dir().join(format!("spotify-sim-{}.json", std::process::id()));
        let start = || accounts_with(false, Some((file.clone(), NOW)));
        let mut before = start();
        let first = code(&mut before, None);
        let secret = basic(DEMO_CLIENT_SECRET);
        let token = before.grant(Some(&secret), &form(&first), NOW).expect("granted").refresh_token.expect("a token");
        let mut after = start();
        assert!(after.renew(DEMO_CLIENT_ID, true, Some(&token), NOW).is_ok());
        fs::remove_file(&file).unwrap();
    }

    #[test]
    fn sign_ins_in_a_file_of_an_older_version_get_a_date() {
        let file = std::env::temp_dir().join(format!("spotify-sim-{}-old.json", std::process::id()));
        let old = format!(
            r#"{{"AQold":{{"client_id":"{DEMO_CLIENT_ID}","scope":"user-read-private","public":false,"revoked":false}}}}"#
        );
        fs::write(&file, old).unwrap();
        let start = |now| accounts_with(false, Some((file.clone(), now)));
        let answer = start(NOW).renew(DEMO_CLIENT_ID, true, Some("AQold"), NOW).expect("granted");
        assert!(answer.refresh_token.is_none());
        // The second start finds the date of the first.
        let end = NOW + REFRESH_TOKEN_LIFETIME;
        let mut again = start(end);
        let last = again.renew(DEMO_CLIENT_ID, true, Some("AQold"), end - Duration::from_millis(1)).expect("granted");
        assert_eq!(again.access(&last.access_token, NOW).expect("valid").user.as_deref(), Some("sim_user"));
        let error = again.renew(DEMO_CLIENT_ID, true, Some("AQold"), end).expect_err("over");
        assert_eq!(error, token_error("invalid_grant", "Refresh token expired"));
        fs::remove_file(&file).unwrap();
    }

    #[test]
    fn refreshing_does_not_extend_a_sign_in() {
        let mut accounts = accounts_with(true, None);
        let code = code(&mut accounts, None);
        let secret = basic(DEMO_CLIENT_SECRET);
        // The code is redeemed after the consent, from which the lifetime counts.
        let redeemed = NOW + Duration::from_secs(60);
        let mut token =
            accounts.grant(Some(&secret), &form(&code), redeemed).expect("granted").refresh_token.expect("a token");
        let end = NOW + REFRESH_TOKEN_LIFETIME;
        for now in [NOW + REFRESH_TOKEN_LIFETIME / 2, end - Duration::from_millis(1)] {
            let answer = accounts.renew(DEMO_CLIENT_ID, true, Some(&token), now).expect("granted");
            token = answer.refresh_token.expect("rotated");
        }
        let error = accounts.renew(DEMO_CLIENT_ID, true, Some(&token), end).expect_err("over");
        assert_eq!(error, token_error("invalid_grant", "Refresh token expired"));
    }

    #[test]
    fn allow_list_refuses_other_users() {
        let mut accounts = accounts();
        let (listed, unlisted) =
            (access(BACKUP_CLIENT_ID, Some("sim_user")), access(BACKUP_CLIENT_ID, Some("sim_guest")));
        let app_only = access(BACKUP_CLIENT_ID, None);
        assert_eq!(accounts.refusal(&listed), None);
        assert_eq!(accounts.refusal(&app_only), None, "a token without a user");
        assert_eq!(accounts.refusal(&unlisted), Some(Fault::not_on_allow_list().outcome));
        accounts.set_allow_list(BACKUP_CLIENT_ID, None).unwrap();
        assert_eq!(accounts.refusal(&unlisted), None);
    }

    #[test]
    fn owner_without_premium_refuses_all_calls_of_the_apps() {
        let mut accounts = accounts();
        accounts.set_developer_premium("Demo Developer", false).unwrap();
        let owner = Some(Fault::owner_not_premium().outcome);
        assert_eq!(accounts.refusal(&access(DEMO_CLIENT_ID, Some("sim_user"))), owner);
        assert_eq!(accounts.refusal(&access(SIBLING_CLIENT_ID, None)), owner, "all the developer's apps");
        assert_eq!(accounts.refusal(&access(BACKUP_CLIENT_ID, Some("sim_user"))), None, "another developer's app");
        accounts.set_developer_premium(SIBLING_CLIENT_ID, true).unwrap();
        assert_eq!(accounts.refusal(&access(DEMO_CLIENT_ID, None)), None);
    }

    #[test]
    fn unknown_names_are_lookup_errors() {
        let mut accounts = accounts();
        let name = || "nope".to_owned();
        assert_eq!(accounts.set_allow_list("nope", None), Err(LookupError::App(name())));
        assert_eq!(accounts.set_developer_premium("nope", true), Err(LookupError::Developer(name())));
        assert_eq!(accounts.set_user_premium("nope", true), Err(LookupError::User(name())));
    }

    #[test]
    fn unknown_user_can_not_agree() {
        let error = accounts().decide(&request(None), Some("unknown"), true, NOW).expect_err("refused");
        assert_eq!(error, AuthorizeError::Page("There is no such user"));
    }

    #[test]
    fn tokens_belong_to_the_user_who_agreed() {
        let mut accounts = accounts();
        let url = accounts.decide(&request(None), Some("sim_guest"), true, NOW).expect("agreed");
        let code = url.query_pairs().find(|(name, _)| name == "code").expect("code").1.into_owned();
        let answer = accounts.grant(Some(&basic(DEMO_CLIENT_SECRET)), &form(&code), NOW).expect("granted");
        let user = |accounts: &Accounts, token: &str| accounts.access(token, NOW).expect("valid").user.clone();
        assert_eq!(user(&accounts, &answer.access_token).as_deref(), Some("sim_guest"));
        let refresh = answer.refresh_token.expect("a token");
        let answer = accounts.renew(DEMO_CLIENT_ID, true, Some(&refresh), NOW).expect("granted");
        assert_eq!(user(&accounts, &answer.access_token).as_deref(), Some("sim_guest"));
    }
}
