//! The Spotify package.

pub mod auth;
pub mod clock;
pub mod face;
