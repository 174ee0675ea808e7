//! Several accounts against the simulated Spotify: who serves, what is sent, and what is kept.

use std::sync::Arc;
use std::time::Duration;

use spotify_sim::{
    BACKUP_CLIENT_ID, BACKUP_CLIENT_SECRET, DEMO_CLIENT_ID, Fault, SIBLING_CLIENT_ID, SIBLING_CLIENT_SECRET,
};

use super::*;
use crate::auth::testing::{World, demo, identify, until};
use crate::auth::{AccountId, AccountState, AuthState, LimitKind, SaveAccount, Secret, StoreChoice};
use crate::clock::Clock as _;

/// The demo account and others, all signed in, and known to be the user's.
struct Several {
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

impl Several {
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

    /// The Client IDs whose calls have arrived at the Web API since the last look.
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
async fn a_throttled_call_is_replayed_on_the_next_account_and_the_first_is_back_by_itself() {
    let it = Several::new(&[BACKUP]).await;
    it.world.sim.inject(Fault::throttle(Some(7)).of(DEMO_CLIENT_ID).times(1));
    it.client.pause(None).await.unwrap();
    assert_eq!(it.sent(), [DEMO_CLIENT_ID, BACKUP_CLIENT_ID]);
    assert!(!it.world.sim.playback().is_playing, "the press has come through");
    assert_eq!((it.serving(), it.state().limit), (Some(1), None));

    it.world.clock.advance(6_999);
    it.client.player().await.unwrap();
    assert_eq!(it.sent(), [BACKUP_CLIENT_ID]);
    it.world.clock.advance(1);
    it.client.player().await.unwrap();
    assert_eq!(it.sent(), [DEMO_CLIENT_ID], "back at once, and by a call that was made anyway");
    assert_eq!(it.serving(), Some(0));
    assert!(it.state().strained_until.is_some_and(|until| until.as_millis() > it.world.clock.unix_ms()));
    let usage: Vec<_> =
        it.auth.counts().await.into_iter().flatten().map(|(group, counts)| (group, counts.last_hour)).collect();
    // With the question whose sign-in it is.
    assert_eq!(usage, [(Group::Player, 2), (Group::Profile, 1), (Group::Player, 2), (Group::Profile, 1)]);
}

#[tokio::test]
async fn a_quota_is_the_developers_and_the_groups() {
    let it = Several::new(&[SIBLING, BACKUP]).await;
    let day = Duration::from_secs(50_000);
    it.world.sim.exhaust_quota(DEMO_CLIENT_ID, Some(spotify_sim::Group::Player), day).unwrap();
    it.client.player().await.unwrap();
    assert_eq!(
        it.sent(),
        [DEMO_CLIENT_ID, SIBLING_CLIENT_ID, BACKUP_CLIENT_ID],
        "nobody has said who belongs together"
    );
    it.client.next(None).await.unwrap();
    assert_eq!(it.sent(), [BACKUP_CLIENT_ID]);
    it.client.search("a", &[UriKind::Track], &Market::of_this_computer()).await.unwrap();
    assert_eq!(it.sent(), [DEMO_CLIENT_ID], "other groups still answer");
    it.world.clock.advance(50_000_000);
    it.client.player().await.unwrap();
    assert_eq!(it.sent(), [DEMO_CLIENT_ID]);

    let said = SaveAccount {
        id: Some(it.ids[1].clone()),
        same_developer_as: Some(Some(it.ids[0].clone())),
        ..account(SIBLING)
    };
    it.auth.save(said).await.unwrap();
    it.world.sim.exhaust_quota(DEMO_CLIENT_ID, Some(spotify_sim::Group::Player), day).unwrap();
    it.client.player().await.unwrap();
    assert_eq!(it.sent(), [DEMO_CLIENT_ID, BACKUP_CLIENT_ID], "the sibling is spared");
    let limits: Vec<_> = it.state().accounts.iter().map(|account| account.limits.len()).collect();
    assert_eq!(limits, [1, 1, 0]);
}

#[tokio::test]
async fn when_all_are_shut_nothing_is_sent_until_the_first_opens() {
    let it = Several::new(&[BACKUP]).await;
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
    let it = Several::with(world, auth, &[]).await;
    it.world.sim.inject(Fault::quota(Some(50_400)).times(1));
    assert!(it.client.player().await.is_err());
    let Several { world, auth, client, .. } = it;
    let counted = auth.counts().await;
    // A limit is written down at once, beside the call that met it.
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
async fn an_app_in_trouble_is_passed_over_and_alone_it_is_tried() {
    let it = Several::new(&[BACKUP]).await;
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
    assert_eq!(it.sent(), [DEMO_CLIENT_ID], "as soon as somebody has done something about it");
    assert_eq!(it.state().accounts[0].issue, None);

    it.world.sim.set_user_premium("sim_user", false).unwrap();
    assert_eq!(it.client.next(None).await, Err(Error::PremiumRequired));
    assert_eq!(it.sent(), [DEMO_CLIENT_ID], "the user is the same with every app");
}

#[tokio::test]
async fn a_backup_of_another_user_is_refused_with_both_names_and_loses_nothing() {
    let it = Several::new(&[BACKUP]).await;
    // Somebody else happens to be signed in at Spotify in the browser.
    it.world.sim.set_allow_list(BACKUP_CLIENT_ID, None).unwrap();
    let page = it.auth.login(&it.ids[1]).await.unwrap();
    let back = it.world.sim.consent_as(page.as_str(), &spotify_sim::User::guest().id, true).unwrap();
    it.world.visit(back).await;
    let state = it.state();
    assert_eq!((state.accounts[1].state, &state.accounts[1].user), (AccountState::Linked, &None));
    it.world.sim.inject(Fault::throttle(Some(7)).of(DEMO_CLIENT_ID).times(1));
    assert!(it.client.next(None).await.is_err(), "it serves nobody before it is known whose it is");
    assert_eq!(it.sent().last().unwrap(), DEMO_CLIENT_ID);

    let user = it.client.me(&it.ids[1]).await.unwrap();
    identify(&it.auth, &it.ids[1], user.clone()).await;
    let state = it.state();
    let problem = state.accounts[1].last_error.clone().unwrap();
    assert_eq!(problem, AuthError::OtherUser { name: user.name.clone(), expected: "Simone Löwe".into() });
    assert!(problem.to_string().contains(&user.name) && problem.to_string().contains("Simone Löwe"));
    assert_eq!(state.accounts[1].user.as_ref().unwrap().name, "Simone Löwe", "the sign-in of before is back");
    it.sent();
    it.client.next(None).await.unwrap();
    assert_eq!(it.sent(), [BACKUP_CLIENT_ID]);
}

#[tokio::test]
async fn by_hand_another_account_serves() {
    let it = Several::new(&[BACKUP]).await;
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
async fn the_order_is_the_users_and_outlives_a_restart() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let config = world.config(StoreChoice::File(folder.path().join("accounts.json")));
    let auth = world.started(config.clone()).await;
    let it = Several::with(world, auth, &[SIBLING, BACKUP]).await;
    it.auth.move_account(&it.ids[2], 0).await.unwrap();
    it.auth.move_account(&it.ids[0], 99).await.unwrap();
    let order: Vec<_> = [2, 1, 0].iter().map(|index| it.ids[*index].clone()).collect();
    let shown = |state: &AuthState| state.accounts.iter().map(|account| account.id.clone()).collect::<Vec<_>>();
    assert_eq!(shown(&it.state()), order);
    it.client.player().await.unwrap();
    assert_eq!(it.sent(), [BACKUP_CLIENT_ID]);
    assert_eq!(it.auth.move_account(&"nobody".into(), 0).await, Err(AuthError::UnknownAccount));
    let Several { world, auth, client, .. } = it;
    drop((auth, client));
    let auth = world.started(config).await;
    assert_eq!(shown(&*until(&auth, |state| state.accounts.len() == 3).await), order);
}

#[tokio::test]
async fn search_needs_nobody_to_sign_in() {
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
    assert_eq!(world.grants("client_credentials"), 3, "anew when it has run out, or is refused");
    assert_eq!(client.player().await, Err(Error::Account(AuthError::NotLinked)), "it is no user's token");
}

#[tokio::test]
async fn an_ended_sign_in_hands_over_to_the_next_account() {
    let it = Several::new(&[BACKUP]).await;
    it.world.sim.inject(Fault::token_error("invalid_grant", "Refresh token expired").of(DEMO_CLIENT_ID).times(1));
    it.world.sim.expire_access_tokens();
    it.world.clock.advance(3_600_000);
    it.client.next(None).await.unwrap();
    assert_eq!(it.sent(), [BACKUP_CLIENT_ID]);
    assert_eq!((it.state().accounts[0].state, it.serving()), (AccountState::SignInAgain, Some(1)));
}

#[tokio::test]
async fn six_months_are_announced_from_thirty_days_before() {
    let it = Several::new(&[]).await;
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

/// Six presses and polls while a read that only adds something is always refused: the answer of each, and who was asked.
async fn pressed_while_refused(it: &Several, path: &str, fault: Fault) -> (usize, Vec<Option<usize>>) {
    it.world.sim.inject(fault.on("GET", path));
    let uris = [Uri::parse("spotify:track:7ouMYWpwJ422jRcDASZB7P").unwrap()];
    let (mut arrived, mut serving) = (0, Vec::new());
    for _ in 0..6 {
        let extra = match path {
            "/v1/me/library/contains" => it.client.are_saved(&uris).await.map(drop),
            "/v1/me/player/queue" => it.client.queue().await.map(drop),
            "/v1/me/player/devices" => it.client.devices().await.map(drop),
            "/v1/me/playlists" => it.client.playlists(0).await.map(drop),
            _ => it.client.search("a", &[UriKind::Track], &Market::of_this_computer()).await.map(drop),
        };
        assert!(extra.is_err() || it.ids.len() > 1, "{path}");
        arrived += usize::from(it.client.next(None).await.is_ok() && it.client.player().await.is_ok());
        serving.push(it.serving());
        it.world.clock.advance(11_000);
    }
    (arrived, serving)
}

const EXTRAS: [&str; 5] =
    ["/v1/me/library/contains", "/v1/me/player/queue", "/v1/me/player/devices", "/v1/me/playlists", "/v1/search"];

#[tokio::test]
async fn presses_go_on_while_one_call_is_always_throttled() {
    for path in EXTRAS {
        let it = Several::new(&[]).await;
        let (arrived, serving) = pressed_while_refused(&it, path, Fault::throttle(Some(11))).await;
        assert_eq!(arrived, 5, "{path}: the first refusal may shut the app");
        assert_eq!(serving, [&[None][..], &[Some(0); 5]].concat(), "{path}");
        let asked = it.world.sim.requests().iter().filter(|request| request.status() == Some(429)).count();
        assert!(asked <= 4, "{path}: it is backed off, and was asked {asked} times");
    }
}

#[tokio::test]
async fn backup_serves_only_the_call_that_is_always_throttled() {
    for path in EXTRAS {
        let it = Several::new(&[BACKUP]).await;
        let fault = Fault::throttle(Some(11)).of(DEMO_CLIENT_ID);
        let (arrived, serving) = pressed_while_refused(&it, path, fault).await;
        assert_eq!(arrived, 6, "{path}");
        assert_eq!(serving, [&[Some(1)][..], &[Some(0); 5]].concat(), "{path}: no flipping");
    }
}

#[tokio::test]
async fn quota_of_one_read_leaves_the_presses_alone() {
    for path in ["/v1/me/library/contains", "/v1/me/player/queue", "/v1/me/player/devices", "/v1/me/playlists"] {
        let it = Several::new(&[]).await;
        let (arrived, _) = pressed_while_refused(&it, path, Fault::quota(Some(50_000))).await;
        assert_eq!(arrived, 6, "{path}");
        assert_eq!(it.state().limit, None);
        assert_eq!(it.state().accounts[0].call_limits.len(), 1, "{path}");
    }
}
