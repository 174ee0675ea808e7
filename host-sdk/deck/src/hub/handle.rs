//! The handle to the hub: work on its state is sent to its task as a closure, and the result is sent back. Below: the
//! types that such work takes and returns.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use host_sdk::bundle::Installed;
use host_sdk::protocol::FontAttribute;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use super::Hub;
use super::connection::Outgoing;
use crate::error::DeckError;
use crate::package::PackageFiles;
use crate::page::{self, State};
use crate::state::Area;

/// Where an answer is sent.
pub type Reply<T> = oneshot::Sender<T>;

/// A command to the hub.
pub enum Command {
    /// Run this with its state.
    Work(Work),
    /// Stop every package, save, and end.
    Stop(Reply<()>),
}

/// Work on the hub's state, which runs on its task. It must not wait for anything.
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
    /// Its text.
    pub line: String,
    /// Whether it reports an error that nothing in the page has caught.
    #[serde(default)]
    pub error: bool,
}

/// A socket that was accepted.
#[derive(Debug)]
pub struct Registration {
    /// The connection's number.
    pub connection: u64,
    /// The package that it belongs to.
    pub package: String,
    /// Messages to send; it ends when the socket has to.
    pub outgoing: Outgoing,
}

/// A widget and where to place it.
#[derive(Clone, Debug, Deserialize)]
pub struct Place {
    /// The widget's UUID.
    pub widget: String,
    /// Index into its layouts.
    #[serde(default)]
    pub layout: usize,
    /// Where to place it.
    #[serde(flatten)]
    pub cell: Cell,
}

/// Another layout for an instance.
#[derive(Clone, Debug, Deserialize)]
pub struct Resize {
    /// Index into the widget's layouts.
    pub layout: usize,
    /// Where it goes; none for the free place nearest to the current one.
    #[serde(default)]
    pub to: Option<Cell>,
}

/// A change of how an instance looks, by its user.
#[derive(Clone, Debug, PartialEq)]
pub enum Adjustment {
    /// The title of all states; empty to show the package's again.
    Title(String),
    /// How the title is drawn; none to draw it as the package wants.
    Font(Option<FontAttribute>),
    /// The icon of a state, a checked data URI; none to show the package's again.
    Icon(u32, Option<Arc<str>>),
    /// The state to show, as a preview.
    State(u32),
}

/// A cell of the Panel, zero-based.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Cell {
    /// The part of the device; the grid by default.
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
    /// Neither: only the message that follows a press.
    Triggered,
}

/// The owner of the page to show.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The property view of an instance.
    Context(String),
    /// The settings page of a package.
    Package(String),
}

/// What is needed to serve a view's files.
#[derive(Clone, Debug)]
pub struct ViewFiles {
    /// The package.
    pub package: String,
    /// The package's folder.
    pub folder: PathBuf,
    /// The page, relative to the folder.
    pub entry: String,
    /// The arguments of the page's `connectCreatorCentral` after the port: name, register event, info and, in a view,
    /// widgetInfo.
    pub call: Vec<serde_json::Value>,
    /// Whether the page is the package itself, not a view of it.
    pub is_package: bool,
}

/// Sends work to the hub. Clones send to the same one.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
}

impl Handle {
    /// Creates the handle to the other end of a channel.
    #[must_use]
    pub fn new(commands: mpsc::Sender<Command>) -> Self {
        Self { commands }
    }

    /// Runs `work` with the hub's state, on its task, and returns the result.
    ///
    /// # Errors
    /// [`DeckError::Stopping`] when the hub has ended.
    pub async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Hub) -> T + Send + 'static,
    ) -> Result<T, DeckError> {
        let (reply, answer) = oneshot::channel();
        self.send(move |hub| {
            // An error means that the caller is gone.
            let _ = reply.send(work(hub));
        })
        .await;
        answer.await.map_err(|oneshot::error::RecvError { .. }| DeckError::Stopping)
    }

    /// Like [`Handle::call`], for work that can be refused.
    ///
    /// # Errors
    /// What `work` returns, or [`DeckError::Stopping`].
    pub async fn request<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Hub) -> Result<T, DeckError> + Send + 'static,
    ) -> Result<T, DeckError> {
        self.call(work).await?
    }

    /// Hands `work` to the hub without waiting until it is done. Returns false when the hub has ended.
    pub async fn send(&self, work: impl FnOnce(&mut Hub) + Send + 'static) -> bool {
        self.commands.send(Command::Work(Box::new(work))).await.is_ok()
    }

    /// Returns everything that a page shows.
    ///
    /// # Errors
    /// [`DeckError::Stopping`]
    pub async fn state(&self) -> Result<State, DeckError> {
        self.call(|hub| hub.state()).await
    }

    /// Ends a package, if it is installed, because its files are about to change. Returns once it has ended.
    ///
    /// # Errors
    /// [`DeckError::Stopping`]
    pub async fn halt(&self, package: &str) -> Result<(), DeckError> {
        let (reply, ended) = oneshot::channel();
        let package = package.to_owned();
        self.send(move |hub| hub.halt(&package, reply)).await;
        ended.await.map_err(|oneshot::error::RecvError { .. }| DeckError::Stopping)
    }

    /// Starts a halted package again, if it is still known, with its files as they are now.
    ///
    /// # Errors
    /// [`DeckError::Stopping`], or [`DeckError::Panicked`] while the files were read.
    pub async fn resume(&self, package: &str) -> Result<(), DeckError> {
        let package = package.to_owned();
        let Some(installed) = self.call(move |hub| hub.installed_package(&package)).await? else { return Ok(()) };
        let files = self.read_package(installed).await?;
        self.call(|hub| hub.resume(files)).await
    }

    /// Starts a package that was installed, as a new one or over an older version, which was halted.
    ///
    /// # Errors
    /// See [`Handle::resume`].
    pub async fn start_installed(&self, installed: Installed) -> Result<page::Package, DeckError> {
        let files = self.read_package(installed).await?;
        self.call(|hub| hub.on_installed(files)).await
    }

    /// Starts a halted package whose package file was read again.
    ///
    /// # Errors
    /// See [`Handle::resume`].
    pub async fn start_reloaded(&self, installed: Installed) -> Result<page::Package, DeckError> {
        let files = self.read_package(installed).await?;
        self.call(|hub| hub.on_reloaded(files)).await
    }

    /// Reads what the hub needs of a package's files, because the hub itself never waits for the disk.
    async fn read_package(&self, installed: Installed) -> Result<PackageFiles, DeckError> {
        let options = self.call(|hub| hub.read_options()).await?;
        Ok(spawn_blocking(move || PackageFiles::read(installed, &options)).await?)
    }

    /// Waits until all earlier changes are on disk.
    ///
    /// # Errors
    /// [`DeckError::Save`] if they can't be written now, or [`DeckError::Stopping`].
    pub async fn save(&self) -> Result<(), DeckError> {
        let saved = self.call(Hub::save_now).await?;
        Ok(saved.await?)
    }

    /// Waits for a page that only runs web packages. Returns false when the hub has ended.
    pub async fn wait_for_unattended_page(&self) -> bool {
        let (reply, opened) = oneshot::channel();
        self.send(move |hub| hub.awaiting_unattended.push(reply)).await;
        opened.await.is_ok()
    }

    /// Stops every package, saves, and ends the hub. Returns false if it had ended before.
    pub async fn stop(&self) -> bool {
        let (reply, stopped) = oneshot::channel();
        self.commands.send(Command::Stop(reply)).await.is_ok() && stopped.await.is_ok()
    }
}
