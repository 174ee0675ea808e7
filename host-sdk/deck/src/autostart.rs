//! Starting with the computer, by an entry of the user's session. It is read each time, so that an entry that another program
//! has changed or removed is shown correctly.
//!
//! | system | the entry |
//! |---|---|
//! | Linux | `creator-deck.desktop` in the folder `autostart` of the user's configuration ([specification](https://specifications.freedesktop.org/autostart-spec/latest/)) |
//! | macOS | `creator-deck.plist` in `~/Library/LaunchAgents` (`man launchd.plist`) |
//! | Windows | a value of the registry key `HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Run` ([documentation](https://learn.microsoft.com/windows/win32/setupapi/run-and-runonce-registry-keys)); the Task Manager's switch is `StartupApproved\Run` beside it |
//!
//! The crate `auto-launch` does the same, but doesn't quote a path with a space, ignores the user's configuration of the folder
//! on Linux, and takes an entry that is switched off for one that is on.

use std::io;
#[cfg(not(windows))]
use std::path::Path;
use std::path::PathBuf;

#[cfg(target_os = "macos")]
use macos::Entry;
#[cfg(windows)]
use windows::Entry;
#[cfg(all(unix, not(target_os = "macos")))]
use xdg::Entry;

/// Why an autostart entry can't be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum AutostartError {
    /// The system refuses access.
    #[error("the entry can't be read or written ({0})")]
    Io(#[from] io::Error),
    /// A path or an argument can't be written into an entry.
    #[error("{0:?} can't stand in an entry")]
    Text(PathBuf),
}

/// The command to start, and its autostart entry.
#[derive(Clone, Debug)]
pub struct Autostart {
    command: Vec<String>,
    entry: Entry,
}

impl Autostart {
    /// Starts `program` with these arguments by an entry of the user's session. Returns none if the system has no place
    /// for entries.
    ///
    /// # Errors
    /// If the program's path isn't text.
    pub fn for_user(program: PathBuf, arguments: Vec<String>) -> Result<Option<Self>, AutostartError> {
        let Some(entry) = Entry::for_user() else { return Ok(None) };
        Self::new(program, arguments, entry).map(Some)
    }

    /// Like [`Autostart::for_user`], with the entry in a folder or, on Windows, below a registry key.
    ///
    /// # Errors
    /// If the program's path isn't text.
    pub fn with_entry_in(
        program: PathBuf,
        arguments: Vec<String>,
        place: impl Into<PathBuf>,
    ) -> Result<Self, AutostartError> {
        Self::new(program, arguments, Entry::in_place(place.into()))
    }

    fn new(program: PathBuf, arguments: Vec<String>, entry: Entry) -> Result<Self, AutostartError> {
        let program = program.into_os_string().into_string().map_err(|program| AutostartError::Text(program.into()))?;
        let command: Vec<_> = [program].into_iter().chain(arguments).collect();
        match command.iter().find(|word| word.contains(char::is_control)) {
            Some(word) => Err(AutostartError::Text(word.into())),
            None => Ok(Self { command, entry }),
        }
    }

    /// Whether the program starts with the computer. False if its entry is switched off or starts another program.
    ///
    /// # Errors
    /// If the entry can't be read.
    pub fn is_on(&self) -> Result<bool, AutostartError> {
        Ok(self.entry.program()?.is_some_and(|program| program == self.command[0]))
    }

    /// Creates or replaces the entry, or removes it.
    ///
    /// # Errors
    /// If the entry can't be written or removed.
    pub fn set(&self, on: bool) -> Result<(), AutostartError> {
        if on {
            self.entry.write(&self.command)?
        } else {
            self.entry.remove()?
        }
        Ok(())
    }
}

/// Removes a file, if it exists.
#[cfg(not(windows))]
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Reads a file, if it exists.
#[cfg(not(windows))]
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
mod xdg {
    use std::fs;
    use std::io;
    use std::path::PathBuf;

    /// A desktop entry.
    #[derive(Clone, Debug)]
    pub struct Entry(PathBuf);

    impl Entry {
        pub fn for_user() -> Option<Self> {
            let folders = directories::BaseDirs::new()?;
            Some(Self::in_place(folders.config_dir().join("autostart")))
        }

        pub fn in_place(folder: PathBuf) -> Self {
            Self(folder.join("creator-deck.desktop"))
        }

