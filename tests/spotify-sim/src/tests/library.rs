//! Tests of Liked Songs, playlists, single objects and recently played tracks, over real HTTP.

use super::*;
use crate::catalogue::{LIKED_URI, SHOW_URI, artist_uri, id_of, playlist_uri};

impl Session {
    /// Returns the status and error message of a refused call.
    async fn refused(&self, method: Method, path: &str, body: Option<Value>) -> (u16, String) {
        let answer = self.send(method, path, body).await;
        let status = answer.status().as_u16();
        (status, json_of(answer).await["error"]["message"].as_str().expect("a message").to_owned())
    }

    fn entries(&self, playlist: usize) -> Vec<String> {
        self.sim.playlist(&playlist_uri(playlist)).expect("a playlist")
    }
}

fn items(playlist: usize) -> String {
    format!("/playlists/{}/items", id_of(&playlist_uri(playlist)))
}

fn tracks(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(track_uri).collect()
}

fn uris(list: &Value, entry: &str) -> Vec<String> {
    let uri = |item: &Value| item[entry]["uri"].as_str().expect("a URI").to_owned();
    list["items"].as_array().expect("a list").iter().map(uri).collect()
}

#[tokio::test]
async fn liked_songs_are_the_saved_tracks_newest_first() {
    let saved = vec![track_uri(3), album_uri(1), track_uri(1)];
    let session = Session::start(Config { saved, ..stopped() }).await;
    session.sim.advance(Duration::from_millis(60_500));
    session.put(&format!("/me/library?uris={},{}", track_uri(8), track_uri(3))).await;
    let first = session.get("/me/tracks?limit=2").await;
    assert_eq!(uris(&first, "track"), tracks([8, 1]), "an already saved track keeps its place");
    assert_eq!((&first["total"], &first["items"][0]["added_at"]), (&json!(3), &json!("2026-11-20T12:01:00.5Z")));
    let next = first["next"].as_str().expect("more").strip_prefix(&session.sim.api_url()).expect("ours").to_owned();
    let second = session.get(&next).await;
    assert_eq!((uris(&second, "track"), &second["next"]), (tracks([3]), &Value::Null));
    assert_eq!(session.sim.library(), [track_uri(8), track_uri(1), album_uri(1), track_uri(3)]);
    assert_eq!(session.send(Method::GET, "/me/tracks?limit=51", None).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn liked_songs_can_be_played_as_a_list() {
    let session = Session::start(Config { saved: tracks([3, 1, 8]), ..stopped() }).await;
    let liked = uris(&session.get("/me/tracks").await, "track");
    let answer = session.send(Method::PUT, "/me/player/play", Some(json!({ "uris": liked }))).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let playback = session.sim.playback();
    assert_eq!((playback.item, playback.upcoming, playback.context), (Some(track_uri(8)), tracks([1, 3]), None));
    let many = json!({ "uris": vec![track_uri(1); 800], "offset": { "position": 799 } });
    assert_eq!(session.send(Method::PUT, "/me/player/play", Some(many)).await.status(), StatusCode::OK);
    let more = json!({ "uris": vec![track_uri(1); 801] });
    assert_eq!(session.refused(Method::PUT, "/me/player/play", Some(more)).await.0, 413);
}

#[tokio::test]
async fn liked_context_can_be_left_to_other_apps() {
    let session = Session::start(Config { saved: tracks([3, 1, 8]), ..stopped() }).await;
    session.sim.set_liked_context(false);
    let context = json!({ "context_uri": LIKED_URI });
    assert_eq!(session.refused(Method::PUT, "/me/player/play", Some(context)).await.0, 404);
    session.sim.change_playback(Change::context(LIKED_URI)).expect("changed");
    let player = session.get("/me/player").await;
    assert_eq!((&player["item"]["uri"], &player["context"]["type"]), (&json!(track_uri(8)), &json!("collection")));
}

#[tokio::test]
async fn library_saves_every_kind_that_can_be_saved() {
    let session = Session::start(stopped()).await;
    let all = [track_uri(1), EPISODE_URI.to_owned(), album_uri(1), SHOW_URI.to_owned(), playlist_uri(5)].join(",");
    let contains = format!("/me/library/contains?uris={all},{}", playlist_uri(3));
    assert_eq!(session.get(&contains).await, json!([false, false, false, false, false, true]));
    assert_eq!(session.put(&format!("/me/library?uris={all}")).await, StatusCode::OK);
    assert_eq!(session.get(&contains).await, json!([true, true, true, true, true, true]));
    let names = |page: Value| -> Vec<Value> {
        page["items"].as_array().expect("a list").iter().map(|playlist| playlist["name"].clone()).collect()
    };
    assert_eq!(names(session.get("/me/playlists").await).len(), 5);
    session.send(Method::DELETE, &format!("/me/library?uris={},{}", playlist_uri(3), track_uri(1)), None).await;
    assert_eq!(session.get(&contains).await, json!([false, true, true, true, true, false]));
    let playlists = names(session.get("/me/playlists").await);
    assert_eq!(playlists, ["Feierabend ☕", "Long Way Home", "Together 🎉", "Keys & Coffee"]);
}

#[tokio::test]
async fn library_refuses_invalid_uris() {
    let session = Session::start(stopped()).await;
    for wrong in [LOCAL_URI, &artist_uri(1), "spotify:track:", "spotify:ad:x", "x"] {
        let path = format!("/me/library?uris={wrong}");
        assert_eq!(session.refused(Method::PUT, &path, None).await, (400, "Invalid uris".to_owned()), "{wrong}");
    }
}

#[tokio::test]
async fn single_objects_contain_their_items() {
    let session = Session::start(stopped()).await;
    let album = session.get(&format!("/albums/{}", id_of(&album_uri(2)))).await;
    assert_eq!((&album["name"], &album["tracks"]["total"]), (&json!("夜明けの信号"), &json!(3)));
    assert_eq!(album["tracks"]["items"][0].get("album"), None);
    let artist = session.get(&format!("/artists/{}", id_of(&artist_uri(1)))).await;
    assert_eq!((&artist["name"], &artist["images"][0]["width"]), (&json!("Lumen Föhr"), &json!(640)));
    let show = session.get(&format!("/shows/{}", id_of(SHOW_URI))).await;
    assert_eq!(show["episodes"]["items"][0]["uri"], EPISODE_URI);
    let episode = session.get(&format!("/episodes/{}", id_of(EPISODE_URI))).await;
    assert_eq!(episode["show"]["name"], "Key Matters");
}

#[tokio::test]
async fn unknown_object_is_not_found() {
    let session = Session::start(stopped()).await;
    for kind in ["tracks", "albums", "artists", "shows", "episodes", "playlists"] {
        let refused = session.refused(Method::GET, &format!("/{kind}/nope"), None).await;
        assert_eq!(refused, (404, "Resource not found".to_owned()), "{kind}");
    }
}

#[tokio::test]
async fn podcasts_and_playlist_items_need_their_scopes() {
    let without = Session::with_scopes(stopped(), "user-read-private").await;
    for path in [format!("/shows/{}", id_of(SHOW_URI)), format!("/episodes/{}", id_of(EPISODE_URI)), items(1)] {
        assert_eq!(without.refused(Method::GET, &path, None).await.1, "Insufficient client scope", "{path}");
    }
    without.get(&format!("/albums/{}", id_of(&album_uri(1)))).await;
}

#[tokio::test]
async fn every_kind_of_context_plays() {
    let session = Session::start(stopped()).await;
    for (context, first) in [
        (album_uri(3), track_uri(8)),
        (artist_uri(2), track_uri(5)),
        (SHOW_URI.to_owned(), EPISODE_URI.to_owned()),
        (playlist_uri(3), track_uri(8)),
    ] {
        let answer = session.send(Method::PUT, "/me/player/play", Some(json!({ "context_uri": context }))).await;
        assert_eq!(answer.status(), StatusCode::OK, "{context}");
        let playback = session.sim.playback();
        assert_eq!((playback.context, playback.item), (Some(context), Some(first)));
    }
}

#[tokio::test]
async fn own_playlist_items_are_paged() {
    let session = Session::start(stopped()).await;
    let page = session.get(&format!("{}?limit=2&offset=9", items(2))).await;
    assert_eq!(uris(&page, "item"), [track_uri(4), LOCAL_URI.to_owned()]);
    assert_eq!((&page["items"][1]["is_local"], &page["total"]), (&json!(true), &json!(12)));
}

#[tokio::test]
async fn own_playlist_can_be_changed_and_played() {
    let session = Session::start(stopped()).await;
    let before = session.get(&format!("/playlists/{}?fields=snapshot_id", id_of(&playlist_uri(1)))).await;
    let body = json!({ "uris": [EPISODE_URI, track_uri(5)], "position": 0 });
    let answer = session.send(Method::POST, &items(1), Some(body)).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let snapshot = json_of(answer).await;
    assert!(snapshot["snapshot_id"].is_string() && snapshot != before);
    assert_eq!(session.entries(1)[..3], [EPISODE_URI.to_owned(), track_uri(5), track_uri(1)]);
    session.send(Method::POST, &items(1), Some(json!({ "uris": [track_uri(2)] }))).await;
    assert_eq!(session.entries(1).last(), Some(&track_uri(2)));
    let body =
        json!({ "items": [{ "uri": track_uri(5) }, { "uri": EPISODE_URI }], "snapshot_id": snapshot["snapshot_id"] });
    let answer = session.send(Method::DELETE, &items(1), Some(body)).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(json_of(answer).await["snapshot_id"].is_string());
    assert_eq!(session.entries(1), tracks([1, 2, 3, 4, 6, 7, 8, 9, 10, 2]));
    session.send(Method::PUT, "/me/player/play", Some(json!({ "context_uri": playlist_uri(1) }))).await;
    assert_eq!(session.sim.playback().tracks, session.entries(1));
}

#[tokio::test]
async fn playlist_of_another_user_is_closed() {
    let session = Session::start(stopped()).await;
    let add = Some(json!({ "uris": [track_uri(2)] }));
    let remove = Some(json!({ "items": [{ "uri": track_uri(8) }] }));
    for (method, body) in [(Method::GET, None), (Method::POST, add), (Method::DELETE, remove)] {
        assert_eq!(session.refused(method, &items(3), body).await, (403, "Forbidden".to_owned()));
    }
    assert_eq!(session.entries(3), tracks([8, 9, 10]));
    let playlist = session.get(&format!("/playlists/{}", id_of(&playlist_uri(3)))).await;
    assert_eq!((playlist.get("items"), &playlist["owner"]["id"]), (None, &json!("sim_radio")));
}

#[tokio::test]
async fn collaborative_playlist_of_another_user_is_open() {
    let session = Session::start(stopped()).await;
    let add = Some(json!({ "uris": [track_uri(2)] }));
    let list = session.get("/me/playlists?offset=3").await;
    assert_eq!((&list["items"][0]["collaborative"], &list["items"][0]["items"]["total"]), (&json!(true), &json!(4)));
    assert_eq!(session.send(Method::POST, &items(4), add).await.status(), StatusCode::CREATED);
    assert_eq!(uris(&session.get(&items(4)).await, "item"), tracks([5, 6, 7, 1, 2]));
}

#[tokio::test]
async fn invalid_playlist_changes_are_refused() {
    let session = Session::start(stopped()).await;
    for body in [
        json!({ "uris": [] }),
        json!({ "uris": vec![track_uri(1); 101] }),
        json!({ "uris": [LOCAL_URI] }),
        json!({ "uris": ["spotify:track:nope"] }),
        json!({ "uris": [track_uri(1)], "position": 11 }),
        json!({ "items": [] }),
    ] {
        assert_eq!(session.refused(Method::POST, &items(1), Some(body.clone())).await.0, 400, "{body}");
    }
    for body in [json!({ "items": [{ "uri": track_uri(1) }], "snapshot_id": "nope" }), json!({ "items": [] })] {
        assert_eq!(session.refused(Method::DELETE, &items(1), Some(body.clone())).await.0, 400, "{body}");
    }
    assert_eq!(session.entries(1), tracks(1..=10));
    let body = json!({ "uris": [track_uri(1)] });
    assert_eq!(session.refused(Method::POST, "/playlists/nope/items", Some(body)).await.0, 404);
}

#[tokio::test]
async fn private_playlist_changes_need_their_scope() {
    let body = json!({ "uris": [track_uri(1)] });
    let public_only = Session::with_scopes(stopped(), "playlist-modify-public").await;
    let private = public_only.refused(Method::POST, &items(1), Some(body.clone())).await;
    assert_eq!(private, (403, "Insufficient client scope".to_owned()));
    assert_eq!(public_only.send(Method::POST, &items(2), Some(body)).await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn recently_played_is_paged_by_time() {
    let session = Session::start(stopped()).await;
    session.sim.advance(Duration::from_millis(201_000 + 174_500 + 223_040));
    let first = session.get("/me/player/recently-played?limit=2").await;
    assert_eq!(uris(&first, "track"), tracks([3, 2]));
    assert_eq!(first["items"][1]["played_at"], "2026-11-20T12:06:15.5Z");
    assert_eq!(first["items"][0]["context"]["uri"], playlist_uri(1));
    let next = first["next"].as_str().expect("more").strip_prefix(&session.sim.api_url()).expect("ours").to_owned();
    let second = session.get(&next).await;
    assert_eq!((uris(&second, "track"), &second["next"]), (tracks([1]), &Value::Null));
    let after = first["cursors"]["after"].as_str().expect("a cursor");
    let newer = session.get(&format!("/me/player/recently-played?after={after}")).await;
    assert_eq!((&newer["items"], &newer["cursors"]), (&json!([]), &Value::Null));
    let both = session.refused(Method::GET, "/me/player/recently-played?after=1&before=2", None).await;
    assert_eq!(both.0, 400);
}

#[tokio::test]
async fn control_api_saves_and_reports_the_library() {
    let session = Session::start(stopped()).await;
    let sim = format!("{}sim", session.sim.page_url());
    let state = async || json_of(session.client.get(format!("{sim}/state")).send().await.expect("an answer")).await;
    assert_eq!(state().await["liked"], false);
    let body = json!({ "uri": track_uri(1), "saved": true });
    let answer = session.client.post(format!("{sim}/library")).json(&body).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let state = state().await;
    assert_eq!((&state["liked"], &state["library"]), (&json!(true), &json!([track_uri(1)])));
    assert_eq!(state["connections"]["open"], 1);
    assert_eq!(state["sleeping"], json!([false, false, false, false]));
}

#[tokio::test]
async fn collaborative_playlists_of_others_need_their_scope() {
    let collaborative = playlist_uri(4);
    for (scopes, shown) in
        [("playlist-read-private", false), ("playlist-read-private playlist-read-collaborative", true)]
    {
        let session = Session::with_scopes(stopped(), scopes).await;
        let list = session.get("/me/playlists").await;
        let found = list["items"].as_array().expect("a list").iter().any(|one| one["uri"] == collaborative);
        assert_eq!(found, shown, "{scopes}");
    }
}

#[tokio::test]
async fn profile_has_the_stable_id_unless_configured_without() {
    let session = Session::start(stopped()).await;
    assert_eq!(session.get("/me").await["account_id"], "account-of-sim_user");
    let user = User { account_id: None, ..User::default() };
    let session = Session::start(Config { user, ..stopped() }).await;
    assert_eq!(session.get("/me").await.get("account_id"), None);
}
