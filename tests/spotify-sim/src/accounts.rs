//! The accounts service without its HTTP: developers and their apps, authorization codes, access and refresh tokens, and
//! the rules by which Spotify gives them out.
//!
//! An [`App`] belongs to a [`Developer`] because Spotify counts quota, and checks Premium and allow lists, there.

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
/// Client Secret of [`App::demo`]. Invented, and of no use anywhere else.
pub const DEMO_CLIENT_SECRET: &str = "0de0517f0a51c0ffee00112233445566";
/// Client ID of [`App::sibling`].
pub const SIBLING_CLIENT_ID: &str = "51b1199a0a51a1b2c3d4e5f607182930";
/// Client Secret of [`App::sibling`]. Invented.
pub const SIBLING_CLIENT_SECRET: &str = "51b051b00a51c0ffee00112233445566";
/// Client ID of [`App::backup`].
pub const BACKUP_CLIENT_ID: &str = "bac0b1de0a51a1b2c3d4e5f607182930";
/// Client Secret of [`App::backup`]. Invented.
pub const BACKUP_CLIENT_SECRET: &str = "bac0bac00a51c0ffee00112233445566";
/// The loopback redirect URI of a new [`App`]: without a port, so that any port may be used.
pub const LOOPBACK_REDIRECT: &str = "http://127.0.0.1/callback";
/// The relay of the vendor, the other redirect URI of a new [`App`].
pub const RELAY_REDIRECT: &str = "https://www.avermedia.com/oauth/auth_v2.0.php";

/// How long an access token lives.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(3_600);
/// How long an authorization code lives.
pub const CODE_LIFETIME: Duration = Duration::from_secs(600);
/// How long a sign-in lasts from the user's consent on, however often it is refreshed: Spotify says six months.
pub const REFRESH_TOKEN_LIFETIME: Duration = Duration::from_secs(182 * 24 * 3_600);

/// A developer account with its apps.
#[derive(Clone, Debug)]
pub struct Developer {
    /// A name, for the people who read a test, and to tell developers apart.
    pub name: String,
    /// The apps.
    pub apps: Vec<App>,
    /// Whether the developer has Premium. Without, every call of the apps answers 403 in plain text.
    pub premium: bool,
}

impl Developer {
    /// A developer with Premium and no apps yet.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), apps: Vec::new(), premium: true }
    }

    /// The developer of the demo app and of its sibling, which share their quota.
    pub fn demo() -> Self {
        Self::new("Demo Developer").with_app(App::demo()).with_app(App::sibling())
    }

    /// Another developer, with the app that makes a real backup for the demo app.
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
    /// What the consent page calls it.
    pub name: String,
    /// The Client ID.
    pub client_id: String,
    /// The Client Secret.
    pub client_secret: String,
    /// The registered redirect URIs. They match exactly, except that a loopback one without a port fits any port.
    pub redirect_uris: Vec<String>,
    /// IDs of the users for whom it works; without a list it works for all. Others sign in as ever, but then every call
    /// answers 403 in plain text.
    pub allow_list: Option<Vec<String>>,
}

impl App {
    /// An app for all users, with [`LOOPBACK_REDIRECT`] and [`RELAY_REDIRECT`].
    pub fn new(name: &str, client_id: &str, client_secret: &str) -> Self {
        Self {
            name: name.to_owned(),
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            redirect_uris: vec![LOOPBACK_REDIRECT.to_owned(), RELAY_REDIRECT.to_owned()],
            allow_list: None,
        }
    }

    /// The app of [`DEMO_CLIENT_ID`].
    pub fn demo() -> Self {
        Self::new("Demo Deck", DEMO_CLIENT_ID, DEMO_CLIENT_SECRET)
    }

    /// The app of [`SIBLING_CLIENT_ID`].
    pub fn sibling() -> Self {
        Self::new("Sibling Deck", SIBLING_CLIENT_ID, SIBLING_CLIENT_SECRET)
    }

