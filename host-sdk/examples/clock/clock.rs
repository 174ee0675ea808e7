//! A whole package in one file: a clock on a key. A press switches between 24 and 12 hours, and the choice stays.
//!
//! `cargo xtask demo` installs it beside the Spotify package; docs/package-authors.md goes through it line by line.

use std::time::Duration;

use host_sdk::abi::{Entry, PackageError};
use host_sdk::package::{Events, Host, Image, Instance, Package, serve};
use host_sdk::protocol::StartArgs;

struct Clock;

impl Clock {
    fn show(host: &Host, instance: &Instance) {
        let twelve = instance.settings.get("twelveHours") == Some(&true.into());
        let now = jiff::Zoned::now().strftime(if twelve { "%I:%M:%S" } else { "%H:%M:%S" }).to_string();
        let picture = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="150" height="108"><rect width="150" height="108" fill="#181818"/>
            <text x="75" y="64" fill="#fff" font-family="sans-serif" font-size="30" text-anchor="middle">{now}</text></svg>"##
        );
        host.set_image(&instance.id, &Image::Svg(picture), &now);
    }
}

impl Package for Clock {
    fn appeared(&mut self, host: &Host, instance: &Instance) {
        Self::show(host, instance);
    }
    fn triggered(&mut self, host: &Host, instance: &Instance) {
        let mut settings = instance.settings.clone();
        let twelve = settings.get("twelveHours") == Some(&true.into());
        settings.insert("twelveHours".into(), (!twelve).into());
        host.save_settings(&instance.id, settings);
    }
    fn settings_changed(&mut self, host: &Host, instance: &Instance) {
        Self::show(host, instance);
    }
    fn tick_every(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }
    fn tick(&mut self, host: &Host, instance: &Instance) {
        Self::show(host, instance);
    }
}

impl Entry for Clock {
    const NAME: &'static str = "clock";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    async fn run(_: StartArgs, host: Host, events: Events) -> Result<(), PackageError> {
        serve(Self, host, events).await;
        Ok(())
    }
}

host_sdk::export_package!(Clock);
