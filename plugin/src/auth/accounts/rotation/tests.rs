//! Examples of what the choice promises, then properties for any sequence of events.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3_600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

const NAMES: [&str; 5] = ["a", "b", "c", "d", "sibling"];

/// Returns the Client ID of an app of these tests.
fn app(name: &str) -> &'static ClientId {
    static APPS: LazyLock<[ClientId; NAMES.len()]> = LazyLock::new(|| NAMES.map(ClientId::from));
    APPS.iter().find(|app| app.as_str() == name).unwrap()
}

/// Returns the id that stands for a developer of these tests.
fn developer(name: &str) -> &'static AccountId {
    static DEVELOPERS: LazyLock<[AccountId; NAMES.len()]> = LazyLock::new(|| NAMES.map(AccountId::from));
    DEVELOPERS.iter().find(|developer| developer.as_str() == name).unwrap()
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Returns the moment at which a clock that is never set shows this date.
fn moment(date: UnixTime) -> Now {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    Now { date, instant: *START + date.saturating_duration_since(NOW) }
}

fn members(list: &[(&str, &str)]) -> Vec<Member<'static>> {
    list.iter().map(|(name, of)| Member { app: app(name), developer: developer(of), usable: true }).collect()
}

fn three() -> Vec<Member<'static>> {
    members(&[("a", "a"), ("b", "b"), ("c", "c")])
}

fn throttle(seconds: u64) -> Outcome {
    Outcome::Limited(LimitKind::Throttle, Some(Duration::from_secs(seconds)))
}

fn quota(seconds: u64) -> Outcome {
    Outcome::Limited(LimitKind::Quota, Some(Duration::from_secs(seconds)))
}

