//! What packages and hosts of Creator Central's kind agree on.
//!
//! - [`protocol`]: every message of the wire, both directions.
//! - [`package`]: the package's end of it: connection, events in, faces out.
//! - [`abi`]: the stable ABI through which a package library is loaded.
//!
//! Knows nothing of Spotify, of web servers or of any one host.

pub mod abi;
pub mod package;
pub mod protocol;
