//! What can be asked of the hub, and the handle to ask with.

use std::path::PathBuf;
use std::sync::Arc;

use host_sdk::bundle::Installed;
use host_sdk::json::Raw;
use host_sdk::protocol::{FontAttribute, Incoming};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};

use super::connection::Outgoing;
use super::messages::Drawable;
use super::{Destination, Direction, ProfileChange, WantedStep};
use super::{Export, ImportReport, Runs, Taking};
use crate::page::{Outbox, State};
use crate::preferences::PreferenceError;
use crate::state::{Area, Profile};

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
#[derive(Debug)]
pub enum Command {
    /// A socket registers. Refused with none.
    Register {
        /// The package or view.
        uuid: String,
        /// The register event that it was given.
        event: String,
        /// The label of the package from whose page it comes, if it comes from a page. It can be of no other package then.
        from: Option<String>,
        /// What the socket needs from then on.
        reply: Reply<Option<Registration>>,
    },
    /// A registered socket says something.
    Message {
        /// Its number.
        connection: u64,
        /// What, without its picture.
        message: Incoming,
        /// Its picture.
        picture: Drawable,
    },
    /// A registered socket is gone.
    Closed {
        /// Its number.
        connection: u64,
        /// Why, as a sentence.
        why: String,
    },
    /// A registered socket sends more than it may, and is read more slowly; or no more.
    Throttled {
        /// Its number.
        connection: u64,
        /// Whether it is.
        throttled: bool,
    },
    /// A page listens from now on.
    Subscribe(Runs, Reply<(u64, Arc<Outbox>)>),
    /// A page is gone.
    Unsubscribe(u64),
    /// What a page shows.
    State(Reply<State>),
    /// Put a widget on the Panel.
    Place(Place, Reply<Result<crate::page::Instance, Refusal>>),
    /// Place the starter Panel in the profile that is shown. Answers how many keys it has.
    PlaceStarter(Reply<Result<usize, Refusal>>),
    /// Move an instance.
    Move(String, Destination, Reply<Result<crate::page::Instance, Refusal>>),
    /// Give a multi-action key another list.
    SetSteps(String, Vec<WantedStep>, Reply<Result<crate::page::Instance, Refusal>>),
    /// Put a copy of an instance somewhere.
    Copy(String, Destination, Reply<Result<crate::page::Instance, Refusal>>),
    /// Take an instance into the clipboard. `bool`: to move it when it is pasted.
    Clip(String, bool, Reply<Result<(), Refusal>>),
    /// Forget what is in the clipboard.
    ClearClipboard(Reply<()>),
    /// Put down what is in the clipboard, as near to a cell as there is room.
    Paste(Cell, Reply<Result<crate::page::Instance, Refusal>>),
    /// Take an instance off.
    Remove(String, Reply<Result<(), Refusal>>),
    /// Press a key, as a program does: every phase reaches the package as it is.
    Press(String, Phase, Reply<Result<(), Refusal>>),
    /// Press a key, as a finger on the page of this number does: a key that is down already goes down no further, one that
    /// several hold comes up with the last of them, and all that a page holds comes up when it is gone.
    PressFrom(u64, String, Phase, Reply<Result<(), Refusal>>),
    /// The settings of an instance.
    Settings(String, Reply<Result<Raw, Refusal>>),
    /// Change how an instance looks, as the user.
    Adjust(String, Adjustment, Reply<Result<(), Refusal>>),
    /// Give an instance another layout.
    Resize(String, Resize, Reply<Result<crate::page::Instance, Refusal>>),
    /// Make, name, remove or show a profile.
    Profile(ProfileChange, Reply<Result<Profile, Refusal>>),
    /// Undo or redo. Answers the name of what it was.
    Step(Direction, Reply<Result<&'static str, Refusal>>),
    /// Put the device to sleep, or wake it up.
    Sleep(bool, Reply<()>),
    /// Answered when all that was said before is on disk, or with why it can't be written, in sentences.
    Save(Reply<Result<(), String>>),
    /// Show a page of the grid.
    ShowPage(u8, Reply<Result<(), Refusal>>),
    /// Take over what the user chooses about the deck itself.
    Prefer(Map<String, Value>, Reply<Result<(), PreferenceError>>),
    /// The user has read the notice.
    DismissNotice(Reply<()>),
    /// Show a property view or settings page. Answers its name and address.
    OpenView(Target, Reply<Result<(String, String), Refusal>>),
    /// Load a view in the page that is there for web packages alone, to see whether it works. Answers its name.
    TryView(Target, Reply<Result<String, Refusal>>),
    /// Answered when there is a page that is there for web packages alone.
    AwaitUnattended(Reply<()>),
    /// Close a view.
    CloseView(String, Reply<Result<(), Refusal>>),
    /// What a view's files are served from.
    View(String, Reply<Option<ViewFiles>>),
    /// A page of a package has written to its console, or something has failed in it. Answers whether there is such a page.
    Output {
        /// The label of the package's origin.
        label: String,
        /// The name of the page's view, or under which it is loaded if it is the package itself.
        page: String,
        /// What.
        lines: Vec<OutputLine>,
        /// The answer.
        reply: Reply<bool>,
    },
    /// The folder of a package, if a path in it is a picture that the page may show.
    Picture(String, String, Reply<Option<PathBuf>>),
    /// End a package, if there is one, because its files are about to change. Answered when it has ended.
    Halt(String, Reply<()>),
    /// Start a halted package again: its files are as they were.
    Resume(String),
    /// A package was installed or updated.
    Installed(Box<Installed>, Reply<crate::page::Package>),
    /// Start a halted package anew, with what its package file says now.
    Reloaded(Box<Installed>, Reply<crate::page::Package>),
    /// Keep a halted package from running until it is loaded again.
    Unload(String, Reply<Result<crate::page::Package, Refusal>>),
    /// The Panel as a file.
    Export(Reply<Export>),
    /// Take over a Panel from a file. None: say only what would be taken.
    Import(Box<Export>, Option<Taking>, Reply<Result<ImportReport, Refusal>>),
    /// Forget a halted package: its folder is gone. `bool`: keep its settings.
    Uninstall(String, bool, Reply<Result<(), Refusal>>),
    /// Stop every package, save, and end.
    Stop(Reply<()>),
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

    /// Asks for something and waits for the answer. None when the hub has ended.
    pub async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        answer.await.ok()
    }

    /// As [`Handle::ask`], for requests that can be refused.
    ///
    /// # Errors
    /// The refusal.
    pub async fn request<T>(&self, command: impl FnOnce(Reply<Result<T, Refusal>>) -> Command) -> Result<T, Refusal> {
        self.ask(command).await.unwrap_or(Err(Refusal::Stopping))
    }

    /// Tells something. False when the hub has ended.
    pub async fn tell(&self, command: Command) -> bool {
        self.commands.send(command).await.is_ok()
    }
}
