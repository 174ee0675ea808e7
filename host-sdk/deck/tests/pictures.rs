//! Pictures that are crafted to take memory, time or stack only end the process that decodes them, never the deck: it
//! reports them, checks the others, and answers meanwhile.

mod support;

use std::fs;
use std::io::{Cursor, Write as _};
use std::time::{Duration, Instant};

use creator_deck::validate::validate;
use flate2::Crc;
use flate2::write::ZlibEncoder;
use host_sdk::bundle::{Entry, pack};
use serde_json::{Value, json};
use support::{PACKAGE, PATIENT, TOGGLE, world};

/// Ends a test that would hang. Longer than all pictures of a bundle may take on a slow machine.
const HANGS: Duration = Duration::from_secs(120);

/// An SVG with this content.
fn svg(content: &str) -> Vec<u8> {
    const HEAD: &str = "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'";
    format!("{HEAD} width='75' height='54'>{content}</svg>").into_bytes()
}

fn good() -> Vec<u8> {
    svg("<rect width='9' height='9'/>")
}

/// Elements of one name, nested.
fn nested(name: &str, levels: usize) -> Vec<u8> {
    svg(&format!("{}{}", format!("<{name}>").repeat(levels), format!("</{name}>").repeat(levels)))
}

/// Elements that refer to the next one by an attribute, and a rectangle that refers to the first.
fn chain(element: &str, attribute: &str, length: usize) -> Vec<u8> {
    let link = |n: usize| {
        format!("<{element} id='a{n}'><rect width='9' height='9' {attribute}='url(#a{})'/></{element}>", n + 1)
    };
    let links: String = (0..length).map(link).collect();
    svg(&format!("{links}<rect width='9' height='9' {attribute}='url(#a0)'/>"))
}

/// Groups that each show the previous one ten times.
fn laughs(levels: usize) -> Vec<u8> {
    let group = |n: usize| format!("<g id='a{}'>{}</g>", n + 1, format!("<use xlink:href='#a{n}'/>").repeat(10));
    let groups: String = (0..levels).map(group).collect();
    svg(&format!("<defs><rect id='a0' width='9' height='9'/>{groups}</defs><use xlink:href='#a{levels}'/>"))
}

/// A chunk of a PNG: <https://www.w3.org/TR/png-3/#5Chunk-layout>.
fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(name);
    crc.update(content);
    let length = u32::try_from(content.len()).unwrap();
    [&length.to_be_bytes()[..], name, content, &crc.sum().to_be_bytes()].concat()
}

/// Compressed zeros.
fn zeros(mut count: usize) -> Vec<u8> {
    let mut out = ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let some = vec![0; 1 << 16];
    while count > 0 {
        let part = count.min(some.len());
        out.write_all(&some[..part]).unwrap();
        count -= part;
    }
    out.finish().unwrap()
}

/// A black square as PNG. `bytes` are those of its pixels, plus one filter byte per line.
fn png(side: u32, depth: u8, color: u8, interlaced: bool, bytes: usize, more: &[Vec<u8>]) -> Vec<u8> {
    let side = side.to_be_bytes();
    let head = [&side[..], &side, &[depth, color, 0, 0, u8::from(interlaced)]].concat();
    let more = more.concat();
    let parts = [chunk(b"IHDR", &head), more, chunk(b"IDAT", &zeros(bytes)), chunk(b"IEND", &[])];
    [b"\x89PNG\r\n\x1a\n".to_vec(), parts.concat()].concat()
}

/// 4096 x 4096 pixels of 16 bits per channel: 128 MB in 0.6 MB.
fn large_png() -> Vec<u8> {
    png(4096, 16, 6, false, 4096 * (4096 * 8 + 1), &[])
}

fn jpeg() -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(75, 54).write_to(&mut out, image::ImageFormat::Jpeg).unwrap();
    out.into_inner()
}

