//! An installed package: its package file, its texts in the user's language, and its state.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use host_sdk::bundle::Installed;
use host_sdk::language;
use host_sdk::manifest::{self, FILE_NAME, PackageConfig, Translation, Widget};
use url::Url;

use crate::log::Log;
use crate::page::{self, Status};
use crate::process::{Launch, LaunchError, Supervisor};
use crate::state::known::{KnownPackage, KnownWidget};

/// An installed package.
#[derive(Debug)]
pub struct Package {
    /// Its package file.
    pub config: PackageConfig,
    /// Its folder.
    pub folder: PathBuf,
    name: String,
    texts: Translation,
    language: String,
    /// Its state.
    pub status: Status,
    /// Why it isn't running, in sentences.
    pub message: Option<String>,
    /// Whether it was asked to end; it isn't started again then.
    pub is_ending: bool,
    /// Whether starting it may help while it doesn't run.
    pub can_start: bool,
    /// The last error since its start that nothing in its pages has caught.
    pub script_error: Option<String>,
    /// The number of its supervisor's run, to ignore reports of an earlier one.
    pub run: u64,
    /// Its supervisor; none if it can't run.
    pub supervisor: Option<Supervisor>,
    /// The event with which it may register now.
    pub register_event: Option<String>,
    /// The number of its connection.
    pub connection: Option<u64>,
    /// Messages of its pages while it isn't connected.
    pub held: Held,
    /// The page that is the package, relative to its folder; none if it is a program.
    pub entry: Option<String>,
    /// The name under which that page is loaded now.
    pub frame: Option<String>,
    /// Grows whenever its files are read again.
    pub loads: u64,
}

/// Messages of pages for a package that isn't connected yet, in order.
#[derive(Debug, Default)]
pub struct Held {
    messages: Vec<Arc<str>>,
    bytes: usize,
}

/// There is no space for another message.
#[derive(Debug, PartialEq, Eq)]
pub struct HeldFull;

impl Held {
    /// Messages at a time.
    const MAX_MESSAGES: usize = 64;
    /// Their total bytes.
    const MAX_BYTES: usize = 1 << 20;

    /// Keeps a message.
    ///
    /// # Errors
    /// If there is no space for it.
    pub fn push(&mut self, message: Arc<str>) -> Result<(), HeldFull> {
        if self.messages.len() >= Self::MAX_MESSAGES || self.bytes + message.len() > Self::MAX_BYTES {
            return Err(HeldFull);
        }
        self.bytes += message.len();
        self.messages.push(message);
        Ok(())
    }

    /// Returns the messages, oldest first.
    #[must_use]
    pub fn into_messages(self) -> Vec<Arc<str>> {
        self.messages
    }
}

/// Why the package file of an installed package can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{} can't be read ({source}). Install the package again.", path.display())]
pub struct PackageFileError {
    path: PathBuf,
    source: Unreadable,
}

/// What is wrong with a package file.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("it names another package, {0:?}")]
    OtherPackage(String),
}

/// How to read a package's files.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// The user's language.
    pub language: String,
    /// Whether a library of the package is to be loaded into this process.
    pub in_process: bool,
}

/// What the hub needs of an installed package's files. They are read before it receives them, because it never waits.
#[derive(Debug)]
pub struct PackageFiles {
    /// Its folder and package file.
    pub installed: Installed,
    /// The user's language.
    pub language: String,
    /// Names in that language.
    pub texts: Translation,
    /// What to start, or why nothing can be started here.
    pub launch: Result<Launch, LaunchError>,
}

impl PackageFiles {
    /// Reads translations, and finds what to start. Blocks.
    #[must_use]
    pub fn read(installed: Installed, options: &ReadOptions) -> Self {
        let texts = translation(&installed.folder, &options.language);
        let launch = Launch::find(&installed.config, &installed.folder, options.in_process);
        Self { installed, language: options.language.clone(), texts, launch }
    }
}

impl Package {
    /// Returns a package of the deck's own, which has no folder.
    #[must_use]
    pub fn without_folder(config: PackageConfig) -> Self {
        Self::new(config, PathBuf::new(), "en".to_owned(), Translation::default())
    }

