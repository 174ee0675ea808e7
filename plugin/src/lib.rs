//! The Spotify package.

pub mod auth;
pub mod clock;
pub mod face;
pub mod spotify;
pub mod pages;
pub mod player;
pub mod widgets;
