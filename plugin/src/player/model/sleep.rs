//! The model's part of the sleep timer: it fades the volume out, pauses, and restores the volume.

use std::time::Duration;

use tokio::time::Instant;

use super::{Model, QueuedCall};
use crate::clock::Moment;
use crate::player::command::{Call, Command, Effect, SleepUntil, Verb, obstacle, set_volume};
use crate::player::sleep::{Faded, Sleep};
use crate::player::state::{LAG, Snapshot};
use crate::player::volume::{Fade, ROUNDING};
use crate::spotify::{Device, Error};

/// Returns whether a command is the one that started the timer, which the timer's calls refer to.
fn is_of_sleep(command: &Command) -> bool {
    matches!(command.verb, Verb::Sleep(_))
}

impl Model {
    /// Starts the timer, or adds to it while it runs.
    pub(super) fn start_sleep(&mut self, until: SleepUntil, command: Command, now: Moment) {
        self.end_sleep_fade(now);
        match self.state.sleep.as_mut().filter(|sleep| !sleep.is_pausing) {
            Some(sleep) => sleep.add(now.instant),
            // It pauses whichever device is active.
            None => self.state.sleep = Some(Sleep::new(until, Command { device: None, ..command }, now.instant)),
        }
        self.step_sleep(now);
    }

    /// Cancels the timer, unless the pause was sent already.
    pub(super) fn cancel_sleep(&mut self, now: Moment) {
        if self.state.sleep.as_ref().is_some_and(|sleep| !sleep.is_pausing) {
            self.end_sleep_fade(now);
            self.state.sleep = None;
        }
    }

    /// Advances the sleep timer and the fade to the present.
    pub(in crate::player) fn step(&mut self, now: Moment) {
        self.step_sleep(now);
        self.step_fade(now);
    }

    /// Advances the timer. Idempotent, so that it can be called after any event.
    pub(super) fn step_sleep(&mut self, now: Moment) {
        let player = self.at(now);
        let ends_at = self.ends_in(now).map(|ends_in| now.instant + ends_in);
        let Some(sleep) = self.state.sleep.as_mut().filter(|sleep| !sleep.is_pausing) else { return };
        let current = player.now.as_ref();
        if sleep.is_for_item() && current.is_some_and(|current| current.skipping) {
            // The timer now waits for the end of the next item, which isn't known yet.
            self.end_sleep_fade(now);
            return;
        }
        if let Some(current) = current.filter(|current| current.playing) {
            sleep.follow(current, ends_at);
        }
        // An outdated state doesn't count, as playback may have been resumed elsewhere.
        let is_still = player.believes_now && current.is_none_or(|current| !current.playing);
        if sleep.is_due(now.instant) {
            if is_still || sleep.is_late(now.instant) {
                self.end_sleep_fade(now);
                self.state.sleep = None;
                return;
            }
            sleep.is_pausing = true;
            let command = sleep.command.clone();
            self.fade.take_if(|fade| is_of_sleep(&fade.command));
            self.push(Call::Pause, current.map(|_| Effect::Playing(false)), None, &command, now);
        } else if let Some(left) = sleep.fade_left(now.instant) {
            if is_still || !player.believes_now {
                self.end_sleep_fade(now);
            } else if sleep.may_fade && sleep.faded.is_none() {
                self.start_sleep_fade(left, now);
            }
        }
    }

    /// Returns when the timer is due without an event.
    pub(super) fn next_sleep(&self, now: Instant) -> Option<Instant> {
        let sleep = self.state.sleep.as_ref()?;
        // Nothing is due until the result of a skip is known.
        let waits = sleep.is_for_item() && self.state.now_at(now).is_some_and(|current| current.skipping);
        sleep.next(now).filter(|_| !waits)
    }

    /// Begins to fade, if the device's volume is known and can be set.
    fn start_sleep_fade(&mut self, left: Duration, now: Moment) {
        let player = self.at(now);
        let volume = Verb::VolumeTo { percent: 0, over: Duration::ZERO };
        let Some(before) = player.volume(None).percent.filter(|percent| *percent > 0) else { return };
        if obstacle(&volume, None, &player).is_some() {
            return;
        }
        let Some(sleep) = &mut self.state.sleep else { return };
        let device = player.target(None).cloned();
        self.volumes.record_audible(device.as_ref(), Some(before));
        sleep.faded = Some(Faded { device, before, steps: Vec::new() });
        self.fade = Some(Fade::new(Some(before), 0, left, now.instant, None, sleep.command.clone()));
    }