/// A package whose only widget has a state for each picture.
fn bundle(pictures: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let platform = host_sdk::manifest::PLATFORM;
    let states: Vec<_> = pictures.iter().map(|(name, _)| json!({"Title": "t", "Image": name})).collect();
    let config = json!({
        "Author": "A", "Description": "D", "Name": "Test", "Version": "1.0.0", "UUID": PACKAGE, "Icon": "icon.svg",
        "Runtime": {platform: {"type": "web", "target": "i.html", "MinimumVersion": "1"}},
        "CreatorCentral": {"MinimumVersion": "1", "SDKVersion": 2},
        "Widgets": [{"Name": "W", "Icon": "icon.svg", "UUID": TOGGLE, "States": states}],
    });
    let page = "<script>function connectCreatorCentral() {}</script>";
    let texts = [("PackageConfig.json", config.to_string()), ("i.html", page.to_owned())];
    let entry = |path: &str, content| Entry { path: path.to_owned(), content, executable: false };
    let entries = texts.map(|(path, text)| entry(path, text.into_bytes())).into_iter();
    let entries = entries.chain([entry("icon.svg", good())]);
    let entries = entries.chain(pictures.iter().map(|(path, content)| entry(path, content.clone())));
    let mut out = Cursor::new(Vec::new());
    pack(&mut out, PACKAGE, entries.collect()).unwrap();
    out.into_inner()
}

/// Returns the rule and file of each finding about pictures.
async fn findings_of(pictures: &[(&str, Vec<u8>)]) -> Vec<(&'static str, String)> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.creatorCentral");
    fs::write(&file, bundle(pictures)).unwrap();
    let report = tokio::time::timeout(HANGS, validate(&file, None, None)).await.expect("it ends").unwrap();
    let of_pictures = report.findings.iter().filter(|finding| finding.rule.starts_with("picture"));
    of_pictures.map(|finding| (finding.rule, finding.file.clone())).collect()
}

/// Asserts that a picture is reported, and the broken one after it as well.
async fn assert_too_costly(picture: Vec<u8>) {
    assert_too_costly_as("bomb.svg", picture).await;
}

async fn assert_too_costly_as(name: &str, picture: Vec<u8>) {
    let findings = findings_of(&[(name, picture), ("good.svg", good()), ("broken.svg", b"<svg".to_vec())]).await;
    assert_eq!(findings, [("picture", name.to_owned()), ("picture", "broken.svg".to_owned())]);
}

/// Asserts that the pictures after this one are checked. It may or may not be drawn itself.
async fn assert_survived_as(name: &str, picture: Vec<u8>) {
    let findings = findings_of(&[(name, picture), ("good.svg", good()), ("broken.svg", b"<svg".to_vec())]).await;
    assert!(findings.contains(&("picture", "broken.svg".to_owned())), "{findings:?}");
    assert!(findings.iter().all(|(rule, file)| *rule == "picture" && file != "good.svg"), "{findings:?}");
}

#[tokio::test]
async fn arc_that_allocates_15_gb_is_too_costly() {
    assert_too_costly(svg("<path d='M0 0a3 2 0 0 1-2-6e65'/>")).await;
}

#[tokio::test]
async fn arc_that_takes_a_minute_is_too_costly() {
    assert_too_costly(svg("<path d='M0 0A2 2 0 0 1 1e38 7'/>")).await;
}

#[tokio::test]
async fn nested_svgs_are_survived() {
    assert_survived_as("bomb.svg", nested("svg", 900)).await;
    assert_survived_as("bomb.svg", nested("svg", 45_000)).await;
}

#[tokio::test]
async fn nested_groups_are_survived() {
    assert_survived_as("bomb.svg", nested("g", 45_000)).await;
}

#[tokio::test]
async fn chain_of_masks_is_survived() {
    assert_survived_as("bomb.svg", chain("mask", "mask", 2000)).await;
    assert_survived_as("bomb.svg", chain("mask", "mask", 20_000)).await;
}

#[tokio::test]
async fn chain_of_clip_paths_is_survived() {
    assert_survived_as("bomb.svg", chain("clipPath", "clip-path", 2000)).await;
    assert_survived_as("bomb.svg", chain("clipPath", "clip-path", 20_000)).await;
}

