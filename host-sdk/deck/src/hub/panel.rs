//! What the user does in the page: place, move, resize, press, edit, remove; and the views that the page shows.

use host_sdk::manifest::Widget;
use host_sdk::protocol::{ActionEffect, EffectKind, FromHost, Relayed, WidgetInfo};
use serde_json::json;

use super::history::{Edit, Step};
use super::messages::tidy;
use super::{Adjustment, Cell, Hub, PROGRAM, Phase, Place, Resize, Target, VIEWS, View, ViewFiles};
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
        self.commit_instance("place", None, Some(placed));
        self.view_of(&context)
    }

    /// Gives an instance another layout; context and settings stay. Where it can't stay, it goes to the nearest free
    /// place unless the user has named one.
    pub(crate) fn resize(&mut self, context: &str, resize: Resize) -> Result<page::Instance, DeckError> {
        let instance = self.shown_key(context)?;
        self.usable(instance)?;
        let before = instance.placed.clone();
        let widget = self.package(&before.package).and_then(|package| package.config.widget(&before.widget));
        let layouts = widget.ok_or(DeckError::NoSuch("widget"))?.layouts();
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
            self.commit_instance("resize", Some(before), Some(after));
        }
        self.view_of(context)
    }

    pub(crate) fn remove(&mut self, context: &str) -> Result<(), DeckError> {
        self.shown_key(context)?;
        let family = self.family(context).into_iter();
        let edits = family.map(|placed| Edit::Instance(Some(Box::new(placed)), None)).collect();
        let shown = self.place_shown();
        self.commit(Step { name: "remove", edits, before: shown.clone(), after: shown });
        Ok(())
    }

    /// A key that is shown. What is in a list is none.
    pub(super) fn shown_key(&self, context: &str) -> Result<&Instance, DeckError> {
        let instance = self.shown_instance(context)?;
        match instance.placed.parent {
            None => Ok(instance),
            Some(_) => Err(DeckError::conflict("It is in the list of a multi-action key. Change the list.")),
        }
    }

    /// An instance that is shown: nobody can point at another one.
    pub(super) fn shown_instance(&self, context: &str) -> Result<&Instance, DeckError> {
        let instance = self.panel.get(context).ok_or(DeckError::NoSuch("instance"))?;
        if self.panel.is_shown(&instance.placed) {
            return Ok(instance);
        }
        let what = if instance.placed.profile == self.panel.active { "on another page" } else { "in another profile" };
        Err(DeckError::conflict(format!("This key is {what}. Switch to it first.")))
    }

    pub(super) fn check_fit(&self, profile: &str, span: Span, besides: Option<&str>) -> Result<(), DeckError> {
        if self.panel.is_free(profile, span, besides) {
            return Ok(());
        }
        if span.area == Area::Keys && (span.width, span.height) != (1, 1) {
            return Err(DeckError::conflict("A function key takes a layout of 1 x 1. Choose a place on the grid."));
        }
        let size = format!("{} x {}", span.width, span.height);
        Err(DeckError::conflict(match self.panel.nearest_free(profile, span, besides) {
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
        self.press_by(PROGRAM, context, phase)
    }

    fn press_by(&mut self, holder: u64, context: &str, phase: Phase) -> Result<(), DeckError> {
        let instance = self.panel.get(context).ok_or(DeckError::NoSuch("instance"))?;
        if !self.is_visible(instance) {
            return match phase {
                // The key went from under the finger; its package has heard of that.
                Phase::Up | Phase::Cancel => Ok(()),
                _ if self.asleep => Err(DeckError::conflict("The device sleeps. Wake it up first.")),
                _ => self.usable(instance).and_then(|()| self.shown_instance(context).map(drop)),
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
            self.tell_package(&package, message);
        }
        if matches!(phase, Phase::Up | Phase::Tap | Phase::Triggered) {
            self.run_steps(context);
        }
        Ok(())
    }

    /// Presses a key as a finger on the page of this number does: a key that is down already goes down no further, one that
    /// several pages hold comes up with the last of them, and all that a page holds comes up when it is gone.
    pub(crate) fn press_from(&mut self, page: u64, context: &str, phase: Phase) -> Result<(), DeckError> {
        match (phase, self.pressed.get_mut(context)) {
            (Phase::Down, holders) => {
                // It can't tell when the finger is lifted.
                let Some(at) = self.pages.iter().position(|other| other.number == page) else {
                    return Err(DeckError::conflict("This page has lost its connection. Press again."));
                };
                if let Some(holders) = holders {
                    holders.insert(page);
                    return Ok(());
                }
                // The page that the user is at is the one that opens what the press leads to.
                self.pages[at..].rotate_left(1);
            }
            (Phase::Up | Phase::Cancel, Some(holders)) => {
                if !holders.remove(&page) || !holders.is_empty() {
                    return Ok(());
                }
            }
            // It has come up already: the key has gone, or the connection was lost meanwhile.
            (Phase::Up | Phase::Cancel, None) => return Ok(()),
            (Phase::Tap | Phase::Triggered, _) => {}
        }
        self.press_by(page, context, phase)
    }

    /// Forgets a page that listens no more, and lets go what it holds.
    pub(crate) fn page_is_gone(&mut self, page: u64) {
        self.pages.retain(|other| other.number != page);
        let held: Vec<_> =
            self.pressed.iter().filter(|(_, holders)| holders.contains(&page)).map(|(key, _)| key.clone()).collect();
        for context in held {
            // It is there, or its package has heard of that already.
            let _ = self.press_from(page, &context, Phase::Cancel);
        }
    }

    /// Changes how an instance looks as its user wants it, where its package lets the user.
    pub(crate) fn adjust(&mut self, context: &str, adjustment: Adjustment) -> Result<(), DeckError> {
        let instance = self.shown_instance(context)?;
        self.usable(instance)?;
        let widget =
            self.package(&instance.placed.package).and_then(|package| package.config.widget(&instance.placed.widget));
        let widget = widget.ok_or(DeckError::NoSuch("widget"))?;
        let before = instance.placed.clone();
        let mut after = before.clone();
        let name = match adjustment {
            Adjustment::State(state) => {
                let instance = self.panel.get_mut(context).ok_or(DeckError::NoSuch("instance"))?;
                if !instance.set_state(state) {
                    return Err(DeckError::NoSuch("state"));
                }
                self.changed = true;
                self.tell_pages_of(context);
                return Ok(());
            }
            Adjustment::Title(title) => {
                allowed(widget.title_editable, "title", widget)?;
                after.title = Some(title).filter(|title| !title.is_empty());
                "title"
            }
            Adjustment::Font(font) => {
                allowed(widget.title_view_editable, "font", widget)?;
                after.font = font.map(tidy);
                "font"
            }
            Adjustment::Icon(state, icon) => {
                allowed(widget.icon_editable, "icon", widget)?;
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
            self.commit_instance(name, Some(before), Some(after));
        }
        Ok(())
    }

    /// Tells an instance's package what its titles are now.
    pub(super) fn tell_title(&mut self, context: &str) {
        let Some(instance) = self.panel.get(context) else { return };
        let Placed { package, widget, context, .. } = instance.placed.clone();
        self.tell_package(&package, &FromHost::DidReceiveWidgetTitle { widget, context, titles: instance.titles() });
    }

    /// Tells an instance's package how its title is drawn now.
    pub(super) fn tell_font(&mut self, context: &str) {
        let Some(instance) = self.panel.get(context) else { return };
        let Placed { package, widget, context, .. } = instance.placed.clone();
        let font = instance.font().cloned().unwrap_or_default();
        self.tell_package(&package, &FromHost::DidReceiveFontAttribute { widget, context, font });
    }

    /// Tells an instance's package what its icons are now.
    pub(super) fn tell_icons(&mut self, context: &str) {
        let Some(instance) = self.panel.get(context) else { return };
        let Placed { package, widget, context, .. } = instance.placed.clone();
        let icons = self.icons(&context);
        self.tell_package(&package, &FromHost::DidReceiveWidgetIcon { widget, context, icons });
    }

    /// Closes all property views of an instance.
    pub(super) fn close_views_of(&mut self, context: &str) {
        let is_meant = |view: &&View| view.context.as_deref() == Some(context);
        let views: Vec<_> = self.views.iter().filter(is_meant).map(|view| view.id.clone()).collect();
        for view in views {
            // It is there: it was found a moment ago.
            let _ = self.close_view(&view);
        }
    }

    /// Tells an instance's package that it is visible.
    pub(super) fn appear(&mut self, context: &str) {
        let Some(instance) = self.panel.get_mut(context) else { return };
        // A package that comes back knows nothing of the effect that it once showed.
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
        let settings = Relayed::DidReceiveWidgetSettings {
            widget: placed.widget.clone(),
            context: context.to_owned(),
            settings: placed.settings.clone(),
        };
        self.send_to_package(&package, &appear.to_text().into());
        self.send_to_package(&package, &settings.to_text().into());
        self.tell_pages_of(context);
    }

    pub(crate) fn open_view(&mut self, target: Target) -> Result<(String, String), DeckError> {
        let (package, context, entry) = match target {
            Target::Context(context) => {
                let instance = self.panel.get(&context).ok_or(DeckError::NoSuch("instance"))?;
                self.usable(instance)?;
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
        if self.views.len() == VIEWS {
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
            tried: None,
        };
        let opened = (view.id.clone(), self.view_address(&view.package, &view.id, &view.entry));
        self.views.push(view);
        Ok(opened)
    }

    /// Where a file of a package's view, or of the page that is the package, is served.
    pub(super) fn view_address(&self, package: &str, id: &str, entry: &str) -> String {
        let origin = origins::origin(package, self.base.port().unwrap_or_default());
        address(&origin, &["view", id], entry.trim_start_matches("./"))
    }

    /// Opens a view for the page that runs web packages.
    pub(crate) fn try_view(&mut self, target: Target) -> Result<String, DeckError> {
        let (id, url) = self.open_view(target)?;
        if let Some(view) = self.views.iter_mut().find(|view| view.id == id) {
            view.tried = Some(Frame { package: view.package.clone(), name: view.package.clone(), url });
        }
        Ok(id)
    }

    pub(crate) fn close_view(&mut self, id: &str) -> Result<(), DeckError> {
        let connection = self.view(id).ok_or(DeckError::NoSuch("view"))?.connection;
        // Tells the package, which hears of it only if the view was there.
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
            None => (self.package_settings.get(&view.package).cloned().unwrap_or_default(), None),
        };
        // What can't be read was never stored.
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

    /// Tells the pages what an instance is now.
    pub(super) fn tell_pages_of(&mut self, context: &str) {
        if self.pages.is_empty() {
            return;
        }
        let shown = self.panel.get(context).filter(|instance| self.panel.is_shown(&instance.placed));
        let Some(instance) = shown else { return };
        let instance = Box::new(self.instance_view(instance));
        self.tell_pages(&Event::Instance { instance });
    }

    /// An instance as the page sees it.
    pub(super) fn instance_view(&self, instance: &Instance) -> page::Instance {
        let placed = &instance.placed;
        let Shown { icon, title, image, description } = instance.shown();
        let own = || {
            let package = self.package(&placed.package)?;
            let state = package.config.widget(&placed.widget)?.states.get(placed.state as usize)?;
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

fn allowed(editable: Option<bool>, what: &str, widget: &Widget) -> Result<(), DeckError> {
    match editable.unwrap_or(true) {
        true => Ok(()),
        false => Err(DeckError::conflict(format!("The {what} of {} is its package's alone.", widget.name))),
    }
}
