//! What the settings page and the package say to each other, as docs/settings-messages.md describes it.
//!
//! Others may script these messages, so the names stay, members that we don't know are ignored, and whatever can't be
//! understood is answered with an error event that says so. The page may send a Client Secret; it never gets one back.

use serde::Serialize;
use serde_json::Value;
use url::Url;

use crate::auth::{
    AccountCounts, AccountIssue, AccountState, AccountView, Auth, AuthError, AuthState, Counts, Field, Group, Limit,
    LimitKind, Redirect, SaveAccount, Secret, StoreKind, StoreStatus, User,
};
use crate::face::best_cover;
use crate::foreign::whole;
use crate::spotify::{Client, Device, Error, Item, Market, Uri, UriError, UriKind};

/// What a page asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageCommand {
    /// The accounts, once.
    GetAccounts,
    /// Add or change an account.
    SaveAccount(SaveAccount),
    /// Start the sign-in of an account.
    Login {
        /// The account.
        id: String,
    },
    /// Finish the running sign-in by a pasted callback address.
    FinishLogin {
        /// The address, which has a code in it.
        url: Secret,
    },
    /// Give up the running sign-in.
    CancelLogin,
    /// End an account's sign-in.
    Logout {
        /// The account.
        id: String,
    },
    /// Remove an account.
    RemoveAccount {
        /// The account.
        id: String,
    },
    /// Give an account another place in the list.
    MoveAccount {
        /// The account.
        id: String,
        /// Its new place, from 0.
        to: usize,
    },
    /// Let an account serve first, by hand; None goes back to the list's order.
    UseAccount {
        /// The account.
        id: Option<String>,
    },
    /// Keep secrets in the private file, as no keyring answers.
    UseFileStore,
    /// Tries the keyring again.
    RetryStore,
    /// Look for something in Spotify's catalogue.
    Search {
        /// The words.
        words: String,
        /// What to look for; everything if empty.
        kinds: Vec<UriKind>,
        /// The country whose podcasts are looked for before a log-in; this computer's without one.
        market: Option<Market>,
    },
    /// A part of the user's own library.
    GetLibrary {
        /// Liked Songs; the playlists otherwise.
        liked: bool,
        /// Where the part begins.
        offset: u32,
    },
    /// What a link or URI stands for.
    Resolve {
        /// The link or URI.
        text: String,
    },
    /// The devices with Spotify open.
    GetDevices,
}

/// What the package tells a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum PageEvent {
    /// All accounts as they are now.
    #[serde(rename_all = "camelCase")]
    Accounts {
        /// In their order, the primary first.
        accounts: Vec<PageAccount>,
        /// The Redirect URI to register for the first account, or for a new one.
        redirect_uri: String,
        /// The Redirect URI to register for each choice.
        redirect_uris: RedirectUris,
        /// Where secrets are kept.
        store: PageStore,
        /// Until when nothing is sent to the player, in Unix milliseconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        nobody_until: Option<u64>,
    },
    /// A part of the user's own library.
    Library {
        /// `playlists` or `liked`.
        kind: &'static str,
        /// In Spotify's order; None in the place of what it doesn't name.
        results: Vec<Option<PageResult>>,
        /// Where the part begins.
        offset: u32,
        /// How many there are in all.
        total: u32,
    },
    /// What a link or URI stands for.
    Resolved {
        /// That.
        result: PageResult,
    },
    /// What Spotify has found.
    SearchResults {
        /// Kind by kind, in Spotify's order.
        results: Vec<PageResult>,
    },
    /// The devices with Spotify open.
    Devices {
        /// In Spotify's order; those that can't be addressed are left out.
        devices: Vec<PageDevice>,
    },
    /// A command failed.
    Error(PageError),
}

/// Something that was found, for a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageResult {
    /// Its Spotify URI.
    pub uri: String,
    /// Its kind, such as track or playlist.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Who made it; empty if Spotify doesn't say.
    pub by: String,
    /// A picture that is large enough for a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// False for a playlist that the user may not change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owned: Option<bool>,
}

/// A device, for a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageDevice {
    /// Spotify's id of it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its kind, such as Computer or Speaker.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it is the one that plays.
    pub active: bool,
}

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageError {
    /// Its name, as the page gave it.
    pub command: String,
    /// The member of the command that is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'static str>,
    /// What to tell the user.
    pub message: String,
    /// For `resolve`: what is wrong with the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<LinkProblem>,
    /// For `resolve`: what the link names, where Spotify doesn't share it. It may still be playable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<PageResult>>,
}

/// What is wrong with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkProblem {
    /// The text is none.
    NoLink,
    /// It leads to something that can't be used.
    OtherPage,
    /// It is a short link, which only Spotify can follow.
    ShortLink,
    /// A part of it is missing.
    Damaged,
    /// Spotify doesn't share what it leads to.
    NotShared,
}

impl From<UriError> for LinkProblem {
    fn from(error: UriError) -> Self {
        match error {
            UriError::NoLink => Self::NoLink,
            UriError::OtherPage => Self::OtherPage,
            UriError::ShortLink => Self::ShortLink,
            UriError::Damaged => Self::Damaged,
        }
    }
}

