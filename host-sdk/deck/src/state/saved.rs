//! The state on disk, and how it is read. A file may be older or newer than this program, and a part of it may be damaged:
//! whatever can be read is used, and the rest stays in the file unchanged.
//!
//! | version | what is new in it |
//! |---|---|
//! | 1 | one Panel |
//! | 2 | profiles, function keys |
//! | 3 | pages, multi-action keys, preferences |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use host_sdk::json::{AROUND, READABLE, Raw, levels};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::known::{Known, KnownPackage};
use super::{PAGES, Placed, Profile};
use crate::preferences::Preferences;

/// The state on disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Saved {
    /// The format's version.
    pub version: u32,
    /// The hotkey profiles, in the order of their tabs. Never empty after [`Saved::read`].
    pub profiles: Vec<Profile>,
    /// The id of the current profile.
    pub active: String,
    /// The instances of all profiles.
    pub instances: Vec<Placed>,
    /// What is known of their packages, for the time when they are missing.
    pub packages: Known,
    /// Settings of packages, by UUID.
    pub package_settings: BTreeMap<String, Raw>,
    /// Packages that the user has unloaded: installed, but not started.
    pub unloaded: BTreeSet<String>,
    /// The port of packages' pages at the last start: what they store in the browser belongs to it.
    pub view_port: Option<u16>,
    /// The user's preferences of the deck itself.
    pub preferences: Preferences,
    /// Parts that this program can't read, to be written back unchanged.
    pub unread: Unread,
}

/// Parts of a file that this program can't read: damaged ones, and those of a newer version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unread {
    /// Instances.
    pub instances: Vec<Raw>,
    /// Settings of packages, by UUID.
    pub package_settings: BTreeMap<String, Raw>,
    /// Members of the file itself.
    pub members: BTreeMap<String, Raw>,
}

impl Unread {
    /// Returns how many instances and settings can't be read. Unknown members don't count as a loss.
    #[must_use]
    pub fn count(&self) -> usize {
        self.instances.len() + self.package_settings.len()
    }
}

/// Profiles that are read: many times as many as can be created.
const MAX_PROFILES: usize = 1000;

/// Why a saved state can't be used, as part of a sentence.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It isn't JSON, or has no members.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It doesn't name its version.
    #[error("it has no version")]
    NoVersion,
    /// One of its members has another type.
    #[error("{name}: {source}")]
    Member {
        /// The member's name.
        name: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// It has too many profiles.
    #[error("it has {0} profiles, and at most {MAX_PROFILES} are read")]
    TooManyProfiles(usize),
}

/// The unparsed members of an object.
type Members = BTreeMap<String, Box<RawValue>>;

impl Saved {
    /// The version that this program writes. It reads all others as well.
    pub const VERSION: u32 = 3;

    /// Reads the state and repairs it: there is at least one profile, and every instance is in one. Returns the version
    /// in which it was written as well.
    ///
    /// # Errors
    /// If it can't be used.
    pub fn read(text: &[u8]) -> Result<(Self, u32), StateError> {
        let mut members: Members = serde_json::from_slice(text)?;
        let version: u32 = take(&mut members, "version")?.ok_or(StateError::NoVersion)?;
        let mut saved = Self {
            version: Self::VERSION,
            active: take(&mut members, "active")?.unwrap_or_default(),
            unloaded: take(&mut members, "unloaded")?.unwrap_or_default(),
            view_port: members.remove("viewPort").and_then(|raw| raw.get().parse().ok()),
            preferences: take(&mut members, "preferences")?.unwrap_or_default(),
            ..Self::default()
        };
        // Early versions had a port for each package.
        members.remove("ports");
        let profiles = take::<Vec<Box<RawValue>>>(&mut members, "profiles")?.unwrap_or_default();
        if profiles.len() > MAX_PROFILES {
            return Err(StateError::TooManyProfiles(profiles.len()));
        }
        for raw in profiles {
            let profile: Profile = serde_json::from_str(raw.get())?;
            saved.profiles.push(Profile { rest: unknown(&raw, &PROFILE), ..profile });
        }
        for raw in take::<Vec<Box<RawValue>>>(&mut members, "instances")?.unwrap_or_default() {
            match serde_json::from_str::<Placed>(raw.get()) {
                Ok(placed) if are_settings(&placed.settings) => {
                    saved.instances.push(Placed { rest: unknown(&raw, &PLACED), ..placed });
                }
                _ => saved.unread.instances.push(raw.into()),
            }
        }
        // Only names and sizes: what can't be read is taken from the package again.
        for (package, raw) in take::<Members>(&mut members, "packages").ok().flatten().unwrap_or_default() {
            if let Ok(known) = serde_json::from_str::<KnownPackage>(raw.get()) {
                saved.packages.insert(package, known.tidied());
            }
        }
        for (package, raw) in take::<Members>(&mut members, "packageSettings")?.unwrap_or_default() {
            let settings = Raw::from(raw);
            let of_all = match are_settings(&settings) {
                true => &mut saved.package_settings,
                false => &mut saved.unread.package_settings,
            };
            of_all.insert(package, settings);
        }
        saved.unread.members = members.into_iter().map(|(name, raw)| (name, raw.into())).collect();
        saved.tidy();
        Ok((saved, version))
    }

