//! Paths of programs and libraries that are longer than Windows accepts by default
//! ([Maximum Path Length Limitation](https://learn.microsoft.com/windows/win32/fileio/maximum-file-path-limitation)).
//!
//! Such paths need the verbatim form, `\\?\`. The standard library uses it for files, but neither for programs nor for
//! libraries.

use std::io;
use std::path::{Path, PathBuf};

/// The longest path that Windows accepts without the verbatim form, in UTF-16 code units: `MAX_PATH` less the 12 that it
/// reserves for a file name in a folder and the terminating zero.
#[cfg(windows)]
const MAX_LENGTH: usize = 260 - 12 - 1;

/// Returns the absolute form of a path, in which a program can be started or a library loaded. Like
/// [`std::path::absolute`], it doesn't access the file system.
///
/// # Errors
/// If the path is empty, or it is relative and there is no working directory.
pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    #[cfg(windows)]
    if !is_short(&path) {
        return Ok(verbatim(&path));
    }
    Ok(path)
}

/// Returns whether a path can be a process's working directory. Windows accepts no long path there.
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
    path.as_os_str().encode_wide().count() <= MAX_LENGTH
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
    fn absolute_makes_long_paths_verbatim() {
        let long = "x".repeat(MAX_LENGTH);
        for (path, expected) in [
            (r"C:\a\b.dll".to_owned(), r"C:\a\b.dll".to_owned()),
            (format!("C:/a/{long}"), format!(r"\\?\C:\a\{long}")),
            (format!(r"\\server\share\a\{long}"), format!(r"\\?\UNC\server\share\a\{long}")),
            (format!(r"\\?\C:\a\{long}"), format!(r"\\?\C:\a\{long}")),
        ] {
            assert_eq!(absolute(Path::new(&path)).unwrap().to_str().unwrap(), expected);
        }
        assert!(can_be_working_directory(Path::new(r"C:\a")));
        assert!(!can_be_working_directory(&Path::new(r"C:\a").join(long)));
    }
}
