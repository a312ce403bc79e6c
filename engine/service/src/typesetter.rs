//! The typesetter: a program of its own that reads a report and writes a PDF.
//!
//! It is run once for each document, with a time limit, few at once, and without anything but the report. That it is no part
//! of the service, and why: `docs/decisions/0019-reports.md`.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Longest time one document may take.
const LIMIT: Duration = Duration::from_secs(20);
/// Documents set at once; further ones are refused.
const AT_ONCE: usize = 4;
/// Largest document that is taken.
const GREATEST: u64 = 64 << 20;
/// How often a program at work is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// Most that is told of what it complains about.
const TOLD: usize = 400;

/// Why there is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// None is set up.
    #[error("this service sets no documents, expected one that was started with a typesetter")]
    None,
    /// The typesetter refuses the report, such as for a character without a glyph.
    #[error("the report cannot be set: {0}")]
    Refused(String),
    /// Too many are set already.
    #[error("{AT_ONCE} documents are being set already, expected fewer: try again later")]
    Busy,
    /// It took too long and was ended.
    #[error("the typesetter took longer than {} s and was ended", limit.as_secs())]
    TooSlow {
        /// The limit.
        limit: Duration,
    },
    /// It cannot be run, or does not do what it should.
    #[error("the typesetter failed: {0}")]
    Failed(String),
}

/// See the module.
#[derive(Debug)]
pub struct Typesetter {
    program: PathBuf,
    limit: Duration,
    at_work: AtomicUsize,
}

impl Typesetter {
    /// The program at a path.
    pub fn new(program: PathBuf) -> Typesetter {
        Typesetter::with_limit(program, LIMIT)
    }

    /// The program at a path, with another time limit.
    pub fn with_limit(program: PathBuf, limit: Duration) -> Typesetter {
        Typesetter { program, limit, at_work: AtomicUsize::new(0) }
    }

    /// Sets a report; `verify_url` is where its QR code leads, empty for nowhere. Blocks as long as it takes.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn set(&self, report: &[u8], verify_url: &str) -> Result<Vec<u8>, SettingError> {
        let _turn = Turn::take(&self.at_work)?;
        let mut command = Command::new(&self.program);
        // Nothing of ours is its business: no secrets, no proxies, no settings.
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if !verify_url.is_empty() {
            command.arg(format!("--verify-url={verify_url}"));
        }
        let failed = |what: &str, error: &std::io::Error| {
            SettingError::Failed(format!("{what} `{}`: {error}", self.program.display()))
        };
        let child = command.spawn().map_err(|error| failed("cannot run", &error))?;
        let mut child = Ended(child);
        let (stdin, stdout, stderr) = (child.0.stdin.take(), child.0.stdout.take(), child.0.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(SettingError::Failed("it has no pipes".to_owned()));
        };
        // All three at once: a program may write before it has read all, and wait for somebody to read.
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // One that does not read on says why on its way out.
                let _ = stdin.write_all(report);
            });
            let document = scope.spawn(move || {
                let mut bytes = Vec::new();
                stdout.take(GREATEST).read_to_end(&mut bytes).map(|_| bytes)
            });
            let complaint = scope.spawn(move || {
                let mut bytes = Vec::new();
                // A complaint that cannot be read is none.
                let _ = stderr.take(64 << 10).read_to_end(&mut bytes);
                String::from_utf8_lossy(&bytes).trim().chars().take(TOLD).collect::<String>()
            });
            let ended = child.wait(self.limit);
            // Ended or not, its pipes are closed now, so that the readers end.
            drop(child);
            let joined = |_| SettingError::Failed("a reader panicked".to_owned());
            let document = document.join().map_err(joined)?;
            let complaint = complaint.join().map_err(joined)?;
            let status = ended
                .map_err(|error| failed("cannot wait for", &error))?
                .ok_or(SettingError::TooSlow { limit: self.limit })?;
            match (status.success(), status.code()) {
                (true, _) => {
                    let document = document.map_err(|error| failed("cannot read from", &error))?;
                    if document.starts_with(b"%PDF-") {
                        Ok(document)
                    } else {
                        Err(SettingError::Failed("it wrote no PDF".to_owned()))
                    }
                }
                // What the report is at fault for.
                (false, Some(2)) => Err(SettingError::Refused(complaint)),
                (false, _) => Err(SettingError::Failed(format!("{status}: {complaint}"))),
            }
        })
    }
}

