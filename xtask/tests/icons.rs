//! Compares the programs' icons with the drawings that they were made from. The icons are checked in, so that building a
//! program needs no renderer. To make them again after a change to a drawing:
//! `cargo test --package xtask --test icons -- --ignored`.

use std::fs::{self, File};
use std::path::Path;

use icns::{IconFamily, Image, PixelFormat};
use ico::{IconDir, IconDirEntry, IconImage, ResourceType};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use xtask::dist::root;

/// Drawings and their Windows icons.
const WINDOWS: [(&str, &str); 2] = [
    ("host-sdk/runner/icon.svg", "host-sdk/runner/icon.ico"),
    ("host-sdk/deck/page/assets/logo.svg", "host-sdk/deck/icon.ico"),
];
/// The edge lengths in pixels that Windows shows, from a list to a large tile.
const WINDOWS_SIZES: [u32; 6] = [16, 24, 32, 48, 64, 256];
/// Drawings and their macOS icons.
const MACOS: [(&str, &str); 1] = [("host-sdk/runner/icon.svg", "host-sdk/runner/icon.icns")];
/// The edge lengths in pixels that macOS shows in dialogs.
const MACOS_SIZES: [u32; 4] = [16, 32, 128, 256];

/// Renders a drawing as RGBA pixels.
fn render(svg: &str, size: u32) -> Vec<u8> {
    let tree = Tree::from_data(&fs::read(root().join(svg)).unwrap(), &Options::default()).unwrap();
    let mut pixels = Pixmap::new(size, size).unwrap();
    let scale = |side: f32| size as f32 / side;
    let transform = Transform::from_scale(scale(tree.size().width()), scale(tree.size().height()));
    resvg::render(&tree, transform, &mut pixels.as_mut());
    let straight = pixels.pixels().iter().map(|pixel| pixel.demultiply());
    straight.flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue(), pixel.alpha()]).collect()
}

/// Asserts that two pictures are nearly equal: edges may differ a little between processors.
fn assert_similar(a: &[u8], b: &[u8], name: &str) {
    assert_eq!(a.len(), b.len(), "{name}");
    let difference: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    assert!(difference < a.len() as u64 / 4, "{name} differs from its svg; make it again");
}

#[test]
fn windows_icons_match_their_drawings() {
    for (svg, icon) in WINDOWS {
        let found = IconDir::read(File::open(root().join(icon)).unwrap()).unwrap();
        let sizes: Vec<_> = found.entries().iter().map(IconDirEntry::width).collect();
        assert_eq!(sizes, WINDOWS_SIZES, "{icon}");
        for entry in found.entries() {
            let name = format!("{icon} at {}", entry.width());
            assert_similar(entry.decode().unwrap().rgba_data(), &render(svg, entry.width()), &name);
        }
    }
}

#[test]
fn macos_icons_match_their_drawings() {
    for (svg, icon) in MACOS {
        let found = IconFamily::read(File::open(root().join(icon)).unwrap()).unwrap();
        let mut sizes = Vec::new();
        for kind in found.available_icons() {
            let image = found.get_icon_with_type(kind).unwrap().convert_to(PixelFormat::RGBA);
            sizes.push(image.width());
            assert_similar(image.data(), &render(svg, image.width()), &format!("{icon} at {}", image.width()));
        }
        sizes.sort_unstable();
        assert_eq!(sizes, MACOS_SIZES, "{icon}");
    }
}

#[test]
#[ignore = "writes the icons again"]
fn write_the_icons() {
    let create = |path: &str| File::create(Path::new(root()).join(path)).unwrap();
    for (svg, icon) in WINDOWS {
        let mut all = IconDir::new(ResourceType::Icon);
        for size in WINDOWS_SIZES {
            let image = IconImage::from_rgba_data(size, size, render(svg, size));
            // Resource compilers and old dialogs need all but the largest as bitmaps.
            let entry =
                if size == 256 { IconDirEntry::encode_as_png(&image) } else { IconDirEntry::encode_as_bmp(&image) };
            all.add_entry(entry.unwrap());
        }
        all.write(create(icon)).unwrap();
    }
    for (svg, icon) in MACOS {
        let mut all = IconFamily::new();
        for size in MACOS_SIZES {
            all.add_icon(&Image::from_data(PixelFormat::RGBA, size, size, render(svg, size)).unwrap()).unwrap();
        }
        all.write(create(icon)).unwrap();
    }
}
