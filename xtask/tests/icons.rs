//! The programs' icons are checked in, so that building a program doesn't need a renderer; these tests hold them against
//! the drawings that they were made from. After a change to a drawing:
//! `cargo test --package xtask --test icons -- --ignored`.

use std::fs::{self, File};
use std::path::Path;

use icns::{IconFamily, Image, PixelFormat};
use ico::{IconDir, IconDirEntry, IconImage, ResourceType};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use xtask::dist::root;

/// Drawing and Windows icon.
const WINDOWS: [(&str, &str); 2] = [
    ("host-sdk/runner/icon.svg", "host-sdk/runner/icon.ico"),
    ("host-sdk/deck/page/assets/logo.svg", "host-sdk/deck/icon.ico"),
];
/// What Windows shows: from a list to a large tile.
const WINDOWS_SIZES: [u32; 6] = [16, 24, 32, 48, 64, 256];
/// Drawing and macOS icon.
const MACOS: [(&str, &str); 1] = [("host-sdk/runner/icon.svg", "host-sdk/runner/icon.icns")];
/// What macOS shows: from a dialog's corner to its middle.
const MACOS_SIZES: [u32; 4] = [16, 32, 128, 256];

/// A drawing as pixels, RGBA.
fn drawn(svg: &str, size: u32) -> Vec<u8> {
    let tree = Tree::from_data(&fs::read(root().join(svg)).unwrap(), &Options::default()).unwrap();
    let mut pixels = Pixmap::new(size, size).unwrap();
    let scale = |side: f32| size as f32 / side;
    let transform = Transform::from_scale(scale(tree.size().width()), scale(tree.size().height()));
    resvg::render(&tree, transform, &mut pixels.as_mut());
    let straight = pixels.pixels().iter().map(|pixel| pixel.demultiply());
    straight.flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue(), pixel.alpha()]).collect()
}

/// Edges may come out a little differently on another processor.
fn assert_alike(a: &[u8], b: &[u8], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    let apart: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    assert!(apart < a.len() as u64 / 4, "{what} isn't drawn as its svg; make it again");
}

#[test]
fn windows_icons_look_like_their_drawings() {
    for (svg, icon) in WINDOWS {
        let found = IconDir::read(File::open(root().join(icon)).unwrap()).unwrap();
        let sizes: Vec<_> = found.entries().iter().map(IconDirEntry::width).collect();
        assert_eq!(sizes, WINDOWS_SIZES, "{icon}");
        for entry in found.entries() {
            let what = format!("{icon} at {}", entry.width());
            assert_alike(entry.decode().unwrap().rgba_data(), &drawn(svg, entry.width()), &what);
        }
    }
}

#[test]
fn macos_icons_look_like_their_drawings() {
    for (svg, icon) in MACOS {
        let found = IconFamily::read(File::open(root().join(icon)).unwrap()).unwrap();
        let mut sizes = Vec::new();
        for kind in found.available_icons() {
            let image = found.get_icon_with_type(kind).unwrap().convert_to(PixelFormat::RGBA);
            sizes.push(image.width());
            assert_alike(image.data(), &drawn(svg, image.width()), &format!("{icon} at {}", image.width()));
        }
        sizes.sort_unstable();
        assert_eq!(sizes, MACOS_SIZES, "{icon}");
    }
}

#[test]
#[ignore = "writes the icons anew"]
fn write_the_icons() {
    let create = |path: &str| File::create(Path::new(root()).join(path)).unwrap();
    for (svg, icon) in WINDOWS {
        let mut all = IconDir::new(ResourceType::Icon);
        for size in WINDOWS_SIZES {
            let image = IconImage::from_rgba_data(size, size, drawn(svg, size));
            // Resource compilers and old dialogs want all but the largest as bitmaps.
            let entry =
                if size == 256 { IconDirEntry::encode_as_png(&image) } else { IconDirEntry::encode_as_bmp(&image) };
            all.add_entry(entry.unwrap());
        }
        all.write(create(icon)).unwrap();
    }
    for (svg, icon) in MACOS {
        let mut all = IconFamily::new();
        for size in MACOS_SIZES {
            all.add_icon(&Image::from_data(PixelFormat::RGBA, size, size, drawn(svg, size)).unwrap()).unwrap();
        }
        all.write(create(icon)).unwrap();
    }
}
