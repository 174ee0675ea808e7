//! The state of one simulator behind one lock, and the operations that accounts service, Web API, control API and library
//! share. Every change wakes the callers of [`Sim::wait_for`](crate::Sim::wait_for).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::WriteAnswer;
use crate::accounts::{Accounts, LookupError};
use crate::catalogue::{Catalogue, LIKED_URI};
use crate::clock::Clock;
use crate::connections::Connections;
use crate::fault::{Faults, Outcome};
use crate::journal::Journal;
use crate::limits::{Budget, Group, Limits};
use crate::network::Networks;
use crate::playback::{Change, Player, PlayerError};
use crate::playlists::Playlists;

pub(crate) struct Shared {
    pub catalogue: Catalogue,
    pub write_answer: WriteAnswer,
    pub clock: Clock,
    state: Mutex<State>,
    /// Incremented with every change of the state.
    pub revision: watch::Sender<u64>,
    pub networks: watch::Sender<Networks>,
}

pub(crate) struct State {
    pub accounts: Accounts,
    pub faults: Faults,
    pub limits: Limits,
    pub journal: Journal,
    pub connections: Connections,
    pub playlists: Playlists,
    /// URIs that the user has saved and when, the latest last. Playlists are not listed: those are followed instead.
    library: Vec<(String, Duration)>,
    pub latency: Duration,
    pub read_lag: Duration,
    /// Whether programs can play Liked Songs as a context.
    pub liked_context: bool,
    /// How many reused connections are still to be closed at the first byte of their next request.
    pub pending_cuts: u32,
    /// Added to the clock.
    pub skew: Duration,
    player: Player,
    /// Each recent write's time and the player before it, which reads return until the lag has passed.
    history: Vec<(Duration, Player)>,
}

impl State {
    pub fn new(
        accounts: Accounts,
        player: Player,
        playlists: Playlists,
        latency: Duration,
        read_lag: Duration,
    ) -> Self {
        Self {
            accounts,
            faults: Faults::default(),
            limits: Limits::default(),
            journal: Journal::default(),
            connections: Connections::default(),
            playlists,
            library: Vec::new(),
            latency,
            read_lag,
            liked_context: true,
            pending_cuts: 0,
            skew: Duration::ZERO,
            player,
            history: Vec::new(),
        }
    }

    /// Uses up one pending cut and returns whether there was one.
    pub fn take_cut(&mut self) -> bool {
        let has_cut = self.pending_cuts > 0;
        self.pending_cuts = self.pending_cuts.saturating_sub(1);
        has_cut
    }

    /// Counts a call of the Web API and returns the refusal that doesn't depend on the endpoint: by a limit, because of the
    /// app's owner, or because of its allow list. Invalid tokens are refused by the endpoint.
    pub fn refusal(&mut self, authorization: Option<&str>, path: &str, now: Duration) -> Option<Outcome> {
        let token = authorization?.strip_prefix("Bearer ").filter(|_| path.starts_with("/v1/"))?;
        let access = self.accounts.access(token, now).ok()?;
        let developer = self.accounts.owner(&access.client_id)?;
        let limit = self.limits.refusal(&access.client_id, developer, Group::of(path), now);
        limit.or_else(|| self.accounts.refusal(access))
    }

    /// Sets a developer's budget for a group of calls, or for each. The developer is given by name or by an app.
    pub fn set_quota(
        &mut self,
        name_or_client_id: &str,
        group: Option<Group>,
        budget: Option<Budget>,
    ) -> Result<(), LookupError> {
        let developer = self.accounts.developer(name_or_client_id)?;
        self.limits.set_budget(developer, group, budget);
        Ok(())
    }

    /// Shuts a developer's group of calls, or all groups, until a time. The developer is given by name or by an app.
    pub fn exhaust_quota(
        &mut self,
        name_or_client_id: &str,
        group: Option<Group>,
        until: Duration,
    ) -> Result<(), LookupError> {
        let developer = self.accounts.developer(name_or_client_id)?;
        self.limits.shut(developer, group, until);
        Ok(())
    }

