//! Errors of accounts and sign-ins, with what the user can do about them.
//!
//! One value provides the words for all places: a few for a key, a sentence for the settings page and the log. None of
//! them ever contains a secret, so an error may be shown and logged anywhere.

use super::rotation::{Limit, LimitKind};
use crate::i18n::UserMessage;

/// The member of the account form that an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The Client ID.
    ClientId,
    /// The Client Secret.
    ClientSecret,
    /// The choice of the Redirect URI.
    Redirect,
    /// The port of the Redirect URI.
    Port,
    /// The pasted callback address.
    Url,
}

impl Field {
    /// Returns the member's name in the messages between page and package.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientId => "clientId",
            Self::ClientSecret => "clientSecret",
            Self::Redirect => "redirect",
            Self::Port => "port",
            Self::Url => "url",
        }
    }
}

/// Why an account can't be used, or a request of the user's failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.user_message().sentence())]
pub enum AuthError {
    /// The secret store is still being read, just after the start. Ends without the user.
    Loading,
    /// The keyring has been asked and hasn't answered; usually it waits for the user to unlock it.
    KeyringWaiting,
    /// No account is signed in.
    NotLinked,
    /// Spotify has ended the sign-in; the Client ID and Secret are still valid.
    SignInAgain,
    /// Spotify refuses the Client ID.
    ClientIdRefused,
    /// Spotify refuses the Client Secret.
    ClientSecretRefused,
    /// Spotify has refused the ID, the secret or the sign-in once. It may be a fault of Spotify's, so it is tried again
    /// some minutes later before the user is asked.
    Doubted,
    /// As [`Doubted`](Self::Doubted), at the end of a log-in.
    LoginDoubted,
    /// The list has the most accounts that it may have.
    TooManyAccounts,
    /// A task of the package has failed, and the package is about to restart.
    Restarting,
    /// No Client ID was given.
    ClientIdMissing,
    /// The text can't be a Client ID.
    ClientIdForm,
    /// The text can't be a Client Secret.
    ClientSecretForm,
    /// The list has an account with this Client ID already.
    ClientIdTaken,
    /// The ID and secret were stored although Spotify could not be asked about them.
    Unchecked,
    /// There is no account with this id, or no longer.
    UnknownAccount,
    /// Too many calls: nothing may be sent until then.
    Limited(Limit),
    /// The network is down, or Spotify can't be reached through it.
    Offline,
    /// The accounts service answers with an error: its HTTP status.
    AccountsDown(u16),
    /// Something between this computer and Spotify has answered instead of Spotify.
    Intercepted,
    /// No log-in is running, so there is nothing to finish.
    NoLogin,
    /// A pasted text that isn't a callback address.
    NotACallback,
    /// A callback that belongs to another log-in, or to none.
    WrongState,
    /// The user has declined on Spotify's page.
    Denied,
    /// Spotify's page returned an error, with this code, such as `invalid_scope`.
    Refused(String),
    /// The browser did not return in time. Contains the Redirect URI in the form to register.
    TimedOut(String),
    /// The code was not accepted: too old, used before, or for another address.
    CodeRefused,
    /// Spotify could not be asked for tokens at the end of the log-in.
    NotFinished,
    /// No port could be opened for the callback.
    CannotListen,
    /// The port that the user has chosen can't be opened: another program uses it, or the system reserves it.
    PortTaken(u16),
    /// The chosen number can't be a port.
    PortForm,
    /// The signed-in user isn't the one of the other accounts: their names.
    OtherUser {
        /// The user of this sign-in.
        name: String,
        /// The user of the others.
        expected: String,
    },
    /// There is no other account that can serve.
    NoOtherAccount,
    /// The computer provides no random numbers.
    NoRandomness,
    /// The private file was requested, but wouldn't improve anything.
    FileNotNeeded,
    /// The private file can't be written.
    FileFailed,
}

