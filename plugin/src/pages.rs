//! The messages between settings page and package, as docs/settings-messages.md describes them.
//!
//! Others may script these messages, so the names stay, unknown members are ignored, and a message that can't be understood is
//! answered with an error event. The page may send a Client Secret; it never receives one.

use serde::Serialize;
use serde_json::Value;
use url::Url;

use crate::auth::{
    AccountCounts, AccountId, AccountIssue, AccountState, AccountView, Auth, AuthError, AuthState, ClientId, Counts,
    Field, Group, Limit, LimitKind, Redirect, SaveAccount, Secret, StoreKind, StoreStatus, User, UserId,
};
use crate::face::best_cover;
use crate::foreign::whole;
use crate::spotify::{Client, Device, DeviceId, Error, Item, Market, Uri, UriError, UriKind};
use crate::unix_time::UnixTime;

/// A command of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageCommand {
    /// Send the accounts, once.
    GetAccounts,
    /// Add or change an account.
    SaveAccount(SaveAccount),
    /// Start the log-in of an account.
    Login {
        /// The account.
        id: AccountId,
    },
    /// Finish the running log-in with a pasted callback address.
    FinishLogin {
        /// The address, which contains a code.
        url: Secret,
    },
    /// Cancel the running log-in.
    CancelLogin,
    /// End an account's sign-in.
    Logout {
        /// The account.
        id: AccountId,
    },
    /// Remove an account.
    RemoveAccount {
        /// The account.
        id: AccountId,
    },
    /// Move an account to another place in the list.
    MoveAccount {
        /// The account.
        id: AccountId,
        /// Its new place, from 0.
        to: usize,
    },
    /// Let an account serve first, as the user has chosen; None returns to the list's order.
    UseAccount {
        /// The account.
        id: Option<AccountId>,
    },
    /// Store secrets in the private file, as no keyring answers.
    UseFileStore,
    /// Try the keyring again.
    RetryStore,
    /// Search Spotify's catalogue.
    Search {
        /// The words.
        words: String,
        /// The kinds of results; every kind if empty.
        kinds: Vec<UriKind>,
        /// The country whose podcasts are searched before a log-in; this computer's if None.
        market: Option<Market>,
    },
    /// Send a part of the user's own library.
    GetLibrary {
        /// Liked Songs; the playlists otherwise.
        liked: bool,
        /// The offset of the part.
        offset: u32,
    },
    /// Look up what a link or URI stands for.
    Resolve {
        /// The link or URI.
        text: String,
    },
    /// Send the devices with Spotify open.
    GetDevices,
}

/// A message to a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum PageEvent {
    /// All accounts in their present state.
    #[serde(rename_all = "camelCase")]
    Accounts {
        /// In their order, the primary first.
        accounts: Vec<PageAccount>,
        /// The Redirect URI to register for the first account, or for a new one.
        redirect_uri: String,
        /// The Redirect URI to register for each choice.
        redirect_uris: RedirectUris,
        /// The state of the secret store.
        store: PageStore,
        /// Until when nothing is sent to the player, as every account is limited.
        #[serde(rename = "nobodyUntil", skip_serializing_if = "Option::is_none")]
        limited_until: Option<UnixTime>,
    },
    /// A part of the user's own library.
    Library {
        /// `playlists` or `liked`.
        kind: &'static str,
        /// In Spotify's order; None for an item that Spotify doesn't name.
        results: Vec<Option<PageResult>>,
        /// The offset of the part.
        offset: u32,
        /// The size of the whole list.
        total: u32,
    },
    /// What a link or URI stands for.
    Resolved {
        /// Its description.
        result: PageResult,
    },
    /// The results of a search.
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

/// A result, for a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageResult {
    /// Its Spotify URI.
    pub uri: String,
    /// Its kind, such as `track` or `playlist`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its artists, owner or publisher; empty if Spotify names none.
    pub by: String,
    /// The URL of a picture that is large enough for a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// False for a playlist that the user may not change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owned: Option<bool>,
}