#[tokio::test]
async fn chain_of_patterns_is_survived() {
    assert_survived_as("bomb.svg", chain("pattern", "fill", 2000)).await;
}

#[tokio::test]
async fn nested_uses_are_too_costly() {
    assert_too_costly(laughs(10)).await;
}

#[tokio::test]
async fn huge_patterns_and_filters_are_survived() {
    let size = "x='-1e9' y='-1e9' width='1e18' height='1e18'";
    let defs = format!(
        "<pattern id='p' patternUnits='userSpaceOnUse' {size}><rect {size}/></pattern>\
         <filter id='f' filterUnits='userSpaceOnUse' {size}><feGaussianBlur stdDeviation='1e9'/><feTurbulence \
         numOctaves='2000000000'/></filter>"
    );
    let drawn = format!("<rect {size} fill='url(#p)' filter='url(#f)' stroke-dasharray='1e-9'/>");
    assert_survived_as("bomb.svg", svg(&(defs + &drawn))).await;
}

#[tokio::test]
async fn nested_entities_are_too_costly() {
    let entity = |n: usize| format!("<!ENTITY a{} '{}'>", n + 1, format!("&a{n};").repeat(10));
    let entities: String = (0..10).map(entity).collect();
    let document = format!(
        "<!DOCTYPE svg [<!ENTITY a0 'xxxxxxxxxx'>{entities}]>\
         <svg xmlns='http://www.w3.org/2000/svg' width='75' height='54'><title>&a10;</title></svg>"
    );
    assert_too_costly(document.into_bytes()).await;
}

#[tokio::test]
async fn jpeg_of_gigantic_size_is_too_costly() {
    let mut jpeg = jpeg();
    // After the marker of the frame: two bytes of length, one of precision, then height and width.
    let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xff);
    assert_too_costly_as("bomb.jpg", jpeg).await;
}

#[tokio::test]
async fn png_of_gigantic_size_is_too_costly() {
    assert_too_costly_as("bomb.png", png(u32::MAX >> 1, 16, 6, false, 1000, &[])).await;
}

#[tokio::test]
async fn interlaced_png_is_decoded() {
    // More than enough for the lines of seven passes.
    let interlaced = png(1024, 1, 0, true, 1 << 20, &[]);
    assert_eq!(findings_of(&[("i.png", interlaced), ("good.svg", good())]).await, []);
    assert_survived_as("bomb.png", png(4096, 16, 6, true, 4096 * (4096 * 8 + 64), &[])).await;
}

#[tokio::test]
async fn png_with_large_texts_and_profiles_is_survived() {
    let large = zeros(1 << 28);
    let text = chunk(b"zTXt", &[b"Comment\0\0", &large[..]].concat());
    let profile = chunk(b"iCCP", &[b"name\0\0", &large[..]].concat());
    assert_survived_as("bomb.png", png(75, 8, 0, false, 54 * 76, &[profile, text])).await;
}

#[tokio::test]
async fn total_decoding_of_pictures_is_bounded() {
    let large = large_png();
    let names: Vec<_> = (0..20).map(|n| format!("{n:02}.png")).collect();
    let pictures: Vec<_> = names.iter().map(|name| (name.as_str(), large.clone())).collect();
    assert_eq!(findings_of(&pictures).await, [("pictures", String::new())]);
}

#[tokio::test]
async fn further_bombs_are_not_tried() {
    let bomb = svg("<path d='M0 0a3 2 0 0 1-2-6e65'/>");
    let names: Vec<_> = (0..10).map(|n| format!("{n}.svg")).collect();
    let pictures: Vec<_> = names.iter().map(|name| (name.as_str(), bomb.clone())).collect();
    let findings = findings_of(&pictures).await;
    let named: Vec<_> = findings.iter().filter(|(rule, _)| *rule == "picture").map(|(_, file)| file.as_str()).collect();
    // Fewer than four processes where memory isn't limited: each takes its time then.
    assert!(!named.is_empty() && ["0.svg", "1.svg", "2.svg", "3.svg"].starts_with(&named), "{named:?}");
    assert_eq!(findings.last().unwrap(), &("pictures", String::new()));
}

