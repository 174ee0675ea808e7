//! Permissions of the data folder: packages' settings and logs are private to their owner. New files are created like
//! that by [`host_sdk::files`]; this module fixes those of earlier versions. On Windows the permissions of the user's
//! local application data exclude everyone but administrators.

use std::io;
use std::path::Path;

/// Removes permissions of other users from folders and the files directly in them. For `closed` folders only the folder
/// is changed, which makes its content inaccessible.
///
/// # Errors
/// The first failure; everything else was still tried.
#[cfg(unix)]
pub fn tighten(folders: &[&Path], closed: &[&Path]) -> io::Result<()> {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    const OTHERS: u32 = 0o077;
    /// Marks a folder that everyone shares, such as that of temporary files.
    const STICKY: u32 = 0o1000;
    let mut result = Ok(());
    let mut tighten = |path: &Path, is_wanted: fn(&fs::Metadata) -> bool| {
        let done = fs::symlink_metadata(path).and_then(|metadata| {
            let mode = metadata.permissions().mode();
            if !is_wanted(&metadata) || mode & OTHERS == 0 || mode & STICKY != 0 {
                return Ok(());
            }
            fs::set_permissions(path, fs::Permissions::from_mode(mode & !OTHERS))
        });
        // It may have been removed meanwhile.
        if done.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::NotFound) && result.is_ok() {
            result = done;
        }
    };
    for folder in folders {
        tighten(folder, fs::Metadata::is_dir);
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            tighten(&entry.path(), fs::Metadata::is_file);
        }
    }
    for folder in closed {
        tighten(folder, fs::Metadata::is_dir);
    }
    result
}

/// Does nothing: see the module's documentation.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn tighten(_: &[&Path], _: &[&Path]) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::PathBuf;

    use super::*;
    use crate::{Config, Deck};

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    /// Returns everything in the data folder and its logs.
    fn all_in(data: &Path) -> Vec<PathBuf> {
        let list = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        [data.to_owned()].into_iter().chain(list(data.to_owned())).chain(list(data.join("logs"))).collect()
    }

    async fn run(data: &Path) {
        let deck = Deck::start(Config::headless(data)).await.unwrap();
        deck.log.info(None, "a line");
        let created = crate::hub::NewProfile { name: "Other".to_owned(), copy_of: None };
        let change = crate::hub::ProfileChange::Create(created);
        deck.hub.request(move |hub| hub.change_profile(change)).await.unwrap();
        deck.hub.save().await.unwrap();
        for path in all_in(data) {
            assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
        }
        deck.stop().await;
    }

    #[tokio::test]
    async fn data_is_created_private() {
        let around = tempfile::tempdir().unwrap();
        let data = around.path().join("data");
        run(&data).await;
        let names: Vec<_> = all_in(&data).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        for name in ["data", "state.json", "deck.lock", "logs", "deck.log", "packages"] {
            assert!(names.iter().any(|other| other == name), "{name}: {names:?}");
        }
    }

    #[tokio::test]
    async fn readable_data_is_made_private() {
        let data = tempfile::tempdir().unwrap();
        let folders = [data.path().to_owned(), data.path().join("logs"), data.path().join("packages")];
        for folder in &folders {
            fs::create_dir_all(folder).unwrap();
            fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
        }
        for file in ["state.json.last", "state.json.damaged", "logs/deck.1.log"] {
            fs::write(data.path().join(file), r#"{"version": 3}"#).unwrap();
            fs::set_permissions(data.path().join(file), Permissions::from_mode(0o644)).unwrap();
        }
        run(data.path()).await;
        assert_eq!(mode(&folders[2]), 0o700);
    }

    #[test]
    fn files_elsewhere_keep_their_permissions() {
        let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = other.path().join("file");
        fs::write(&file, "x").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        symlink(&file, data.path().join("link")).unwrap();
        let for_all = other.path().join("tmp");
        fs::create_dir(&for_all).unwrap();
        fs::set_permissions(&for_all, Permissions::from_mode(0o1777)).unwrap();
        tighten(&[data.path(), &for_all], &[]).unwrap();
        assert_eq!((mode(&file), mode(&for_all)), (0o644, 0o777));
    }
}
