//! Keeps macOS from throttling the package while its keys change.
//!
//! App Nap slows down programs without a visible window, as the package always is: timers fire late, and with them the
//! progress of a track and the next poll. An `NSProcessInfo` activity prevents that. It is active only while something plays
//! and is visible, and doesn't keep the computer itself awake. Other systems have no App Nap.

/// Starts or ends keeping the package awake. Cheap if nothing changes. Must always be called from the same thread.
#[cfg(target_os = "macos")]
pub fn keep(awake: bool) {
    use std::cell::RefCell;

    use objc2_foundation::{NSActivityOptions, NSObjectProtocol, NSProcessInfo, NSString};

    thread_local! {
        // The activity ends when its object is released, according to NSProcessInfo.h.
        static ACTIVITY: RefCell<Option<Activity>> = const { RefCell::new(None) };
    }
    type Activity = objc2::rc::Retained<objc2::runtime::ProtocolObject<dyn NSObjectProtocol>>;

    ACTIVITY.with_borrow_mut(|activity| {
        if !awake {
            *activity = None;
        } else if activity.is_none() {
            *activity = Some(NSProcessInfo::processInfo().beginActivityWithOptions_reason(
                NSActivityOptions::UserInitiatedAllowingIdleSystemSleep,
                &NSString::from_str("Keys show what Spotify plays"),
            ));
        }
    });
}

/// Does nothing: only macOS throttles programs this way.
#[cfg(not(target_os = "macos"))]
pub const fn keep(_awake: bool) {}
