//! The file in which limits and counts outlive the package: times, numbers and Client IDs, nothing secret.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use host_sdk::files;

use super::lock::hold;
use crate::auth::accounts::rotation::Rotation;

/// How much of the file is read: many times what the largest one of ours has.
const LONGEST: u64 = 4 << 20;
/// How long writing waits for another copy that is at it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads what was written down. What can't be read is left out: the next 429 tells it again.
pub(in crate::auth) fn load(path: &Path, now_ms: u64) -> Rotation {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
    let mut rotation: Rotation = match read {
        Ok(_) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(%error, "the file of limits and counts is damaged; they start from nothing");
            Rotation::default()
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Rotation::default(),
        Err(error) => {
            tracing::warn!(%error, "limits and counts can't be read; they start from nothing");
            Rotation::default()
        }
    };
    rotation.tidy(now_ms);
    rotation.drop_removed();
    rotation
}

/// Writes the rotation down, together with what another copy of the package has written since. `now_ms` are Unix
/// milliseconds.
///
/// # Errors
/// If the file can't be written; it is as before then.
pub(in crate::auth) fn save(path: &Path, rotation: &mut Rotation, now_ms: u64) -> io::Result<()> {
    let _held = hold(Some(&path.with_added_extension("lock")), PATIENCE);
    rotation.take_in(now_ms, load(path, now_ms));
    rotation.drop_removed();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    files::create_private_folder(folder)?;
    files::replace(path, &serde_json::to_vec(rotation)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::auth::accounts::rotation::{Group, LimitKind, Member, Outcome};

    const NOW: u64 = 1_800_000_000_000;

    fn quota() -> Outcome {
        Outcome::Limited(LimitKind::Quota, Some(Duration::from_secs(50)))
    }

    #[test]
    fn limits_of_two_copies_are_merged_and_damage_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("limits.json");
        for app in ["a", "b"] {
            let mut rotation = Rotation::default();
            rotation.on_outcome(NOW, app, Group::Player, quota());
            save(&path, &mut rotation, NOW).unwrap();
        }
        let members = ["a", "b"].map(|app| Member { app, developer: app, usable: true });
        let read = load(&path, NOW);
        assert!((0..2).all(|index| read.shut(NOW + 1, Group::Player, &members, index).is_some()));
        fs::write(&path, "{\"apps\":").unwrap();
        assert_eq!(load(&path, NOW), Rotation::default());
    }

    #[test]
    fn removed_app_stays_away_when_other_copies_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("limits.json");
        let is_there = || fs::read_to_string(&path).unwrap().contains("client-id");
        let (mut one, mut two) = (Rotation::default(), Rotation::default());
        for rotation in [&mut one, &mut two] {
            rotation.on_sent(NOW, "client-id", Group::Player);
            rotation.on_outcome(NOW, "client-id", Group::Player, quota());
            let members = ["other", "client-id"].map(|app| Member { app, developer: app, usable: true });
            rotation.put_first(Some("client-id"), &members);
            save(&path, &mut rotation.clone(), NOW).unwrap();
        }
        assert!(is_there());
        one.on_removed(NOW + 1, "client-id");
        save(&path, &mut one.clone(), NOW + 1).unwrap();
        assert!(!is_there());
        // The other copy doesn't know yet.
        two.on_sent(NOW + 2, "client-id", Group::Player);
        save(&path, &mut two.clone(), NOW + 2).unwrap();
        assert!(!is_there());
        one.on_added(NOW + 3, "client-id");
        save(&path, &mut one.clone(), NOW + 3).unwrap();
        save(&path, &mut two.clone(), NOW + 4).unwrap();
        assert!(is_there(), "it was added again");
    }
}
