//! The validator for users and tools: the findings of `host_sdk::bundle::check`, whether a package's pictures decode
//! and have a fitting size, and a short run in a private deck. docs/validator.md describes its rules.

mod pictures;
mod smoke;

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};

use host_sdk::bundle::check::{Checked, check, check_folder};
use host_sdk::bundle::{self, EXTENSION};
use host_sdk::manifest::{Finding, PLATFORM, PackageConfig, Severity, is_disruptive, single_line, without_disruptive};
use serde::Serialize;
use serde_json::{Value, json};

pub use self::smoke::SmokeTimeouts;
use crate::picture_process::Decoder;
use crate::process::choice::{Lookup, RunMethod, choose, on_path, system_name};

/// The version of the JSON format. Members and rules may be added; existing ones keep their name and meaning.
const FORMAT: u32 = 1;

/// What a package is, for someone who decides about installing it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    /// Its UUID.
    pub uuid: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its author.
    pub author: String,
    /// What it does.
    pub description: String,
    /// The publisher's page, if it is an address of the web.
    pub url: Option<String>,
    /// The platforms that it supports.
    pub platforms: Vec<String>,
    /// The names of its widgets.
    pub widgets: Vec<String>,
}

impl About {
    fn of(config: &PackageConfig) -> Self {
        // Only addresses of the web: pages make a link of it.
        let is_web = |url: &String| url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        Self {
            uuid: config.uuid.clone(),
            name: single_line(&config.name),
            version: single_line(&config.version),
            author: single_line(&config.author),
            description: without_disruptive(&config.description),
            url: config.url.clone().filter(is_web),
            platforms: config.runtime.keys().cloned().collect(),
            widgets: config.widgets.iter().map(|widget| single_line(&widget.name)).collect(),
        }
    }
}

/// Whether the package was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmokeRun {
    /// It was; the results are among the findings.
    Done,
    /// It wasn't. Contains why, as a sentence.
    Skipped(String),
}

/// The validator's report.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the package is; none if its package file can't be read.
    pub about: Option<About>,
    /// The findings, the worst first.
    pub findings: Vec<Finding>,
    /// Whether it was run.
    pub smoke_run: SmokeRun,
}

impl Report {
    fn of(checked: Checked, smoke_run: SmokeRun) -> Self {
        Self { about: checked.config.as_ref().map(About::of), findings: checked.findings, smoke_run }
    }

    /// Whether the package passes: no finding refuses it or is an error.
    #[must_use]
    pub fn passes(&self) -> bool {
        !self.findings.iter().any(|finding| finding.severity.fails())
    }

