#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! For packages:
//!
//! - [`widget`]: widgets with typed settings and async handlers. Start here.
//! - [`package`]: the connection to the host. Receives events, sends commands.
//! - [`abi`]: the stable ABI through which a package library is loaded. [`export_package!`] exports one.
//!
//! For hosts and build tools:
//!
//! - [`manifest`]: the package file and its rules.
//! - [`protocol`]: the messages of the WebSocket protocol, in both directions.
#![cfg_attr(feature = "bundle", doc = "- [`bundle`]: packs, checks and installs `.creatorCentral` files.")]
#![cfg_attr(
    not(feature = "bundle"),
    doc = "- `bundle` (feature `bundle`): packs, checks and installs `.creatorCentral` files."
)]
//!
//! For both:
//!
//! - [`backoff`]: delays between retries.
//! - [`files`]: private files that survive a power failure.
//! - [`json`]: limits for JSON from other programs.
//! - [`language`]: finds the language that suits a user best.
//! - [`log`]: a log on disk, in files of limited size.
//! - [`picture`]: recognizes pictures by their bytes.
//! - [`paths`]: paths longer than Windows accepts by default.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod abi;
pub mod backoff;
#[cfg(feature = "bundle")]
#[cfg_attr(docsrs, doc(cfg(feature = "bundle")))]
pub mod bundle;
pub mod files;
pub mod json;
pub mod language;
pub mod log;
pub mod manifest;
pub mod package;
pub mod paths;
pub mod picture;
pub mod protocol;
pub mod widget;

/// The version of this crate, such as `0.1.0`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