    /// Returns the state of an empty Panel.
    #[must_use]
    pub fn empty() -> Self {
        let mut saved = Self { version: Self::VERSION, ..Self::default() };
        saved.tidy();
        saved
    }

    fn tidy(&mut self) {
        if self.profiles.is_empty() {
            self.profiles.push(Profile { id: "1".to_owned(), name: "Profile 1".to_owned(), ..Profile::default() });
        }
        for profile in &mut self.profiles {
            profile.page = profile.page.min(PAGES - 1);
        }
        let known: BTreeSet<&str> = self.profiles.iter().map(|profile| profile.id.as_str()).collect();
        let first = &self.profiles[0].id;
        if !known.contains(self.active.as_str()) {
            self.active.clone_from(first);
        }
        for placed in &mut self.instances {
            if !known.contains(placed.profile.as_str()) {
                placed.profile.clone_from(first);
            }
        }
    }
}

/// Whether packages can read the settings, including what surrounds them in a message.
fn are_settings(settings: &Raw) -> bool {
    settings.is_object() && levels(settings.text()) <= READABLE - AROUND
}

/// Takes a member by its name, if it exists.
fn take<T: DeserializeOwned>(members: &mut Members, name: &'static str) -> Result<Option<T>, StateError> {
    let Some(raw) = members.remove(name) else { return Ok(None) };
    serde_json::from_str(raw.get()).map(Some).map_err(|source| StateError::Member { name, source })
}

/// The members of these objects that this program knows.
static PROFILE: LazyLock<BTreeSet<String>> = LazyLock::new(|| names(&Profile::default()));
static PLACED: LazyLock<BTreeSet<String>> = LazyLock::new(|| names(&Placed::default()));

fn names(value: &impl Serialize) -> BTreeSet<String> {
    match serde_json::to_value(value) {
        Ok(Value::Object(members)) => members.into_iter().map(|(name, _)| name).collect(),
        _ => BTreeSet::new(),
    }
}

/// Returns the members of an object that this program doesn't know.
fn unknown(raw: &RawValue, known: &BTreeSet<String>) -> Map<String, Value> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    let unknown = members.into_iter().filter(|(name, _)| !known.contains(name));
    unknown.filter_map(|(name, raw)| Some((name, serde_json::from_str(raw.get()).ok()?))).collect()
}