fn limit_of(
    rotation: &Rotation,
    now: UnixTime,
    route: impl Into<Route>,
    members: &[Member<'_>],
    index: usize,
) -> Option<Limit> {
    rotation.limit_of(now, &route.into(), members, index)
}

fn serving(rotation: &Rotation, now: UnixTime, route: impl Into<Route>, members: &[Member<'_>]) -> Option<usize> {
    match rotation.choose(now, route, members) {
        Choice::Serve { index, .. } => Some(index),
        Choice::Wait(_) | Choice::NoneUsable => None,
    }
}

#[test]
fn rotation_serves_the_next_account_during_a_throttle() {
    let mut rotation = Rotation::default();
    assert_eq!(rotation.choose(NOW, Group::Player, &three()), Choice::Serve { index: 0, until: None });
    rotation.on_outcome(NOW, app("a"), Group::Player, throttle(7));
    let meanwhile = Choice::Serve { index: 1, until: Some(NOW + ms(7_000)) };
    assert_eq!(rotation.choose(NOW, Group::Player, &three()), meanwhile);
    assert_eq!(rotation.choose(NOW + ms(6_999), Group::Library, &three()), meanwhile, "a throttle is for everything");
    assert_eq!(serving(&rotation, NOW + ms(7_000), Group::Player, &three()), Some(0));
}

#[test]
fn quota_limits_its_group_on_all_apps_of_a_developer() {
    let mut rotation = Rotation::default();
    let list = members(&[("a", "a"), ("sibling", "a"), ("b", "b")]);
    rotation.on_outcome(NOW, app("a"), Group::Player, quota(50_000));
    assert_eq!(serving(&rotation, NOW, Group::Player, &list), Some(2));
    assert_eq!(serving(&rotation, NOW, Group::Library, &list), Some(0), "another quota");
    let strangers = members(&[("a", "a"), ("sibling", "sibling"), ("b", "b")]);
    assert_eq!(serving(&rotation, NOW, Group::Player, &strangers), Some(1), "not marked as the same developer's");
    assert_eq!(
        rotation.limits(NOW, &list, 1),
        [(Some(Group::Player), Limit { until: NOW + ms(50_000_000), kind: LimitKind::Quota })]
    );
}

#[test]
fn rotation_waits_for_the_earliest_end_when_all_are_limited() {
    let mut rotation = Rotation::default();
    rotation.on_outcome(NOW, app("a"), Group::Player, quota(50_000));
    rotation.on_outcome(NOW, app("b"), Group::Player, throttle(9));
    rotation.on_outcome(NOW, app("c"), Group::Player, throttle(4));
    let wait = Choice::Wait(Limit { until: NOW + ms(4_000), kind: LimitKind::Throttle });
    assert_eq!(rotation.choose(NOW, Group::Player, &three()), wait);
    assert_eq!(serving(&rotation, NOW + ms(4_000), Group::Player, &three()), Some(2));
    assert_eq!(serving(&rotation, NOW + ms(9_000), Group::Player, &three()), Some(1));
    assert_eq!(rotation.choose(NOW, Group::Player, &[]), Choice::NoneUsable);
}

#[test]
fn limit_is_not_ended_by_a_shorter_one() {
    let mut rotation = Rotation::default();
    rotation.on_outcome(NOW, app("a"), Group::Player, quota(86_207));
    rotation.on_outcome(NOW + ms(10), app("a"), Group::Player, quota(1));
    rotation.on_outcome(NOW + ms(10), app("a"), Group::Player, throttle(1));
    let wait = Choice::Wait(Limit { until: NOW + ms(86_207_000), kind: LimitKind::Quota });
    assert_eq!(rotation.choose(NOW + ms(10), Group::Player, &three()[..1]), wait);
}

#[test]
fn guessed_waits_grow_within_bounds_and_are_forgotten() {
    let mut rotation = Rotation::default();
    let one = &three()[..1];
    let mut now = NOW;
    let mut waits = Vec::new();
    let mut refuse = |now: UnixTime| {
        rotation.on_outcome(now, app("a"), Group::Player, Outcome::Limited(LimitKind::Throttle, None));
        limit_of(&rotation, now, Group::Player, one, 0).unwrap().until.saturating_duration_since(now)
    };
    for _ in 0..9 {
        let wait = refuse(now);
        waits.push(wait.as_secs());
        now = now + wait;
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    assert_eq!(refuse(now + ms(601_000)), ms(5_000));
}

#[test]
fn limit_is_capped_and_ends_when_the_clock_is_set_back() {
    let mut rotation = Rotation::default();
    let one = &three()[..1];
    rotation.on_outcome(NOW, app("a"), Group::Player, throttle(u64::MAX));
    assert_eq!(limit_of(&rotation, NOW, Group::Player, one, 0).unwrap().until, NOW + 48 * HOUR);
    assert_eq!(limit_of(&rotation, NOW - HOUR, Group::Player, one, 0), None);
    rotation.on_outcome(NOW - HOUR, app("a"), Group::Player, throttle(0));
    assert_eq!(limit_of(&rotation, NOW - HOUR, Group::Player, one, 0).unwrap().until, NOW - HOUR + ms(1_000));
}

#[test]
fn limit_keeps_its_length_when_the_clock_is_set_back() {
    let mut rotation = Rotation::default();
    rotation.on_outcome(NOW, app("a"), Group::Player, quota(3_600));
    rotation.on_outcome(NOW, app("a"), Group::Player, throttle(7));
    rotation.on_outcome(NOW, app("b"), Group::Player, Outcome::Issue(AccountIssue::NotOnAllowList));
    for back in [10 * HOUR, YEAR] {
        let mut rotation = rotation.clone();
        rotation.dates_mut().for_each(|date| *date = *date - back);
        let wanted = Limit { until: NOW - back + HOUR, kind: LimitKind::Quota };
        assert_eq!(limit_of(&rotation, NOW - back, Group::Player, &three(), 0), Some(wanted));
        assert_eq!(rotation.choose(NOW - back, Group::Player, &three()), {
            Choice::Serve { index: 2, until: Some(NOW - back + HOUR) }
        });
        assert_eq!(limit_of(&rotation, NOW - back + HOUR, Group::Player, &three(), 0), None);
    }
}

#[test]
fn limit_of_a_future_clock_never_hides_a_real_one() {
    let mut wrong = Rotation::default();
    wrong.on_outcome(NOW + YEAR, app("a"), Group::Player, quota(50));
    wrong.on_outcome(NOW + YEAR, app("a"), Group::Player, throttle(50));
    let mut right = Rotation::default();
    right.on_outcome(NOW, app("a"), Group::Player, quota(50));
    right.on_outcome(NOW, app("a"), Group::Library, throttle(40));
    let (mut one, mut other) = (right.clone(), wrong.clone());
    one.merge(NOW, wrong);
    other.merge(NOW, right);
    for rotation in [one, other] {
        assert_eq!(limit_of(&rotation, NOW, Group::Player, &three(), 0).unwrap().until, NOW + ms(50_000));
        assert_eq!(limit_of(&rotation, NOW, Group::Library, &three(), 0).unwrap().until, NOW + ms(40_000));
    }
}

#[test]
fn switch_back_does_not_depend_on_the_clock() {
    let start = moment(NOW);
    let after_set_back = |time| Now { date: NOW - HOUR, instant: start.instant + time };
    for (time, first) in [(ms(1_999), 0), (ms(2_000), 2)] {
        let mut rotation = Rotation::default();
        assert_eq!(rotation.switch(start, &three()), Some(1));
        assert_eq!(rotation.switch(after_set_back(time), &three()), Some(first), "{time:?}");
    }
}

#[test]
fn app_with_an_issue_serves_after_others_or_alone() {
    let mut rotation = Rotation::default();
    rotation.on_outcome(NOW, app("a"), Group::Player, Outcome::Issue(AccountIssue::NotOnAllowList));
    assert_eq!(rotation.choose(NOW, Group::Player, &three()), Choice::Serve { index: 1, until: Some(NOW + HOUR) });
    assert_eq!(serving(&rotation, NOW, Group::Player, &three()[..1]), Some(0));
    rotation.clear_issue(app("a"));
    assert_eq!(serving(&rotation, NOW, Group::Player, &three()), Some(0));

    rotation.on_outcome(NOW, app("a"), Group::Player, Outcome::Issue(AccountIssue::UserNeedsPremium));
    assert_eq!(serving(&rotation, NOW, Group::Player, &three()), Some(0), "another app would not help");
    rotation.on_outcome(NOW, app("a"), Group::Player, Outcome::Served { command: false });
    assert_eq!(rotation.issue(app("a")), Some(AccountIssue::UserNeedsPremium), "reading needs no Premium");
    rotation.on_outcome(NOW, app("a"), Group::Player, Outcome::Served { command: true });
    assert_eq!(rotation.issue(app("a")), None);
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
fn endpoint_refused_again_is_limited_alone_and_backed_off() {
    let mut rotation = Rotation::default();
    let one = &three()[..1];
    rotation.on_outcome(NOW, app("a"), contains(), throttle(11));
    assert_eq!(serving(&rotation, NOW, poll(), one), None, "the first refusal limits the app");
    let mut now = NOW;
    for (wait, next) in [(11, 11), (11, 22), (22, 44), (44, 88)] {
        now = now + ms(wait * 1_000);
        rotation.on_outcome(now, app("a"), poll(), SERVED);
        rotation.on_outcome(now, app("a"), contains(), throttle(11));
        assert_eq!(serving(&rotation, now, poll(), one), Some(0));
        let until = now + ms(next * 1_000);
        assert_eq!(limit_of(&rotation, now, contains(), one, 0), Some(Limit { until, kind: LimitKind::Throttle }));
        assert_eq!(rotation.call_limits(now, app("a"))[0].1.until, until);
        assert_eq!(rotation.limits(now, one, 0), [], "nothing else is limited");
    }
    for _ in 0..20 {
        now = limit_of(&rotation, now, contains(), one, 0).unwrap().until;
        rotation.on_outcome(now, app("a"), contains(), throttle(11));
    }
    assert_eq!(limit_of(&rotation, now, contains(), one, 0).unwrap().until, now + HOUR);
}

#[test]
fn endpoint_of_the_player_is_limited_without_the_player() {
    let mut rotation = Rotation::default();
    let queue = || route(Group::Player, QUEUE, true);
    for (later, outcome) in [(0, throttle(11)), (11_000, throttle(11))] {
        rotation.on_outcome(NOW + ms(later), app("a"), queue(), outcome);
        rotation.on_outcome(NOW + ms(later), app("a"), poll(), SERVED);
    }
    assert_eq!(serving(&rotation, NOW + ms(11_000), poll(), &three()), Some(0));
    assert_eq!(serving(&rotation, NOW + ms(11_000), Group::Player, &three()), Some(0), "a press");
    assert_eq!(
        serving(&rotation, NOW + ms(11_000), queue(), &three()),
        Some(1),
        "another account serves this call alone"
    );
}

#[test]
fn endpoint_refused_after_its_retry_after_is_limited_alone() {
    let one = &three()[..1];
    for (retry_after, poll_is_served) in [(Some(Duration::from_secs(11)), true), (None, false)] {
        let mut rotation = Rotation::default();
        let refused = Outcome::Limited(LimitKind::Throttle, retry_after);
        rotation.on_outcome(NOW, app("a"), contains(), refused);
        rotation.on_outcome(NOW + ms(11_000), app("a"), contains(), refused);
        assert_eq!(serving(&rotation, NOW + ms(11_000), poll(), one).is_some(), poll_is_served, "{retry_after:?}");
    }
}

#[test]
fn app_is_limited_when_endpoints_are_refused_in_turn() {
    let mut rotation = Rotation::default();
    let mut now = NOW;
    for _ in 0..3 {
        for refused in [contains(), poll()] {
            rotation.on_outcome(now, app("a"), refused, throttle(7));
            assert_eq!(serving(&rotation, now, Group::Catalog, &three()[..1]), None);
            now = now + ms(7_000);
        }
    }
}

#[test]
fn calls_refused_together_count_once() {
    let mut rotation = Rotation::default();
    let one = &three()[..1];
    for later in 0..4 {
        rotation.on_outcome(NOW + ms(later), app("a"), contains(), throttle(7));
    }
    assert_eq!(serving(&rotation, NOW + ms(10), poll(), one), None);
    rotation.on_outcome(NOW + ms(7_003), app("a"), contains(), throttle(7));
    assert_eq!(limit_of(&rotation, NOW + ms(7_003), contains(), one, 0).unwrap().until, NOW + ms(14_003));
}

#[test]
fn served_endpoint_is_trusted_again_unless_it_was_refused_alone() {
    let one = &three()[..1];
    for (refusals, poll_is_served) in [(1, false), (2, true)] {
        let mut rotation = Rotation::default();
        let mut now = NOW;
        for _ in 0..refusals {
            rotation.on_outcome(now, app("a"), contains(), throttle(7));
            now = now + ms(7_000);
            rotation.on_outcome(now, app("a"), poll(), SERVED);
        }
        rotation.on_outcome(now, app("a"), contains(), SERVED);
        rotation.on_outcome(now + ms(1_000), app("a"), contains(), throttle(7));
        assert_eq!(serving(&rotation, now + ms(1_000), poll(), one).is_some(), poll_is_served, "{refusals} refusals");
        assert_eq!(limit_of(&rotation, now + ms(1_000), contains(), one, 0).unwrap().until, now + ms(8_000));
    }
}

#[test]
fn quota_of_an_extra_read_limits_that_read_alone() {
    let mut rotation = Rotation::default();
    rotation.on_outcome(NOW, app("a"), route(Group::Player, QUEUE, true), quota(50_000));
    assert_eq!(serving(&rotation, NOW, poll(), &three()), Some(0));
    let text = serde_json::to_string(&rotation).unwrap();
    let back: Rotation = serde_json::from_str(&text).unwrap();
    let limit = Limit { until: NOW + ms(50_000_000), kind: LimitKind::Quota };
    assert_eq!(back.call_limits(NOW, app("a")), [(Group::Player, limit)]);
    let mut other = Rotation::default();
    other.merge(NOW, back);
    assert_eq!(other.call_limits(NOW, app("a")), [(Group::Player, limit)]);
}

#[test]
fn premium_shown_by_one_app_counts_for_all() {
    let mut rotation = Rotation::default();
    for name in ["a", "b"] {
        rotation.on_outcome(NOW, app(name), Group::Player, Outcome::Issue(AccountIssue::UserNeedsPremium));
    }
    rotation.on_outcome(NOW, app("c"), Group::Player, Outcome::Issue(AccountIssue::NotOnAllowList));
    rotation.on_outcome(NOW, app("b"), Group::Player, Outcome::Served { command: true });
    let issues = ["a", "b", "c"].map(|name| rotation.issue(app(name)));
    assert_eq!(issues, [None, None, Some(AccountIssue::NotOnAllowList)]);
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
        let _ = rotation.strained_until(NOW, app("a"));
        let _ = rotation.counts(NOW, app("a"));
        rotation.on_sent(NOW, app("a"), Group::Player);
        for later in 0..3 {
            rotation.on_outcome(
                NOW + ms(later * 100_000),
                app("a"),
                route(Group::Profile, "GET me", false),
                throttle(1),
            );
        }
        rotation.dates_mut().for_each(|date| *date = *date - Duration::MAX);
        rotation.merge(NOW, serde_json::from_str(&text(number)).unwrap());
        rotation.tidy(NOW);
        let _ = rotation.choose(NOW, Group::Player, members);
    }
}

#[test]
fn unreadable_parts_of_the_file_are_left_out_alone() {
    let text = r#"{"apps":{"a":{"throttledUntil":1800000007000,"quotaUntil":{"player":1800000009000,"podcasts":5}},
        "b":"odd","c":{"usage":{"player":[]}}},"byHand":7}"#;
    let rotation: Rotation = serde_json::from_str(text).unwrap();
    assert_eq!(rotation.limits(NOW, &three(), 0).len(), 2);
    assert_eq!(rotation.preferred(), None);
}

#[test]
fn app_is_strained_after_a_throttle_and_in_a_busy_hour() {
    let mut rotation = Rotation::default();
    assert_eq!(rotation.strained_until(NOW, app("a")), None);
    rotation.on_outcome(NOW, app("a"), Group::Player, throttle(7));
    assert_eq!(rotation.strained_until(NOW, app("a")), Some(NOW + ms(127_000)));
    assert_eq!(rotation.strained_until(NOW + ms(127_000), app("a")), None);
    for _ in 0..1_001 {
        rotation.on_sent(NOW, app("b"), Group::Player);
    }
    assert_eq!(rotation.strained_until(NOW + ms(10), app("b")), Some(NOW + ms(60_000)));
    assert_eq!(rotation.strained_until(NOW + HOUR, app("b")), None);
}

#[test]
fn switch_cycles_and_switches_back_within_two_seconds() {
    let mut rotation = Rotation::default();
    let list = three();
    let serves = |rotation: &Rotation, now| serving(rotation, now, Group::Player, &list).unwrap();
    assert_eq!(rotation.switch(moment(NOW), &list), Some(1));
    assert_eq!((serves(&rotation, NOW), rotation.preferred()), (1, Some(app("b"))));
    assert_eq!(rotation.switch(moment(NOW + ms(1_999)), &list), Some(0), "a second press switches back");
    assert_eq!((serves(&rotation, NOW), rotation.preferred()), (0, None));
    for (press, index) in [(1, 1), (2, 2), (3, 0), (4, 1)] {
        assert_eq!(rotation.switch(moment(NOW + ms(press * 10_000)), &list), Some(index));
    }
    rotation.on_outcome(NOW + ms(41_000), app("b"), Group::Player, throttle(9));
    assert_eq!(serves(&rotation, NOW + ms(41_000)), 0, "the list's order from there");
    assert_eq!(serves(&rotation, NOW + ms(50_000)), 1, "and back to the user's choice");
    rotation.prefer(None, &list);
    assert_eq!(serves(&rotation, NOW + ms(50_000)), 0);
    assert_eq!(rotation.switch(moment(NOW), &list[..1]), None, "there is no other");
}

#[test]
fn rotation_survives_its_file_without_growing() {
    let mut rotation = Rotation::default();
    rotation.on_outcome(NOW, app("a"), Group::Player, quota(50_000));
    rotation.on_outcome(NOW, app("b"), Group::Player, throttle(9));
    rotation.on_sent(NOW, app("a"), Group::Player);
    let text = serde_json::to_string(&rotation).unwrap();
    let mut back: Rotation = serde_json::from_str(&text).unwrap();
    assert_eq!(back.choose(NOW, Group::Player, &three()[..2]), rotation.choose(NOW, Group::Player, &three()[..2]));
    assert_eq!(back.counts(NOW, app("a"))[0].1.last_day, 1);
    let mut other = Rotation::default();
    other.on_outcome(NOW, app("a"), Group::Player, quota(10));
    other.on_outcome(NOW, app("c"), Group::Library, quota(10));
    back.merge(NOW, other);
    assert_eq!(back.limits(NOW, &three(), 0)[0].1.until, NOW + ms(50_000_000));
    assert_eq!(back.limits(NOW, &three(), 2)[0].1.until, NOW + ms(10_000));
    back.tidy(NOW + 48 * HOUR);
    assert_eq!(back, Rotation::default());
}

/// An event of the state machine.
#[derive(Clone, Debug)]
enum Step {
    Outcome(usize, Group, Outcome),
    Switch,
    Prefer(Option<usize>),
    ClearIssue(usize),
}

const APPS: [&str; 4] = ["a", "b", "c", "d"];

fn group() -> impl Strategy<Value = Group> {
    prop::sample::select(GROUPS.to_vec())
}

/// Returns a time shorter than `longest`.
fn time(longest: Duration) -> impl Strategy<Value = Duration> {
    (0..u64::try_from(longest.as_millis()).unwrap()).prop_map(ms)
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

fn step() -> impl Strategy<Value = (Duration, Step)> {
    let step = prop_oneof![
        6 => (0..APPS.len(), group(), outcome()).prop_map(|(app, group, outcome)| Step::Outcome(app, group, outcome)),
        1 => Just(Step::Switch),
        1 => prop::option::of(0..APPS.len()).prop_map(Step::Prefer),
        1 => (0..APPS.len()).prop_map(Step::ClearIssue),
    ];
    (prop_oneof![time(ms(3_000)), time(4 * HOUR)], step)
}

prop_compose! {
    /// A list of accounts: some unusable, some of the same developer.
    fn list()(sizes in prop::collection::vec((0..3_usize, prop::bool::weighted(0.8)), 0..=APPS.len())) -> Vec<Member<'static>> {
        sizes.iter().zip(APPS).map(|((of, usable), name)| Member { app: app(name), developer: developer(APPS[*of]), usable: *usable }).collect()
    }
}

/// Plays the steps, each so much later than the one before. Returns the state machine and the date of the last one.
fn play(list: &[Member<'_>], steps: &[(Duration, Step)]) -> (Rotation, UnixTime) {
    let mut rotation = Rotation::default();
    let mut now = NOW;
    for (later, step) in steps {
        now = now + *later;
        match step {
            Step::Outcome(index, group, outcome) => rotation.on_outcome(now, app(APPS[*index]), *group, *outcome),
            Step::Switch => drop(rotation.switch(moment(now), list)),
            Step::Prefer(index) => rotation.prefer(index.map(|index| app(APPS[index])), list),
            Step::ClearIssue(index) => rotation.clear_issue(app(APPS[*index])),
        }
    }
    (rotation, now)
}

proptest! {
    #[test]
    fn rotation_never_chooses_a_limited_account(list in list(), steps in prop::collection::vec(step(), 0..30), later in time(50 * HOUR), group in group()) {
        let (rotation, now) = play(&list, &steps);
        match rotation.choose(now + later, group, &list) {
            Choice::Serve { index, .. } => {
                prop_assert!(list[index].usable);
                prop_assert_eq!(limit_of(&rotation, now + later, group, &list, index), None);
            }
            Choice::Wait(limit) => {
                prop_assert!(limit.until > now + later);
                for index in (0..list.len()).filter(|index| list[*index].usable) {
                    let other = limit_of(&rotation, now + later, group, &list, index);
                    prop_assert!(other.is_some_and(|other| other.until >= limit.until));
                }
            }
            Choice::NoneUsable => prop_assert!(list.iter().all(|member| !member.usable)),
        }
    }

    #[test]
    fn rotation_chooses_the_first_account_without_a_limit(list in list(), steps in prop::collection::vec(step(), 0..30), later in time(50 * HOUR), group in group()) {
        let (rotation, now) = play(&list, &steps);
        let now = now + later;
        if let Choice::Serve { index, .. } = rotation.choose(now, group, &list) {
            let first = rotation.preferred_index(&list);
            let before = first.into_iter().chain(0..list.len()).take_while(|other| *other != index);
            for other in before.filter(|other| list[*other].usable) {
                let is_limited = limit_of(&rotation, now, group, &list, other).is_some();
                prop_assert!(is_limited || rotation.deferred_until(now, list[other].app).is_some(), "{} comes before {}", other, index);
            }
        }
    }

    #[test]
    fn choice_holds_until_its_date(list in list(), steps in prop::collection::vec(step(), 0..30), part in 0.0..1.0_f64, group in group()) {
        let (rotation, now) = play(&list, &steps);
        let answer = rotation.choose(now, group, &list);
        let (until, far) = match answer {
            Choice::Serve { until, .. } => (until, 100 * HOUR),
            Choice::Wait(limit) => (Some(limit.until), Duration::ZERO),
            Choice::NoneUsable => (None, 100 * HOUR),
        };
        let end = until.unwrap_or(now + far);
        let left = end.saturating_duration_since(now) - ms(1);
        let between = now + left.mul_f64(part);
        prop_assert_eq!(rotation.choose(between, group, &list), answer);
        prop_assert_eq!(rotation.choose(end - ms(1), group, &list), answer);
        if let Some(until) = until {
            let then = rotation.choose(until, group, &list);
            prop_assert_ne!(then, answer);
            prop_assert!(matches!(then, Choice::Serve { .. }), "an account serves at that date: {:?}", then);
        }
    }

    #[test]
    fn rotation_is_the_same_after_a_restart_and_tidying(list in list(), steps in prop::collection::vec(step(), 0..30), later in time(50 * HOUR), group in group()) {
        let (rotation, now) = play(&list, &steps);
        let text = serde_json::to_string(&rotation).unwrap();
        let back: Rotation = serde_json::from_str(&text).unwrap();
        let limits = |rotation: &Rotation| (0..list.len()).map(|index| limit_of(rotation, now + later, group, &list, index)).collect::<Vec<_>>();
        prop_assert_eq!(limits(&back), limits(&rotation), "limits survive a restart");
        let mut tidy = rotation.clone();
        tidy.tidy(now);
        prop_assert_eq!(tidy.choose(now + later, group, &list), rotation.choose(now + later, group, &list));
    }
}
