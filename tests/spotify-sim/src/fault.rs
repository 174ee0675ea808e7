//! Injected faults: which requests they affect, how, and how often.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A fault that affects matching requests. Of several that match, the first applies; a fault that is used up is removed.
///
/// Create it with one of the constructors and limit it with [`on`](Fault::on), [`of`](Fault::of) and
/// [`times`](Fault::times):
///
/// ```
/// # use spotify_sim::Fault;
/// let fault = Fault::throttle(Some(3)).on("GET", "/v1/me/player").times(1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The methods that it affects; empty for all.
    #[serde(default)]
    pub methods: Vec<String>,
    /// The prefix of the paths that it affects, such as `/v1/me/player` or `/accounts/api/token`; empty for all.
    #[serde(default)]
    pub path: String,
    /// The Client ID of the app that it affects, found in the request's token, Basic header or form; `None` for all.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The number of requests that it affects; `None` for all until it is cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// A delay before the outcome, in real milliseconds, added to the configured latency.
    #[serde(default)]
    pub delay_ms: u64,
    /// The outcome.
    #[serde(default)]
    pub outcome: Outcome,
}

/// What happens to a request that a [`Fault`] affects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is served normally (after the delay).
    #[default]
    Serve,
    /// It is not carried out, but answered with this.
    Answer {
        /// The HTTP status.
        status: u16,
        /// Headers, name and value.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The body.
        #[serde(default)]
        body: String,
    },
    /// It is served, and this JSON merge patch (RFC 7396) is applied to the answer.
    Patch(Value),
    /// It is served, and every number in the answer is a float: 640 is `640.0`.
    Floats,
    /// It is served, and the connection is closed in the middle of the answer's body.
    CutAnswer,
    /// It is not carried out, and the connection is closed without an answer.
    Drop,
    /// It is carried out, but the connection is closed without an answer.
    LoseAnswer,
}

const JSON: &str = "application/json; charset=utf-8";

impl Fault {
    fn answer(path: &str, status: u16, content_type: &str, body: String) -> Self {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Self::new(path, Outcome::Answer { status, headers, body })
    }

    fn new(path: &str, outcome: Outcome) -> Self {
        Self { methods: Vec::new(), path: path.to_owned(), client_id: None, times: None, delay_ms: 0, outcome }
    }

    fn error(path: &str, status: u16, message: &str, reason: Option<&str>) -> Self {
        let mut error = serde_json::json!({ "status": status, "message": message });
        if let Some(reason) = reason {
            error["reason"] = reason.into();
        }
        Self::answer(path, status, JSON, serde_json::json!({ "error": error }).to_string())
    }

    fn retry_after(mut self, seconds: Option<u32>) -> Self {
        if let (Outcome::Answer { headers, .. }, Some(seconds)) = (&mut self.outcome, seconds) {
            headers.push(("Retry-After".to_owned(), seconds.to_string()));
        }
        self
    }

    /// The short 429 of the rolling 30 s window, with or without `Retry-After` (seconds).
    pub fn throttle(retry_after: Option<u32>) -> Self {
        Self::error("/v1/", 429, "API rate limit exceeded", None).retry_after(retry_after)
    }

    /// The long 429 of a used-up quota, with or without `Retry-After` (seconds).
    pub fn quota(retry_after: Option<u32>) -> Self {
        Self::error("/v1/", 429, "Quota exceeded", Some("QUOTA_EXCEEDED")).retry_after(retry_after)
    }

    /// 403 PREMIUM_REQUIRED on player writes: the user has no Premium.
    pub fn premium_required() -> Self {
        let mut fault =
            Self::error("/v1/me/player", 403, "Player command failed: Premium required", Some("PREMIUM_REQUIRED"));
        fault.methods = vec!["PUT".to_owned(), "POST".to_owned()];
        fault
    }

    /// 403 in plain text: the owner of the app has no Premium.
    pub fn owner_not_premium() -> Self {
        Self::plain_forbidden("Active premium subscription required for the owner of the app.")
    }

    /// 403 in plain text: the user is not on the allow list of the app.
    pub fn not_on_allow_list() -> Self {
        Self::plain_forbidden("Check settings on developer.spotify.com/dashboard, the user may not be registered.")
    }

    /// 403 in plain text.
    pub fn plain_forbidden(text: &str) -> Self {
        Self::answer("/v1/", 403, "text/plain; charset=utf-8", text.to_owned())
    }

