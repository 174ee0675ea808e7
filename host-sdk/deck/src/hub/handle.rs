//! The handle to the hub: work on its state is sent to its task as a closure, and the result comes back. Below it, what
//! such work takes and returns.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use host_sdk::protocol::FontAttribute;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};

use super::Hub;
use super::connection::Outgoing;
use crate::page::State;
use crate::state::Area;

/// Why a request isn't done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What it names isn't there. A sentence.
    NotFound(String),
    /// It doesn't fit the Panel as it is. A sentence.
    Conflict(String),
    /// The deck is stopping.
    Stopping,
}

/// An answer that is awaited.
pub type Reply<T> = oneshot::Sender<T>;

/// Something to do for the hub.
pub enum Command {
    /// Work on its state.
    Work(Work),
    /// Stop every package, save, and end.
    Stop(Reply<()>),
}

/// Work on the hub's state, done on its task. It must not wait for anything.
type Work = Box<dyn FnOnce(&mut Hub) + Send>;

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Work(_) => "Work",
            Self::Stop(_) => "Stop",
        })
    }
}

/// A line of a page's output.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OutputLine {
    /// What it says.
    pub line: String,
    /// Whether it is of an error that nothing in the page has caught.
    #[serde(default)]
    pub error: bool,
}

/// A socket that was let in.
#[derive(Debug)]
pub struct Registration {
    /// Its number.
    pub connection: u64,
    /// The package that it belongs to.
    pub package: String,
    /// What to send; it ends when the socket shall.
    pub outgoing: Outgoing,
}

/// Which widget goes where.
#[derive(Clone, Debug, Deserialize)]
pub struct Place {
    /// The widget's UUID.
    pub widget: String,
    /// Index into its layouts.
    #[serde(default)]
    pub layout: usize,
    /// Where.
    #[serde(flatten)]
    pub cell: Cell,
}

/// Another layout for an instance.
#[derive(Clone, Debug, Deserialize)]
pub struct Resize {
    /// Index into the widget's layouts.
    pub layout: usize,
    /// Where to then; none takes the free place that is nearest to where it is.
    #[serde(default)]
    pub to: Option<Cell>,
}

/// What a user changes about how an instance looks.
#[derive(Clone, Debug, PartialEq)]
pub enum Adjustment {
    /// The title of all states; an empty one gives it back to the package.
    Title(String),
    /// How the title is drawn; none gives it back to the package.
    Font(Option<FontAttribute>),
    /// The icon of a state, a data URI that was checked; none gives it back to the package.
    Icon(u32, Option<Arc<str>>),
    /// The state that is shown, for a look.
    State(u32),
}

/// A cell of the Panel, zero-based.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Cell {
    /// The part of the device; the grid if none is said.
    #[serde(default)]
    pub area: Area,
    /// Column.
    pub column: u8,
    /// Row.
    pub row: u8,
}

/// A part of a press.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The finger is down.
    Down,
    /// It was lifted within the key.
    Up,
    /// It was lifted elsewhere.
    Cancel,
    /// Down and up.
    Tap,
    /// None: only the message that follows a press.
    Triggered,
}

/// Whose page to show.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The property view of an instance.
    Context(String),
    /// The settings page of a package.
    Package(String),
}

/// What a view's files are served from.
#[derive(Clone, Debug)]
pub struct ViewFiles {
    /// The package.
    pub package: String,
    /// The package's folder.
    pub folder: PathBuf,
    /// The page within it.
    pub entry: String,
    /// What the page's `connectCreatorCentral` is called with, behind the port: a name, register event, info, and, in a
    /// view, widgetInfo.
    pub call: Vec<serde_json::Value>,
    /// Whether the page is the package itself, not a view of it.
    pub is_package: bool,
}

/// Speaks to the hub. Clones speak to the same.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
}

impl Handle {
    /// The handle to the other end of a channel.
    #[must_use]
    pub fn new(commands: mpsc::Sender<Command>) -> Self {
        Self { commands }
    }

    /// Does something with the hub's state, on its task, and returns the result. None when the hub has ended.
    pub async fn call<T: Send + 'static>(&self, work: impl FnOnce(&mut Hub) -> T + Send + 'static) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let is_sent = self.tell(move |hub| {
            // An error means that the caller has gone.
            let _ = reply.send(work(hub));
        });
        if is_sent.await { answer.await.ok() } else { None }
    }

    /// As [`Handle::call`], for what can be refused.
    ///
    /// # Errors
    /// The refusal.
    pub async fn request<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Hub) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.call(work).await.unwrap_or(Err(Refusal::Stopping))
    }

    /// As [`Handle::call`], without waiting for it. False when the hub has ended.
    pub async fn tell(&self, work: impl FnOnce(&mut Hub) + Send + 'static) -> bool {
        self.commands.send(Command::Work(Box::new(work))).await.is_ok()
    }

    /// Everything that a page shows.
    ///
    /// # Errors
    /// When the hub has ended.
    pub async fn state(&self) -> Result<State, Refusal> {
        self.request(|hub| Ok(hub.state())).await
    }

    /// Ends a package, if there is one, because its files are about to change. Returns when it has ended.
    ///
    /// # Errors
    /// When the hub has ended.
    pub async fn halt(&self, package: &str) -> Result<(), Refusal> {
        let (reply, ended) = oneshot::channel();
        let package = package.to_owned();
        self.tell(move |hub| hub.halt(&package, reply)).await;
        ended.await.map_err(|_| Refusal::Stopping)
    }

    /// Waits until all that was done before is on disk.
    ///
    /// # Errors
    /// When the hub has ended. Within: why it can't be written, in sentences.
    pub async fn save(&self) -> Result<Result<(), String>, Refusal> {
        let saved = self.call(Hub::save_now).await.ok_or(Refusal::Stopping)?;
        Ok(saved.await)
    }

    /// Waits until there is a page that is there for web packages alone. False when the hub has ended.
    pub async fn wait_for_unattended_page(&self) -> bool {
        let (reply, is_there) = oneshot::channel();
        self.tell(move |hub| hub.awaiting_unattended.push(reply)).await;
        is_there.await.is_ok()
    }

    /// Stops every package, saves, and ends the hub. False if it had ended before.
    pub async fn stop(&self) -> bool {
        let (reply, stopped) = oneshot::channel();
        self.commands.send(Command::Stop(reply)).await.is_ok() && stopped.await.is_ok()
    }
}
