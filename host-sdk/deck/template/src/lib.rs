//! A package with one widget: a key that counts how often it was pressed. The number is kept in the key's settings, and
//! its colour is chosen in the property view.

use host_sdk::abi::{Entry, PackageError};
use host_sdk::manifest::{height_px, width_px};
use host_sdk::package::{Events, Host, Image};
use host_sdk::protocol::StartArgs;
use host_sdk::widget::{self, Instance, Widget, Widgets};
use serde::{Deserialize, Serialize};

/// The colour of a key whose user has chosen none.
const COLOUR: &str = "#2563eb";

/// What the host stores for each key.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Settings {
    presses: u64,
    colour: Option<String>,
}

/// What a key shows: a picture of its size, and the same in words.
fn face(settings: &Settings) -> (String, String) {
    let presses = settings.presses;
    // Settings come from a page: only a colour may get into the picture.
    let is_colour = |text: &&str| {
        text.len() == 7 && text.starts_with('#') && text.bytes().skip(1).all(|digit| digit.is_ascii_hexdigit())
    };
    let colour = settings.colour.as_deref().filter(is_colour).unwrap_or(COLOUR);
    let (width, height) = (width_px(1), height_px(1));
    let picture = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">
        <rect width="{width}" height="{height}" fill="{colour}"/>
        <text x="50%" y="62%" fill="#fff" font-family="sans-serif" font-size="44" text-anchor="middle">{presses}</text></svg>"##
    );
    (picture, format!("{presses} presses"))
}

fn show(instance: &Instance<Settings>) {
    let (picture, words) = face(instance.settings());
    instance.set_image(&Image::Svg(picture), &words);
}

struct Counter;

impl Widget for Counter {
    const UUID: &'static str = "{{uuid}}.counter";
    type Settings = Settings;

    async fn will_appear(&self, instance: &mut Instance<Settings>) -> widget::Result {
        show(instance);
        Ok(())
    }

    async fn triggered(&self, instance: &mut Instance<Settings>) -> widget::Result {
        // The host stores the settings, and answers with `did_receive_settings`.
        instance.update_settings(|settings| settings.presses = settings.presses.saturating_add(1))?;
        Ok(())
    }

    async fn did_receive_settings(&self, instance: &mut Instance<Settings>) -> widget::Result {
        show(instance);
        Ok(())
    }
}

struct Package;

impl Entry for Package {
    const NAME: &'static str = "{{name}}";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    async fn run(_: StartArgs, host: Host, events: Events) -> Result<(), PackageError> {
        Widgets::new().register(Counter).run(host, events).await;
        Ok(())
    }
}

host_sdk::export_package!(Package);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_shows_its_number_in_its_colour() {
        let settings = Settings { presses: 3, colour: Some("#123abc".to_owned()) };
        let (picture, words) = face(&settings);
        assert!(picture.contains("fill=\"#123abc\"") && words == "3 presses");
    }

    #[test]
    fn text_that_is_no_colour_stays_out_of_the_picture() {
        let settings = Settings { presses: 0, colour: Some("\"/><script>".to_owned()) };
        assert!(face(&settings).0.contains(COLOUR));
    }
}
