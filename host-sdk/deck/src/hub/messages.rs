//! The messages of packages and their pages: each has its effect or its answer here.
//!
//! A package reaches its own instances only. A page reaches the one instance that it was opened for, whatever it puts
//! into `context`: pages in the wild put three different ids there. A settings page's instance is the package itself.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use host_sdk::json::Raw;
use host_sdk::picture;
use host_sdk::protocol::{ActionEffect, EffectKind, FontAttribute, FontChange, Incoming, Relayed, ToHost};

use super::{Hub, Peer, Runs, View};
use crate::links::{self, Verdict};
use crate::package::{HeldFull, web_address};
use crate::page::{Event, Status};
use crate::state::Instance;

/// Bytes of settings that a package and its keys may have in total.
const MAX_STORED: usize = 16 << 20;

impl Hub {
    /// Handles a message of a registered socket. Those of a socket that was disconnected meanwhile are dropped.
    pub(crate) fn on_message(&mut self, connection: u64, message: Incoming, picture: PictureResult) {
        match self.connections.get(&connection).map(|connection| connection.peer.clone()) {
            Some(Peer::Package(package)) => self.on_package_message(&package, connection, message, picture),
            Some(Peer::View(view)) => self.on_view_message(&view, connection, message),
            None => {}
        }
    }

    fn on_package_message(&mut self, package: &str, connection: u64, message: Incoming, picture: PictureResult) {
        let answer = match message {
            Incoming::SetPackageSettings { settings, .. } => return self.store_package_settings(package, settings),
            Incoming::SetWidgetSettings { context, settings } => {
                if self.owns_instance(package, &context) {
                    self.store_settings(&context, settings);
                }
                return;
            }
            Incoming::SendToPropertyView { context, payload, .. } => {
                return self.send_to_views(package, &context, payload);
            }
            Incoming::SendToPackage { .. } => {
                return self.log.warn(Some(package), "Ignored: sendToPackage is for property views.");
            }
            Incoming::Other(ToHost::GetPackageSettings { .. }) => self.did_receive_package_settings(package),
            Incoming::Other(ToHost::SendLog { message }) => return self.log.info(Some(package), message),
            Incoming::Other(ToHost::OpenUrl { url }) => return self.open_url(package, &url),
            Incoming::Other(ToHost::OpenSettings { .. }) => return self.open_settings(package),
            // The socket's task has logged it.
            Incoming::Other(ToHost::Unknown { .. }) => return,
            Incoming::Other(message) => match self.on_instance_message(package, message, picture) {
                Some(answer) => answer,
                None => return,
            },
        };
        self.send(Some(connection), &answer.to_text().into());
    }

    fn on_view_message(&mut self, view: &str, connection: u64, message: Incoming) {
        let Some((package, widget, context)) = self.view(view).map(|view| self.addressee(view)) else { return };
        let is_settings_page = context == package;
        let answer = match message {
            Incoming::SendToPackage { payload, .. } => {
                let message = Relayed::SendToPackage { widget, context, payload };
                return self.send_or_hold(&package, message.to_text().into());
            }
            Incoming::SetWidgetSettings { settings, .. } if is_settings_page => {
                return self.store_package_settings(&package, settings);
            }
            Incoming::Other(ToHost::GetWidgetSettings { .. }) if is_settings_page => {
                let settings = self.settings_of_package(&package);
                Relayed::DidReceiveWidgetSettings { widget, context, settings }
            }
            Incoming::SetWidgetSettings { settings, .. } => return self.store_settings(&context, settings),
            Incoming::Other(ToHost::GetWidgetSettings { .. }) => match self.panel.get(&context) {
                Some(instance) => did_receive_settings(instance),
                None => return,
            },
            Incoming::SetPackageSettings { settings, .. } => return self.store_package_settings(&package, settings),
            Incoming::Other(ToHost::GetPackageSettings { .. }) => self.did_receive_package_settings(&package),
            Incoming::Other(ToHost::SendLog { message }) => return self.log.info(Some(&package), message),
            Incoming::Other(ToHost::OpenUrl { url }) => return self.open_url(&package, &url),
            Incoming::Other(ToHost::OpenSettings { .. }) => return self.open_settings(&package),
            Incoming::Other(ToHost::Unknown { .. }) => return,
            Incoming::Other(_) | Incoming::SendToPropertyView { .. } => {
                return self.log.warn(Some(&package), "Ignored: a page sent what only its package can send.");
            }
        };
        self.send(Some(connection), &answer.to_text().into());
    }

