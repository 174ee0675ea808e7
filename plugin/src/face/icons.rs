//! The icons of the keys: SVG sources in `assets/icons`, drawn in any colour and kept once drawn.

use std::collections::HashMap;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use super::colour::Rgb;

/// What a key or a notice can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Icon {
    /// A triangle: a press plays.
    Play,
    /// Two bars: a press pauses.
    Pause,
    /// To the previous track.
    Previous,
    /// To the next track.
    Next,
    /// A loudspeaker with waves: a volume.
    Volume,
    /// A loudspeaker with a plus.
    VolumeUp,
    /// A loudspeaker with a minus.
    VolumeDown,
    /// A loudspeaker with a cross.
    Mute,
    /// Crossing arrows.
    Shuffle,
    /// Circling arrows: the playlist or album repeats.
    Repeat,
    /// Circling arrows with a 1: the track repeats.
    RepeatOne,
    /// A chain: an account is to be linked.
    Link,
    /// A triangle with an exclamation mark.
    Warning,
    /// Crossed-out waves: no network.
    Offline,
    /// A clock: wait.
    Clock,
    /// A loudspeaker box: a playback device.
    Speaker,
    /// Head and shoulders: an account.
    Account,
    /// A note: music in general, and the stand-in for a missing cover.
    Music,
    /// A heart's outline: not liked.
    Heart,
    /// A full heart: liked.
    HeartFilled,
    /// Lines with a plus: into a playlist.
    PlusList,
    /// Lines with a minus in a circle: out of a playlist.
    MinusList,
    /// A triangle before lines, with a plus: into the queue.
    QueueAdd,
    /// Lines: a list of tracks.
    List,
    /// A screen on a foot: a device.
    Computer,
    /// A telephone: a device.
    Phone,
    /// A television set: a device.
    Tv,
    /// A screen with waves: a device that is played to.
    Cast,
    /// Two triangles to the right: forward in the track.
    SeekForward,
    /// Two triangles to the left: back in the track.
    SeekBack,
    /// An arrow that turns back: from the beginning.
    Restart,
    /// An arrow out of a frame: opens something elsewhere.
    External,
    /// A crescent moon: the sleep timer.
    Moon,
}

impl Icon {
    /// Every icon.
    pub const ALL: [Icon; 33] = [
        Icon::Play,
        Icon::Pause,
        Icon::Previous,
        Icon::Next,
        Icon::Volume,
        Icon::VolumeUp,
        Icon::VolumeDown,
        Icon::Mute,
        Icon::Shuffle,
        Icon::Repeat,
        Icon::RepeatOne,
        Icon::Link,
        Icon::Warning,
        Icon::Offline,
        Icon::Clock,
        Icon::Speaker,
        Icon::Account,
        Icon::Music,
        Icon::Heart,
        Icon::HeartFilled,
        Icon::PlusList,
        Icon::MinusList,
        Icon::QueueAdd,
        Icon::List,
        Icon::Computer,
        Icon::Phone,
        Icon::Tv,
        Icon::Cast,
        Icon::SeekForward,
        Icon::SeekBack,
        Icon::Restart,
        Icon::External,
        Icon::Moon,
    ];

    fn source(self) -> &'static str {
        macro_rules! svg {
            ($name:literal) => {
                include_str!(concat!("../../assets/icons/", $name, ".svg"))
            };
        }
        match self {
            Icon::Play => svg!("play"),
            Icon::Pause => svg!("pause"),
            Icon::Previous => svg!("previous"),
            Icon::Next => svg!("next"),
            Icon::Volume => svg!("volume"),
            Icon::VolumeUp => svg!("volume-up"),
            Icon::VolumeDown => svg!("volume-down"),
            Icon::Mute => svg!("mute"),
            Icon::Shuffle => svg!("shuffle"),
            Icon::Repeat => svg!("repeat"),
            Icon::RepeatOne => svg!("repeat-one"),
            Icon::Link => svg!("link"),
            Icon::Warning => svg!("warning"),
            Icon::Offline => svg!("offline"),
            Icon::Clock => svg!("clock"),
            Icon::Speaker => svg!("speaker"),
            Icon::Account => svg!("account"),
            Icon::Music => svg!("music"),
            Icon::Heart => svg!("heart"),
            Icon::HeartFilled => svg!("heart-filled"),
            Icon::PlusList => svg!("plus-list"),
            Icon::MinusList => svg!("minus-list"),
            Icon::QueueAdd => svg!("queue-add"),
            Icon::List => svg!("list"),
            Icon::Computer => svg!("computer"),
            Icon::Phone => svg!("phone"),
            Icon::Tv => svg!("tv"),
            Icon::Cast => svg!("cast"),
            Icon::SeekForward => svg!("seek-forward"),
            Icon::SeekBack => svg!("seek-back"),
            Icon::Restart => svg!("restart"),
            Icon::External => svg!("external"),
            Icon::Moon => svg!("moon"),
        }
    }
}

