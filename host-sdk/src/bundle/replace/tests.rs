//! Replacements and removals that are refused or cut off, on a real folder with a disk that says no.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::*;

const UUID: &str = "com.example.n";

/// The files of a folder and below, by their path with forward slashes. None if there is no folder.
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

/// A packages folder with the old version, and the new one staged.
fn world() -> (tempfile::TempDir, PathBuf) {
    let packages = tempfile::tempdir().unwrap();
    write(&packages.path().join(UUID), &old());
    let staged = packages.path().join(".installing-1");
    write(&staged, &new());
    (packages, staged)
}

fn busy() -> io::Error {
    ErrorKind::ResourceBusy.into()
}

/// A disk that refuses to change what `refused` says.
fn with_disk<T>(refused: impl Fn(&Path) -> bool, work: impl FnOnce(&Disk<'_>) -> T) -> T {
    let allow = |path: &Path| if refused(path) { Err(busy()) } else { Ok(()) };
    work(&Disk { allow: &allow, pause: &|_| {} })
}

/// Whether a path is a folder of a package as a whole; moving one is what systems refuse first.
fn is_whole(path: &Path) -> bool {
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
        let (packages, staged) = world();
        with_disk(
            |path| whole_is_refused && is_whole(path),
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
        let (packages, _) = world();
        with_disk(|path| whole_is_refused && is_whole(path), |disk| remove(disk, packages.path(), UUID).unwrap());
        recover(&Disk::REAL, packages.path()).unwrap();
        assert!(names(packages.path()).is_empty());
    }
}

#[test]
fn a_refusal_that_passes_is_waited_out() {
    let (packages, staged) = world();
    let (refusals, pauses) = (Cell::new(TRIES), Cell::new(0));
    let allow = |path: &Path| match (path.ends_with(UUID), refusals.get()) {
        (true, left @ 1..) => {
            refusals.set(left - 1);
            Err(busy())
        }
        _ => Ok(()),
    };
    let disk = Disk { allow: &allow, pause: &|_| pauses.set(pauses.get() + 1) };
    replace(&disk, packages.path(), &staged, UUID).unwrap();
    assert_eq!(pauses.get(), TRIES);
    assert_eq!((files(&packages.path().join(UUID)), names(packages.path())), (Some(new()), vec![UUID.to_owned()]));
}

#[test]
fn a_file_that_nobody_can_move_leaves_everything_as_it_was_and_is_named() {
    for (at, path) in ["run.exe", "lang/en.json", FILE_NAME].into_iter().enumerate() {
        let (packages, staged) = world();
        let locked = packages.path().join(UUID).join(path);
        let refused = |path: &Path| is_whole(path) || path == locked;
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
fn a_file_that_is_open_and_shared_with_nobody_is_in_use() {
    use std::os::windows::fs::OpenOptionsExt as _;

    let (packages, staged) = world();
    let locked = packages.path().join(UUID).join("run.exe");
    let held = fs::OpenOptions::new().read(true).share_mode(0).open(&locked).unwrap();
    // Windows itself refuses to move the folder; Wine doesn't.
    let obstacle = with_disk(is_whole, |disk| replace(disk, packages.path(), &staged, UUID)).unwrap_err();
    assert_eq!((&obstacle.path, obstacle.is_in_use()), (&locked, true), "{obstacle:?}");
    drop(held);
    assert_eq!(files(&packages.path().join(UUID)), Some(old()));
    replace(&Disk::REAL, packages.path(), &staged, UUID).unwrap();
    assert_eq!(files(&packages.path().join(UUID)), Some(new()));
}

/// Runs `work` with a disk that dies after 0, 1, 2… changes until it lives long enough, and looks at what is left. The
/// tidying up after the death dies too, at each of its changes.
fn cut_off_everywhere(work: impl Fn(&Disk<'_>, &Path, &Path), check: impl Fn(&Path)) {
    for whole_is_refused in [false, true] {
        for lives in 0.. {
            let mut complete = false;
            for lives_again in 0.. {
                let (packages, staged) = world();
                let dies_after = |lives: usize, work: &dyn Fn(&Disk<'_>)| {
                    let left = Cell::new(lives);
                    let died = Cell::new(false);
                    let refused = |path: &Path| {
                        if left.get() == 0 {
                            died.set(true);
                            return true;
                        }
                        if whole_is_refused && is_whole(path) {
                            return true;
                        }
                        left.set(left.get() - 1);
                        false
                    };
                    with_disk(refused, work);
                    died.get()
                };
                complete = !dies_after(lives, &|disk| work(disk, packages.path(), &staged));
                let recovered = !dies_after(lives_again, &|disk| drop(recover(disk, packages.path())));
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
fn a_replacement_cut_off_anywhere_leaves_the_old_or_the_new_version_whole() {
    let seen = Cell::new((false, false));
    cut_off_everywhere(
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
fn a_removal_cut_off_anywhere_leaves_everything_or_nothing() {
    let seen = Cell::new((false, false));
    cut_off_everywhere(
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
fn an_old_version_still_in_use_goes_later_and_never_comes_back() {
    let (packages, staged) = world();
    // Its program runs on: it can be moved, but not removed.
    let in_use = |path: &Path| is_whole(path);
    with_disk(in_use, |disk| replace(disk, packages.path(), &staged, UUID).unwrap());
    assert_eq!(names(packages.path()), [".replaced-0-com.example.n", UUID]);
    write(&staged, &new());
    with_disk(in_use, |disk| replace(disk, packages.path(), &staged, UUID).unwrap());
    assert_eq!(names(packages.path()).len(), 3, "another one beside it");
    with_disk(in_use, |disk| {
        recover(disk, packages.path()).unwrap();
        remove(disk, packages.path(), UUID).unwrap();
        recover(disk, packages.path()).unwrap();
    });
    assert_eq!(files(&packages.path().join(UUID)).unwrap_or_default(), BTreeMap::new());
    recover(&Disk::REAL, packages.path()).unwrap();
    assert!(names(packages.path()).is_empty());
}
