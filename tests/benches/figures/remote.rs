//! What happens elsewhere: how long until a change made in another Spotify app is on the keys, and how soon a track's
//! natural end is.

use std::time::{Duration, Instant};

use acceptance::{SOON, Stage, Unpacked};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use host_sdk::protocol::ToHost;
use spotify_sim::catalogue::track_uri;
use spotify_sim::{Action, Change, Config};

use crate::LATENCY;
use crate::panel::{PLAY, PLAYING_NOW, TEXT, appear_text, linked, listen, moment};
use crate::table::Row;

/// Packages that run at once, to have more changes in the time.
const PACKAGES: u32 = 8;
const CHANGES: u32 = 3;
/// How long after the last change another one comes: longer than between two questions, so that any moment between two
/// is as likely.
const APART: Duration = Duration::from_secs(9);
/// How long Spotify's reads lag behind; the live service: some 100 ms.
const READ_LAG: Duration = Duration::from_millis(100);

/// How long until a change that was made in another Spotify app shows.
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

/// Times of skips, pauses and resumes.
async fn changes_of(unpacked: &Unpacked, package: u32) -> [Vec<Duration>; 3] {
    let mut stage = linked(unpacked, Config { latency: LATENCY, read_lag: READ_LAG, ..Config::default() }).await;
    stage.host.appear(PLAY).await;
    appear_text(&mut stage.host).await;
    stage.host.shows(PLAY, "Pause").await;
    let mut times = [const { Vec::new() }; 3];
    for round in 0..CHANGES {
        let skip = Change { action: Some(Action::Next), ..Change::default() };
        let playing = |playing| Change { playing: Some(playing), ..Change::default() };
        for (kind, change) in [skip, playing(false), playing(true)].into_iter().enumerate() {
            let number = (package * CHANGES + round) * 3 + kind as u32;
            listen(&mut stage.host, moment(number, APART)).await;
            let title = title(&stage);
            stage.spotify.change_playback(change).expect("it can be done");
            let changed = Instant::now();
            match kind {
                0 => {
                    while title_of(stage.host.shown(TEXT)) == title {
                        stage.host.hear().await;
                    }
                }
                1 => drop(stage.host.shows(PLAY, "Play").await),
                _ => drop(stage.host.shows(PLAY, "Pause").await),
            }
            times[kind].push(changed.elapsed());
        }
    }
    times
}

fn title(stage: &Stage<'_>) -> String {
    title_of(stage.host.shown(TEXT)).to_owned()
}

/// The title in the words of [`TEXT`].
fn title_of(words: &str) -> &str {
    words.rsplit_once(", ").map_or(words, |(title, _)| title)
}

/// The time in the words of [`TEXT`], in seconds.
fn elapsed_of(words: &str) -> Option<u32> {
    let (minutes, seconds) = words.rsplit_once(", ")?.1.split_once(':')?;
    Some(minutes.parse::<u32>().ok()? * 60 + seconds.parse::<u32>().ok()?)
}

const END_PACKAGES: u32 = 4;
/// The last track of an album, of which the list's next one has another cover: its number and its length.
const LAST_TRACKS: [(usize, Duration); 3] =
    [(4, Duration::from_millis(362_900)), (7, Duration::from_millis(214_000)), (4, Duration::from_millis(362_900))];
/// Before the end, at least; more than between two questions, so that the package knows when the end is.
const BEFORE_END: Duration = Duration::from_secs(12);
/// How long what follows is looked at.
const AFTER_END: Duration = Duration::from_secs(4);

/// How long after a track's natural end title, cover and time of the next one are all right on the wire.
pub async fn ends(unpacked: &Unpacked) -> Vec<Row> {
    let all = join_all((0..END_PACKAGES).map(|package| ends_of(unpacked, package))).await;
    let times: Vec<Duration> = all.into_iter().flatten().collect();
    vec![Row::seconds("A track's natural end to the next one's title, cover and time", &times).at_most(1.0)]
}

async fn ends_of(unpacked: &Unpacked, package: u32) -> Vec<Duration> {
    let mut stage = linked(unpacked, Config { latency: LATENCY, read_lag: READ_LAG, ..Config::default() }).await;
    stage.host.appear(PLAYING_NOW).await;
    appear_text(&mut stage.host).await;
    stage.host.shows(PLAYING_NOW, "Playing").await;
    let mut times = Vec::new();
    for (round, (number, length)) in LAST_TRACKS.into_iter().enumerate() {
        let before = BEFORE_END + moment(package * LAST_TRACKS.len() as u32 + round as u32, Duration::from_secs(2));
        let progress_ms = u64::try_from((length - before).as_millis()).unwrap_or_default();
        // From the list's start on, so that the next album follows.
        let list = Change::context(&spotify_sim::catalogue::playlist_uri(1));
        let last = Change { item: Some(Some(track_uri(number))), progress_ms: Some(progress_ms), ..list };
        stage.spotify.change_playback(last).expect("it is in the list");
        let end = Instant::now() + before;
        listen(&mut stage.host, before).await;
        times.push(next_track(&mut stage, end).await);
    }
    times
}

/// Looks at what the package says from a track's end on; answers how long it took until all was right.
async fn next_track(stage: &mut Stage<'_>, end: Instant) -> Duration {
    let old = title(stage);
    let mut pictures = Vec::new();
    let mut words = None;
    let until = tokio::time::Instant::from_std(end + AFTER_END);
    while let Ok(message) = tokio::time::timeout_at(until, stage.host.hear()).await {
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
    // What is shown in the end is right: within four seconds there is time for everything. The cover fills half of the
    // picture and colours the rest, so a picture that differs from that by hardly a shade has the right one.
    let Some((_, right, last)) = pictures.last() else { return SOON };
    let colour = mean_colour(last);
    let like = |other: [f64; 3]| other.iter().zip(&colour).all(|(one, other)| (one - other).abs() < 2.0);
    let mut like_it = pictures.iter().filter(|(_, words, image)| words == right && like(mean_colour(image)));
    let picture = like_it.next().map(|(since, ..)| *since);
    let old_stays = right.contains(&old);
    match (picture, words) {
        (Some(picture), Some(words)) if !old_stays => picture.max(words),
        _ => SOON,
    }
}

/// The mean of red, green and blue, 0 to 255, of a picture as a host gets it.
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
