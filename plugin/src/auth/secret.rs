//! Secret texts: Client Secrets, tokens, authorization codes, pasted callback addresses.
//!
//! A [`Secret`] can be cloned and compared (in constant time), and is wiped from memory when dropped. It has no `Display` and
//! no serde, and its `Debug` shows nothing of it, so that it can't get into a log, an error or a message by accident: code
//! that needs the text calls [`Secret::expose`].

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// A secret text.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// A secret with this text. Wiping other copies of it is up to the caller.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// Returns the text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// True if the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }

    /// Returns the text without white space at its ends, which pasting may add.
    #[must_use]
    pub fn trimmed(&self) -> Self {
        Self::new(self.expose().trim())
    }

    /// Compares with a text from outside in a time that doesn't reveal where they differ.
    #[must_use]
    pub fn matches(&self, other: &str) -> bool {
        self.expose().as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.expose())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_hidden_in_debug() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "[secret] Some([secret])");
    }

    #[test]
    fn secret_compares_by_content() {
        assert!(Secret::new("abc").matches("abc"));
        assert!(!Secret::new("abc").matches("abd"));
        assert!(!Secret::new("abc").matches("ab"));
        assert_eq!(Secret::new(" abc\n").trimmed(), Secret::new("abc"));
    }
}
