//! Decodes pictures that others have made, in a process of its own: a picture can be made to ask for any amount of memory
//! and time, or for a deeper stack than there is, and then it is that process which ends.
//!
//! The process is the program `creator-deck` again, with a command that isn't listed (`child`). It reads pictures from its
//! standard input and answers each of them with a line. It is started for one batch of pictures and ended after it, without
//! the environment of this process. What it may use:
//!
//! | | Linux | Windows | macOS |
//! |---|---|---|---|
//! | time for one picture, for a batch | ended by this process | the same | the same |
//! | time of a processor | `RLIMIT_CPU` | | `RLIMIT_CPU` |
//! | memory | `RLIMIT_AS` | its working set; what is beyond it is paged | not limited |
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

/// The program's name, without the ending that a system gives it.
const PROGRAM: &str = "creator-deck";
/// Bytes of one answer.
const LONGEST_ANSWER: u64 = 16 << 10;

/// How much a batch of pictures may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long the process may take to start.
    pub start: Duration,
    /// How long one picture may take.
    pub each: Duration,
    /// How long all of them may take.
    pub all: Duration,
    /// Bytes of pixels that all of them may have.
    pub decoded: u64,
    /// How many processes may be started: one, and one more for each that a picture has ended.
    pub starts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(10),
            each: Duration::from_secs(5),
            all: Duration::from_secs(20),
            // Eight pictures of the largest size at 16 bits a channel; 2,700 of 312 x 312 at 8.
            decoded: 1 << 30,
            starts: 4,
        }
    }
}

/// What has come of a picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It was looked at.
    Seen(Answer),
    /// The process has died of it, or was ended because it took too long.
    TooCostly,
    /// It wasn't looked at, because those before it have used up what there is for all of them.
    NotReached,
}

/// Why no picture can be looked at.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// The program isn't where it is looked for.
    #[error("the program {PROGRAM}, which decodes pictures, isn't beside the one that runs")]
    NoProgram,
    /// The system doesn't start it.
    #[error("the process that decodes pictures can't be started: {0}")]
    Start(#[from] io::Error),
    /// It isn't the program that was meant, or can't limit itself.
    #[error("the process that decodes pictures didn't report that it is ready")]
    NotReady,
}

/// Looks at pictures in a process of its own.
#[derive(Clone, Debug)]
pub struct Decoder {
    program: Option<PathBuf>,
    limits: Limits,
}

impl Default for Decoder {
    /// With the program that runs, if it is `creator-deck`, else with the one beside it.
    fn default() -> Self {
        Self { program: env::current_exe().ok().and_then(|own| beside(&own)), limits: Limits::default() }
    }
}

/// `creator-deck`, if `own` is it or lies beside it. Test programs lie one folder below, in `deps`.
fn beside(own: &Path) -> Option<PathBuf> {
    let name = format!("{PROGRAM}{}", env::consts::EXE_SUFFIX);
    let folder = own.parent()?;
    let above = folder.parent().filter(|_| folder.ends_with("deps"));
    [Some(folder), above].into_iter().flatten().map(|folder| folder.join(&name)).find(|program| program.is_file())
}

/// What a batch has come to.
#[derive(Debug, Default)]
struct Progress {
    verdicts: Vec<Verdict>,
    decoded: u64,
}

impl Decoder {
    /// One without its program.
    #[cfg(test)]
    pub fn missing() -> Self {
        Self { program: None, limits: Limits::default() }
    }

    /// Looks at each of some pictures; answers one verdict for each. Blocks: up to [`Limits::all`], and a little more.
    ///
    /// # Errors
    /// If there is no process that could look at them.
    pub fn look_at(&self, pictures: &[&[u8]]) -> Result<Vec<Verdict>, Unavailable> {
        let mut progress = Progress::default();
        let end = Instant::now() + self.limits.all;
        for _ in 0..self.limits.starts {
            let rest = &pictures[progress.verdicts.len()..];
            if rest.is_empty() || progress.decoded > self.limits.decoded || Instant::now() >= end {
                break;
            }
            self.run_once(rest, end, &mut progress)?;
        }
        progress.verdicts.resize(pictures.len(), Verdict::NotReached);
        Ok(progress.verdicts)
    }

    /// Runs one process until it has answered for all pictures, has died, or has used up what there is.
    fn run_once(&self, pictures: &[&[u8]], end: Instant, progress: &mut Progress) -> Result<(), Unavailable> {
        let program = self.program.as_deref().ok_or(Unavailable::NoProgram)?;
        let (process, input, output) = Process::start(program)?;
        thread::scope(|scope| {
            // Dropped, and with it the process ended, before the scope waits for the threads: they end with its pipes.
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
                    Ok(line) => serde_json::from_slice(&line).map_or(Verdict::TooCostly, Verdict::Seen),
                    // Its own fault only if it has had the time that one may take.
                    Err(RecvTimeoutError::Timeout) if left < self.limits.each => return Ok(()),
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Verdict::TooCostly,
                };
                if let Verdict::Seen(answer) = &verdict {
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

/// Hands on line after line, until there is none.
fn read(output: ChildStdout, lines: &Sender<Vec<u8>>) {
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        match output.by_ref().take(LONGEST_ANSWER).read_until(b'\n', &mut line) {
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
            // Without it, libraries of the system aren't found.
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

/// Puts the process into a job object of its own, before it is sent anything.
#[cfg(windows)]
fn confine(child: &mut std::process::Child) -> io::Result<win32job::Job> {
    use std::os::windows::io::AsRawHandle as _;
    /// Bytes that a process may have in memory at least, which has to be said with the most.
    const LEAST: usize = 1 << 20;
    let most = usize::try_from(child::MOST_MEMORY).unwrap_or(usize::MAX);
    let mut limits = win32job::ExtendedLimitInfo::new();
    limits.limit_kill_on_job_close().limit_working_memory(LEAST, most);
    let confined = win32job::Job::create_with_limit_info(&limits)
        .and_then(|job| job.assign_process(child.as_raw_handle() as isize).map(|()| job));
    confined.map_err(|error| {
        // It mustn't stay without a limit. An error means that it has ended.
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
        assert_eq!(beside(&program), None);
        fs::write(&program, "").unwrap();
        for own in ["creator-deck", "other", "deps/limits-0123"] {
            assert_eq!(beside(&folder.path().join(own)), Some(program.clone()), "{own}");
        }
        assert_eq!(beside(&folder.path().join("examples/x")), None);
    }

    #[test]
    fn missing_program_decodes_nothing() {
        assert!(matches!(decoder(None).look_at(&[b"<svg/>"]), Err(Unavailable::NoProgram)));
        let gone = tempfile::tempdir().unwrap().path().join("gone");
        assert!(matches!(decoder(Some(gone)).look_at(&[b"<svg/>"]), Err(Unavailable::Start(_))));
    }

    #[test]
    fn program_that_is_another_one_decodes_nothing() {
        // This test's own program: it knows no such command.
        let other = env::current_exe().unwrap();
        assert!(matches!(decoder(Some(other)).look_at(&[b"<svg/>"]), Err(Unavailable::NotReady)));
    }

    #[test]
    fn no_pictures_need_no_process() {
        assert_eq!(decoder(None).look_at(&[]).unwrap(), []);
    }
}
