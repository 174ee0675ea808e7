//! Replacements and removals that are refused or interrupted, in a real folder with a disk that returns errors.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::*;

const UUID: &str = "com.example.n";

/// Returns the content of all files below a folder, by path with forward slashes; `None` if there is no folder.
fn files(folder: &Path) -> Option<BTreeMap<String, String>> {
    fn walk(folder: &Path, prefix: &str, into: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), &format!("{path}/"), into);
            } else {
                into.insert(path, fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    folder.exists().then(|| {
        let mut found = BTreeMap::new();
        walk(folder, "", &mut found);
        found
    })
}

fn version(mark: &str, paths: &[&str]) -> BTreeMap<String, String> {
    paths.iter().map(|path| ((*path).to_owned(), mark.to_owned())).collect()
}

fn old() -> BTreeMap<String, String> {
    version("old", &[FILE_NAME, "run.exe", "lang/en.json", "old.txt"])
}

fn new() -> BTreeMap<String, String> {
    version("new", &[FILE_NAME, "run.exe", "lang/en.json", "new/new.txt"])
}

fn write(folder: &Path, files: &BTreeMap<String, String>) {
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// Creates a packages folder with the old version installed and the new one staged.
fn setup() -> (tempfile::TempDir, PathBuf) {
    let packages = tempfile::tempdir().unwrap();
    write(&packages.path().join(UUID), &old());
    let staged = packages.path().join(".installing-1");
    write(&staged, &new());
    (packages, staged)
}

fn busy() -> io::Error {
    ErrorKind::ResourceBusy.into()
}

/// Calls `work` with a disk that refuses to change the paths for which `refused` returns true.
fn with_disk<T>(refused: impl Fn(&Path) -> bool, work: impl FnOnce(&Disk<'_>) -> T) -> T {
    let allow = |path: &Path| if refused(path) { Err(busy()) } else { Ok(()) };
    work(&Disk { allow: &allow, sleep: &|_| {} })
}

/// Returns whether a path is the folder of a whole package. Operating systems refuse to move those first.
fn is_package_folder(path: &Path) -> bool {
    path.is_dir() && (path.ends_with(UUID) || path.ends_with(PACKAGE) || path.ends_with(".installing-1"))
}

fn names(packages: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(packages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".installing-1")
        .collect();
    names.sort();
    names
}

#[test]
fn replaces_as_a_whole_and_file_by_file() {
    for whole_is_refused in [false, true] {
        let (packages, staged) = setup();
        with_disk(
            |path| whole_is_refused && is_package_folder(path),
            |disk| replace(disk, packages.path(), &staged, UUID).unwrap(),
        );
        assert_eq!(files(&packages.path().join(UUID)), Some(new()));
        recover(&Disk::REAL, packages.path()).unwrap();
        assert_eq!(names(packages.path()), [UUID]);
    }
}

#[test]
fn removes_as_a_whole_and_file_by_file() {
    for whole_is_refused in [false, true] {
        let (packages, _) = setup();
        with_disk(
            |path| whole_is_refused && is_package_folder(path),
            |disk| remove(disk, packages.path(), UUID).unwrap(),
        );
        recover(&Disk::REAL, packages.path()).unwrap();
        assert!(names(packages.path()).is_empty());
    }
}

#[test]
fn transient_refusal_is_retried() {
    let (packages, staged) = setup();
    let (refusals, sleeps) = (Cell::new(RETRIES), Cell::new(0));
    let allow = |path: &Path| match (path.ends_with(UUID), refusals.get()) {
        (true, left @ 1..) => {
            refusals.set(left - 1);
            Err(busy())
        }
        _ => Ok(()),
    };
    let disk = Disk { allow: &allow, sleep: &|_| sleeps.set(sleeps.get() + 1) };
    replace(&disk, packages.path(), &staged, UUID).unwrap();
    assert_eq!(sleeps.get(), RETRIES);
    assert_eq!((files(&packages.path().join(UUID)), names(packages.path())), (Some(new()), vec![UUID.to_owned()]));
}

#[test]
fn file_that_cannot_be_moved_is_named_and_changes_nothing() {
    for (at, path) in ["run.exe", "lang/en.json", FILE_NAME].into_iter().enumerate() {
        let (packages, staged) = setup();
        let locked = packages.path().join(UUID).join(path);
        let refused = |path: &Path| is_package_folder(path) || path == locked;
        let obstacle = with_disk(refused, |disk| replace(disk, packages.path(), &staged, UUID)).unwrap_err();
        assert_eq!(obstacle.path, locked);
        assert_eq!(files(&packages.path().join(UUID)), Some(old()), "{at}");
        let obstacle = with_disk(refused, |disk| remove(disk, packages.path(), UUID)).unwrap_err();
        assert!(obstacle.is_in_use());
        assert!(obstacle.into_io().to_string().contains("close every program"));
        assert_eq!(files(&packages.path().join(UUID)), Some(old()));
        recover(&Disk::REAL, packages.path()).unwrap();
        assert_eq!((files(&packages.path().join(UUID)), names(packages.path())), (Some(old()), vec![UUID.to_owned()]));
    }
}

#[cfg(windows)]
#[test]
fn file_opened_without_sharing_is_in_use() {
    use std::os::windows::fs::OpenOptionsExt as _;

    let (packages, staged) = setup();
    let locked = packages.path().join(UUID).join("run.exe");
    let held = fs::OpenOptions::new().read(true).share_mode(0).open(&locked).unwrap();
    // Windows itself refuses to move the folder; Wine doesn't.
    let obstacle = with_disk(is_package_folder, |disk| replace(disk, packages.path(), &staged, UUID)).unwrap_err();
    assert_eq!((&obstacle.path, obstacle.is_in_use()), (&locked, true), "{obstacle:?}");
    drop(held);
    assert_eq!(files(&packages.path().join(UUID)), Some(old()));
    replace(&Disk::REAL, packages.path(), &staged, UUID).unwrap();
    assert_eq!(files(&packages.path().join(UUID)), Some(new()));
}

/// Runs `work` with a disk that fails after 0, 1, 2… changes until it completes, and checks the result each time. The recovery
/// after each failure fails as well, at each of its own changes.
fn interrupt_everywhere(work: impl Fn(&Disk<'_>, &Path, &Path), check: impl Fn(&Path)) {
    for whole_is_refused in [false, true] {
        for changes in 0.. {
            let mut complete = false;
            for recovery_changes in 0.. {
                let (packages, staged) = setup();
                let fails_after = |changes: usize, work: &dyn Fn(&Disk<'_>)| {
                    let remaining = Cell::new(changes);
                    let failed = Cell::new(false);
                    let refused = |path: &Path| {
                        if remaining.get() == 0 {
                            failed.set(true);
                            return true;
                        }
                        if whole_is_refused && is_package_folder(path) {
                            return true;
                        }
                        remaining.set(remaining.get() - 1);
                        false
                    };
                    with_disk(refused, work);
                    failed.get()
                };
                complete = !fails_after(changes, &|disk| work(disk, packages.path(), &staged));
                let recovered = !fails_after(recovery_changes, &|disk| drop(recover(disk, packages.path())));
                recover(&Disk::REAL, packages.path()).unwrap();
                check(packages.path());
                if recovered {
                    break;
                }
            }
            if complete {
                break;
            }
        }
    }
}

#[test]
fn interrupted_replacement_leaves_one_complete_version() {
    let seen = Cell::new((false, false));
    interrupt_everywhere(
        |disk, packages, staged| drop(replace(disk, packages, staged, UUID)),
        |packages| {
            let found = files(&packages.join(UUID)).unwrap();
            assert!(found == old() || found == new(), "{found:?}");
            assert_eq!(names(packages), [UUID]);
            seen.set((seen.get().0 || found == old(), seen.get().1 || found == new()));
        },
    );
    assert_eq!(seen.get(), (true, true));
}

#[test]
fn interrupted_removal_leaves_everything_or_nothing() {
    let seen = Cell::new((false, false));
    interrupt_everywhere(
        |disk, packages, _| drop(remove(disk, packages, UUID)),
        |packages| {
            let found = files(&packages.join(UUID));
            assert!(found == Some(old()) || found.is_none(), "{found:?}");
            seen.set((seen.get().0 || found.is_some(), seen.get().1 || found.is_none()));
        },
    );
    assert_eq!(seen.get(), (true, true));
}

#[test]
fn replaced_version_in_use_is_removed_later() {
    let (packages, staged) = setup();
    // Its program is still running, so its files can be moved, but not removed.
    let in_use = |path: &Path| is_package_folder(path);
    with_disk(in_use, |disk| replace(disk, packages.path(), &staged, UUID).unwrap());
    assert_eq!(names(packages.path()), [".replaced-0-com.example.n", UUID]);
    write(&staged, &new());
    with_disk(in_use, |disk| replace(disk, packages.path(), &staged, UUID).unwrap());
    assert_eq!(names(packages.path()).len(), 3, "another backup");
    with_disk(in_use, |disk| {
        recover(disk, packages.path()).unwrap();
        remove(disk, packages.path(), UUID).unwrap();
        recover(disk, packages.path()).unwrap();
    });
    assert_eq!(files(&packages.path().join(UUID)).unwrap_or_default(), BTreeMap::new());
    recover(&Disk::REAL, packages.path()).unwrap();
    assert!(names(packages.path()).is_empty());
}
