//! Scripts, with which package authors try a package unattended. Each line is a step in JSON that does something or
//! waits for something; the first step that fails ends the script with what was expected and what was there instead.
//! docs/automation.md describes the steps.

use std::collections::HashMap;
use std::time::Duration;

use host_sdk::protocol::Incoming;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use crate::error::DeckError;
use crate::hub::{
    Adjustment, Cell, Destination, Handle, Hub, NewProfile, Phase, Place, ProfileChange, Registration, Resize, Target,
    take_picture,
};
use crate::page::{Instance, Status};
use crate::state::Area;
use crate::traffic::{Direction, Message, Traffic};

/// How often a script checks what it waits for. Messages are awaited without polling.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How long a step waits by default, in milliseconds.
const DEFAULT_WITHIN_MS: u64 = 5000;
/// How long a press waits for its package to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A parsed script.
#[derive(Debug)]
pub struct Script {
    steps: Vec<(usize, String, Step)>,
}

/// Why a script can't be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {}", of_line(source))]
pub struct ScriptError {
    /// The line, from 1.
    line: usize,
    source: serde_json::Error,
}

/// Describes the error of a line, whose position serde_json reports as that of a whole file.
fn of_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", ", column ")
}

/// Why a script ended early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {step}\n  expected: {expected}\n       got: {got}")]
pub struct Failure {
    /// The line of the step, from 1.
    pub line: usize,
    /// The step as it is written.
    pub step: String,
    /// What was expected: a sentence or a list of conditions.
    pub expected: String,
    /// What was there instead.
    pub got: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Step {
    Place(PlaceStep),
    Move(MoveStep),
    Remove(String),
    Press(String),
    Hold(String),
    Release(String),
    Cancel(String),
    Title(TitleStep),
    Layout(LayoutStep),
    Profile(String),
    Sleep(bool),
    Say(SayStep),
    Running(RunningStep),
    Face(FaceStep),
    Settings(SettingsStep),
    Message(MessageStep),
    Pause(u64),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceStep {
    widget: String,
    #[serde(default)]
    layout: usize,
    #[serde(default)]
    area: Area,
    column: u8,
    row: u8,
    #[serde(rename = "as")]
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveStep {
    key: String,
    #[serde(default)]
    area: Area,
    column: u8,
    row: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TitleStep {
    key: String,
    title: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LayoutStep {
    key: String,
    layout: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SayStep {
    key: String,
    event: String,
    #[serde(default)]
    payload: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunningStep {
    package: String,
    #[serde(default = "within")]
    within: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaceStep {
    key: String,
    title: Option<String>,
    description: Option<String>,
    contains: Option<String>,
    image: Option<String>,
    state: Option<u32>,
    #[serde(default = "within")]
    within: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsStep {
    key: String,
    equal: Option<Map<String, Value>>,
    contain: Option<Map<String, Value>>,
    #[serde(default = "within")]
    within: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageStep {
    package: Option<String>,
    direction: Option<Direction>,
    event: Option<String>,
    key: Option<String>,
    page: Option<bool>,
    body: Option<Value>,
    #[serde(default = "within")]
    within: u64,
}

fn within() -> u64 {
    DEFAULT_WITHIN_MS
}

impl Script {
    /// Parses a script: one JSON object per line. Skips empty lines and lines that start with `#`.
    ///
    /// # Errors
    /// If a line isn't a step.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut steps = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let step = serde_json::from_str(line).map_err(|source| ScriptError { line: at + 1, source })?;
            steps.push((at + 1, line.to_owned(), step));
        }
        Ok(Self { steps })
    }
}

/// The difference between what a step expected and what it got.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    expected: String,
    got: String,
}

impl Difference {
    fn new(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { expected: expected.into(), got: got.into() }
    }

    fn stopping() -> Self {
        DeckError::Stopping.into()
    }
}

impl From<DeckError> for Difference {
    fn from(error: DeckError) -> Self {
        Self::new("the step is done", error.to_string())
    }
}

/// What was there while a step waited for something else, in words.
#[derive(Debug, PartialEq, Eq)]
struct Got(String);

impl From<DeckError> for Got {
    fn from(error: DeckError) -> Self {
        Self(error.to_string())
    }
}

/// Runs a script.
///
/// # Errors
/// The first step that failed.
pub async fn run(script: &Script, hub: &Handle, traffic: &Traffic) -> Result<(), Failure> {
    let mut run = Run { hub, traffic, names: HashMap::new(), pages: HashMap::new(), last_seen: traffic.last() };
    for (line, text, step) in &script.steps {
        run.step(step).await.map_err(|Difference { expected, got }| Failure {
            line: *line,
            step: text.clone(),
            expected,
            got,
        })?;
    }
    Ok(())
}

#[derive(Debug)]
struct Run<'a> {
    hub: &'a Handle,
    traffic: &'a Traffic,
    /// The contexts of instances, by the names that the script gave them.
    names: HashMap<String, String>,
    /// The package and connection of each property view that the script acts as, by its instance's context.
    pages: HashMap<String, (String, u64)>,
    /// The number of the last message that a step has consumed, or that preceded the last action.
    last_seen: u64,
}

impl Run<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), Difference> {
        match step {
            Step::Place(step) => {
                self.last_seen = self.traffic.last();
                let cell = Cell { area: step.area, column: step.column, row: step.row };
                let place = Place { widget: step.widget.clone(), layout: step.layout, cell };
                let placed = self.request(move |hub| hub.place(place)).await;
                let instance = match placed {
                    Ok(instance) => instance,
                    Err(difference) => return Err(self.with_widgets(&step.widget, difference).await),
                };
                self.names.insert(step.name.clone(), instance.context);
                Ok(())
            }
            Step::Move(step) => {
                let (context, cell) =
                    (self.context(&step.key), Cell { area: step.area, column: step.column, row: step.row });
                self.last_seen = self.traffic.last();
                let to = Destination { cell: Some(cell), ..Destination::default() };
                self.request(move |hub| hub.move_to(&context, &to)).await.map(drop)
            }
            Step::Remove(key) => {
                let context = self.context(key);
                self.last_seen = self.traffic.last();
                self.request(move |hub| hub.remove(&context)).await
            }
            Step::Press(key) => self.press(key, Phase::Tap).await,
            Step::Hold(key) => self.press(key, Phase::Down).await,
            Step::Release(key) => self.press(key, Phase::Up).await,
            Step::Cancel(key) => self.press(key, Phase::Cancel).await,
            Step::Title(step) => {
                let (context, title) = (self.context(&step.key), step.title.clone());
                self.last_seen = self.traffic.last();
                self.request(move |hub| hub.adjust(&context, Adjustment::Title(title))).await
            }
            Step::Layout(step) => {
                let (context, resize) = (self.context(&step.key), Resize { layout: step.layout, to: None });
                self.last_seen = self.traffic.last();
                self.request(move |hub| hub.resize(&context, resize)).await.map(drop)
            }
            Step::Profile(name) => self.profile(name).await,
            Step::Sleep(asleep) => {
                self.last_seen = self.traffic.last();
                let asleep = *asleep;
                Ok(self.hub.call(move |hub| hub.sleep(asleep)).await?)
            }
            Step::Say(step) => self.say(step).await,
            Step::Running(step) => self.running(&step.package, Duration::from_millis(step.within)).await,
            Step::Face(step) => self.face(step).await,
            Step::Settings(step) => self.settings(step).await,
            Step::Message(step) => self.message(step).await,
            Step::Pause(milliseconds) => {
                sleep(Duration::from_millis(*milliseconds)).await;
                Ok(())
            }
        }
    }

    /// Adds the widgets that exist, if the wanted one doesn't.
    async fn with_widgets(&self, wanted: &str, mut difference: Difference) -> Difference {
        let packages = self.hub.state().await.map(|state| state.packages).unwrap_or_default();
        let widgets: Vec<_> =
            packages.into_iter().flat_map(|package| package.widgets).map(|widget| widget.uuid).collect();
        if !widgets.iter().any(|widget| widget == wanted) {
            difference.got.push_str(&format!(" There are: {}", widgets.join(", ")));
        }
        difference
    }

    async fn request<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Hub) -> Result<T, DeckError> + Send + 'static,
    ) -> Result<T, Difference> {
        Ok(self.hub.request(work).await?)
    }

    /// Resolves a script's name of a key to its context, which may be used as well.
    fn context(&self, key: &str) -> String {
        self.names.get(key).map_or(key, String::as_str).to_owned()
    }

    async fn press(&mut self, key: &str, phase: Phase) -> Result<(), Difference> {
        let context = self.context(key);
        // A package that isn't connected wouldn't receive it.
        let package = self.instance(&context).await?.package;
        self.running(&package, CONNECT_TIMEOUT).await?;
        self.last_seen = self.traffic.last();
        self.request(move |hub| hub.press(&context, phase)).await
    }

    /// Shows the profile with this name, and creates it if necessary.
    async fn profile(&mut self, name: &str) -> Result<(), Difference> {
        let state = self.hub.state().await?;
        let change = match state.deck.profiles.into_iter().find(|profile| profile.name == name) {
            Some(profile) => ProfileChange::Activate(profile.id),
            None => ProfileChange::Create(NewProfile { name: name.to_owned(), copy_of: None }),
        };
        self.last_seen = self.traffic.last();
        self.request(move |hub| hub.change_profile(change)).await.map(drop)
    }

    /// Sends a message as the property view of an instance, which is opened for that and stays open.
    async fn say(&mut self, SayStep { key, event, payload }: &SayStep) -> Result<(), Difference> {
        let context = self.context(key);
        let (package, connection) = match self.pages.get(&context) {
            Some(page) => page.clone(),
            None => self.open_page(&context).await?,
        };
        let text = json!({"event": event, "context": context, "payload": payload}).to_string();
        let mut message = Incoming::parse(&text).map_err(|error| Difference::new("a message", error.to_string()))?;
        self.last_seen = self.traffic.last();
        self.traffic.record(&package, true, Direction::In, &text);
        let picture = take_picture(&mut message);
        match self.hub.send(move |hub| hub.on_message(connection, message, picture)).await {
            true => Ok(()),
            false => Err(Difference::stopping()),
        }
    }

    async fn open_page(&mut self, context: &str) -> Result<(String, u64), Difference> {
        let target = Target::Context(context.to_owned());
        // A package that isn't connected wouldn't receive it.
        let package = self.instance(context).await?.package;
        self.running(&package, CONNECT_TIMEOUT).await?;
        let (uuid, _) = self.request(move |hub| hub.open_view(target)).await?;
        let view = uuid.clone();
        let files = self.hub.call(move |hub| hub.view_files(&view)).await?.ok_or_else(Difference::stopping)?;
        let event = files.call.get(1).and_then(Value::as_str).unwrap_or_default().to_owned();
        let registration = self.hub.call(move |hub| hub.register(&uuid, &event, None)).await?;
        let Registration { connection, package, mut outgoing } = registration.ok_or_else(Difference::stopping)?;
        let (traffic, addressee) = (self.traffic.clone(), package.clone());
        // Ends when the hub closes the page.
        tokio::spawn(async move {
            while let Some(text) = outgoing.next().await {
                traffic.record(&addressee, true, Direction::Out, &text);
            }
        });
        let page = (package, connection);
        self.pages.insert(context.to_owned(), page.clone());
        Ok(page)
    }

    async fn instance(&self, context: &str) -> Result<Instance, Difference> {
        let state = self.hub.state().await?;
        let found = state.instances.into_iter().find(|instance| instance.context == context);
        found.ok_or_else(|| Difference::new(format!("a key {context:?} on the Panel"), "there is none"))
    }

    async fn running(&self, uuid: &str, within: Duration) -> Result<(), Difference> {
        let expected = format!("{uuid} is running within {} ms", within.as_millis());
        self.wait_until(within, &expected, async || {
            let state = self.hub.state().await?;
            match state.packages.into_iter().find(|package| package.uuid == uuid) {
                Some(package) if package.status == Status::Running => Ok(()),
                Some(package) => {
                    Err(Got(format!("{:?}: {}", package.status, package.message.unwrap_or_default()).to_lowercase()))
                }
                None => Err(Got("it is not installed".to_owned())),
            }
        })
        .await
    }

    async fn face(&self, step: &FaceStep) -> Result<(), Difference> {
        let context = self.context(&step.key);
        let mut expected = Vec::new();
        let mut expect =
            |what: &str, value: Option<String>| expected.extend(value.map(|value| format!("{what} {value}")));
        let quoted = |text: &Option<String>| text.as_ref().map(|text| format!("{text:?}"));
        expect("title", quoted(&step.title));
        expect("description", quoted(&step.description));
        expect("description with", quoted(&step.contains));
        expect("image that starts with", quoted(&step.image));
        expect("state", step.state.map(|state| state.to_string()));
        if expected.is_empty() {
            expected.push("an image".to_owned());
        }
        let any_image = step.title.is_none()
            && step.description.is_none()
            && step.contains.is_none()
            && step.image.is_none()
            && step.state.is_none();
        self.wait_until(Duration::from_millis(step.within), &expected.join(", "), async || {
            let face = self.instance(&context).await.map_err(|difference| Got(difference.got))?;
            let description = face.description.as_deref().unwrap_or_default();
            let image = face.picture().map_or("", AsRef::as_ref);
            let fits = step.title.as_deref().is_none_or(|title| face.title.as_deref().unwrap_or_default() == title)
                && step.description.as_deref().is_none_or(|wanted| description == wanted)
                && step.contains.as_deref().is_none_or(|part| description.contains(part))
                && step.image.as_deref().is_none_or(|start| image.starts_with(start))
                && step.state.is_none_or(|state| face.state == state)
                && (!any_image || image.starts_with("data:"));
            match fits {
                true => Ok(()),
                false => Err(Got(describe_face(&face))),
            }
        })
        .await
    }

    async fn settings(&self, step: &SettingsStep) -> Result<(), Difference> {
        let context = self.context(&step.key);
        let mut expected = Vec::new();
        expected.extend(step.equal.as_ref().map(|wanted| format!("exactly {}", Value::from(wanted.clone()))));
        expected.extend(step.contain.as_ref().map(|part| format!("with {}", Value::from(part.clone()))));
        self.wait_until(Duration::from_millis(step.within), &format!("settings {}", expected.join(", ")), async || {
            let context = context.clone();
            let settings = self.hub.request(move |hub| hub.instance_settings(&context)).await?;
            let settings: Map<String, Value> = settings.read().unwrap_or_default();
            let fits = step.equal.as_ref().is_none_or(|wanted| *wanted == settings);
            let settings = Value::from(settings);
            match fits && step.contain.as_ref().is_none_or(|part| contains(&settings, &part.clone().into())) {
                true => Ok(()),
                false => Err(Got(settings.to_string())),
            }
        })
        .await
    }

    /// Polls until a condition holds; fails with what was there last.
    async fn wait_until(
        &self,
        within: Duration,
        expected: &str,
        look: impl AsyncFn() -> Result<(), Got>,
    ) -> Result<(), Difference> {
        let end = Instant::now() + within;
        loop {
            match look().await {
                Ok(()) => return Ok(()),
                Err(Got(got)) if Instant::now() >= end => return Err(Difference::new(expected, got)),
                Err(_) => sleep(POLL_INTERVAL).await,
            }
        }
    }

    async fn message(&mut self, step: &MessageStep) -> Result<(), Difference> {
        let context = step.key.as_deref().map(|key| self.context(key));
        let end = Instant::now() + Duration::from_millis(step.within);
        let (first, mut seen) = (self.last_seen, Vec::new());
        loop {
            for message in self.traffic.after(self.last_seen) {
                self.last_seen = message.number;
                if step.fits(&message, context.as_deref()) {
                    return Ok(());
                }
                seen.push(message);
            }
            if timeout_at(end, self.traffic.wait(self.last_seen)).await.is_err() {
                // The step itself may be wrong; the next step still sees the same messages.
                self.last_seen = first;
                return Err(Difference::new(step.describe(), describe_messages(&seen)));
            }
        }
    }
}

impl MessageStep {
    fn fits(&self, message: &Message, context: Option<&str>) -> bool {
        self.package.as_ref().is_none_or(|package| *package == message.package)
            && self.direction.is_none_or(|direction| direction == message.direction)
            && self.event.as_ref().is_none_or(|event| *event == message.event)
            && self.page.is_none_or(|page| page == message.page)
            && context.is_none_or(|context| message.context.as_deref() == Some(context))
            && self
                .body
                .as_ref()
                .is_none_or(|part| serde_json::from_str::<Value>(&message.body).is_ok_and(|body| contains(&body, part)))
    }

    fn describe(&self) -> String {
        let whom = if self.page == Some(true) { "a page" } else { "the package" };
        let mut words = vec![match self.direction {
            Some(Direction::In) => format!("a message from {whom}"),
            Some(Direction::Out) => format!("a message to {whom}"),
            None => "a message".to_owned(),
        }];
        words.extend(self.event.as_ref().map(|event| format!("{event:?}")));
        words.extend(self.package.as_ref().map(|package| format!("of {package}")));
        words.extend(self.key.as_ref().map(|key| format!("about {key:?}")));
        words.extend(self.body.as_ref().map(|body| format!("with {body}")));
        format!("{} within {} ms", words.join(" "), self.within)
    }
}

/// Whether a value contains another one: objects may have more members, everything else has to be equal.
fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::Object(value), Value::Object(part)) => {
            part.iter().all(|(name, part)| value.get(name).is_some_and(|value| contains(value, part)))
        }
        _ => value == part,
    }
}

