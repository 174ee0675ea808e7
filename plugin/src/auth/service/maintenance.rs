//! Maintenance: renews tokens before they expire, tries failed writes again, looks for a missing keyring, and saves limits
//! and counts.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::task::{Auth, Service};
use crate::auth::accounts::{Link, Needs, Now};
use crate::auth::store::{STORE_RETRY, save_limits};

/// How often tokens and store are maintained, with calls or without.
pub(super) const ROUND: Duration = Duration::from_secs(30);
/// The shortest time between two updates of a view that changes with time.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
/// How often the store is searched for other copies' sign-ins if there is none here.
pub(super) const RELOAD_EVERY: Duration = STORE_RETRY;

impl Service {
    /// Returns when something is due next, or the view changes with time.
    pub(super) fn next_wake(&self) -> Instant {
        let now = self.shared.now();
        let change = self
            .accounts
            .next_change(now)
            .map(|date| now.instant + date.saturating_duration_since(now.date).clamp(SHORTEST_WAIT, ROUND));
        let deadlines = self.store.next_deadline().into_iter().chain(self.next_round).chain(change);
        deadlines.min().unwrap_or(now.instant + ROUND)
    }

    /// Does what is due.
    pub(super) fn on_tick(&mut self) {
        let now = self.shared.now();
        if self.next_round.is_none_or(|at| now.instant < at) {
            return;
        }
        self.next_round = Some(now.instant + ROUND);
        self.store.maintain(now);
        self.save_limits(now);
        for id in self.accounts.due_for_renewal(now) {
            self.renew_ahead(id, Needs::User, now);
        }
        for id in self.accounts.due_for_recheck(now) {
            self.renew_ahead(id, Needs::App, now);
        }
        if now.instant >= self.next_reload && self.link() != Link::Linked {
            // The user may have signed in at another host.
            self.next_reload = now.instant + RELOAD_EVERY;
            drop(self.store.reload(now));
        }
    }

    /// Saves limits and counts, if they have changed. One write runs at a time, so that none writes what another one has just
    /// dropped.
    pub(super) fn save_limits(&mut self, now: Now) {
        if self.is_saving_limits {
            return;
        }
        let rotation = self.limits_file.as_ref().and_then(|_| self.accounts.take_unsaved_rotation(now));
        let (Some(mut rotation), Some(path)) = (rotation, self.limits_file.clone()) else {
            self.waiting_for_limits.clear();
            return;
        };
        self.is_saving_limits = true;
        let (reply, saved) = oneshot::channel();
        let save = move || drop(reply.send(save_limits(&path, &mut rotation, now.date)));
        self.shared.tasks.spawn_blocking("limits", save);
        self.spawn("limits", |auth| async move {
            if let Ok(saved) = saved.await {
                let _ = auth.call(move |service, now| service.on_limits_saved(saved, now)).await;
            }
        });
    }

    fn on_limits_saved(&mut self, saved: std::io::Result<()>, now: Now) {
        self.is_saving_limits = false;
        match saved {
            // A caller may wait for a later change.
            Ok(()) if !self.waiting_for_limits.is_empty() => self.save_limits(now),
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(%error, "limits and counts could not be saved");
                self.accounts.on_rotation_not_saved();
                self.waiting_for_limits.clear();
            }
        }
    }
}

impl Auth {
    /// Saves limits and counts now, and waits for it.
    pub(super) async fn save_limits(&self) {
        let (reply, saved) = oneshot::channel();
        let save = |service: &mut Service, now| {
            service.waiting_for_limits.push(reply);
            service.save_limits(now);
        };
        if self.call(save).await.is_ok() {
            let _ = saved.await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let Some(path) = self.limits_file.as_ref().filter(|_| !std::thread::panicking()) else { return };
        let now = self.shared.now();
        if let Some(mut rotation) = self.accounts.take_unsaved_rotation(now)
            && let Err(error) = save_limits(path, &mut rotation, now.date)
        {
            tracing::warn!(%error, "limits and counts could not be saved");
        }
    }
}