impl PageError {
    fn new(command: &str, field: Option<&'static str>, message: &str) -> Self {
        Self { command: command.to_owned(), field, message: message.to_owned(), reason: None, result: None }
    }

    /// The error event as JSON, ready to be sent to a page.
    #[must_use]
    pub fn payload(self) -> Value {
        PageEvent::Error(self).payload()
    }
}

/// An account, for a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PageAccount {
    /// Our own id.
    pub id: String,
    /// The Client ID.
    pub client_id: String,
    /// Whether a Client Secret is stored.
    pub has_secret: bool,
    /// What the account is now.
    pub state: AccountState,
    /// The signed-in user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether there is a sign-in of which it isn't known whose it is.
    pub identifying: bool,
    /// What is to be said about the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether it serves the player's calls.
    pub active: bool,
    /// Whether the user has put it first by hand.
    pub by_hand: bool,
    /// How the browser comes back: `loopback`, `fixed` or `avermedia`.
    pub redirect: &'static str,
    /// The port, for `fixed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The Redirect URI to register.
    pub redirect_uri: String,
    /// The account that is of the same developer account by the user's word; empty for none.
    pub same_developer_as: String,
    /// What Spotify has shut.
    pub limits: Vec<PageLimit>,
    /// What else is the matter: the name of a [`AccountIssue`], or `otherUser`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Value>,
    /// With `otherUser`: who has signed in, and who should have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_user: Option<PageOtherUser>,
    /// When Spotify will end the sign-in, in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_in_ends: Option<u64>,
    /// Whether that is within 30 days.
    pub sign_in_ends_soon: bool,
    /// Requests that were sent, by group.
    pub usage: Vec<PageUsage>,
}

/// A limit, for a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageLimit {
    /// Throttle or quota.
    pub kind: LimitKind,
    /// The name of a [`Group`], or `all`.
    pub group: Value,
    /// Whether only some calls of the group are shut.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub part: bool,
    /// Its end in Unix milliseconds, which may have passed.
    pub until: u64,
}

/// Two users where there should be one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageOtherUser {
    /// The name of who has signed in.
    pub name: String,
    /// The name of who has signed in with the other accounts.
    pub expected: String,
}

/// Requests of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageUsage {
    /// The group.
    pub group: Group,
    /// The numbers.
    #[serde(flatten)]
    pub counts: Counts,
}

/// The Redirect URI of each choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RedirectUris {
    /// For `loopback`.
    pub loopback: String,
    /// For `fixed`, with `{port}` in place of the port.
    pub fixed: String,
    /// For `avermedia`.
    pub avermedia: String,
}

/// The secret store, for a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PageStore {
    /// Where secrets are kept.
    pub kind: StoreKind,
    /// What is wrong with it, by its name in the messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<&'static str>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
    /// Whether to offer the private file.
    pub can_use_file: bool,
    /// Whether to offer another try.
    pub can_retry: bool,
}

impl From<StoreStatus> for PageStore {
    fn from(status: StoreStatus) -> Self {
        let issue = store_issue(status);
        Self {
            kind: status.kind(),
            issue: issue.map(|(name, _)| name),
            message: issue.map(|(_, sentence)| sentence),
            can_use_file: status.can_use_file(),
            can_retry: status.can_retry(),
        }
    }
}

/// What is wrong with the store, by its name in the messages, and in one or two whole sentences.
fn store_issue(status: StoreStatus) -> Option<(&'static str, &'static str)> {
    let issue = match status {
        StoreStatus::Ready(_) => return None,
        StoreStatus::MemoryChosen => {
            ("memoryChosen", "SPOTIFY_WIDGETS_STORE asks for memory: sign-ins are lost when the host stops.")
        }
        StoreStatus::NoKeyring { .. } => (
            "noKeyring",
            "No keyring answers on this computer, so sign-ins are kept in memory and lost when the host stops.",
        ),
        StoreStatus::Locked(StoreKind::Memory) => (
            "locked",
            "The computer's keyring is locked, so sign-ins are kept in memory and lost when the host stops. Unlock it \
             and try again to get the stored ones back.",
        ),
        StoreStatus::Locked(StoreKind::File) => (
            "locked",
            "The computer's keyring is locked, so sign-ins stay in the private file. Unlock it and try again to move \
             them there.",
        ),
        StoreStatus::Locked(StoreKind::Keyring) => (
            "locked",
            "The computer's keyring is locked, so the last change is not stored yet. Unlock it and try again.",
        ),
        StoreStatus::Unanswered(_) => {
            ("noAnswer", "The computer's keyring has not answered yet. If it asks for a password, unlock it.")
        }
        StoreStatus::NotWritten { .. } => (
            "notWritten",
            "The last change could not be stored and is lost when the host stops. Storing it is tried again every few \
             minutes.",
        ),
        StoreStatus::TooLarge { .. } => (
            "tooLarge",
            "An account is larger than an entry of the computer's keyring may be, so its last change is lost when the \
             host stops. A private file has room for it.",
        ),
        StoreStatus::Damaged(_) => {
            ("damaged", "What was stored could not be read and was left out. Enter missing accounts again.")
        }
        StoreStatus::FileUnreadable { .. } => (
            "fileUnreadable",
            "The private file can't be read, so sign-ins are kept in memory and lost when the host stops.",
        ),
        StoreStatus::Unread(_) => (
            "unread",
            "Some stored accounts are not shown: a newer version of this package stored them, or there are more than 50. \
             They are kept.",
        ),
    };
    Some(issue)
}

