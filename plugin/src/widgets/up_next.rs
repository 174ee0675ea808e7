//! Up next: shows the queue. A press skips to the next item.

use super::settings::Common;
use super::{Face, NoSettings, View, Widget, notice};
use crate::face::{Icon, List, Picture, Row, Size, best_cover};
use crate::player::{Subscription, Verb};

/// The widget; see the module documentation.
pub(super) struct UpNext;

impl Widget for UpNext {
    const UUID: &'static str = "com.spotify-widgets.up-next";
    type Settings = NoSettings;

    fn press(_: &View<'_, NoSettings>) -> Option<Verb> {
        Some(Verb::Next)
    }

    fn face(view: &View<'_, NoSettings>, size: Size) -> Face {
        let queue = match &view.player.queue {
            _ if view.player.known && view.player.now.is_none() => return notice(Icon::List, "Nothing is playing"),
            Some(queue) => queue,
            None => return notice(Icon::List, "Asking Spotify…"),
        };
        let upcoming = queue.iter().take(List::capacity(size));
        let rows: Vec<Row> = upcoming
            .map(|track| Row {
                title: track.title.clone(),
                byline: track.byline.clone(),
                cover: best_cover(&track.covers, List::cover_pixels(size)).map(str::to_owned),
            })
            .collect();
        let description = match rows.first() {
            Some(first) => format!("Up next: {} – {}", first.title, first.byline),
            None => "Nothing is up next".to_owned(),
        };
        let list = List { heading: "Up next".to_owned(), rows, empty: "Nothing is up next".to_owned() };
        Face { picture: Picture::List(list), state: None, description }
    }

    fn subscribe(_: &NoSettings, _: &Common, subscription: &mut Subscription) {
        subscription.queue = true;
    }
}
