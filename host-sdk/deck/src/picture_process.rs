//! Decodes untrusted pictures in a separate process: a picture can be crafted to take any amount of memory, time or stack,
//! and then only that process ends.
//!
//! It is the program `creator-deck` again, with a hidden command (`child`). It reads pictures from its standard input and
//! answers each of them with a line. It is started for one batch of pictures, without the environment of this process. Its
//! limits:
//!
//! | | Linux | Windows | macOS |
//! |---|---|---|---|
//! | time for one picture, for a batch | ended by this process | the same | the same |
//! | processor time | `RLIMIT_CPU` | | `RLIMIT_CPU` |
//! | memory | `RLIMIT_AS` | its working set; memory beyond it is paged | not limited |
//! | it ends with this process | at the end of its input, or of its time | with its job object | as on Linux |
//!
//! **Invariant:** nothing in this crate decodes a PNG, a JPEG or an SVG outside of `child`.

pub mod child;

use std::env;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use self::child::{Answer, COMMAND, READY};

/// The program's name, without the system's extension.
const PROGRAM: &str = "creator-deck";
/// Bytes of one answer.
const MAX_ANSWER_LEN: u64 = 16 << 10;

/// How much a batch of pictures may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long the process may take to start.
    pub start: Duration,
    /// How long one picture may take.
    pub each: Duration,
    /// How long all of them may take.
    pub all: Duration,
    /// Bytes of pixels of all of them.
    pub decoded: u64,
    /// How many processes may be started: one, and another for each that a picture has ended.
    pub starts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(10),
            each: Duration::from_secs(5),
            all: Duration::from_secs(20),
            // Eight pictures of the largest size at 16 bits per channel; 2,700 of 312 x 312 at 8.
            decoded: 1 << 30,
            starts: 4,
        }
    }
}

/// The result for one picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The process has answered.
    Answered(Answer),
    /// The process died of it, or was ended because it took too long.
    TooCostly,
    /// It wasn't tried, because earlier ones have used up the limits.
    NotTried,
}

/// Why no picture can be decoded.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// The program isn't beside the running one.
    #[error("the program {PROGRAM}, which decodes pictures, isn't beside the one that runs")]
    NoProgram,
    /// The system doesn't start it.
    #[error("the process that decodes pictures can't be started: {0}")]
    Start(#[from] io::Error),
    /// It is another program, or can't limit itself.
    #[error("the process that decodes pictures didn't report that it is ready")]
    NotReady,
}

/// Decodes pictures in a separate process.
#[derive(Clone, Debug)]
pub struct Decoder {
    program: Option<PathBuf>,
    limits: Limits,
}

impl Default for Decoder {
    /// Uses the running program if it is `creator-deck`, else the one beside it.
    fn default() -> Self {
        Self { program: env::current_exe().ok().and_then(|own| program_beside(&own)), limits: Limits::default() }
    }
}

/// Returns `creator-deck`, if `own` is it or is in the same folder. Test programs are one folder below, in `deps`.
fn program_beside(own: &Path) -> Option<PathBuf> {
    let name = format!("{PROGRAM}{}", env::consts::EXE_SUFFIX);
    let folder = own.parent()?;
    let above = folder.parent().filter(|_| folder.ends_with("deps"));
    [Some(folder), above].into_iter().flatten().map(|folder| folder.join(&name)).find(|program| program.is_file())
}

/// The results of a batch so far.
#[derive(Debug, Default)]
struct Progress {
    verdicts: Vec<Verdict>,
    decoded: u64,
}

impl Decoder {
    /// Creates a decoder without its program.
    #[cfg(test)]
    pub fn missing() -> Self {
        Self { program: None, limits: Limits::default() }
    }

    /// Decodes pictures; returns one verdict for each. Blocks: up to [`Limits::all`], and a little more.
    ///
    /// # Errors
    /// If no process could decode them.
    pub fn decode_all(&self, pictures: &[&[u8]]) -> Result<Vec<Verdict>, Unavailable> {
        let mut progress = Progress::default();
        let end = Instant::now() + self.limits.all;
        for _ in 0..self.limits.starts {
            let rest = &pictures[progress.verdicts.len()..];
            if rest.is_empty() || progress.decoded > self.limits.decoded || Instant::now() >= end {
                break;
            }
            self.run_once(rest, end, &mut progress)?;
        }
        progress.verdicts.resize(pictures.len(), Verdict::NotTried);
        Ok(progress.verdicts)
    }

