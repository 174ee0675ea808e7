//! The life of packages in the hub: installation, start, registration, loss of connection, removal.

use std::time::Duration;

use host_sdk::bundle::Installed;
use host_sdk::protocol::FromHost;
use serde_json::json;

use super::{Hub, OutputLine, Peer, Reply, Runs, ViewFiles, set_language};
use crate::error::DeckError;
use crate::origins;
use crate::package::{Package, PackageFiles};
use crate::page::{self, Event, Frame, Status};
use crate::process::{HostArgs, Launch, LaunchError, Report, Reports, Supervisor};

/// The message of a package that the user has unloaded.
const UNLOADED: &str = "It is unloaded. Load it to use its keys.";
/// The message of a web package while no page can run it.
const NEEDS_A_PAGE: &str =
    "It is a web package: it runs while a page of Creator Deck is open in a browser. Open the page.";
/// The message of a web package that runs in a page of the user's.
const NEEDS_THE_PAGE: &str = "It runs while a page of Creator Deck is open in a browser.";

/// The start of a log line about an error that nothing in a page has caught.
pub const SCRIPT_FAILED: &str = "A script failed: ";

impl Hub {
    /// Adds a package and starts it, unless the user has unloaded it.
    pub(super) fn add_package(&mut self, files: PackageFiles) {
        let PackageFiles { installed: Installed { config, folder }, language, texts, launch } = files;
        let mut package = Package::new(config, folder, language, texts);
        package.loads = self.next_number();
        if self.unloaded.contains(&package.config.uuid) {
            package.status = Status::Stopped;
            package.message = Some(UNLOADED.to_owned());
        } else {
            self.start_package(&mut package, launch);
        }
        let name = |package: &Package| package.config.name.to_lowercase();
        let place = self.packages.partition_point(|other| name(other) <= name(&package));
        self.packages.insert(place, package);
    }

    fn start_package(&mut self, package: &mut Package, launch: Result<Launch, LaunchError>) {
        // In the language in which its texts were read, which may have changed since.
        let mut info = self.info.clone();
        set_language(&mut info, package.language());
        let info = serde_json::to_string(&info).unwrap_or_default();
        let host = HostArgs { port: self.base.port().unwrap_or_default(), info };
        package.run = self.next_number();
        let reports = Reports { run: package.run, hub: self.reports.clone() };
        let (timing, log) = (self.timing, self.log.clone());
        package.supervisor = match launch {
            Ok(Launch::Program(program)) => Some(Supervisor::start(program, host, timing, log, reports)),
            Ok(Launch::Page(entry)) => {
                package.entry = Some(entry);
                let uuid = package.config.uuid.clone();
                Some(Supervisor::start_page(uuid, self.runner, timing, log, reports))
            }
            Err(error) => {
                let why = error.to_string();
                self.log.error(Some(&package.config.uuid), &why);
                package.status = Status::Failed;
                package.message = Some(why);
                package.can_start = false;
                None
            }
        };
    }

    /// Ends a package, if it is installed, and keeps its entry: its files are about to change. Replies once it has
    /// ended.
    pub(super) fn halt(&mut self, uuid: &str, reply: Reply<()>) {
        let run = self.package(uuid).map(|package| package.run);
        let (Some(run), Some(ended)) = (run, self.end_package(uuid)) else {
            let _ = reply.send(());
            return;
        };
        self.send_packages();
        let reports = self.reports.clone();
        tokio::spawn(async move {
            ended.await;
            // An error means that the hub has ended, and with it the caller.
            let _ = reports.send((run, Report::Ended(reply))).await;
        });
    }

    /// Begins to end a package: notifies it, and leaves it its socket, and its page if it is one, for its last
    /// messages. Returns none if there is no such package.
    fn end_package(&mut self, uuid: &str) -> Option<impl Future<Output = ()> + Send + use<>> {
        let notice = self.timing.end_notice;
        let package = self.package_mut(uuid)?;
        package.register_event = None;
        package.is_ending = true;
        package.status = Status::Restarting;
        package.message = Some("It is ending.".to_owned());
        let notice = package.connection.map_or(Duration::ZERO, |_| notice);
        let ended = package.supervisor.as_mut().map(|supervisor| supervisor.end(notice));
        self.notify_package(uuid, &FromHost::ApplicationWillTerminate);
        Some(async move {
            if let Some(ended) = ended {
                ended.await;
            }
        })
    }

