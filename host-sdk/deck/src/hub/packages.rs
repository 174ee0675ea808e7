//! Packages in the hub: installed, started, registered, lost, removed.

use std::path::PathBuf;

use host_sdk::bundle::Installed;
use host_sdk::manifest::PackageConfig;
use host_sdk::protocol::FromHost;
use tokio::sync::mpsc;

use super::{Hub, Peer, Refusal, Reply};
use crate::package::Package;
use crate::page::{self, Event, Status};
use crate::process::{Program, Report, Supervisor};
use crate::state::Instance;

impl Hub {
    /// Adds a package and starts it.
    pub(super) fn add_package(&mut self, config: PackageConfig, folder: PathBuf) {
        let mut package = Package::new(config, folder, self.info.language());
        let info = serde_json::to_string(&self.info).unwrap_or_default();
        let port = self.base.port().unwrap_or_default();
        match Program::of(&package.config, package.folder.clone(), self.in_process, port, info) {
            Ok(program) => {
                package.run = self.next_number();
                let reports = self.reports_of(package.run);
                package.supervisor = Some(Supervisor::start(program, self.timing, self.log.clone(), reports));
            }
            Err(why) => {
                self.log.error(Some(&package.config.uuid), why.as_str());
                package.status = Status::Failed;
                package.message = Some(why);
            }
        }
        self.bring_back(&package);
        self.packages.push(package);
    }

    /// The way for the reports of one supervisor.
    fn reports_of(&self, run: u64) -> mpsc::Sender<Report> {
        let (reports, mut queue) = mpsc::channel(8);
        let all = self.reports.clone();
        tokio::spawn(async move {
            while let Some(report) = queue.recv().await {
                if all.send((run, report)).await.is_err() {
                    return;
                }
            }
        });
        reports
    }

    /// Puts the instances back that a package left behind when it wasn't there. Those whose widget it doesn't have
    /// wait on; those whose place was taken meanwhile are gone.
    fn bring_back(&mut self, package: &Package) {
        let absent = std::mem::take(&mut self.absent);
        for placed in absent {
            let widget = package.config.widget(&placed.widget).filter(|_| placed.package == package.config.uuid);
            match widget.and_then(|widget| Instance::new(placed.clone(), widget)) {
                Some(instance) => {
                    let removed = !self.panel.place(instance);
                    self.changed |= removed;
                }
                None => self.absent.push(placed),
            }
        }
    }

    /// Ends a package, if there is one, and keeps its place: its files are about to change. Answers when it has ended.
    pub(super) fn halt(&mut self, uuid: &str, reply: Reply<()>) {
        let halted = self.package_mut(uuid).map(|package| {
            // What the supervisor still says is of no interest.
            package.run = 0;
            package.register_event = None;
            package.status = Status::Restarting;
            package.message = Some("Its files are being changed.".to_owned());
            (package.supervisor.take(), package.connection.take())
        });
        let Some((supervisor, connection)) = halted else {
            let _ = reply.send(());
            return;
        };
        if let Some(connection) = connection {
            self.connections.remove(&connection);
        }
        self.tell_packages();
        tokio::spawn(async move {
            if let Some(supervisor) = supervisor {
                supervisor.end().await;
            }
            let _ = reply.send(());
        });
    }

    /// Starts a halted package again.
    pub(super) fn resume(&mut self, uuid: &str) {
        if let Some(package) = self.take_package(uuid) {
            self.put_package(package.config, package.folder);
        }
    }

    /// A bundle was installed, as a new package or over an older version of it, which was halted.
    pub(super) fn installed(&mut self, installed: Installed) -> page::Package {
        let uuid = installed.config.uuid.clone();
        self.log.info(Some(&uuid), format!("Version {} is installed.", installed.config.version));
        // A supervisor that is there all the same is dropped, which kills.
        drop(self.take_package(&uuid));
        self.put_package(installed.config, installed.folder);
        self.package_views().pop().expect("it was added last")
    }

    /// Adds a package and shows the pages its instances, which were waiting for it.
    fn put_package(&mut self, config: PackageConfig, folder: PathBuf) {
        let uuid = config.uuid.clone();
        self.add_package(config, folder);
        let views: Vec<_> = self
            .panel
            .shown()
            .filter(|instance| instance.placed.package == uuid)
            .map(|instance| self.instance_view(instance))
            .collect();
        self.tell_packages();
        for instance in views {
            self.tell_pages(&Event::Instance { instance: Box::new(instance) });
        }
        self.changed = true;
    }

