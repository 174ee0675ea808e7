//! The state of one simulator behind one lock, and the few things that every door (accounts, Web API, control, library)
//! does with it. Whoever changes it wakes those who wait in [`Sim::wait_for`](crate::Sim::wait_for).

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::WriteAnswer;
use crate::accounts::Accounts;
use crate::catalogue::Catalogue;
use crate::clock::Clock;
use crate::fault::{Faults, Outcome};
use crate::journal::Journal;
use crate::limits::{Budget, Group, Limits};
use crate::network::Networks;
use crate::playback::{Player, Refusal};

pub(crate) struct Shared {
    pub catalogue: Catalogue,
    pub write_answer: WriteAnswer,
    pub clock: Clock,
    state: Mutex<State>,
    /// Changes whenever the state does.
    pub revision: watch::Sender<u64>,
    pub networks: watch::Sender<Networks>,
}

pub(crate) struct State {
    pub accounts: Accounts,
    pub faults: Faults,
    pub limits: Limits,
    pub journal: Journal,
    /// URIs that the user has saved.
    pub library: BTreeSet<String>,
    pub latency: Duration,
    pub read_lag: Duration,
    /// Added to the clock.
    pub skew: Duration,
    player: Player,
    /// What was true before each recent write, and until when: reads see it until the lag has passed.
    history: Vec<(Duration, Player)>,
}

impl State {
    pub fn new(accounts: Accounts, player: Player, latency: Duration, read_lag: Duration) -> Self {
        Self {
            accounts,
            faults: Faults::default(),
            limits: Limits::default(),
            journal: Journal::default(),
            library: BTreeSet::new(),
            latency,
            read_lag,
            skew: Duration::ZERO,
            player,
            history: Vec::new(),
        }
    }

    /// Counts a call of the Web API, and says how it is refused whatever it calls: by a limit, because of the owner of
    /// its app, or because of the app's allow list. Tokens that are not valid are left to the call to refuse.
    pub fn refusal(&mut self, authorization: Option<&str>, path: &str, now: Duration) -> Option<Outcome> {
        let token = authorization?.strip_prefix("Bearer ").filter(|_| path.starts_with("/v1/"))?;
        let access = self.accounts.access(token, now).ok()?;
        let developer = self.accounts.owner(&access.client_id)?;
        let limit = self.limits.refusal(&access.client_id, developer, Group::of(path), now);
        limit.or_else(|| self.accounts.banned(access))
    }

    /// Sets what a developer has of a group of calls, or of each. The developer is told by name or by an app.
    pub fn set_quota(
        &mut self,
        name_or_client_id: &str,
        group: Option<Group>,
        budget: Option<Budget>,
    ) -> Result<(), String> {
        let developer = self.accounts.developer(name_or_client_id)?;
        self.limits.set_budget(developer, group, budget);
        Ok(())
    }

    /// Shuts a group of calls of a developer, or all, until a time. The developer is told by name or by an app.
    pub fn exhaust_quota(
        &mut self,
        name_or_client_id: &str,
        group: Option<Group>,
        until: Duration,
    ) -> Result<(), String> {
        let developer = self.accounts.developer(name_or_client_id)?;
        self.limits.shut(developer, group, until);
        Ok(())
    }

    /// The playback as it is.
    pub fn player(&mut self, now: Duration, catalogue: &Catalogue) -> &Player {
        self.player.advance(now, catalogue);
        &self.player
    }

    /// The playback as a read sees it: `read_lag` behind the writes, though its progress is the present one.
    pub fn lagging_player(&mut self, now: Duration, catalogue: &Catalogue) -> Player {
        let lag = self.read_lag;
        self.history.retain(|(superseded, _)| *superseded + lag > now);
        let mut player = self.history.first().map_or(&self.player, |(_, player)| player).clone();
        player.advance(now, catalogue);
        player
    }

    /// Changes the playback.
    pub fn write<T>(
        &mut self,
        now: Duration,
        catalogue: &Catalogue,
        change: impl FnOnce(&mut Player) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.player.advance(now, catalogue);
        let before = self.player.clone();
        let done = change(&mut self.player)?;
        if !self.read_lag.is_zero() {
            self.history.push((now, before));
        }
        Ok(done)
    }
}

impl Shared {
    pub fn new(catalogue: Catalogue, write_answer: WriteAnswer, clock: Clock, state: State) -> Self {
        let (revision, networks) = (watch::Sender::new(0), watch::Sender::default());
        Self { catalogue, write_answer, clock, state: Mutex::new(state), revision, networks }
    }

    /// The state, to look at. A panic elsewhere (a test's predicate, say) does not spoil it.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, to change, at the present time; wakes the waiting afterwards.
    pub fn change<T>(&self, change: impl FnOnce(&mut State, Duration) -> T) -> T {
        let done = {
            let mut state = self.state();
            let now = (self.clock)() + state.skew;
            change(&mut state, now)
        };
        self.revision.send_modify(|revision| *revision = revision.wrapping_add(1));
        done
    }

    /// The state at the present time, to look at without waking anybody.
    pub fn look<T>(&self, look: impl FnOnce(&mut State, Duration) -> T) -> T {
        let mut state = self.state();
        let now = (self.clock)() + state.skew;
        look(&mut state, now)
    }
}
