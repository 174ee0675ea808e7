//! A package that is a page: one of the deck's pages runs it in a hidden frame. Which one, and that the frame is there, is
//! the hub's business; here it is decided when the frame is loaded, when it counts as lost, and when it is given up, by
//! the same rules as for a process.

use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout};

use super::{Order, QUICK_DEATHS, Report, Reports, Restarts};
use crate::config::Timing;
use crate::log::Log;
use crate::random_id;

/// What a page's supervisor hears from the hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// The number of the deck's page that has to run it, if there is one.
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
    pub stage: watch::Receiver<Stage>,
}

/// How a frame has ended.
enum End {
    /// The deck's page is gone, or another one takes over.
    Page,
    /// It isn't connected, and won't be. Why, and how long it was.
    Lost(&'static str, Duration),
    /// The hub has ended.
    Hub,
}

impl Run {
    pub async fn supervise(mut self) {
        let (mut order, mut told, mut stage) = (self.order.clone(), self.order.clone(), self.stage.clone());
        // Its page lives as long as its frame; that it is done is seen by its socket.
        let ended_by_itself = async {
            let _ = told.wait_for(|order| *order != Order::Run).await;
            let _ = stage.wait_for(|stage| !stage.connected).await;
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
            let page = self.stage.borrow_and_update().page;
            let Some(page) = page else {
                if !self.reports.send(Report::Waiting).await
                    || self.stage.wait_for(|stage| stage.page.is_some()).await.is_err()
                {
                    return;
                }
                continue;
            };
            let (heard, hears) = oneshot::channel();
            let starting = Report::Starting { register_event: random_id(), frame: Some(random_id()), heard };
            if !self.reports.send(starting).await || hears.await.is_err() {
                return;
            }
            let (why, lived) = match self.life(page).await {
                End::Page => continue,
                End::Lost(why, lived) => (why, lived),
                End::Hub => return,
            };
            let package = Some(self.package.as_str());
            let Some(pause) = restarts.on_death(lived) else {
                let message =
                    format!("{why}, {QUICK_DEATHS} times in a row. Reload it to try once more, or install it again.");
                self.log.error(package, message.as_str());
                // An error means that the hub is gone, and with it everybody who would care.
                let _ = self.reports.send(Report::Failed { why: message, can_start: true }).await;
                return;
            };
            let message = format!("{why}. Its page is loaded again in {} s.", pause.as_secs_f32());
            self.log.warn(package, message.as_str());
            if !self.reports.send(Report::Restarting(message)).await {
                return;
            }
            // Another page of the deck may try at once.
            if let Ok(Err(_)) = timeout(pause, self.stage.wait_for(|stage| stage.page != Some(page))).await {
                return;
            }
        }
    }

    /// From a frame's beginning to its end. Clients come back with the same event when they have lost their socket.
    async fn life(&mut self, page: u64) -> End {
        let mut lived = Duration::ZERO;
        let mut why = "The package's page didn't connect; the browser's console may say why";
        loop {
            let is_here = self.stage.wait_for(|stage| stage.connected || stage.page != Some(page));
            match timeout(self.timing.frame_within, is_here).await {
                Err(_) => return End::Lost(why, lived),
                Ok(Err(_)) => return End::Hub,
                Ok(Ok(stage)) if stage.page != Some(page) => return End::Page,
                Ok(Ok(_)) => {}
            }
            let connected = Instant::now();
            match self.stage.wait_for(|stage| !stage.connected || stage.page != Some(page)).await {
                Err(_) => return End::Hub,
                Ok(stage) if stage.page != Some(page) => return End::Page,
                Ok(_) => {}
            }
            lived += connected.elapsed();
            why = "The package's page has lost its connection and didn't come back";
        }
    }
}
