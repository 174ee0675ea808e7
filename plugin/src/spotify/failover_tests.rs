//! Several accounts against the simulated Spotify: which one serves, what is sent, and what is stored.

use std::sync::Arc;
use std::time::Duration;

use spotify_sim::{
    BACKUP_CLIENT_ID, BACKUP_CLIENT_SECRET, DEMO_CLIENT_ID, Fault, SIBLING_CLIENT_ID, SIBLING_CLIENT_SECRET,
};

use super::*;
use crate::auth::testing::{World, demo, identify, until};
use crate::auth::{AccountId, AccountState, AuthState, LimitKind, SaveAccount, Secret, StoreChoice};
use crate::clock::Clock as _;

/// A client with the demo account and others, all signed in and identified as the same user.
struct Setup {
    world: World,
    auth: Auth,
    client: Client,
    ids: Vec<AccountId>,
}

const BACKUP: (&str, &str) = (BACKUP_CLIENT_ID, BACKUP_CLIENT_SECRET);
const SIBLING: (&str, &str) = (SIBLING_CLIENT_ID, SIBLING_CLIENT_SECRET);

fn account((client_id, client_secret): (&str, &str)) -> SaveAccount {
    SaveAccount { client_id: client_id.into(), client_secret: Some(Secret::new(client_secret)), ..demo() }
}

impl Setup {
    async fn new(others: &[(&str, &str)]) -> Self {
        let world = World::new().await;
        let auth = world.auth().await;
        Self::with(world, auth, others).await
    }

    async fn with(world: World, auth: Auth, others: &[(&str, &str)]) -> Self {
        let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
        let mut ids = Vec::new();
        for account in std::iter::once(demo()).chain(others.iter().copied().map(account)) {
            let id = auth.save(account).await.unwrap();
            world.sign_in(&auth, &id).await;
            identify(&auth, &id, client.me(&id).await.unwrap()).await;
            ids.push(id);
        }
        world.sim.clear_requests();
        Self { world, auth, client, ids }
    }

    /// Returns the Client IDs of the calls that the Web API has received since this was last called.
    fn sent(&self) -> Vec<String> {
        let requests = self.world.sim.requests();
        self.world.sim.clear_requests();
        let calls = requests.into_iter().filter(|request| request.path.starts_with("/v1"));
        calls.map(|request| request.client_id.unwrap_or_default()).collect()
    }

    fn state(&self) -> Arc<AuthState> {
        Arc::clone(&self.auth.watch().borrow())
    }

    fn serving(&self) -> Option<usize> {
        self.state().serving().map(|(index, _)| index)
    }
}

#[tokio::test]
async fn throttled_call_fails_over_until_the_limit_expires() {
    let it = Setup::new(&[BACKUP]).await;
    it.world.sim.inject(Fault::throttle(Some(7)).of(DEMO_CLIENT_ID).times(1));
    it.client.pause(None).await.unwrap();
    assert_eq!(it.sent(), [DEMO_CLIENT_ID, BACKUP_CLIENT_ID]);
    assert!(!it.world.sim.playback().is_playing, "the press took effect");
    assert_eq!((it.serving(), it.state().limit), (Some(1), None));

    it.world.clock.advance(6_999);
    it.client.player().await.unwrap();
    assert_eq!(it.sent(), [BACKUP_CLIENT_ID]);
    it.world.clock.advance(1);
    it.client.player().await.unwrap();
    assert_eq!(it.sent(), [DEMO_CLIENT_ID], "back at once, without an extra call");
    assert_eq!(it.serving(), Some(0));
    assert!(it.state().strained_until.is_some_and(|until| until > it.world.clock.date()));
    let usage: Vec<_> =
        it.auth.counts().await.into_iter().flatten().map(|(group, counts)| (group, counts.last_hour)).collect();
    // Including the call that identifies the user.
    assert_eq!(usage, [(Group::Player, 2), (Group::Profile, 1), (Group::Player, 2), (Group::Profile, 1)]);
}

