//! An origin per package: the pages of a package are served under a host name of their own, `LABEL.localhost`, on the
//! port of the package socket. Browsers resolve such names to this machine without a query (RFC 6761), and treat each
//! as a separate site: cookies, storage, service workers, channels and windows of one package are out of reach for all
//! others and for the deck. Ports alone wouldn't separate cookies.

use sha2::{Digest as _, Sha256};
use url::Url;

use crate::hex;

/// The domain that every browser resolves to this machine.
const DOMAIN: &str = "localhost";
/// Characters of a UUID at the start of a label, for people to recognise.
const READABLE: usize = 40;
/// Bytes of the UUID's hash in a label: no UUID can be chosen to have another package's label.
const HASHED: usize = 10;

/// Returns the label of a package's host name: the readable part of its UUID, and a part of the UUID's hash. It is a
/// single label, because two names under a shared one would be one site.
#[must_use]
pub fn label(package: &str) -> String {
    let readable: String = package
        .chars()
        .take(READABLE)
        .map(|letter| match letter.is_ascii_alphanumeric() {
            true => letter.to_ascii_lowercase(),
            false => '-',
        })
        .collect();
    let hash = Sha256::digest(package.as_bytes());
    let hash = hex(&hash[..HASHED]);
    format!("{}-{hash}", readable.trim_start_matches('-')).trim_start_matches('-').to_owned()
}

/// Returns the address of a package's origin.
#[must_use]
pub fn origin(package: &str, port: u16) -> Url {
    // A label has only letters, digits and hyphens.
    Url::parse(&format!("http://{}.{DOMAIN}:{port}/", label(package))).unwrap_or_else(|error| unreachable!("{error}"))
}

/// Returns all origins of packages, as in a content security policy.
#[must_use]
pub fn all(port: u16) -> String {
    format!("http://*.{DOMAIN}:{port}")
}

/// Returns the label in the host name `NAME:PORT`, if it is a package's.
#[must_use]
pub fn label_of_host(host: &str, port: u16) -> Option<&str> {
    let name = host.strip_suffix(&format!(":{port}"))?.strip_suffix(DOMAIN)?.strip_suffix('.')?;
    let is_label = !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    is_label.then_some(name)
}

/// Returns the label in an origin, if it is a package's.
#[must_use]
pub fn label_of_origin(origin: &str, port: u16) -> Option<&str> {
    label_of_host(origin.strip_prefix("http://")?, port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn label_is_readable_and_of_one_package() {
        let one = label("com.spotify-widgets");
        assert!(one.starts_with("com-spotify-widgets-"), "{one}");
        for other in ["com-spotify.widgets", "com.spotify-widgets.", "COM.spotify-widgets", "com.spotify_widgets"] {
            assert_ne!(label(other), one, "{other}");
        }
    }

    #[test]
    fn only_package_names_on_the_port_are_taken() {
        let url = origin("com.example.x", 8080);
        let text = url.origin().ascii_serialization();
        assert_eq!(label_of_origin(&text, 8080), Some(&*label("com.example.x")));
        for bad in [
            "http://127.0.0.1:8080",
            "http://localhost:8080",
            "http://.localhost:8080",
            "http://a.b.localhost:8080",
            "http://a.localhost",
            "http://a.localhost:80800",
            "http://a.localhost:08080",
            "http://a.localhost.example.com:8080",
            "http://a.notlocalhost:8080",
            "https://a.localhost:8080",
            "http://A.localhost:8080",
            "http://u@a.localhost:8080",
            "null",
            "",
        ] {
            assert_eq!(label_of_origin(bad, 8080), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn labels_are_valid_host_names(package in ".{1,80}") {
            let label = label(&package);
            prop_assert!(label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-'), "{label}");
            let text = origin(&package, 9).origin().ascii_serialization();
            prop_assert_eq!(label_of_origin(&text, 9), Some(&*label));
        }
    }
}