    /// Sends a page's message to its package, or keeps it until the package has registered: what a user has typed must
    /// not be lost because the package is still starting.
    fn send_or_hold(&mut self, package: &str, message: Arc<str>) {
        let Some(found) = self.package_mut(package) else { return };
        if found.connection.is_some() {
            return self.send_to_package(package, &message);
        }
        let why = match found.status {
            _ if found.is_ending => "the package is ending",
            Status::Stopped | Status::Failed => "the package isn't running",
            Status::Running | Status::Starting | Status::Restarting | Status::Waiting => match found.held.push(message)
            {
                Ok(()) => return,
                Err(HeldFull) => "too many wait for the package already",
            },
        };
        self.log.warn(Some(package), format!("Ignored: a message of its page, because {why}."));
    }

    /// Whether a context is that of an instance of the package. Messages about others are ignored.
    fn owns_instance(&self, package: &str, context: &str) -> bool {
        let is_own = self
            .panel
            .get(context)
            .is_some_and(|instance| instance.missing.is_none() && instance.placed.package == package);
        // An unknown context is usual shortly after an instance was removed; these two never were one.
        if !is_own && (context.is_empty() || context == package) {
            self.log.warn(Some(package), "Ignored: a message about a key without the key's context.");
        }
        is_own
    }

    /// Handles a message about one instance of the package. Returns the answer, if it has one.
    fn on_instance_message(&mut self, package: &str, message: ToHost, picture: PictureResult) -> Option<Relayed> {
        let (ToHost::GetWidgetSettings { context }
        | ToHost::ChangeTitle { context, .. }
        | ToHost::ChangeImage { context, .. }
        | ToHost::ChangeIcon { context, .. }
        | ToHost::ChangeState { context, .. }
        | ToHost::ChangeFontAttribute { context, .. }
        | ToHost::ChangeActionEffect { context, .. }
        | ToHost::GetWidgetTitle { context }
        | ToHost::GetWidgetIcon { context }
        | ToHost::GetFontAttribute { context }) = &message
        else {
            return None;
        };
        let context = context.clone();
        if !self.owns_instance(package, &context) {
            return None;
        }
        let instance = self.panel.get_mut(&context)?;
        let widget = instance.placed.widget.clone();
        match message {
            ToHost::GetWidgetSettings { .. } => return Some(did_receive_settings(instance)),
            ToHost::GetWidgetTitle { .. } => {
                self.send_titles(&context);
                return None;
            }
            ToHost::GetFontAttribute { .. } => {
                self.send_font(&context);
                return None;
            }
            ToHost::GetWidgetIcon { .. } => {
                self.send_icons(&context);
                return None;
            }
            ToHost::ChangeTitle { state: Some(state), .. }
            | ToHost::ChangeImage { state: Some(state), .. }
            | ToHost::ChangeIcon { state: Some(state), .. }
            | ToHost::ChangeState { state, .. }
                if usize::try_from(state).is_ok_and(|state| state >= instance.states()) =>
            {
                self.log.warn(Some(package), format!("Ignored: {widget} has no state {state}."));
                return None;
            }
            ToHost::ChangeTitle { title, state, .. } => instance.set_title(&title, state),
            ToHost::ChangeImage { state, description, .. } => match picture {
                Ok(image) => instance.set_image(image, description, state),
                Err(NotAPicture) => {
                    self.log.warn(Some(package), format!("Ignored: changeImage {TAKES_PICTURES}"));
                    return None;
                }
            },
            ToHost::ChangeIcon { state, .. } => match picture {
                Ok(icon) => instance.set_icon(icon, state),
                Err(NotAPicture) => {
                    self.log.warn(Some(package), format!("Ignored: changeIcon {TAKES_PICTURES}"));
                    return None;
                }
            },
            ToHost::ChangeState { state, .. } => {
                instance.set_state(state);
                self.changed = true;
            }
            ToHost::ChangeFontAttribute { font, .. } => {
                let before = instance.package_font.clone().unwrap_or_default();
                instance.package_font = Some(apply_font_change(font, before));
            }
            // Reserved: its appearance isn't documented.
            ToHost::ChangeActionEffect { effect: ActionEffect { kind: EffectKind::Inactive, .. }, .. } => return None,
            ToHost::ChangeActionEffect { effect: ActionEffect { kind, .. }, .. } => {
                let image = match picture {
                    Ok(image) => image,
                    Err(NotAPicture) => {
                        let why = format!("Only the effect is shown: the image of changeActionEffect {TAKES_PICTURES}");
                        self.log.warn(Some(package), why);
                        None
                    }
                };
                instance.effect = ActionEffect { kind, image: image.map(|image| image.to_string()) };
            }
            _ => return None,
        }
        self.send_instance(&context);
        None
    }

