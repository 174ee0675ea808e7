//! Add to queue: adds the chosen track or episode, or the current item, to the queue.

use serde::{Deserialize, Deserializer};

use super::settings::Chosen;
use super::{Face, View, Widget};
use crate::face::{Icon, Size, Tone};
use crate::player::Verb;
use crate::spotify::UriKind;

/// The kinds that Spotify's queue accepts.
const QUEUEABLE: [UriKind; 2] = [UriKind::Track, UriKind::Episode];

/// The widget; see the module documentation.
pub(super) struct AddToQueue;

impl Widget for AddToQueue {
    const UUID: &'static str = "com.spotify-widgets.add-to-queue";
    type Settings = Settings;

    fn press(view: &View<'_, Settings>) -> Option<Verb> {
        Some(Verb::Enqueue(view.settings.item.as_ref().map(|item| item.uri.clone())))
    }

    fn face(view: &View<'_, Settings>, _: Size) -> Face {
        if let Some(done) = view.done() {
            return view.key(Icon::QueueAdd, "Added", Tone::Active).with_title_of(done);
        }
        let item = view.settings.item.as_ref();
        let tone = if item.is_none() && view.nothing_plays() { Tone::Disabled } else { Tone::Normal };
        match item.and_then(Chosen::name) {
            Some(name) => view.key(Icon::QueueAdd, "Queue", tone).with_note(name),
            None => view.key(Icon::QueueAdd, "Add to queue", tone),
        }
    }
}

/// The settings of this widget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    /// The item to add; without it, the current item.
    #[serde(deserialize_with = "queueable")]
    item: Option<Chosen>,
}

fn queueable<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Chosen>, D::Error> {
    Chosen::read(from, &QUEUEABLE)
}