    /// The app of [`BACKUP_CLIENT_ID`]. On its allow list is the [default](User::default) user alone.
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
                (Some(registered), Some(mut asked)) if registered.port().is_none() => {
                    asked.set_port(None).is_ok() && asked == registered
                }
                _ => false,
            }
        })
    }
}

/// The address, if it is http to a loopback literal.
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
    /// The stable ID that `GET /me` has beside it since May 2026; without one the answer has none, as before.
    pub account_id: Option<String>,
    /// The display name.
    pub display_name: String,
    /// Whether the user has Premium. Without, player writes answer 403 PREMIUM_REQUIRED.
    pub premium: bool,
}

impl User {
    /// A user with Premium.
    pub fn new(id: &str, display_name: &str) -> Self {
        Self {
            id: id.to_owned(),
            account_id: Some(format!("account-of-{id}")),
            display_name: display_name.to_owned(),
            premium: true,
        }
    }

    /// Somebody else: the other user whom the consent page offers by default.
    pub fn guest() -> Self {
        Self::new("sim_guest", "Gaël Nováček")
    }
}

impl Default for User {
    fn default() -> Self {
        Self::new("sim_user", "Simone Löwe")
    }
}

/// The scopes that Spotify knows. Asking for another is an `invalid_scope`.
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

/// What a browser asks of `/authorize`.
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
    /// Reads the parameters of a query or of the consent form.
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

    /// The address that takes the browser back to the app, with `name=value` and the state.
    fn back(&self, name: &str, value: &str) -> Option<Url> {
        let mut url = Url::parse(&self.redirect_uri).ok()?;
        url.query_pairs_mut().append_pair(name, value);
        if let Some(state) = &self.state {
            url.query_pairs_mut().append_pair("state", state);
        }
        Some(url)
    }
}

/// Why `/authorize` shows no consent page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AuthorizeError {
    /// Said in the browser only: no call back ever comes.
    Shown(&'static str),
    /// Sent to the app.
    Redirect(Url),
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

/// What an access token stands for.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub client_id: String,
    /// The ID of the user who stands behind it; client-credentials tokens have none.
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
struct Refresh {
    client_id: String,
    scope: String,
    /// Obtained by PKCE alone, so refreshed without a secret, and rotated.
    public: bool,
    revoked: bool,
    /// The ID of the user. Files of older versions have none: there was one user.
    #[serde(default)]
    user: String,
    /// When the user agreed, in Unix milliseconds. Files of older versions have none.
    #[serde(default)]
    authorized_ms: u64,
}

impl Refresh {
    fn expires_at(&self) -> Duration {
        Duration::from_millis(self.authorized_ms).saturating_add(REFRESH_TOKEN_LIFETIME)
    }
}

/// Why an access token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccessError {
    Invalid,
    Expired,
}

/// Every token that was given out, for tests that search logs and files for them.
#[derive(Clone, Default)]
pub struct IssuedTokens {
    /// The authorization codes.
    pub codes: Vec<String>,
    /// The access tokens, client-credentials ones too.
    pub access: Vec<String>,
    /// The refresh tokens.
    pub refresh: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Accounts {
    developers: Vec<Developer>,
    /// The first is the one who is signed in to Spotify in the browser.
    users: Vec<User>,
    rotate: bool,
    rng: SmallRng,
    codes: HashMap<String, Code>,
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
    used_codes: Vec<String>,
    /// Where the sign-ins are kept across restarts.
    kept: Option<PathBuf>,
}

impl Accounts {
    /// `user` is signed in to Spotify in the browser, `others` may be instead.
    ///
    /// # Errors
    /// If the file of kept sign-ins is there but can't be read.
    pub fn new(
        developers: Vec<Developer>,
        user: User,
        others: Vec<User>,
        rotate: bool,
        seed: u64,
        kept: Option<(PathBuf, Duration)>,
    ) -> io::Result<Self> {
        let mut refresh: HashMap<String, Refresh> = match kept.as_ref().map(|(path, _)| fs::read(path)) {
            Some(Ok(text)) => serde_json::from_slice(&text)?,
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => HashMap::new(),
        };
        let (kept, now) = kept.map_or((None, Duration::ZERO), |(path, now)| (Some(path), now));
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
            kept,
        };
        // An old file learns its dates at once: they are counted from the first start, not from the last.
        accounts.keep();
        Ok(accounts)
    }