    /// Stores an instance's settings and sends them to its package and its views, including the sender: samples rely on
    /// that.
    fn store_settings(&mut self, context: &str, settings: Raw) {
        let Some(instance) = self.panel.get(context) else { return };
        let package = instance.placed.package.clone();
        if !self.has_space_for(&package, &settings, &instance.placed.settings) {
            return;
        }
        let Some(instance) = self.panel.get_mut(context) else { return };
        instance.placed.settings = settings;
        let message = did_receive_settings(instance).to_text().into();
        self.changed = true;
        self.send_to_package(&package, &message);
        self.notify_views(|view| view.context.as_deref() == Some(context), &message);
    }

    /// Sends a view its settings, once per socket: released views fill their fields only then.
    pub(super) fn send_settings_to_view(&mut self, id: &str) {
        let Some(view) = self.view(id) else { return };
        let (connection, (package, widget, context)) = (view.connection, self.addressee(view));
        let message = match self.panel.get(&context) {
            Some(instance) => did_receive_settings(instance),
            // A settings page: its settings are the package's.
            None => {
                let settings = self.settings_of_package(&package);
                Relayed::DidReceiveWidgetSettings { widget, context, settings }
            }
        };
        self.send(connection, &message.to_text().into());
    }

    fn store_package_settings(&mut self, package: &str, settings: Raw) {
        let before = self.settings_of_package(package);
        if !self.has_space_for(package, &settings, &before) {
            return;
        }
        self.package_settings.insert(package.to_owned(), settings);
        self.changed = true;
        let message = self.did_receive_package_settings(package).to_text().into();
        self.send_to_package(package, &message);
        self.notify_views(|view| view.package == package, &message);
    }

    /// Whether a package may replace settings by others: all settings are written with every change of the Panel.
    fn has_space_for(&self, package: &str, settings: &Raw, before: &Raw) -> bool {
        let keys = self.all_placed().filter(|placed| placed.package == package).map(|placed| &placed.settings);
        let stored =
            keys.chain(self.package_settings.get(package)).map(|settings| settings.text().len()).sum::<usize>();
        let after = stored - before.text().len().min(stored) + settings.text().len();
        let has_space = after <= MAX_STORED || settings.text().len() <= before.text().len();
        if !has_space {
            let most = MAX_STORED >> 20;
            self.log
                .warn(Some(package), format!("Ignored: the package's settings have more than {most} MB altogether."));
        }
        has_space
    }

    /// Returns the settings of a package as a whole.
    pub(super) fn settings_of_package(&self, package: &str) -> Raw {
        self.package_settings.get(package).cloned().unwrap_or_default()
    }

    fn did_receive_package_settings(&self, package: &str) -> Relayed {
        Relayed::DidReceivePackageSettings { settings: self.settings_of_package(package) }
    }

