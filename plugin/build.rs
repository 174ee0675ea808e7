//! Gives the library a version on Windows.

use std::error::Error;

use windows_resources::{Kind, Resources};

fn main() -> Result<(), Box<dyn Error>> {
    let resources = Resources {
        kind: Kind::Library,
        description: "Spotify widgets",
        product: "Spotify widgets",
        file_name: "spotify_plugin.dll",
        icon: None,
    };
    resources.embed()
}
