//! Packages in the hub: installed, started, registered, lost, removed.

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

/// What is said of a package that the user has unloaded.
const UNLOADED: &str = "It is unloaded. Load it to use its keys.";
/// What is said of a web package while nothing can run it.
const NEEDS_A_PAGE: &str =
    "It is a web package: it runs while a page of Creator Deck is open in a browser. Open the page.";
/// What is said of a web package that runs.
const NEEDS_THE_PAGE: &str = "It runs while a page of Creator Deck is open in a browser.";

/// How the log begins a line about an error in a page that nothing there has caught.
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

    /// Ends a package, if there is one, and keeps its place: its files are about to change. Returns when it has ended.
    pub(super) fn halt(&mut self, uuid: &str, reply: Reply<()>) {
        let run = self.package(uuid).map(|package| package.run);
        let (Some(run), Some(ended)) = (run, self.end_package(uuid)) else {
            let _ = reply.send(());
            return;
        };
        self.tell_packages();
        let reports = self.reports.clone();
        tokio::spawn(async move {
            ended.await;
            // An error means that the hub has ended, and with it whoever waits.
            let _ = reports.send((run, Report::Ended(reply))).await;
        });
    }

    /// Begins to end a package: tells it so, and leaves it its socket, and its page if it is one, for its last words. None if
    /// there is no such package.
    fn end_package(&mut self, uuid: &str) -> Option<impl Future<Output = ()> + Send + use<>> {
        let notice = self.timing.end_notice;
        let package = self.package_mut(uuid)?;
        package.register_event = None;
        package.is_ending = true;
        package.status = Status::Restarting;
        package.message = Some("It is ending.".to_owned());
        let notice = package.connection.map_or(Duration::ZERO, |_| notice);
        let ended = package.supervisor.as_mut().map(|supervisor| supervisor.end(notice));
        self.tell_package(uuid, &FromHost::ApplicationWillTerminate);
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
        self.tell_packages();
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
            self.put_package(files);
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
        self.put_package(files);
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
        self.tell_packages();
        self.package(uuid).map(|package| package.view(&self.base)).ok_or(DeckError::NoSuch("package"))
    }

    /// Adds a package and shows the pages its instances, which were waiting for it.
    fn put_package(&mut self, files: PackageFiles) {
        let uuid = files.installed.config.uuid.clone();
        self.add_package(files);
        self.revive();
        self.tell_packages();
        self.tell_pages_of_package(&uuid);
        self.changed = true;
    }

    /// Takes a package out, with its sockets and views. Placeholders wait for its return.
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
        self.leave_placeholders(uuid);
        Some(package)
    }

    /// Forgets a package, which was halted. Its settings and its keys, with theirs, go or wait for its return.
    pub(crate) fn uninstall(&mut self, uuid: &str, keep_settings: bool) -> Result<(), DeckError> {
        if self.take_package(uuid).is_none() {
            return Err(DeckError::NoSuch("package"));
        }
        self.unloaded.remove(uuid);
        self.clear_clipboard(Some(uuid));
        if !keep_settings {
            for instance in self.panel.remove_package(uuid) {
                self.tell_pages(&Event::InstanceRemoved { context: instance.placed.context });
            }
            self.absent.retain(|placed| placed.package != uuid);
            self.package_settings.remove(uuid);
        }
        self.changed = true;
        self.log.info(Some(uuid), "The package is removed.");
        self.tell_packages();
        self.tell_pages_of_package(uuid);
        Ok(())
    }

    /// A supervisor says something.
    pub(super) fn reported(&mut self, run: u64, report: Report) {
        let package = self.packages.iter_mut().find(|package| package.run == run);
        let package = match (package, report) {
            (None, Report::Ended(reply)) => {
                // An error means that nobody waits any more.
                let _ = reply.send(());
                return;
            }
            (None, _) => return,
            (Some(package), report) => (package, report),
        };
        let (package, report) = package;
        // Of one that is ending, all else that the supervisor still says is of no interest.
        if package.is_ending && !matches!(report, Report::Ended(_)) {
            return;
        }
        let lost = package.connection.take();
        if let Some(supervisor) = &package.supervisor {
            supervisor.set_connected(false);
        }
        package.frame = None;
        let heard = match report {
            Report::Starting { register_event, frame, heard } => {
                package.script_error = None;
                package.register_event = Some(register_event);
                package.frame = frame;
                package.status = Status::Starting;
                Some(heard)
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
        self.tell_packages();
        if let Some(heard) = heard {
            // An error means that the supervisor was stopped meanwhile.
            let _ = heard.send(());
        }
    }

    /// A package has registered: it hears of everything that it is needed for.
    pub(super) fn package_is_here(&mut self, uuid: &str) {
        let runner = self.pages.iter().find(|page| Some(page.number) == self.runner);
        let needs_the_page = runner.is_some_and(|page| page.runs == Runs::Web);
        let Some(package) = self.package_mut(uuid) else { return };
        package.status = Status::Running;
        package.message = needs_the_page.then(|| NEEDS_THE_PAGE.to_owned()).filter(|_| package.entry.is_some());
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
        let held = self.package_mut(uuid).map(|package| std::mem::take(&mut package.held)).unwrap_or_default();
        for message in held.into_messages() {
            self.send_to_package(uuid, &message);
        }
    }

    /// A package's socket is gone, though its process may live. It may come back with the same pair.
    pub(super) fn package_is_away(&mut self, uuid: &str, why: &str) {
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
        self.tell_packages();
    }

    /// A package, or one of its pages, sends more than it may, or has stopped to.
    pub(crate) fn throttled(&mut self, connection: u64, throttled: bool) {
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

    /// Logs what a page of the package with this label has written. Returns whether there is such a page.
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
            self.tell_packages();
        }
        true
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

    /// Decides which page runs the web packages, and tells it what has to be there.
    pub(super) fn tell_frames(&mut self) {
        // One that is there for nothing else stays when the user's pages come and go, and is never slowed down behind others.
        let newest = |wanted| self.pages.iter().filter(|page| page.runs == wanted).map(|page| page.number).max();
        let runner = newest(Runs::Unattended).or_else(|| newest(Runs::Web));
        if runner != self.runner {
            self.tell_frames_to(self.runner, Vec::new());
            self.runner = runner;
            self.frames.clear();
            let mut lost = Vec::new();
            for package in self.packages.iter_mut().filter(|package| package.entry.is_some()) {
                let Some(supervisor) = &package.supervisor else { continue };
                // What the page before has loaded is out of date at once: a package must not be there twice.
                (package.register_event, package.frame) = (None, None);
                lost.extend(package.connection.take());
                supervisor.set_page(runner);
            }
            lost.iter().for_each(|lost| drop(self.connections.remove(lost)));
        }
        // Asked after every command: it has to be cheap while nothing changes.
        let tried = || self.views.iter().filter_map(|view| Some((&view.id, view.tried.as_ref()?)));
        let packages = || self.packages.iter().filter_map(|package| package.frame.as_ref());
        let names = || packages().chain(tried().map(|(id, _)| id));
        if !self.awaiting_unattended.is_empty() && self.pages.iter().any(|page| page.runs == Runs::Unattended) {
            for reply in self.awaiting_unattended.drain(..) {
                // An error means that nobody waits any more.
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
        self.tell_frames_to(runner, frames);
    }

    fn tell_frames_to(&self, page: Option<u64>, frames: Vec<Frame>) {
        let page = self.pages.iter().find(|other| Some(other.number) == page);
        // One that is too far behind is cut off with the next event for all.
        let _ = page.is_none_or(|page| page.outbox.push(Event::Frames { frames }));
    }

    /// What the page is served from that is a package itself and has this name now.
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

    fn tell_packages(&mut self) {
        if !self.pages.is_empty() {
            let packages = self.package_views();
            self.tell_pages(&Event::Packages { packages });
        }
    }
}
