//! Paths that are longer than Windows takes without being told: programs and libraries have to be named in its own form
//! then, `\\?\`, which the standard library uses for files by itself, but neither for programs nor for libraries.

use std::io;
use std::path::{Path, PathBuf};

/// What Windows takes as it is, in UTF-16 units, with room for the zero at the end. (`MAX_PATH` less the 12 that it wants
/// to have left in a folder.)
#[cfg(windows)]
const LONGEST: usize = 260 - 12 - 1;

/// The absolute form of a path, to start or load what lies there. Nothing is looked up on the disk.
///
/// # Errors
/// If the path is empty, or it is relative and there is no working directory.
pub fn to_run(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    #[cfg(windows)]
    if !is_short(&path) {
        return Ok(verbatim(&path));
    }
    Ok(path)
}

/// Whether a path can be a process's working directory: Windows has no form for long ones there.
#[must_use]
pub fn can_be_working_directory(path: &Path) -> bool {
    #[cfg(windows)]
    return is_short(path);
    #[cfg(not(windows))]
    {
        let _ = path;
        true
    }
}

#[cfg(windows)]
fn is_short(path: &Path) -> bool {
    use std::os::windows::ffi::OsStrExt as _;
    path.as_os_str().encode_wide().count() <= LONGEST
}

#[cfg(windows)]
fn verbatim(path: &Path) -> PathBuf {
    use std::ffi::OsString;
    use std::path::{Component, Prefix};

    let mut components = path.components();
    let Some(Component::Prefix(prefix)) = components.next() else { return path.to_owned() };
    let mut form = OsString::from(r"\\?\");
    match prefix.kind() {
        Prefix::Disk(_) => form.push(prefix.as_os_str()),
        Prefix::UNC(server, share) => {
            form.push(r"UNC\");
            form.push(server);
            form.push(r"\");
            form.push(share);
        }
        _ => return path.to_owned(),
    }
    let mut form = PathBuf::from(form);
    form.extend(components);
    form
}

#[cfg(all(test, windows))]
mod tests {
    use super::*;

    #[test]
    fn long_paths_get_the_form_that_has_no_limit() {
        let long = "x".repeat(LONGEST);
        for (path, expected) in [
            (r"C:\a\b.dll".to_owned(), r"C:\a\b.dll".to_owned()),
            (format!("C:/a/{long}"), format!(r"\\?\C:\a\{long}")),
            (format!(r"\\server\share\a\{long}"), format!(r"\\?\UNC\server\share\a\{long}")),
            (format!(r"\\?\C:\a\{long}"), format!(r"\\?\C:\a\{long}")),
        ] {
            assert_eq!(to_run(Path::new(&path)).unwrap().to_str().unwrap(), expected);
        }
        assert!(can_be_working_directory(Path::new(r"C:\a")));
        assert!(!can_be_working_directory(&Path::new(r"C:\a").join(long)));
    }
}