/// One of the few that may be at work.
struct Turn<'a>(&'a AtomicUsize);

impl<'a> Turn<'a> {
    fn take(at_work: &'a AtomicUsize) -> Result<Turn<'a>, SettingError> {
        let turn = Turn(at_work);
        if at_work.fetch_add(1, Ordering::AcqRel) >= AT_ONCE { Err(SettingError::Busy) } else { Ok(turn) }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A program that is ended when nobody waits for it any longer.
struct Ended(Child);

impl Ended {
    /// How it ended; `None` when it did not within the limit.
    fn wait(&mut self, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
        let until = Instant::now() + limit;
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        // One that has ended already is none the worse for it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use super::*;

    /// A program cannot be run while a process that was just begun still has it open for writing: one test at a time.
    static ALONE: Mutex<()> = Mutex::new(());

    /// A program written for a test.
    fn program(script: &str) -> ((tempfile::TempDir, MutexGuard<'static, ()>), PathBuf) {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("typesetter");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
        ((folder, alone), path)
    }

    #[test]
    fn the_report_goes_in_and_the_document_comes_out_however_large() {
        let (_folder, path) = program("printf '%s' '%PDF-1 '; printf '%s ' \"$@\"; /bin/cat");
        let report = vec![b'x'; 3 << 20];
        let document = Typesetter::new(path).set(&report, "https://a/verify").expect("set");
        assert_eq!(document.len(), b"%PDF-1 --verify-url=https://a/verify ".len() + report.len());
    }

    #[test]
    fn a_typesetter_that_refuses_fails_writes_something_else_or_is_not_there_is_told_apart() {
        let set = |script: &str| {
            let (_folder, path) = program(script);
            Typesetter::new(path).set(b"report", "").expect_err("no document")
        };
        assert_eq!(set("echo 'no glyph' >&2; exit 2"), SettingError::Refused("no glyph".to_owned()));
        assert!(
            matches!(set("echo broken >&2; exit 1"), SettingError::Failed(why) if why.contains("broken"))
        );
        assert!(matches!(set("echo hello"), SettingError::Failed(why) if why == "it wrote no PDF"));
        let missing = Typesetter::new(PathBuf::from("/nowhere/typesetter")).set(b"report", "");
        assert!(matches!(missing, Err(SettingError::Failed(why)) if why.contains("/nowhere/typesetter")));
    }

    #[test]
    fn one_that_takes_too_long_is_ended() {
        let (folder, path) = program("echo $$ > \"${0%/*}/pid\"; exec /bin/sleep 60");
        let typesetter = Typesetter::with_limit(path, Duration::from_millis(500));
        let began = Instant::now();
        let error = typesetter.set(b"report", "").expect_err("too slow");
        assert_eq!(error, SettingError::TooSlow { limit: Duration::from_millis(500) });
        assert!(began.elapsed() < Duration::from_secs(10));
        let pid = std::fs::read_to_string(folder.0.path().join("pid")).expect("it began");
        assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "it is still at work");
    }

    #[test]
    fn few_are_at_work_at_once() {
        let (_folder, path) = program("/bin/sleep 1; printf '%s' '%PDF-1'");
        let typesetter = Typesetter::new(path);
        let refused = std::thread::scope(|scope| {
            let all: Vec<_> =
                (0..AT_ONCE + 2).map(|_| scope.spawn(|| typesetter.set(b"report", ""))).collect();
            let answers = all.into_iter().map(|one| one.join().expect("joined"));
            answers.filter(|answer| *answer == Err(SettingError::Busy)).count()
        });
        assert_eq!(refused, 2);
        typesetter.set(b"report", "").expect("those that were refused hold no turn");
    }
}
