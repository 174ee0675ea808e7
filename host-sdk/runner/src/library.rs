//! Which library to run: the PackageConfig.json beside this program says it.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use host_sdk::manifest::{FILE_NAME, PackageConfig, is_inside};

/// The runner's own folder, then those above it: on macOS the program lies inside an application bundle, three deep.
const LEVELS: usize = 4;

/// Why no library was found.
#[derive(Debug)]
pub enum Error {
    /// The system doesn't say where this program is.
    Program(io::Error),
    /// No PackageConfig.json here or above.
    NoConfig(PathBuf),
    /// It is there but can't be read.
    Unreadable(PathBuf, String),
    /// It names no library for this system.
    NoLibrary(PathBuf),
    /// It names a path outside the package's folder.
    Outside(PathBuf, String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(error) => write!(f, "the system does not say where this program is: {error}"),
            Self::NoConfig(folder) => {
                write!(f, "no PackageConfig.json in {} or above it; install the package again", folder.display())
            }
            Self::Unreadable(path, why) => write!(f, "{} can't be read: {why}", path.display()),
            Self::NoLibrary(path) => write!(f, "{} names no library for this system", path.display()),
            Self::Outside(path, library) => {
                write!(f, "{} names a library outside the package's folder: {library:?}", path.display())
            }
        }
    }
}

/// The library of the package that this program lies in.
pub fn beside_this_program() -> Result<PathBuf, Error> {
    let program = std::env::current_exe().map_err(Error::Program)?;
    find(program.parent().unwrap_or(Path::new(".")))
}

fn find(folder: &Path) -> Result<PathBuf, Error> {
    let config = folder
        .ancestors()
        .take(LEVELS)
        .map(|folder| folder.join(FILE_NAME))
        .find(|path| path.is_file())
        .ok_or_else(|| Error::NoConfig(folder.to_owned()))?;
    let text = fs::read_to_string(&config).map_err(|error| Error::Unreadable(config.clone(), error.to_string()))?;
    let package: PackageConfig =
        PackageConfig::parse(&text).map_err(|error| Error::Unreadable(config.clone(), error.to_string()))?;
    let library = package.runtime_here().and_then(|runtime| runtime.library.as_deref());
    let library = library.ok_or_else(|| Error::NoLibrary(config.clone()))?;
    if !is_inside(library) {
        return Err(Error::Outside(config, library.to_owned()));
    }
    Ok(config.with_file_name(library))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(config: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE_NAME), config).unwrap();
        folder
    }

    fn config(library: &str) -> String {
        let platform = host_sdk::manifest::PLATFORM;
        format!(r#"{{"Runtime": {{"{platform}": {{"type": "bin", "target": "run", "library": "{library}"}}}}}}"#)
    }

    #[test]
    fn finds_the_library_beside_and_from_within_an_application_bundle() {
        let folder = package(&config("lib.so"));
        let deep = folder.path().join("run.app/Contents/MacOS");
        fs::create_dir_all(&deep).unwrap();
        for start in [folder.path(), &deep] {
            assert_eq!(find(start).unwrap(), folder.path().join("lib.so"));
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let empty = tempfile::tempdir().unwrap();
        let deep = empty.path().join("a/b/c/d/e");
        fs::create_dir_all(&deep).unwrap();
        assert!(matches!(find(&deep), Err(Error::NoConfig(_))));
        assert!(matches!(find(package("{").path()), Err(Error::Unreadable(..))));
        assert!(matches!(find(package("{}").path()), Err(Error::NoLibrary(_))));
        let found = find(package(&config("/lib.so")).path()).unwrap();
        assert!(found.ends_with("lib.so") && found != Path::new("/lib.so"), "one slash is the package's folder");
        for outside in ["../lib.so", "//lib.so", "/../lib.so", "a/../../lib.so"] {
            assert!(matches!(find(package(&config(outside)).path()), Err(Error::Outside(..))), "{outside}");
        }
    }
}