/// A device, for a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageDevice {
    /// Spotify's id.
    pub id: DeviceId,
    /// Its name.
    pub name: String,
    /// Its kind, such as `Computer` or `Speaker`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it is the active device.
    pub active: bool,
}

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageError {
    /// The command's name, as the page has sent it.
    pub command: String,
    /// The member of the command that is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'static str>,
    /// What to tell the user.
    pub message: String,
    /// For `resolve`: what is wrong with the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<LinkIssue>,
    /// For `resolve`: the item, if Spotify doesn't share it. It may still be playable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<PageResult>>,
}

/// What is wrong with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkIssue {
    /// The text isn't a link.
    NoLink,
    /// It leads to a page that can't be used.
    OtherPage,
    /// It is a short link, which only Spotify can resolve.
    ShortLink,
    /// A part of it is missing.
    Damaged,
    /// Spotify doesn't share what it leads to.
    NotShared,
}

impl From<UriError> for LinkIssue {
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

    /// Returns the error event as JSON, to be sent to a page.
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
    pub id: AccountId,
    /// The Client ID.
    pub client_id: ClientId,
    /// Whether a Client Secret is stored.
    pub has_secret: bool,
    /// The account's state.
    pub state: AccountState,
    /// The signed-in user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether there is a sign-in whose user isn't known yet.
    pub identifying: bool,
    /// The last error, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether it serves the player's calls.
    pub active: bool,
    /// Whether the user has chosen it to serve first.
    #[serde(rename = "byHand")]
    pub is_preferred: bool,
    /// How the browser comes back: `loopback`, `fixed` or `avermedia`.
    pub redirect: &'static str,
    /// The port, for `fixed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The Redirect URI to register.
    pub redirect_uri: String,
    /// An account that belongs to the same developer account according to the user; empty for none.
    pub same_developer_as: String,
    /// The limits of its calls.
    pub limits: Vec<PageLimit>,
    /// Why it may not serve: the name of an [`AccountIssue`], or `otherUser`.
    #[serde(rename = "trouble", skip_serializing_if = "Option::is_none")]
    pub issue: Option<Value>,
    /// For `otherUser`: the names of both users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_user: Option<PageOtherUser>,
    /// When Spotify will end the sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_in_ends: Option<UnixTime>,
    /// Whether that is within 30 days.
    pub sign_in_ends_soon: bool,
    /// Requests that were sent, by group.
    pub usage: Vec<PageUsage>,
}

/// A limit, for a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageLimit {
    /// Its kind.
    pub kind: LimitKind,
    /// The name of a [`Group`], or `all`.
    pub group: Value,
    /// Whether it is about single calls of the group.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub part: bool,
    /// Its end, which may have passed.
    pub until: UnixTime,
}

/// The names of two users where there should be one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageOtherUser {
    /// The user of this account.
    pub name: String,
    /// The user of the other accounts.
    pub expected: String,
}

/// Requests of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageUsage {
    /// The group.
    pub group: Group,
    /// The counts.
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
    /// Where secrets are stored.
    pub kind: StoreKind,
    /// Its issue, by its name in the messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<&'static str>,
    /// The issue as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
    /// Whether to offer the private file.
    pub can_use_file: bool,
    /// Whether to offer another attempt.
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

/// Returns the issue of a store: its name in the messages, and one or two sentences.
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

/// A reply to a command.
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

/// The width of a picture that is sharp on a key, where a chosen item is shown, in pixels.
const KEY_COVER: u32 = 200;

fn results(found: Vec<Item>) -> Vec<PageResult> {
    found.into_iter().filter(|item| item.uri.is_some()).map(PageResult::from).collect()
}

