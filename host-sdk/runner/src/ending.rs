//! How a host asks this program to end: with the line `end` on its standard input (an addition of ours, for systems on
//! which a program without a window can't be asked otherwise: docs/host-additions.md), and on Unix with a signal.
//!
//! The mere end of the input means nothing: hosts start programs with none.

use std::io::{BufRead, stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the line says.
const END: &[u8] = b"end";

/// Listens from now on. What it answers becomes true when the host has asked.
pub fn asked_for() -> Arc<AtomicBool> {
    let asked = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP] {
        // A signal that can't be listened to ends the program at once, as it would without this.
        let _ = signal_hook::flag::register(signal, asked.clone());
    }
    let says = asked.clone();
    // Without the thread there are the host's harder ways. It is never waited for: it may be reading forever.
    let _ = std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        if says_end(stdin().lock()) {
            says.store(true, Ordering::Relaxed);
        }
    });
    asked
}

/// Reads until the line comes, or nothing more.
fn says_end(input: impl BufRead) -> bool {
    let mut line = Vec::new();
    for byte in input.bytes().map_while(Result::ok) {
        match byte {
            b'\n' if line.trim_ascii() == END => return true,
            b'\n' => line.clear(),
            // Longer than anything that is looked for.
            _ if line.len() > 2 * END.len() => {}
            _ => line.push(byte),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_line_itself_ends() {
        for text in ["end\n", "end\r\n", "something else\nend\n", "\n\nend\nmore"] {
            assert!(says_end(text.as_bytes()), "{text:?}");
        }
        let long = format!("end{}\n", "x".repeat(1 << 16));
        for text in ["", "end", "ending\n", "the end\n", "end of it all\n", &long] {
            assert!(!says_end(text.as_bytes()), "{text:?}");
        }
    }
}