#[tokio::test]
async fn pictures_that_hosts_can_show_have_no_findings() {
    let small = png(75, 8, 0, false, 75 * 76, &[]);
    assert_eq!(findings_of(&[("a.svg", good()), ("b.png", small), ("c.jpg", jpeg())]).await, []);
}

#[tokio::test]
async fn broken_pictures_are_reported() {
    let small = png(75, 8, 0, false, 75 * 76, &[]);
    let half = small[..small.len() / 2].to_vec();
    let broken =
        [("a.svg", b"<html></html>".to_vec()), ("b.png", half), ("c.png", b"text".to_vec()), ("d.jpg", vec![])];
    let named: Vec<_> = broken.iter().map(|(name, _)| ("picture", (*name).to_owned())).collect();
    assert_eq!(findings_of(&broken).await, named);
}

#[tokio::test]
async fn deck_answers_while_a_bundle_is_checked() {
    let world = world(PATIENT).await;
    let body = bundle(&[("a.svg", svg("<path d='M0 0A2 2 0 0 1 1e38 7'/>")), ("b.svg", nested("svg", 45_000))]);
    let check = world.call_with_bytes("POST", "/api/packages/check", &body);
    tokio::pin!(check);
    let start = Instant::now();
    let mut answered = 0;
    let answer = loop {
        tokio::select! {
            answer = &mut check => break answer,
            (status, _) = world.call("GET", "/api/state", Value::Null) => {
                assert_eq!(status, 200);
                answered += 1;
            }
        }
        assert!(start.elapsed() < HANGS, "it ends");
    };
    assert!(answered > 0, "it is asked meanwhile");
    let report: Value = serde_json::from_str(&answer.body).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["rule"] == "picture" && finding["file"] == "a.svg"), "{report}");
}

#[tokio::test]
async fn icon_that_takes_too_much_is_refused() {
    let world = world(PATIENT).await;
    let context = world.place(TOGGLE, 0, 0).await;
    let path = format!("/api/instances/{context}/icons/0");
    let small = png(75, 8, 0, false, 75 * 76, &[]);
    for (icon, status, part) in [
        (good(), 204, ""),
        (small.clone(), 204, ""),
        (svg("<path d='M0 0a3 2 0 0 1-2-6e65'/>"), 400, "too much memory or time"),
        (small[..small.len() / 2].to_vec(), 400, "not a picture"),
        (b"<svg/>".to_vec(), 400, "not a picture"),
        (png(4097, 8, 0, false, 10, &[]), 400, "4096 pixels"),
    ] {
        let answer = world.call_with_bytes("PUT", &path, &icon).await;
        assert!(answer.status == status && answer.body.contains(part), "{}", answer.body);
    }
}

#[tokio::test]
async fn costly_icons_of_an_import_are_omitted() {
    let world = world(PATIENT).await;
    let icon = |content: &str| json!(format!("data:image/svg+xml,{}", String::from_utf8(svg(content)).unwrap()));
    let keys =
        [icon("<path d='M0 0a3 2 0 0 1-2-6e65'/>"), icon("<g/>")].into_iter().enumerate().map(|(column, icon)| {
            json!({"context": "", "package": PACKAGE, "widget": TOGGLE, "profile": "a", "column": column, "row": 0,
               "layout": 0, "state": 0, "settings": {}, "title": null, "icons": {"0": icon}})
        });
    let file = json!({"format": "creator-deck-panel", "version": 2, "profiles": [{"id": "a", "name": "A"}],
                      "active": "a", "instances": keys.collect::<Vec<_>>()});
    let (status, report) = world.call("POST", "/api/panel/check", file).await;
    assert_eq!((status, &report["keys"]), (200, &json!(2)), "{report}");
    let left: Vec<_> = report["left"].as_array().unwrap().iter().map(|left| left["why"].as_str().unwrap()).collect();
    assert!(matches!(left[..], [why] if why.contains("too much memory or time")), "{left:?}");
}
