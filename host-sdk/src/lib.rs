//! What packages and hosts of Creator Central's kind agree on.
//!
//! - [`protocol`]: every message of the wire, both directions.
//! - [`package`]: the package's end of it: connection, events in, faces out.
//! - [`abi`]: the stable ABI through which a package library is loaded.
//! - [`files`]: files that are private and outlive a power cut.
//! - [`json`]: what JSON from elsewhere may be.
//! - [`manifest`]: the package file and its rules.
//! - [`picture`]: what a picture is, told by its bytes.
//! - [`paths`]: paths longer than Windows takes without being told.
//! - `bundle` (feature `bundle`): packing and installing `.creatorCentral` files.
//!
//! Knows nothing of Spotify, of web servers or of any one host.

pub mod abi;
#[cfg(feature = "bundle")]
pub mod bundle;
pub mod files;
pub mod json;
pub mod manifest;
pub mod package;
pub mod paths;
pub mod picture;
pub mod protocol;
