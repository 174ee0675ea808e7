//! What the choice promises, shown by examples, and then for whatever may happen.

use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_800_000_000_000;
const HOUR: u64 = 3_600_000;

fn members<'a>(list: &[(&'a str, &'a str)]) -> Vec<Member<'a>> {
    list.iter().map(|(app, developer)| Member { app, developer, usable: true }).collect()
}

fn three() -> Vec<Member<'static>> {
    members(&[("a", "A"), ("b", "B"), ("c", "C")])
}

fn throttle(seconds: u64) -> Outcome {
    Outcome::Limited(LimitKind::Throttle, Some(Duration::from_secs(seconds)))
}

fn quota(seconds: u64) -> Outcome {
    Outcome::Limited(LimitKind::Quota, Some(Duration::from_secs(seconds)))
}

fn serving(rotation: &Rotation, now_ms: u64, route: impl Into<Route>, members: &[Member<'_>]) -> Option<usize> {
    match rotation.choose(now_ms, route, members) {
        Choice::Serve { index, .. } => Some(index),
        Choice::Wait(_) | Choice::NoneUsable => None,
    }
}

#[test]
fn rotation_serves_the_next_account_during_a_throttle() {
    let mut rotation = Rotation::default();
    assert_eq!(rotation.choose(NOW, Group::Player, &three()), Choice::Serve { index: 0, until_ms: None });
    rotation.on_outcome(NOW, "a", Group::Player, throttle(7));
    let meanwhile = Choice::Serve { index: 1, until_ms: Some(NOW + 7_000) };
    assert_eq!(rotation.choose(NOW, Group::Player, &three()), meanwhile);
    assert_eq!(rotation.choose(NOW + 6_999, Group::Library, &three()), meanwhile, "a throttle is for everything");
    assert_eq!(serving(&rotation, NOW + 7_000, Group::Player, &three()), Some(0));
}

#[test]
fn quota_shuts_its_group_on_all_apps_of_a_developer() {
    let mut rotation = Rotation::default();
    let list = members(&[("a", "A"), ("sibling", "A"), ("b", "B")]);
    rotation.on_outcome(NOW, "a", Group::Player, quota(50_000));
    assert_eq!(serving(&rotation, NOW, Group::Player, &list), Some(2));
    assert_eq!(serving(&rotation, NOW, Group::Library, &list), Some(0), "another bucket still answers");
    let strangers = members(&[("a", "A"), ("sibling", "S"), ("b", "B")]);
    assert_eq!(
        serving(&rotation, NOW, Group::Player, &strangers),
        Some(1),
        "they are not marked as belonging together"
    );
    assert_eq!(
        rotation.limits(NOW, &list, 1),
        [(Some(Group::Player), Limit { until_ms: NOW + 50_000_000, kind: LimitKind::Quota })]
    );
}

#[test]
fn rotation_waits_for_the_earliest_end_when_all_are_shut() {
    let mut rotation = Rotation::default();
    rotation.on_outcome(NOW, "a", Group::Player, quota(50_000));
    rotation.on_outcome(NOW, "b", Group::Player, throttle(9));
    rotation.on_outcome(NOW, "c", Group::Player, throttle(4));
    let wait = Choice::Wait(Limit { until_ms: NOW + 4_000, kind: LimitKind::Throttle });
    assert_eq!(rotation.choose(NOW, Group::Player, &three()), wait);
    assert_eq!(serving(&rotation, NOW + 4_000, Group::Player, &three()), Some(2));
    assert_eq!(serving(&rotation, NOW + 9_000, Group::Player, &three()), Some(1));
    assert_eq!(rotation.choose(NOW, Group::Player, &[]), Choice::NoneUsable);
}

#[test]
fn limit_is_not_ended_by_a_shorter_one() {
    let mut rotation = Rotation::default();
    rotation.on_outcome(NOW, "a", Group::Player, quota(86_207));
    rotation.on_outcome(NOW + 10, "a", Group::Player, quota(1));
    rotation.on_outcome(NOW + 10, "a", Group::Player, throttle(1));
    let wait = Choice::Wait(Limit { until_ms: NOW + 86_207_000, kind: LimitKind::Quota });
    assert_eq!(rotation.choose(NOW + 10, Group::Player, &three()[..1]), wait);
}

#[test]
fn guessed_waits_grow_within_bounds_and_are_forgotten() {
    let mut rotation = Rotation::default();
    let one = &three()[..1];
    let mut now = NOW;
    let mut waits = Vec::new();
    let mut refuse = |now: u64| {
        rotation.on_outcome(now, "a", Group::Player, Outcome::Limited(LimitKind::Throttle, None));
        rotation.shut(now, Group::Player, one, 0).unwrap().until_ms - now
    };
    for _ in 0..9 {
        let wait = refuse(now);
        waits.push(wait / 1000);
        now += wait;
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    assert_eq!(refuse(now + 601_000), 5_000);
}

#[test]
fn limit_is_capped_and_opens_when_the_clock_is_set_back() {
    let mut rotation = Rotation::default();
    let one = &three()[..1];
    rotation.on_outcome(NOW, "a", Group::Player, throttle(u64::MAX));
    assert_eq!(rotation.shut(NOW, Group::Player, one, 0).unwrap().until_ms, NOW + 48 * HOUR);
    assert_eq!(rotation.shut(NOW - HOUR, Group::Player, one, 0), None);
    rotation.on_outcome(NOW - HOUR, "a", Group::Player, throttle(0));
    assert_eq!(rotation.shut(NOW - HOUR, Group::Player, one, 0).unwrap().until_ms, NOW - HOUR + 1_000);
}

#[test]
fn limit_keeps_its_length_when_the_clock_is_set_back() {
    let year = 365 * 24 * HOUR;
    let mut rotation = Rotation::default();
    rotation.on_outcome(NOW, "a", Group::Player, quota(3_600));
    rotation.on_outcome(NOW, "a", Group::Player, throttle(7));
    rotation.on_outcome(NOW, "b", Group::Player, Outcome::Issue(AccountIssue::NotOnAllowList));
    for back in [10 * HOUR, year] {
        let mut rotation = rotation.clone();
        rotation.set_back(back);
        let wanted = Limit { until_ms: NOW - back + HOUR, kind: LimitKind::Quota };
        assert_eq!(rotation.shut(NOW - back, Group::Player, &three(), 0), Some(wanted));
        assert_eq!(rotation.choose(NOW - back, Group::Player, &three()), {
            Choice::Serve { index: 2, until_ms: Some(NOW - back + HOUR) }
        });
        assert_eq!(rotation.shut(NOW - back + HOUR, Group::Player, &three(), 0), None);
    }
}

#[test]
fn limit_of_a_future_clock_never_hides_a_real_one() {
    let mut wrong = Rotation::default();
    wrong.on_outcome(NOW + 365 * 24 * HOUR, "a", Group::Player, quota(50));
    wrong.on_outcome(NOW + 365 * 24 * HOUR, "a", Group::Player, throttle(50));
    let mut right = Rotation::default();
    right.on_outcome(NOW, "a", Group::Player, quota(50));
    right.on_outcome(NOW, "a", Group::Library, throttle(40));
    let (mut one, mut other) = (right.clone(), wrong.clone());
    one.take_in(NOW, wrong);
    other.take_in(NOW, right);
    for rotation in [one, other] {
        assert_eq!(rotation.shut(NOW, Group::Player, &three(), 0).unwrap().until_ms, NOW + 50_000);
        assert_eq!(rotation.shut(NOW, Group::Library, &three(), 0).unwrap().until_ms, NOW + 40_000);
    }
}

#[test]
fn switch_is_taken_back_only_by_a_later_one() {
    let mut rotation = Rotation::default();
    assert_eq!(rotation.switch(NOW, &three()), Some(1));
    assert_eq!(rotation.switch(NOW - HOUR, &three()), Some(2), "the clock was set back");
}

#[test]
fn app_with_an_issue_serves_after_others_or_alone() {
    let mut rotation = Rotation::default();
    rotation.on_outcome(NOW, "a", Group::Player, Outcome::Issue(AccountIssue::NotOnAllowList));
    assert_eq!(rotation.choose(NOW, Group::Player, &three()), Choice::Serve { index: 1, until_ms: Some(NOW + HOUR) });
    assert_eq!(serving(&rotation, NOW, Group::Player, &three()[..1]), Some(0));
    rotation.clear_issue("a");
    assert_eq!(serving(&rotation, NOW, Group::Player, &three()), Some(0));

    rotation.on_outcome(NOW, "a", Group::Player, Outcome::Issue(AccountIssue::UserNeedsPremium));
    assert_eq!(serving(&rotation, NOW, Group::Player, &three()), Some(0), "no other app would help");
    rotation.on_outcome(NOW, "a", Group::Player, Outcome::Served { command: false });
    assert_eq!(rotation.issue("a"), Some(AccountIssue::UserNeedsPremium), "reading needs no Premium");
    rotation.on_outcome(NOW, "a", Group::Player, Outcome::Served { command: true });
    assert_eq!(rotation.issue("a"), None);
}

const CONTAINS: &str = "GET me/library/contains";
const QUEUE: &str = "GET me/player/queue";

fn route(group: Group, endpoint: &'static str, is_extra: bool) -> Route {
    Route { group, endpoint: endpoint.into(), is_extra }
}

fn contains() -> Route {
    route(Group::Library, CONTAINS, true)
}

fn poll() -> Route {
    route(Group::Player, "GET me/player", false)
}

const SERVED: Outcome = Outcome::Served { command: false };

#[test]
fn endpoint_refused_again_is_shut_alone_and_backed_off() {
    let mut rotation = Rotation::default();
    let one = &three()[..1];
    rotation.on_outcome(NOW, "a", contains(), throttle(11));
    assert_eq!(serving(&rotation, NOW, poll(), one), None, "the first refusal is taken at its word");
    let mut now = NOW;
    for (wait, next) in [(11, 11), (11, 22), (22, 44), (44, 88)] {
        now += wait * 1_000;
        rotation.on_outcome(now, "a", poll(), SERVED);
        rotation.on_outcome(now, "a", contains(), throttle(11));
        assert_eq!(serving(&rotation, now, poll(), one), Some(0));
        let until_ms = now + next * 1_000;
        assert_eq!(rotation.shut(now, contains(), one, 0), Some(Limit { until_ms, kind: LimitKind::Throttle }));
        assert_eq!(rotation.call_limits(now, "a")[0].1.until_ms, until_ms);
        assert_eq!(rotation.limits(now, one, 0), [], "nothing else is shut");
    }
    for _ in 0..20 {
        now = rotation.shut(now, contains(), one, 0).unwrap().until_ms;
        rotation.on_outcome(now, "a", contains(), throttle(11));
    }
    assert_eq!(rotation.shut(now, contains(), one, 0).unwrap().until_ms, now + HOUR);
}

#[test]
fn endpoint_of_the_player_is_shut_without_the_player() {
    let mut rotation = Rotation::default();
    let queue = || route(Group::Player, QUEUE, true);
    for (later, outcome) in [(0, throttle(11)), (11_000, throttle(11))] {
        rotation.on_outcome(NOW + later, "a", queue(), outcome);
        rotation.on_outcome(NOW + later, "a", poll(), SERVED);
    }
    assert_eq!(serving(&rotation, NOW + 11_000, poll(), &three()), Some(0));
    assert_eq!(serving(&rotation, NOW + 11_000, Group::Player, &three()), Some(0), "a press");
    assert_eq!(serving(&rotation, NOW + 11_000, queue(), &three()), Some(1), "another account serves this call alone");
}

#[test]
fn endpoint_refused_after_its_retry_after_is_shut_alone() {
    let one = &three()[..1];
    for (retry_after, poll_goes_on) in [(Some(Duration::from_secs(11)), true), (None, false)] {
        let mut rotation = Rotation::default();
        let refused = Outcome::Limited(LimitKind::Throttle, retry_after);
        rotation.on_outcome(NOW, "a", contains(), refused);
        rotation.on_outcome(NOW + 11_000, "a", contains(), refused);
        assert_eq!(serving(&rotation, NOW + 11_000, poll(), one).is_some(), poll_goes_on, "{retry_after:?}");
    }
}

#[test]
fn app_is_shut_when_several_endpoints_are_refused_in_turn() {
    let mut rotation = Rotation::default();
    let mut now = NOW;
    for _ in 0..3 {
        for refused in [contains(), poll()] {
            rotation.on_outcome(now, "a", refused, throttle(7));
            assert_eq!(serving(&rotation, now, Group::Catalog, &three()[..1]), None);
            now += 7_000;
        }
    }
}

#[test]
fn calls_refused_together_count_once() {
    let mut rotation = Rotation::default();
    let one = &three()[..1];
    for later in 0..4 {
        rotation.on_outcome(NOW + later, "a", contains(), throttle(7));
    }
    assert_eq!(serving(&rotation, NOW + 10, poll(), one), None);
    rotation.on_outcome(NOW + 7_003, "a", contains(), throttle(7));
    assert_eq!(rotation.shut(NOW + 7_003, contains(), one, 0).unwrap().until_ms, NOW + 14_003);
}

#[test]
fn served_endpoint_is_trusted_again_unless_it_was_refused_alone() {
    let one = &three()[..1];
    for (refusals, poll_goes_on) in [(1, false), (2, true)] {
        let mut rotation = Rotation::default();
        let mut now = NOW;
        for _ in 0..refusals {
            rotation.on_outcome(now, "a", contains(), throttle(7));
            now += 7_000;
            rotation.on_outcome(now, "a", poll(), SERVED);
        }
        rotation.on_outcome(now, "a", contains(), SERVED);
        rotation.on_outcome(now + 1_000, "a", contains(), throttle(7));
        assert_eq!(serving(&rotation, now + 1_000, poll(), one).is_some(), poll_goes_on, "{refusals} refusals");
        assert_eq!(rotation.shut(now + 1_000, contains(), one, 0).unwrap().until_ms, now + 8_000);
    }
}

#[test]
fn quota_of_an_extra_read_shuts_that_read_alone() {
    let mut rotation = Rotation::default();
    rotation.on_outcome(NOW, "a", route(Group::Player, QUEUE, true), quota(50_000));
    assert_eq!(serving(&rotation, NOW, poll(), &three()), Some(0));
    let text = serde_json::to_string(&rotation).unwrap();
    let back: Rotation = serde_json::from_str(&text).unwrap();
    let limit = Limit { until_ms: NOW + 50_000_000, kind: LimitKind::Quota };
    assert_eq!(back.call_limits(NOW, "a"), [(Group::Player, limit)]);
    let mut other = Rotation::default();
    other.take_in(NOW, back);
    assert_eq!(other.call_limits(NOW, "a"), [(Group::Player, limit)]);
}

#[test]
fn premium_shown_by_one_app_counts_for_all() {
    let mut rotation = Rotation::default();
    for app in ["a", "b"] {
        rotation.on_outcome(NOW, app, Group::Player, Outcome::Issue(AccountIssue::UserNeedsPremium));
    }
    rotation.on_outcome(NOW, "c", Group::Player, Outcome::Issue(AccountIssue::NotOnAllowList));
    rotation.on_outcome(NOW, "b", Group::Player, Outcome::Served { command: true });
    let troubles = ["a", "b", "c"].map(|app| rotation.issue(app));
    assert_eq!(troubles, [None, None, Some(AccountIssue::NotOnAllowList)]);
}

#[test]
fn numbers_from_a_file_saturate() {
    let text = |number: &str| {
        format!(
            r#"{{"apps":{{"a":{{"throttledUntil":{number},"quotaUntil":{{"player":{number},"later":1}},
            "endpoints":{{"GET me":{{"group":"profile","kind":"throttle","until":{number},"inARow":{number},"alone":true}}}},
            "usage":{{"player":{{"recent":[{number}],"minutes":[[{number},4294967295],[{number},4294967295]],"quarters":[]}}}}}}}}}}"#
        )
    };
    for number in ["18446744073709551615", "36893488147419103230", "-1", "1e300", "0.5", "null", "\"soon\"", "[]"] {
        let mut rotation: Rotation = serde_json::from_str(&text(number)).unwrap();
        let members = &three()[..1];
        let _ = rotation.strained_until(NOW, "a");
        let _ = rotation.counts(NOW, "a");
        rotation.on_sent(NOW, "a", Group::Player);
        for later in 0..3 {
            rotation.on_outcome(NOW + later * 100_000, "a", route(Group::Profile, "GET me", false), throttle(1));
        }
        rotation.set_back(u64::MAX);
        rotation.take_in(NOW, serde_json::from_str(&text(number)).unwrap());
        rotation.tidy(NOW);
        let _ = rotation.choose(NOW, Group::Player, members);
    }
}

