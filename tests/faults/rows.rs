//! The rows of the fault table.

use spotify_sim::Change;

use super::*;

/// Returns all rows.
pub(super) fn rows() -> Vec<Row> {
    let parts = [saving(), signing_in(), refreshing(), polling(), polling_with_backups(), pressing()];
    parts.into_iter().flatten().collect()
}

fn saving() -> Vec<Row> {
    let unchecked = "primary needsLogin, \"Stored, but not checked, as Spotify could not be asked\"";
    vec![
        save("all is well", None).sends("primary check 200").page("primary needsLogin").stores(SIGNED_OUT),
        save("400 invalid_client, of the ID", token_error("invalid_client", "Invalid client"))
            .sends("primary check 400")
            .page("error at clientId \"Spotify doesn't know this Client ID\""),
        save("400 invalid_client, of the secret", token_error("invalid_client", "Invalid client secret"))
            .sends("primary check 400")
            .page("error at clientSecret \"Spotify refuses this Client Secret\""),
        save("429 with Retry-After", answers(429, &[("Retry-After", "7")], ""))
            .sends("primary check 429")
            .page(unchecked)
            .stores(SIGNED_OUT),
        save("500", Fault::server_error(500)).sends("primary check 500").page(unchecked).stores(SIGNED_OUT),
        save("502 in HTML", bad_gateway()).sends("primary check 502").page(unchecked).stores(SIGNED_OUT),
        save("200 with HTML", captive_portal()).sends("primary check 200").page(unchecked).stores(SIGNED_OUT),
        save("connection dropped", Fault::drop_connection())
            .sends("primary check dropped")
            .page(unchecked)
            .stores(SIGNED_OUT),
        save("no network to the accounts service", None)
            .when(no_accounts_service)
            .sends("primary check dropped")
            .page(unchecked)
            .stores(SIGNED_OUT),
    ]
}

fn signing_in() -> Vec<Row> {
    let unfinished = "primary needsLogin, \"Spotify could not be reached to finish this sign-in\"";
    vec![
        sign_in("all is well", None)
            .sends("primary code 200, primary read 200, primary profile 200")
            .key("Pause")
            .page("primary linked, in use")
            .stores(SIGNED_IN),
        sign_in("400 invalid_grant", token_error("invalid_grant", "Invalid authorization code"))
            .sends("primary code 400")
            .page("primary needsLogin, \"Spotify did not accept the code of this sign-in\""),
        sign_in("400 invalid_client, of the secret", token_error("invalid_client", "Invalid client secret"))
            .sends("primary code 400")
            .page("primary needsLogin, \"Spotify has refused this account during the sign-in\""),
        sign_in("400 of an unknown kind", token_error("unsupported_grant_type", "?"))
            .sends("primary code 400")
            .page("primary needsLogin, \"Spotify has answered with the error \"unsupported_grant_type\"\""),
        sign_in("429 with Retry-After", answers(429, &[("Retry-After", "7")], ""))
            .sends("primary code 429")
            .page(unfinished),
        sign_in("500", Fault::server_error(500)).sends("primary code 500").page(unfinished),
        sign_in("502 in HTML", bad_gateway()).sends("primary code 502").page(unfinished),
        sign_in("503 with Retry-After", unavailable()).sends("primary code 503").page(unfinished),
        sign_in("200 with HTML", captive_portal()).sends("primary code 200").page(unfinished),
        sign_in("connection dropped", Fault::drop_connection()).sends("primary code dropped").page(unfinished),
        sign_in("answer lost", lost_answer()).sends("primary code dropped").page(unfinished),
        sign_in("no network to the accounts service", None)
            .when(no_accounts_service)
            .sends("primary code dropped")
            .page(unfinished),
        sign_in("403: not on the allow list", None)
            .when(|spotify| spotify.set_allow_list(DEMO.client_id, Some(Vec::new())).expect("a known app"))
            .sends("primary code 200, primary read 403, primary profile 403")
            .key("Add user to the app")
            .page("primary linked, in use, notOnAllowList")
            .stores(SIGNED_IN),
    ]
}

