//! The tasks that a deck can't run without. None ends while the deck runs: when one ends or panics, the deck is
//! useless, and its caller learns which task it was.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinError, JoinHandle, JoinSet};

/// Why a deck can't continue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskEnded {
    /// A task has ended.
    #[error("its {0} has ended")]
    Ended(&'static str),
    /// A task has panicked.
    #[error("its {0} has panicked: {1}")]
    Panicked(&'static str, String),
}

impl TaskEnded {
    fn new(name: &'static str, ended: Result<(), JoinError>) -> Self {
        match ended.map_err(JoinError::try_into_panic) {
            Err(Ok(panic)) => Self::Panicked(name, message(&*panic).to_owned()),
            Ok(()) | Err(Err(_)) => Self::Ended(name),
        }
    }
}

/// Tasks that are being started.
#[derive(Debug, Default)]
pub struct Tasks {
    tasks: JoinSet<()>,
    names: HashMap<tokio::task::Id, (&'static str, AbortHandle)>,
}

impl Tasks {
    /// Starts a task. `name` follows "its" in a sentence.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.tasks.spawn(task);
        self.names.insert(handle.id(), (name, handle));
    }

    /// Starts to watch all of them.
    #[must_use]
    pub fn watch(mut self) -> Watched {
        let (sender, ended) = watch::channel(None);
        let handles = self.names.values().cloned().collect();
        let watcher = tokio::spawn(async move {
            while let Some(joined) = self.tasks.join_next_with_id().await {
                let (id, result) = match joined {
                    Ok((id, ())) => (id, Ok(())),
                    Err(error) => (error.id(), Err(error)),
                };
                let name = self.names.get(&id).map_or("task", |(name, _)| name);
                // Only the first one counts: the others end because of it.
                sender.send_if_modified(|first| {
                    let is_first = first.is_none();
                    first.get_or_insert_with(|| TaskEnded::new(name, result));
                    is_first
                });
            }
        });
        Watched { ended, handles, watcher }
    }
}

/// Running tasks. Dropping it aborts them.
#[derive(Debug)]
pub struct Watched {
    ended: watch::Receiver<Option<TaskEnded>>,
    handles: Vec<(&'static str, AbortHandle)>,
    watcher: JoinHandle<()>,
}

impl Watched {
    /// Waits until one of them has ended.
    pub fn first_end(&self) -> impl Future<Output = TaskEnded> + Send + use<> {
        let mut ended = self.ended.clone();
        async move {
            let first = ended.wait_for(Option::is_some).await.ok().and_then(|first| first.clone());
            first.unwrap_or(TaskEnded::Ended("watch over its tasks"))
        }
    }

    /// Aborts all tasks.
    pub fn abort(&self) {
        self.watcher.abort();
        self.handles.iter().for_each(|(_, task)| task.abort());
    }

    /// Aborts all tasks, and waits until they have released their resources.
    pub async fn end(&mut self) {
        self.handles.iter().for_each(|(_, task)| task.abort());
        // An error means that the watcher has panicked, and its tasks are gone with it.
        let _ = (&mut self.watcher).await;
    }

    /// Returns the names of the running tasks.
    #[cfg(test)]
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.handles.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names
    }

    /// Aborts the tasks with this name.
    #[cfg(test)]
    pub fn kill(&self, name: &str) {
        self.handles.iter().filter(|(other, _)| *other == name).for_each(|(_, task)| task.abort());
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.abort();
    }
}

/// A panic's message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Panicked(String);

/// Runs a future and catches its panic.
///
/// # Errors
/// If it panics.
pub async fn catch_panic<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| Panicked(message(&*panic).to_owned()))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn first_ended_task_is_reported() {
        let mut tasks = Tasks::default();
        tasks.spawn("hub", async {});
        tasks.spawn("store", pending());
        let watched = tasks.watch();
        assert_eq!(watched.first_end().await, TaskEnded::Ended("hub"));
        watched.kill("store");
        assert_eq!(watched.first_end().await, TaskEnded::Ended("hub"), "and stays the first");
    }

    #[tokio::test]
    async fn panicked_task_is_reported_with_its_message() {
        let mut tasks = Tasks::default();
        tasks.spawn("hub", async { panic!("no place for {}", 7) });
        let ended = tasks.watch().first_end().await;
        assert_eq!(ended.to_string(), "its hub has panicked: no place for 7");
    }

    #[tokio::test]
    async fn dropping_the_watch_ends_the_tasks() {
        let (alive, mut ended) = tokio::sync::mpsc::channel::<()>(1);
        let mut tasks = Tasks::default();
        tasks.spawn("hub", async move {
            let _alive = alive;
            pending().await
        });
        drop(tasks.watch());
        assert!(ended.recv().await.is_none());
    }
}