/// Returns a part of the user's library, each item in its place, with whether the user may change it.
fn library_results(items: Vec<Option<Item>>, user: Option<&UserId>) -> Vec<Option<PageResult>> {
    let result = |item: Item| {
        let owner = item.owner.as_ref().map(|owner| owner.id.as_str()).filter(|id| !id.is_empty());
        let owned = owner.zip(user).map(|(owner, user)| item.collaborative || owner == user.as_str());
        let has_uri = item.uri.is_some();
        has_uri.then(|| PageResult { owned, ..item.into() })
    };
    items.into_iter().map(|item| item.and_then(result)).collect()
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
        let issue = account.issue.map(name_of::<AccountIssue>);
        let limit = |group, part, limit: &Limit| PageLimit { kind: limit.kind, group, part, until: limit.until };
        let limits = account.limits.iter().map(|(group, one)| {
            let group = group.map_or_else(|| "all".into(), name_of::<Group>);
            limit(group, false, one)
        });
        let call_limits = account.call_limits.iter().map(|(group, one)| limit(name_of(*group), true, one));
        Self {
            id: account.id.clone(),
            client_id: account.client_id.clone(),
            has_secret: account.has_secret,
            state: account.state,
            user: account.user.clone().map(|User { name, .. }| name),
            identifying: account.sign_in.is_some() && account.user.is_none(),
            message: account.last_error.as_ref().map(|error| error.user_message().sentence().to_owned()),
            active: account.active,
            is_preferred: account.is_preferred,
            redirect,
            port,
            redirect_uri: account.redirect.registered(),
            same_developer_as: account.same_developer_as.as_ref().map(ToString::to_string).unwrap_or_default(),
            limits: limits.chain(call_limits).collect(),
            issue: other_user.as_ref().map(|_| "otherUser".into()).or(issue),
            other_user,
            sign_in_ends: account.sign_in_ends,
            sign_in_ends_soon: account.sign_in_ends_soon,
            usage: counts.into_iter().map(|(group, counts)| PageUsage { group, counts }).collect(),
        }
    }
}

/// Returns the name of an enum's variant in the messages.
fn name_of<T: Serialize>(variant: T) -> Value {
    // Variants without fields always become a string.
    serde_json::to_value(variant).unwrap_or_default()
}

/// Reads the choice of the Redirect URI in a command.
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
    /// Reads a message of a page.
    ///
    /// # Errors
    /// To be sent to the page as [`PageEvent::Error`].
    pub fn read(payload: &Value) -> Result<Self, PageError> {
        let text = |name: &str| payload.get(name).and_then(Value::as_str);
        let command = text("command").unwrap_or_default();
        let id = || match text("id") {
            Some(id) if !id.is_empty() => Ok(AccountId::from(id)),
            _ => Err(PageError::new(command, Some("id"), "The command needs the id of an account.")),
        };
        match command {
            "getAccounts" => Ok(Self::GetAccounts),
            "saveAccount" => Ok(Self::SaveAccount(SaveAccount {
                id: text("id").filter(|id| !id.is_empty()).map(AccountId::from),
                client_id: text("clientId").unwrap_or_default().into(),
                client_secret: text("clientSecret").map(Secret::new),
                pkce_only: payload.get("pkce").and_then(Value::as_bool).unwrap_or_default(),
                redirect: redirect(command, payload)?,
                same_developer_as: text("sameDeveloperAs")
                    .map(|id| Some(id).filter(|id| !id.is_empty()).map(AccountId::from)),
            })),
            "moveAccount" => {
                let to = payload.get("to").and_then(Value::as_u64).ok_or_else(|| {
                    PageError::new(command, Some("to"), "The command needs the new place, counted from 0.")
                })?;
                Ok(Self::MoveAccount { id: id()?, to: usize::try_from(to).unwrap_or(usize::MAX) })
            }
            "useAccount" => Ok(Self::UseAccount { id: text("id").filter(|id| !id.is_empty()).map(AccountId::from) }),
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
                    // Each once, even if the page repeats some.
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
            // The name may be anything, as others script these messages, so it is truncated.
            other => {
                let name: String = other.chars().take(40).collect();
                Err(PageError::new(&name, None, "This version of the package doesn't know the command."))
            }
        }
    }

    /// Returns the command's name.
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
    /// The accounts event for a state and the accounts' counts, which are in the same order.
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
            limited_until: state.limit.map(|limit| limit.until),
        }
    }

    /// The devices event, without devices that can't be addressed.
    fn devices(devices: Vec<Device>) -> Self {
        let devices = devices.into_iter().filter(|device| !device.is_restricted).filter_map(|device| {
            Some(PageDevice { id: device.id?, name: device.name, kind: device.kind, active: device.is_active })
        });
        Self::Devices { devices: devices.collect() }
    }

    /// Returns the event as JSON, to be sent to a page.
    #[must_use]
    pub fn payload(&self) -> Value {
        // Strings, numbers, lists and booleans always become JSON.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// Runs a command. Takes as long as a call to Spotify, up to some ten seconds, so it must not run in the package's loop.
///
/// A successful command about accounts is answered by their new state; later changes, such as the end of a log-in, are sent
/// by the watcher of [`Auth::watch`].
pub async fn handle(auth: &Auth, spotify: &Client, command: PageCommand) -> Vec<Reply> {
    let name = command.name();
    let error = |field, message: &str| vec![Reply::Event(PageEvent::Error(PageError::new(name, field, message)))];
    let result = match command {
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
            page.map(|page| {
                let results = library_results(page.items, user.as_ref());
                PageEvent::Library { kind, total: page.total, results, offset }
            })
        }
        PageCommand::Resolve { text } => {
            let found = resolve(spotify, &text).await;
            return vec![Reply::Event(found.unwrap_or_else(PageEvent::Error))];
        }
        command => {
            return match run_account_command(auth, command).await {
                Ok(url) => {
                    let counts = auth.counts().await;
                    let accounts = PageEvent::accounts(&auth.watch().borrow(), counts);
                    url.map(Reply::OpenUrl).into_iter().chain([Reply::Event(accounts)]).collect()
                }
                Err(cause) => error(cause.field().map(Field::name), cause.user_message().sentence()),
            };
        }
    };
    match result {
        Ok(event) => vec![Reply::Event(event)],
        Err(cause) => error(None, cause.user_message().sentence()),
    }
}