    /// Returns a package that hasn't been started.
    #[must_use]
    pub fn new(config: PackageConfig, folder: PathBuf, language: String, texts: Translation) -> Self {
        Self {
            name: manifest::single_line(texts.name.as_ref().unwrap_or(&config.name)),
            texts,
            language,
            config,
            folder,
            status: Status::Starting,
            message: None,
            is_ending: false,
            can_start: true,
            script_error: None,
            run: 0,
            supervisor: None,
            register_event: None,
            connection: None,
            held: Held::default(),
            entry: None,
            frame: None,
            loads: 0,
        }
    }

    /// Returns the folder and the package file of each package in the packages folder. Those that can't be read are logged
    /// and left out.
    #[must_use]
    pub fn installed(packages: &Path, log: &Log) -> Vec<Installed> {
        let Ok(folders) = fs::read_dir(packages) else { return Vec::new() };
        let mut found = Vec::new();
        for folder in folders.flatten().map(|entry| entry.path()) {
            // Names that start with a dot are unfinished installations.
            let Some(name) = folder.file_name().and_then(|name| name.to_str()).filter(|name| manifest::is_uuid(name))
            else {
                continue;
            };
            match Self::read(&folder, name) {
                Ok(config) => found.push(Installed { config, folder }),
                Err(error) => log.error(Some(name), error.to_string()),
            }
        }
        found.sort_by_key(|installed| installed.config.name.to_lowercase());
        found
    }

    /// Reads the package file of the package `uuid` in its folder.
    ///
    /// # Errors
    /// If it can't be read, isn't a package file, or names another package.
    pub fn read(folder: &Path, uuid: &str) -> Result<PackageConfig, PackageFileError> {
        let path = folder.join(FILE_NAME);
        let read = || -> Result<PackageConfig, Unreadable> {
            let mut config = PackageConfig::parse(&fs::read_to_string(&path)?)?;
            config.complete_paths(&|path| folder.join(path).exists());
            if config.uuid == uuid { Ok(config) } else { Err(Unreadable::OtherPackage(config.uuid)) }
        };
        read().map_err(|source| PackageFileError { path, source })
    }

    /// The user's language when its files were read.
    #[must_use]
    pub fn language(&self) -> &str {
        &self.language
    }

