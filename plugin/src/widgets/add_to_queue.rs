//! Add to queue: puts a track or episode that was chosen, or what plays, into the queue.

use host_sdk::package::Settings;

use super::{Face, Widget, chosen, key, nothing_playing};
use crate::face::{Icon, Tone};
use crate::player::{Player, Verb};
use crate::spotify::{Uri, UriKind};

/// What Spotify's queue takes.
const QUEUEABLE: [UriKind; 2] = [UriKind::Track, UriKind::Episode];

pub(super) const WIDGET: Widget = Widget {
    uuid: "com.spotify-widgets.add-to-queue",
    press: |_, settings| Some(Verb::Enqueue(uri(settings))),
    owns: |verb, settings| *verb == Verb::Enqueue(uri(settings)),
    face: |player, settings, _| face(player, settings),
    ..Widget::BLANK
};

/// What was chosen; None means what plays.
fn uri(settings: &Settings) -> Option<Uri> {
    chosen(settings, "item", &QUEUEABLE).map(|item| item.uri)
}

fn face(player: &Player, settings: &Settings) -> Face {
    if let Some(done) = player.done(|verb| *verb == Verb::Enqueue(uri(settings))) {
        return key(player, Icon::QueueAdd, "Added", Tone::Active).about(done);
    }
    let item = chosen(settings, "item", &QUEUEABLE);
    let tone = if item.is_none() && nothing_playing(player.now.as_ref()) { Tone::Disabled } else { Tone::Normal };
    match item.map(|item| item.name).filter(|name| !name.is_empty()) {
        Some(name) => key(player, Icon::QueueAdd, "Queue", tone).with_note(&name),
        None => key(player, Icon::QueueAdd, "Add to queue", tone),
    }
}
