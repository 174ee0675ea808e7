//! Measures how long the keys take to show a change in another Spotify app, and a track's natural end.

use std::time::{Duration, Instant};

use acceptance::{Stage, TIMEOUT, Unpacked};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use host_sdk::protocol::ToHost;
use spotify_sim::catalogue::track_uri;
use spotify_sim::{Action, Change, Config};

use crate::LATENCY;
use crate::panel::{PLAY, PLAYING_NOW, TEXT, linked, moment, place_text, receive_for};
use crate::table::Row;

/// The number of packages that run at once, for more changes in the same time.
const PACKAGES: u32 = 8;
const CHANGES: u32 = 3;
/// The maximum time between two changes: longer than between two polls, so that every moment between two is equally likely.
const MAX_PAUSE: Duration = Duration::from_secs(9);
/// The lag of Spotify's reads; with the live service about 100 ms.
const READ_LAG: Duration = Duration::from_millis(100);

/// Measures the time until a change in another Spotify app is shown.
pub async fn changes(unpacked: &Unpacked) -> Vec<Row> {
    let all = join_all((0..PACKAGES).map(|package| changes_of(unpacked, package))).await;
    let of = |kind: usize| all.iter().flat_map(|times| times[kind].iter().copied()).collect::<Vec<_>>();
    let [skips, pauses, resumes] = [of(0), of(1), of(2)];
    let playing: Vec<Duration> = skips.iter().chain(&pauses).copied().collect();
    vec![
        Row::seconds("A change in another app to the changed face (while a track plays)", &playing).at_most(4.5),
        Row::seconds("The same: another track", &skips),
        Row::seconds("The same: paused", &pauses),
        Row::seconds("The same: resumed, after a short pause", &resumes),
    ]
}

/// Returns the times of skips, pauses and resumes.
async fn changes_of(unpacked: &Unpacked, package: u32) -> [Vec<Duration>; 3] {
    let mut stage = linked(unpacked, Config { latency: LATENCY, read_lag: READ_LAG, ..Config::default() }).await;
    stage.host.place(PLAY).await;
    place_text(&mut stage.host).await;
    stage.host.wait_until_shows(PLAY, "Pause").await;
    let mut times = [const { Vec::new() }; 3];
    for round in 0..CHANGES {
        let skip = Change { action: Some(Action::Next), ..Change::default() };
        let playing = |playing| Change { playing: Some(playing), ..Change::default() };
        for (kind, change) in [skip, playing(false), playing(true)].into_iter().enumerate() {
            let number = (package * CHANGES + round) * 3 + kind as u32;
            receive_for(&mut stage.host, moment(number, MAX_PAUSE)).await;
            let title = title(&stage);
            stage.spotify.change_playback(change).expect("it can be done");
            let changed = Instant::now();
            match kind {
                0 => {
                    while title_of(stage.host.description(TEXT)) == title {
                        stage.host.receive().await;
                    }
                }
                1 => drop(stage.host.wait_until_shows(PLAY, "Play").await),
                _ => drop(stage.host.wait_until_shows(PLAY, "Pause").await),
            }
            times[kind].push(changed.elapsed());
        }
    }
    times
}

fn title(stage: &Stage<'_>) -> String {
    title_of(stage.host.description(TEXT)).to_owned()
}

/// Returns the title in the description of [`TEXT`].
fn title_of(words: &str) -> &str {
    words.rsplit_once(", ").map_or(words, |(title, _)| title)
}

/// Returns the time in the description of [`TEXT`], in seconds.
fn elapsed_of(words: &str) -> Option<u32> {
    let (minutes, seconds) = words.rsplit_once(", ")?.1.split_once(':')?;
    Some(minutes.parse::<u32>().ok()? * 60 + seconds.parse::<u32>().ok()?)
}

const END_PACKAGES: u32 = 4;
/// The numbers and lengths of tracks that are followed by one with another cover.
const LAST_TRACKS: [(usize, Duration); 3] =
    [(4, Duration::from_millis(362_900)), (7, Duration::from_millis(214_000)), (4, Duration::from_millis(362_900))];
