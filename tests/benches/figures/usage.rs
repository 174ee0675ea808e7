//! Reads the resource use of a process, and a description of the machine, from /proc. Other systems than Linux have neither.

use std::fs;

/// The unit of processor times in /proc: `USER_HZ`, which is 100 per second on Linux.
const TICKS_A_SECOND: f64 = 100.0;

/// The resource use of a process.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Processor time since its start, in seconds, in steps of 0.01.
    pub cpu_s: f64,
    /// Resident memory in MB (1,000,000 bytes).
    pub resident_mb: f64,
    /// The peak of the resident memory.
    pub peak_mb: f64,
}

impl Usage {
    /// Reads the resource use of a process, or `None` without /proc.
    pub fn of_process(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may contain anything. Field 3 is the first after it; user and system time are 14 and 15.
        let mut times = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut ticks = || times.next()?.parse::<f64>().ok();
        let cpu_s = (ticks()? + ticks()?) / TICKS_A_SECOND;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let megabytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? * 1_024.0 / 1e6)
        };
        Some(Self { cpu_s, resident_mb: megabytes("VmRSS")?, peak_mb: megabytes("VmHWM")? })
    }
}

/// Describes the machine and its load before the measurements.
pub fn machine() -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    format!(
        "{cores} cores of {}, {}, profile {profile}; load (1, 5 and 15 minutes) before: {}",
        model.map_or("an unknown kind", |(_, model)| model),
        std::env::consts::OS,
        load(),
    )
}

/// Returns the system's load averages over the last 1, 5 and 15 minutes.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