    /// Writes the sign-ins down. A failure costs only what the next start would have known.
    fn keep(&self) {
        if let (Some(path), Ok(text)) = (&self.kept, serde_json::to_vec(&self.refresh)) {
            let _ = fs::write(path, text);
        }
    }

    pub fn app(&self, client_id: &str) -> Option<&App> {
        self.developers.iter().flat_map(|developer| &developer.apps).find(|app| app.client_id == client_id)
    }

    pub fn developers(&self) -> &[Developer] {
        &self.developers
    }

    /// The place in the list of the developer to whom an app belongs.
    pub fn owner(&self, client_id: &str) -> Option<usize> {
        self.developers.iter().position(|developer| developer.apps.iter().any(|app| app.client_id == client_id))
    }

    /// The place in the list of the developer of this name, or to whom the app of this Client ID belongs.
    ///
    /// # Errors
    /// What to say if there is none.
    pub fn developer(&self, name_or_client_id: &str) -> Result<usize, String> {
        let named = self.developers.iter().position(|developer| developer.name == name_or_client_id);
        let found = named.or_else(|| self.owner(name_or_client_id));
        found.ok_or_else(|| format!("there is no developer and no app {name_or_client_id:?}"))
    }

    pub fn users(&self) -> &[User] {
        &self.users
    }

    pub fn user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub fn set_developer_premium(&mut self, name_or_client_id: &str, premium: bool) -> Result<(), String> {
        let index = self.developer(name_or_client_id)?;
        self.developers[index].premium = premium;
        Ok(())
    }

    pub fn set_user_premium(&mut self, id: &str, premium: bool) -> Result<(), String> {
        let user = self.users.iter_mut().find(|user| user.id == id);
        user.ok_or_else(|| format!("there is no user {id:?}"))?.premium = premium;
        Ok(())
    }

    pub fn set_allow_list(&mut self, client_id: &str, users: Option<Vec<String>>) -> Result<(), String> {
        let mut apps = self.developers.iter_mut().flat_map(|developer| &mut developer.apps);
        let app = apps.find(|app| app.client_id == client_id);
        app.ok_or_else(|| format!("there is no app {client_id:?}"))?.allow_list = users;
        Ok(())
    }

    /// How every call with a token is refused, whatever it calls: because of the owner of the app, or of its allow list.
    pub fn banned(&self, access: &Access) -> Option<Outcome> {
        let owner = &self.developers[self.owner(&access.client_id)?];
        if !owner.premium {
            return Some(Fault::owner_not_premium().outcome);
        }
        let allowed = self.app(&access.client_id)?.allow_list.as_ref()?;
        let unknown = !allowed.contains(access.user.as_ref()?);
        unknown.then(|| Fault::not_on_allow_list().outcome)
    }

    /// Checks what a browser asks for, as Spotify does before it shows the consent page.
    pub fn check(&self, request: &AuthorizeRequest) -> Result<&App, AuthorizeError> {
        let app = self.app(&request.client_id).ok_or(AuthorizeError::Shown("INVALID_CLIENT: Invalid client"))?;
        let secure = match Url::parse(&request.redirect_uri) {
            Ok(url) => url.scheme() != "http" || loopback(&request.redirect_uri).is_some(),
            Err(_) => return Err(AuthorizeError::Shown("INVALID_CLIENT: Invalid redirect URI")),
        };
        if !secure {
            return Err(AuthorizeError::Shown("INVALID_CLIENT: Insecure redirect URI"));
        }
        if !app.allows(&request.redirect_uri) {
            return Err(AuthorizeError::Shown("INVALID_CLIENT: Invalid redirect URI"));
        }
        let refused = |error| match request.back("error", error) {
            Some(url) => AuthorizeError::Redirect(url),
            None => AuthorizeError::Shown("INVALID_CLIENT: Invalid redirect URI"),
        };
        if request.response_type != "code" {
            return Err(refused("unsupported_response_type"));
        }
        if request.scopes().iter().any(|scope| !SCOPES.contains(scope)) {
            return Err(refused("invalid_scope"));
        }
        if request.code_challenge.is_some() && request.code_challenge_method.as_deref() != Some("S256") {
            return Err(AuthorizeError::Shown("code_challenge_method must be S256"));
        }
        Ok(app)
    }