#[tokio::test]
async fn quota_applies_to_a_developer_and_a_group() {
    let it = Setup::new(&[SIBLING, BACKUP]).await;
    let day = Duration::from_secs(50_000);
    it.world.sim.exhaust_quota(DEMO_CLIENT_ID, Some(spotify_sim::Group::Player), day).unwrap();
    it.client.player().await.unwrap();
    assert_eq!(
        it.sent(),
        [DEMO_CLIENT_ID, SIBLING_CLIENT_ID, BACKUP_CLIENT_ID],
        "the accounts of one developer are unknown"
    );
    it.client.next(None).await.unwrap();
    assert_eq!(it.sent(), [BACKUP_CLIENT_ID]);
    it.client.search("a", &[UriKind::Track], &Market::of_this_computer()).await.unwrap();
    assert_eq!(it.sent(), [DEMO_CLIENT_ID], "other groups still answer");
    it.world.clock.advance(50_000_000);
    it.client.player().await.unwrap();
    assert_eq!(it.sent(), [DEMO_CLIENT_ID]);

    let sibling = SaveAccount {
        id: Some(it.ids[1].clone()),
        same_developer_as: Some(Some(it.ids[0].clone())),
        ..account(SIBLING)
    };
    it.auth.save(sibling).await.unwrap();
    it.world.sim.exhaust_quota(DEMO_CLIENT_ID, Some(spotify_sim::Group::Player), day).unwrap();
    it.client.player().await.unwrap();
    assert_eq!(it.sent(), [DEMO_CLIENT_ID, BACKUP_CLIENT_ID], "the sibling is skipped");
    let limits: Vec<_> = it.state().accounts.iter().map(|account| account.limits.len()).collect();
    assert_eq!(limits, [1, 1, 0]);
}

#[tokio::test]
async fn nothing_is_sent_while_all_accounts_are_limited() {
    let it = Setup::new(&[BACKUP]).await;
    it.world.sim.inject(Fault::quota(Some(50_400)).of(DEMO_CLIENT_ID).times(1));
    it.world.sim.inject(Fault::throttle(Some(9)).of(BACKUP_CLIENT_ID).times(1));
    let nine = Error::RateLimited { retry_after: Some(Duration::from_secs(9)), kind: LimitKind::Throttle };
    assert_eq!(it.client.player().await, Err(nine));
    assert_eq!(it.sent(), [DEMO_CLIENT_ID, BACKUP_CLIENT_ID]);
    it.world.clock.advance(8_000);
    assert!(it.client.player().await.is_err() && it.client.next(None).await.is_err());
    assert_eq!((it.sent(), it.serving()), (vec![], None));
    assert_eq!(it.state().limit.unwrap().until.as_millis(), it.world.clock.unix_ms() + 1_000);
    it.world.clock.advance(1_000);
    it.client.next(None).await.unwrap();
    assert_eq!(it.sent(), [BACKUP_CLIENT_ID]);
}

#[tokio::test]
async fn limits_and_counts_survive_a_restart() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = world.config(StoreChoice::File(folder.path().join("accounts.json")));
    config.limits_file = Some(folder.path().join("limits.json"));
    let auth = world.started(config.clone()).await;
    let it = Setup::with(world, auth, &[]).await;
    it.world.sim.inject(Fault::quota(Some(50_400)).times(1));
    assert!(it.client.player().await.is_err());
    let Setup { world, auth, client, .. } = it;
    let counted = auth.counts().await;
    // A limit is stored at once, concurrently with the call that ran into it.
    let file = folder.path().join("limits.json");
    while !std::fs::read_to_string(&file).is_ok_and(|text| text.contains("\"player\":")) {
        tokio::task::yield_now().await;
    }
    drop((auth, client));

    let auth = world.started(config).await;
    let limit = auth.watch().borrow().limit.unwrap();
    assert_eq!((limit.until.as_millis() - world.clock.unix_ms(), limit.kind), (50_400_000, LimitKind::Quota));
    assert_eq!(auth.counts().await, counted);
    world.sim.clear_requests();
    let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth);
    assert!(matches!(client.next(None).await, Err(Error::RateLimited { .. })));
    assert!(world.sim.requests().iter().all(|request| !request.path.starts_with("/v1")));
}

#[tokio::test]
async fn account_with_an_issue_is_used_only_if_no_other_is_left() {
    let it = Setup::new(&[BACKUP]).await;
    it.world.sim.set_developer_premium(DEMO_CLIENT_ID, false).unwrap();
    it.client.pause(None).await.unwrap();
    assert_eq!(it.sent(), [DEMO_CLIENT_ID, BACKUP_CLIENT_ID]);
    assert_eq!(it.state().accounts[0].issue, Some(AccountIssue::AppOwnerNeedsPremium));
    it.client.player().await.unwrap();
    assert_eq!(it.sent(), [BACKUP_CLIENT_ID]);

    it.world.sim.set_allow_list(BACKUP_CLIENT_ID, Some(vec![])).unwrap();
    assert_eq!(it.client.next(None).await, Err(Error::AppOwnerNeedsPremium));
    assert_eq!(it.sent(), [BACKUP_CLIENT_ID, DEMO_CLIENT_ID]);
    assert_eq!(it.state().accounts[1].issue, Some(AccountIssue::NotOnAllowList));
    it.world.sim.set_developer_premium(DEMO_CLIENT_ID, true).unwrap();
    it.client.next(None).await.unwrap();
    assert_eq!(it.sent(), [DEMO_CLIENT_ID], "as soon as the issue is fixed");
    assert_eq!(it.state().accounts[0].issue, None);

    it.world.sim.set_user_premium("sim_user", false).unwrap();
    assert_eq!(it.client.next(None).await, Err(Error::PremiumRequired));
    assert_eq!(it.sent(), [DEMO_CLIENT_ID], "the user is the same with every app");
}