fn refreshing() -> Vec<Row> {
    let offline = "primary linked, in use, \"Spotify can't be reached\"";
    let down = "primary linked, in use, \"Spotify's accounts service can't answer at the moment\"";
    let refused = "primary linked, in use, \"Spotify has refused this account\"";
    let with_backup = |outcome, fault: Option<Fault>| refresh(outcome, fault).with(Accounts::WithBackup);
    vec![
        refresh("all is well", None).sends("primary read 401, primary refresh 200, primary read 200").key("Pause"),
        refresh("400 invalid_grant", token_error("invalid_grant", "Refresh token revoked"))
            .sends("primary read 401, primary refresh 400")
            .key("Sign in again")
            .page("primary signInAgain, \"Sign in again\"")
            .stores(SIGNED_OUT),
        refresh("400 invalid_grant for no known reason", token_error("invalid_grant", ""))
            .sends("primary read 401, primary refresh 400")
            .key("Refused, trying again")
            .page(refused),
        refresh("400 invalid_client, of the ID", token_error("invalid_client", "Invalid client"))
            .sends("primary read 401, primary refresh 400")
            .key("Refused, trying again")
            .page(refused),
        refresh("400 invalid_client, of the secret", token_error("invalid_client", "Invalid client secret"))
            .sends("primary read 401, primary refresh 400")
            .key("Refused, trying again")
            .page(refused),
        refresh("429 with Retry-After", answers(429, &[("Retry-After", "7")], ""))
            .sends("primary read 401, primary refresh 429")
            .key("Spotify is down")
            .page(down),
        refresh("500", Fault::server_error(500))
            .sends("primary read 401, primary refresh 500")
            .key("Spotify is down")
            .page(down),
        refresh("502 in HTML", bad_gateway())
            .sends("primary read 401, primary refresh 502")
            .key("Spotify is down")
            .page(down),
        refresh("503 with Retry-After", unavailable())
            .sends("primary read 401, primary refresh 503")
            .key("Spotify is down")
            .page(down),
        refresh("200 with HTML", captive_portal())
            .sends("primary read 401, primary refresh 200")
            .key("Check the network")
            .page("primary linked, in use, \"Something between this computer and Spotify answered instead, such as a network's log-in page, a proxy or a firewall\""),
        refresh("connection dropped", Fault::drop_connection())
            .sends("primary read 401, primary refresh dropped")
            .key("No network")
            .page(offline),
        refresh("answer lost", lost_answer())
            .sends("primary read 401, primary refresh dropped")
            .key("No network")
            .page(offline),
        refresh("no network to the accounts service", None)
            .when(no_accounts_service)
            .sends("primary read 401, primary refresh dropped")
            .key("No network")
            .page(offline),
        with_backup("400 invalid_grant", Some(token_error("invalid_grant", "Refresh token revoked")))
            .sends("primary read 401, primary refresh 400, backup read 200")
            .key("Pause")
            .page("primary signInAgain, \"Sign in again\"; backup linked, in use")
            .stores("primary: ID, secret; backup: ID, secret, sign-in"),
        with_backup("400 invalid_client, of the secret", Some(token_error("invalid_client", "Invalid client secret")))
            .sends("primary read 401, primary refresh 400, backup read 200")
            .key("Pause")
            .page("primary linked, in use, \"Spotify has refused this account\"; backup linked"),
        with_backup("503 with Retry-After", Some(unavailable()))
            .sends("primary read 401, primary refresh 503, backup read 200")
            .key("Pause")
            .page("primary linked, in use, \"Spotify's accounts service can't answer at the moment\"; backup linked"),
        with_backup("no network to the accounts service", None)
            .when(no_accounts_service)
            .sends("primary read 401, primary refresh dropped, backup read 200")
            .key("Pause")
            .page("primary linked, in use, \"Spotify can't be reached\"; backup linked"),
    ]
}

