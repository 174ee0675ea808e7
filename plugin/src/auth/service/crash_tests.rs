//! Tests of a renewal that is interrupted at each of its steps: a process aborts, and a new one continues from the file.
//!
//! The aborting process is this test program, which the tests start again to run only [`crashing_process`]. The simulated
//! Spotify outlives it.

use std::env;
use std::process::Command;
use std::sync::Arc;

use spotify_sim::{STOPPED_AT, Sim};
use url::Url;

use super::prelude::*;
use super::testing::{World, demo, until};
use crate::auth::accounts::Needs;
use crate::auth::steps::{END_AT, Step, reached};
use crate::auth::store::StoreChoice;
use crate::clock::ManualClock;

const FILE: &str = "SPOTIFY_WIDGETS_TEST_FILE";
const ACCOUNTS: &str = "SPOTIFY_WIDGETS_TEST_ACCOUNTS";
const END: &str = "SPOTIFY_WIDGETS_TEST_END";

const STEPS: [Step; 5] = [Step::BeforeRequest, Step::Answered, Step::WrittenBeside, Step::Written, Step::Used];

#[tokio::test]
#[ignore = "aborts its process; the other tests start it"]
async fn crashing_process() {
    let (Ok(file), Ok(accounts), Ok(end)) = (env::var(FILE), env::var(ACCOUNTS), env::var(END)) else { return };
    let end = STEPS.into_iter().find(|step| format!("{step:?}") == end).unwrap();
    END_AT.set(end).unwrap();
    let auth = Auth::start(Config {
        accounts_url: Url::parse(&accounts).unwrap(),
        store: StoreChoice::File(file.into()),
        private_file: None,
        lock_file: None,
        limits_file: None,
        language: String::new(),
        clock: Arc::new(ManualClock::at(u64::try_from(STOPPED_AT.as_millis()).unwrap())),
        http: Http::new(),
        random: system_random(),
        tasks: Supervisor::new().0,
    });
    until(&auth, |state| state.link == Link::Linked).await;
    auth.token(Group::Player, Needs::User).await.unwrap();
    reached(Step::Used);
}

struct Crash {
    world: World,
    config: Config,
    id: AccountId,
    _folder: tempfile::TempDir,
}

impl Crash {
    /// Links an account, and lets a process abort at a step of the account's first renewal.
    async fn at(step: Step, pkce_only: bool) -> Self {
        let world = World::new().await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("accounts.json");
        let config = world.config(StoreChoice::File(file.clone()));
        let auth = world.started(config.clone()).await;
        let id = auth.save(SaveAccount { pkce_only, ..demo() }).await.unwrap();
        world.sign_in(&auth, &id).await;
        drop(auth);
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", "auth::service::crash_tests::crashing_process", "--ignored", "--nocapture"])
            .envs([(FILE, file.as_os_str()), (ACCOUNTS, world.sim.accounts_url().as_ref())])
            .env(END, format!("{step:?}"))
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{step:?} was not reached");
        assert!(!log.contains("panicked"), "{log}");
        assert_eq!(world.grants("refresh_token"), usize::from(step != Step::BeforeRequest), "{step:?}");
        Self { world, config, id, _folder: folder }
    }

    /// Starts the package after the crash.
    async fn restarted(&self) -> Auth {
        let auth = self.world.started(self.config.clone()).await;
        assert_eq!(auth.watch().borrow().link, Link::Linked);
        auth
    }
}

/// True if Spotify has issued the token.
fn is_issued(sim: &Sim, token: &AccessToken) -> bool {
    sim.issued_tokens().access.iter().any(|issued| token.bearer().matches(issued))
}

#[tokio::test]
async fn sign_in_with_secret_survives_a_crash_at_every_step() {
    // No new refresh token is issued, so nothing is written.
    for step in [Step::BeforeRequest, Step::Answered, Step::Used] {
        let crash = Crash::at(step, false).await;
        let token = crash.restarted().await.token(Group::Player, Needs::User).await;
        assert!(is_issued(&crash.world.sim, &token.unwrap()), "{step:?}");
    }
}

#[tokio::test]
async fn rotating_sign_in_survives_a_crash_at_all_steps_but_one() {
    for step in [Step::BeforeRequest, Step::WrittenBeside, Step::Written, Step::Used] {
        let crash = Crash::at(step, true).await;
        let token = crash.restarted().await.token(Group::Player, Needs::User).await;
        assert!(is_issued(&crash.world.sim, &token.unwrap()), "{step:?}");
    }
}

/// Spotify has revoked the old token, and the new one is lost. No client can prevent that; the user logs in again and has
/// to type nothing.
#[tokio::test]
async fn unwritten_rotated_token_costs_a_sign_in_and_no_more() {
    let crash = Crash::at(Step::Answered, true).await;
    let auth = crash.restarted().await;
    assert_eq!(auth.token(Group::Player, Needs::User).await.unwrap_err(), AuthError::SignInAgain);
    assert_eq!(auth.watch().borrow().accounts[0].client_id, demo().client_id);
    crash.world.sign_in(&auth, &crash.id).await;
    assert!(is_issued(&crash.world.sim, &auth.token(Group::Player, Needs::User).await.unwrap()));
}
