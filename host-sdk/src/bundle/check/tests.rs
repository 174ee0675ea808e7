//! Packages with one defect each, and the findings about them.

use std::io::Write as _;

use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::bundle::{Entry, pack};

const ELF: &[u8] = b"\x7fELF and so on";

fn config() -> Value {
    json!({
        "Author": "A", "Description": "D", "Name": "N", "Version": "1.0.0", "UUID": "com.example.n", "Icon": "i.png",
        "Runtime": {
            "win": {"type": "bin", "target": "n.exe", "MinimumVersion": "10"},
            "mac": {"type": "bin", "target": "n.app", "MinimumVersion": "12"},
            "linux": {"type": "bin", "target": "./n", "library": "libn.so", "MinimumVersion": "5"}
        },
        "CreatorCentral": {"MinimumVersion": "1.1.2", "SDKVersion": 2},
        "Widgets": [{
            "Name": "W", "Icon": "i.png", "UUID": "com.example.n.w", "PropertyViewPath": "p/index.html",
            "States": [{"Image": "s.png"}], "Layouts": [{"Title": "L", "Icon": "l.png", "Width": 1, "Height": 1}]
        }]
    })
}

type Files = BTreeMap<String, Vec<u8>>;

fn good() -> Files {
    let files: [(&str, &[u8]); 11] = [
        ("i.png", b"icon"),
        ("s.png", b"state"),
        ("l.png", b"layout"),
        ("n.exe", b"MZ and so on"),
        ("n.app/Contents/Info.plist", b"<plist/>"),
        ("n.app/Contents/MacOS/n", b"\xcf\xfa\xed\xfe and so on"),
        ("n", ELF),
        ("libn.so", ELF),
        ("p/index.html", b"<script src='p.js'></script>"),
        ("p/p.js", b"function connectCreatorCentral() {}"),
        ("lang/en.json", br#"{"Name": "N", "com.example.n.w": {"Name": "W"}}"#),
    ];
    let files = files.into_iter().map(|(path, content)| (path.to_owned(), content.to_vec()));
    files.chain([(FILE_NAME.to_owned(), config().to_string().into_bytes())]).collect()
}

fn packed(top_folder: &str, files: Files) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let entries = files.into_iter().map(|(path, content)| Entry { path, content, executable: false }).collect();
    pack(&mut out, top_folder, entries).unwrap();
    out.into_inner()
}

fn summaries(checked: &Checked) -> Vec<String> {
    checked.findings.iter().map(|f| format!("{} {} {}", f.severity.name(), f.rule, f.place())).collect()
}

/// Returns the findings about the valid package after a change. Checks that the bundle and the folder have the same.
fn findings_after(change: impl FnOnce(&mut Files)) -> Vec<String> {
    let mut files = good();
    change(&mut files);
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in &files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let of_bundle = summaries(&check(&packed("com.example.n", files)));
    let of_folder = summaries(&check_folder(folder.path()).unwrap());
    let sorted = |mut all: Vec<String>| {
        all.sort();
        all
    };
    assert_eq!(sorted(of_bundle.clone()), sorted(of_folder));
    of_bundle
}

fn with_config(change: impl FnOnce(&mut Value)) -> Vec<String> {
    findings_after(|files| {
        let mut config = config();
        change(&mut config);
        files.insert(FILE_NAME.to_owned(), config.to_string().into_bytes());
    })
}

