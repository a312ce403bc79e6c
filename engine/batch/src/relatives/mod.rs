//! Related subjects of a run: whom relations lead to, and what is read of them, whatever shard they lie in.
//!
//! Only standards with related readings need it. Two passes over the shards come before the evaluation: the first
//! gathers the relations, the second the files of those they lead to, cut down to the codes that are read of relatives. Both
//! are held in memory: some 60 bytes a relation, and what the few codes have. Everything else of a run streams.
//!
//! For an incremental run the first pass also says of whom anything became known; who reaches one of them, by any
//! relation there is or was, is due.

mod files;
mod graph;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hengxin_core::date::Moment;
use hengxin_core::fact::{Deliveries, Related};
use hengxin_core::needs::Needs;
use hengxin_core::relation::{NoPaths, Path, RELATIONS_MAX, Reach};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::CodeId;

use crate::dataset::Dataset;
use crate::digest::FilePrint;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::reader::{ClassBook, Wanted};
use files::Files;
use graph::{Graph, View};

/// What is looked at of relatives.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Which relations are followed.
    pub reach: Reach,
    /// The codes that are read.
    pub codes: Vec<CodeId>,
    /// The columns that are read.
    pub wanted: Wanted,
    /// What was known at this moment counts.
    pub known_at: Moment,
}

impl Sight {
    /// What jobs of one moment look at together; `None` when none of them looks at relatives.
    pub fn of<'j>(jobs: impl Iterator<Item = &'j Job> + Clone, known_at: Moment) -> Option<Sight> {
        let mut reach = Reach::default();
        let mut codes = Vec::new();
        for job in jobs.clone() {
            reach.widen(&job.reach());
            codes.extend(job.standards.iter().flat_map(|standard| standard.plan.related_codes()));
        }
        codes.sort_unstable();
        codes.dedup();
        let wanted = Wanted::from(jobs.map(Job::needs).fold(Needs::default(), Needs::and));
        (!reach.kinds.is_empty()).then_some(Sight { reach, codes, wanted, known_at })
    }

    /// Its relations, by the names under which a run's manifest says what was read.
    pub(crate) fn names(&self) -> Vec<String> {
        let depth = self.reach.depth;
        self.reach.kinds.iter().map(|kind| format!("related:{kind}:{depth}")).collect()
    }
}

/// Relatives of everyone in a dataset.
#[derive(Debug)]
pub struct Relatives {
    graph: Graph,
    files: Files,
    /// The classes of the files, which every reader goes on from.
    book: ClassBook,
    /// Of whom anything became known since the previous run, ascending.
    changed: Vec<Uscc>,
}

/// More relations than are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl std::fmt::Display for TooMany {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "more than {RELATIONS_MAX} relations to follow")
    }
}

impl Relatives {
    /// Reads the relatives of a dataset; with `since`, also who changed after it.
    ///
    /// # Errors
    /// As reading the shards; [`Error::Cancelled`].
    pub fn read(
        dataset: &Dataset,
        sight: &Sight,
        since: Option<Moment>,
        threads: usize,
        cancelled: &AtomicBool,
    ) -> Result<Relatives> {
        let shards = &dataset.manifest.shards;
        let found = each(shards.len(), threads, cancelled, |place| {
            let file = dataset.shard(&shards[place])?;
            let edges = graph::edges(&file, &dataset.vocabulary, sight)?;
            let mut changed = Vec::new();
            if let Some(since) = since.filter(|since| shards[place].changed_at > *since) {
                file.changes(Some(since), sight.known_at, &mut |subject, _, new| {
                    changed.extend(new.then_some(subject));
                    Ok(())
                })?;
            }
            Ok((edges, changed))
        })?;
        let (edges, changed): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        let graph = Graph::new(edges.concat());
        let others = graph.others();
        let mut book = ClassBook::new(Arc::clone(&dataset.vocabulary));
        let parts = each(shards.len(), threads, cancelled, |place| {
            let file = dataset.shard(&shards[place])?;
            let within = between(&others, &shards[place].first, &shards[place].last);
            files::part(&file, &dataset.vocabulary, sight, &others[within])
        })?;
        let files = Files::new(parts, &mut book)?;
        Ok(Relatives { graph, files, book, changed: changed.concat() })
    }

    /// A book of classes that knows those of the relatives' files by their numbers.
    pub fn book(&self) -> ClassBook {
        self.book.clone()
    }

    /// Whether a subject has, or ever had, a relation that `reach` follows.
    pub fn has(&self, subject: Uscc, reach: &Reach) -> bool {
        self.graph.has(subject, &reach.kinds)
    }

    /// The related subjects within `reach`, which is no wider than what was read, with their files, added to `found`; and
    /// a fingerprint of them all, 0 when there are none.
    ///
    /// # Errors
    /// More relations than are followed.
    pub fn of<'r>(
        &'r self,
        subject: Uscc,
        reach: &Reach,
        deliveries: &'r Deliveries,
        found: &mut Vec<Related<'r>>,
    ) -> std::result::Result<u64, TooMany> {
        let paths = paths(reach, subject, View::standing(&self.graph))?;
        let mut print = FilePrint::default();
        for Path { kind, steps, to, since, until } in &paths {
            let (file, digest) = self.files.of(*to, deliveries);
            found.push(Related { kind: *kind, depth: *steps, since: *since, until: *until, file });
            print.add(u64::from(*kind) << 8 | u64::from(*steps));
            print
                .add(u64::from(since.days().cast_unsigned()) << 32 | u64::from(until.days().cast_unsigned()));
            print.add(digest);
        }
        Ok(if paths.is_empty() { 0 } else { print.value() })
    }

    /// Whether a subject reaches anybody of whom something became known, by any relation there is or was.
    pub fn changed(&self, subject: Uscc, reach: &Reach) -> bool {
        let Ok(paths) = paths(reach, subject, View::ever(&self.graph)) else { return true };
        paths.iter().any(|path| self.changed.binary_search(&path.to).is_ok())
    }
}

fn paths(reach: &Reach, subject: Uscc, mut view: View<'_>) -> std::result::Result<Vec<Path>, TooMany> {
    reach.paths(subject, &mut view).map_err(|problem| match problem {
        NoPaths::TooMany => TooMany,
        NoPaths::Lookup(never) => match never {},
    })
}

/// Where the subjects from `first` to `last` lie among ascending ones.
fn between(subjects: &[Uscc], first: &str, last: &str) -> Range<usize> {
    subjects.partition_point(|s| s.as_str() < first)..subjects.partition_point(|s| s.as_str() <= last)
}

/// Does something for each of so many shards on several threads.
fn each<T: Send>(
    count: usize,
    threads: usize,
    cancelled: &AtomicBool,
    work: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new((0..count).map(|_| None).collect::<Vec<Option<Result<T>>>>());
    std::thread::scope(|scope| {
        for _ in 0..threads.min(count) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= count {
                        break;
                    }
                    let stop = cancelled.load(Ordering::Relaxed);
                    let result = if stop { Err(Error::Cancelled) } else { work(place) };
                    if result.is_err() {
                        next.store(count, Ordering::Relaxed);
                    }
                    done.lock().unwrap_or_else(PoisonError::into_inner)[place] = Some(result);
                }
            });
        }
    });
    // Of a failed one the later shards are absent; the failure comes first.
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
}
