//! What a check of a package finds: how bad, by which rule, where, what is wrong, and what to do about it.

use std::fmt;

use serde::Serialize;

use super::FILE_NAME;
use crate::json::{Twice, members_twice};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The package could harm, or can't be told from others: no host may install it.
    Refused,
    /// A host may refuse the package, or something in it doesn't work.
    Error,
    /// It works, but not as well as it could.
    Warning,
    /// Nothing is wrong; it is good to know.
    Note,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Self; 4] = [Self::Refused, Self::Error, Self::Warning, Self::Note];

    /// Its name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }

    /// Whether a package with such a finding fails its check.
    #[must_use]
    pub fn fails(self) -> bool {
        self <= Self::Error
    }
}

/// Something about a package that should be otherwise, or that is good to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The rule's name, for programs: it stays the same when the words change. docs/validator.md lists them.
    pub rule: &'static str,
    /// Which file, relative to the package's folder; empty for the package as a whole.
    pub file: String,
    /// Which member of the file, such as `Widgets[2].Icon`; empty for the file as a whole.
    pub member: String,
    /// What is wrong, to be read after the place: "names a file that the package doesn't have".
    pub message: String,
    /// What to do about it: "add it, or correct the path".
    pub remedy: String,
}

impl Finding {
    /// A finding about a file, or, with an empty name, about the package as a whole.
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

    /// A finding about a member of the package file.
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

    /// The findings about members that a text in JSON has more than once.
    #[must_use]
    pub fn of_members_twice(file: &str, text: &str) -> Vec<Self> {
        let finding = |Twice { place, alike }| {
            let (severity, message) = match alike {
                true => (Severity::Warning, "is there twice"),
                false => (Severity::Error, "is there twice, with different values: hosts take either of them"),
            };
            let finding = Self::of_file(severity, "member-twice", file, message, "leave one of them out");
            Self { member: place, ..finding }
        };
        members_twice(text).into_iter().map(finding).collect()
    }

    /// Where it is, for readers: a member of the package file by itself, others with their file.
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