    /// Begins to end all packages.
    pub(super) fn end_all(&mut self) -> Vec<impl Future<Output = ()> + Send + use<>> {
        let all: Vec<String> = self.packages.iter().map(|package| package.config.uuid.clone()).collect();
        let ends = all.iter().filter_map(|uuid| self.end_package(uuid)).collect();
        self.send_packages();
        ends
    }

    /// Returns a package's folder and the package file that was read last, if the package is known.
    pub(crate) fn installed_package(&self, uuid: &str) -> Option<Installed> {
        let package = self.package(uuid)?;
        Some(Installed { config: package.config.clone(), folder: package.folder.clone() })
    }

    /// Starts a halted package again.
    pub(crate) fn resume(&mut self, files: PackageFiles) {
        if self.take_package(&files.installed.config.uuid).is_some() {
            self.insert_package(files);
        }
    }

    /// Starts a package that was installed, as a new one or over an older version, which was halted.
    pub(crate) fn on_installed(&mut self, files: PackageFiles) -> page::Package {
        let config = &files.installed.config;
        self.log.info(Some(&config.uuid), format!("Version {} is installed.", config.version));
        self.replace_package(files)
    }

    /// Starts a halted package whose package file was read again, even if it was unloaded.
    pub(crate) fn on_reloaded(&mut self, files: PackageFiles) -> page::Package {
        let config = &files.installed.config;
        self.log.info(Some(&config.uuid), format!("Version {} is loaded again.", config.version));
        self.replace_package(files)
    }

    fn replace_package(&mut self, files: PackageFiles) -> page::Package {
        let uuid = files.installed.config.uuid.clone();
        // Drops the supervisor, if it still runs, which kills the package.
        drop(self.take_package(&uuid));
        self.unloaded.remove(&uuid);
        self.insert_package(files);
        self.package(&uuid).map(|package| package.view(&self.base)).expect("it was added a moment ago")
    }

    /// Keeps a halted package from running. Its keys stay where they are.
    pub(crate) fn unload(&mut self, uuid: &str) -> Result<page::Package, DeckError> {
        let package = self.package_mut(uuid).ok_or(DeckError::NoSuch("package"))?;
        package.is_ending = false;
        package.status = Status::Stopped;
        package.message = Some(UNLOADED.to_owned());
        self.unloaded.insert(uuid.to_owned());
        self.changed = true;
        self.log.info(Some(uuid), "The package is unloaded.");
        self.send_packages();
        self.package(uuid).map(|package| package.view(&self.base)).ok_or(DeckError::NoSuch("package"))
    }

    /// Adds a package and sends its instances to the pages.
    fn insert_package(&mut self, files: PackageFiles) {
        let uuid = files.installed.config.uuid.clone();
        self.add_package(files);
        self.resolve_placeholders();
        self.send_packages();
        self.send_instances_of_package(&uuid);
        self.changed = true;
    }

