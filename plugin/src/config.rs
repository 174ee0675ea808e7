//! The environment variables, for development and tests: see "Environment" in the README.

use std::env;
use std::path::{Path, PathBuf};

use url::Url;

use crate::auth::{ACCOUNTS_URL, StoreChoice, default_limits_file};
use crate::spotify::API_URL;

/// The addresses of Spotify, and where secrets and the log are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Base URL of the Web API, including its version: `SPOTIFY_API_URL`.
    pub api_url: Url,
    /// Base URL of the accounts service: `SPOTIFY_ACCOUNTS_URL`.
    pub accounts_url: Url,
    /// Where secrets are stored: `SPOTIFY_WIDGETS_STORE`.
    pub store: StoreChoice,
    /// The folder of the log files: `SPOTIFY_WIDGETS_LOG`, or [`default_log_folder`]. `None` without a home folder.
    pub log: Option<PathBuf>,
}

/// A variable with an invalid value. It is logged, and the default is used instead.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is ignored: it takes {expected}")]
pub struct InvalidVariable {
    name: &'static str,
    expected: &'static str,
}

impl Config {
    /// Reads the environment.
    #[must_use]
    pub fn from_env() -> (Self, Vec<InvalidVariable>) {
        Self::read(|name| env::var(name).ok())
    }

    /// Returns the file that keeps limits and request counts over a restart, next to the secrets. `None` if they are not
    /// kept.
    #[must_use]
    pub fn limits_file(&self) -> Option<PathBuf> {
        match &self.store {
            StoreChoice::Keyring => default_limits_file(),
            StoreChoice::File(path) => Some(path.with_extension("limits.json")),
            StoreChoice::Memory => None,
        }
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> (Self, Vec<InvalidVariable>) {
        let mut errors = Vec::new();
        let mut url = |name, default: &str| {
            let default = Url::parse(default).expect("the built-in URLs are valid");
            let Some(text) = variable(name).filter(|text| !text.is_empty()) else { return default };
            match Url::parse(&text) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
                _ => {
                    errors.push(InvalidVariable { name, expected: "an http or https address" });
                    default
                }
            }
        };
        let (api_url, accounts_url) = (url("SPOTIFY_API_URL", API_URL), url("SPOTIFY_ACCOUNTS_URL", ACCOUNTS_URL));
        let store = variable("SPOTIFY_WIDGETS_STORE").unwrap_or_default();
        let store = StoreChoice::parse(&store).unwrap_or_else(|| {
            errors.push(InvalidVariable { name: "SPOTIFY_WIDGETS_STORE", expected: "keyring, memory or file:PATH" });
            StoreChoice::default()
        });
        let log = variable("SPOTIFY_WIDGETS_LOG").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        (Self { api_url, accounts_url, store, log: log.or_else(default_log_folder) }, errors)
    }
}

/// Returns the folder of the log unless the environment sets another: `%LOCALAPPDATA%\spotify-widgets\data\logs` on Windows,
/// `~/Library/Logs/spotify-widgets` on macOS, `$XDG_STATE_HOME/spotify-widgets` (`~/.local/state/spotify-widgets`) on
/// other systems. `None` without a home folder.
#[must_use]
pub fn default_log_folder() -> Option<PathBuf> {
    if cfg!(target_os = "macos") {
        return directories::BaseDirs::new().map(|base| base.home_dir().join("Library/Logs/spotify-widgets"));
    }
    let folders = directories::ProjectDirs::from("", "", "spotify-widgets")?;
    Some(folders.state_dir().map_or_else(|| folders.data_local_dir().join("logs"), Path::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> (Config, Vec<InvalidVariable>) {
        Config::read(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn defaults_are_the_live_service_and_the_keyring() {
        let (config, errors) = read(&[("SPOTIFY_API_URL", "")]);
        assert_eq!(config.api_url.as_str(), "https://api.spotify.com/v1");
        assert_eq!(config.accounts_url.as_str(), "https://accounts.spotify.com/");
        assert_eq!((config.store, errors), (StoreChoice::Keyring, vec![]));
        assert_eq!(config.log, default_log_folder());
    }

    #[test]
    fn invalid_variable_is_reported_and_defaulted() {
        let (config, errors) = read(&[
            ("SPOTIFY_API_URL", "http://127.0.0.1:4000/v1"),
            ("SPOTIFY_ACCOUNTS_URL", "file:///etc/passwd"),
            ("SPOTIFY_WIDGETS_STORE", "cloud"),
            ("SPOTIFY_WIDGETS_LOG", "here"),
        ]);
        assert_eq!(config.api_url.as_str(), "http://127.0.0.1:4000/v1");
        assert_eq!(config.accounts_url.as_str(), "https://accounts.spotify.com/");
        assert_eq!(config.store, StoreChoice::Keyring);
        assert_eq!(config.log, Some(PathBuf::from("here")));
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            errors,
            [
                "SPOTIFY_ACCOUNTS_URL is ignored: it takes an http or https address",
                "SPOTIFY_WIDGETS_STORE is ignored: it takes keyring, memory or file:PATH"
            ]
        );
    }
}
