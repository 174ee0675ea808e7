//! Supervises a package that is a page, which one of the deck's pages runs in a hidden frame. The hub decides which
//! page, and keeps the frame; the supervisor decides when it is loaded, when it counts as lost, and when to give up, by
//! the same rules as for a process.

use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout};

use super::{Order, QUICK_DEATHS, Report, Reports, Restarts};
use crate::config::Timing;
use crate::log::Log;
use crate::random_id;

/// What the hub tells a page's supervisor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageState {
    /// The number of the deck's page that has to run the package, if there is one.
    pub page: Option<u64>,
    /// Whether the package is registered.
    pub connected: bool,
}

pub(super) struct Run {
    pub package: String,
    pub timing: Timing,
    pub log: Log,
    pub reports: Reports,
    pub order: watch::Receiver<Order>,
    pub page_state: watch::Receiver<PageState>,
}

/// Why a frame has ended.
enum FrameEnd {
    /// The deck's page was closed, or another one takes over.
    Page,
    /// It didn't connect again. Contains why, and how long it was connected.
    Lost(&'static str, Duration),
    /// The hub has ended.
    Hub,
}

impl Run {
    pub async fn supervise(mut self) {
        let (mut order, mut ending, mut page_state) = (self.order.clone(), self.order.clone(), self.page_state.clone());
        // Its page lives as long as its frame; the end of the package shows at its socket.
        let ended_by_itself = async {
            let _ = ending.wait_for(|order| *order != Order::Run).await;
            let _ = page_state.wait_for(|page_state| !page_state.connected).await;
        };
        tokio::select! {
            // An error means that the supervisor was dropped, which is a stop too.
            _ = order.wait_for(|order| *order == Order::End) => {}
            () = ended_by_itself => {}
            () = self.run() => {}
        }
    }

    async fn run(&mut self) {
        let mut restarts = Restarts::new(self.timing);
        loop {
            let page = self.page_state.borrow_and_update().page;
            let Some(page) = page else {
                if !self.reports.send(Report::Waiting).await
                    || self.page_state.wait_for(|page_state| page_state.page.is_some()).await.is_err()
                {
                    return;
                }
                continue;
            };
            let (acknowledged, acknowledgement) = oneshot::channel();
            let starting = Report::Starting { register_event: random_id(), frame: Some(random_id()), acknowledged };
            if !self.reports.send(starting).await || acknowledgement.await.is_err() {
                return;
            }
            let (why, lived) = match self.run_frame(page).await {
                FrameEnd::Page => continue,
                FrameEnd::Lost(why, lived) => (why, lived),
                FrameEnd::Hub => return,
            };
            let package = Some(self.package.as_str());
            let Some(pause) = restarts.on_death(lived) else {
                let message =
                    format!("{why}, {QUICK_DEATHS} times in a row. Reload it to try once more, or install it again.");
                return self.reports.fail(&self.log, &self.package, message, true).await;
            };
            let message = format!("{why}. Its page is loaded again in {} s.", pause.as_secs_f32());
            self.log.warn(package, message.as_str());
            if !self.reports.send(Report::Restarting(message)).await {
                return;
            }
            // A different page of the deck may try immediately.
            if let Ok(Err(_)) =
                timeout(pause, self.page_state.wait_for(|page_state| page_state.page != Some(page))).await
            {
                return;
            }
        }
    }

    /// Waits from the load of a frame to its end. Clients reconnect with the same event when they have lost their
    /// socket.
    async fn run_frame(&mut self, page: u64) -> FrameEnd {
        let mut lived = Duration::ZERO;
        let mut why = "The package's page didn't connect; the browser's console may say why";
        loop {
            let is_here = self.page_state.wait_for(|page_state| page_state.connected || page_state.page != Some(page));
            match timeout(self.timing.frame_timeout, is_here).await {
                Err(_) => return FrameEnd::Lost(why, lived),
                Ok(Err(_)) => return FrameEnd::Hub,
                Ok(Ok(page_state)) if page_state.page != Some(page) => return FrameEnd::Page,
                Ok(Ok(_)) => {}
            }
            let connected = Instant::now();
            match self.page_state.wait_for(|page_state| !page_state.connected || page_state.page != Some(page)).await {
                Err(_) => return FrameEnd::Hub,
                Ok(page_state) if page_state.page != Some(page) => return FrameEnd::Page,
                Ok(_) => {}
            }
            lived += connected.elapsed();
            why = "The package's page has lost its connection and didn't come back";
        }
    }
}