#[tokio::test]
async fn backup_of_another_user_is_refused_and_restored() {
    let it = Setup::new(&[BACKUP]).await;
    // Another user is signed in to Spotify in the browser.
    it.world.sim.set_allow_list(BACKUP_CLIENT_ID, None).unwrap();
    let page = it.auth.login(&it.ids[1]).await.unwrap();
    let back = it.world.sim.consent_as(page.as_str(), &spotify_sim::User::guest().id, true).unwrap();
    it.world.visit(back).await;
    let state = it.state();
    assert_eq!((state.accounts[1].state, &state.accounts[1].user), (AccountState::Linked, &None));
    it.world.sim.inject(Fault::throttle(Some(7)).of(DEMO_CLIENT_ID).times(1));
    assert!(it.client.next(None).await.is_err(), "it isn't used before its user is known");
    assert_eq!(it.sent().last().unwrap(), DEMO_CLIENT_ID);

    let user = it.client.me(&it.ids[1]).await.unwrap();
    identify(&it.auth, &it.ids[1], user.clone()).await;
    let state = it.state();
    let error = state.accounts[1].last_error.clone().unwrap();
    assert_eq!(error, AuthError::OtherUser { name: user.name.clone(), expected: "Simone Löwe".into() });
    assert!(error.to_string().contains(&user.name) && error.to_string().contains("Simone Löwe"));
    assert_eq!(state.accounts[1].user.as_ref().unwrap().name, "Simone Löwe", "the previous sign-in is restored");
    it.sent();
    it.client.next(None).await.unwrap();
    assert_eq!(it.sent(), [BACKUP_CLIENT_ID]);
}

#[tokio::test]
async fn user_switches_to_another_account() {
    let it = Setup::new(&[BACKUP]).await;
    it.auth.switch_account().await.unwrap();
    it.client.player().await.unwrap();
    assert_eq!(it.sent(), [BACKUP_CLIENT_ID]);
    assert!(it.state().accounts[1].is_preferred);
    it.world.clock.advance(1_500);
    it.auth.switch_account().await.unwrap();
    assert_eq!(it.serving(), Some(0));
    it.auth.prefer_account(Some(&it.ids[1])).await.unwrap();
    assert_eq!(it.serving(), Some(1));
    it.auth.prefer_account(None).await.unwrap();
    assert_eq!(it.serving(), Some(0));
    it.auth.remove(&it.ids[1]).await.unwrap();
    assert_eq!(it.auth.switch_account().await, Err(AuthError::NoOtherAccount));
}

#[tokio::test]
async fn account_order_survives_a_restart() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let config = world.config(StoreChoice::File(folder.path().join("accounts.json")));
    let auth = world.started(config.clone()).await;
    let it = Setup::with(world, auth, &[SIBLING, BACKUP]).await;
    it.auth.move_account(&it.ids[2], 0).await.unwrap();
    it.auth.move_account(&it.ids[0], 99).await.unwrap();
    let order: Vec<_> = [2, 1, 0].iter().map(|index| it.ids[*index].clone()).collect();
    let shown = |state: &AuthState| state.accounts.iter().map(|account| account.id.clone()).collect::<Vec<_>>();
    assert_eq!(shown(&it.state()), order);
    it.client.player().await.unwrap();
    assert_eq!(it.sent(), [BACKUP_CLIENT_ID]);
    assert_eq!(it.auth.move_account(&"unknown".into(), 0).await, Err(AuthError::UnknownAccount));
    let Setup { world, auth, client, .. } = it;
    drop((auth, client));
    let auth = world.started(config).await;
    assert_eq!(shown(&*until(&auth, |state| state.accounts.len() == 3).await), order);
}

#[tokio::test]
async fn search_works_without_a_sign_in() {
    let world = World::new().await;
    let auth = world.auth().await;
    let client = Client::new(world.http.clone(), Url::parse(&world.sim.api_url()).unwrap(), auth.clone());
    let search = async || client.search("a", &[UriKind::Track, UriKind::Playlist], &Market::of_this_computer()).await;
    assert_eq!(search().await, Err(Error::Account(AuthError::NotLinked)));
    auth.save(demo()).await.unwrap();
    world.sim.clear_requests();
    assert!(!search().await.unwrap().is_empty());
    search().await.unwrap();
    assert_eq!(world.grants("client_credentials"), 1, "one token for both");
    world.clock.advance(3_600_000);
    search().await.unwrap();
    world.sim.expire_access_tokens();
    search().await.unwrap();
    assert_eq!(world.grants("client_credentials"), 3, "a new one after it expires or is rejected");
    assert_eq!(client.player().await, Err(Error::Account(AuthError::NotLinked)), "it is no user token");
}

