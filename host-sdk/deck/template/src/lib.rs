//! A package with one widget: a key that counts its presses. The count is in the key's settings, and the user chooses the
//! key's colour in the property view.

use host_sdk::abi::{Entry, PackageError};
use host_sdk::manifest::{height_px, width_px};
use host_sdk::package::{Events, Host, Image};
use host_sdk::protocol::StartArgs;
use host_sdk::widget::{self, Instance, Widget, Widgets};
use serde::{Deserialize, Serialize};

/// The default colour.
const COLOUR: &str = "#2563eb";

/// The settings of a key, which the host stores.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Settings {
    presses: u64,
    colour: Option<String>,
}

/// Returns the picture that a key shows, and its description.
fn face(settings: &Settings) -> (String, String) {
    let presses = settings.presses;
    // Validated, because settings come from a page and the colour becomes part of an SVG.
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
    let (picture, description) = face(instance.settings());
    instance.set_image(&Image::Svg(picture), &description);
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
        // The host stores the settings and then calls `did_receive_settings`.
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
    fn face_shows_the_count_in_its_colour() {
        let settings = Settings { presses: 3, colour: Some("#123abc".to_owned()) };
        let (picture, description) = face(&settings);
        assert!(picture.contains("fill=\"#123abc\"") && description == "3 presses");
    }

    #[test]
    fn face_ignores_invalid_colours() {
        let settings = Settings { presses: 0, colour: Some("\"/><script>".to_owned()) };
        assert!(face(&settings).0.contains(COLOUR));
    }
}
