//! Has the crate built again when a file of the page is added or removed, which `include_dir!` alone doesn't notice, and
//! gives the program an icon, a version and an application manifest on Windows.

use std::error::Error;

use windows_resources::{Kind, Resources};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=page");
    let resources = Resources {
        kind: Kind::Program,
        description: "Creator Deck",
        product: "Creator Deck",
        file_name: "creator-deck.exe",
        icon: Some("icon.ico"),
    };
    resources.embed()
}