#[test]
fn unreadable_parts_of_the_file_are_left_out_alone() {
    let text = r#"{"apps":{"a":{"throttledUntil":1800000007000,"quotaUntil":{"player":1800000009000,"podcasts":5}},
        "b":"odd","c":{"usage":{"player":[]}}},"by_hand":7}"#;
    let rotation: Rotation = serde_json::from_str(text).unwrap();
    assert_eq!(rotation.limits(NOW, &three(), 0).len(), 2);
    assert_eq!(rotation.by_hand(), None);
}

#[test]
fn app_is_spared_after_a_throttle_and_in_a_busy_hour() {
    let mut rotation = Rotation::default();
    assert_eq!(rotation.strained_until(NOW, "a"), None);
    rotation.on_outcome(NOW, "a", Group::Player, throttle(7));
    assert_eq!(rotation.strained_until(NOW, "a"), Some(NOW + 127_000));
    assert_eq!(rotation.strained_until(NOW + 127_000, "a"), None);
    for _ in 0..1_001 {
        rotation.on_sent(NOW, "b", Group::Player);
    }
    assert_eq!(rotation.strained_until(NOW + 10, "b"), Some(NOW + 60_000));
    assert_eq!(rotation.strained_until(NOW + HOUR, "b"), None);
}

#[test]
fn switch_goes_round_and_back_within_two_seconds() {
    let mut rotation = Rotation::default();
    let list = three();
    let serves = |rotation: &Rotation, now| serving(rotation, now, Group::Player, &list).unwrap();
    assert_eq!(rotation.switch(NOW, &list), Some(1));
    assert_eq!((serves(&rotation, NOW), rotation.by_hand()), (1, Some("b")));
    assert_eq!(rotation.switch(NOW + 1_999, &list), Some(0), "a second press takes it back");
    assert_eq!((serves(&rotation, NOW), rotation.by_hand()), (0, None));
    for (press, index) in [(1, 1), (2, 2), (3, 0), (4, 1)] {
        assert_eq!(rotation.switch(NOW + press * 10_000, &list), Some(index));
    }
    rotation.on_outcome(NOW + 41_000, "b", Group::Player, throttle(9));
    assert_eq!(serves(&rotation, NOW + 41_000), 0, "the list's order from there");
    assert_eq!(serves(&rotation, NOW + 50_000), 1, "and back to the user's choice");
    rotation.put_first(None, &list);
    assert_eq!(serves(&rotation, NOW + 50_000), 0);
    assert_eq!(rotation.switch(NOW, &list[..1]), None, "there is no other");
}