impl Serialize for Saved {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Part<'a, T> {
            Read(&'a T),
            Unread(&'a Raw),
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct File<'a> {
            version: u32,
            profiles: &'a [Profile],
            active: &'a str,
            instances: Vec<Part<'a, Placed>>,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            packages: &'a Known,
            package_settings: BTreeMap<&'a String, Part<'a, Raw>>,
            unloaded: &'a BTreeSet<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            view_port: Option<u16>,
            preferences: &'a Preferences,
            #[serde(flatten)]
            members: &'a BTreeMap<String, Raw>,
        }
        let Self { unread, .. } = self;
        let instances = self.instances.iter().map(Part::Read).chain(unread.instances.iter().map(Part::Unread));
        // Settings that a package has stored since replace unreadable ones.
        let unread_settings = unread.package_settings.iter().map(|(package, raw)| (package, Part::Unread(raw)));
        let settings = self.package_settings.iter().map(|(package, settings)| (package, Part::Read(settings)));
        File {
            version: self.version,
            profiles: &self.profiles,
            active: &self.active,
            instances: instances.collect(),
            packages: &self.packages,
            package_settings: unread_settings.chain(settings).collect(),
            unloaded: &self.unloaded,
            view_port: self.view_port,
            preferences: &self.preferences,
            members: &unread.members,
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Area, Step};
    use super::*;

    fn read(file: &Value) -> (Saved, u32) {
        Saved::read(file.to_string().as_bytes()).unwrap()
    }

    fn written(saved: &Saved) -> Value {
        serde_json::from_slice(&serde_json::to_vec(saved).unwrap()).unwrap()
    }

    #[test]
    fn version_1_is_read_as_one_profile() {
        let file =
            json!({"version": 1, "instances": [{"context": "c", "column": 2}], "packageSettings": {"p": {"a": 1}}});
        let (saved, version) = read(&file);
        assert_eq!((version, saved.version, saved.profiles.len()), (1, Saved::VERSION, 1));
        assert_eq!((&saved.active, &saved.instances[0].profile), (&saved.profiles[0].id, &saved.profiles[0].id));
        assert_eq!((saved.instances[0].column, saved.instances[0].area), (2, Area::Grid));
        assert_eq!(read(&written(&saved)), (saved, Saved::VERSION));
    }

    #[test]
    fn version_2_is_read_with_its_keys_on_the_first_page() {
        let file = json!({
            "version": 2, "profiles": [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}], "active": "b",
            "instances": [
                {"context": "c", "package": "p", "widget": "w", "profile": "b", "area": "keys", "column": 1, "row": 1,
                 "layout": 0, "state": 1, "title": "mine", "font": null, "icons": {"0": "data:,"}, "settings": {"a": [1.5]}}
            ],
            "packageSettings": {"p": {"a": 1}}, "unloaded": ["p"], "viewPort": 4000
        });
        let (saved, version) = read(&file);
        assert_eq!((version, saved.active.as_str(), saved.profiles[1].page), (2, "b", 0));
        let now = written(&saved);
        for member in ["active", "packageSettings", "unloaded", "viewPort"] {
            assert_eq!(now[member], file[member], "{member}");
        }
        for (member, value) in file["instances"][0].as_object().unwrap() {
            assert_eq!(&now["instances"][0][member], value, "{member}");
        }
        assert_eq!((&now["instances"][0]["page"], &now["profiles"][0]["name"]), (&json!(0), &json!("A")));
    }

    #[test]
    fn newer_state_keeps_what_this_version_does_not_know() {
        let file = json!({
            "version": 99, "scenes": [1, {"two": 2}], "active": "a",
            "profiles": [{"id": "a", "name": "A", "page": 1, "color": "red"}],
            "instances": [
                {"context": "c", "package": "p", "widget": "w", "profile": "a", "page": 1, "glow": {"on": true},
                 "steps": [{"press": "d"}, {"sound": {"file": "x"}}]},
                {"context": "d", "area": "dials", "column": 0}
            ],
            "packageSettings": {"p": {"a": 1}, "q": ["not", "an object"]},
            "preferences": {"mode": "watch", "appearance": "dark"}
        });
        let (saved, version) = read(&file);
        assert_eq!((version, saved.instances.len(), saved.unread.count()), (99, 1, 2));
        assert_eq!(saved.instances[0].steps[0], Step::Press("d".into()));
        let now = written(&saved);
        assert_eq!(now["version"], json!(Saved::VERSION));
        for member in ["scenes", "profiles", "packageSettings", "preferences"] {
            assert_eq!(now[member], file[member], "{member}");
        }
        assert_eq!(now["instances"][1], file["instances"][1]);
        for member in ["glow", "steps", "page"] {
            assert_eq!(now["instances"][0][member], file["instances"][0][member], "{member}");
        }
        assert_eq!(read(&now).0, saved, "and so it stays");
    }