/// What comes of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To be sent to the page.
    Event(PageEvent),
    /// To be opened in the user's browser.
    OpenUrl(Url),
}

impl From<Item> for PageResult {
    fn from(item: Item) -> Self {
        let pictures: Vec<(u32, String)> =
            item.pictures().iter().map(|picture| (picture.width.unwrap_or_default(), picture.url.clone())).collect();
        Self {
            by: item.byline(),
            image: best_cover(&pictures, KEY_COVER).map(str::to_owned),
            uri: item.uri.map(|uri| uri.as_str().to_owned()).unwrap_or_default(),
            kind: item.kind,
            name: item.name,
            owned: None,
        }
    }
}

/// What is chosen on a page is shown on a key, so its picture should be sharp there: in pixels.
const KEY_COVER: u32 = 200;

fn results(found: Vec<Item>) -> Vec<PageResult> {
    found.into_iter().filter(|item| item.uri.is_some()).map(PageResult::from).collect()
}

/// A part of the user's library, each in its place, with what is known of who may change it.
fn mine(items: Vec<Option<Item>>, user: Option<String>) -> Vec<Option<PageResult>> {
    let in_its_place = |item: Item| {
        let owner = item.owner.as_ref().map(|owner| owner.id.clone()).filter(|id| !id.is_empty());
        let owned = owner.zip(user.clone()).map(|(owner, user)| item.collaborative || owner == user);
        let named = item.uri.is_some();
        named.then(|| PageResult { owned, ..item.into() })
    };
    items.into_iter().map(|item| item.and_then(in_its_place)).collect()
}

impl PageAccount {
    fn new(account: &AccountView, counts: AccountCounts) -> Self {
        let (redirect, port) = match account.redirect {
            Redirect::Loopback => ("loopback", None),
            Redirect::Fixed(port) => ("fixed", Some(port)),
            Redirect::Avermedia => ("avermedia", None),
        };
        let other_user = match &account.last_error {
            Some(AuthError::OtherUser { name, expected }) => {
                Some(PageOtherUser { name: name.clone(), expected: expected.clone() })
            }
            _ => None,
        };
        let trouble = account.issue.map(named::<AccountIssue>);
        let limit = |group, part, limit: &Limit| PageLimit { kind: limit.kind, group, part, until: limit.until_ms };
        let limits = account.limits.iter().map(|(group, one)| {
            let group = group.map_or_else(|| "all".into(), named::<Group>);
            limit(group, false, one)
        });
        let call_limits = account.call_limits.iter().map(|(group, one)| limit(named(*group), true, one));
        Self {
            id: account.id.clone(),
            client_id: account.client_id.clone(),
            has_secret: account.has_secret,
            state: account.state,
            user: account.user.clone().map(|User { name, .. }| name),
            identifying: account.sign_in.is_some() && account.user.is_none(),
            message: account.last_error.as_ref().map(|error| error.user_message().sentence().to_owned()),
            active: account.active,
            by_hand: account.by_hand,
            redirect,
            port,
            redirect_uri: account.redirect.registered(),
            same_developer_as: account.same_developer_as.clone().unwrap_or_default(),
            limits: limits.chain(call_limits).collect(),
            trouble: other_user.as_ref().map(|_| "otherUser".into()).or(trouble),
            other_user,
            sign_in_ends: account.sign_in_ends_ms,
            sign_in_ends_soon: account.sign_in_ends_soon,
            usage: counts.into_iter().map(|(group, counts)| PageUsage { group, counts }).collect(),
        }
    }
}

/// The name of an enum's variant as the messages spell it.
fn named<T: Serialize>(variant: T) -> Value {
    // Variants without content always become a text.
    serde_json::to_value(variant).unwrap_or_default()
}

/// The choice of the Redirect URI in a command.
fn redirect(command: &str, payload: &Value) -> Result<Redirect, PageError> {
    let port = || {
        let port = payload.get("port").and_then(|port| port.as_u64().or_else(|| port.as_str()?.trim().parse().ok()));
        port.and_then(|port| u16::try_from(port).ok()).ok_or_else(|| {
            PageError::new(command, Some(Field::Port.name()), AuthError::PortForm.user_message().sentence())
        })
    };
    match payload.get("redirect").filter(|redirect| !redirect.is_null()).map(Value::as_str) {
        None => Ok(Redirect::default()),
        Some(Some("loopback")) => Ok(Redirect::Loopback),
        Some(Some("fixed")) => port().map(Redirect::Fixed),
        Some(Some("avermedia")) => Ok(Redirect::Avermedia),
        Some(_) => Err(PageError::new(
            command,
            Some(Field::Redirect.name()),
            "The redirect has to be \"loopback\", \"fixed\" or \"avermedia\".",
        )),
    }
}

