//! [`Finding`]: a result of checking a package, with its severity, rule, place, message and remedy.

use std::fmt;

use serde::Serialize;

use super::FILE_NAME;
use crate::json::{DuplicateMember, duplicate_members};

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The package could do harm or can't be identified: no host may install it.
    Refused,
    /// A host may refuse the package, or something in it doesn't work.
    Error,
    /// The package works, but not as well as it could.
    Warning,
    /// For information only: nothing is wrong.
    Note,
}

impl Severity {
    /// All severities, the worst first.
    pub const ALL: [Self; 4] = [Self::Refused, Self::Error, Self::Warning, Self::Note];

    /// Returns its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }

    /// Returns whether a package with such a finding fails its check.
    #[must_use]
    pub fn fails(self) -> bool {
        self <= Self::Error
    }
}

/// Something to correct in a package, or a remark about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The severity.
    pub severity: Severity,
    /// The rule's name, which stays the same when the wording changes. docs/validator.md lists all rules.
    pub rule: &'static str,
    /// The file, relative to the package's folder; empty if the finding is about the whole package.
    pub file: String,
    /// The member of the file, such as `Widgets[2].Icon`; empty if the finding is about the whole file.
    pub member: String,
    /// What is wrong, as the continuation of [`Finding::place`]: "names a file that the package doesn't have".
    pub message: String,
    /// The remedy: "add the file, or correct the path".
    pub remedy: String,
}

impl Finding {
    /// Creates a finding about a file, or about the whole package if `file` is empty.
    #[must_use]
    pub fn of_file(
        severity: Severity,
        rule: &'static str,
        file: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (message, remedy) = (message.into(), remedy.into());
        Self { severity, rule, file: file.into(), member: String::new(), message, remedy }
    }

    /// Creates a finding about a member of the package file.
    #[must_use]
    pub fn of_member(
        severity: Severity,
        rule: &'static str,
        member: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { member: member.into(), ..Self::of_file(severity, rule, FILE_NAME, message, remedy) }
    }

    /// Returns a finding for each member that occurs more than once in its object, in a file with this JSON text.
    #[must_use]
    pub fn duplicate_members(file: &str, text: &str) -> Vec<Self> {
        let finding = |DuplicateMember { path, same_value }| {
            let (severity, message) = match same_value {
                true => (Severity::Warning, "is there twice"),
                false => (Severity::Error, "is there twice, with different values: hosts take either of them"),
            };
            let finding = Self::of_file(severity, "member-twice", file, message, "leave one of them out");
            Self { member: path, ..finding }
        };
        duplicate_members(text).into_iter().map(finding).collect()
    }

    /// Returns the place for people: the member alone if it is in the package file, otherwise the file and the member.
    #[must_use]
    pub fn place(&self) -> String {
        match (self.file.as_str(), self.member.as_str()) {
            ("", "") => "the package".to_owned(),
            (file, "") => file.to_owned(),
            (FILE_NAME | "", member) => member.to_owned(),
            (file, member) => format!("{file}: {member}"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}; {}", self.severity.name(), self.place(), self.message, self.remedy)
    }
}