#[test]
fn rotation_survives_its_file_without_growing() {
    let mut rotation = Rotation::default();
    rotation.on_outcome(NOW, "a", Group::Player, quota(50_000));
    rotation.on_outcome(NOW, "b", Group::Player, throttle(9));
    rotation.on_sent(NOW, "a", Group::Player);
    let text = serde_json::to_string(&rotation).unwrap();
    let mut back: Rotation = serde_json::from_str(&text).unwrap();
    assert_eq!(back.choose(NOW, Group::Player, &three()[..2]), rotation.choose(NOW, Group::Player, &three()[..2]));
    assert_eq!(back.counts(NOW, "a")[0].1.last_day, 1);
    let mut other = Rotation::default();
    other.on_outcome(NOW, "a", Group::Player, quota(10));
    other.on_outcome(NOW, "c", Group::Library, quota(10));
    back.take_in(NOW, other);
    assert_eq!(back.limits(NOW, &three(), 0)[0].1.until_ms, NOW + 50_000_000);
    assert_eq!(back.limits(NOW, &three(), 2)[0].1.until_ms, NOW + 10_000);
    back.tidy(NOW + 48 * HOUR);
    assert_eq!(back, Rotation::default());
}

/// Something that happens, and how much later.
#[derive(Clone, Debug)]
enum Step {
    Outcome(usize, Group, Outcome),
    Switch,
    PutFirst(Option<usize>),
    Settle(usize),
}

