//! Bytes as text.

use sha2::{Digest, Sha256};

/// Stands for something in a place where that itself must not be.
pub(in crate::auth) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..8])
}

/// Bytes as hexadecimal digits.
pub(in crate::auth) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write;
        // Writing to a String never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
