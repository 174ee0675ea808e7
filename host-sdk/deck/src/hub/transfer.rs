//! The Panel as a file, to keep it or to take it to another computer: profiles, where what lies in them, and each key's
//! title, look and settings. Not in it: packages and what they keep as a whole, which is where their sign-ins may be.
//!
//! A file may come from anybody and be of any age. What can be taken from it is taken, in profiles of its own; the rest is
//! named with the reason.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use host_sdk::json::Raw;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::clipboard::renewed;
use super::history::{Edit, Shown, Step};
use super::messages::tidy;
use super::profiles::{LONGEST_NAME, MOST_PROFILES, checked};
use super::{Hub, Refusal};
use crate::icon::{self, NoIcon};
use crate::picture_process::Decoder;
use crate::random_id;
use crate::state::known::{self, KnownPackage};
use crate::state::{self, Missing, PAGES, Panel, Placed, Profile};

/// What says that a file is one of these.
const FORMAT: &str = "creator-deck-panel";
/// The version that this program writes, and the highest that it reads. Version 1 had no pages and no multi-action keys.
const VERSION: u32 = 2;
/// Profiles in a file; those that the Panel has no room for are named.
const MOST_PROFILES_READ: usize = 1000;
/// Keys in a file: more than fit a Panel of [`MOST_PROFILES`] profiles.
const MOST_KEYS: usize = 10_000;
/// What a profile is called whose own name can't be one.
const NO_NAME: &str = "Imported";

/// A Panel as a file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    format: String,
    version: u32,
    /// The packages of the keys, for whoever has to find them.
    #[serde(default)]
    packages: Vec<Origin>,
    #[serde(default)]
    profiles: Vec<Profile>,
    #[serde(default)]
    active: String,
    /// Without contexts: they are made again.
    #[serde(default)]
    instances: Vec<Placed>,
    /// What was found to be unusable when it was read.
    #[serde(skip)]
    unusable: Vec<Left>,
}

/// What is looked at before all of a file is read.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    format: &'a RawValue,
    #[serde(borrow)]
    version: &'a RawValue,
    #[serde(default)]
    packages: Vec<IgnoredAny>,
    #[serde(default)]
    profiles: Vec<IgnoredAny>,
    #[serde(default)]
    instances: Vec<IgnoredAny>,
}

/// A package that keys of a file belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    uuid: String,
    #[serde(flatten)]
    known: KnownPackage,
}

/// What becomes of the Panel that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Taking {
    /// It stays; the file's profiles come behind its own.
    Add,
    /// It goes.
    Replace,
}

/// What is taken from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many profiles.
    pub profiles: usize,
    /// How many keys that can be used at once.
    pub keys: usize,
    /// Keys that are kept until there is their package, or a version of it that has their widget.
    pub waiting: Vec<Waiting>,
    /// What isn't taken.
    pub left: Vec<Left>,
}

/// Keys that wait for a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Its UUID.
    pub package: String,
    /// Its name as far as the file says it, else its UUID.
    pub name: String,
    /// Whether the package is there, in a version without their widgets.
    pub installed: bool,
    /// How many keys.
    pub keys: usize,
}

/// Something that isn't taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The profile's name in the file; empty where it has none.
    pub profile: String,
    /// The widget's UUID; empty if it is about the whole profile.
    pub widget: String,
    /// Why, as a sentence.
    pub why: String,
}