fn raw(names: &[&str]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for name in names {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(if name.ends_with(FILE_NAME) { b"{}" } else { b"x" }).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn valid_package_has_no_findings() {
    assert_eq!(findings_after(|_| {}), Vec::<String>::new());
    let checked = check(&packed("com.example.n", good()));
    assert!(checked.passes());
    let pictures: Vec<_> = checked.pictures().into_iter().map(|p| (p.path.to_owned(), p.recommended)).collect();
    let expected = [("i.png", Some((75, 54))), ("s.png", None), ("l.png", Some((120, 120)))];
    assert_eq!(pictures, expected.map(|(path, size)| (path.to_owned(), size)));
}

#[test]
fn every_rule_about_files_is_checked() {
    let put =
        |path: &str, content: &[u8]| findings_after(|files| drop(files.insert(path.to_owned(), content.to_vec())));
    let without = |path: &str| findings_after(|files| drop(files.remove(path)));
    for (findings, expected) in [
        (without(FILE_NAME), "refused no-package-file PackageConfig.json"),
        (put(FILE_NAME, b"\xff\xfe"), "refused unreadable PackageConfig.json"),
        (put(FILE_NAME, b"{"), "refused unreadable PackageConfig.json"),
        (without("n.exe"), "error missing-file Runtime.win.target"),
        (put("n.exe", ELF), "error program Runtime.win.target"),
        (put("n.exe", b""), "error program Runtime.win.target"),
        (put("n", b"MZ"), "error program Runtime.linux.target"),
        (put("n", b"plain text"), "error program Runtime.linux.target"),
        (put("libn.so", b"#!/bin/sh"), "error program Runtime.linux.library"),
        (put("n.app/Contents/MacOS/n", ELF), "error program Runtime.mac.target"),
        (without("n.app/Contents/MacOS/n"), "error application Runtime.mac.target"),
        (put("p/index.html", b""), "error page Widgets[0].PropertyViewPath"),
        (put("p/p.js", b""), "warning page Widgets[0].PropertyViewPath"),
        (put("lang/en.json", b"{"), "error language lang/en.json"),
        (put("lang/en.json", b"[]"), "error language lang/en.json"),
        (put("lang/en.json", br#"{"Name": 1}"#), "error language lang/en.json: Name"),
        (put("lang/en.json", br#"{"com.example.n.w": 1}"#), "warning language lang/en.json: com.example.n.w"),
        (put("lang/en.json", br#"{"com.example.gone": {}}"#), "warning language lang/en.json: com.example.gone"),
        (put("lang/en.json", br#"{"Name": "N"}"#), "note language lang/en.json"),
        (put("lang/xx.json", br#"{"Name": "N"}"#), "warning language lang/xx.json"),
        (put("lang/readme.txt", b"x"), "note language lang/readme.txt"),
        (put("i.png", &vec![0; (LARGE_PICTURE + 1) as usize]), "warning large i.png"),
        (put(".DS_Store", b"x"), "warning junk .DS_Store"),
        (put("p/Thumbs.db", b"x"), "warning junk p/Thumbs.db"),
        (put("p/.git/config", b"x"), "warning junk p/.git"),
    ] {
        assert!(findings.iter().any(|finding| finding == expected), "{expected}: {findings:?}");
    }
    let german = findings_after(|files| {
        let english = files.remove("lang/en.json").unwrap();
        files.insert("lang/de.json".to_owned(), english);
    });
    assert_eq!(german, ["warning language lang/en.json"]);
    let web = |target: &str| {
        with_config(|config| {
            config["Runtime"]["win"] = json!({"type": "web", "target": target, "MinimumVersion": "10"})
        })
    };
    assert_eq!(web("p/index.html"), Vec::<String>::new());
    assert_eq!(web("p"), ["error web-target Runtime.win.target"]);
    assert_eq!(web("n.exe"), ["warning web-target Runtime.win.target"]);
}

#[test]
fn file_with_other_capitals_is_named() {
    let mut files = good();
    let icon = files.remove("i.png").unwrap();
    files.insert("I.PNG".to_owned(), icon);
    let checked = check(&packed("com.example.n", files));
    let finding = &checked.findings[0];
    assert_eq!((finding.rule, finding.remedy.as_str()), ("missing-file", "write I.PNG"));
}

#[test]
fn all_errors_of_an_archive_are_reported() {
    let findings = |bundle: &[u8]| summaries(&check(bundle));
    assert_eq!(findings(b"no zip"), ["refused zip the package"]);
    let all = findings(&raw(&["a/PackageConfig.json", "a/../x", "b/y", "c/z", "a/q:r", "a/X", "a/x", "/etc/passwd"]));
    for expected in [
        "refused name a/../x",
        "refused name a/q:r",
        "refused name /etc/passwd",
        "refused twice a/x",
        "refused top-folder the package",
        "refused uuid UUID",
    ] {
        assert_eq!(all.iter().filter(|finding| *finding == expected).count(), 1, "{expected}: {all:?}");
    }
    let mac = check(&raw(&["a/PackageConfig.json", "__MACOSX/a/._x"]));
    let top = mac.findings.iter().find(|finding| finding.rule == "top-folder").unwrap();
    assert!(top.remedy.contains("without __MACOSX"), "{}", top.remedy);
    assert!(summaries(&mac).contains(&"warning junk __MACOSX".to_owned()));
    assert!(findings(&raw(&["PackageConfig.json", "x"])).contains(&"refused top-folder the package".to_owned()));
    assert!(findings(&raw(&[])).contains(&"refused top-folder the package".to_owned()));
    assert_eq!(findings(&packed("other", good())), ["note top-folder-name the package"]);
    let many: Vec<String> = (0..100).map(|n| format!("a/{n}:")).collect();
    let many = findings(&raw(&many.iter().map(String::as_str).collect::<Vec<_>>()));
    assert!(many.len() <= MAX_SIMILAR + 1, "{}", many.len());
}

#[test]
fn damaged_bundles_are_checked_without_a_panic() {
    let bundle = packed("com.example.n", good());
    for end in (0..bundle.len()).step_by(7) {
        assert!(!check(&bundle[..end]).passes(), "{end}");
    }
    for at in (0..bundle.len()).step_by(5) {
        let mut damaged = bundle.clone();
        damaged[at] ^= 0x55;
        // No assertion about the findings, because not every byte matters.
        let _ = check(&damaged);
    }
}

/// A bundle is refused by the check if and only if it isn't installed.
#[test]
fn check_and_install_agree() {
    let with = |change: &dyn Fn(&mut Value)| {
        let (mut files, mut config) = (good(), config());
        change(&mut config);
        files.insert(FILE_NAME.to_owned(), config.to_string().into_bytes());
        packed("com.example.n", files)
    };
    for bundle in [
        packed("com.example.n", good()),
        raw(&["a/PackageConfig.json", "b/x"]),
        raw(&["a/../PackageConfig.json"]),
        with(&|c| c["UUID"] = json!("..")),
        with(&|c| c["Name"] = json!(7)),
        with(&|c| c["Name"] = json!([])),
        with(&|c| c["Icon"] = json!("/etc/passwd")),
        with(&|c| c["Icon"] = json!("gone.png")),
        with(&|c| c["Widgets"] = Value::Null),
        with(&|c| c["Widgets"][0]["Layouts"][0]["Width"] = json!(-1)),
    ] {
        let packages = tempfile::tempdir().unwrap();
        let checked = check(&bundle);
        let refused = checked.findings.iter().any(|finding| finding.severity == Severity::Refused);
        let installed = crate::bundle::install(&bundle, packages.path());
        assert_eq!(refused, installed.is_err(), "{installed:?}: {:?}", summaries(&checked));
    }
}

#[test]
fn duplicate_members_of_language_files_are_reported() {
    let text = |name: &str| {
        format!(r#"{{"Name": "N", "com.example.n.w": {{"Name": "W"}}, "com.example.n.w": {{"Name": "{name}"}}}}"#)
    };
    for (name, severity) in [("W", "warning"), ("V", "error")] {
        let findings = findings_after(|files| drop(files.insert("lang/en.json".into(), text(name).into_bytes())));
        assert_eq!(findings, [format!("{severity} member-twice lang/en.json: com.example.n.w")]);
    }
}

#[test]
fn plugins_for_other_hosts_are_named_and_refused() {
    let deck = json!({"Name": "N", "SDKVersion": 2, "CodePath": "bin/plugin.js", "Actions": [{"UUID": "com.x.y", "States": []}]});
    let old_dock = json!({"Name": "N", "SDKVersion": 1, "Actions": []});
    let dock = json!({"Name": "N", "SDKVersion": 2, "Actions": [{"Controllers": ["Keypad", "Knob"]}]});
    for (file, content, host) in [
        ("manifest.json", format!("\u{feff}{deck}"), "a plugin for Stream Deck"),
        ("manifest.json", old_dock.to_string(), "a plugin for Stream Dock"),
        ("manifest.json", dock.to_string(), "a plugin for Stream Dock"),
        ("WidgetConfig.json", "{}".to_owned(), "a package for Creator Central 1"),
        ("entry.tp", "{}".to_owned(), "a plugin for Touch Portal"),
        ("metadata/LoupedeckPackage.yaml", "type: plugin4".to_owned(), "a plugin for Loupedeck"),
    ] {
        let bundle = packed("com.x.sdPlugin", [(file.to_owned(), content.into_bytes())].into());
        let checked = check(&bundle);
        let found: Vec<_> = checked.findings.iter().map(|found| (found.rule, found.file.as_str())).collect();
        assert_eq!(found, [("other-host", file)]);
        assert!(checked.findings[0].message.contains(host), "{}", checked.findings[0].message);
        let packages = tempfile::tempdir().unwrap();
        let error = crate::bundle::install(&bundle, packages.path()).unwrap_err().to_string();
        assert!(error.contains(host) && error.contains("doesn't run here"), "{error}");
    }
    let sources = packed("my-widget", [("manifest.json".to_owned(), config().to_string().into_bytes())].into());
    let checked = check(&sources);
    assert!(checked.findings[0].remedy.contains("creator-deck pack"), "{}", checked.findings[0].remedy);
}

mod check_agrees_with_install {
    use proptest::prelude::*;
    use zip::CompressionMethod;

    use super::*;
    use crate::bundle::{BundleError, stage};

    /// Names that conflict with each other in every way, and some that are invalid.
    const NAMES: [&str; 16] = [
        "com.example.n/x/a",
        "com.example.n/x/a/b",
        "com.example.n/X/a",
        "com.example.n/x/",
        "com.example.n/x",
        "com.example.n/",
        "com.example.n/i.png",
        "com.example.n/PackageConfig.json",
        "com.example.n/PACKAGECONFIG.JSON",
        "com.example.n/com.example.n/PackageConfig.json",
        "com.example.n\\y\\z",
        "com.example.n/../z",
        "com.example.n/con",
        "PackageConfig.json",
        "other/PackageConfig.json",
        "readme.txt",
    ];

    fn config_text() -> impl Strategy<Value = String> {
        let with = |member: &str, value: Value| {
            let mut config = config();
            config[member] = value;
            config.to_string()
        };
        prop::sample::select(vec![
            config().to_string(),
            config().to_string(),
            config().to_string(),
            String::new(),
            "{".to_owned(),
            "{}".to_owned(),
            with("UUID", json!("..")),
            with("Name", json!([])),
            with("Runtime", Value::Null),
            with("Widgets", json!(vec![config()["Widgets"][0].clone(); 1001])),
            with("Icon", json!("../i.png")),
            with("Runtime", json!({"win": null})),
        ])
    }

    fn bundle(names: &[&str], config: &str, damage: Option<(usize, u8)>) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        let mut zip = ZipWriter::new(&mut out);
        for name in names {
            let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
            let is_config = name.to_lowercase().ends_with("packageconfig.json");
            // Ignored, because the writer refuses duplicate names.
            let _ = match name.ends_with('/') {
                true => zip.add_directory(*name, options),
                false => zip
                    .start_file(*name, options)
                    .and_then(|()| Ok(zip.write_all(if is_config { config.as_bytes() } else { b"content" })?)),
            };
        }
        zip.finish().unwrap();
        let mut out = out.into_inner();
        if let Some((at, value)) = damage {
            let at = at % out.len();
            out[at] ^= value;
        }
        out
    }

    fn agree(bundle: &[u8]) -> (bool, String) {
        let checked = check(bundle);
        let is_refused = checked.findings.iter().any(|finding| finding.severity == Severity::Refused);
        let folder = tempfile::tempdir().unwrap();
        let staged = stage(bundle, folder.path()).map(drop);
        let is_agreed = staged.is_err() == is_refused && !matches!(staged, Err(BundleError::Disk(_)));
        (is_agreed, format!("{staged:?} {:?}", summaries(&checked)))
    }

    #[test]
    fn for_nested_folders_conflicts_and_unknown_methods() {
        let config = config().to_string();
        for names in [
            &["com.example.n/com.example.n/PackageConfig.json"][..],
            &["com.example.n/PackageConfig.json", "com.example.n/x/a", "com.example.n/x/a/b"],
            &["com.example.n/PackageConfig.json", "com.example.n/x/a/b", "com.example.n/x/a"],
        ] {
            let (is_agreed, why) = agree(&bundle(names, &config, None));
            assert!(is_agreed && why.contains("Err"), "{names:?}: {why}");
        }
        let mut unknown = bundle(&["com.example.n/PackageConfig.json"], &config, None);
        // The compression method, in the entry and in the central directory.
        let list = unknown.windows(4).position(|part| part == b"PK\x01\x02").unwrap();
        (unknown[8], unknown[list + 10]) = (77, 77);
        let (is_agreed, why) = agree(&unknown);
        assert!(is_agreed && why.contains("NotAZip"), "{why}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn for_any_bundle(
            more in prop::collection::vec(prop::sample::select(&NAMES[..]), 0..5),
            has_config in prop::bool::weighted(0.8),
            config in config_text(),
            damage in prop::option::weighted(0.2, (any::<usize>(), 1_u8..)),
        ) {
            let mut names = more;
            names.extend(has_config.then_some("com.example.n/PackageConfig.json"));
            let (is_agreed, why) = agree(&bundle(&names, &config, damage));
            prop_assert!(is_agreed, "{names:?}: {why}");
        }
    }
}