/// Drawn icons, one for each icon, colour and size that was asked for.
#[derive(Default)]
pub(super) struct Icons {
    drawn: HashMap<(Icon, Rgb, u32), Pixmap>,
}

impl Icons {
    /// The layouts use some dozen sizes. Most colours are few, but those beside a cover are of the cover.
    const KEPT: usize = 256;

    /// How many icons are kept.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.drawn.len()
    }

    /// The icon, `px` pixels wide and high; none if its source is broken, which a test rules out.
    pub(super) fn get(&mut self, icon: Icon, colour: Rgb, px: u32) -> Option<&Pixmap> {
        let key = (icon, colour, px);
        if !self.drawn.contains_key(&key) {
            if self.drawn.len() >= Self::KEPT {
                self.drawn.clear();
            }
            self.drawn.insert(key, draw(icon, colour, px)?);
        }
        self.drawn.get(&key)
    }
}

/// The sources are white; only their coverage counts, the colour is given here.
fn draw(icon: Icon, Rgb(r, g, b): Rgb, px: u32) -> Option<Pixmap> {
    let tree = Tree::from_str(icon.source(), &Options::default()).ok()?;
    let mut pixmap = Pixmap::new(px, px)?;
    let scale = px as f32 / tree.size().width().max(tree.size().height());
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    for pixel in pixmap.data_mut().chunks_exact_mut(4) {
        let coverage = u16::from(pixel[3]);
        for (channel, full) in pixel.iter_mut().zip([r, g, b]) {
            *channel = (u16::from(full) * coverage / 255) as u8;
        }
    }
    Some(pixmap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_icon_draws_something_and_not_everything() {
        let mut icons = Icons::default();
        for icon in Icon::ALL {
            let pixmap = icons.get(icon, Rgb(255, 0, 0), 48).expect("drawn");
            let covered = pixmap.pixels().iter().filter(|p| p.alpha() > 128).count();
            assert!((150..1700).contains(&covered), "{icon:?} covers {covered}");
            assert!(pixmap.pixels().iter().all(|p| p.green() == 0 && p.blue() == 0));
            // A stroke that leaves the view box would be cut off at the edge.
            let edge = |x: u32, y: u32| pixmap.pixel(x, y).is_some_and(|p| p.alpha() > 0);
            assert!(
                !(0..48).any(|i| edge(i, 0) || edge(i, 47) || edge(0, i) || edge(47, i)),
                "{icon:?} touches its edge"
            );
        }
    }

    #[test]
    fn the_pictures_of_the_manifest_are_sound() {
        let check = |folder: &str, least: usize, wanted: &dyn Fn(&str) -> (f32, f32)| {
            let folder = format!("{}/assets/icons/{folder}", env!("CARGO_MANIFEST_DIR"));
            let mut seen = 0;
            for entry in std::fs::read_dir(folder).expect("folder") {
                let path = entry.expect("entry").path();
                let source = std::fs::read_to_string(&path).expect("text");
                let tree = Tree::from_str(&source, &Options::default()).expect("an SVG");
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let size = (tree.size().width(), tree.size().height());
                assert_eq!(size, wanted(&name), "{name}");
                assert!(!source.contains("<text"), "{name} needs a font");
                seen += 1;
            }
            assert!(seen >= least, "{seen} pictures");
        };
        check("list", 12, &|name| match name.starts_with("layout-") {
            true => (120.0, 120.0),
            false => (75.0, 54.0),
        });
        check("states", 12, &|_| (150.0, 108.0));
    }
}