    /// A user clicked Agree (or Cancel): where the browser goes. Without an ID it is the one who is signed in there.
    pub fn decide(
        &mut self,
        request: &AuthorizeRequest,
        user: Option<&str>,
        agree: bool,
        now: Duration,
    ) -> Result<Url, AuthorizeError> {
        self.check(request)?;
        let user = user.map_or(self.users.first(), |id| self.user(id));
        let user = user.ok_or(AuthorizeError::Shown("There is no such user"))?.id.clone();
        let url = if agree {
            let code = self.token("AQ", 210);
            let url = request.back("code", &code);
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
            request.back("error", "access_denied")
        };
        url.ok_or(AuthorizeError::Shown("INVALID_CLIENT: Invalid redirect URI"))
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

    /// Who asks, and whether with the right secret.
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
        let record = Refresh {
            client_id: client_id.to_owned(),
            scope: code.scope.clone(),
            public: !confidential,
            revoked: false,
            user: code.user.clone(),
            authorized_ms: millis(code.authorized_at),
        };
        self.refresh.insert(refresh.clone(), record);
        self.keep();
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
            self.keep();
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

    /// What a bearer token stands for.
    pub fn access(&self, token: &str, now: Duration) -> Result<&Access, AccessError> {
        let access = self.access.get(token).ok_or(AccessError::Invalid)?;
        if access.expires_at <= now { Err(AccessError::Expired) } else { Ok(access) }
    }

    /// The app behind an Authorization header, or else behind the members of a form or of a query, valid or not.
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

    /// Lets every access token given out so far be expired.
    pub fn expire_access(&mut self) {
        self.access.values_mut().for_each(|access| access.expires_at = Duration::ZERO);
    }

    /// Revokes every refresh token given out so far.
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

    /// A token in the form of Spotify's.
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
        started(false, None)
    }