    /// Removes a package, with its sockets and views. Its keys become placeholders.
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
        self.known.entry(uuid.to_owned()).or_default().update(package.known(|_| true));
        self.replace_with_placeholders(uuid);
        Some(package)
    }

    /// Removes a halted package. Its settings, and its keys with theirs, are removed as well or kept for its return.
    pub(crate) fn uninstall(&mut self, uuid: &str, keep_settings: bool) -> Result<(), DeckError> {
        if self.take_package(uuid).is_none() {
            return Err(DeckError::NoSuch("package"));
        }
        self.unloaded.remove(uuid);
        self.clear_clipboard(Some(uuid));
        if !keep_settings {
            for instance in self.panel.remove_package(uuid) {
                self.notify_pages(&Event::InstanceRemoved { context: instance.placed.context });
            }
            self.absent.retain(|placed| placed.package != uuid);
            self.package_settings.remove(uuid);
        }
        self.changed = true;
        self.log.info(Some(uuid), "The package is removed.");
        self.send_packages();
        self.send_instances_of_package(uuid);
        Ok(())
    }

    /// Handles a supervisor's report.
    pub(super) fn on_report(&mut self, run: u64, report: Report) {
        let package = self.packages.iter_mut().find(|package| package.run == run);
        let package = match (package, report) {
            (None, Report::Ended(reply)) => {
                // An error means that the caller is gone.
                let _ = reply.send(());
                return;
            }
            (None, _) => return,
            (Some(package), report) => (package, report),
        };
        let (package, report) = package;
        // Other late reports of a package that is ending don't matter.
        if package.is_ending && !matches!(report, Report::Ended(_)) {
            return;
        }
        let lost = package.connection.take();
        if let Some(supervisor) = &package.supervisor {
            supervisor.set_connected(false);
        }
        package.frame = None;
        let acknowledged = match report {
            Report::Starting { register_event, frame, acknowledged } => {
                package.script_error = None;
                package.register_event = Some(register_event);
                package.frame = frame;
                package.status = Status::Starting;
                Some(acknowledged)
            }
            Report::Waiting => {
                package.register_event = None;
                package.status = Status::Waiting;
                package.message = Some(NEEDS_A_PAGE.to_owned());
                None
            }
            Report::Restarting(why) => {
                package.register_event = None;
                package.status = Status::Restarting;
                package.message = Some(why);
                None
            }
            Report::Failed { why, can_start } => {
                package.register_event = None;
                package.status = Status::Failed;
                package.message = Some(why);
                package.can_start = can_start;
                None
            }
            Report::Ended(reply) => {
                package.run = 0;
                Some(reply)
            }
        };
        if let Some(lost) = lost {
            self.connections.remove(&lost);
        }
        self.send_packages();
        if let Some(acknowledged) = acknowledged {
            // An error means that the supervisor was stopped meanwhile.
            let _ = acknowledged.send(());
        }
    }

    /// Sends a package that has registered everything that concerns it.
    pub(super) fn on_package_registered(&mut self, uuid: &str) {
        let runner = self.pages.iter().find(|page| Some(page.number) == self.runner);
        let needs_the_page = runner.is_some_and(|page| page.runs == Runs::Web);
        let Some(package) = self.package_mut(uuid) else { return };
        package.status = Status::Running;
        package.message = needs_the_page.then(|| NEEDS_THE_PAGE.to_owned()).filter(|_| package.entry.is_some());
        self.log.info(Some(uuid), "The package is connected.");
        self.send_packages();
        let contexts: Vec<_> = self
            .panel
            .iter()
            .filter(|instance| instance.placed.package == uuid && self.is_visible(instance))
            .map(|instance| instance.placed.context.clone())
            .collect();
        for context in contexts {
            self.announce_instance(&context);
        }
        let views: Vec<_> = self
            .views
            .iter()
            .filter(|view| view.package == uuid && view.connection.is_some())
            .map(|view| view.id.clone())
            .collect();
        for view in views {
            self.notify_view_shown(&view, true);
        }
        let held = self.package_mut(uuid).map(|package| std::mem::take(&mut package.held)).unwrap_or_default();
        for message in held.into_messages() {
            self.send_to_package(uuid, &message);
        }
    }

    /// Handles the loss of a package's socket. Its process may live, and may register again with the same event.
    pub(super) fn on_package_disconnected(&mut self, uuid: &str, why: &str) {
        let Some(package) = self.package_mut(uuid) else { return };
        package.connection = None;
        if let Some(supervisor) = &package.supervisor {
            supervisor.set_connected(false);
        }
        if package.is_ending {
            return;
        }
        package.status = Status::Starting;
        package.message = Some(format!("The package has lost its connection and may come back. {why}"));
        self.log.warn(Some(uuid), format!("The package's socket is closed. {why}"));
        self.send_packages();
    }

    /// Handles that a socket sends more than it may, or has slowed down again.
    pub(crate) fn on_throttled(&mut self, connection: u64, throttled: bool) {
        // A page's socket doesn't change its package's status.
        let Some(Peer::Package(uuid)) = self.connections.get(&connection).map(|connection| connection.peer.clone())
        else {
            return;
        };
        if let Some(package) = self.package_mut(&uuid) {
            let message = "It sends too much at once; its messages are read more slowly.".to_owned();
            package.message = Some(message).filter(|_| throttled);
            self.send_packages();
        }
    }

    /// Logs the output of a page of the package with this label. Returns whether there is such a page.
    pub(crate) fn output(&mut self, label: &str, page: &str, lines: Vec<OutputLine>) -> bool {
        let of_package = self.packages.iter().find(|package| package.frame.as_deref() == Some(page));
        let uuid = of_package.map(|package| &package.config.uuid);
        let Some(uuid) = uuid.or_else(|| self.view(page).map(|view| &view.package)).cloned() else { return false };
        if label != origins::label(&uuid) {
            return false;
        }
        let uuid = uuid.as_str();
        let mut last_error = None;
        for OutputLine { line, error } in lines {
            if error {
                self.log.warn(Some(uuid), format!("{SCRIPT_FAILED}{line}"));
                last_error = Some(line);
            } else {
                self.log.info(Some(uuid), line);
            }
        }
        if let (Some(error), Some(package)) = (last_error, self.package_mut(uuid)) {
            package.script_error = Some(error);
            self.send_packages();
        }
        true
    }

    /// Tells a package that one of its pages was opened or closed.
    pub(super) fn notify_view_shown(&mut self, view: &str, shown: bool) {
        let Some((package, widget, context)) = self.view(view).map(|view| self.addressee(view)) else { return };
        let message = match shown {
            true => FromHost::PropertyViewDidAppear { widget, context },
            false => FromHost::PropertyViewDidDisappear { widget, context },
        };
        self.notify_package(&package, &message);
    }

    /// Decides which page runs the web packages, and sends it its frames.
    pub(super) fn assign_web_packages(&mut self) {
        // An unattended page keeps them while the user's pages come and go; no browser slows it down in the background.
        let newest = |wanted| self.pages.iter().filter(|page| page.runs == wanted).map(|page| page.number).max();
        let runner = newest(Runs::Unattended).or_else(|| newest(Runs::Web));
        if runner != self.runner {
            self.send_frames(self.runner, Vec::new());
            self.runner = runner;
            self.frames.clear();
            let mut lost = Vec::new();
            for package in self.packages.iter_mut().filter(|package| package.entry.is_some()) {
                let Some(supervisor) = &package.supervisor else { continue };
                // Invalidates what the previous page has loaded: a package must not run twice.
                (package.register_event, package.frame) = (None, None);
                lost.extend(package.connection.take());
                supervisor.set_page(runner);
            }
            lost.iter().for_each(|lost| drop(self.connections.remove(lost)));
        }
        // Runs after every command, so it has to be cheap while nothing changes.
        let tried = || self.views.iter().filter_map(|view| Some((&view.id, view.trial.as_ref()?)));
        let packages = || self.packages.iter().filter_map(|package| package.frame.as_ref());
        let names = || packages().chain(tried().map(|(id, _)| id));
        if !self.awaiting_unattended.is_empty() && self.pages.iter().any(|page| page.runs == Runs::Unattended) {
            for reply in self.awaiting_unattended.drain(..) {
                // An error means that the caller is gone.
                let _ = reply.send(());
            }
        }
        if runner.is_none() || names().eq(&self.frames) {
            return;
        }
        let mut frames: Vec<_> = tried().map(|(_, frame)| frame.clone()).collect();
        self.frames = names().cloned().collect();
        for package in &self.packages {
            let (Some(entry), Some(frame)) = (&package.entry, &package.frame) else { continue };
            let uuid = &package.config.uuid;
            let url = self.view_address(uuid, frame, entry);
            frames.push(Frame { package: uuid.clone(), name: package.name().to_owned(), url });
        }
        self.send_frames(runner, frames);
    }

    fn send_frames(&self, page: Option<u64>, frames: Vec<Frame>) {
        let page = self.pages.iter().find(|other| Some(other.number) == page);
        // A page that is too far behind is disconnected by the next event for all.
        let _ = page.is_none_or(|page| page.outbox.push(Event::Frames { frames }));
    }

    /// Returns what is needed to serve the frame with this name, which is a package itself.
    pub(super) fn frame_files(&self, name: &str) -> Option<ViewFiles> {
        let package = self.packages.iter().find(|package| package.frame.as_deref() == Some(name))?;
        let uuid = &package.config.uuid;
        Some(ViewFiles {
            package: uuid.clone(),
            folder: package.folder.clone(),
            entry: package.entry.clone()?,
            call: vec![json!(uuid), json!(package.register_event.as_ref()?), json!(self.info)],
            is_package: true,
        })
    }

    pub(super) fn package_views(&self) -> Vec<page::Package> {
        self.packages.iter().map(|package| package.view(&self.base)).collect()
    }

    fn send_packages(&mut self) {
        if !self.pages.is_empty() {
            let packages = self.package_views();
            self.notify_pages(&Event::Packages { packages });
        }
    }
}
