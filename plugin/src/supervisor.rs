//! Supervision of the package's tasks. If a permanent task ends, or any task panics, the package ends with an error and its
//! host starts it again. Keys that freeze because a task is gone would be worse.

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};

/// A task that the package can't run without has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskFailure {
    /// It has returned although it should run forever.
    #[error("the {0} task has ended")]
    Ended(&'static str),
    /// It has panicked; message and location are in the log.
    #[error("the {0} task has panicked")]
    Panicked(&'static str),
}

/// Spawns and watches tasks. Cheap to clone; all clones report to the same [`Failures`].
#[derive(Clone, Debug)]
pub struct Supervisor(mpsc::Sender<TaskFailure>);

/// Receives the failures that a [`Supervisor`] and its clones report.
#[derive(Debug)]
pub struct Failures(mpsc::Receiver<TaskFailure>);

impl Failures {
    /// Waits for the first failure. Cancel-safe.
    pub async fn next(&mut self) -> TaskFailure {
        match self.0.recv().await {
            Some(failure) => failure,
            // No supervisor is left.
            None => std::future::pending().await,
        }
    }
}

impl Supervisor {
    /// Creates a supervisor and the receiver of its failures.
    #[must_use]
    pub fn new() -> (Self, Failures) {
        // The first failure ends the package, so further ones may be dropped.
        let (sender, receiver) = mpsc::channel(1);
        (Self(sender), Failures(receiver))
    }

    /// Spawns a task that runs as long as the package.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.watch(name, tokio::spawn(task));
    }

    /// Spawns a task that may end or be aborted, but must not panic.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn_once(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let task = tokio::spawn(task);
        let abort = task.abort_handle();
        self.report(name, task, None);
        abort
    }

    /// Watches a task that runs as long as the package.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn watch(&self, name: &'static str, task: JoinHandle<()>) {
        self.report(name, task, Some(TaskFailure::Ended(name)));
    }

    /// Spawns blocking work that may end, but must not panic.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn_blocking(&self, name: &'static str, work: impl FnOnce() + Send + 'static) {
        self.report(name, tokio::task::spawn_blocking(work), None);
    }

    /// Records the panic of a thread that isn't spawned here.
    pub fn on_panic(&self, name: &'static str) {
        self.fail(TaskFailure::Panicked(name));
    }

    fn fail(&self, failure: TaskFailure) {
        tracing::error!(%failure, "a task has failed, so the package ends");
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
    async fn panic_is_reported_of_every_task() {
        let (tasks, mut failures) = Supervisor::new();
        tasks.spawn("first", async { panic!("on purpose") });
        assert_eq!(failures.next().await, TaskFailure::Panicked("first"));
        tasks.spawn_once("second", async { panic!("on purpose") });
        assert_eq!(failures.next().await, TaskFailure::Panicked("second"));
    }

    #[tokio::test(start_paused = true)]
    async fn end_is_reported_of_permanent_tasks_only() {
        let (tasks, mut failures) = Supervisor::new();
        tasks.spawn_once("short", async {});
        let soon = std::time::Duration::from_secs(1);
        assert!(tokio::time::timeout(soon, failures.next()).await.is_err());
        tasks.spawn("permanent", async {});
        assert_eq!(failures.next().await, TaskFailure::Ended("permanent"));
    }
}
