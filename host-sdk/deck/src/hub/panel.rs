//! Changes of the Panel that the user makes in the page: place, move, resize, press, edit, remove. And the views that
//! the page shows.

use host_sdk::manifest::Widget;
use host_sdk::protocol::{ActionEffect, EffectKind, FromHost, Relayed, WidgetInfo};
use serde_json::json;

use super::history::Edit;
use super::messages::{did_receive_settings, tidy};
use super::{Adjustment, Cell, Hub, MAX_VIEWS, PROGRAM, Phase, Place, Resize, Target, View, ViewFiles};
use crate::error::DeckError;
use crate::origins;
use crate::package::{Package, address};
use crate::page;
use crate::page::{Event, Frame};
use crate::random_id;
use crate::state::{Area, Instance, Placed, Shown, Span};

impl Hub {
    pub(crate) fn place(&mut self, place: Place) -> Result<page::Instance, DeckError> {
        let offers = |package: &&Package| package.config.widget(&place.widget).is_some();
        let package = self.packages.iter().chain([&self.own]).find(offers);
        let widget = package.and_then(|package| Some((package, package.config.widget(&place.widget)?)));
        let Some((package, widget)) = widget else { return Err(DeckError::NoSuch("widget")) };
        let placed = Placed {
            context: random_id(),
            package: package.config.uuid.clone(),
            widget: place.widget,
            profile: self.panel.active.clone(),
            page: place.cell.area.page(self.panel.page()),
            area: place.cell.area,
            column: place.cell.column,
            row: place.cell.row,
            layout: place.layout,
            ..Placed::default()
        };
        let instance = Instance::new(placed.clone(), widget).ok_or_else(no_layout)?;
        self.check_fit(&self.panel.active, instance.span(), None)?;
        let context = placed.context.clone();
        self.commit_edits("place", vec![Edit::add(placed)]);
        self.view_of(&context)
    }

    /// Gives an instance another layout; context and settings stay. If it doesn't fit where it is, and the user names
    /// no place, it moves to the nearest free one.
    pub(crate) fn resize(&mut self, context: &str, resize: Resize) -> Result<page::Instance, DeckError> {
        let instance = self.shown_key(context)?;
        self.check_usable(instance)?;
        let before = instance.placed.clone();
        let layouts = self.widget_of(&before).ok_or(DeckError::NoSuch("widget"))?.layouts();
        let layout = layouts.get(resize.layout).ok_or_else(no_layout)?;
        let mut span = Span { width: layout.width, height: layout.height, ..instance.span() };
        match resize.to {
            Some(Cell { area, column, row }) => {
                span = Span { page: area.page(self.panel.page()), area, column, row, ..span };
                self.check_fit(&before.profile, span, Some(context))?;
            }
            None => {
                span = self.panel.nearest_free(&before.profile, span, Some(context)).ok_or_else(|| {
                    let why = match span.area {
                        Area::Keys => "A function key takes a layout of 1 x 1. Move it to the grid first.".to_owned(),
                        Area::Grid => format!(
                            "There is no free place of {} x {} on the Panel. Remove or move a key.",
                            span.width, span.height
                        ),
                    };
                    DeckError::conflict(why)
                })?;
            }
        }
        if before.layout != resize.layout || span != instance.span() {
            let Span { page, area, column, row, .. } = span;
            let after = Placed { layout: resize.layout, page, area, column, row, ..before.clone() };
            self.commit_edits("resize", vec![Edit::change(before, after)]);
        }
        self.view_of(context)
    }

    pub(crate) fn remove(&mut self, context: &str) -> Result<(), DeckError> {
        self.shown_key(context)?;
        let edits = self.key_with_list(context).into_iter().map(Edit::remove).collect();
        self.commit_edits("remove", edits);
        Ok(())
    }

    /// Returns an instance that is shown as a key. One in the list of a multi-action key isn't.
    pub(super) fn shown_key(&self, context: &str) -> Result<&Instance, DeckError> {
        let instance = self.shown_instance(context)?;
        match instance.placed.parent {
            None => Ok(instance),
            Some(_) => Err(DeckError::conflict("It is in the list of a multi-action key. Change the list.")),
        }
    }

    /// Returns an instance that is shown: the user can't refer to any other.
    pub(super) fn shown_instance(&self, context: &str) -> Result<&Instance, DeckError> {
        let instance = self.panel.get(context).ok_or(DeckError::NoSuch("instance"))?;
        if self.panel.is_shown(&instance.placed) {
            return Ok(instance);
        }
        let what = if instance.placed.profile == self.panel.active { "on another page" } else { "in another profile" };
        Err(DeckError::conflict(format!("This key is {what}. Switch to it first.")))
    }