/// Looks up what a link or a URI stands for.
async fn resolve(spotify: &Client, text: &str) -> Result<PageEvent, PageError> {
    let refused = |field, message: &str| PageError::new("resolve", field, message);
    let uri = Uri::read(text)
        .map_err(|error| PageError { reason: Some(error.into()), ..refused(Some("text"), &error.to_string()) })?;
    let with_name = |name: &str| PageResult {
        uri: uri.as_str().to_owned(),
        kind: uri.kind().name().to_owned(),
        name: name.to_owned(),
        by: String::new(),
        image: None,
        owned: None,
    };
    if uri.is_liked_songs() {
        return Ok(PageEvent::Resolved { result: with_name("Liked Songs") });
    }
    match spotify.look_up(&uri).await {
        Ok(item) => Ok(PageEvent::Resolved { result: PageResult { uri: uri.as_str().to_owned(), ..item.into() } }),
        Err(error @ Error::NotShared) => Err(PageError {
            reason: Some(LinkIssue::NotShared),
            result: Some(Box::new(with_name(""))),
            ..refused(Some("text"), error.user_message().sentence())
        }),
        Err(error) => Err(refused(None, error.user_message().sentence())),
    }
}

const EVERY_KIND: [UriKind; 5] = [UriKind::Track, UriKind::Album, UriKind::Artist, UriKind::Playlist, UriKind::Show];