/// The most characters that Spotify's search takes: errors have been reported from 101 on.
const MAX_WORDS: usize = 100;
/// The largest offset that Spotify takes.
const MAX_OFFSET: u32 = 100_000;

impl PageCommand {
    /// Reads what a page has sent.
    ///
    /// # Errors
    /// What to answer with, as [`PageEvent::Error`].
    pub fn read(payload: &Value) -> Result<Self, PageError> {
        let text = |name: &str| payload.get(name).and_then(Value::as_str);
        let command = text("command").unwrap_or_default();
        let id = || match text("id") {
            Some(id) if !id.is_empty() => Ok(id.to_owned()),
            _ => Err(PageError::new(command, Some("id"), "The command needs the id of an account.")),
        };
        match command {
            "getAccounts" => Ok(Self::GetAccounts),
            "saveAccount" => Ok(Self::SaveAccount(SaveAccount {
                id: text("id").filter(|id| !id.is_empty()).map(str::to_owned),
                client_id: text("clientId").unwrap_or_default().to_owned(),
                client_secret: text("clientSecret").map(Secret::new),
                pkce_only: payload.get("pkce").and_then(Value::as_bool).unwrap_or_default(),
                redirect: redirect(command, payload)?,
                same_developer_as: text("sameDeveloperAs").map(str::to_owned),
            })),
            "moveAccount" => {
                let to = payload.get("to").and_then(Value::as_u64).ok_or_else(|| {
                    PageError::new(command, Some("to"), "The command needs the new place, counted from 0.")
                })?;
                Ok(Self::MoveAccount { id: id()?, to: usize::try_from(to).unwrap_or(usize::MAX) })
            }
            "useAccount" => Ok(Self::UseAccount { id: text("id").filter(|id| !id.is_empty()).map(str::to_owned) }),
            "getLibrary" => Ok(Self::GetLibrary {
                liked: text("kind") == Some("liked"),
                offset: payload
                    .get("offset")
                    .and_then(whole)
                    .and_then(|at| u32::try_from(at).ok())
                    .filter(|at| *at <= MAX_OFFSET)
                    .unwrap_or(0),
            }),
            "resolve" => Ok(Self::Resolve { text: text("text").unwrap_or_default().to_owned() }),
            "search" => {
                let words = text("q").map(str::trim).filter(|words| !words.is_empty());
                let words =
                    words.ok_or_else(|| PageError::new(command, Some("q"), "The command needs words to look for."))?;
                let wanted = payload.get("types").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let wanted: Vec<UriKind> =
                    wanted.iter().filter_map(|kind| serde_json::from_value(kind.clone()).ok()).collect();
                Ok(Self::Search {
                    words: words.chars().take(MAX_WORDS).collect::<String>().trim_end().to_owned(),
                    // Each once, whatever the page says.
                    kinds: UriKind::CATALOGUE.into_iter().filter(|kind| wanted.contains(kind)).collect(),
                    market: text("market").and_then(Market::new),
                })
            }
            "login" => Ok(Self::Login { id: id()? }),
            "finishLogin" => Ok(Self::FinishLogin { url: Secret::new(text("url").unwrap_or_default()) }),
            "cancelLogin" => Ok(Self::CancelLogin),
            "logout" => Ok(Self::Logout { id: id()? }),
            "removeAccount" => Ok(Self::RemoveAccount { id: id()? }),
            "useFileStore" => Ok(Self::UseFileStore),
            "retryStore" => Ok(Self::RetryStore),
            "getDevices" => Ok(Self::GetDevices),
            "" => Err(PageError::new("", None, "The message has no command.")),
            // The page is somebody else's, and so may the name be: it is not repeated at length.
            other => {
                let name: String = other.chars().take(40).collect();
                Err(PageError::new(&name, None, "This version of the package doesn't know the command."))
            }
        }
    }

    /// The command's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::GetAccounts => "getAccounts",
            Self::SaveAccount(_) => "saveAccount",
            Self::Login { .. } => "login",
            Self::FinishLogin { .. } => "finishLogin",
            Self::CancelLogin => "cancelLogin",
            Self::Logout { .. } => "logout",
            Self::RemoveAccount { .. } => "removeAccount",
            Self::MoveAccount { .. } => "moveAccount",
            Self::UseAccount { .. } => "useAccount",
            Self::UseFileStore => "useFileStore",
            Self::RetryStore => "retryStore",
            Self::Search { .. } => "search",
            Self::GetLibrary { .. } => "getLibrary",
            Self::Resolve { .. } => "resolve",
            Self::GetDevices => "getDevices",
        }
    }
}

impl PageEvent {
    /// The accounts event for a state, and the accounts' counts in the same order.
    #[must_use]
    pub fn accounts(state: &AuthState, counts: Vec<AccountCounts>) -> Self {
        let mut counts = counts.into_iter();
        let accounts: Vec<PageAccount> =
            state.accounts.iter().map(|account| PageAccount::new(account, counts.next().unwrap_or_default())).collect();
        Self::Accounts {
            redirect_uri: accounts
                .first()
                .map_or_else(|| Redirect::default().registered(), |account| account.redirect_uri.clone()),
            accounts,
            redirect_uris: RedirectUris {
                loopback: Redirect::Loopback.registered(),
                fixed: Redirect::Fixed(0).registered().replace(":0/", ":{port}/"),
                avermedia: Redirect::Avermedia.registered(),
            },
            store: state.store.into(),
            nobody_until: state.limit.map(|limit| limit.until_ms),
        }
    }