    pub(super) fn check_fit(&self, profile: &str, span: Span, except: Option<&str>) -> Result<(), DeckError> {
        if self.panel.is_free(profile, span, except) {
            return Ok(());
        }
        if span.area == Area::Keys && (span.width, span.height) != (1, 1) {
            return Err(DeckError::conflict("A function key takes a layout of 1 x 1. Choose a place on the grid."));
        }
        let size = format!("{} x {}", span.width, span.height);
        Err(DeckError::conflict(match self.panel.nearest_free(profile, span, except) {
            Some(free) => format!(
                "It doesn't fit there. The nearest free place of {size} is column {}, row {}.",
                free.column + 1,
                free.row + 1
            ),
            None => format!("It doesn't fit there, and there is no free place of {size}. Remove or move a key."),
        }))
    }

    pub(super) fn view_of(&self, context: &str) -> Result<page::Instance, DeckError> {
        self.panel.get(context).map(|instance| self.instance_view(instance)).ok_or(DeckError::NoSuch("instance"))
    }

    pub(crate) fn press(&mut self, context: &str, phase: Phase) -> Result<(), DeckError> {
        self.press_as(PROGRAM, context, phase)
    }

    fn press_as(&mut self, holder: u64, context: &str, phase: Phase) -> Result<(), DeckError> {
        let instance = self.panel.get(context).ok_or(DeckError::NoSuch("instance"))?;
        if !self.is_visible(instance) {
            return match phase {
                // The key disappeared under the finger. Its package has received actionUp.
                Phase::Up | Phase::Cancel => Ok(()),
                _ if self.asleep => Err(DeckError::conflict("The device sleeps. Wake it up first.")),
                _ => self.check_usable(instance).and_then(|()| self.shown_instance(context).map(drop)),
            };
        }
        let package = instance.placed.package.clone();
        let state = instance.wire_state();
        let ids = || (instance.placed.widget.clone(), instance.placed.context.clone());
        let down = || FromHost::ActionDown { widget: ids().0, context: ids().1, state };
        let up = || FromHost::ActionUp { widget: ids().0, context: ids().1, state };
        let triggered = || FromHost::ActionTriggered { widget: ids().0, context: ids().1, state };
        let messages = match phase {
            Phase::Down => vec![down()],
            Phase::Up => vec![up(), triggered()],
            Phase::Cancel => vec![up()],
            Phase::Tap => vec![down(), up(), triggered()],
            Phase::Triggered => vec![triggered()],
        };
        match phase {
            Phase::Down => drop(self.pressed.entry(context.to_owned()).or_default().insert(holder)),
            Phase::Up | Phase::Cancel | Phase::Tap => drop(self.pressed.remove(context)),
            Phase::Triggered => {}
        }
        for message in &messages {
            self.notify_package(&package, message);
        }
        if matches!(phase, Phase::Up | Phase::Tap | Phase::Triggered) {
            self.run_steps(context);
        }
        Ok(())
    }

    /// Presses a key like a finger on the page with this number.
    ///
    /// A key that is already down stays down, one that several pages hold is released by the last of them, and a page
    /// that closes releases all that it holds.
    pub(crate) fn press_from(&mut self, page: u64, context: &str, phase: Phase) -> Result<(), DeckError> {
        match (phase, self.pressed.get_mut(context)) {
            (Phase::Down, holders) => {
                // Such a page couldn't report when the finger is lifted.
                let Some(at) = self.pages.iter().position(|other| other.number == page) else {
                    return Err(DeckError::conflict("This page has lost its connection. Press again."));
                };
                if let Some(holders) = holders {
                    holders.insert(page);
                    return Ok(());
                }
                // The page in use is the one that opens what the press leads to.
                self.pages[at..].rotate_left(1);
            }
            (Phase::Up | Phase::Cancel, Some(holders)) => {
                if !holders.remove(&page) || !holders.is_empty() {
                    return Ok(());
                }
            }
            // Already released: the key or the connection was lost meanwhile.
            (Phase::Up | Phase::Cancel, None) => return Ok(()),
            (Phase::Tap | Phase::Triggered, _) => {}
        }
        self.press_as(page, context, phase)
    }

    /// Forgets a page that was closed, and releases the keys that it holds.
    pub(crate) fn on_page_closed(&mut self, page: u64) {
        self.pages.retain(|other| other.number != page);
        let held_keys: Vec<_> =
            self.pressed.iter().filter(|(_, holders)| holders.contains(&page)).map(|(key, _)| key.clone()).collect();
        for context in held_keys {
            // An error means that the key is gone, and its package has received actionUp.
            let _ = self.press_from(page, &context, Phase::Cancel);
        }
    }