    /// 404 NO_ACTIVE_DEVICE on player writes.
    pub fn no_active_device() -> Self {
        let message = "Player command failed: No active device found";
        let mut fault = Self::error("/v1/me/player", 404, message, Some("NO_ACTIVE_DEVICE"));
        fault.methods = vec!["PUT".to_owned(), "POST".to_owned()];
        fault
    }

    /// A 5xx with the HTML of a proxy.
    pub fn server_error(status: u16) -> Self {
        Self::answer("/v1/", status, "text/html", "<html><body><h1>Server Error</h1></body></html>".to_owned())
    }

    /// 401: the access token is not accepted.
    pub fn unauthorized() -> Self {
        Self::error("/v1/", 401, "The access token expired", None)
    }

    /// The answer is changed by a JSON merge patch.
    pub fn patch(patch: Value) -> Self {
        Self::new("/v1/", Outcome::Patch(patch))
    }

    /// The numbers of the answer are floats.
    pub fn floats() -> Self {
        Self::new("/v1/", Outcome::Floats)
    }

    /// The connection is closed in the middle of the answer's body.
    pub fn cut_answer() -> Self {
        Self::new("/v1/", Outcome::CutAnswer)
    }

    /// The request is carried out, but the connection is closed without an answer.
    pub fn lose_answer() -> Self {
        Self::new("/v1/", Outcome::LoseAnswer)
    }

    /// 403 by a proxy, with a page that has nothing to do with the Web API.
    pub fn forbidden_page() -> Self {
        let page = "<!doctype html><html><title>Error 403 (Forbidden)</title>\
                    Your client does not have permission to get URL <code>/v1/</code> from this server.</html>";
        Self::answer("/v1/", 403, "text/html; charset=UTF-8", page.to_owned())
    }

    /// 403 on player writes without a reason: the device can't be controlled.
    pub fn restricted_device() -> Self {
        let mut fault = Self::error("/v1/me/player", 403, "Restricted device", None);
        fault.methods = vec!["PUT".to_owned(), "POST".to_owned()];
        fault
    }

    /// The request is not carried out, and the connection is closed without an answer.
    pub fn drop_connection() -> Self {
        Self::new("/v1/", Outcome::Drop)
    }

    /// The answer is delayed, in real time.
    pub fn delay(delay: Duration) -> Self {
        Self { delay_ms: crate::playback::millis(delay), ..Self::new("/v1/", Outcome::Serve) }
    }

    /// An error of the token endpoint, such as `invalid_grant` with "Refresh token revoked".
    pub fn token_error(error: &str, description: &str) -> Self {
        let body = serde_json::json!({ "error": error, "error_description": description });
        Self::answer("/accounts/api/token", 400, JSON, body.to_string())
    }

    /// Limits it to a method (empty for all) and a path prefix (empty for all).
    #[must_use]
    pub fn on(mut self, method: &str, path: &str) -> Self {
        self.methods = if method.is_empty() { Vec::new() } else { vec![method.to_owned()] };
        self.path = path.to_owned();
        self
    }

    /// Limits it to the requests of one app.
    #[must_use]
    pub fn of(mut self, client_id: &str) -> Self {
        self.client_id = Some(client_id.to_owned());
        self
    }

    /// Limits it to a number of requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn matches(&self, method: &str, path: &str, client_id: Option<&str>) -> bool {
        (self.methods.is_empty() || self.methods.iter().any(|other| other.eq_ignore_ascii_case(method)))
            && path.starts_with(&self.path)
            && (self.client_id.is_none() || self.client_id.as_deref() == client_id)
    }
}

/// The faults by name, for the page and `POST /sim/faults`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Preset {
    preset: Name,
    /// Seconds, for the two kinds of 429.
    retry_after: Option<u32>,
    /// Milliseconds, for `slow`.
    delay_ms: Option<u64>,
    methods: Option<Vec<String>>,
    path: Option<String>,
    client_id: Option<String>,
    times: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Throttle,
    Quota,
    PremiumRequired,
    OwnerNotPremium,
    NotOnAllowList,
    NoActiveDevice,
    ServerError,
    Unauthorized,
    InvalidGrant,
    ForbiddenPage,
    RestrictedDevice,
    Floats,
    Drop,
    CutAnswer,
    LoseAnswer,
    Slow,
}