    /// Returns the current player.
    pub fn player(&mut self, now: Duration, catalogue: &Catalogue) -> &Player {
        self.player.advance(now, catalogue);
        &self.player
    }

    /// Returns the player as a read sees it: writes and natural ends appear `read_lag` late, but the progress is current.
    pub fn lagging_player(&mut self, now: Duration, catalogue: &Catalogue) -> Player {
        let lag = self.read_lag;
        self.history.retain(|(superseded, _)| *superseded + lag > now);
        let mut player = self.history.first().map_or(&self.player, |(_, player)| player).clone();
        player.advance(now, catalogue);
        player.known_at(now.saturating_sub(lag))
    }

    /// Returns the URIs of a context in its own order, or `None` if there is no such context.
    pub fn context(&self, uri: &str, catalogue: &Catalogue) -> Option<Vec<String>> {
        self.playlists.get(uri).map(|playlist| playlist.uris()).or_else(|| catalogue.context(uri))
    }

    /// Returns the URIs of a context that a program plays. Liked Songs are a context only if that is switched on.
    pub fn playable_context(&self, uri: &str, catalogue: &Catalogue) -> Option<Vec<String>> {
        if uri == LIKED_URI && !self.liked_context { None } else { self.own_context(uri, catalogue) }
    }

    /// Returns the URIs of a context that a Spotify app plays, which can always play Liked Songs.
    fn own_context(&self, uri: &str, catalogue: &Catalogue) -> Option<Vec<String>> {
        match uri {
            LIKED_URI => Some(self.liked().map(|(uri, _)| uri.to_owned()).collect()),
            _ => self.context(uri, catalogue),
        }
    }

    /// Changes the playback as another Spotify app does.
    pub fn change_playback(&mut self, now: Duration, change: Change, catalogue: &Catalogue) -> Result<(), PlayerError> {
        let tracks = change.context.as_deref().and_then(|uri| self.own_context(uri, catalogue));
        self.write(now, catalogue, |player| player.change(change, tracks, catalogue))
    }

    /// Returns what the user has saved, without playlists, the newest first.
    pub fn library(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.library.iter().rev().map(|(uri, at)| (uri.as_str(), *at))
    }

    /// Returns the Liked Songs, the newest first.
    pub fn liked(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.library().filter(|(uri, _)| uri.starts_with("spotify:track:"))
    }

    /// Returns whether a URI is in the user's library.
    pub fn is_saved(&self, uri: &str) -> bool {
        match self.playlists.get(uri) {
            Some(playlist) => playlist.followed,
            None => self.library.iter().any(|(saved, _)| saved == uri),
        }
    }

    /// Saves a URI or removes it. One that is already saved keeps its place.
    pub fn set_saved(&mut self, uri: &str, saved: bool, now: Duration) {
        if let Some(playlist) = self.playlists.get_mut(uri) {
            playlist.followed = saved;
        } else if !saved {
            self.library.retain(|(known, _)| known != uri);
        } else if !self.is_saved(uri) {
            self.library.push((uri.to_owned(), now));
        }
    }

    /// Changes the player and records its previous state for lagging reads.
    pub fn write<T>(
        &mut self,
        now: Duration,
        catalogue: &Catalogue,
        change: impl FnOnce(&mut Player) -> Result<T, PlayerError>,
    ) -> Result<T, PlayerError> {
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

    /// Locks the state. A panic elsewhere, such as in a test's predicate, does not poison it.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes all waiting callers. The second argument of `change` is the current time.
    pub fn change<T>(&self, change: impl FnOnce(&mut State, Duration) -> T) -> T {
        let done = {
            let mut state = self.state();
            let now = (self.clock)() + state.skew;
            change(&mut state, now)
        };
        self.revision.send_modify(|revision| *revision = revision.wrapping_add(1));
        done
    }

    /// Reads the state without waking waiting callers. The second argument of `read` is the current time.
    pub fn read<T>(&self, read: impl FnOnce(&mut State, Duration) -> T) -> T {
        let mut state = self.state();
        let now = (self.clock)() + state.skew;
        read(&mut state, now)
    }
}