        /// Returns the program that it starts; none if there is no entry, or it is switched off.
        pub fn program(&self) -> io::Result<Option<String>> {
            let Some(content) = super::read(&self.0)? else { return Ok(None) };
            let content = String::from_utf8_lossy(&content);
            // Groups after the first one are actions.
            let main = content.lines().skip_while(|line| line.trim() != "[Desktop Entry]").skip(1);
            let main = main.take_while(|line| !line.starts_with('['));
            let (mut program, mut is_off) = (None, false);
            for (name, value) in main.filter_map(|line| line.split_once('=')) {
                match (name.trim(), value.trim()) {
                    ("Hidden", "true") | ("X-GNOME-Autostart-enabled", "false") => is_off = true,
                    ("Exec", value) => program = first_word(value),
                    _ => {}
                }
            }
            Ok(program.filter(|_| !is_off))
        }

        pub fn write(&self, command: &[String]) -> io::Result<()> {
            let words: Vec<_> = command.iter().map(|word| quoted(word)).collect();
            let entry = format!(
                "[Desktop Entry]\nType=Application\nName=Creator Deck\nComment=A host for Creator Central packages\n\
                 Exec={}\nTerminal=false\n",
                words.join(" ")
            );
            self.0.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(&self.0, entry)
        }

        pub fn remove(&self) -> io::Result<()> {
            super::remove(&self.0)
        }
    }

    /// Quotes a word of `Exec` and escapes it as a value, by the
    /// [specification](https://specifications.freedesktop.org/desktop-entry-spec/latest/exec-variables.html).
    fn quoted(word: &str) -> String {
        let mut quoted = String::from("\"");
        for c in word.chars() {
            match c {
                '"' | '`' | '$' => quoted.extend(["\\\\", c.encode_utf8(&mut [0; 4])]),
                '\\' => quoted.push_str("\\\\\\\\"),
                '%' => quoted.push_str("%%"),
                c => quoted.push(c),
            }
        }
        quoted.push('"');
        quoted
    }

    fn first_word(exec: &str) -> Option<String> {
        let value = exec.replace("\\\\", "\\");
        let Some(rest) = value.strip_prefix('"') else {
            return value.split(' ').next().map(|word| word.replace("%%", "%"));
        };
        let mut word = String::new();
        let mut chars = rest.chars();
        while let Some(c) = chars.next() {
            match c {
                '"' => return Some(word.replace("%%", "%")),
                '\\' => word.extend(chars.next()),
                c => word.push(c),
            }
        }
        None
    }
}

#[cfg(target_os = "macos")]
mod macos {
    use std::fs;
    use std::io;
    use std::path::PathBuf;

    use plist::{Dictionary, Value};

    /// A launch agent.
    #[derive(Clone, Debug)]
    pub struct Entry(PathBuf);

    impl Entry {
        pub fn for_user() -> Option<Self> {
            let folders = directories::BaseDirs::new()?;
            Some(Self::in_place(folders.home_dir().join("Library/LaunchAgents")))
        }

        pub fn in_place(folder: PathBuf) -> Self {
            Self(folder.join("creator-deck.plist"))
        }

        /// Returns the program that it starts; none if there is no entry, or it is switched off.
        pub fn program(&self) -> io::Result<Option<String>> {
            let Some(content) = super::read(&self.0)? else { return Ok(None) };
            let Ok(Value::Dictionary(entry)) = Value::from_reader(io::Cursor::new(&content)) else { return Ok(None) };
            let is = |member: &str| entry.get(member).and_then(Value::as_boolean).unwrap_or_default();
            let words = entry.get("ProgramArguments").and_then(Value::as_array);
            let program = words.and_then(|words| words.first()).and_then(Value::as_string);
            Ok(program.filter(|_| is("RunAtLoad") && !is("Disabled")).map(str::to_owned))
        }

        pub fn write(&self, command: &[String]) -> io::Result<()> {
            let words = command.iter().cloned().map(Value::String).collect();
            let mut entry = Dictionary::new();
            entry.insert("Label".to_owned(), "creator-deck".into());
            entry.insert("ProgramArguments".to_owned(), Value::Array(words));
            entry.insert("RunAtLoad".to_owned(), true.into());
            self.0.parent().map_or(Ok(()), fs::create_dir_all)?;
            Value::Dictionary(entry).to_file_xml(&self.0).map_err(|error| io::Error::other(error.to_string()))
        }

        pub fn remove(&self) -> io::Result<()> {
            super::remove(&self.0)
        }
    }
}

#[cfg(windows)]
mod windows {
    use std::io;
    use std::path::PathBuf;

    use windows_registry::CURRENT_USER;

    const CURRENT_VERSION: &str = r"Software\Microsoft\Windows\CurrentVersion";
    const NAME: &str = "Creator Deck";

    /// A registry value, and the key in which the Task Manager keeps its switch.
    #[derive(Clone, Debug)]
    pub struct Entry {
        run: String,
        approved: String,
    }

    impl Entry {
        pub fn for_user() -> Option<Self> {
            Some(Self::below(CURRENT_VERSION))
        }

