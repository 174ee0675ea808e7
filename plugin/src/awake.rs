//! Keeps macOS from putting the package to sleep while it has something to show.
//!
//! App Nap slows down programs without a window in sight, as ours is always: timers come late, and so would the progress of
//! a track and the next query to Spotify. What macOS calls an activity keeps it off. It is held only while something
//! plays and somebody can see it, and lets the computer itself go to sleep. Other systems have nothing of the kind.

/// Keeps the package awake from now on, or no longer. Cheap where nothing changes. Always called from the same thread, the
/// package's own.
#[cfg(target_os = "macos")]
pub fn keep(awake: bool) {
    use std::cell::RefCell;

    use objc2_foundation::{NSActivityOptions, NSObjectProtocol, NSProcessInfo, NSString};

    thread_local! {
        // An activity ends with its object, says NSProcessInfo.h.
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

/// See above.
#[cfg(not(target_os = "macos"))]
pub const fn keep(_awake: bool) {}
