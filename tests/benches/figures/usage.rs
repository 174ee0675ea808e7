//! What a process uses, and on which machine: read from /proc, so on Linux only. Elsewhere these figures are left out.

use std::fs;

/// The unit of processor times in /proc: `USER_HZ`, 100 a second on every Linux there is.
const TICKS_A_SECOND: f64 = 100.0;

/// What a process uses.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Processor time since its start, in seconds, in steps of 0.01.
    pub cpu_s: f64,
    /// Memory that is in use now, in MB (1,000,000 bytes).
    pub resident_mb: f64,
    /// The most of it so far.
    pub peak_mb: f64,
}

impl Usage {
    /// Looks at a process. None where there is no /proc.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may hold anything. User and system time are fields 14 and 15; 3 is the first behind it.
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

/// The machine in words, and how busy it is before the measurements.
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

/// How many programs wanted a core over the last 1, 5 and 15 minutes.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
