//! The state of one simulator behind one lock, and the few things that every door (accounts, Web API, control, library)
//! does with it. Whoever changes it wakes those who wait in [`Sim::wait_for`](crate::Sim::wait_for).

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::accounts::Accounts;
use crate::catalogue::Catalogue;
use crate::clock::Clock;
use crate::fault::Faults;
use crate::journal::Journal;
use crate::playback::{Player, Refusal};
use crate::{User, WriteAnswer};

pub(crate) struct Shared {
    pub catalogue: Catalogue,
    pub user: User,
    pub write_answer: WriteAnswer,
    pub clock: Clock,
    state: Mutex<State>,
    /// Changes whenever the state does.
    pub revision: watch::Sender<u64>,
}

pub(crate) struct State {
    pub accounts: Accounts,
    pub faults: Faults,
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
            journal: Journal::default(),
            library: BTreeSet::new(),
            latency,
            read_lag,
            skew: Duration::ZERO,
            player,
            history: Vec::new(),
        }
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
    pub fn new(catalogue: Catalogue, user: User, write_answer: WriteAnswer, clock: Clock, state: State) -> Self {
        Self { catalogue, user, write_answer, clock, state: Mutex::new(state), revision: watch::Sender::new(0) }
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