    /// Returns the report for programs: docs/validator.md.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let count = |severity| self.findings.iter().filter(|finding| finding.severity == severity).count();
        let counts: serde_json::Map<_, _> =
            Severity::ALL.into_iter().map(|severity| (severity.name().to_owned(), count(severity).into())).collect();
        let (done, why) = match &self.smoke_run {
            SmokeRun::Done => (true, None),
            SmokeRun::Skipped(why) => (false, Some(why)),
        };
        json!({
            "format": FORMAT,
            "result": if self.passes() { "pass" } else { "fail" },
            "package": self.about,
            "smokeRun": {"done": done, "skipped": why},
            "counts": counts,
            "findings": self.findings,
        })
    }

    /// Returns the report for people, with colours for a terminal if wanted.
    #[must_use]
    pub fn to_text(&self, colours: bool) -> String {
        let paint = |colour: &str, text: &str| match colours {
            true => format!("\u{1b}[{colour}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        };
        let mut text = String::new();
        // Writing to a string can't fail.
        if let Some(about) = &self.about {
            let About { name, version, author, uuid, .. } = about;
            let title = format!("{} {} by {} ({})", shown(name), shown(version), shown(author), shown(uuid));
            let _ = writeln!(text, "{}", paint("1", &title));
        }
        for severity in Severity::ALL {
            let (heading, colour) = match severity {
                Severity::Refused => ("Refused: no host may install it", "1;31"),
                Severity::Error => ("Errors", "31"),
                Severity::Warning => ("Warnings", "33"),
                Severity::Note => ("Notes", "36"),
            };
            let mut findings = self.findings.iter().filter(|finding| finding.severity == severity).peekable();
            if findings.peek().is_some() {
                let _ = writeln!(text, "\n{}", paint(colour, heading));
            }
            for finding in findings {
                let place = paint("1", &shown(&finding.place()));
                let _ = writeln!(text, "  {place} {} [{}]", shown(&finding.message), finding.rule);
                let _ = writeln!(text, "    {}", shown(&finding.remedy));
            }
        }
        if let SmokeRun::Skipped(why) = &self.smoke_run {
            let _ = writeln!(text, "\nNot run: {}", shown(why));
        }
        let result = if self.passes() { paint("1;32", "pass") } else { paint("1;31", "fail") };
        let _ = writeln!(text, "\nResult: {result}");
        text
    }
}

/// Replaces characters of the package's texts that would control a terminal or reverse text.
fn shown(text: &str) -> String {
    text.chars().map(|c| if is_disruptive(c) { '\u{fffd}' } else { c }).collect()
}

/// Checks a bundle without running it.
#[must_use]
pub fn check_bundle(content: &[u8]) -> Report {
    let mut checked = check(content);
    let mut found = pictures::check(&checked, &Decoder::default());
    found.extend(check_platform(&checked, Severity::Warning));
    checked.add(found);
    Report::of(checked, SmokeRun::Skipped("it was only looked at.".to_owned()))
}

/// Returns what happens to a package that declares nothing for this system. `severity` applies if nothing runs here:
/// that matters to someone who is about to install it, but hardly to its author.
fn check_platform(checked: &Checked, severity: Severity) -> Option<Finding> {
    let config =
        checked.config.as_ref().filter(|config| config.runtime_here().is_none() && !config.runtime.is_empty())?;
    let start_of = |path: &str| checked.start_of(path).map(<[u8]>::to_vec);
    let of_runtime = |severity, message: String, remedy: &str| {
        Some(Finding::of_member(severity, "here", "Runtime", message, remedy))
    };
    match choose(config, &Lookup { start_of: &start_of, on_path: &on_path }) {
        Ok(choice) => {
            let how = match choice.method {
                RunMethod::Page => "in the page of Creator Deck",
                RunMethod::Program => "as a program",
                RunMethod::Interpreter(_) => "by Node.js",
            };
            let (here, of) = (system_name(PLATFORM), system_name(&choice.platform));
            let message = format!("has nothing for {here}; what it has for {of}, {}, runs here {how}", choice.target);
            of_runtime(Severity::Note, message, "nothing has to be done")
        }
        Err(error) => {
            // As the page shows it once the package is installed.
            of_runtime(severity, error.to_string(), &format!("its author can add {PLATFORM} to its Runtime"))
        }
    }
}

/// Checks a bundle or a package's folder, and runs it if `run` has timeouts and no finding refuses it. A web package
/// runs in `browser`, or in one on the PATH.
///
/// # Errors
/// If the file or folder can't be read, or no private deck can be started.
pub async fn validate(path: &Path, run: Option<SmokeTimeouts>, browser: Option<PathBuf>) -> anyhow::Result<Report> {
    let is_folder = fs::metadata(path)?.is_dir();
    let owned = path.to_owned();
    let (checked, content) = tokio::task::spawn_blocking(move || -> io::Result<_> {
        let content = if is_folder { None } else { Some(fs::read(&owned)?) };
        let mut checked = match &content {
            Some(content) => check(content),
            None => check_folder(&owned)?,
        };
        let mut found = pictures::check(&checked, &Decoder::default());
        found.extend(check_platform(&checked, Severity::Note));
        checked.add(found);
        let has_name = owned.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(EXTENSION));
        if !is_folder && !has_name {
            let message = format!("isn't named like a package file, NAME.{EXTENSION}");
            let remedy = "rename it, so that hosts offer it for import";
            checked.add([Finding::of_file(Severity::Warning, "file-name", "", message, remedy)]);
        }
        Ok((checked, content))
    })
    .await??;
    let refused = checked.findings.iter().any(|finding| finding.severity == Severity::Refused);
    let (Some(timeouts), Some(config), false) = (run, &checked.config, refused) else {
        let why = if refused { "no host would install it." } else { "it was only looked at." };
        return Ok(Report::of(checked, SmokeRun::Skipped(why.to_owned())));
    };
    let content = match content {
        Some(content) => content,
        None => pack_folder(path, &config.uuid)?,
    };
    let (smoke_run, found) = smoke::run(&content, config, timeouts, browser).await?;
    let mut checked = checked;
    checked.add(found);
    Ok(Report::of(checked, smoke_run))
}

/// Packs a folder as it is. Its programs become executable when it is installed.
fn pack_folder(folder: &Path, uuid: &str) -> io::Result<Vec<u8>> {
    let mut entries = Vec::new();
    add_folder(folder, "", &mut entries)?;
    let mut out = Cursor::new(Vec::new());
    bundle::pack(&mut out, uuid, entries)?;
    Ok(out.into_inner())
}

/// Adds the files of a folder, with paths below `to` (empty, or ending with a slash).
///
/// # Errors
/// If one can't be read.
pub(crate) fn add_folder(from: &Path, to: &str, entries: &mut Vec<bundle::Entry>) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let path = format!("{to}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            add_folder(&entry.path(), &format!("{path}/"), entries)?;
        } else {
            entries.push(bundle::Entry { path, content: fs::read(entry.path())?, executable: false });
        }
    }
    Ok(())
}