fn describe_face(face: &Instance) -> String {
    let title = face.title.as_deref().map_or_else(|| "no title".to_owned(), |title| format!("title {title:?}"));
    let words =
        face.description.as_deref().map_or_else(|| "no description".to_owned(), |d| format!("description {d:?}"));
    let image = face.picture().map_or("", AsRef::as_ref);
    let image = match image.split([';', ',']).next() {
        Some(kind) if kind.starts_with("data:") => format!("image {kind} of {} bytes", image.len()),
        _ => "no image of the package's own".to_owned(),
    };
    format!("{title}, {words}, {image}, state {}", face.state)
}

/// Describes the last few messages that came instead.
fn describe_messages(seen: &[std::sync::Arc<Message>]) -> String {
    const SHOWN: usize = 5;
    if seen.is_empty() {
        return "no message at all".to_owned();
    }
    let mut words = format!("{} other messages", seen.len());
    for message in &seen[seen.len().saturating_sub(SHOWN)..] {
        let direction = if message.direction == Direction::In { "in " } else { "out" };
        words.push_str(&format!("\n            {direction} {}", message.body.chars().take(200).collect::<String>()));
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn value_contains_its_parts_only() {
        assert!(contains(&json!({"a": {"b": 1, "c": 2}, "d": []}), &json!({"a": {"b": 1}})));
        for other in [json!({"a": {"b": 2}}), json!({"e": null}), json!({"d": [1]}), json!(1)] {
            assert!(!contains(&json!({"a": {"b": 1}, "d": []}), &other), "{other}");
        }
    }

    #[test]
    fn invalid_script_is_refused_with_its_line() {
        let text = "# a comment\n\n{\"press\": \"clock\"}\n{\"pres\": \"clock\"}";
        let error = Script::parse(text).unwrap_err().to_string();
        assert!(error.starts_with("line 4: unknown variant `pres`") && error.ends_with(", column 7"), "{error}");
        assert!(
            Script::parse("{\"face\": {\"key\": \"a\", \"titel\": \"x\"}}").unwrap_err().to_string().contains("titel")
        );
        assert_eq!(Script::parse("{\"pause\": 5}\n").unwrap().steps.len(), 1);
    }
}
