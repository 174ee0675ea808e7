//! Checks the translated names of our packages' widgets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use host_sdk::manifest::{Finding, PackageConfig};
use serde_json::{Map, Value};
use xtask::dist::root;

/// The manifests of this repository with translations, and the folders of these.
const TRANSLATED: [(&str, &str); 2] =
    [("manifest.json", "plugin/assets/lang"), ("host-sdk/deck/template/manifest.json", "host-sdk/deck/template/lang")];
/// The manifests without translations.
const UNTRANSLATED: [&str; 1] = ["host-sdk/examples/clock/manifest.json"];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Reads the language files of a folder, by their path.
fn translations(folder: &str) -> BTreeMap<String, String> {
    let files = fs::read_dir(root().join(folder)).unwrap();
    let path =
        |file: std::io::Result<fs::DirEntry>| format!("{folder}/{}", file.unwrap().file_name().to_str().unwrap());
    files.map(path).map(|path| (path.clone(), read(&path))).collect()
}

#[test]
fn json_files_have_no_duplicate_members() {
    let manifests = TRANSLATED.iter().map(|(manifest, _)| *manifest).chain(UNTRANSLATED);
    let manifests = manifests.map(|path| (path.to_owned(), read(path)));
    for (path, text) in manifests.chain(TRANSLATED.iter().flat_map(|(_, folder)| translations(folder))) {
        assert_eq!(Finding::duplicate_members(&path, &text), Vec::new());
    }
}

#[test]
fn every_language_names_every_widget_uniquely() {
    for (manifest, folder) in TRANSLATED {
        let config = PackageConfig::parse(&read(manifest)).unwrap();
        let expected: BTreeSet<&str> =
            config.widgets.iter().map(|widget| widget.uuid.as_str()).chain(["Name"]).collect();
        for (path, text) in translations(folder) {
            let named: Map<String, Value> = serde_json::from_str(&text).unwrap();
            assert_eq!(named.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected, "{path}");
            let widgets = named.iter().filter(|(member, _)| *member != "Name");
            let names: BTreeSet<&str> = widgets.map(|(_, widget)| widget["Name"].as_str().unwrap()).collect();
            assert_eq!(names.len(), config.widgets.len(), "{path}: {names:?}");
        }
    }
}