#[tokio::test]
async fn ended_sign_in_fails_over_to_the_next_account() {
    let it = Setup::new(&[BACKUP]).await;
    it.world.sim.inject(Fault::token_error("invalid_grant", "Refresh token expired").of(DEMO_CLIENT_ID).times(1));
    it.world.sim.expire_access_tokens();
    it.world.clock.advance(3_600_000);
    it.client.next(None).await.unwrap();
    assert_eq!(it.sent(), [BACKUP_CLIENT_ID]);
    assert_eq!((it.state().accounts[0].state, it.serving()), (AccountState::SignInAgain, Some(1)));
}

#[tokio::test]
async fn end_of_sign_in_is_announced_thirty_days_before() {
    let it = Setup::new(&[]).await;
    let day = 24 * 3_600_000;
    let ends = it.state().accounts[0].sign_in_ends.unwrap().as_millis();
    assert_eq!((ends - it.world.clock.unix_ms()) / day, 181);
    it.world.clock.advance(151 * day - 1);
    it.client.player().await.unwrap();
    assert!(!it.state().accounts[0].sign_in_ends_soon);
    it.world.clock.advance(1);
    it.client.player().await.unwrap();
    assert!(it.state().accounts[0].sign_in_ends_soon);
}

/// Presses and polls six times while an optional read is always refused. Returns how many of the presses succeeded, and
/// which account served each time.
async fn press_while_refused(it: &Setup, path: &str, fault: Fault) -> (usize, Vec<Option<usize>>) {
    it.world.sim.inject(fault.on("GET", path));
    let uris = [Uri::parse("spotify:track:7ouMYWpwJ422jRcDASZB7P").unwrap()];
    let (mut succeeded, mut serving) = (0, Vec::new());
    for _ in 0..6 {
        let extra = match path {
            "/v1/me/library/contains" => it.client.are_saved(&uris).await.map(drop),
            "/v1/me/player/queue" => it.client.queue().await.map(drop),
            "/v1/me/player/devices" => it.client.devices().await.map(drop),
            "/v1/me/playlists" => it.client.playlists(0).await.map(drop),
            _ => it.client.search("a", &[UriKind::Track], &Market::of_this_computer()).await.map(drop),
        };
        assert!(extra.is_err() || it.ids.len() > 1, "{path}");
        succeeded += usize::from(it.client.next(None).await.is_ok() && it.client.player().await.is_ok());
        serving.push(it.serving());
        it.world.clock.advance(11_000);
    }
    (succeeded, serving)
}

const EXTRAS: [&str; 5] =
    ["/v1/me/library/contains", "/v1/me/player/queue", "/v1/me/player/devices", "/v1/me/playlists", "/v1/search"];

#[tokio::test]
async fn presses_succeed_while_an_optional_call_is_throttled() {
    for path in EXTRAS {
        let it = Setup::new(&[]).await;
        let (succeeded, serving) = press_while_refused(&it, path, Fault::throttle(Some(11))).await;
        assert_eq!(succeeded, 5, "{path}: the first refusal may limit the whole app");
        assert_eq!(serving, [&[None][..], &[Some(0); 5]].concat(), "{path}");
        let refused = it.world.sim.requests().iter().filter(|request| request.status() == Some(429)).count();
        assert!(refused <= 4, "{path}: sent {refused} times in spite of the back-off");
    }
}

#[tokio::test]
async fn backup_serves_only_the_throttled_call() {
    for path in EXTRAS {
        let it = Setup::new(&[BACKUP]).await;
        let fault = Fault::throttle(Some(11)).of(DEMO_CLIENT_ID);
        let (succeeded, serving) = press_while_refused(&it, path, fault).await;
        assert_eq!(succeeded, 6, "{path}");
        assert_eq!(serving, [&[Some(1)][..], &[Some(0); 5]].concat(), "{path}: no alternating");
    }
}

#[tokio::test]
async fn quota_of_an_optional_read_does_not_affect_presses() {
    for path in ["/v1/me/library/contains", "/v1/me/player/queue", "/v1/me/player/devices", "/v1/me/playlists"] {
        let it = Setup::new(&[]).await;
        let (succeeded, _) = press_while_refused(&it, path, Fault::quota(Some(50_000))).await;
        assert_eq!(succeeded, 6, "{path}");
        assert_eq!(it.state().limit, None);
        assert_eq!(it.state().accounts[0].call_limits.len(), 1, "{path}");
    }
}
