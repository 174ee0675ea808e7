//! Receives the host's request to end: the line `end` on standard input, and on Unix a signal.
//!
//! The line is our addition (docs/host-additions.md), because Windows has no other way to ask a program without a window. The end
//! of the input is no request, because some hosts start programs without an input.

use std::io::{BufRead, stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The line that asks the runner to end.
const END: &[u8] = b"end";

/// Starts to listen for a request to end. The returned flag becomes true when there was one.
pub fn listen() -> Arc<AtomicBool> {
    let asked = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP] {
        // If that fails, the signal ends the program immediately, as it does by default.
        let _ = signal_hook::flag::register(signal, asked.clone());
    }
    let flag = asked.clone();
    // If the thread can't be started, the host ends the process. It isn't joined, because it may be blocked on the input.
    let _ = std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        if read_until_end(stdin().lock()) {
            flag.store(true, Ordering::Relaxed);
        }
    });
    asked
}

/// Reads lines until one is `end`. Returns false if there is none before the end of the input.
fn read_until_end(input: impl BufRead) -> bool {
    let mut line = Vec::new();
    for byte in input.bytes().map_while(Result::ok) {
        match byte {
            b'\n' if line.trim_ascii() == END => return true,
            b'\n' => line.clear(),
            // Too long to be the line.
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
    fn only_the_exact_line_is_a_request() {
        for text in ["end\n", "end\r\n", "something else\nend\n", "\n\nend\nmore"] {
            assert!(read_until_end(text.as_bytes()), "{text:?}");
        }
        let long = format!("end{}\n", "x".repeat(1 << 16));
        for text in ["", "end", "ending\n", "the end\n", "end of it all\n", &long] {
            assert!(!read_until_end(text.as_bytes()), "{text:?}");
        }
    }
}