    /// Changes how an instance looks, as far as its package lets the user.
    pub(crate) fn adjust(&mut self, context: &str, adjustment: Adjustment) -> Result<(), DeckError> {
        let instance = self.shown_instance(context)?;
        self.check_usable(instance)?;
        let widget = self.widget_of(&instance.placed).ok_or(DeckError::NoSuch("widget"))?;
        let before = instance.placed.clone();
        let mut after = before.clone();
        let name = match adjustment {
            Adjustment::State(state) => {
                let instance = self.panel.get_mut(context).ok_or(DeckError::NoSuch("instance"))?;
                if !instance.set_state(state) {
                    return Err(DeckError::NoSuch("state"));
                }
                self.changed = true;
                self.send_instance(context);
                return Ok(());
            }
            Adjustment::Title(title) => {
                check_editable(widget.title_editable, "title", widget)?;
                after.title = Some(title).filter(|title| !title.is_empty());
                "title"
            }
            Adjustment::Font(font) => {
                check_editable(widget.title_view_editable, "font", widget)?;
                after.font = font.map(tidy);
                "font"
            }
            Adjustment::Icon(state, icon) => {
                check_editable(widget.icon_editable, "icon", widget)?;
                if usize::try_from(state).is_ok_and(|state| state >= instance.states()) {
                    return Err(DeckError::NoSuch("state"));
                }
                match icon {
                    Some(icon) => after.icons.insert(state, icon),
                    None => after.icons.remove(&state),
                };
                "icon"
            }
        };
        if after != before {
            self.commit_edits(name, vec![Edit::change(before, after)]);
        }
        Ok(())
    }

    /// Sends an instance's titles to its package.
    pub(super) fn send_titles(&mut self, context: &str) {
        let Some(instance) = self.panel.get(context) else { return };
        let Placed { package, widget, context, .. } = instance.placed.clone();
        self.notify_package(&package, &FromHost::DidReceiveWidgetTitle { widget, context, titles: instance.titles() });
    }

    /// Sends how an instance's title is drawn to its package.
    pub(super) fn send_font(&mut self, context: &str) {
        let Some(instance) = self.panel.get(context) else { return };
        let Placed { package, widget, context, .. } = instance.placed.clone();
        let font = instance.font().cloned().unwrap_or_default();
        self.notify_package(&package, &FromHost::DidReceiveFontAttribute { widget, context, font });
    }

    /// Sends an instance's icons to its package.
    pub(super) fn send_icons(&mut self, context: &str) {
        let Some(instance) = self.panel.get(context) else { return };
        let Placed { package, widget, context, .. } = instance.placed.clone();
        let icons = self.icons(&context);
        self.notify_package(&package, &FromHost::DidReceiveWidgetIcon { widget, context, icons });
    }

    /// Closes all property views of an instance.
    pub(super) fn close_views_of(&mut self, context: &str) {
        let matches = |view: &&View| view.context.as_deref() == Some(context);
        let views: Vec<_> = self.views.iter().filter(matches).map(|view| view.id.clone()).collect();
        for view in views {
            // Can't fail: the view was found above.
            let _ = self.close_view(&view);
        }
    }

    /// Tells an instance's package that it is visible.
    pub(super) fn announce_instance(&mut self, context: &str) {
        let Some(instance) = self.panel.get_mut(context) else { return };
        // A package that reconnects doesn't know which effect it last showed.
        instance.effect = ActionEffect { kind: EffectKind::Clear, image: None };
        let placed = &instance.placed;
        let package = placed.package.clone();
        let appear = Relayed::WidgetWillAppear {
            widget: placed.widget.clone(),
            context: context.to_owned(),
            state: instance.wire_state(),
            settings: placed.settings.clone(),
            layout: Some(instance.wire_layout()),
        };
        let settings = did_receive_settings(instance);
        self.send_to_package(&package, &appear.to_text().into());
        self.send_to_package(&package, &settings.to_text().into());
        self.send_instance(context);
    }

    pub(crate) fn open_view(&mut self, target: Target) -> Result<(String, String), DeckError> {
        let (package, context, entry) = match target {
            Target::Context(context) => {
                let instance = self.panel.get(&context).ok_or(DeckError::NoSuch("instance"))?;
                self.check_usable(instance)?;
                let package = self.package(&instance.placed.package).ok_or(DeckError::NoSuch("package"))?;
                let widget = package.config.widget(&instance.placed.widget).ok_or(DeckError::NoSuch("widget"))?;
                let entry = widget
                    .property_view_path
                    .clone()
                    .ok_or_else(|| DeckError::not_found("This widget has no property view."))?;
                (package.config.uuid.clone(), Some(context), entry)
            }
            Target::Package(uuid) => {
                let package = self.package(&uuid).ok_or(DeckError::NoSuch("package"))?;
                let entry = package
                    .config
                    .settings_path
                    .clone()
                    .ok_or_else(|| DeckError::not_found("This package has no settings page."))?;
                (uuid, None, entry)
            }
        };
        if self.views.len() == MAX_VIEWS {
            let oldest = self.views[0].id.clone();
            self.close_view(&oldest)?;
        }
        let view = View {
            id: random_id(),
            register_event: random_id(),
            package,
            context,
            entry,
            connection: None,
            trial: None,
        };
        let opened = (view.id.clone(), self.view_address(&view.package, &view.id, &view.entry));
        self.views.push(view);
        Ok(opened)
    }

