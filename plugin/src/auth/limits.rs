//! The file in which limits and counts outlive the package: times, numbers and Client IDs, nothing secret.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use super::rotation::Rotation;

/// Reads what was written down. What can't be read is left out: the next 429 tells it again.
pub(super) fn load(path: &Path) -> Rotation {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(%error, "the file of limits and counts is damaged; they start anew");
            Rotation::default()
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Rotation::default(),
        Err(error) => {
            tracing::warn!(%error, "limits and counts can't be read; they start anew");
            Rotation::default()
        }
    }
}

/// Writes the rotation down, together with what another copy of the package has written since. `now_ms` are Unix
/// milliseconds.
///
/// # Errors
/// If the file can't be written; it is as before then.
pub(super) fn save(path: &Path, rotation: &mut Rotation, now_ms: u64) -> io::Result<()> {
    rotation.take_in(now_ms, load(path));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Written beside and renamed, so that nobody ever reads half of it.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec(rotation)?)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::auth::rotation::{Group, LimitKind, Member, Outcome};

    #[test]
    fn two_copies_keep_both_their_limits_and_damage_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("limits.json");
        let quota = Outcome::Limited(LimitKind::Quota, Some(Duration::from_secs(50)));
        for app in ["a", "b"] {
            let mut rotation = Rotation::default();
            rotation.heard(1_000, app, Group::Player, quota);
            save(&path, &mut rotation, 1_000).unwrap();
        }
        let members = ["a", "b"].map(|app| Member { app, developer: app, usable: true });
        let read = load(&path);
        assert!((0..2).all(|index| read.shut(2_000, Group::Player, &members, index).is_some()));
        fs::write(&path, "{\"apps\":").unwrap();
        assert_eq!(load(&path), Rotation::default());
    }
}