impl Export {
    /// Reads a file, and leaves out pictures that can't be shown. Takes a while for large ones.
    ///
    /// # Errors
    /// Why it can't be used at all, as sentences for the user.
    pub fn read(text: &[u8], decoder: &Decoder) -> Result<Self, String> {
        const NO_PANEL: &str = "This is not the export of a Panel. Choose a file that Creator Deck has exported.";
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let head: Head = serde_json::from_slice(text).map_err(|_| NO_PANEL.to_owned())?;
        if head.format.get() != format!("{FORMAT:?}") {
            return Err(NO_PANEL.to_owned());
        }
        let version: Option<u32> = serde_json::from_str(head.version.get()).ok();
        if version.is_none_or(|version| !(1..=VERSION).contains(&version)) {
            return Err("A newer Creator Deck has exported this Panel. Update Creator Deck to import it.".to_owned());
        }
        for (what, count, most) in [
            ("profiles", head.profiles.len(), MOST_PROFILES_READ),
            ("keys", head.instances.len(), MOST_KEYS),
            ("packages", head.packages.len(), MOST_KEYS),
        ] {
            if count > most {
                return Err(format!(
                    "The exported Panel is too large: it has {count} {what}, and at most {most} are read."
                ));
            }
        }
        let mut export: Self =
            serde_json::from_slice(text).map_err(|error| format!("The exported Panel is damaged: {error}."))?;
        if export.profiles.is_empty() {
            return Err("The exported Panel is damaged: it has no profile.".to_owned());
        }
        let names: HashMap<&str, &str> =
            export.profiles.iter().map(|profile| (profile.id.as_str(), profile.name.as_str())).collect();
        let looked_at = look_at_icons(&export.instances, decoder);
        let mut unusable = Vec::new();
        for placed in &mut export.instances {
            let left = |why: &str| Left {
                profile: names.get(placed.profile.as_str()).copied().unwrap_or_default().to_owned(),
                widget: placed.widget.clone(),
                why: why.to_owned(),
            };
            let icons = std::mem::take(&mut placed.icons);
            for (state, picture) in icons {
                match looked_at.get(&picture) {
                    Some(Ok(picture)) => drop(placed.icons.insert(state, picture.clone())),
                    Some(Err(NoIcon::TooCostly)) => unusable
                        .push(left("Its icon takes too much memory or time to be drawn. The key gets its package's.")),
                    Some(Err(_)) | None => {
                        unusable.push(left("Its icon is no picture that can be shown. The key gets its package's."));
                    }
                }
            }
            if !placed.settings.is_valid_settings() {
                unusable.push(left("Its settings can't be read. The key has none."));
                placed.settings = Raw::default();
            }
        }
        export.unusable = unusable;
        Ok(export)
    }
}

/// The icons of a file's keys, looked at as those that the user chooses: each once, all of them by one process.
fn look_at_icons(instances: &[Placed], decoder: &Decoder) -> HashMap<Arc<str>, Result<Arc<str>, NoIcon>> {
    let icons: BTreeSet<&Arc<str>> = instances.iter().flat_map(|placed| placed.icons.values()).collect();
    let contents: Vec<_> = icons.iter().map(|icon| content_of(icon).unwrap_or_default()).collect();
    let contents: Vec<_> = contents.iter().map(Vec::as_slice).collect();
    let uris = icon::data_uris(&contents, decoder).into_iter().map(|uri| uri.map(Arc::from));
    icons.into_iter().cloned().zip(uris).collect()
}

/// What is in a data URI.
fn content_of(icon: &str) -> Option<Vec<u8>> {
    Some(data_url::DataUrl::process(icon).ok()?.decode_to_vec().ok()?.0)
}

/// A step with the profile of this deck that it means.
fn with_profiles(step: &state::Step, profiles: &HashMap<String, Profile>) -> state::Step {
    match step {
        state::Step::Profile(id) => {
            state::Step::Profile(profiles.get(id).map_or_else(|| id.clone(), |profile| profile.id.clone()))
        }
        step => step.clone(),
    }
}

/// The name of an imported profile where there is one of that name already.
fn told_apart(name: &str) -> String {
    const ADDED: &str = " (imported)";
    let room = LONGEST_NAME - ADDED.len();
    format!("{}{ADDED}", name.chars().take(room).collect::<String>())
}

/// Gives the keys of a file names where they need them: a multi-action key and what is in its list. The others have none.
fn name_families(instances: &mut [Placed]) {
    let parents: BTreeSet<String> = instances.iter().filter_map(|placed| placed.parent.clone()).collect();
    let named = instances.iter().filter(|placed| placed.parent.is_some() || parents.contains(&placed.context));
    let names: HashMap<String, String> =
        named.enumerate().map(|(n, placed)| (placed.context.clone(), (n + 1).to_string())).collect();
    let name = |context: &str| names.get(context).cloned().unwrap_or_default();
    for placed in instances {
        placed.context = name(&placed.context);
        placed.parent = placed.parent.as_deref().map(name);
        for step in &mut placed.steps {
            if let state::Step::Press(context) = step {
                *context = name(context);
            }
        }
    }
}