impl From<Preset> for Fault {
    fn from(preset: Preset) -> Self {
        let mut fault = match preset.preset {
            Name::Throttle => Self::throttle(preset.retry_after),
            Name::Quota => Self::quota(preset.retry_after),
            Name::PremiumRequired => Self::premium_required(),
            Name::OwnerNotPremium => Self::owner_not_premium(),
            Name::NotOnAllowList => Self::not_on_allow_list(),
            Name::NoActiveDevice => Self::no_active_device(),
            Name::ServerError => Self::server_error(503),
            Name::Unauthorized => Self::unauthorized(),
            Name::InvalidGrant => Self::token_error("invalid_grant", "Refresh token revoked"),
            Name::ForbiddenPage => Self::forbidden_page(),
            Name::RestrictedDevice => Self::restricted_device(),
            Name::Floats => Self::floats(),
            Name::Drop => Self::drop_connection(),
            Name::CutAnswer => Self::cut_answer(),
            Name::LoseAnswer => Self::lose_answer(),
            Name::Slow => Self::delay(Duration::from_millis(preset.delay_ms.unwrap_or(3_000))),
        };
        fault.methods = preset.methods.unwrap_or(fault.methods);
        fault.path = preset.path.unwrap_or(fault.path);
        fault.client_id = preset.client_id;
        fault.times = preset.times;
        fault
    }
}

/// The effect of the faults on one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effect {
    pub delay: Duration,
    pub outcome: Outcome,
}

/// The active faults.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub fn add(&mut self, fault: Fault) {
        if fault.times != Some(0) {
            self.0.push(fault);
        }
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn list(&self) -> &[Fault] {
        &self.0
    }

    /// Returns the effect on a request, which counts for the fault that applies.
    pub fn effect_on(&mut self, method: &str, path: &str, client_id: Option<&str>) -> Effect {
        let Some(index) = self.0.iter().position(|fault| fault.matches(method, path, client_id)) else {
            return Effect::default();
        };
        let fault = &mut self.0[index];
        let effect = Effect { delay: Duration::from_millis(fault.delay_ms), outcome: fault.outcome.clone() };
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.0.remove(index);
            }
        }
        effect
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_applies_to_method_and_path_until_used_up() {
        let mut faults = Faults::default();
        faults.add(Fault::server_error(502).on("put", "/v1/me/player").times(2));
        assert_eq!(faults.effect_on("GET", "/v1/me/player", None).outcome, Outcome::Serve);
        assert_eq!(faults.effect_on("PUT", "/v1/me", None).outcome, Outcome::Serve);
        for _ in 0..2 {
            let effect = faults.effect_on("PUT", "/v1/me/player/pause", None);
            assert!(matches!(effect.outcome, Outcome::Answer { status: 502, .. }));
        }
        assert_eq!(faults.effect_on("PUT", "/v1/me/player/pause", None).outcome, Outcome::Serve);
        assert!(faults.list().is_empty());
    }

    #[test]
    fn fault_of_one_app_does_not_affect_others() {
        let mut faults = Faults::default();
        faults.add(Fault::throttle(None).of("a").times(1));
        assert_eq!(faults.effect_on("GET", "/v1/me", None).outcome, Outcome::Serve);
        assert_eq!(faults.effect_on("GET", "/v1/me", Some("b")).outcome, Outcome::Serve);
        assert!(matches!(faults.effect_on("GET", "/v1/me", Some("a")).outcome, Outcome::Answer { status: 429, .. }));
        assert!(faults.list().is_empty());
    }

    #[test]
    fn throttle_and_quota_differ_in_body_and_header() {
        let Outcome::Answer { headers, body, .. } = Fault::throttle(None).outcome else { panic!("an answer") };
        assert!(!headers.iter().any(|(name, _)| name == "Retry-After"));
        assert!(!body.contains("QUOTA_EXCEEDED"));
        let Outcome::Answer { headers, body, .. } = Fault::quota(Some(46_649)).outcome else { panic!("an answer") };
        assert!(headers.contains(&("Retry-After".to_owned(), "46649".to_owned())));
        assert!(body.contains("QUOTA_EXCEEDED"));
    }

    #[test]
    fn preset_is_read_from_json() {
        let preset: Preset = serde_json::from_str(r#"{"preset":"throttle","retry_after":7,"times":1}"#).expect("read");
        assert_eq!(Fault::from(preset), Fault::throttle(Some(7)).times(1));
    }

    #[test]
    fn fault_is_read_from_json() {
        let fault: Fault = serde_json::from_str(r#"{"path":"/v1","outcome":{"answer":{"status":500}}}"#).expect("read");
        assert!(fault.matches("DELETE", "/v1/me/library", None));
        let text = serde_json::to_string(&Fault::drop_connection()).expect("written");
        assert_eq!(serde_json::from_str::<Fault>(&text).expect("read"), Fault::drop_connection());
    }
}