const APPS: [&str; 4] = ["a", "b", "c", "d"];

fn group() -> impl Strategy<Value = Group> {
    prop::sample::select(GROUPS.to_vec())
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let wait = prop::option::of(prop_oneof![0..20_u64, 0..90_000_u64, Just(u64::MAX)]);
    let wait = wait.prop_map(|seconds| seconds.map(Duration::from_secs));
    prop_oneof![
        any::<bool>().prop_map(|command| Outcome::Served { command }),
        wait.clone().prop_map(|wait| Outcome::Limited(LimitKind::Throttle, wait)),
        wait.prop_map(|wait| Outcome::Limited(LimitKind::Quota, wait)),
        prop::sample::select(vec![
            AccountIssue::UserNeedsPremium,
            AccountIssue::AppOwnerNeedsPremium,
            AccountIssue::NotOnAllowList
        ])
        .prop_map(Outcome::Issue),
    ]
}

fn step() -> impl Strategy<Value = (u64, Step)> {
    let what = prop_oneof![
        6 => (0..APPS.len(), group(), outcome()).prop_map(|(app, group, outcome)| Step::Outcome(app, group, outcome)),
        1 => Just(Step::Switch),
        1 => prop::option::of(0..APPS.len()).prop_map(Step::PutFirst),
        1 => (0..APPS.len()).prop_map(Step::Settle),
    ];
    (prop_oneof![0..3_000_u64, 0..4 * HOUR], what)
}

