//! Watches the package's tasks: when one that should go on has ended, or any has panicked, the package ends with an error
//! and its host starts it again. Keys that freeze because a part behind them is gone would be worse.

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};

/// A task has ended that the package can't go on without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskFailure {
    /// It has returned although there was more to do.
    #[error("the {0} task has ended")]
    Ended(&'static str),
    /// It has panicked; the log has the message and the place.
    #[error("the {0} task has panicked")]
    Panicked(&'static str),
}

/// Starts and watches tasks. Cheap to clone; all clones report to the [`Failures`] that came with the first.
#[derive(Clone, Debug)]
pub struct Supervisor(mpsc::Sender<TaskFailure>);

/// Where a [`Supervisor`] reports to.
#[derive(Debug)]
pub struct Failures(mpsc::Receiver<TaskFailure>);

impl Failures {
    /// The first failure. Waits as long as there is none; safe to cancel.
    pub async fn next(&mut self) -> TaskFailure {
        match self.0.recv().await {
            Some(failure) => failure,
            // Nothing is watched any more.
            None => std::future::pending().await,
        }
    }
}

impl Supervisor {
    /// A supervisor, and where it reports to.
    #[must_use]
    pub fn new() -> (Self, Failures) {
        // The first failure ends the package; further ones need no place.
        let (sender, receiver) = mpsc::channel(1);
        (Self(sender), Failures(receiver))
    }

    /// Spawns a task that lasts as long as the package.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.watch(name, tokio::spawn(task));
    }

    /// Spawns a task that may end or be aborted, but not panic.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn_once(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let task = tokio::spawn(task);
        let abort = task.abort_handle();
        self.report(name, task, None);
        abort
    }

    /// Watches a task that lasts as long as the package.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn watch(&self, name: &'static str, task: JoinHandle<()>) {
        self.report(name, task, Some(TaskFailure::Ended(name)));
    }

    /// Spawns work that may block, and may end but not panic.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn_blocking(&self, name: &'static str, work: impl FnOnce() + Send + 'static) {
        self.report(name, tokio::task::spawn_blocking(work), None);
    }

    /// Records that a thread of another kind has panicked.
    pub fn on_panic(&self, name: &'static str) {
        self.fail(TaskFailure::Panicked(name));
    }

    fn fail(&self, failure: TaskFailure) {
        tracing::error!(%failure, "the package can't go on");
        let _ = self.0.try_send(failure);
    }

    fn report(&self, name: &'static str, task: JoinHandle<()>, ended: Option<TaskFailure>) {
        let supervisor = self.clone();
        tokio::spawn(async move {
            let failure = match task.await {
                Ok(()) => ended,
                Err(error) if error.is_panic() => Some(TaskFailure::Panicked(name)),
                Err(_) => ended,
            };
            if let Some(failure) = failure {
                supervisor.fail(failure);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn panic_of_any_task_is_reported() {
        let (tasks, mut failures) = Supervisor::new();
        tasks.spawn("first", async { panic!("as it should") });
        assert_eq!(failures.next().await, TaskFailure::Panicked("first"));
        tasks.spawn_once("second", async { panic!("as it should") });
        assert_eq!(failures.next().await, TaskFailure::Panicked("second"));
    }

    #[tokio::test(start_paused = true)]
    async fn end_is_reported_of_lasting_tasks_only() {
        let (tasks, mut failures) = Supervisor::new();
        tasks.spawn_once("short", async {});
        let soon = std::time::Duration::from_secs(1);
        assert!(tokio::time::timeout(soon, failures.next()).await.is_err());
        tasks.spawn("lasting", async {});
        assert_eq!(failures.next().await, TaskFailure::Ended("lasting"));
    }
}
