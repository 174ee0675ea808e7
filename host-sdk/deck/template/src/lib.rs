//! A package with one widget: a key that counts how often it was pressed. The number is kept in the key's settings, and
//! its colour is chosen in the property view.

use host_sdk::abi::{Entry, PackageError};
use host_sdk::manifest::{height_px, width_px};
use host_sdk::package::{Events, Host, Image, Instance, Package, Settings, serve};
use host_sdk::protocol::StartArgs;

/// The colour of a key whose user has chosen none.
const COLOUR: &str = "#2563eb";

struct Counter;

/// What a key shows: a picture of its size, and the same in words.
fn face(settings: &Settings) -> (String, String) {
    let presses = settings.get("presses").and_then(|presses| presses.as_u64()).unwrap_or_default();
    // Settings come from a page: whatever isn't a colour mustn't get into the picture.
    let is_colour = |text: &&str| {
        text.len() == 7 && text.starts_with('#') && text.bytes().skip(1).all(|digit| digit.is_ascii_hexdigit())
    };
    let colour = settings.get("colour").and_then(|colour| colour.as_str()).filter(is_colour).unwrap_or(COLOUR);
    let (width, height) = (width_px(1), height_px(1));
    let picture = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">
        <rect width="{width}" height="{height}" fill="{colour}"/>
        <text x="50%" y="62%" fill="#fff" font-family="sans-serif" font-size="44" text-anchor="middle">{presses}</text></svg>"##
    );
    (picture, format!("{presses} presses"))
}

fn show(host: &Host, instance: &Instance) {
    let (picture, words) = face(&instance.settings);
    host.set_image(&instance.id, &Image::Svg(picture), &words);
}

impl Package for Counter {
    fn appeared(&mut self, host: &Host, instance: &Instance) {
        show(host, instance);
    }

    fn triggered(&mut self, host: &Host, instance: &Instance) {
        let mut settings = instance.settings.clone();
        let presses = settings.get("presses").and_then(|presses| presses.as_u64()).unwrap_or_default();
        settings.insert("presses".to_owned(), presses.saturating_add(1).into());
        // The host stores them, and answers with `settings_changed`.
        host.save_settings(&instance.id, settings);
    }

    fn settings_changed(&mut self, host: &Host, instance: &Instance) {
        show(host, instance);
    }
}

impl Entry for Counter {
    const NAME: &'static str = "{{name}}";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    async fn run(_: StartArgs, host: Host, events: Events) -> Result<(), PackageError> {
        serve(Self, host, events).await;
        Ok(())
    }
}

host_sdk::export_package!(Counter);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_its_number_in_its_colour() {
        let mut settings = Settings::new();
        assert_eq!(face(&settings).1, "0 presses");
        settings.insert("presses".to_owned(), 3.into());
        settings.insert("colour".to_owned(), "#123abc".into());
        let (picture, words) = face(&settings);
        assert!(picture.contains("fill=\"#123abc\"") && words == "3 presses");
        settings.insert("colour".to_owned(), "\"/><script>".into());
        assert!(face(&settings).0.contains(COLOUR));
    }
}