    /// Sends a message of a package to the pages of one of its instances, or to its settings pages.
    ///
    /// `context` may also be a page's own id. Without a context, or with the package's while no settings page is open,
    /// it goes to all pages of the package: samples fill it in like that, and Creator Central has one page open at a
    /// time.
    fn send_to_views(&mut self, package: &str, context: &str, payload: Raw) {
        let named = |view: &&View| {
            view.package == package
                && (view.id == context || view.context.as_deref().unwrap_or(&view.package) == context)
        };
        let mut receivers: Vec<_> = self.views.iter().filter(named).collect();
        if receivers.is_empty() && (context.is_empty() || context == package) {
            receivers = self.views.iter().filter(|view| view.package == package).collect();
        }
        let messages: Vec<_> = receivers
            .into_iter()
            .map(|view| {
                let ((_, widget, context), payload) = (self.addressee(view), payload.clone());
                (view.connection, Relayed::SendToPropertyView { widget, context, payload })
            })
            .collect();
        for (connection, message) in messages {
            self.send(connection, &message.to_text().into());
        }
    }

    fn notify_views(&mut self, is_receiver: impl Fn(&View) -> bool, message: &Arc<str>) {
        let connections: Vec<_> =
            self.views.iter().filter(|view| is_receiver(view)).map(|view| view.connection).collect();
        for connection in connections {
            self.send(connection, message);
        }
    }

    /// Returns package, widget and context of a view as its package knows them.
    pub(super) fn addressee(&self, view: &View) -> (String, String, String) {
        let package = view.package.clone();
        match view.context.as_ref().and_then(|context| self.panel.get(context)) {
            Some(instance) => (package, instance.placed.widget.clone(), instance.placed.context.clone()),
            None => (package.clone(), package.clone(), package),
        }
    }

    /// Opens a page of the web for the user: in the newest of the deck's pages, else in the system's browser.
    pub(super) fn open_url(&mut self, package: &str, address: &str) {
        const TOO_LONG: &str = "Ignored: openUrl takes an address of at most 8192 characters.";
        // Checked before and after parsing, which may lengthen it.
        if address.len() > links::MAX_LEN {
            return self.log.warn(Some(package), TOO_LONG);
        }
        let Some(url) = web_address(address) else {
            let why = "Ignored: openUrl takes an address that starts with http or https and has no user's name in it.";
            return self.log.warn(Some(package), why);
        };
        if url.as_str().len() > links::MAX_LEN {
            return self.log.warn(Some(package), TOO_LONG);
        }
        match self.links.request(package, Instant::now()) {
            Verdict::Open => {}
            Verdict::FirstRefused => {
                let why = "Ignored: the package asks for too many pages of the web. More of them aren't told.";
                return self.log.warn(Some(package), why);
            }
            Verdict::Refused => return,
        }
        // Without the query, which may contain secrets.
        let place = format!("{}{}", url.origin().ascii_serialization(), url.path());
        self.log.info(Some(package), format!("The package opens {place}"));
        let event = Event::OpenUrl { url: url.to_string(), package: package.to_owned() };
        // No user sees an unattended page.
        while let Some(newest) = self.pages.iter().rposition(|page| page.runs != Runs::Unattended) {
            if self.pages[newest].outbox.push(event.clone()) {
                return;
            }
            self.pages.remove(newest);
        }
        if self.headless {
            return self.log.warn(Some(package), "Nobody sees it: there is neither a page nor a browser.");
        }
        let (log, package) = (self.log.clone(), package.to_owned());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = webbrowser::open(url.as_str()) {
                log.warn(Some(&package), format!("No browser could be opened: {error}"));
            }
        });
    }

    fn open_settings(&mut self, package: &str) {
        let has_settings = self.package(package).is_some_and(|package| package.config.settings_path.is_some());
        if has_settings {
            self.notify_pages(&Event::OpenSettings { package: package.to_owned() });
        } else {
            self.log.warn(Some(package), "Ignored: openSettings, but the package has no settings page.");
        }
    }

    /// Returns an instance's icons, one per state: the user's, else the package's, else the path of the widget's own.
    pub(super) fn icons(&self, context: &str) -> Vec<String> {
        let Some(instance) = self.panel.get(context) else { return Vec::new() };
        let widget = self.widget_of(&instance.placed);
        let own = |n: usize| widget.and_then(|widget| widget.states.get(n)).map(|state| state.image.as_str());
        instance.icons().enumerate().map(|(n, icon)| icon.or_else(|| own(n)).unwrap_or_default().to_owned()).collect()
    }
}

