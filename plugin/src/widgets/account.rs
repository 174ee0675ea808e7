//! Account: which account serves, whose it is, and what is the matter. A press switches to the next one by hand, and a
//! second press within 2 s back.

use super::{Face, NoSettings, Subject, View, Widget, left};
use crate::auth::{AccountIssue, AccountState, AccountView};
use crate::face::{Icon, Picture, Size, Tone};
use crate::player::Verb;

/// See the module's documentation.
pub(super) struct Account;

impl Widget for Account {
    const UUID: &'static str = "com.spotify-widgets.account";
    const SUBJECT: Subject = Subject::Accounts;
    type Settings = NoSettings;

    fn press(_: &View<'_, NoSettings>) -> Option<Verb> {
        None
    }

    fn face(view: &View<'_, NoSettings>, _: Size) -> Face {
        face(view)
    }
}

fn face(view: &View<'_, NoSettings>) -> Face {
    let player = view.player;
    let accounts = &player.accounts.accounts;
    let Some((index, serving)) = player.accounts.serving() else {
        let left = player.wait.map(left).unwrap_or_default();
        let who = if accounts.len() > 1 { "All accounts wait" } else { "Spotify asks to wait" };
        return view.key(Icon::Clock, who, Tone::Disabled).with_note(&left);
    };
    let name = serving.user.as_ref().map_or("Linked", |user| user.name.as_str());
    let shown = |icon, tone, label: &str, note: &str| {
        let mut face = view.key(icon, label, tone);
        if let Picture::Key(key) = &mut face.picture {
            // The accounts are known, however old the news from the player is.
            key.dimmed = false;
        }
        if note.is_empty() { face } else { face.with_note(note) }
    };
    if let Some(wait) = player.first_back_in {
        let first = if accounts.iter().any(|account| account.is_preferred) { "Yours" } else { "Primary" };
        return shown(Icon::Clock, Tone::Active, &role(index), &format!("{first} in {}", left(wait)));
    }
    if let Some(days) = player.sign_in_ends_in {
        let note = match days {
            0 => "Sign-in ends today".to_owned(),
            1 => "Sign-in ends in 1 day".to_owned(),
            days => format!("Sign-in ends in {days} days"),
        };
        return shown(Icon::Warning, Tone::Normal, name, &note);
    }
    let troubles = accounts.iter().enumerate().find_map(|(index, account)| Some((index, trouble(account)?)));
    if let Some((troubled, trouble)) = troubles {
        let label = if accounts.len() > 1 { role(troubled) } else { name.to_owned() };
        return shown(Icon::Warning, Tone::Normal, &label, trouble);
    }
    match (accounts.len(), serving.is_preferred) {
        (0 | 1, _) => shown(Icon::Account, Tone::Normal, name, ""),
        (_, false) => shown(Icon::Account, Tone::Normal, name, &role(index)),
        (_, true) => shown(Icon::Account, Tone::Active, name, &format!("{}, by hand", role(index))),
    }
}

/// What an account is by its place in the list.
fn role(index: usize) -> String {
    if index == 0 { "Primary".to_owned() } else { format!("Backup {index}") }
}

/// What somebody has to do something about, in a few words.
fn trouble(account: &AccountView) -> Option<&'static str> {
    match (account.state, account.issue) {
        (AccountState::SignInAgain, _) => Some("Sign in again"),
        (AccountState::InvalidCredentials, _) => Some("Check ID and Secret"),
        (_, Some(AccountIssue::UserNeedsPremium)) => Some("Premium needed"),
        (_, Some(AccountIssue::AppOwnerNeedsPremium)) => Some("App owner needs Premium"),
        (_, Some(AccountIssue::NotOnAllowList)) => Some("Add user to the app"),
        (AccountState::NeedsLogin | AccountState::Linking | AccountState::Linked, None) => None,
    }
}
