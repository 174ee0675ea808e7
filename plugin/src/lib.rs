//! The Spotify package.
