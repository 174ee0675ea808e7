//! Gives the program an icon, a version and an application manifest on Windows.

use std::error::Error;

use windows_resources::{Kind, Resources};

fn main() -> Result<(), Box<dyn Error>> {
    let resources = Resources {
        kind: Kind::Program,
        description: "Package runner",
        product: "Package runner",
        file_name: "package-runner.exe",
        icon: Some("icon.ico"),
    };
    resources.embed()
}