    /// The devices event; one that can't be addressed isn't in it.
    fn devices(devices: Vec<Device>) -> Self {
        let devices = devices.into_iter().filter(|device| !device.is_restricted).filter_map(|device| {
            Some(PageDevice { id: device.id?, name: device.name, kind: device.kind, active: device.is_active })
        });
        Self::Devices { devices: devices.collect() }
    }

    /// The event as JSON, ready to be sent to a page.
    #[must_use]
    pub fn payload(&self) -> Value {
        // Its types are texts, lists and booleans only, which always become JSON.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// Does what a page asks for. Takes as long as a call to Spotify, up to some ten seconds: to be run beside the
/// package's loop, not in it.
///
/// A command about accounts that worked is answered by the accounts as they are then; changes that come later, such as
/// the end of a sign-in, are for whoever watches [`Auth::watch`] to send on.
pub async fn handle(auth: &Auth, spotify: &Client, command: PageCommand) -> Vec<Reply> {
    let name = command.name();
    let error = |field, message: &str| vec![Reply::Event(PageEvent::Error(PageError::new(name, field, message)))];
    let asked = match command {
        PageCommand::GetDevices => spotify.devices().await.map(PageEvent::devices),
        PageCommand::Search { words, kinds, market } => {
            let kinds = if kinds.is_empty() { &EVERY_KIND } else { kinds.as_slice() };
            let market = market.unwrap_or_else(Market::of_this_computer);
            spotify
                .search(&words, kinds, &market)
                .await
                .map(|found| PageEvent::SearchResults { results: results(found) })
        }
        PageCommand::GetLibrary { liked, offset } => {
            let page = if liked { spotify.liked(offset).await } else { spotify.playlists(offset).await };
            let kind = if liked { "liked" } else { "playlists" };
            let user = auth.watch().borrow().serving().and_then(|(_, account)| Some(account.user.clone()?.id));
            page.map(|page| PageEvent::Library { kind, total: page.total, results: mine(page.items, user), offset })
        }
        PageCommand::Resolve { text } => {
            let found = resolve(spotify, &text).await;
            return vec![Reply::Event(found.unwrap_or_else(PageEvent::Error))];
        }
        command => {
            return match act(auth, command).await {
                Ok(url) => {
                    let counts = auth.counts().await;
                    let accounts = PageEvent::accounts(&auth.watch().borrow(), counts);
                    url.map(Reply::OpenUrl).into_iter().chain([Reply::Event(accounts)]).collect()
                }
                Err(wrong) => error(wrong.field().map(Field::name), wrong.user_message().sentence()),
            };
        }
    };
    match asked {
        Ok(event) => vec![Reply::Event(event)],
        Err(wrong) => error(None, wrong.user_message().sentence()),
    }
}

/// What a link or a URI stands for.
async fn resolve(spotify: &Client, text: &str) -> Result<PageEvent, PageError> {
    let refused = |field, message: &str| PageError::new("resolve", field, message);
    let uri = Uri::read(text)
        .map_err(|error| PageError { reason: Some(error.into()), ..refused(Some("text"), &error.to_string()) })?;
    let named = |name: &str| PageResult {
        uri: uri.as_str().to_owned(),
        kind: uri.kind().name().to_owned(),
        name: name.to_owned(),
        by: String::new(),
        image: None,
        owned: None,
    };
    if uri.is_liked_songs() {
        return Ok(PageEvent::Resolved { result: named("Liked Songs") });
    }
    match spotify.look_up(&uri).await {
        Ok(item) => Ok(PageEvent::Resolved { result: PageResult { uri: uri.as_str().to_owned(), ..item.into() } }),
        Err(error @ Error::NotShared) => Err(PageError {
            reason: Some(LinkProblem::NotShared),
            result: Some(Box::new(named(""))),
            ..refused(Some("text"), error.user_message().sentence())
        }),
        Err(error) => Err(refused(None, error.user_message().sentence())),
    }
}

const EVERY_KIND: [UriKind; 5] = [UriKind::Track, UriKind::Album, UriKind::Artist, UriKind::Playlist, UriKind::Show];

/// Does a command about accounts; gives the address to open, if one is.
async fn act(auth: &Auth, command: PageCommand) -> Result<Option<Url>, AuthError> {
    match command {
        PageCommand::GetAccounts
        | PageCommand::GetDevices
        | PageCommand::Search { .. }
        | PageCommand::GetLibrary { .. }
        | PageCommand::Resolve { .. } => {}
        PageCommand::SaveAccount(account) => drop(auth.save(account).await?),
        PageCommand::Login { id } => return auth.login(&id).await.map(Some),
        PageCommand::FinishLogin { url } => auth.finish_login(&url).await?,
        PageCommand::CancelLogin => auth.cancel_login().await,
        PageCommand::Logout { id } => auth.logout(&id).await?,
        PageCommand::RemoveAccount { id } => auth.remove(&id).await?,
        PageCommand::MoveAccount { id, to } => auth.move_account(&id, to).await?,
        PageCommand::UseAccount { id } => auth.use_account(id.as_deref()).await?,
        PageCommand::UseFileStore => auth.use_private_file().await?,
        PageCommand::RetryStore => auth.retry_store().await,
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Link;
    use crate::auth::testing::World;
    use serde_json::json;
    use spotify_sim::{COMPUTER_ID, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET};

    #[test]
    fn commands_are_read() {
        assert_eq!(PageCommand::read(&json!({"command": "getAccounts", "more": 1})), Ok(PageCommand::GetAccounts));
        assert_eq!(
            PageCommand::read(
                &json!({"command": "saveAccount", "clientId": "c", "clientSecret": "s", "redirect": "avermedia"})
            ),
            Ok(PageCommand::SaveAccount(SaveAccount {
                id: None,
                client_id: "c".into(),
                client_secret: Some(Secret::new("s")),
                pkce_only: false,
                redirect: Redirect::Avermedia,
                same_developer_as: None,
            }))
        );
        assert_eq!(
            PageCommand::read(&json!({"command": "saveAccount", "id": "", "clientId": null, "pkce": true})),
            Ok(PageCommand::SaveAccount(SaveAccount {
                id: None,
                client_id: String::new(),
                client_secret: None,
                pkce_only: true,
                redirect: Redirect::Loopback,
                same_developer_as: None,
            }))
        );
        assert_eq!(
            PageCommand::read(&json!({"command": "finishLogin", "url": "u"})),
            Ok(PageCommand::FinishLogin { url: Secret::new("u") })
        );
        for (name, command) in [
            ("login", PageCommand::Login { id: "a".into() }),
            ("logout", PageCommand::Logout { id: "a".into() }),
            ("removeAccount", PageCommand::RemoveAccount { id: "a".into() }),
            ("cancelLogin", PageCommand::CancelLogin),
            ("useFileStore", PageCommand::UseFileStore),
            ("retryStore", PageCommand::RetryStore),
            ("getDevices", PageCommand::GetDevices),
        ] {
            assert_eq!(command.name(), name);
            assert_eq!(PageCommand::read(&json!({"command": name, "id": "a"})), Ok(command));
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (payload, command, field) in [
            (json!({"command": "dance"}), "dance", None),
            (json!({"command": 5}), "", None),
            (json!("getAccounts"), "", None),
            (json!({"command": "login"}), "login", Some("id")),
            (json!({"command": "saveAccount", "redirect": "pigeon"}), "saveAccount", Some("redirect")),
        ] {
            let Err(PageError { command: said, field: blamed, message, .. }) = PageCommand::read(&payload) else {
                panic!("{payload} was understood");
            };
            assert_eq!((said.as_str(), blamed), (command, field));
            assert!(message.ends_with('.'));
        }
    }

    #[test]
    fn a_command_hides_its_secret_in_debug() {
        let command = PageCommand::read(&json!({"command": "saveAccount", "clientId": "c", "clientSecret": "hunter2"}));
        assert!(!format!("{command:?}").contains("hunter2"));
        let command =
            PageCommand::read(&json!({"command": "finishLogin", "url": "http://127.0.0.1/callback?code=hunter2"}));
        assert!(!format!("{command:?}").contains("hunter2"));
    }

    #[test]
    fn the_accounts_event_has_the_documented_form() {
        let state = AuthState {
            link: Link::Linked,
            accounts: vec![AccountView {
                id: "a".into(),
                client_id: "c".into(),
                has_secret: true,
                redirect: Redirect::Avermedia,
                state: AccountState::NeedsLogin,
                sign_in: None,
                user: Some(User { id: "u".into(), account_id: None, name: "Name".into() }),
                last_error: Some(AuthError::Denied),
                active: true,
                by_hand: false,
                same_developer_as: Some("b".into()),
                limits: vec![
                    (None, Limit { until_ms: 7, kind: LimitKind::Throttle }),
                    (Some(Group::Player), Limit { until_ms: 8, kind: LimitKind::Quota }),
                ],
                call_limits: vec![(Group::Library, Limit { until_ms: 9, kind: LimitKind::Throttle })],
                issue: Some(AccountIssue::NotOnAllowList),
                sign_in_ends_ms: Some(9),
                sign_in_ends_soon: true,
            }],
            store: StoreStatus::NoKeyring { file_possible: true },
            limit: Some(Limit { until_ms: 7, kind: LimitKind::Throttle }),
            strained_until_ms: None,
        };
        let counts = Counts { last_30_s: 1, last_hour: 2, last_day: 3 };
        assert_eq!(
            PageEvent::accounts(&state, vec![vec![(Group::Player, counts)]]).payload(),
            json!({
                "event": "accounts",
                "accounts": [{
                    "id": "a", "clientId": "c", "hasSecret": true, "state": "needsLogin", "user": "Name", "identifying": false,
                    "message": AuthError::Denied.to_string(), "active": true, "byHand": false,
                    "redirect": "avermedia", "redirectUri": "https://www.avermedia.com/oauth/auth_v2.0.php",
                    "sameDeveloperAs": "b",
                    "limits": [
                        {"kind": "throttle", "group": "all", "until": 7},
                        {"kind": "quota", "group": "player", "until": 8},
                        {"kind": "throttle", "group": "library", "part": true, "until": 9},
                    ],
                    "trouble": "notOnAllowList", "signInEnds": 9, "signInEndsSoon": true,
                    "usage": [{"group": "player", "last30s": 1, "lastHour": 2, "lastDay": 3}],
                }],
                "redirectUri": "https://www.avermedia.com/oauth/auth_v2.0.php",
                "redirectUris": {
                    "loopback": "http://127.0.0.1/callback",
                    "fixed": "http://127.0.0.1:{port}/callback",
                    "avermedia": "https://www.avermedia.com/oauth/auth_v2.0.php",
                },
                "store": {
                    "kind": "memory", "issue": "noKeyring", "canUseFile": true, "canRetry": true,
                    "message": "No keyring answers on this computer, so sign-ins are kept in memory and lost when the host stops.",
                },
                "nobodyUntil": 7,
            })
        );
        assert_eq!(
            PageEvent::Error(PageError::new("login", Some("id"), "No.")).payload(),
            json!({"event": "error", "command": "login", "field": "id", "message": "No."})
        );
    }

    #[test]
    fn store_status_has_the_documented_name_and_flags() {
        use StoreKind::{File, Keyring, Memory};
        let file_possible = true;
        for (status, issue, can_use_file, can_retry) in [
            (StoreStatus::Ready(Keyring), None, false, false),
            (StoreStatus::MemoryChosen, Some("memoryChosen"), false, false),
            (StoreStatus::NoKeyring { file_possible }, Some("noKeyring"), true, true),
            (StoreStatus::NoKeyring { file_possible: false }, Some("noKeyring"), false, true),
            (StoreStatus::Locked(Memory), Some("locked"), false, true),
            (StoreStatus::Locked(Keyring), Some("locked"), false, true),
            (StoreStatus::Unanswered(Keyring), Some("noAnswer"), false, false),
            (StoreStatus::Unanswered(Memory), Some("noAnswer"), false, true),
            (StoreStatus::NotWritten { kind: Keyring, file_possible }, Some("notWritten"), true, true),
            (StoreStatus::NotWritten { kind: File, file_possible }, Some("notWritten"), false, true),
            (StoreStatus::TooLarge { kind: Keyring, file_possible }, Some("tooLarge"), true, true),
            (StoreStatus::Damaged(File), Some("damaged"), false, false),
            (StoreStatus::FileUnreadable { has_keyring: true }, Some("fileUnreadable"), false, true),
            (StoreStatus::FileUnreadable { has_keyring: false }, Some("fileUnreadable"), false, false),
            (StoreStatus::Unread(Keyring), Some("unread"), false, false),
        ] {
            let page = PageStore::from(status);
            assert_eq!((page.issue, page.can_use_file, page.can_retry), (issue, can_use_file, can_retry), "{status:?}");
            assert_eq!(page.message.map(|message| message.ends_with('.')), issue.map(|_| true), "{status:?}");
        }
    }

    #[test]
    fn commands_stay_within_what_spotify_takes() {
        let search = |payload: Value| match PageCommand::read(&payload).unwrap() {
            PageCommand::Search { words, kinds, .. } => (words, kinds),
            other => panic!("{other:?}"),
        };
        let (words, kinds) = search(json!({"command": "search", "q": format!("  {}", "\u{f6}".repeat(300))}));
        assert_eq!((words, kinds), ("\u{f6}".repeat(100), vec![]));
        let types = json!(["show", "hologram", 7, "track", "track", "Track", null, "collection"]);
        let (words, kinds) = search(json!({"command": "search", "q": "a", "types": types}));
        assert_eq!((words.as_str(), kinds), ("a", vec![UriKind::Track, UriKind::Show]));
        assert!(PageCommand::read(&json!({"command": "search", "q": " \t"})).is_err());
        let offset = |offset: Value| match PageCommand::read(&json!({"command": "getLibrary", "offset": offset})) {
            Ok(PageCommand::GetLibrary { offset, .. }) => offset,
            other => panic!("{other:?}"),
        };
        for (given, meant) in [
            (json!(50), 50),
            (json!(50.0), 50),
            (json!("50"), 50),
            (json!(100_000), 100_000),
            (json!(100_001), 0),
            (json!(u64::MAX), 0),
            (json!(-1), 0),
            (json!("far"), 0),
            (json!(null), 0),
        ] {
            assert_eq!(offset(given.clone()), meant, "{given}");
        }
    }

    #[tokio::test]
    async fn podcasts_are_found_before_a_log_in() {
        let world = World::new().await;
        let auth = world.auth().await;
        auth.save(crate::auth::testing::demo()).await.unwrap();
        let spotify = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
        let found = async |market: Value| {
            let command = json!({"command": "search", "q": "key", "types": ["show", "episode"], "market": market});
            match handle(&auth, &spotify, PageCommand::read(&command).unwrap()).await.pop() {
                Some(Reply::Event(PageEvent::SearchResults { results })) => results.len(),
                other => panic!("{other:?}"),
            }
        };
        assert!(found(json!("de")).await > 0);
        assert_eq!(world.sim.requests().pop().unwrap().query("market"), Some("DE"));
        assert_eq!(found(json!("AQ")).await, 0);
        for odd in [json!("Germany"), json!(7), json!(null)] {
            found(odd).await;
            let request = world.sim.requests().pop().unwrap();
            assert_eq!(request.query("market"), Some(Market::of_this_computer().as_str()));
        }
        let tracks = json!({"command": "search", "q": "a", "types": ["track"]});
        handle(&auth, &spotify, PageCommand::read(&tracks).unwrap()).await;
        assert_eq!(world.sim.requests().pop().unwrap().query("market"), None, "nothing else needs one");
    }

    #[tokio::test]
    async fn resolve_tells_what_a_link_is_or_what_is_wrong() {
        let world = World::new().await;
        let (auth, _) = world.linked().await;
        let spotify = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
        let resolve = async |text: &str| {
            let command = PageCommand::read(&json!({"command": "resolve", "text": text})).unwrap();
            match handle(&auth, &spotify, command).await.pop() {
                Some(Reply::Event(event)) => event.payload(),
                other => panic!("{other:?}"),
            }
        };
        world.sim.clear_requests();
        for (text, reason) in [
            ("hello", "noLink"),
            ("https://spotify.link/abc", "shortLink"),
            ("https://open.spotify.com/user/me", "otherPage"),
            ("spotify:track:", "damaged"),
        ] {
            let answer = resolve(text).await;
            assert_eq!(
                (&answer["event"], &answer["field"], &answer["reason"]),
                (&json!("error"), &json!("text"), &json!(reason))
            );
        }
        let liked = resolve("\"https://open.spotify.com/collection/tracks\"").await;
        let result = json!({"uri": "spotify:collection", "type": "collection", "name": "Liked Songs", "by": ""});
        assert_eq!(liked, json!({"event": "resolved", "result": result}));
        assert!(world.sim.requests().is_empty(), "nothing of that needs Spotify");

        let track = spotify_sim::catalogue::track_uri(1);
        let found = resolve(&format!("<{track}?si=x>")).await;
        assert_eq!((&found["event"], &found["result"]["uri"]), (&json!("resolved"), &json!(track)));
        let mix = resolve("https://open.spotify.com/playlist/37i9dQZF1E3?si=x").await;
        assert_eq!((&mix["reason"], &mix["field"]), (&json!("notShared"), &json!("text")));
        assert_eq!(
            mix["result"],
            json!({"uri": "spotify:playlist:37i9dQZF1E3", "type": "playlist", "name": "", "by": ""})
        );
        assert!(
            mix["message"]
                .as_str()
                .unwrap()
                .starts_with("Spotify doesn't share this one: it may be private, deleted, or a mix")
        );
    }

    #[tokio::test]
    async fn a_page_links_an_account_and_lists_the_devices() {
        let world = World::new().await;
        let auth = world.auth().await;
        let spotify = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
        let say = async |payload: Value| handle(&auth, &spotify, PageCommand::read(&payload).unwrap()).await;
        let event = |replies: &[Reply]| match replies.last() {
            Some(Reply::Event(event)) => event.payload(),
            other => panic!("{other:?}"),
        };

        let refused = event(&say(json!({"command": "getDevices"})).await);
        assert_eq!((&refused["event"], &refused["command"]), (&json!("error"), &json!("getDevices")));
        let pair = |secret: &str| json!({"command": "saveAccount", "clientId": DEMO_CLIENT_ID, "clientSecret": secret});
        let refused = event(&say(pair("wrong")).await);
        assert_eq!((&refused["event"], &refused["field"]), (&json!("error"), &json!("clientSecret")));
        let saved = event(&say(pair(DEMO_CLIENT_SECRET)).await);
        assert_eq!(saved["accounts"][0]["state"], "needsLogin");

        let id = &saved["accounts"][0]["id"];
        let replies = say(json!({"command": "login", "id": id})).await;
        let Reply::OpenUrl(page) = &replies[0] else { panic!("{replies:?}") };
        assert_eq!(event(&replies)["accounts"][0]["state"], "linking");
        let back = world.consent(page, true);
        let linked = event(&say(json!({"command": "finishLogin", "url": back.as_str()})).await);
        assert_eq!(linked["accounts"][0]["state"], "linked");

        let devices = event(&say(json!({"command": "getDevices"})).await);
        assert_eq!(devices["event"], "devices");
        let active = json!({"id": COMPUTER_ID, "type": "Computer", "active": true});
        let first = devices["devices"].as_array().unwrap().iter().find(|device| device["active"] == true).unwrap();
        for (name, value) in active.as_object().unwrap() {
            assert_eq!(&first[name], value);
        }
        let removed = event(&say(json!({"command": "removeAccount", "id": id})).await);
        assert_eq!(removed["accounts"], json!([]));
    }
}
