//! Up next: what the queue holds. A press skips to it.

use super::{Face, Widget, notice};
use crate::face::{Icon, List, Picture, Row, Size, best};
use crate::player::{Player, Verb};

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.up-next",
    press: |_, _| Some(Verb::Next),
    looks_at: |_, interest| interest.queue = true,
    // The Next key says why it had no effect; this one goes on showing what comes.
    face: |player, _, size| face(player, size),
    ..Widget::BLANK
};

fn face(player: &Player, size: Size) -> Face {
    let queue = match &player.queue {
        _ if player.known && player.now.is_none() => return notice(Icon::List, "Nothing is playing"),
        Some(queue) => queue,
        None => return notice(Icon::List, "Asking Spotify…"),
    };
    let coming = queue.iter().take(List::room(size));
    let rows: Vec<Row> = coming
        .map(|track| Row {
            title: track.title.clone(),
            byline: track.byline.clone(),
            cover: best(&track.covers, List::cover_pixels(size)).map(str::to_owned),
        })
        .collect();
    let description = match rows.first() {
        Some(first) => format!("Up next: {} – {}", first.title, first.byline),
        None => "Nothing is up next".to_owned(),
    };
    let picture = Picture::List(List { heading: "Up next".to_owned(), rows, empty: "Nothing is up next".to_owned() });
    Face { picture, state: None, description }
}