    #[test]
    fn unreadable_instance_does_not_affect_others() {
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        let file = format!(
            r#"{{"version": 3, "instances": [{{"context": "a", "settings": {{"deep": {deep}}}}}, {{"context": "b"}}],
                "packageSettings": {{"p": {{"deep": {deep}}}, "q": {{"a": 1}}}}}}"#
        );
        let (saved, _) = Saved::read(file.as_bytes()).unwrap();
        assert_eq!((saved.instances.len(), saved.package_settings.len(), saved.unread.count()), (1, 1, 2));
        let text = serde_json::to_string(&saved).unwrap();
        assert_eq!(text.matches(&deep).count(), 2, "they stay in the file");
        assert_eq!(Saved::read(text.as_bytes()).unwrap().0, saved);
    }

    #[test]
    fn known_packages_are_read_as_far_as_they_can_be() {
        let file = json!({"version": 3, "packages": {
            "p": {"name": "P", "version": "1.0", "widgets": {"w": {"name": "W", "layouts": [[3, 2]]}}},
            "q": {"name": 1}
        }});
        let (saved, _) = read(&file);
        assert_eq!(saved.packages.keys().collect::<Vec<_>>(), ["p"]);
        assert_eq!(written(&saved)["packages"]["p"], file["packages"]["p"]);
        assert_eq!(read(&json!({"version": 3, "packages": []})).0, Saved::empty());
    }

    #[test]
    fn invalid_state_is_refused() {
        for text in
            ["", "[]", "{}", r#"{"version": "x"}"#, r#"{"version": 3, "instances": {}}"#, r#"{"version": 3, "a""#]
        {
            assert!(Saved::read(text.as_bytes()).is_err(), "{text}");
        }
        let many = |count: usize| json!({"version": 3, "profiles": vec![json!({"id": "a", "name": "A"}); count]});
        assert!(Saved::read(many(MAX_PROFILES).to_string().as_bytes()).is_ok());
        let error = Saved::read(many(MAX_PROFILES + 1).to_string().as_bytes()).unwrap_err();
        assert!(error.to_string().contains("1001 profiles"), "{error}");
    }

    mod accepted_settings {
        use host_sdk::protocol::{FromHost, Incoming, Relayed};
        use proptest::prelude::*;

        use super::*;

        /// JSON as packages write it: of any depth, with numbers and escapes that parsers treat differently.
        fn json_text() -> impl Strategy<Value = String> {
            let leaf = prop_oneof![
                Just("null".to_owned()),
                any::<f64>().prop_map(|number| json!(number).to_string()),
                "-?[1-9][0-9]{0,25}([.][0-9]{1,20})?([eE]-?[0-9]{1,3})?",
                any::<String>().prop_map(|text| json!(text).to_string()),
                r#""(\\u[0-9a-f]{4}|\\n|[a-z ]){0,6}""#,
            ];
            let nested = leaf.prop_recursive(4, 24, 4, |inner| {
                prop_oneof![
                    prop::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(", "))),
                    prop::collection::vec(("[a-c]|settings", inner), 0..4).prop_map(|all| {
                        let members: Vec<_> = all.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                        format!("{{{}}}", members.join(","))
                    }),
                ]
            });
            (nested, prop_oneof![4 => Just(0_usize), 1 => 90_usize..130])
                .prop_map(|(inner, around)| format!("{}{inner}{}", "[".repeat(around), "]".repeat(around)))
        }

        proptest! {
            #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

            #[test]
            fn survive_a_restart_and_can_be_sent(
                member in json_text(), of_package in any::<bool>(), wrapped in any::<bool>()
            ) {
                let event = if of_package { "setPackageSettings" } else { "setWidgetSettings" };
                let payload = match wrapped {
                    true => format!(r#"{{"settings":{{"a":{member}}}}}"#),
                    false => format!(r#"{{"a":{member}}}"#),
                };
                let message = Incoming::parse(&format!(r#"{{"event":"{event}","context":"c","payload":{payload}}}"#));
                let mut saved = Saved::empty();
                let (settings, relayed) = match message {
                    Ok(Incoming::SetPackageSettings { settings, .. }) => {
                        saved.package_settings.insert("p".to_owned(), settings.clone());
                        (settings.clone(), Relayed::DidReceivePackageSettings { settings })
                    }
                    Ok(Incoming::SetWidgetSettings { settings, .. }) => {
                        saved.instances.push(Placed { settings: settings.clone(), ..Placed::default() });
                        let (widget, context) = (String::new(), String::new());
                        (settings.clone(), Relayed::DidReceiveWidgetSettings { widget, context, settings })
                    }
                    Ok(other) => panic!("{other:?}"),
                    Err(_) => return Ok(()),
                };
                saved.tidy();
                let text = serde_json::to_vec_pretty(&saved).unwrap();
                prop_assert_eq!(&Saved::read(&text).unwrap().0, &saved);
                prop_assert!(settings.are_settings());
                let (FromHost::DidReceivePackageSettings { settings: received }
                | FromHost::DidReceiveWidgetSettings { settings: received, .. }) =
                    FromHost::parse(&relayed.to_text()).unwrap()
                else {
                    panic!("settings")
                };
                prop_assert_eq!(received, settings.read().unwrap());
            }
        }
    }
}