        pub fn in_place(key: PathBuf) -> Self {
            Self::below(&key.to_string_lossy())
        }

        fn below(key: &str) -> Self {
            Self { run: format!(r"{key}\Run"), approved: format!(r"{key}\Explorer\StartupApproved\Run") }
        }

        /// Returns the program that it starts; none if there is no entry, or it is switched off.
        pub fn program(&self) -> io::Result<Option<String>> {
            // A missing key can't be opened.
            let Ok(command) = CURRENT_USER.open(&self.run).and_then(|key| key.get_string(NAME)) else {
                return Ok(None);
            };
            let switch = CURRENT_USER.open(&self.approved).and_then(|key| key.get_value(NAME));
            let is_off = switch.is_ok_and(|switch| switch.first().is_some_and(|first| first & 1 == 1));
            let program = command.strip_prefix('"').and_then(|rest| rest.split('"').next());
            Ok(program.filter(|_| !is_off).map(str::to_owned))
        }

        pub fn write(&self, command: &[String]) -> io::Result<()> {
            let words: Vec<_> = command.iter().map(|word| quoted(word)).collect();
            let key = CURRENT_USER.create(&self.run).map_err(failed)?;
            key.set_string(NAME, words.join(" ")).map_err(failed)?;
            self.forget(&self.approved)
        }

        pub fn remove(&self) -> io::Result<()> {
            self.forget(&self.run)?;
            self.forget(&self.approved)
        }

        fn forget(&self, key: &str) -> io::Result<()> {
            let Ok(key) = CURRENT_USER.options().read().write().open(key) else { return Ok(()) };
            if key.get_type(NAME).is_err() {
                return Ok(());
            }
            key.remove_value(NAME).map_err(failed)
        }
    }

    fn failed(error: impl std::fmt::Display) -> io::Error {
        io::Error::other(error.to_string())
    }

    /// Quotes a word of a command line: quotes, and the backslashes before them, are
    /// [escaped](https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments).
    fn quoted(word: &str) -> String {
        let mut quoted = String::from("\"");
        let mut backslashes = 0;
        for c in word.chars() {
            match c {
                '\\' => backslashes += 1,
                '"' => {
                    quoted.extend(std::iter::repeat_n('\\', backslashes + 1));
                    backslashes = 0;
                }
                _ => backslashes = 0,
            }
            quoted.push(c);
        }
        quoted.extend(std::iter::repeat_n('\\', backslashes));
        quoted.push('"');
        quoted
    }
}

#[cfg(all(test, not(windows)))]
mod tests {
    use std::fs;

    use super::*;

    fn of(program: &str, folder: &Path) -> Autostart {
        Autostart::with_entry_in(program.into(), vec!["--data".into(), "/a b/100% \"$x\"\\".into()], folder).unwrap()
    }

    #[test]
    fn entry_is_made_read_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("autostart");
        for program in ["/opt/creator-deck", "/opt/a b/100% \"$x\" \\`deck`"] {
            let autostart = of(program, &place);
            assert!(!autostart.is_on().unwrap());
            autostart.set(true).unwrap();
            autostart.set(true).unwrap();
            assert!(autostart.is_on().unwrap(), "{program}");
            assert!(!of("/elsewhere/creator-deck", &place).is_on().unwrap(), "another program");
            autostart.set(false).unwrap();
            autostart.set(false).unwrap();
            assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
        }
    }

    #[cfg(not(target_os = "macos"))]
    #[test]
    fn desktop_entry_is_quoted_and_its_switch_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let autostart = of("/opt/creator-deck", folder.path());
        autostart.set(true).unwrap();
        let path = folder.path().join("creator-deck.desktop");
        let entry = fs::read_to_string(&path).unwrap();
        let exec = r#"Exec="/opt/creator-deck" "--data" "/a b/100%% \\"\\$x\\"\\\\""#;
        assert!(entry.lines().any(|line| line == exec), "{entry}");
        for (line, is_on) in
            [("Hidden=true", false), ("X-GNOME-Autostart-enabled=false", false), ("Hidden=false", true)]
        {
            fs::write(&path, format!("{entry}{line}\n[Desktop Action x]\nExec=other\nHidden=true\n")).unwrap();
            assert_eq!(autostart.is_on().unwrap(), is_on, "{line}");
        }
        fs::write(&path, "[Desktop Entry]\nExec=/opt/creator-deck --headless\n").unwrap();
        assert!(autostart.is_on().unwrap());
    }

    #[test]
    fn unrepresentable_arguments_are_refused() {
        let made = Autostart::with_entry_in("/opt/deck".into(), vec!["a\nHidden=true".into()], "/nowhere");
        assert!(matches!(made, Err(AutostartError::Text(_))));
    }
}
