//! Finds the library to run in the PackageConfig.json beside this program.

use std::path::{Path, PathBuf};
use std::{fs, io};

use host_sdk::manifest::{FILE_NAME, PackageConfig, is_inside};

/// Number of folders that are searched: the runner's own and those above it. On macOS the program is inside an application bundle,
/// three levels deep.
const LEVELS: usize = 4;

/// Why no library was found. Each message contains its cause.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path of this program can't be determined.
    #[error("the system does not say where this program is: {0}")]
    Program(io::Error),
    /// There is no PackageConfig.json in this folder or above it.
    #[error("no PackageConfig.json in {} or above it; install the package again", .0.display())]
    NoConfig(PathBuf),
    /// The file can't be read.
    #[error("{path} can't be read: {1}", path = .0.display())]
    Unreadable(PathBuf, io::Error),
    /// The file can't be parsed.
    #[error("{path} can't be read: {1}", path = .0.display())]
    Malformed(PathBuf, serde_json::Error),
    /// The file names no library for this system.
    #[error("{} names no library for this system", .0.display())]
    NoLibrary(PathBuf),
    /// The file names a path outside the package's folder.
    #[error("{path} names a library outside the package's folder: {1:?}", path = .0.display())]
    Outside(PathBuf, String),
}

/// Returns the path of the library of the package that contains this program.
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
    let text = fs::read_to_string(&config).map_err(|error| Error::Unreadable(config.clone(), error))?;
    let package = PackageConfig::parse(&text).map_err(|error| Error::Malformed(config.clone(), error))?;
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
    fn finds_the_library_beside_the_program_or_above_it() {
        let folder = package(&config("lib.so"));
        let deep = folder.path().join("run.app/Contents/MacOS");
        fs::create_dir_all(&deep).unwrap();
        for start in [folder.path(), &deep] {
            assert_eq!(find(start).unwrap(), folder.path().join("lib.so"));
        }
    }

    #[test]
    fn errors_tell_what_is_wrong() {
        let empty = tempfile::tempdir().unwrap();
        let deep = empty.path().join("a/b/c/d/e");
        fs::create_dir_all(&deep).unwrap();
        assert!(matches!(find(&deep), Err(Error::NoConfig(_))));
        assert!(matches!(find(package("{").path()), Err(Error::Malformed(..))));
        assert!(matches!(find(package("{}").path()), Err(Error::NoLibrary(_))));
        let found = find(package(&config("/lib.so")).path()).unwrap();
        assert!(
            found.ends_with("lib.so") && found != Path::new("/lib.so"),
            "a leading slash is relative to the package"
        );
        for outside in ["../lib.so", "//lib.so", "/../lib.so", "a/../../lib.so"] {
            assert!(matches!(find(package(&config(outside)).path()), Err(Error::Outside(..))), "{outside}");
        }
    }
}
