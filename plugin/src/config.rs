//! What can be set from outside, for development and tests: see "Environment" in the README.

use std::env;
use std::fmt;
use std::path::PathBuf;

use url::Url;

use crate::auth::{ACCOUNTS_URL, StoreChoice, default_limits_file};
use crate::log;
use crate::spotify::API_URL;

/// Where Spotify is, and where secrets and the log are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Base address of the Web API, with its version: `SPOTIFY_API_URL`.
    pub api_url: Url,
    /// Base address of the accounts service: `SPOTIFY_ACCOUNTS_URL`.
    pub accounts_url: Url,
    /// `SPOTIFY_WIDGETS_STORE`.
    pub store: StoreChoice,
    /// The folder of the log's files: `SPOTIFY_WIDGETS_LOG`, or [`log::default_folder`]. None where there is no home.
    pub log: Option<PathBuf>,
}

/// A variable that can't be used. The package runs on with the default; the log says so.
#[derive(Debug, PartialEq, Eq)]
pub struct BadVariable {
    name: &'static str,
    wanted: &'static str,
}

impl fmt::Display for BadVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is ignored: it takes {}", self.name, self.wanted)
    }
}

impl Config {
    /// Reads the environment.
    #[must_use]
    pub fn from_env() -> (Self, Vec<BadVariable>) {
        Self::read(|name| env::var(name).ok())
    }

    /// Where limits and counts of requests outlive the package: beside the secrets. None: nowhere.
    #[must_use]
    pub fn limits_file(&self) -> Option<PathBuf> {
        match &self.store {
            StoreChoice::Keyring => default_limits_file(),
            StoreChoice::File(path) => Some(path.with_extension("limits.json")),
            StoreChoice::Memory => None,
        }
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> (Self, Vec<BadVariable>) {
        let mut bad = Vec::new();
        let mut url = |name, default: &str| {
            let default = Url::parse(default).expect("the built-in addresses are addresses");
            let Some(text) = variable(name).filter(|text| !text.is_empty()) else { return default };
            match Url::parse(&text) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
                _ => {
                    bad.push(BadVariable { name, wanted: "an http or https address" });
                    default
                }
            }
        };
        let (api_url, accounts_url) = (url("SPOTIFY_API_URL", API_URL), url("SPOTIFY_ACCOUNTS_URL", ACCOUNTS_URL));
        let store = variable("SPOTIFY_WIDGETS_STORE").unwrap_or_default();
        let store = StoreChoice::parse(&store).unwrap_or_else(|| {
            bad.push(BadVariable { name: "SPOTIFY_WIDGETS_STORE", wanted: "keyring, memory or file:PATH" });
            StoreChoice::default()
        });
        let log = variable("SPOTIFY_WIDGETS_LOG").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        (Self { api_url, accounts_url, store, log: log.or_else(log::default_folder) }, bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> (Config, Vec<BadVariable>) {
        Config::read(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_live_service_and_the_keyring_unless_said_otherwise() {
        let (config, bad) = read(&[("SPOTIFY_API_URL", "")]);
        assert_eq!(config.api_url.as_str(), "https://api.spotify.com/v1");
        assert_eq!(config.accounts_url.as_str(), "https://accounts.spotify.com/");
        assert_eq!((config.store, bad), (StoreChoice::Keyring, vec![]));
        assert_eq!(config.log, log::default_folder());
    }

    #[test]
    fn what_can_not_be_used_is_named_and_the_default_taken() {
        let (config, bad) = read(&[
            ("SPOTIFY_API_URL", "http://127.0.0.1:4000/v1"),
            ("SPOTIFY_ACCOUNTS_URL", "file:///etc/passwd"),
            ("SPOTIFY_WIDGETS_STORE", "cloud"),
            ("SPOTIFY_WIDGETS_LOG", "here"),
        ]);
        assert_eq!(config.api_url.as_str(), "http://127.0.0.1:4000/v1");
        assert_eq!(config.accounts_url.as_str(), "https://accounts.spotify.com/");
        assert_eq!(config.store, StoreChoice::Keyring);
        assert_eq!(config.log, Some(PathBuf::from("here")));
        let said: Vec<_> = bad.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "SPOTIFY_ACCOUNTS_URL is ignored: it takes an http or https address",
                "SPOTIFY_WIDGETS_STORE is ignored: it takes keyring, memory or file:PATH"
            ]
        );
    }
}
