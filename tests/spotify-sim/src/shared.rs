//! The state of one simulator behind one lock, and the few things that every door (accounts, Web API, control, library)
//! does with it. Whoever changes it wakes those who wait in [`Sim::wait_for`](crate::Sim::wait_for).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::WriteAnswer;
use crate::accounts::Accounts;
use crate::catalogue::{Catalogue, LIKED_URI};
use crate::clock::Clock;
use crate::connections::Connections;
use crate::fault::{Faults, Outcome};
use crate::journal::Journal;
use crate::limits::{Budget, Group, Limits};
use crate::network::Networks;
use crate::playback::{Change, Player, Refusal};
use crate::playlists::Playlists;

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
    pub connections: Connections,
    pub playlists: Playlists,
    /// URIs that the user has saved and when, the latest last. Saved playlists are those that are followed.
    library: Vec<(String, Duration)>,
    pub latency: Duration,
    pub read_lag: Duration,
    /// Whether programs can play Liked Songs as a context.
    pub liked_context: bool,
    /// How many kept connections still end at the first byte of their next request.
    pub cuts: u32,
    /// Added to the clock.
    pub skew: Duration,
    player: Player,
    /// What was true before each recent write, and until when: reads see it until the lag has passed.
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
            cuts: 0,
            skew: Duration::ZERO,
            player,
            history: Vec::new(),
        }
    }

    /// Whether a kept connection ends now; counted.
    pub fn takes_cut(&mut self) -> bool {
        let takes = self.cuts > 0;
        self.cuts = self.cuts.saturating_sub(1);
        takes
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

    /// The playback as a read sees it: `read_lag` behind the writes and the natural ends, though its progress is the
    /// present one.
    pub fn lagging_player(&mut self, now: Duration, catalogue: &Catalogue) -> Player {
        let lag = self.read_lag;
        self.history.retain(|(superseded, _)| *superseded + lag > now);
        let mut player = self.history.first().map_or(&self.player, |(_, player)| player).clone();
        player.advance(now, catalogue);
        player.unaware_of_end(now.saturating_sub(lag))
    }

    /// What a context holds, in its own order; `None` where there is no such context.
    pub fn context(&self, uri: &str, catalogue: &Catalogue) -> Option<Vec<String>> {
        self.playlists.get(uri).map(|playlist| playlist.uris()).or_else(|| catalogue.context(uri))
    }

    /// What a context that another program asks for holds: Liked Songs are one only where that is switched on.
    pub fn playable_context(&self, uri: &str, catalogue: &Catalogue) -> Option<Vec<String>> {
        if uri == LIKED_URI && !self.liked_context { None } else { self.own_context(uri, catalogue) }
    }

    /// What a context that a Spotify app asks for holds, which can play Liked Songs as one, too.
    fn own_context(&self, uri: &str, catalogue: &Catalogue) -> Option<Vec<String>> {
        match uri {
            LIKED_URI => Some(self.liked().map(|(uri, _)| uri.to_owned()).collect()),
            _ => self.context(uri, catalogue),
        }
    }

    /// Changes the playback as another Spotify app does.
    pub fn change_playback(&mut self, now: Duration, change: Change, catalogue: &Catalogue) -> Result<(), Refusal> {
        let tracks = change.context.as_deref().and_then(|uri| self.own_context(uri, catalogue));
        self.write(now, catalogue, |player| player.change(change, tracks, catalogue))
    }

    /// What the user has saved, playlists aside: the newest first.
    pub fn library(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.library.iter().rev().map(|(uri, at)| (uri.as_str(), *at))
    }

    /// Liked Songs: the newest first.
    pub fn liked(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.library().filter(|(uri, _)| uri.starts_with("spotify:track:"))
    }

    /// Whether this is in the user's library.
    pub fn is_saved(&self, uri: &str) -> bool {
        match self.playlists.get(uri) {
            Some(playlist) => playlist.followed,
            None => self.library.iter().any(|(saved, _)| saved == uri),
        }
    }

    /// Saves this, or removes it. What is saved already stays where it is.
    pub fn set_saved(&mut self, uri: &str, saved: bool, now: Duration) {
        if let Some(playlist) = self.playlists.get_mut(uri) {
            playlist.followed = saved;
        } else if !saved {
            self.library.retain(|(known, _)| known != uri);
        } else if !self.is_saved(uri) {
            self.library.push((uri.to_owned(), now));
        }
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