fn polling() -> Vec<Row> {
    let limited = |outcome, fault| poll(outcome, fault).sends("primary read 429");
    let guess = "primary linked, throttle for 5 s; nobody for 5 s";
    let forbidden = |outcome, fault| poll(outcome, fault).sends("primary read 403");
    let down = |outcome, fault, sent| poll(outcome, fault).sends(sent).key("Spotify is down");
    // The read is repeated once, on a new connection.
    let lost = |outcome, fault: Option<Fault>| {
        poll(outcome, fault).sends("primary read dropped, primary read dropped").key("Connection lost")
    };
    let intercepted = |outcome, fault, sent| poll(outcome, Some(fault)).sends(sent).key("Check the network");
    vec![
        poll("all is well", None).sends("primary read 200").key("Pause"),
        poll("204: nothing is active", None)
            .when(|spotify| {
                spotify.change_playback(Change::no_device()).expect("a valid change");
            })
            .sends("primary read 204")
            .key("Play"),
        poll("401 again and again", Fault::unauthorized())
            .sends("primary read 401, primary refresh 200, primary read 401")
            .key("Sign in again"),
        forbidden("403 in plain text: the app's owner has no Premium", Fault::owner_not_premium())
            .key("App owner needs Premium")
            .page("primary linked, in use, appOwnerNeedsPremium"),
        forbidden("403 in plain text: not on the allow list", Fault::not_on_allow_list())
            .key("Add user to the app")
            .page("primary linked, in use, notOnAllowList"),
        intercepted("403 in plain text of another kind", Fault::plain_forbidden("Forbidden"), "primary read 403"),
        intercepted("403 in HTML", Fault::forbidden_page(), "primary read 403"),
        intercepted(
            "403 in JSON of something else",
            answers(403, &[], r#"{"message":"Forbidden"}"#),
            "primary read 403",
        ),
        intercepted("401 in HTML", answers(401, &[("Content-Type", "text/html")], PORTAL), "primary read 401"),
        intercepted("404 in HTML", answers(404, &[("Content-Type", "text/html")], PORTAL), "primary read 404"),
        intercepted("407", answers(407, &[], ""), "primary read 407"),
        intercepted("302 to a log-in page", answers(302, &[("Location", "/")], ""), "primary read 302"),
        forbidden("403 without a body", answers(403, &[], "")).key("Spotify refused this"),
        forbidden("403 Insufficient client scope", json_answer(403, "Insufficient client scope", ""))
            .key("Sign in again"),
        limited("429 throttle with Retry-After", Fault::throttle(Some(7)))
            .key("Spotify asks to wait 0:0…")
            .page("primary linked, throttle for 7 s; nobody for 7 s"),
        limited("429 throttle without Retry-After", Fault::throttle(None)).key("Spotify asks to wait 0:0…").page(guess),
        limited("429 throttle with retry-after in small letters and spaces", throttle_with("retry-after", "  7  "))
            .key("Spotify asks to wait 0:0…")
            .page("primary linked, throttle for 7 s; nobody for 7 s"),
        limited("429 throttle with Retry-After: soon", throttle_with("Retry-After", "soon"))
            .key("Spotify asks to wait 0:0…")
            .page(guess),
        limited(
            "429 throttle with Retry-After as a date",
            answers(
                429,
                &[("Date", "Wed, 21 Oct 2026 07:28:00 GMT"), ("Retry-After", "Wed, 21 Oct 2026 07:28:07 GMT")],
                "",
            ),
        )
        .key("Spotify asks to wait 0:0…")
        .page("primary linked, throttle for 7 s; nobody for 7 s"),
        limited("429 throttle with Retry-After: -1", throttle_with("Retry-After", "-1"))
            .key("Spotify asks to wait 0:0…")
            .page(guess),
        limited("429 throttle with 1e300 s", throttle_with("Retry-After", "1e300"))
            .key("Spotify asks to wait 0:0…")
            .page(guess),
        limited("429 in plain text", answers(429, &[("Retry-After", "7")], "Too many requests"))
            .key("Spotify asks to wait 0:0…")
            .page("primary linked, throttle for 7 s; nobody for 7 s"),
        limited("429 quota with Retry-After", Fault::quota(Some(QUOTA)))
            .key("Quota used up, back in 13 h 5…")
            .page("primary linked, quota of player for 50000 s; nobody for 50000 s"),
        limited("429 quota without Retry-After", Fault::quota(None))
            .key("Quota used up, back in 59:5…")
            .page("primary linked, quota of player for 3600 s; nobody for 3600 s"),
        down("500", Some(Fault::server_error(500)), "primary read 500"),
        down("502 in HTML", Some(bad_gateway()), "primary read 502"),
        down("503 with Retry-After", Some(unavailable()), "primary read 503"),
        intercepted("200 with HTML", captive_portal(), "primary read 200"),
        poll("200 without a body", answers(200, &[], "")).sends("primary read 200").key("Play"),
        poll("202 without a body", answers(202, &[], "")).sends("primary read 202").key("Play"),
        poll("200 with null", answers(200, &[], "null")).sends("primary read 200").key("Play"),
        poll("200 with an empty object", answers(200, &[], "{}")).sends("primary read 200").key("Play"),
        poll("an active device with nothing to play", Fault::patch(json!({"item": null, "is_playing": false})))
            .sends("primary read 200")
            .key("Play"),
        poll("a position and a length that can't be", Fault::patch(json!({"progress_ms": u64::MAX, "timestamp": -1})))
            .sends("primary read 200")
            .key("Pause"),
        poll("every member null", Fault::patch(json!({"actions": null, "context": null, "repeat_state": null})))
            .sends("primary read 200")
            .key("Pause"),
        poll("numbers as floats", Fault::floats()).sends("primary read 200").key("Pause"),
        poll("connection dropped once", Fault::drop_connection().times(1))
            .sends("primary read dropped, primary read 200")
            .key("Pause"),
        poll("answer cut off once", Fault::cut_answer().times(1))
            .sends("primary read 200, primary read 200")
            .key("Pause"),
        lost("connection dropped", Some(Fault::drop_connection())),
        lost("answer lost", Some(lost_answer())),
        lost("every connection to the Web API closed at once", None).when(no_web_api),
    ]
}

/// Returns the rows in which another account could take over.
fn polling_with_backups() -> Vec<Row> {
    let replayed = |outcome, fault| {
        poll(outcome, fault).with(Accounts::WithBackup).sends("primary read 429, backup read 200").key("Pause")
    };
    let taken_over = |outcome, fault| {
        poll(outcome, fault).with(Accounts::WithBackup).sends("primary read 403, backup read 200").key("Pause")
    };
    vec![
        replayed("429 throttle with Retry-After", Fault::throttle(Some(7)))
            .page("primary linked, throttle for 7 s; backup linked, in use"),
        replayed("429 throttle without Retry-After", Fault::throttle(None))
            .page("primary linked, throttle for 5 s; backup linked, in use"),
        replayed("429 quota with Retry-After", Fault::quota(Some(QUOTA)))
            .page("primary linked, quota of player for 50000 s; backup linked, in use"),
        replayed("429 quota without Retry-After", Fault::quota(None))
            .page("primary linked, quota of player for 3600 s; backup linked, in use"),
        taken_over("403 in plain text: the app's owner has no Premium", Fault::owner_not_premium())
            .page("primary linked, appOwnerNeedsPremium; backup linked, in use"),
        taken_over("403 in plain text: not on the allow list", Fault::not_on_allow_list())
            .page("primary linked, notOnAllowList; backup linked, in use"),
        poll("500", Fault::server_error(500))
            .with(Accounts::WithBackup)
            .sends("primary read 500")
            .key("Spotify is down"),
        poll("403 in HTML", Fault::forbidden_page())
            .with(Accounts::WithBackup)
            .sends("primary read 403")
            .key("Check the network"),
        poll("every connection to the Web API closed at once", None)
            .with(Accounts::WithBackup)
            .when(no_web_api)
            .sends("primary read dropped, primary read dropped")
            .key("Connection lost"),
        poll("429 throttle on both", Fault::throttle(Some(7)))
            .with(Accounts::WithBackup)
            .and(Fault::throttle(Some(9)).of(BACKUP.client_id))
            .sends("primary read 429, backup read 429")
            .key("Spotify asks to wait 0:0…")
            .page("primary linked, throttle for 7 s; backup linked, throttle for 9 s; nobody for 7 s"),
        poll("429 quota, on the backup throttle", Fault::quota(Some(QUOTA)))
            .with(Accounts::WithBackup)
            .and(Fault::throttle(Some(7)).of(BACKUP.client_id))
            .sends("primary read 429, backup read 429")
            .key("Spotify asks to wait 0:0…")
            .page("primary linked, quota of player for 50000 s; backup linked, throttle for 7 s; nobody for 7 s"),
        poll("429 quota on both", Fault::quota(Some(QUOTA)))
            .with(Accounts::WithBackup)
            .and(Fault::quota(Some(QUOTA + 1_000)).of(BACKUP.client_id))
            .sends("primary read 429, backup read 429")
            .key("Quota used up, back in 13 h 5…")
            .page(
                "primary linked, quota of player for 50000 s; backup linked, quota of player for 51000 s; \
                 nobody for 50000 s",
            ),
        poll("429 throttle with Retry-After", Fault::throttle(Some(7)))
            .with(Accounts::WithSibling)
            .sends("primary read 429, sibling read 200")
            .key("Pause")
            .page("primary linked, throttle for 7 s; sibling linked, in use"),
        poll("429 quota with Retry-After", Fault::quota(Some(QUOTA)))
            .with(Accounts::WithSibling)
            .sends("primary read 429")
            .key("Quota used up, back in 13 h 5…")
            .page(
                "primary linked, quota of player for 50000 s; sibling linked, quota of player for 50000 s; \
                 nobody for 50000 s",
            ),
        poll("429 quota with Retry-After", Fault::quota(Some(QUOTA)))
            .with(Accounts::All)
            .sends("primary read 429, backup read 200")
            .key("Pause")
            .page(
                "primary linked, quota of player for 50000 s; sibling linked, quota of player for 50000 s; \
                 backup linked, in use",
            ),
    ]
}

fn pressing() -> Vec<Row> {
    let limited = |outcome, fault| press(outcome, fault).sends("primary pause 429");
    let refused = |outcome, fault, sent| press(outcome, fault).sends(sent);
    let with_backup = |outcome, fault: Option<Fault>| press(outcome, fault).with(Accounts::WithBackup);
    vec![
        press("all is well", None).sends("primary pause 200, primary read 200").key("Play"),
        press("401 once", Fault::unauthorized().times(1))
            .sends("primary pause 401, primary refresh 200, primary pause 200, primary read 200")
            .key("Play"),
        press("401 again and again", Fault::unauthorized())
            .sends("primary pause 401, primary refresh 200, primary pause 401, primary read 200")
            .key("Sign in again"),
        press("401, then 400 invalid_grant", Fault::unauthorized().times(1))
            .when(|spotify| spotify.inject(token_error("invalid_grant", "Refresh token revoked")))
            .sends("primary pause 401, primary refresh 400")
            .key("Sign in again")
            .page("primary signInAgain, \"Sign in again\"")
            .stores(SIGNED_OUT),
        press("401, then 503", Fault::unauthorized().times(1))
            .when(|spotify| spotify.inject(unavailable().on("POST", "/accounts/api/token")))
            .sends("primary pause 401, primary refresh 503")
            .key("Spotify is down")
            .page("primary linked, in use, \"Spotify's accounts service can't answer at the moment\""),
        refused("403 PREMIUM_REQUIRED", Fault::premium_required(), "primary pause 403, primary read 200")
            .key("Premium needed")
            .page("primary linked, in use, userNeedsPremium"),
        refused(
            "403 Restriction violated",
            json_answer(403, "Player command failed: Restriction violated", "UNKNOWN"),
            "primary pause 403, primary read 200",
        )
        .key("Not possible now"),
        refused(
            "403 ALREADY_PAUSED",
            json_answer(403, "Player command failed: Already paused", "ALREADY_PAUSED"),
            "primary pause 403, primary read 200",
        )
        .when(|spotify| {
            let paused = Change { playing: Some(false), ..Change::default() };
            spotify.change_playback(paused).expect("it plays");
        })
        .key("Play"),
        refused(
            "403 Insufficient client scope",
            json_answer(403, "Insufficient client scope", ""),
            "primary pause 403, primary read 200",
        )
        .key("Sign in again"),
        refused(
            "403 in plain text: the app's owner has no Premium",
            Fault::owner_not_premium(),
            "primary pause 403, primary read 200",
        )
        .key("App owner needs Premium"),
        refused("404 NO_ACTIVE_DEVICE", Fault::no_active_device(), "primary pause 404, primary read 200")
            .key("Open Spotify on a device"),
        limited("429 throttle with Retry-After", Fault::throttle(Some(7)))
            .key("Spotify asks to wait 0:0…")
            .page("primary linked, throttle for 7 s; nobody for 7 s"),
        limited("429 throttle without Retry-After", Fault::throttle(None))
            .key("Spotify asks to wait 0:0…")
            .page("primary linked, throttle for 5 s; nobody for 5 s"),
        limited("429 quota with Retry-After", Fault::quota(Some(QUOTA)))
            .key("Quota used up, back in 13 h 5…")
            .page("primary linked, quota of player for 50000 s; nobody for 50000 s"),
        refused("500", Fault::server_error(500), "primary pause 500").key("Spotify is down"),
        refused("502 in HTML", bad_gateway(), "primary pause 502").key("Spotify is down"),
        refused("503 with Retry-After", unavailable(), "primary pause 503").key("Spotify is down"),
        refused(
            "403 Restricted device, without a reason",
            Fault::restricted_device(),
            "primary pause 403, primary read 200",
        )
        .key("Device not controllable"),
        refused("403 in HTML", Fault::forbidden_page(), "primary pause 403").key("Check the network"),
        refused("connection dropped", Fault::drop_connection(), "primary pause dropped, primary pause dropped")
            .key("Connection lost"),
        press("connection dropped once", Fault::drop_connection().times(1))
            .sends("primary pause dropped, primary pause 200, primary read 200")
            .key("Play"),
        press("answer lost once", lost_answer().times(1))
            .sends("primary pause dropped, primary pause 403, primary read 200")
            .key("Play"),
        press("kept connection closed at the first byte", None)
            .when(|spotify| spotify.cut_kept_connections(1))
            .sends("primary pause 200, primary read 200")
            .key("Play"),
        press("200 with HTML", None)
            .when(|spotify| spotify.inject(captive_portal().on("", "/v1/")))
            .sends("primary pause 200")
            .key("Check the network"),
        press("every connection to the Web API closed at once", None)
            .when(no_web_api)
            .sends("primary pause dropped, primary pause dropped")
            .key("Connection lost"),
        with_backup("401, then 400 invalid_grant", Some(Fault::unauthorized().times(1)))
            .when(|spotify| spotify.inject(token_error("invalid_grant", "Refresh token revoked")))
            .sends("primary pause 401, primary refresh 400, backup pause 200, backup read 200")
            .key("Play")
            .page("primary signInAgain, \"Sign in again\"; backup linked, in use")
            .stores("primary: ID, secret; backup: ID, secret, sign-in"),
        with_backup("401, then 503", Some(Fault::unauthorized().times(1)))
            .when(|spotify| spotify.inject(unavailable().on("POST", "/accounts/api/token")))
            .sends("primary pause 401, primary refresh 503, backup pause 200, backup read 200")
            .key("Play")
            .page("primary linked, in use, \"Spotify's accounts service can't answer at the moment\"; backup linked"),
        with_backup("429 throttle with Retry-After", Some(Fault::throttle(Some(7))))
            .sends("primary pause 429, backup pause 200, backup read 200")
            .key("Play")
            .page("primary linked, throttle for 7 s; backup linked, in use"),
        with_backup("429 quota with Retry-After", Some(Fault::quota(Some(QUOTA))))
            .sends("primary pause 429, backup pause 200, backup read 200")
            .key("Play")
            .page("primary linked, quota of player for 50000 s; backup linked, in use"),
        with_backup("403 in plain text: the app's owner has no Premium", Some(Fault::owner_not_premium()))
            .sends("primary pause 403, backup pause 200, backup read 200")
            .key("Play")
            .page("primary linked, appOwnerNeedsPremium; backup linked, in use"),
        with_backup("403 in plain text: not on the allow list", Some(Fault::not_on_allow_list()))
            .sends("primary pause 403, backup pause 200, backup read 200")
            .key("Play")
            .page("primary linked, notOnAllowList; backup linked, in use"),
        with_backup("403 PREMIUM_REQUIRED", Some(Fault::premium_required()))
            .sends("primary pause 403, primary read 200")
            .key("Premium needed")
            .page("primary linked, in use, userNeedsPremium; backup linked"),
        with_backup("404 NO_ACTIVE_DEVICE", Some(Fault::no_active_device()))
            .sends("primary pause 404, primary read 200")
            .key("Open Spotify on a device"),
        with_backup("503 with Retry-After", Some(unavailable())).sends("primary pause 503").key("Spotify is down"),
        with_backup("answer lost", Some(lost_answer()))
            .sends("primary pause dropped, primary pause dropped")
            .key("Connection lost"),
        press("429 quota with Retry-After", Fault::quota(Some(QUOTA)))
            .with(Accounts::WithSibling)
            .sends("primary pause 429")
            .key("Quota used up, back in 13 h 5…")
            .page(
                "primary linked, quota of player for 50000 s; sibling linked, quota of player for 50000 s; \
                 nobody for 50000 s",
            ),
        press("429 quota with Retry-After", Fault::quota(Some(QUOTA)))
            .with(Accounts::All)
            .sends("primary pause 429, backup pause 200, backup read 200")
            .key("Play")
            .page(
                "primary linked, quota of player for 50000 s; sibling linked, quota of player for 50000 s; \
                 backup linked, in use",
            ),
    ]
}
