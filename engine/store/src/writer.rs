//! Many small writes at once: one thread owns the writing connection and commits what has queued up together.
//!
//! A commit waits for the disk, about as long for one request as for a thousand. While it waits further requests
//! queue up, and the next commit takes them all. Each request is a savepoint: one that fails does not sink the
//! others. Nothing is answered before the commit that holds it has reached the disk.
//!
//! A request may carry an id. Its answer is then stored in the transaction of its write, so that the same request
//! sent again (because the first answer was lost, or the outcome unknown) gives the same bytes and has no further
//! effect. No async runtime is needed: answers come through a callback.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hengxin_core::date::Moment;
use hengxin_core::fact::Delivery;

use crate::audit::{self, Call};
use crate::db::{Connection, OptionalExtension};
use crate::error::{Error, Result};
use crate::exports::{self, Export, ExportEnd};
use crate::ledger::Ledger;
use crate::recorder::{Recorder, until_kept};
use crate::reports::{self, NewReport};
use crate::results::{Recorded, Results};
use crate::snapshot::Snapshot;
use crate::submission::{Batch, Report};

/// Most requests in one transaction.
const GROUP_MAX: usize = 2000;
/// Most time spent on collecting a group before it is committed.
const GROUP_TIME: Duration = Duration::from_millis(5);
/// Most requests waiting.
const QUEUE: usize = 8192;

/// What to write.
#[derive(Clone, Debug)]
pub enum Command {
    /// Facts.
    Append(Batch),
    /// Deliveries of registers, and by whom.
    Deliver(String, Vec<Delivery>),
    /// Evaluations and tiers.
    Record(Results),
    /// A report.
    Issue(Box<NewReport>),
    /// A call, in the audit trail.
    Audit(Call),
    /// A bulk export that begins.
    BeginExport(Export),
    /// How the export with a number ended.
    EndExport(String, ExportEnd),
}

/// What a write came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Of [`Command::Append`].
    Appended(Report),
    /// Of [`Command::Deliver`].
    Delivered(Moment),
    /// Of [`Command::Record`].
    Recorded(Recorded),
    /// Of [`Command::Issue`]: the number of the report.
    Issued(String),
    /// Of [`Command::Audit`], [`Command::BeginExport`] and [`Command::EndExport`].
    Audited,
}

/// The identity of a request that may be sent more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// The id the caller chose: 1 to 64 printable ASCII characters.
    pub id: String,
    /// The method it was sent to.
    pub method: String,
    /// SHA-256 of the request's body.
    pub digest: [u8; 32],
}

/// A write and how to answer it.
pub struct Job {
    /// Set for requests that must have one effect however often they are sent.
    pub request: Option<RequestKey>,
    /// What to write.
    pub command: Command,
    /// Turns the outcome into the answer's bytes, which are kept with the request id. Runs inside the transaction
    /// and must be quick; once more when the transaction has to be carried out again.
    pub respond: Box<dyn FnMut(&Outcome) -> Vec<u8> + Send>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("request", &self.request)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

/// The answer to a [`Job`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What `respond` gave, now or when the request was first sent.
    pub bytes: Vec<u8>,
    /// What was written now; `None` when the request had been answered before.
    pub outcome: Option<Outcome>,
}

type Reply = Box<dyn FnOnce(Result<Answer>) + Send>;

/// The thread that writes. Clones share it; it stops when the last clone is gone or [`Writer::stop`] is called.
#[derive(Clone)]
pub struct Writer {
    queue: Arc<Queue>,
}

struct Queue {
    sender: Mutex<Option<SyncSender<(Job, Reply)>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// As [`Ledger::recorder`]; [`Error::Io`] when no thread can be made.
    pub fn start(ledger: &Ledger) -> Result<Writer> {
        let recorder = ledger.recorder()?;
        let (sender, receiver) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("hengxin-writer".to_owned())
            .spawn(move || run(recorder, &receiver))
            .map_err(|error| Error::io(&ledger.place().shown(), error))?;
        let queue = Queue { sender: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) };
        Ok(Writer { queue: Arc::new(queue) })
    }

    /// Queues a write; `reply` is called on the writer's thread once it is durable or has failed.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when too many writes wait, [`Error::Stopped`] after [`Writer::stop`]; `reply` is not
    /// called then. Through `reply`: as [`Recorder::append`], [`Error::RequestReused`], [`Error::RequestForm`].
    pub fn submit(&self, job: Job, reply: impl FnOnce(Result<Answer>) + Send + 'static) -> Result<()> {
        let sender = self.queue.sender.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sender = sender.ok_or(Error::Stopped)?;
        sender.try_send((job, Box::new(reply))).map_err(|error| match error {
            TrySendError::Full(_) => Error::Overloaded { waiting: QUEUE },
            TrySendError::Disconnected(_) => Error::Stopped,
        })
    }

    /// [`Writer::submit`], waiting for the answer. Not for async code: it blocks the thread.
    ///
    /// # Errors
    /// As [`Writer::submit`].
    pub fn call(&self, job: Job) -> Result<Answer> {
        let (sender, receiver) = sync_channel(1);
        self.submit(job, move |answer| {
            // Nobody waiting any longer is no failure of the write.
            let _ = sender.send(answer);
        })?;
        receiver.recv().unwrap_or(Err(Error::Stopped))
    }

    /// Takes no further writes, finishes those that wait, and ends the thread.
    pub fn stop(&self) {
        drop(self.queue.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.queue.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic on the writer's thread has answered its callers with `Stopped` already.
            let _ = thread.join();
        }
    }
}