    /// Returns the address of a file of a package's view, or of the page that is the package.
    pub(super) fn view_address(&self, package: &str, id: &str, entry: &str) -> String {
        let origin = origins::origin(package, self.base.port().unwrap_or_default());
        address(&origin, &["view", id], entry.trim_start_matches("./"))
    }

    /// Opens a view in the page that runs web packages, for a smoke run.
    pub(crate) fn open_trial_view(&mut self, target: Target) -> Result<String, DeckError> {
        let (id, url) = self.open_view(target)?;
        if let Some(view) = self.views.iter_mut().find(|view| view.id == id) {
            view.trial = Some(Frame { package: view.package.clone(), name: view.package.clone(), url });
        }
        Ok(id)
    }

    pub(crate) fn close_view(&mut self, id: &str) -> Result<(), DeckError> {
        let connection = self.view(id).ok_or(DeckError::NoSuch("view"))?.connection;
        // Notifies the package, which only happens while the view exists.
        if let Some(connection) = connection {
            self.disconnect(connection, "The page was closed.");
        }
        self.views.retain(|view| view.id != id);
        Ok(())
    }

    pub(crate) fn view_files(&self, id: &str) -> Option<ViewFiles> {
        if let Some(files) = self.frame_files(id) {
            return Some(files);
        }
        let view = self.view(id)?;
        let package = self.package(&view.package)?;
        let (_, widget, context) = self.addressee(view);
        let (settings, layout) = match view.context.as_ref().and_then(|context| self.panel.get(context)) {
            Some(instance) => (instance.placed.settings.clone(), Some(instance.wire_layout())),
            None => (self.settings_of_package(&view.package), None),
        };
        // Only readable settings are stored.
        let settings = settings.read().unwrap_or_default();
        let widget_info = WidgetInfo { widget, context, settings, layout }.to_json();
        Some(ViewFiles {
            package: view.package.clone(),
            folder: package.folder.clone(),
            entry: view.entry.clone(),
            call: vec![json!(id), json!(view.register_event), json!(self.info), widget_info],
            is_package: false,
        })
    }

    /// Sends an instance to the pages, if it is shown.
    pub(super) fn send_instance(&mut self, context: &str) {
        if self.pages.is_empty() {
            return;
        }
        let shown = self.panel.get(context).filter(|instance| self.panel.is_shown(&instance.placed));
        let Some(instance) = shown else { return };
        let instance = Box::new(self.instance_view(instance));
        self.notify_pages(&Event::Instance { instance });
    }

    /// Returns an instance as the page sees it.
    pub(super) fn instance_view(&self, instance: &Instance) -> page::Instance {
        let placed = &instance.placed;
        let Shown { icon, title, image, description } = instance.shown();
        let own = || {
            let package = self.package(&placed.package)?;
            let state = self.widget_of(placed)?.states.get(placed.state as usize)?;
            Some(package.picture(&self.base, &state.image).into())
        };
        page::Instance {
            context: placed.context.clone(),
            package: placed.package.clone(),
            widget: placed.widget.clone(),
            area: placed.area,
            column: placed.column,
            row: placed.row,
            width: instance.width,
            height: instance.height,
            layout: placed.layout,
            state: placed.state,
            icon: icon.cloned().or_else(own),
            title: Some(title.to_owned()).filter(|title| !title.is_empty()),
            image: image.cloned(),
            description: description.map(str::to_owned),
            effect: instance.effect.kind,
            effect_image: instance.effect.image.clone(),
            font: instance.font().cloned(),
            states: instance.states(),
            edited: page::Edited {
                title: placed.title.is_some(),
                font: placed.font.is_some(),
                icons: placed.icons.keys().copied().collect(),
            },
            missing: self.missing_view(instance),
            parent: placed.parent.clone(),
            steps: placed.steps.clone(),
        }
    }
}

pub(super) fn no_layout() -> DeckError {
    DeckError::not_found("This widget has no such layout.")
}

fn check_editable(editable: Option<bool>, what: &str, widget: &Widget) -> Result<(), DeckError> {
    match editable.unwrap_or(true) {
        true => Ok(()),
        false => Err(DeckError::conflict(format!("The {what} of {} is its package's alone.", widget.name))),
    }
}