pub(super) fn did_receive_settings(instance: &Instance) -> Relayed {
    Relayed::DidReceiveWidgetSettings {
        widget: instance.placed.widget.clone(),
        context: instance.placed.context.clone(),
        settings: instance.placed.settings.clone(),
    }
}

/// A text that isn't a picture that hosts show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPicture;

/// A picture as browsers draw it; none if the message has none, or an empty text, which removes the package's picture.
pub type PictureResult = Result<Option<Arc<str>>, NotAPicture>;

/// Follows the name of the message in a log line.
const TAKES_PICTURES: &str = "takes a PNG, JPEG, GIF, BMP, WebP or SVG in base64, as a data URI or bare.";

/// Takes the picture out of a message. Slow for large ones, so it is done before the hub receives the message.
pub fn take_picture(message: &mut Incoming) -> PictureResult {
    let image = match message {
        Incoming::Other(ToHost::ChangeImage { image, .. } | ToHost::ChangeIcon { image, .. }) => mem::take(image),
        Incoming::Other(ToHost::ChangeActionEffect { effect, .. }) => effect.image.take().unwrap_or_default(),
        _ => return Ok(None),
    };
    match image.is_empty() {
        true => Ok(None),
        false => picture::data_uri(&image).map(|uri| Some(uri.into())).ok_or(NotAPicture),
    }
}

/// Returns a font with every member within its range.
pub(super) fn tidy(font: FontAttribute) -> FontAttribute {
    apply_font_change(font.into(), FontAttribute::default())
}

/// Applies a change to a font, as far as it is valid, with every member within its range.
fn apply_font_change(change: FontChange, before: FontAttribute) -> FontAttribute {
    let font = change.onto(before.clone());
    let is_color = font.color.len() == 7
        && font.color.starts_with('#')
        && font.color[1..].bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_alignment = ["left", "center", "right"].contains(&font.h_alignment.as_str());
    FontAttribute {
        size: if font.size.is_finite() { font.size.clamp(6.0, 18.0) } else { before.size },
        color: if is_color { font.color } else { before.color },
        h_alignment: if is_alignment { font.h_alignment } else { before.h_alignment },
        ..font
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_is_taken_out_of_a_message() {
        let taken = |event: &str, payload: &str| {
            let text = format!(r#"{{"event":"{event}","context":"c","payload":{payload}}}"#);
            let mut message = Incoming::parse(&text).unwrap();
            (take_picture(&mut message), !format!("{message:?}").contains("iVBOR"))
        };
        let png = "data:image/png;base64,iVBORw0KGgo=";
        for event in ["changeImage", "changeIcon", "changeActionEffect"] {
            let with = |image: &str| format!(r#"{{"type":"press","image":"{image}"}}"#);
            assert_eq!(taken(event, &with("iVBORw0KGgo=")), (Ok(Some(png.into())), true), "{event}");
            assert_eq!(taken(event, &with("no picture")), (Err(NotAPicture), true), "{event}");
            assert_eq!(taken(event, &with("")), (Ok(None), true), "{event}");
        }
        assert_eq!(taken("changeTitle", r#"{"title":"iVBORw0KGgo="}"#), (Ok(None), false));
    }

    #[test]
    fn fonts_are_clamped_to_valid_values() {
        let font =
            FontAttribute { size: 99.0, color: "#éab".into(), h_alignment: "up".into(), ..FontAttribute::default() };
        assert_eq!(tidy(font), FontAttribute { size: 18.0, ..FontAttribute::default() });
        let good = FontAttribute {
            size: 7.5,
            color: "#0aF123".into(),
            h_alignment: "left".into(),
            ..FontAttribute::default()
        };
        assert_eq!(tidy(good.clone()), good);
        // Missing and invalid members leave the font as it was.
        let change = FontChange { bold: Some(true), color: Some("red".into()), ..FontChange::default() };
        assert_eq!(apply_font_change(change, good.clone()), FontAttribute { bold: true, ..good });
    }
}