fn run(mut recorder: Recorder, queue: &Receiver<(Job, Reply)>) {
    let mut ended = false;
    while !ended && let Ok(first) = queue.recv() {
        let started = Instant::now();
        let (mut group, mut answers) = (vec![first], Vec::new());
        let outcome = until_kept(|| {
            let kept = attempt(&mut recorder, &mut group, &mut answers, |taken| {
                if taken >= GROUP_MAX || started.elapsed() >= GROUP_TIME {
                    return None;
                }
                let next = queue.try_recv();
                ended |= matches!(next, Err(TryRecvError::Disconnected));
                next.ok()
            });
            if kept.is_err() {
                recorder.roll_back();
            }
            kept
        });
        let mut answers = answers.into_iter();
        for (_, reply) in group {
            // A request that failed on its own keeps its own error, whatever became of the group.
            reply(match answers.next() {
                Some(answer) => answer.and_then(|answer| outcome.clone().map(|()| answer)),
                None => Err(outcome.clone().err().unwrap_or(Error::Stopped)),
            });
        }
    }
}

/// One transaction for the whole group, which `next` adds to as long as more wait. The answers to its requests, in order, as
/// far as it came.
fn attempt(
    recorder: &mut Recorder,
    group: &mut Vec<(Job, Reply)>,
    answers: &mut Vec<Result<Answer>>,
    mut next: impl FnMut(usize) -> Option<(Job, Reply)>,
) -> Result<()> {
    answers.clear();
    recorder.begin()?;
    loop {
        if answers.len() == group.len() {
            match next(group.len()) {
                Some(job) => group.push(job),
                None => return recorder.commit(),
            }
        }
        let job = &mut group[answers.len()].0;
        let answer = recorder.part(|recorder| handle(recorder, job));
        // Some failures (a full disk, a failing disk, a transaction the database undid) end all of it, not only this part.
        let undone = matches!(answer, Err(Error::Undone { .. }));
        if undone || recorder.connection.is_autocommit() {
            let error = answer.err().unwrap_or(Error::Stopped);
            if !undone {
                answers.push(Err(error.clone()));
            }
            return Err(error);
        }
        answers.push(answer);
    }
}

fn handle(recorder: &mut Recorder, job: &mut Job) -> Result<Answer> {
    let Job { request, command, respond } = job;
    if let Some(request) = request
        && let Some(bytes) = answered_before(&recorder.connection, request)?
    {
        return Ok(Answer { bytes, outcome: None });
    }
    let outcome = match command {
        Command::Append(batch) => Outcome::Appended(recorder.append_within(batch)?),
        Command::Deliver(actor, deliveries) => {
            Outcome::Delivered(recorder.deliver_within(actor, deliveries)?)
        }
        Command::Record(results) => Outcome::Recorded(recorder.record_within(results)?),
        Command::Issue(report) => {
            let moment = recorder.next_moment()?;
            Outcome::Issued(reports::issue(&recorder.connection, moment, report)?)
        }
        Command::Audit(call) => {
            audit::record(&recorder.connection, recorder.shared.options.clock.now(), call)?;
            Outcome::Audited
        }
        Command::BeginExport(export) => {
            exports::begin(&recorder.connection, export)?;
            Outcome::Audited
        }
        Command::EndExport(number, end) => {
            let now = recorder.shared.options.clock.now();
            exports::end(&recorder.connection, now, number, end)?;
            Outcome::Audited
        }
    };
    let bytes = respond(&outcome);
    if let Some(request) = request {
        let moment = recorder.next_moment()?;
        recorder
            .connection
            .prepare_cached(
                "INSERT INTO requests (request_id, method, digest, response, answered_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((&request.id, &request.method, request.digest, &bytes, moment.0))?;
    }
    Ok(Answer { bytes, outcome: Some(outcome) })
}

impl Snapshot {
    /// The answer a request was given before; `None` when it was not.
    ///
    /// # Errors
    /// [`Error::RequestReused`], [`Error::RequestForm`], and engine failures.
    pub fn answered(&self, request: &RequestKey) -> Result<Option<Vec<u8>>> {
        answered_before(self.connection(), request)
    }
}

fn answered_before(connection: &Connection, request: &RequestKey) -> Result<Option<Vec<u8>>> {
    if !(1..=64).contains(&request.id.len()) || !request.id.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::RequestForm { found: request.id.chars().take(80).collect() });
    }
    let mut statement =
        connection.prepare_cached("SELECT method, digest, response FROM requests WHERE request_id = ?1")?;
    let found: Option<(String, [u8; 32], Vec<u8>)> =
        statement.query_row([&request.id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    let reused = |what| Error::RequestReused { request_id: request.id.clone(), what };
    match found {
        None => Ok(None),
        Some((method, ..)) if method != request.method => Err(reused("method")),
        Some((_, digest, _)) if digest != request.digest => Err(reused("body")),
        Some((_, _, response)) => Ok(Some(response)),
    }
}
