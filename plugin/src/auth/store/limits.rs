//! The file in which limits and counts outlive the package: dates, numbers and Client IDs, nothing secret.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use host_sdk::files;

use super::lock::lock;
use crate::auth::accounts::rotation::Rotation;
use crate::unix_time::UnixTime;

/// How many bytes of the file are read: many times the size of the largest one of ours.
const MOST_BYTES: u64 = 4 << 20;
/// How long writing waits for another copy of the package that is writing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Loads what was saved. What can't be read is left out: the next 429 repeats it.
pub(in crate::auth) fn load(path: &Path, now: UnixTime) -> Rotation {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
    let mut rotation: Rotation = match read {
        Ok(_) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(%error, "the file of limits and counts is damaged; they start empty");
            Rotation::default()
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Rotation::default(),
        Err(error) => {
            tracing::warn!(%error, "limits and counts can't be read; they start empty");
            Rotation::default()
        }
    };
    rotation.tidy(now);
    rotation.drop_removed();
    rotation
}

/// Saves the rotation, merged with what another copy of the package has saved since.
///
/// # Errors
/// If the file can't be written; it is as before then.
pub(in crate::auth) fn save(path: &Path, rotation: &mut Rotation, now: UnixTime) -> io::Result<()> {
    let _guard = lock(Some(&path.with_added_extension("lock")), PATIENCE);
    rotation.merge(now, load(path, now));
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
    use crate::auth::{AccountId, ClientId};

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
    const TICK: Duration = Duration::from_millis(1);

    fn quota() -> Outcome {
        Outcome::Limited(LimitKind::Quota, Some(Duration::from_secs(50)))
    }

    #[test]
    fn limits_of_two_copies_are_merged_and_damage_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("limits.json");
        let apps = ["a", "b"].map(ClientId::from);
        let developers = ["a", "b"].map(AccountId::from);
        for app in &apps {
            let mut rotation = Rotation::default();
            rotation.on_outcome(NOW, app, Group::Player, quota());
            save(&path, &mut rotation, NOW).unwrap();
        }
        let members = [0, 1].map(|index| Member { app: &apps[index], developer: &developers[index], usable: true });
        let read = load(&path, NOW);
        assert!((0..2).all(|index| read.limit_of(NOW + TICK, &Group::Player.into(), &members, index).is_some()));
        fs::write(&path, "{\"apps\":").unwrap();
        assert_eq!(load(&path, NOW), Rotation::default());
    }

    #[test]
    fn removed_app_does_not_return_when_another_copy_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("limits.json");
        let (app, developer) = (ClientId::from("client-id"), AccountId::from("a"));
        let other = ClientId::from("other");
        let is_there = || fs::read_to_string(&path).unwrap().contains("client-id");
        let (mut one, mut two) = (Rotation::default(), Rotation::default());
        for rotation in [&mut one, &mut two] {
            rotation.on_sent(NOW, &app, Group::Player);
            rotation.on_outcome(NOW, &app, Group::Player, quota());
            let members = [&other, &app].map(|app| Member { app, developer: &developer, usable: true });
            rotation.prefer(Some(&app), &members);
            save(&path, &mut rotation.clone(), NOW).unwrap();
        }
        assert!(is_there());
        one.on_removed(NOW + TICK, &app);
        save(&path, &mut one.clone(), NOW + TICK).unwrap();
        assert!(!is_there());
        // The other copy doesn't know yet.
        two.on_sent(NOW + 2 * TICK, &app, Group::Player);
        save(&path, &mut two.clone(), NOW + 2 * TICK).unwrap();
        assert!(!is_there());
        one.on_added(NOW + 3 * TICK, &app);
        save(&path, &mut one.clone(), NOW + 3 * TICK).unwrap();
        save(&path, &mut two.clone(), NOW + 4 * TICK).unwrap();
        assert!(is_there(), "it was added again");
    }
}
