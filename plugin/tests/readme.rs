//! The README lists the widgets that there are: manifest.json is where they are declared, and a list beside it that
//! nobody checks would soon tell something else.

use host_sdk::manifest::PackageConfig;

const README: &str = include_str!("../../README.md");
const MANIFEST: &str = include_str!("../../manifest.json");

/// First column of the table under the heading "Widgets", without its two head lines.
fn listed() -> Vec<&'static str> {
    README
        .lines()
        .skip_while(|line| *line != "## Widgets")
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| line.strip_prefix('|')?.split('|').next())
        .skip(2)
        .map(str::trim)
        .collect()
}

#[test]
fn the_readme_lists_every_widget_of_the_manifest_in_its_order() {
    let manifest = PackageConfig::parse(MANIFEST).unwrap();
    let declared: Vec<_> = manifest.widgets.iter().map(|widget| widget.name.as_str()).collect();
    assert_eq!(listed(), declared);
}