    /// Returns its name in the user's language, safe to show within other text.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what the user has to know about it, in sentences.
    fn message(&self) -> Option<String> {
        let error = self.script_error.as_deref();
        let error = error.map(|error| format!("A script of one of its pages failed: {}.", error.trim_end_matches('.')));
        let parts: Vec<_> = self.message.iter().chain(&error).map(String::as_str).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    /// Whether its package file names a picture at this path. Whether the file really is one is checked when it is
    /// served.
    #[must_use]
    pub fn has_picture(&self, path: &str) -> bool {
        let is_picture = |member: &str| member.ends_with("Icon") || member.ends_with("Image");
        // As in its address.
        let plain = |named: &str| named.trim_start_matches("./") == path;
        self.config.files().iter().any(|(member, named)| plain(named) && is_picture(member))
    }

    /// Returns the package as the page sees it. `base` is the address of the package socket.
    #[must_use]
    pub fn view(&self, base: &Url) -> page::Package {
        let config = &self.config;
        let link = config.url.as_deref().filter(|link| web_address(link).is_some());
        page::Package {
            uuid: config.uuid.clone(),
            name: self.name().to_owned(),
            version: manifest::single_line(&config.version),
            description: manifest::without_disruptive(&config.description),
            icon: Some(self.picture(base, &config.icon)).filter(|_| !config.icon.is_empty()),
            url: link.map(str::to_owned),
            status: self.status,
            message: self.message(),
            can_start: self.can_start,
            web: self.entry.is_some(),
            loads: self.loads,
            settings: config.settings_path.is_some(),
            language: self.language.clone(),
            widgets: config.widgets.iter().map(|widget| self.widget_view(base, widget)).collect(),
        }
    }

    fn widget_view(&self, base: &Url, widget: &Widget) -> page::Widget {
        let layout = |layout: manifest::Layout| page::Layout {
            title: manifest::single_line(&layout.title),
            icon: layout.icon.map(|icon| self.picture(base, &icon)),
            width: layout.width,
            height: layout.height,
        };
        page::Widget {
            uuid: widget.uuid.clone(),
            name: self.widget_name(widget),
            tooltip: widget.tooltip.as_deref().map(manifest::without_disruptive),
            icon: self.picture(base, &widget.icon),
            title_editable: widget.title_editable.unwrap_or(true),
            title_view_editable: widget.title_view_editable.unwrap_or(true),
            icon_editable: widget.icon_editable.unwrap_or(true),
            multi_action_supported: widget.multi_action_supported.unwrap_or(true),
            property_view: widget.property_view_path.is_some(),
            layouts: widget.layouts().into_iter().map(layout).collect(),
        }
    }

    /// Returns what is to be remembered of it, and of its widgets with a `wanted` UUID.
    #[must_use]
    pub fn known(&self, wanted: impl Fn(&str) -> bool) -> KnownPackage {
        let widgets = self.config.widgets.iter().filter(|widget| wanted(&widget.uuid)).map(|widget| {
            let layouts = widget.layouts().iter().map(|layout| (layout.width, layout.height)).collect();
            (widget.uuid.clone(), KnownWidget { name: self.widget_name(widget), layouts })
        });
        let version = manifest::single_line(&self.config.version);
        KnownPackage { name: self.name().to_owned(), version, widgets: widgets.collect() }
    }

    /// Returns a widget's name in the user's language, safe to show within other text.
    fn widget_name(&self, widget: &Widget) -> String {
        manifest::single_line(self.texts.widgets.get(&widget.uuid).unwrap_or(&widget.name))
    }

    /// Returns the address of one of its pictures.
    #[must_use]
    pub fn picture(&self, base: &Url, path: &str) -> String {
        // The deck's own widgets have their pictures among the page's files.
        if self.folder.as_os_str().is_empty() {
            return format!("/assets/{path}");
        }
        address(base, &["package", &self.config.uuid], path)
    }
}

/// Returns the address of a file: fixed segments, then a path, escaped where necessary.
#[must_use]
pub fn address(base: &Url, parts: &[&str], path: &str) -> String {
    let mut address = base.clone();
    if let Ok(mut segments) = address.path_segments_mut() {
        segments.clear().extend(parts).extend(path.split('/'));
    }
    address.into()
}

/// Parses an address of the web: http or https, with a host and without credentials.
#[must_use]
pub fn web_address(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

fn translation(folder: &Path, wanted: &str) -> Translation {
    let folder = folder.join("lang");
    let names: Vec<String> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".json")?.to_owned()))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    language::find_or_english(wanted, &names)
        .and_then(|name| fs::read_to_string(folder.join(format!("{name}.json"))).ok())
        .and_then(|text| Translation::parse(&text).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_escaped() {
        let base = Url::parse("http://127.0.0.1:1/").unwrap();
        assert_eq!(
            address(&base, &["package", "com.x"], "a b/#?.png"),
            "http://127.0.0.1:1/package/com.x/a%20b/%23%3F.png"
        );
    }

    #[test]
    fn only_addresses_of_the_web_are_opened() {
        for good in ["https://example.com/a?b#c", "http://127.0.0.1:8080/"] {
            assert!(web_address(good).is_some(), "{good}");
        }
        for bad in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/html,x",
            "",
            "example.com",
            "https://a@b/",
            "ftp://x/",
        ] {
            assert!(web_address(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn held_messages_are_bounded_in_number_and_bytes() {
        let mut held = Held::default();
        assert_eq!(held.push("x".repeat(Held::MAX_BYTES + 1).into()), Err(HeldFull));
        assert!((0..Held::MAX_MESSAGES).all(|_| held.push("x".into()).is_ok()));
        assert_eq!(held.push("x".into()), Err(HeldFull));
        assert_eq!(held.into_messages().len(), Held::MAX_MESSAGES);
    }

    #[test]
    fn only_named_pictures_are_shown() {
        let config = PackageConfig {
            icon: "icon".into(),
            settings_path: Some("settings.html".into()),
            ..PackageConfig::default()
        };
        let package = Package::without_folder(config);
        assert!(package.has_picture("icon"));
        let config = PackageConfig { icon: "./icon.png".into(), ..PackageConfig::default() };
        assert!(Package::without_folder(config).has_picture("icon.png"));
        assert!(!package.has_picture("settings.html") && !package.has_picture("other.png"));
    }
}