impl Hub {
    /// The Panel as a file.
    pub(crate) fn export(&self) -> Export {
        let placed = self.panel.iter().map(|instance| &instance.placed).chain(&self.absent);
        let mut instances: Vec<Placed> = placed.cloned().collect();
        // The same Panel, the same file, whatever was done to it and undone in between.
        let at = |id: &str| self.panel.profiles.iter().position(|profile| profile.id == id);
        let order = |placed: &Placed| (at(&placed.profile), placed.page, placed.area.size(), placed.row, placed.column);
        instances.sort_by_key(|placed| (order(placed), placed.parent.is_some()));
        name_families(&mut instances);
        let uuids: BTreeSet<&str> = instances.iter().map(|placed| placed.package.as_str()).collect();
        let known = self.known_of(instances.iter());
        let origin = |uuid: &&str| {
            let known = known.get(*uuid).cloned().unwrap_or_default();
            Origin { uuid: (*uuid).to_owned(), known }
        };
        Export {
            format: FORMAT.to_owned(),
            version: VERSION,
            packages: uuids.iter().map(origin).collect(),
            profiles: self.panel.profiles.clone(),
            active: self.panel.active.clone(),
            instances,
            unusable: Vec::new(),
        }
    }

    /// Takes over a Panel, as one step that can be undone. None: says only what would be taken.
    pub(crate) fn import(&mut self, export: Export, taking: Option<Taking>) -> Result<Report, Refusal> {
        let Export { packages, profiles: theirs, active, instances, unusable, .. } = export;
        let kept = if taking == Some(Taking::Replace) { 0 } else { self.panel.profiles.len() };
        let mut report = Report { left: unusable, ..Report::default() };
        // Their ids to ours.
        let mut profiles: HashMap<String, Profile> = HashMap::new();
        let mut edits = Vec::new();
        for Profile { id, name, page, .. } in &theirs {
            let left = |why: &str| Left { profile: name.clone(), widget: String::new(), why: why.to_owned() };
            if kept + report.profiles >= MOST_PROFILES {
                let why = format!("There are at most {MOST_PROFILES} profiles. Its keys are left out, too.");
                report.left.push(left(&why));
                continue;
            }
            if profiles.contains_key(id) {
                report.left.push(left("The file has another profile in its place."));
                continue;
            }
            let name = checked(name).unwrap_or_else(|_| NO_NAME.to_owned());
            let is_taken = kept > 0 && self.panel.profiles.iter().any(|own| own.name == name);
            let name = if is_taken { told_apart(&name) } else { name };
            let profile = Profile { id: random_id(), name, page: (*page).min(PAGES - 1), ..Profile::default() };
            edits.push(Edit::Profile(None, Some((kept + report.profiles, profile.clone()))));
            profiles.insert(id.clone(), profile);
            report.profiles += 1;
        }
        let mut known = self.known.clone();
        for Origin { uuid, known: theirs } in packages {
            known.entry(uuid).or_insert_with(|| theirs.tidied());
        }
        let mut room = Panel::new(Vec::new(), String::new());
        let names: HashMap<&str, &str> =
            theirs.iter().map(|profile| (profile.id.as_str(), profile.name.as_str())).collect();
        let mut waiting: BTreeMap<String, Waiting> = BTreeMap::new();
        for placed in renewed(instances) {
            let left = |why: &str| Left {
                profile: names.get(placed.profile.as_str()).copied().unwrap_or_default().to_owned(),
                widget: placed.widget.clone(),
                why: why.to_owned(),
            };
            let Some(profile) = profiles.get(&placed.profile) else {
                if !names.contains_key(placed.profile.as_str()) {
                    report.left.push(left("It is in a profile that the file doesn't have."));
                }
                continue;
            };
            let placed = Placed {
                profile: profile.id.clone(),
                page: placed.area.page(placed.page),
                font: placed.font.clone().map(tidy),
                steps: placed.steps.iter().map(|step| with_profiles(step, &profiles)).collect(),
                ..placed.clone()
            };
            let widget = self.package(&placed.package).and_then(|package| package.config.widget(&placed.widget));
            let has_layout = widget.is_none_or(|widget| widget.layouts().len() > placed.layout);
            let instance = self.instance_with(placed.clone(), &known);
            let missing = instance.missing;
            let taken = match (has_layout, room.place(instance), missing) {
                (false, ..) => Err("The widget has no such layout in the version that is installed."),
                (true, true, None) => {
                    report.keys += 1;
                    Ok(())
                }
                (true, true, Some(missing)) => {
                    let waiting = waiting.entry(placed.package.clone()).or_insert_with(|| Waiting {
                        package: placed.package.clone(),
                        name: known::names(&known, &placed).0,
                        installed: missing != Missing::Package,
                        keys: 0,
                    });
                    waiting.keys += 1;
                    Ok(())
                }
                (true, false, None) => Err("Its place isn't free, or not on the Panel."),
                (true, false, Some(_)) => {
                    Err("Its package isn't installed, and its place isn't free, or not on the Panel.")
                }
            };
            match taken {
                Ok(()) => edits.push(Edit::Instance(None, Some(Box::new(placed)))),
                Err(why) => report.left.push(left(why)),
            }
        }
        report.waiting = waiting.into_values().collect();
        let Some(taking) = taking else { return Ok(report) };

        self.known = known;
        let mut before = Vec::new();
        if taking == Taking::Replace {
            for (position, profile) in self.panel.profiles.clone().into_iter().enumerate() {
                let gone = self.placed_in(&profile.id).into_iter();
                before.extend(gone.map(|placed| Edit::Instance(Some(Box::new(placed)), None)));
                before.push(Edit::Profile(Some((position, profile)), None));
            }
        }
        let first = theirs.iter().find_map(|profile| profiles.get(&profile.id));
        let Some(shown) = profiles.get(&active).or(first) else {
            let why = format!("There are {MOST_PROFILES} profiles already. Delete one first.");
            return Err(Refusal::Conflict(why));
        };
        let after = Shown { profile: shown.id.clone(), page: shown.page };
        before.extend(edits);
        self.commit(Step { name: "importPanel", edits: before, before: self.place_shown(), after });
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(change: impl FnOnce(&mut serde_json::Value)) -> Result<Export, String> {
        let picture = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>";
        let mut file = json!({
            "format": "creator-deck-panel", "version": 1, "profiles": [{"id": "a", "name": "A"}], "later": true,
            "instances": [{"widget": "w", "profile": "a", "icons": {"0": picture, "1": "data:text/html,<script>"}}]
        });
        change(&mut file);
        Export::read(file.to_string().as_bytes(), &Decoder::missing())
    }

    #[test]
    fn pictures_that_are_none_are_left_out_and_named() {
        let export = read(|_| {}).unwrap();
        assert_eq!(export.instances[0].icons.keys().collect::<Vec<_>>(), [&0]);
        assert_eq!((export.unusable[0].profile.as_str(), export.unusable[0].widget.as_str()), ("A", "w"));
    }

    #[test]
    fn settings_that_no_package_could_read_are_left_out_and_named() {
        let deep = |levels| (0..levels).fold(json!(1), |inner, _| json!({"a": inner}));
        for (settings, is_read) in [(deep(100), true), (deep(101), false), (json!([]), false)] {
            let export = read(|file| file["instances"][0]["settings"] = settings.clone()).unwrap();
            let kept: serde_json::Value = export.instances[0].settings.read().unwrap();
            assert_eq!(kept, if is_read { settings } else { json!({}) });
            assert_eq!(export.unusable.iter().any(|left| left.why.contains("settings")), !is_read);
        }
    }

    #[test]
    fn what_is_no_panel_is_not_read() {
        for (change, part) in [
            (json!({"format": "x"}), "not the export of a Panel"),
            (json!({"version": VERSION + 1}), "newer"),
            (json!({"version": "1"}), "newer"),
            (json!({"profiles": []}), "no profile"),
            (json!({"instances": [{"column": -1}]}), "damaged"),
            (json!({"instances": vec![json!({}); MOST_KEYS + 1]}), "10001 keys"),
            (json!({"profiles": vec![json!({"id": "a", "name": "A"}); MOST_PROFILES_READ + 1]}), "1001 profiles"),
        ] {
            let error = read(|file| {
                file.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            })
            .unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert!(Export::read(b"PK\x03\x04", &Decoder::missing()).is_err());
    }
}
