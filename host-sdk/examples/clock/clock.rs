//! A complete package: a clock on a key. A press switches between the 24-hour and the 12-hour form, and the host stores the
//! choice.
//!
//! `cargo xtask demo` installs it beside the Spotify package. docs/package-authors.md explains it line by line.

use std::time::Duration;

use host_sdk::abi::{Entry, PackageError};
use host_sdk::package::{Events, Host, Image};
use host_sdk::protocol::StartArgs;
use host_sdk::widget::{self, Instance, Widget, Widgets};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Settings {
    twelve_hours: bool,
}

struct Clock;

impl Clock {
    fn show(instance: &Instance<Settings>) {
        let format = if instance.settings().twelve_hours { "%I:%M:%S" } else { "%H:%M:%S" };
        let now = jiff::Zoned::now().strftime(format).to_string();
        let picture = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="150" height="108"><rect width="150" height="108" fill="#181818"/>
            <text x="75" y="64" fill="#fff" font-family="sans-serif" font-size="30" text-anchor="middle">{now}</text></svg>"##
        );
        instance.set_image(&Image::Svg(picture), &now);
    }
}

impl Widget for Clock {
    const UUID: &'static str = "com.example.clock.time";
    type Settings = Settings;

    async fn will_appear(&self, instance: &mut Instance<Settings>) -> widget::Result {
        Self::show(instance);
        Ok(())
    }

    async fn triggered(&self, instance: &mut Instance<Settings>) -> widget::Result {
        instance.update_settings(|settings| settings.twelve_hours = !settings.twelve_hours)?;
        Ok(())
    }

    async fn did_receive_settings(&self, instance: &mut Instance<Settings>) -> widget::Result {
        Self::show(instance);
        Ok(())
    }

    fn tick_interval(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }

    async fn tick(&self, instance: &mut Instance<Settings>) -> widget::Result {
        Self::show(instance);
        Ok(())
    }
}

struct ClockPackage;

impl Entry for ClockPackage {
    const NAME: &'static str = "clock";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    async fn run(_: StartArgs, host: Host, events: Events) -> Result<(), PackageError> {
        Widgets::new().register(Clock).run(host, events).await;
        Ok(())
    }
}

host_sdk::export_package!(ClockPackage);
