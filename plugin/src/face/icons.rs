//! The icons of the keys: SVG sources in `assets/icons`, rendered in any colour and cached.

use std::collections::HashMap;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use super::colour::Rgb;

/// An icon of a key or a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Icon {
    /// A triangle: a press plays.
    Play,
    /// Two bars: a press pauses.
    Pause,
    /// Skips to the previous track.
    Previous,
    /// Skips to the next track.
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
    /// A chain: an account has to be linked.
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
    /// A note: music in general, and a missing cover.
    Music,
    /// A heart's outline: not liked.
    Heart,
    /// A full heart: liked.
    HeartFilled,
    /// Lines with a plus: adds to a playlist.
    PlusList,
    /// Lines with a minus in a circle: removes from a playlist.
    MinusList,
    /// A triangle before lines, with a plus: adds to the queue.
    QueueAdd,
    /// Lines: a list of tracks.
    List,
    /// A screen on a foot: a device.
    Computer,
    /// A telephone: a device.
    Phone,
    /// A television set: a device.
    Tv,
    /// A screen with waves: a Cast device.
    Cast,
    /// Two triangles to the right: seeks forward.
    SeekForward,
    /// Two triangles to the left: seeks back.
    SeekBack,
    /// An arrow that turns back: restarts the track.
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

/// The cache of rendered icons, by icon, colour and size.
#[derive(Default)]
pub(super) struct Icons {
    rendered: HashMap<(Icon, Rgb, u32), Pixmap>,
}

impl Icons {
    /// Maximum number of cached icons. The layouts use some dozen sizes and few colours, except for those that depend on a
    /// cover.
    const MAX_RENDERED: usize = 256;

    /// Returns the number of cached icons.
    #[cfg(test)]
    pub(super) fn cache_size(&self) -> usize {
        self.rendered.len()
    }

    /// Returns an icon, `px` pixels wide and high. `None` if its source is invalid, which a test rules out.
    pub(super) fn get(&mut self, icon: Icon, colour: Rgb, px: u32) -> Option<&Pixmap> {
        let key = (icon, colour, px);
        if !self.rendered.contains_key(&key) {
            if self.rendered.len() >= Self::MAX_RENDERED {
                self.rendered.clear();
            }
            self.rendered.insert(key, render(icon, colour, px)?);
        }
        self.rendered.get(&key)
    }
}

/// Renders an icon in a colour. The sources are white: only their opacity is used.
fn render(icon: Icon, Rgb(r, g, b): Rgb, px: u32) -> Option<Pixmap> {
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
    fn every_icon_is_visible_and_within_its_box() {
        let mut icons = Icons::default();
        for icon in Icon::ALL {
            let pixmap = icons.get(icon, Rgb(255, 0, 0), 48).expect("rendered");
            let covered = pixmap.pixels().iter().filter(|p| p.alpha() > 128).count();
            assert!((150..1700).contains(&covered), "{icon:?} covers {covered}");
            assert!(pixmap.pixels().iter().all(|p| p.green() == 0 && p.blue() == 0));
            // A stroke that leaves the view box would be clipped at the edge.
            let edge = |x: u32, y: u32| pixmap.pixel(x, y).is_some_and(|p| p.alpha() > 0);
            assert!(
                !(0..48).any(|i| edge(i, 0) || edge(i, 47) || edge(0, i) || edge(47, i)),
                "{icon:?} touches its edge"
            );
        }
    }

    #[test]
    fn manifest_icons_have_the_right_sizes_and_no_fonts() {
        let check = |folder: &str, min_count: usize, expected: &dyn Fn(&str) -> (f32, f32)| {
            let folder = format!("{}/assets/icons/{folder}", env!("CARGO_MANIFEST_DIR"));
            let mut count = 0;
            for entry in std::fs::read_dir(folder).expect("folder") {
                let path = entry.expect("entry").path();
                let source = std::fs::read_to_string(&path).expect("text");
                let tree = Tree::from_str(&source, &Options::default()).expect("an SVG");
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let size = (tree.size().width(), tree.size().height());
                assert_eq!(size, expected(&name), "{name}");
                assert!(!source.contains("<text"), "{name} needs a font");
                count += 1;
            }
            assert!(count >= min_count, "{count} pictures");
        };
        check("list", 12, &|name| match name.starts_with("layout-") {
            true => (120.0, 120.0),
            false => (75.0, 54.0),
        });
        check("states", 12, &|_| (150.0, 108.0));
    }
}
