//! Valid and malicious bundles, all of them real zips.

use super::*;

const CONFIG: &str = r#"{
    "Author": "A", "Description": "D", "Name": "N", "Version": "1.0.0", "UUID": "com.example.n", "Icon": "i.png",
    "Runtime": {"linux": {"type": "bin", "target": "run", "MinimumVersion": "1"}},
    "CreatorCentral": {"MinimumVersion": "1.0", "SDKVersion": 2},
    "Widgets": [{"Name": "W", "Icon": "i.png", "UUID": "com.example.n.w", "States": [{"Image": "i.png"}]}]
}"#;

fn entry(path: &str, content: impl Into<Vec<u8>>) -> Entry {
    Entry { path: path.to_owned(), content: content.into(), executable: path == "run" }
}

fn good() -> Vec<Entry> {
    vec![entry("PackageConfig.json", CONFIG), entry("i.png", "icon"), entry("run", "#!/bin/sh\n")]
}

fn packed(top_folder: &str, entries: Vec<Entry>) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    pack(&mut out, top_folder, entries).unwrap();
    out.into_inner()
}

/// Creates a zip of entries with these names, without a top folder around them.
fn raw(names: &[&str]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for name in names {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(b"x").unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Replaces bytes, to create bundles that the zip writer refuses to.
fn patched(bundle: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bundle = bundle.to_vec();
    let places: Vec<_> =
        (0..=bundle.len() - from.len()).filter(|at| bundle[*at..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bundle[at..at + to.len()].copy_from_slice(to.as_bytes()));
    bundle
}

fn install_error(bundle: &[u8]) -> BundleError {
    let packages = tempfile::tempdir().unwrap();
    let inner = packages.path().join("packages");
    let error = install(bundle, &inner).unwrap_err();
    let left: Vec<_> = fs::read_dir(&inner).map(|all| all.map(|e| e.unwrap().path()).collect()).unwrap_or_default();
    assert!(left.is_empty(), "no files are left: {left:?}");
    let beside: Vec<_> = fs::read_dir(packages.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(beside.iter().all(|name| name == "packages"), "nothing is written outside: {beside:?}");
    error
}

#[cfg(unix)]
#[test]
fn programs_of_macos_application_are_executable() {
    use std::os::unix::fs::PermissionsExt as _;
    let packages = tempfile::tempdir().unwrap();
    let mut entries = good();
    entries[0].content = CONFIG
        .replace(r#""linux": {"type": "bin", "target": "run""#, r#""mac": {"type": "bin", "target": "n.app""#)
        .into();
    entries.extend(["Info.plist", "MacOS/n", "MacOS/helper"].map(|path| entry(&format!("n.app/Contents/{path}"), "x")));
    let installed = install(&packed("com.example.n", entries), packages.path()).unwrap();
    let mode = |path: &str| {
        let path = installed.folder.join("n.app/Contents").join(path);
        fs::metadata(path).unwrap().permissions().mode() & 0o111
    };
    assert_eq!([mode("MacOS/n"), mode("MacOS/helper"), mode("Info.plist")], [0o111, 0o111, 0]);
}

#[test]
fn installs_replaces_and_removes() {
    let packages = tempfile::tempdir().unwrap();
    let installed = install(&packed("com.example.n", good()), packages.path()).unwrap();
    assert_eq!(installed.folder, packages.path().join("com.example.n"));
    assert_eq!(installed.config.name, "N");
    assert_eq!(fs::read(installed.folder.join("i.png")).unwrap(), b"icon");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(installed.folder.join("run")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "the runtime target is executable");
    }
    let mut newer = good();
    newer[1] = entry("i.png", "newer");
    newer.push(entry("deep/er/file.txt", "text"));
    install(&packed("any name", newer), packages.path()).unwrap();
    assert_eq!(fs::read(installed.folder.join("i.png")).unwrap(), b"newer");
    assert_eq!(fs::read_dir(packages.path()).unwrap().count(), 1, "the old version and the staging folder are gone");
    uninstall(packages.path(), "com.example.n").unwrap();
    assert_eq!(fs::read_dir(packages.path()).unwrap().count(), 0);
    assert!(uninstall(packages.path(), "../x").is_err());
}

#[test]
fn failed_update_leaves_the_old_version() {
    let packages = tempfile::tempdir().unwrap();
    install(&packed("n", good()), packages.path()).unwrap();
    let mut harmful = good();
    harmful[0].content = CONFIG.replace("\"target\": \"run\"", "\"target\": \"../run\"").into_bytes();
    let error = install(&packed("n", harmful), packages.path()).unwrap_err();
    assert!(matches!(error, BundleError::Invalid(_)), "{error}");
    assert_eq!(fs::read(packages.path().join("com.example.n/i.png")).unwrap(), b"icon");
}

#[test]
fn package_with_minor_errors_is_installed() {
    let packages = tempfile::tempdir().unwrap();
    let untidy = CONFIG.replace("\"Author\": \"A\"", "\"Author\": \"\"").replace("\"i.png\"", "\"./i.png\"");
    install(&packed("n", vec![entry("PackageConfig.json", untidy), entry("run/Contents/x", "")]), packages.path())
        .unwrap();
}

#[test]
fn unpacked_files_are_removed_on_drop_and_by_recover() {
    let packages = tempfile::tempdir().unwrap();
    install(&packed("n", good()), packages.path()).unwrap();
    let mut newer = good();
    newer[1] = entry("i.png", "newer");
    let staged = stage(&packed("n", newer), packages.path()).unwrap();
    assert_eq!(staged.config().uuid, "com.example.n");
    assert_eq!(fs::read(packages.path().join("com.example.n/i.png")).unwrap(), b"icon", "not touched yet");
    drop(staged);
    fs::create_dir(packages.path().join(".installing-7")).unwrap();
    recover(packages.path()).unwrap();
    let left: Vec<_> = fs::read_dir(packages.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["com.example.n"]);
}

#[test]
fn installs_with_unusual_names_and_long_paths() {
    let folder = tempfile::tempdir().unwrap();
    let long = "J\u{f6}rg \u{6771}\u{4eac} \u{1f3a7} a b/".repeat(20);
    let packages = folder.path().join(long);
    let mut entries = good();
    entries.push(entry(&format!("{}file.txt", "\u{97f3}\u{697d} deep down/".repeat(10)), "text"));
    for _ in 0..2 {
        install(&packed("n", entries.clone()), &packages).unwrap();
        recover(&packages).unwrap();
        assert_eq!(fs::read_dir(&packages).unwrap().count(), 1);
    }
    uninstall(&packages, "com.example.n").unwrap();
    assert_eq!(fs::read_dir(&packages).unwrap().count(), 0);
}

#[cfg(windows)]
#[test]
fn running_program_is_replaced_and_removed_later() {
    use std::process::{Command, Stdio};

    let packages = tempfile::tempdir().unwrap();
    let installed = install(&packed("n", good()), packages.path()).unwrap();
    let program = installed.folder.join("run.exe");
    let shell = PathBuf::from(std::env::var_os("SystemRoot").unwrap()).join("System32").join("cmd.exe");
    fs::copy(shell, &program).unwrap();
    // A shell in the package's folder that waits for input.
    let mut child = Command::new(&program).current_dir(&installed.folder).stdin(Stdio::piped()).spawn().unwrap();
    let mut newer = good();
    newer[1] = entry("i.png", "newer");
    install(&packed("n", newer), packages.path()).unwrap();
    assert_eq!(fs::read(installed.folder.join("i.png")).unwrap(), b"newer");
    assert!(!program.exists());
    assert!(child.try_wait().unwrap().is_none(), "it is still running");
    uninstall(packages.path(), "com.example.n").unwrap();
    recover(packages.path()).unwrap();
    assert!(!installed.folder.join(FILE_NAME).exists());
    child.kill().unwrap();
    child.wait().unwrap();
    recover(packages.path()).unwrap();
    assert_eq!(fs::read_dir(packages.path()).unwrap().count(), 0);
}

#[test]
fn pack_is_reproducible() {
    let mut reversed = good();
    reversed.reverse();
    assert_eq!(packed("n", good()), packed("n", reversed));
}

#[test]
fn harmful_names_are_refused() {
    for name in [
        "n/../../evil",
        "../evil",
        "/etc/evil",
        "n/./x",
        "n//x",
        "C:/evil",
        "n/c:evil",
        "n\\..\\evil",
        "n\\..\\..\\evil",
        "\\evil",
        "n\\C:\\evil",
        "n/con",
        "n/NUL.txt",
        "n/com1.log",
        "n/x.",
        "n/x ",
        "n/a?b",
        "n/a\u{7}b",
    ] {
        let error = install_error(&raw(&["n/PackageConfig.json", name]));
        assert!(matches!(error, BundleError::BadName(_)), "{name}: {error}");
    }
    let deep = format!("n/{}x", "d/".repeat(40));
    assert!(matches!(install_error(&raw(&[&deep])), BundleError::BadName(_)));
}

#[test]
fn zip_with_backslashes_is_installed() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let config = CONFIG.replace("\"i.png\"", r#""images\\i.png""#);
    zip.start_file("N\\images\\", SimpleFileOptions::default()).unwrap();
    for (name, content) in
        [("N\\PackageConfig.json", config.as_str()), ("N\\images\\i.png", "icon"), ("N\\run", "#!/bin/sh\n")]
    {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    let bundle = zip.finish().unwrap().into_inner();
    let packages = tempfile::tempdir().unwrap();
    let installed = install(&bundle, packages.path()).unwrap();
    assert_eq!(fs::read(installed.folder.join("images/i.png")).unwrap(), b"icon");
    assert_eq!(installed.config.icon, "images/i.png");
    let findings = check::check(&bundle).findings;
    assert!(findings.iter().any(|finding| finding.rule == "backslash"), "{findings:?}");
    assert!(!findings.iter().any(|finding| finding.severity == Severity::Refused), "{findings:?}");
}

#[test]
fn links_are_refused() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("n/link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let error = install_error(&zip.finish().unwrap().into_inner());
    assert!(matches!(error, BundleError::Link(_)), "{error}");
}

#[test]
fn duplicate_names_are_refused() {
    let duplicate = patched(&raw(&["n/aaa", "n/bbb"]), "n/bbb", "n/aaa");
    assert!(matches!(install_error(&duplicate), BundleError::DuplicateName(_)));
    assert!(
        matches!(install_error(&raw(&["n/aaa", "n/AAA"])), BundleError::DuplicateName(_)),
        "the same name on Windows and macOS"
    );
}

#[test]
fn zip_bombs_are_refused_by_claimed_and_real_size() {
    let mut entries = good();
    entries.push(entry("zeros", vec![0; 8 << 20]));
    let bundle = packed("n", entries);
    assert!(bundle.len() < 1 << 20, "8 MB of zeros pack well");
    install(&bundle, tempfile::tempdir().unwrap().path()).unwrap();

    // The directory and the header claim 4 GB.
    let claimed = (8_u32 << 20).to_le_bytes();
    let mut lying = bundle.clone();
    let places: Vec<_> = (0..lying.len() - 4).filter(|at| lying[*at..*at + 4] == claimed).collect();
    places.iter().for_each(|at| lying[*at..*at + 4].copy_from_slice(&(u32::MAX - 1).to_le_bytes()));
    assert!(matches!(install_error(&lying), BundleError::TooLarge(_)));

    // They claim 4 bytes, but there are 8 MB.
    let mut lying = bundle;
    places.iter().for_each(|at| lying[*at..*at + 4].copy_from_slice(&4_u32.to_le_bytes()));
    let packages = tempfile::tempdir().unwrap();
    match install(&lying, packages.path()) {
        Ok(installed) => assert!(fs::metadata(installed.folder.join("zeros")).unwrap().len() <= 8 << 20),
        Err(error) => assert!(matches!(error, BundleError::NotAZip(_) | BundleError::TooLarge(_)), "{error}"),
    }

    let huge_config = vec![entry("PackageConfig.json", vec![b' '; 5 << 20])];
    assert!(matches!(install_error(&packed("n", huge_config)), BundleError::TooLarge(_)));
}

#[test]
fn one_top_folder_with_a_package_file_is_required() {
    assert!(matches!(install_error(&raw(&[])), BundleError::TopFolder));
    assert!(matches!(install_error(&raw(&["PackageConfig.json"])), BundleError::TopFolder));
    assert!(matches!(install_error(&raw(&["a/x", "b/x"])), BundleError::TopFolder));
    assert!(matches!(install_error(&raw(&["a/x"])), BundleError::NoConfig));
    assert!(matches!(install_error(&packed("n", vec![entry("PackageConfig.json", "{")])), BundleError::BadConfig(_)));
    assert!(matches!(install_error(b"not a zip"), BundleError::NotAZip(_)));
}

#[test]
fn uuid_that_is_a_path_is_refused() {
    for uuid in ["com/example", "..", "com.example\\n", "", "UPPER"] {
        let mut entries = good();
        let uuid = serde_json::to_string(uuid).unwrap();
        entries[0].content = CONFIG.replace("\"com.example.n\"", &uuid).into_bytes();
        let error = install_error(&packed("n", entries));
        assert!(matches!(error, BundleError::Invalid(_)), "{uuid}: {error}");
        assert!(error.to_string().contains("UUID"), "{error}");
    }
}

#[test]
fn damaged_bundles_are_refused_without_a_panic() {
    let bundle = packed("n", good());
    for length in (0..bundle.len()).step_by(7) {
        assert!(matches!(install_error(&bundle[..length]), BundleError::NotAZip(_)), "truncated to {length}");
    }
    for at in 0..bundle.len() {
        let mut damaged = bundle.clone();
        damaged[at] ^= 0x55;
        let _ = install(&damaged, tempfile::tempdir().unwrap().path());
    }
}