/// The minimum time before the end: longer than between two polls, so that the package knows when the track ends.
const BEFORE_END: Duration = Duration::from_secs(12);
/// The time after the end in which messages are checked.
const AFTER_END: Duration = Duration::from_secs(4);

/// Measures the time from a track's natural end until title, cover and time of the next one are all shown.
pub async fn ends(unpacked: &Unpacked) -> Vec<Row> {
    let all = join_all((0..END_PACKAGES).map(|package| ends_of(unpacked, package))).await;
    let times: Vec<Duration> = all.into_iter().flatten().collect();
    vec![Row::seconds("A track's natural end to the next one's title, cover and time", &times).at_most(1.0)]
}

async fn ends_of(unpacked: &Unpacked, package: u32) -> Vec<Duration> {
    let mut stage = linked(unpacked, Config { latency: LATENCY, read_lag: READ_LAG, ..Config::default() }).await;
    stage.host.place(PLAYING_NOW).await;
    place_text(&mut stage.host).await;
    stage.host.wait_until_shows(PLAYING_NOW, "Playing").await;
    let mut times = Vec::new();
    for (round, (number, length)) in LAST_TRACKS.into_iter().enumerate() {
        let before = BEFORE_END + moment(package * LAST_TRACKS.len() as u32 + round as u32, Duration::from_secs(2));
        let progress_ms = u64::try_from((length - before).as_millis()).unwrap_or_default();
        // In the playlist's context, so that the next album follows.
        let list = Change::context(&spotify_sim::catalogue::playlist_uri(1));
        let last = Change { item: Some(Some(track_uri(number))), progress_ms: Some(progress_ms), ..list };
        stage.spotify.change_playback(last).expect("it is in the list");
        let end = Instant::now() + before;
        receive_for(&mut stage.host, before).await;
        times.push(next_track(&mut stage, end).await);
    }
    times
}

/// Receives messages after a track's end and returns the time until everything was right.
async fn next_track(stage: &mut Stage<'_>, end: Instant) -> Duration {
    let old = title(stage);
    let mut pictures = Vec::new();
    let mut words = None;
    let until = tokio::time::Instant::from_std(end + AFTER_END);
    while let Ok(message) = tokio::time::timeout_at(until, stage.host.receive()).await {
        let ToHost::ChangeImage { context, image, description, .. } = message else { continue };
        let description = description.unwrap_or_default();
        let since = end.elapsed();
        if context == PLAYING_NOW.context {
            pictures.push((since, description, image));
        } else if context == TEXT.context && title_of(&description) != old && words.is_none() {
            let right = elapsed_of(&description).is_some_and(|shown| u64::from(shown).abs_diff(since.as_secs()) <= 1);
            words = right.then_some(since);
        }
    }
    // The last picture is considered right, because four seconds suffice. The cover fills half of the picture and colours the
    // rest, so a picture with nearly the same mean colour has the right cover.
    let Some((_, right, last)) = pictures.last() else { return TIMEOUT };
    let colour = mean_colour(last);
    let like = |other: [f64; 3]| other.iter().zip(&colour).all(|(one, other)| (one - other).abs() < 2.0);
    let mut like_it = pictures.iter().filter(|(_, words, image)| words == right && like(mean_colour(image)));
    let picture = like_it.next().map(|(since, ..)| *since);
    let old_stays = right.contains(&old);
    match (picture, words) {
        (Some(picture), Some(words)) if !old_stays => picture.max(words),
        _ => TIMEOUT,
    }
}

/// Returns the mean of red, green and blue (0 to 255) of a picture.
fn mean_colour(data_uri: &str) -> [f64; 3] {
    let data = data_uri.strip_prefix("data:image/png;base64,").expect("a PNG");
    let file = STANDARD.decode(data).expect("base64");
    let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("it fits into memory")];
    let frame = reader.next_frame(&mut pixels).expect("a picture");
    let samples = frame.color_type.samples();
    assert!(samples >= 3, "the faces have colours");
    let all = pixels[..frame.buffer_size()].chunks_exact(samples);
    let count = all.len() as f64;
    let mut sum = [0.0; 3];
    all.for_each(|pixel| sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += f64::from(*value)));
    sum.map(|sum| sum / count)
}
