//! Building, packing and checking bundles, as a library: the acceptance tests pack the bundle with the same code.

pub mod cross;
pub mod debian;
pub mod dist;
pub mod inspect;
mod mac;
pub mod target;
