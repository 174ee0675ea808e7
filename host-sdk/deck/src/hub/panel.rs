//! What the user does in the page: place, move, press, name, remove; and the views that the page shows.

use host_sdk::protocol::{ActionEffect, EffectKind, FromHost, Settings, WidgetInfo};

use super::{Cell, Hub, Phase, Place, Refusal, Target, VIEWS, View, ViewFiles};
use crate::package::address;
use crate::page::{self, Event};
use crate::random_id;
use crate::state::{Instance, Placed, Span};

impl Hub {
    pub(super) fn place(&mut self, place: Place) -> Result<page::Instance, Refusal> {
        let package = self.packages.iter().find(|package| package.config.widget(&place.widget).is_some());
        let widget = package.and_then(|package| Some((package, package.config.widget(&place.widget)?)));
        let Some((package, widget)) = widget else { return Err(no("widget")) };
        let placed = Placed {
            context: random_id(),
            package: package.config.uuid.clone(),
            widget: place.widget,
            column: place.cell.column,
            row: place.cell.row,
            layout: place.layout,
            state: 0,
            title: None,
            settings: Settings::new(),
        };
        let context = placed.context.clone();
        let instance = Instance::new(placed, widget)
            .ok_or_else(|| Refusal::NotFound("This widget has no such layout.".to_owned()))?;
        if !self.panel.place(instance) {
            return Err(does_not_fit());
        }
        self.changed = true;
        self.tell_pages_of(&context);
        self.appear(&context);
        self.panel.get(&context).map(|instance| self.instance_view(instance)).ok_or_else(|| no("instance"))
    }

    pub(super) fn move_to(&mut self, context: &str, cell: Cell) -> Result<page::Instance, Refusal> {
        let instance = self.panel.get(context).ok_or_else(|| no("instance"))?;
        let span = Span { column: cell.column, row: cell.row, ..instance.span() };
        if !self.panel.is_free(span, Some(context)) {
            return Err(does_not_fit());
        }
        let instance = self.panel.get_mut(context).ok_or_else(|| no("instance"))?;
        (instance.placed.column, instance.placed.row) = (cell.column, cell.row);
        self.changed = true;
        self.tell_pages_of(context);
        self.panel.get(context).map(|instance| self.instance_view(instance)).ok_or_else(|| no("instance"))
    }

    pub(super) fn remove(&mut self, context: &str) -> Result<(), Refusal> {
        // Views first, so that the package hears of their end while it still has the instance.
        let views: Vec<_> = self
            .views
            .iter()
            .filter(|view| view.context.as_deref() == Some(context))
            .map(|view| view.id.clone())
            .collect();
        for view in views {
            self.close_view(&view)?;
        }
        let instance = self.panel.remove(context).ok_or_else(|| no("instance"))?;
        self.changed = true;
        self.tell_pages(&Event::InstanceRemoved { context: context.to_owned() });
        let message = FromHost::WidgetWillDisappear {
            state: instance.wire_state(),
            widget: instance.placed.widget,
            context: instance.placed.context,
        };
        self.tell_package(&instance.placed.package, &message);
        Ok(())
    }