    /// Takes a package out, with its sockets and views. Its instances wait for its return.
    fn take_package(&mut self, uuid: &str) -> Option<Package> {
        let position = self.packages.iter().position(|package| package.config.uuid == uuid)?;
        let package = self.packages.remove(position);
        if let Some(connection) = package.connection {
            self.connections.remove(&connection);
        }
        for view in self.views.extract_if(.., |view| view.package == uuid) {
            if let Some(connection) = view.connection {
                self.connections.remove(&connection);
            }
        }
        for instance in self.panel.remove_package(uuid) {
            self.tell_pages(&Event::InstanceRemoved { context: instance.placed.context.clone() });
            self.absent.push(instance.placed);
        }
        Some(package)
    }

    /// Forgets a package, which was halted.
    pub(super) fn uninstall(&mut self, uuid: &str, keep_settings: bool) -> Result<(), Refusal> {
        if self.take_package(uuid).is_none() {
            return Err(Refusal::NotFound("There is no such package.".to_owned()));
        }
        self.absent.retain(|placed| placed.package != uuid);
        if !keep_settings {
            self.package_settings.remove(uuid);
        }
        self.changed = true;
        self.log.info(Some(uuid), "The package is removed.");
        self.tell_packages();
        Ok(())
    }

    /// A supervisor says something.
    pub(super) fn reported(&mut self, run: u64, report: Report) {
        let Some(package) = self.packages.iter_mut().find(|package| package.run == run) else { return };
        let lost = package.connection.take();
        let heard = match report {
            Report::Starting { register_event, heard } => {
                package.register_event = Some(register_event);
                package.status = Status::Starting;
                Some(heard)
            }
            Report::Restarting(why) => {
                package.register_event = None;
                package.status = Status::Restarting;
                package.message = Some(why);
                None
            }
            Report::Failed(why) => {
                package.register_event = None;
                package.status = Status::Failed;
                package.message = Some(why);
                None
            }
        };
        if let Some(lost) = lost {
            self.connections.remove(&lost);
        }
        self.tell_packages();
        if let Some(heard) = heard {
            // An error means that the supervisor was stopped meanwhile.
            let _ = heard.send(());
        }
    }

    /// A package has registered: it hears of everything that it is needed for.
    pub(super) fn package_is_here(&mut self, uuid: &str) {
        let Some(package) = self.package_mut(uuid) else { return };
        package.status = Status::Running;
        package.message = None;
        self.log.info(Some(uuid), "The package is connected.");
        self.tell_packages();
        let contexts: Vec<_> = self
            .panel
            .iter()
            .filter(|instance| instance.placed.package == uuid && self.is_visible(instance))
            .map(|instance| instance.placed.context.clone())
            .collect();
        for context in contexts {
            self.appear(&context);
        }
        let views: Vec<_> = self
            .views
            .iter()
            .filter(|view| view.package == uuid && view.connection.is_some())
            .map(|view| view.id.clone())
            .collect();
        for view in views {
            self.tell_package_of_view(&view, true);
        }
    }

    /// A package's socket is gone, though its process may live. It may come back with the same pair.
    pub(super) fn package_is_away(&mut self, uuid: &str, why: &str) {
        let Some(package) = self.package_mut(uuid) else { return };
        package.connection = None;
        package.status = Status::Starting;
        package.message = Some(format!("The package has lost its connection and may come back. {why}"));
        self.log.warn(Some(uuid), format!("The package's socket is closed. {why}"));
        self.tell_packages();
    }

    /// A package, or one of its pages, sends more than it may, or has stopped to.
    pub(super) fn throttled(&mut self, connection: u64, throttled: bool) {
        // What a page does isn't its package's state.
        let Some(Peer::Package(uuid)) = self.connections.get(&connection).map(|connection| connection.peer.clone())
        else {
            return;
        };
        if let Some(package) = self.package_mut(&uuid) {
            let message = "It sends too much at once; its messages are read more slowly.".to_owned();
            package.message = Some(message).filter(|_| throttled);
            self.tell_packages();
        }
    }

    /// Tells a package that one of its pages is shown, or not any more.
    pub(super) fn tell_package_of_view(&mut self, view: &str, shown: bool) {
        let Some((package, widget, context)) = self.view(view).map(|view| self.addressee(view)) else { return };
        let message = match shown {
            true => FromHost::PropertyViewDidAppear { widget, context },
            false => FromHost::PropertyViewDidDisappear { widget, context },
        };
        self.tell_package(&package, &message);
    }

    pub(super) fn package_views(&self) -> Vec<page::Package> {
        self.packages.iter().map(|package| package.view(&self.base)).collect()
    }

    fn tell_packages(&mut self) {
        if !self.pages.is_empty() {
            let packages = self.package_views();
            self.tell_pages(&Event::Packages { packages });
        }
    }
}