/// Runs a command about accounts. Returns the address to open, if there is one.
async fn run_account_command(auth: &Auth, command: PageCommand) -> Result<Option<Url>, AuthError> {
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
        PageCommand::UseAccount { id } => auth.prefer_account(id.as_ref()).await?,
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
    fn page_command_reads_documented_messages() {
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
                client_id: "".into(),
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
    fn page_command_names_what_it_cannot_read() {
        for (payload, command, field) in [
            (json!({"command": "dance"}), "dance", None),
            (json!({"command": 5}), "", None),
            (json!("getAccounts"), "", None),
            (json!({"command": "login"}), "login", Some("id")),
            (json!({"command": "saveAccount", "redirect": "pigeon"}), "saveAccount", Some("redirect")),
        ] {
            let error = PageCommand::read(&payload).unwrap_err();
            assert_eq!((error.command.as_str(), error.field), (command, field));
            assert!(error.message.ends_with('.'));
        }
    }

    #[test]
    fn page_command_hides_its_secret_in_debug() {
        let command = PageCommand::read(&json!({"command": "saveAccount", "clientId": "c", "clientSecret": "hunter2"}));
        assert!(!format!("{command:?}").contains("hunter2"));
        let command =
            PageCommand::read(&json!({"command": "finishLogin", "url": "http://127.0.0.1/callback?code=hunter2"}));
        assert!(!format!("{command:?}").contains("hunter2"));
    }

    #[test]
    fn accounts_event_has_the_documented_form() {
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
                is_preferred: false,
                same_developer_as: Some("b".into()),
                limits: vec![
                    (None, Limit { until: UnixTime::from_millis(7), kind: LimitKind::Throttle }),
                    (Some(Group::Player), Limit { until: UnixTime::from_millis(8), kind: LimitKind::Quota }),
                ],
                call_limits: vec![(
                    Group::Library,
                    Limit { until: UnixTime::from_millis(9), kind: LimitKind::Throttle },
                )],
                issue: Some(AccountIssue::NotOnAllowList),
                sign_in_ends: Some(UnixTime::from_millis(9)),
                sign_in_ends_soon: true,
            }],
            store: StoreStatus::NoKeyring { file_possible: true },
            limit: Some(Limit { until: UnixTime::from_millis(7), kind: LimitKind::Throttle }),
            strained_until: None,
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
    fn page_command_stays_within_spotifys_bounds() {
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
        for (given, expected) in [
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
            assert_eq!(offset(given.clone()), expected, "{given}");
        }
    }

    #[tokio::test]
    async fn search_finds_podcasts_before_a_log_in() {
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
        assert_eq!(world.sim.requests().pop().unwrap().query("market"), None, "only podcasts need one");
    }

    #[tokio::test]
    async fn resolve_names_the_item_or_the_issue() {
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
        assert!(world.sim.requests().is_empty(), "Spotify isn't needed for these");

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
    async fn page_links_an_account_and_lists_the_devices() {
        let world = World::new().await;
        let auth = world.auth().await;
        let spotify = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
        let send = async |payload: Value| handle(&auth, &spotify, PageCommand::read(&payload).unwrap()).await;
        let event = |replies: &[Reply]| match replies.last() {
            Some(Reply::Event(event)) => event.payload(),
            other => panic!("{other:?}"),
        };

        let refused = event(&send(json!({"command": "getDevices"})).await);
        assert_eq!((&refused["event"], &refused["command"]), (&json!("error"), &json!("getDevices")));
        let pair = |secret: &str| json!({"command": "saveAccount", "clientId": DEMO_CLIENT_ID, "clientSecret": secret});
        let refused = event(&send(pair("wrong")).await);
        assert_eq!((&refused["event"], &refused["field"]), (&json!("error"), &json!("clientSecret")));
        let saved = event(&send(pair(DEMO_CLIENT_SECRET)).await);
        assert_eq!(saved["accounts"][0]["state"], "needsLogin");

        let id = &saved["accounts"][0]["id"];
        let replies = send(json!({"command": "login", "id": id})).await;
        let Reply::OpenUrl(page) = &replies[0] else { panic!("{replies:?}") };
        assert_eq!(event(&replies)["accounts"][0]["state"], "linking");
        let back = world.consent(page, true);
        let linked = event(&send(json!({"command": "finishLogin", "url": back.as_str()})).await);
        assert_eq!(linked["accounts"][0]["state"], "linked");

        let devices = event(&send(json!({"command": "getDevices"})).await);
        assert_eq!(devices["event"], "devices");
        let active = json!({"id": COMPUTER_ID, "type": "Computer", "active": true});
        let first = devices["devices"].as_array().unwrap().iter().find(|device| device["active"] == true).unwrap();
        for (name, value) in active.as_object().unwrap() {
            assert_eq!(&first[name], value);
        }
        let removed = event(&send(json!({"command": "removeAccount", "id": id})).await);
        assert_eq!(removed["accounts"], json!([]));
    }
}