impl AuthError {
    /// Returns the member of the form that this is about, if it is about one.
    #[must_use]
    pub fn field(&self) -> Option<Field> {
        match self {
            Self::ClientIdRefused | Self::ClientIdMissing | Self::ClientIdForm | Self::ClientIdTaken => {
                Some(Field::ClientId)
            }
            Self::ClientSecretRefused | Self::ClientSecretForm => Some(Field::ClientSecret),
            Self::PortTaken(_) | Self::PortForm => Some(Field::Port),
            Self::NotACallback | Self::WrongState | Self::NoLogin => Some(Field::Url),
            _ => None,
        }
    }

    /// True for an error that ends without the user: the same call may work a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Loading
                | Self::KeyringWaiting
                | Self::Limited(_)
                | Self::Offline
                | Self::AccountsDown(_)
                | Self::Intercepted
                | Self::Doubted
                | Self::Restarting
        )
    }

    /// Returns what to tell the user.
    #[must_use]
    pub fn user_message(&self) -> UserMessage {
        let (key, sentence): (&'static str, &str) = match self {
            Self::Loading => ("Starting…", "The sign-in is still being read from the keyring."),
            Self::KeyringWaiting => (
                "Unlock the keyring",
                "The computer's keyring has not answered yet. If it asks for a password, unlock it.",
            ),
            Self::NotLinked => (
                "Link Spotify in Settings",
                "Spotify is not linked yet. Enter Client ID and Client Secret in the settings and log in.",
            ),
            Self::SignInAgain => (
                "Sign in again",
                "Sign in again: Spotify has ended this sign-in, as it does six months after it. \
                 The Client ID and Secret are still stored.",
            ),
            Self::ClientIdRefused => (
                "Check the Client ID",
                "Spotify doesn't know this Client ID. Copy it again from your app in the Spotify dashboard.",
            ),
            Self::ClientSecretRefused => (
                "Check the Client Secret",
                "Spotify refuses this Client Secret. Copy it again from your app in the Spotify dashboard.",
            ),
            Self::Doubted => (
                "Refused, trying again",
                "Spotify has refused this account. That may be a fault at Spotify, so it is tried again in a few minutes. \
                 Nothing is lost.",
            ),
            Self::LoginDoubted => (
                "Log in again later",
                "Spotify has refused this account during the sign-in. That may be a fault at Spotify: log in again in a few \
                 minutes.",
            ),
            Self::TooManyAccounts => {
                ("Remove an account first", "There can be no more than 50 accounts. Remove one before you add another.")
            }
            Self::Restarting => ("Restarting…", "The package is restarting. Try again in a moment."),
            Self::ClientIdMissing => ("Link Spotify in Settings", "Enter the Client ID of your Spotify app."),
            Self::ClientIdForm => (
                "Check the Client ID",
                "This can't be a Client ID: it is one word, usually of 32 digits and letters a to f.",
            ),
            Self::ClientSecretForm => (
                "Check the Client Secret",
                "This can't be a Client Secret: it is one word, usually of 32 digits and letters a to f.",
            ),
            Self::ClientIdTaken => ("Check the Client ID", "There is an account with this Client ID already."),
            Self::Unchecked => (
                "Log in to Spotify",
                "Stored, but not checked, as Spotify could not be asked. Logging in will show whether they are right.",
            ),
            Self::UnknownAccount => {
                ("Link Spotify in Settings", "This account is not in the list any more. Add it again in the settings.")
            }
            Self::Limited(Limit { kind: LimitKind::Throttle, .. }) => (
                "Too fast, wait a moment",
                "Spotify asks for a short pause because of too many requests. It resumes automatically.",
            ),
            Self::Limited(Limit { kind: LimitKind::Quota, .. }) => (
                "Quota used up, wait",
                "Spotify's quota for this Client ID is used up for some hours. It resumes automatically.",
            ),
            Self::Offline => (
                "No network",
                "Spotify can't be reached: check this computer's network. Nothing is lost; it is tried again automatically.",
            ),
            Self::Intercepted => (
                "Check the network",
                "Something between this computer and Spotify answered instead, such as a network's log-in page, a proxy or a \
                 firewall. Open a web page to see whether the network asks for a log-in. Spotify is tried again \
                 automatically.",
            ),
            Self::AccountsDown(_) => (
                "Spotify is down",
                "Spotify's accounts service can't answer at the moment. Nothing is lost; it is tried again automatically.",
            ),
            Self::NoLogin => ("Log in again", "No sign-in is waiting for an answer any more. Choose Log in again."),
            Self::NotACallback => (
                "Log in again",
                "This is not the address that Spotify came back to: it has to hold a code and a state. \
                 Copy it whole from the browser's address bar.",
            ),
            Self::WrongState => (
                "Log in again",
                "This address belongs to another sign-in. Use the page that the latest Log in has opened.",
            ),
            Self::Denied => {
                ("Log in and agree", "Access was not granted on Spotify's page. Log in again and choose Agree.")
            }
            Self::Refused(code) => {
                return UserMessage::new(
                    "Log in again",
                    format!("Spotify has answered with the error \"{code}\". Log in again."),
                );
            }
            Self::TimedOut(redirect_uri) => {
                return UserMessage::new(
                    "Log in again",
                    format!(
                        "No answer came back from the browser within 5 minutes. If Spotify's page said \
                         \"INVALID_CLIENT: Invalid client\", the Client ID is wrong. If it spoke of an invalid or insecure \
                         redirect URI, enter exactly {redirect_uri} as Redirect URI of your app in the Spotify dashboard. \
                         Then log in again."
                    ),
                );
            }
            Self::CodeRefused => (
                "Log in again",
                "Spotify did not accept the code of this sign-in: it was too old or used before. Log in again.",
            ),
            Self::NotFinished => (
                "Log in again",
                "Spotify could not be reached to finish this sign-in. Check this computer's network, then log in again.",
            ),
            Self::CannotListen => (
                "Log in again",
                "No port could be opened on this computer for Spotify's answer. \
                 Check its security software, then log in again.",
            ),
            Self::PortTaken(port) => {
                return UserMessage::new(
                    "Choose another port",
                    format!(
                        "Port {port} of this computer can't be opened: another program uses it, or the system keeps it for \
                         itself. Choose another port and register its address in the Spotify dashboard."
                    ),
                );
            }
            Self::PortForm => ("Choose another port", "The port has to be a number from 1024 to 65535."),
            Self::OtherUser { name, expected } => {
                return UserMessage::new(
                    "Log in as one user",
                    format!(
                        "{name} has signed in, but the other accounts are {expected}'s. Log in as {expected}, or log the \
                         others out first."
                    ),
                );
            }
            Self::NoOtherAccount => {
                ("No other account", "There is no other account that could serve now. Add a backup in the settings.")
            }
            Self::NoRandomness => {
                ("Restart the computer", "The computer gives no random numbers, without which a sign-in is not safe.")
            }
            Self::FileNotNeeded => (
                "Nothing to do",
                "A private file is only offered when no keyring answers and the sign-in would be lost otherwise.",
            ),
            Self::FileFailed => (
                "File not written",
                "The private file could not be written. The sign-in stays in memory until the host stops.",
            ),
        };
        UserMessage::new(key, sentence)
    }
}

/// Returns the code of an error that came from outside, reduced to what may be shown: word characters, at most 40.
pub(in crate::auth) fn printable_code(code: &str) -> String {
    code.chars()
        .filter(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.'))
        .take(40)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_error_displays_its_sentence() {
        let error = AuthError::TimedOut("http://127.0.0.1/callback".into());
        assert!(error.to_string().contains("exactly http://127.0.0.1/callback as"));
        assert_eq!(error.to_string(), error.user_message().sentence());
    }

    #[test]
    fn printable_code_keeps_40_word_characters() {
        assert_eq!(printable_code("server_error"), "server_error");
        assert_eq!(printable_code("<b onclick=x>"), "bonclickx");
        assert_eq!(printable_code(&"x".repeat(100)).len(), 40);
    }
}