    /// Runs one process until it has answered for all pictures, has died, or has used up the limits.
    fn run_once(&self, pictures: &[&[u8]], end: Instant, progress: &mut Progress) -> Result<(), Unavailable> {
        let program = self.program.as_deref().ok_or(Unavailable::NoProgram)?;
        let (process, input, output) = Process::start(program)?;
        thread::scope(|scope| {
            // Dropped before the scope waits for the threads: that ends the process and its pipes, and with them the
            // threads.
            let _process = process;
            let (sender, lines) = mpsc::channel();
            // An error means that the process has ended, which its output shows.
            scope.spawn(move || drop(write(input, pictures)));
            scope.spawn(move || read(output, &sender));
            if !lines.recv_timeout(self.limits.start).is_ok_and(|line| line == READY.as_bytes()) {
                return Err(Unavailable::NotReady);
            }
            for _ in pictures {
                let left = end.saturating_duration_since(Instant::now());
                let verdict = match lines.recv_timeout(left.min(self.limits.each)) {
                    Ok(line) => serde_json::from_slice(&line).map_or(Verdict::TooCostly, Verdict::Answered),
                    // Only its own fault if it had all the time that one picture may take.
                    Err(RecvTimeoutError::Timeout) if left < self.limits.each => return Ok(()),
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Verdict::TooCostly,
                };
                if let Verdict::Answered(answer) = &verdict {
                    progress.decoded = progress.decoded.saturating_add(answer.decoded());
                }
                let is_last = verdict == Verdict::TooCostly || progress.decoded > self.limits.decoded;
                progress.verdicts.push(verdict);
                if is_last {
                    break;
                }
            }
            Ok(())
        })
    }
}

fn write(mut input: ChildStdin, pictures: &[&[u8]]) -> io::Result<()> {
    for picture in pictures {
        let length = u32::try_from(picture.len()).map_err(io::Error::other)?;
        input.write_all(&length.to_le_bytes())?;
        input.write_all(picture)?;
    }
    Ok(())
}

/// Sends line after line, until the output ends.
fn read(output: ChildStdout, lines: &Sender<Vec<u8>>) {
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        match output.by_ref().take(MAX_ANSWER_LEN).read_until(b'\n', &mut line) {
            Ok(_) if line.pop() == Some(b'\n') => {}
            _ => return,
        }
        if lines.send(line).is_err() {
            return;
        }
    }
}

/// The process. Dropping it ends it.
#[derive(Debug)]
struct Process {
    child: std::process::Child,
    #[cfg(windows)]
    _job: win32job::Job,
}

impl Process {
    fn start(program: &Path) -> io::Result<(Self, ChildStdin, ChildStdout)> {
        let mut command = Command::new(program);
        command.arg(COMMAND).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        #[cfg(windows)]
        {
            use std::os::windows::process::CommandExt as _;
            // Without it, system libraries aren't found.
            command.envs(env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
            command.creation_flags(crate::process::CREATE_NO_WINDOW);
        }
        let mut child = command.spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        #[cfg(windows)]
        let job = confine(&mut child)?;
        let process = Self {
            child,
            #[cfg(windows)]
            _job: job,
        };
        let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
        Ok((process, input.ok_or_else(missing)?, output.ok_or_else(missing)?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Errors mean that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts the process into a job object before it receives anything.
#[cfg(windows)]
fn confine(child: &mut std::process::Child) -> io::Result<win32job::Job> {
    use std::os::windows::io::AsRawHandle as _;
    /// The lower bound of its memory in bytes, which has to be set along with the upper one.
    const LEAST: usize = 1 << 20;
    let most = usize::try_from(child::MAX_MEMORY).unwrap_or(usize::MAX);
    let mut limits = win32job::ExtendedLimitInfo::new();
    limits.limit_kill_on_job_close().limit_working_memory(LEAST, most);
    let confined = win32job::Job::create_with_limit_info(&limits)
        .and_then(|job| job.assign_process(child.as_raw_handle() as isize).map(|()| job));
    confined.map_err(|error| {
        // It mustn't run without a limit. An error means that it has ended.
        let _ = child.kill();
        let _ = child.wait();
        io::Error::other(error)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn decoder(program: Option<PathBuf>) -> Decoder {
        Decoder { program, limits: Limits::default() }
    }

    #[test]
    fn program_is_found_beside_the_running_one() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(format!("{PROGRAM}{}", env::consts::EXE_SUFFIX));
        assert_eq!(program_beside(&program), None);
        fs::write(&program, "").unwrap();
        for own in ["creator-deck", "other", "deps/limits-0123"] {
            assert_eq!(program_beside(&folder.path().join(own)), Some(program.clone()), "{own}");
        }
        assert_eq!(program_beside(&folder.path().join("examples/x")), None);
    }

    #[test]
    fn missing_program_decodes_nothing() {
        assert!(matches!(decoder(None).decode_all(&[b"<svg/>"]), Err(Unavailable::NoProgram)));
        let gone = tempfile::tempdir().unwrap().path().join("gone");
        assert!(matches!(decoder(Some(gone)).decode_all(&[b"<svg/>"]), Err(Unavailable::Start(_))));
    }

    #[test]
    fn other_program_decodes_nothing() {
        // This test's own program doesn't have the command.
        let other = env::current_exe().unwrap();
        assert!(matches!(decoder(Some(other)).decode_all(&[b"<svg/>"]), Err(Unavailable::NotReady)));
    }

    #[test]
    fn no_pictures_need_no_process() {
        assert_eq!(decoder(None).decode_all(&[]).unwrap(), []);
    }
}