    pub(super) fn press(&mut self, context: &str, phase: Phase) -> Result<(), Refusal> {
        let instance = self.panel.get(context).ok_or_else(|| no("instance"))?;
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
        };
        for message in &messages {
            self.tell_package(&package, message);
        }
        Ok(())
    }

    pub(super) fn set_title(&mut self, context: &str, title: &str) -> Result<(), Refusal> {
        let instance = self.panel.get_mut(context).ok_or_else(|| no("instance"))?;
        instance.set_users_title(title);
        let package = instance.placed.package.clone();
        let message = FromHost::DidReceiveWidgetTitle {
            widget: instance.placed.widget.clone(),
            context: context.to_owned(),
            titles: instance.titles(),
        };
        self.changed = true;
        self.tell_package(&package, &message);
        self.tell_pages_of(context);
        Ok(())
    }

    /// Tells an instance's package that it is visible.
    pub(super) fn appear(&mut self, context: &str) {
        let Some(instance) = self.panel.get_mut(context) else { return };
        // A package that comes back knows nothing of the effect that it once showed.
        instance.effect = ActionEffect { kind: EffectKind::Clear, image: None };
        let placed = &instance.placed;
        let package = placed.package.clone();
        let appear = FromHost::WidgetWillAppear {
            widget: placed.widget.clone(),
            context: context.to_owned(),
            state: instance.wire_state(),
            settings: Some(placed.settings.clone()),
            layout: Some(instance.wire_layout()),
        };
        let settings = FromHost::DidReceiveWidgetSettings {
            widget: placed.widget.clone(),
            context: context.to_owned(),
            settings: placed.settings.clone(),
        };
        self.tell_package(&package, &appear);
        self.tell_package(&package, &settings);
        self.tell_pages_of(context);
    }

    pub(super) fn open_view(&mut self, target: Target) -> Result<(String, String), Refusal> {
        let (package, context, entry) = match target {
            Target::Context(context) => {
                let instance = self.panel.get(&context).ok_or_else(|| no("instance"))?;
                let package = self.package(&instance.placed.package).ok_or_else(|| no("package"))?;
                let widget = package.config.widget(&instance.placed.widget).ok_or_else(|| no("widget"))?;
                let entry = widget
                    .property_view_path
                    .clone()
                    .ok_or_else(|| Refusal::NotFound("This widget has no property view.".to_owned()))?;
                (package.config.uuid.clone(), Some(context), entry)
            }
            Target::Package(uuid) => {
                let package = self.package(&uuid).ok_or_else(|| no("package"))?;
                let entry = package
                    .config
                    .settings_path
                    .clone()
                    .ok_or_else(|| Refusal::NotFound("This package has no settings page.".to_owned()))?;
                (uuid, None, entry)
            }
        };
        if self.views.len() == VIEWS {
            let oldest = self.views[0].id.clone();
            self.close_view(&oldest)?;
        }
        let view = View { id: random_id(), register_event: random_id(), package, context, entry, connection: None };
        let origin = self.origins.of(&view.package).map_err(|error| {
            Refusal::Conflict(format!("The page can't be shown: there is no port for it ({error})."))
        })?;
        let opened = (view.id.clone(), address(&origin, &["view", &view.id], &view.entry));
        self.views.push(view);
        Ok(opened)
    }

    pub(super) fn close_view(&mut self, id: &str) -> Result<(), Refusal> {
        let connection = self.view(id).ok_or_else(|| no("view"))?.connection;
        // Tells the package, which hears of it only if the view was there.
        if let Some(connection) = connection {
            self.disconnect(connection);
        }
        self.views.retain(|view| view.id != id);
        Ok(())
    }

    pub(super) fn view_files(&self, id: &str) -> Option<ViewFiles> {
        let view = self.view(id)?;
        let package = self.package(&view.package)?;
        let (_, widget, context) = self.addressee(view);
        let (settings, layout) = match view.context.as_ref().and_then(|context| self.panel.get(context)) {
            Some(instance) => (instance.placed.settings.clone(), Some(instance.wire_layout())),
            None => (self.package_settings_of(&view.package), None),
        };
        let widget_info = WidgetInfo { widget, context, settings, layout }.to_json();
        Some(ViewFiles {
            package: view.package.clone(),
            folder: package.folder.clone(),
            entry: view.entry.clone(),
            call: (view.register_event.clone(), self.info.clone(), widget_info),
        })
    }

    /// Tells the pages what an instance is now.
    pub(super) fn tell_pages_of(&mut self, context: &str) {
        if self.pages.is_empty() {
            return;
        }
        let Some(instance) = self.panel.get(context) else { return };
        let instance = Box::new(self.instance_view(instance));
        self.tell_pages(&Event::Instance { instance });
    }

    /// An instance as the page sees it.
    pub(super) fn instance_view(&self, instance: &Instance) -> page::Instance {
        let placed = &instance.placed;
        let (title, image, description) = instance.shown();
        let own = || {
            let package = self.package(&placed.package)?;
            let state = package.config.widget(&placed.widget)?.states.get(placed.state as usize)?;
            Some(package.picture(&self.base, &state.image).into())
        };
        page::Instance {
            context: placed.context.clone(),
            package: placed.package.clone(),
            widget: placed.widget.clone(),
            column: placed.column,
            row: placed.row,
            width: instance.width,
            height: instance.height,
            layout: placed.layout,
            state: placed.state,
            title: Some(title.to_owned()).filter(|title| !title.is_empty()),
            image: image.cloned().or_else(own),
            description: description.map(str::to_owned),
            effect: instance.effect.kind,
            effect_image: instance.effect.image.clone(),
            font: instance.font.clone(),
        }
    }
}

fn no(what: &str) -> Refusal {
    Refusal::NotFound(format!("There is no such {what}."))
}

fn does_not_fit() -> Refusal {
    Refusal::Conflict("It doesn't fit there. Choose a place that is free and large enough.".to_owned())
}
