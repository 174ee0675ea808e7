//! Account: shows which account serves, its user, and any issue of an account. A press switches to the next account, and a
//! second press within 2 s back.

use super::{Face, NoSettings, Subject, View, Widget, time_left};
use crate::auth::{AccountIssue, AccountState, AccountView};
use crate::face::{Icon, Picture, Size, Tone};
use crate::player::Verb;

/// The widget; see the module documentation.
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
        let left = player.wait.map(time_left).unwrap_or_default();
        let label = if accounts.len() > 1 { "All accounts wait" } else { "Spotify asks to wait" };
        return view.key(Icon::Clock, label, Tone::Disabled).with_note(&left);
    };
    let name = serving.user.as_ref().map_or("Linked", |user| user.name.as_str());
    let key = |icon, tone, label: &str, note: &str| {
        let mut face = view.key(icon, label, tone);
        if let Picture::Key(key) = &mut face.picture {
            // The accounts are up to date, even if the player's state isn't.
            key.dimmed = false;
        }
        if note.is_empty() { face } else { face.with_note(note) }
    };
    if let Some(wait) = player.first_back_in {
        let first = if accounts.iter().any(|account| account.is_preferred) { "Yours" } else { "Primary" };
        return key(Icon::Clock, Tone::Active, &role(index), &format!("{first} in {}", time_left(wait)));
    }
    if let Some(days) = player.sign_in_ends_in {
        let note = match days {
            0 => "Sign-in ends today".to_owned(),
            1 => "Sign-in ends in 1 day".to_owned(),
            days => format!("Sign-in ends in {days} days"),
        };
        return key(Icon::Warning, Tone::Normal, name, &note);
    }
    let first_issue = accounts.iter().enumerate().find_map(|(index, account)| Some((index, issue(account)?)));
    if let Some((account, issue)) = first_issue {
        let label = if accounts.len() > 1 { role(account) } else { name.to_owned() };
        return key(Icon::Warning, Tone::Normal, &label, issue);
    }
    match (accounts.len(), serving.is_preferred) {
        (0 | 1, _) => key(Icon::Account, Tone::Normal, name, ""),
        (_, false) => key(Icon::Account, Tone::Normal, name, &role(index)),
        (_, true) => key(Icon::Account, Tone::Active, name, &format!("{}, by hand", role(index))),
    }
}

/// Returns the role of an account by its position in the list.
fn role(index: usize) -> String {
    if index == 0 { "Primary".to_owned() } else { format!("Backup {index}") }
}

/// Returns the issue of an account that the user has to resolve, in a few words.
fn issue(account: &AccountView) -> Option<&'static str> {
    match (account.state, account.issue) {
        (AccountState::SignInAgain, _) => Some("Sign in again"),
        (AccountState::InvalidCredentials, _) => Some("Check ID and Secret"),
        (_, Some(AccountIssue::UserNeedsPremium)) => Some("Premium needed"),
        (_, Some(AccountIssue::AppOwnerNeedsPremium)) => Some("App owner needs Premium"),
        (_, Some(AccountIssue::NotOnAllowList)) => Some("Add user to the app"),
        (AccountState::NeedsLogin | AccountState::Linking | AccountState::Linked, None) => None,
    }
}
