#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! - [`widget`]: widgets as types with settings and async handlers.
//! - [`package`]: the package's connection to the host: events in, commands out.
//! - [`abi`]: the stable ABI through which a package library is loaded; [`export_package!`] exports one.
//! - [`manifest`]: the package file and its rules.
//! - [`protocol`]: every message of the WebSocket protocol, in both directions.
//! - `bundle` (feature `bundle`): packing and installing `.creatorCentral` files.
//! - [`backoff`]: how long to wait before a retry.
//! - [`files`]: private files that survive a power cut.
//! - [`json`]: limits for JSON from other programs.
//! - [`language`]: the language of several that suits a reader best.
//! - [`log`]: a log on disk, in files of bounded size.
//! - [`picture`]: the format of a picture, recognized by its first bytes.
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
