//! The README's table of widgets matches manifest.json, where they are declared.

use host_sdk::manifest::PackageConfig;

const README: &str = include_str!("../../README.md");
const MANIFEST: &str = include_str!("../../manifest.json");

/// Returns the first column of the table under the heading "Widgets", without its two header lines.
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
fn readme_lists_the_widgets_in_manifest_order() {
    let manifest = PackageConfig::parse(MANIFEST).unwrap();
    let declared: Vec<_> = manifest.widgets.iter().map(|widget| widget.name.as_str()).collect();
    assert_eq!(listed(), declared);
}
