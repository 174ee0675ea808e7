//! Clocks that are set while the package runs: Spotify's own goes on, the computer's jumps.

use std::sync::Arc;

use spotify_sim::Fault;
use url::Url;

use super::prelude::*;
use super::testing::{World, demo};
use crate::auth::{AccountState, StoreChoice};
use crate::clock::ManualClock;
use crate::spotify::{Client, Error};

const DAY_MS: u64 = 24 * 3_600_000;
const YEAR_MS: u64 = 365 * DAY_MS;

/// A linked account of a computer whose clock is not Spotify's.
struct Jumping {
    world: World,
    clock: Arc<ManualClock>,
    auth: Auth,
    client: Client,
}

impl Jumping {
    async fn new() -> Self {
        let world = World::new().await;
        let clock = Arc::new(ManualClock::at(world.clock.unix_ms()));
        let config = Config { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..world.config(StoreChoice::Memory) };
        let auth = world.started(config).await;
        let id = auth.save(demo()).await.unwrap();
        world.sign_in(&auth, &id).await;
        let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
        client.player().await.unwrap();
        world.sim.clear_requests();
        Self { world, clock, auth, client }
    }

    /// What Spotify has been asked since: calls and renewals.
    fn asked(&self) -> (usize, usize) {
        let calls = self.world.sim.requests().iter().filter(|request| request.path.starts_with("/v1/")).count();
        (calls, self.world.grants("refresh_token"))
    }
}

#[tokio::test]
async fn clock_set_forward_costs_one_renewal_and_no_sign_in() {
    let it = Jumping::new().await;
    it.clock.advance(YEAR_MS);
    for _ in 0..5 {
        it.client.player().await.unwrap();
    }
    assert_eq!(it.asked(), (5, 1));
    let state = it.auth.watch().borrow().clone();
    assert_eq!((state.link, state.accounts[0].state), (Link::Linked, AccountState::Linked));
}

#[tokio::test]
async fn refused_token_is_renewed_after_the_clock_was_set_back() {
    let it = Jumping::new().await;
    // Not noticed, as while the package doesn't run.
    it.clock.set(it.clock.unix_ms() - YEAR_MS);
    it.client.player().await.unwrap();
    it.world.clock.advance(2 * 3_600_000);
    for _ in 0..5 {
        it.client.player().await.unwrap();
    }
    assert_eq!(it.asked(), (7, 1), "one call was refused and made again");
    assert_eq!(it.auth.watch().borrow().link, Link::Linked);
}

#[tokio::test]
async fn token_is_renewed_in_time_after_a_noticed_clock_change() {
    let it = Jumping::new().await;
    it.clock.set(it.clock.unix_ms() - YEAR_MS);
    it.client.on_wake(YEAR_MS).await;
    it.client.player().await.unwrap();
    assert_eq!(it.asked(), (1, 0), "it is good still");
    for clock in [&it.clock, &it.world.clock] {
        clock.advance(2 * 3_600_000);
    }
    it.client.player().await.unwrap();
    assert_eq!(it.asked(), (2, 1), "nothing was refused");
}

#[tokio::test]
async fn limit_lasts_its_time_when_the_clock_changes() {
    let it = Jumping::new().await;
    it.world.sim.inject(Fault::quota(Some(3_600)).times(1));
    let limited = |result: Result<_, Error>| matches!(result, Err(Error::RateLimited { .. }));
    assert!(limited(it.client.player().await));
    it.clock.set(it.clock.unix_ms() - 10 * 3_600_000);
    it.client.on_wake(10 * 3_600_000).await;
    let state = it.auth.watch().borrow().clone();
    assert_eq!(it.auth.remaining(&state.limit.unwrap()).as_secs(), 3_600);
    assert!(limited(it.client.player().await));
    it.clock.advance(3_600_000);
    it.client.player().await.unwrap();
    assert_eq!(it.asked().0, 2, "nothing went out meanwhile");
}

#[tokio::test]
async fn limit_is_relearned_by_one_call_after_a_clock_jump() {
    let it = Jumping::new().await;
    it.world.sim.inject(Fault::quota(Some(3_600)).times(2));
    it.client.player().await.unwrap_err();
    it.clock.advance(YEAR_MS);
    for _ in 0..5 {
        it.client.player().await.unwrap_err();
    }
    assert_eq!(it.asked().0, 2, "the first call tells the limit again");
    let limit = it.auth.watch().borrow().limit.unwrap();
    assert_eq!(it.auth.remaining(&limit).as_secs(), 3_600);
}