    fn started(rotate: bool, kept: Option<(PathBuf, Duration)>) -> Accounts {
        let developers = vec![Developer::demo(), Developer::backup()];
        Accounts::new(developers, User::default(), vec![User::guest()], rotate, 1, kept).unwrap()
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

    fn form(code: &str) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)])
            .finish()
    }

    #[test]
    fn redirect_uris_match_exactly_but_for_the_loopback_port() {
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
    fn what_is_wrong_with_id_or_address_is_shown_and_not_sent() {
        let accounts = accounts();
        let shown = |request: AuthorizeRequest| match accounts.check(&request) {
            Err(AuthorizeError::Shown(text)) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            shown(AuthorizeRequest { client_id: "x".into(), ..request(None) }),
            "INVALID_CLIENT: Invalid client"
        );
        let localhost = "http://localhost:40123/callback".to_owned();
        assert_eq!(
            shown(AuthorizeRequest { redirect_uri: localhost, ..request(None) }),
            "INVALID_CLIENT: Insecure redirect URI"
        );
        let other = "http://127.0.0.1:40123/other".to_owned();
        assert_eq!(
            shown(AuthorizeRequest { redirect_uri: other, ..request(None) }),
            "INVALID_CLIENT: Invalid redirect URI"
        );
        let scope = AuthorizeRequest { scope: "read-minds".into(), ..request(None) };
        let Err(AuthorizeError::Redirect(url)) = accounts.check(&scope) else { panic!("a redirect") };
        assert_eq!(url.as_str(), format!("{CALLBACK}?error=invalid_scope&state=s+t"));
    }

    #[test]
    fn cancel_says_access_denied() {
        let url = accounts().decide(&request(None), None, false, NOW).expect("denied");
        assert_eq!(url.as_str(), format!("{CALLBACK}?error=access_denied&state=s+t"));
    }

    #[test]
    fn a_code_works_once_and_with_the_right_secret_only() {
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
    fn a_code_needs_its_redirect_uri_and_its_time() {
        let mut accounts = accounts();
        let first = code(&mut accounts, None);
        let other = form(&first).replace("40123", "40124");
        let error = accounts.grant(Some(&basic(DEMO_CLIENT_SECRET)), &other, NOW).expect_err("refused");
        assert_eq!(error.error_description, "Invalid redirect URI");
        let late = code(&mut accounts, None);
        let error =
            accounts.grant(Some(&basic(DEMO_CLIENT_SECRET)), &form(&late), NOW + CODE_LIFETIME).expect_err("refused");
        assert_eq!(error.error_description, "Authorization code expired");
    }

    #[test]
    fn pkce_is_checked_and_its_refresh_token_rotates() {
        // The pair of RFC 7636, appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let mut accounts = accounts();
        let pkce =
            |code: &str, verifier: &str| format!("{}&client_id={DEMO_CLIENT_ID}&code_verifier={verifier}", form(code));
        let spoiled = code(&mut accounts, Some(challenge));
        let error = accounts.grant(None, &pkce(&spoiled, "wrong"), NOW).expect_err("refused");
        assert_eq!(error.error_description, "code_verifier was incorrect");
        let good = code(&mut accounts, Some(challenge));
        let answer = accounts.grant(None, &pkce(&good, verifier), NOW).expect("granted");
        let first = answer.refresh_token.expect("a refresh token");
        let refresh =
            |token: &str| format!("grant_type=refresh_token&refresh_token={token}&client_id={DEMO_CLIENT_ID}");
        let second = accounts.grant(None, &refresh(&first), NOW).expect("granted").refresh_token.expect("rotated");
        assert_ne!(first, second);
        let error = accounts.grant(None, &refresh(&first), NOW).expect_err("refused");
        assert_eq!(error, token_error("invalid_grant", "Refresh token revoked"));
        accounts.grant(None, &refresh(&second), NOW).expect("granted");
        let plain = code(&mut accounts, None);
        let error = accounts.grant(None, &pkce(&plain, verifier), NOW).expect_err("no challenge, no secret");
        assert_eq!(error.error, "invalid_client");
    }

    #[test]
    fn refreshing_with_the_secret_keeps_the_token_unless_configured() {
        for rotate in [false, true] {
            let mut accounts = started(rotate, None);
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
    fn client_credentials_have_no_user_and_all_tokens_age() {
        let mut accounts = accounts();
        let answer =
            accounts.grant(Some(&basic(DEMO_CLIENT_SECRET)), "grant_type=client_credentials", NOW).expect("granted");
        assert!(answer.refresh_token.is_none());
        assert_eq!(accounts.access(&answer.access_token, NOW).expect("valid").user, None);
        let last = NOW + ACCESS_TOKEN_LIFETIME - Duration::from_millis(1);
        assert!(accounts.access(&answer.access_token, last).is_ok());
        let end = NOW + ACCESS_TOKEN_LIFETIME;
        assert_eq!(accounts.access(&answer.access_token, end).map(|_| ()), Err(AccessError::Expired));
        assert_eq!(accounts.access("x", NOW).map(|_| ()), Err(AccessError::Invalid));
        let form = format!("grant_type=client_credentials&client_id={DEMO_CLIENT_ID}");
        assert_eq!(accounts.grant(None, &form, NOW).expect_err("no secret").error, "invalid_client");
    }

    #[test]
    fn sign_ins_are_kept_across_restarts_where_a_file_is_given() {
        let file = std::env::temp_dir().join(format!("spotify-sim-{}.json", std::process::id()));
        let start = || started(false, Some((file.clone(), NOW)));
        let mut before = start();
        let first = code(&mut before, None);
        let secret = basic(DEMO_CLIENT_SECRET);
        let token = before.grant(Some(&secret), &form(&first), NOW).expect("granted").refresh_token.expect("a token");
        let mut after = start();
        assert!(after.renew(DEMO_CLIENT_ID, true, Some(&token), NOW).is_ok());
        fs::remove_file(&file).unwrap();
    }

    #[test]
    fn a_file_of_an_older_version_is_read_and_its_sign_ins_are_dated() {
        let file = std::env::temp_dir().join(format!("spotify-sim-{}-old.json", std::process::id()));
        let old = format!(
            r#"{{"AQold":{{"client_id":"{DEMO_CLIENT_ID}","scope":"user-read-private","public":false,"revoked":false}}}}"#
        );
        fs::write(&file, old).unwrap();
        let start = |now| started(false, Some((file.clone(), now)));
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
    fn refreshing_does_not_put_off_the_end_of_a_sign_in() {
        let mut accounts = started(true, None);
        let code = code(&mut accounts, None);
        let secret = basic(DEMO_CLIENT_SECRET);
        // Redeemed later than agreed to: what counts is the user's consent.
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
    fn owners_and_allow_lists_ban_tokens_and_not_sign_ins() {
        let mut accounts = accounts();
        let access = |client_id: &str, user: Option<&str>| Access {
            client_id: client_id.to_owned(),
            user: user.map(str::to_owned),
            scope: String::new(),
            expires_at: NOW,
        };
        let (listed, unlisted) =
            (access(BACKUP_CLIENT_ID, Some("sim_user")), access(BACKUP_CLIENT_ID, Some("sim_guest")));
        let app_only = access(BACKUP_CLIENT_ID, None);
        assert_eq!(accounts.banned(&listed), None);
        assert_eq!(accounts.banned(&app_only), None, "without a user there is nobody to look up");
        assert_eq!(accounts.banned(&unlisted), Some(Fault::not_on_allow_list().outcome));
        accounts.set_allow_list(BACKUP_CLIENT_ID, None).unwrap();
        assert_eq!(accounts.banned(&unlisted), None);
        accounts.set_developer_premium("Demo Developer", false).unwrap();
        let owner = Some(Fault::owner_not_premium().outcome);
        assert_eq!(accounts.banned(&access(DEMO_CLIENT_ID, Some("sim_user"))), owner);
        assert_eq!(accounts.banned(&access(SIBLING_CLIENT_ID, None)), owner, "all its apps");
        assert_eq!(accounts.banned(&listed), None, "another developer's");
        accounts.set_developer_premium(SIBLING_CLIENT_ID, true).unwrap();
        assert_eq!(accounts.banned(&access(DEMO_CLIENT_ID, None)), None);
        assert!(accounts.set_allow_list("nope", None).is_err());
        assert!(accounts.set_developer_premium("nope", true).is_err());
        assert!(accounts.set_user_premium("nope", true).is_err());
    }

    #[test]
    fn the_user_who_agreed_stands_behind_the_tokens() {
        let mut accounts = accounts();
        let url = accounts.decide(&request(None), Some("sim_guest"), true, NOW).expect("agreed");
        let code = url.query_pairs().find(|(name, _)| name == "code").expect("code").1.into_owned();
        let answer = accounts.grant(Some(&basic(DEMO_CLIENT_SECRET)), &form(&code), NOW).expect("granted");
        let user = |accounts: &Accounts, token: &str| accounts.access(token, NOW).expect("valid").user.clone();
        assert_eq!(user(&accounts, &answer.access_token).as_deref(), Some("sim_guest"));
        let refresh = answer.refresh_token.expect("a token");
        let answer = accounts.renew(DEMO_CLIENT_ID, true, Some(&refresh), NOW).expect("granted");
        assert_eq!(user(&accounts, &answer.access_token).as_deref(), Some("sim_guest"));
        let error = accounts.decide(&request(None), Some("nobody"), true, NOW).expect_err("refused");
        assert_eq!(error, AuthorizeError::Shown("There is no such user"));
    }
}