prop_compose! {
    /// A list of accounts: some unusable, some of the same developer.
    fn list()(sizes in prop::collection::vec((0..3_usize, prop::bool::weighted(0.8)), 0..=APPS.len())) -> Vec<Member<'static>> {
        sizes.iter().zip(APPS).map(|((developer, usable), app)| Member { app, developer: APPS[*developer], usable: *usable }).collect()
    }
}

/// Plays the steps, and gives the machine with the time of the last one.
fn played(list: &[Member<'_>], steps: &[(u64, Step)]) -> (Rotation, u64) {
    let mut rotation = Rotation::default();
    let mut now = NOW;
    for (later, step) in steps {
        now += later;
        match step {
            Step::Outcome(app, group, outcome) => rotation.on_outcome(now, APPS[*app], *group, *outcome),
            Step::Switch => drop(rotation.switch(now, list)),
            Step::PutFirst(app) => rotation.put_first(app.map(|app| APPS[app]), list),
            Step::Settle(app) => rotation.clear_issue(APPS[*app]),
        }
    }
    (rotation, now)
}

proptest! {
    #[test]
    fn rotation_never_picks_a_shut_account(list in list(), steps in prop::collection::vec(step(), 0..30), later in 0..50 * HOUR, group in group()) {
        let (rotation, now) = played(&list, &steps);
        match rotation.choose(now + later, group, &list) {
            Choice::Serve { index, .. } => {
                prop_assert!(list[index].usable);
                prop_assert_eq!(rotation.shut(now + later, group, &list, index), None);
            }
            Choice::Wait(limit) => {
                prop_assert!(limit.until_ms > now + later);
                for index in (0..list.len()).filter(|index| list[*index].usable) {
                    let shut = rotation.shut(now + later, group, &list, index);
                    prop_assert!(shut.is_some_and(|shut| shut.until_ms >= limit.until_ms));
                }
            }
            Choice::NoneUsable => prop_assert!(list.iter().all(|member| !member.usable)),
        }
    }

    #[test]
    fn rotation_prefers_the_first_open_account(list in list(), steps in prop::collection::vec(step(), 0..30), later in 0..50 * HOUR, group in group()) {
        let (rotation, now) = played(&list, &steps);
        let now = now + later;
        if let Choice::Serve { index, .. } = rotation.choose(now, group, &list) {
            let first = rotation.by_hand().and_then(|app| list.iter().position(|member| member.app == app));
            let before = first.into_iter().chain(0..list.len()).take_while(|other| *other != index);
            for other in before.filter(|other| list[*other].usable) {
                let shut = rotation.shut(now, group, &list, other).is_some();
                prop_assert!(shut || rotation.aside(now, &list, other).is_some(), "{} was open before {}", other, index);
            }
        }
    }

    #[test]
    fn choice_holds_until_the_time_that_it_names(list in list(), steps in prop::collection::vec(step(), 0..30), part in 0.0..1.0_f64, group in group()) {
        let (rotation, now) = played(&list, &steps);
        let answer = rotation.choose(now, group, &list);
        let (until, far) = match answer {
            Choice::Serve { until_ms, .. } => (until_ms, 100 * HOUR),
            Choice::Wait(limit) => (Some(limit.until_ms), 0),
            Choice::NoneUsable => (None, 100 * HOUR),
        };
        let end = until.unwrap_or(now + far);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place within the time")]
        let between = now + ((end - now - 1) as f64 * part) as u64;
        prop_assert_eq!(rotation.choose(between, group, &list), answer);
        prop_assert_eq!(rotation.choose(end - 1, group, &list), answer);
        if let Some(until) = until {
            let then = rotation.choose(until, group, &list);
            prop_assert_ne!(then, answer);
            prop_assert!(matches!(then, Choice::Serve { .. }), "when its time is over somebody serves: {:?}", then);
        }
    }

    #[test]
    fn rotation_needs_no_timer_and_no_memory_of_queries(list in list(), steps in prop::collection::vec(step(), 0..30), later in 0..50 * HOUR, group in group()) {
        let (rotation, now) = played(&list, &steps);
        let text = serde_json::to_string(&rotation).unwrap();
        let back: Rotation = serde_json::from_str(&text).unwrap();
        let limits = |rotation: &Rotation| (0..list.len()).map(|index| rotation.shut(now + later, group, &list, index)).collect::<Vec<_>>();
        prop_assert_eq!(limits(&back), limits(&rotation), "what is shut survives a restart");
        let mut tidy = rotation.clone();
        tidy.tidy(now);
        prop_assert_eq!(tidy.choose(now + later, group, &list), rotation.choose(now + later, group, &list));
    }
}