    /// Ends the fade and restores the volume.
    fn end_sleep_fade(&mut self, now: Moment) {
        self.fade.take_if(|fade| is_of_sleep(&fade.command));
        let Some((faded, command)) =
            self.state.sleep.as_mut().and_then(|sleep| Some((sleep.faded.take()?, sleep.command.clone())))
        else {
            return;
        };
        let player = self.at(now);
        // Another device isn't faded.
        if player.target(None) == faded.device.as_ref() && player.volume(None).percent != Some(faded.before) {
            let (call, effect) = set_volume(faded.before, None, &player);
            self.push(call, effect, None, &command, now);
        }
    }

    /// Drops the fade after the user has set the volume, which is then neither faded nor restored.
    pub(super) fn drop_sleep_fade(&mut self) {
        self.fade.take_if(|fade| is_of_sleep(&fade.command));
        if let Some(sleep) = &mut self.state.sleep
            && sleep.faded.take().is_some()
        {
            sleep.may_fade = false;
        }
    }

    /// Drops the fade if Spotify reports that the volume was changed elsewhere, or that another device is active. `asked_at`:
    /// when the poll was sent.
    pub(super) fn check_sleep_volume(&mut self, device: &Device, asked_at: Instant) {
        let Some(faded) = self.state.sleep.as_ref().and_then(|sleep| sleep.faded.as_ref()) else { return };
        let is_other = faded.device != device.id;
        // A fade only lowers the volume, so the reported one is at most that of the last step which answers must reflect.
        let settled = faded.steps.iter().rev().find(|(done_at, _)| *done_at + LAG <= asked_at);
        let is_louder = settled
            .zip(device.settable_volume())
            .is_some_and(|((_, percent), reported)| reported > percent.saturating_add(ROUNDING));
        if is_other || is_louder {
            self.drop_sleep_fade();
        }
    }

    /// Returns whether the item whose end the timer waits for has ended, as an answer reports another one.
    pub(super) fn sleep_item_has_ended(&self, known: Option<&Snapshot>, now: Moment) -> bool {
        let is_asked_for = self.state.changes.iter().any(|change| change.previous.is_some());
        let Some(known) = known.filter(|_| !is_asked_for) else { return false };
        self.state.sleep.as_ref().is_some_and(|sleep| sleep.has_ended(known.now.uri(), now.instant))
    }

    /// Advances the timer after an answer. `ended`: see [`Model::sleep_item_has_ended`].
    pub(super) fn on_playback_for_sleep(&mut self, ended: bool, now: Moment) {
        if let Some(sleep) = self.state.sleep.as_mut().filter(|_| ended) {
            sleep.end_at(now.instant);
        }
        self.step_sleep(now);
    }

    /// Handles a call that has succeeded, if it is the timer's.
    pub(super) fn sleep_call_succeeded(&mut self, call: &QueuedCall, now: Moment) {
        if !is_of_sleep(&call.command) {
            return;
        }
        match (&call.call, &mut self.state.sleep) {
            (Call::Pause, Some(sleep)) if sleep.is_pausing => {
                self.end_sleep_fade(now);
                self.state.sleep = None;
            }
            (Call::Volume(percent), Some(Sleep { faded: Some(faded), .. })) => {
                faded.steps.push((now.instant, *percent))
            }
            _ => {}
        }
    }

    /// Handles a call that has failed, if it is the timer's. Returns whether the error can be ignored, so that no key shows it.
    pub(super) fn sleep_call_failed(&mut self, call: &QueuedCall, error: &Error, now: Moment) -> bool {
        let Some(sleep) = self.state.sleep.as_mut().filter(|_| is_of_sleep(&call.command)) else {
            // The volume can't be restored.
            return is_of_sleep(&call.command) && !error.is_transient();
        };
        match &call.call {
            Call::Pause if error.is_transient() && sleep.retry(now.instant) => false,
            Call::Pause => {
                self.end_sleep_fade(now);
                self.state.sleep = None;
                *error == Error::NoActiveDevice
            }
            _ => {
                sleep.may_fade = false;
                // If no step has succeeded, there is nothing to restore.
                sleep.faded.take_if(|faded| faded.steps.is_empty());
                self.fade.take_if(|fade| is_of_sleep(&fade.command));
                !error.is_transient()
            }
        }
    }
}

#[cfg(test)]
mod tests;
