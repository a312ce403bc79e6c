//! One thread of a run: a shard of facts to shards of results.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;

use crate::dataset::Dataset;
use crate::digest::{sha256, sha256_of};
use crate::due::{self, Due};
use crate::error::{Error, Result};
use crate::evaluator::Evaluator;
use crate::layout::Layout;
use crate::manifest::Shard;
use crate::reader::ClassBook;
use crate::relatives::Relatives;
use crate::rescore::Options;
use crate::results::Results;
use crate::run::{Counts, RunShard};
use crate::target::{Finished, Target};

/// Where the counts of a shard stand in its file, so that a resumed run need not read its lines.
const COUNTS_KEY: &str = "hengxin.counts";
/// Where those stand who could not be evaluated.
const QUARANTINE_KEY: &str = "hengxin.quarantine";

/// One thread.
pub(crate) struct Worker<'a> {
    dataset: &'a Dataset,
    targets: &'a [&'a Target<'a>],
    relatives: Option<&'a Relatives>,
    book: ClassBook,
    /// One for each target.
    evaluators: Vec<Evaluator<'a>>,
}

impl<'a> Worker<'a> {
    /// For targets of one reading, of which there is at least one.
    pub(crate) fn new(
        dataset: &'a Dataset,
        targets: &'a [&'a Target<'a>],
        relatives: Option<&'a Relatives>,
    ) -> Worker<'a> {
        let book = relatives.map_or_else(|| ClassBook::new(Arc::clone(&dataset.vocabulary)), Relatives::book);
        let evaluator = |target: &&'a Target<'a>| Evaluator::new(&target.job, &target.deliveries, relatives);
        let evaluators = targets.iter().map(evaluator).collect();
        Worker { dataset, targets, relatives, book, evaluators }
    }

    /// Does a shard for every target that has not got it yet.
    pub(crate) fn shard(&mut self, place: usize, options: &Options<'_>) -> Result<Vec<Finished>> {
        let shard = &self.dataset.manifest.shards[place];
        let mut done = Vec::with_capacity(self.targets.len());
        for target in self.targets {
            done.push(resumed(target, shard, &file_of(target, shard))?);
        }
        let open: Vec<usize> = (0..done.len()).filter(|target| done[*target].is_none()).collect();
        if options.verify && !open.is_empty() {
            self.dataset.verify(shard)?;
        }
        let carries =
            |target: &usize| self.targets[*target].since.as_ref().is_some_and(due::Since::incremental);
        // Who is due differs from run to run; everybody is the same for all.
        let (some, all): (Vec<usize>, Vec<usize>) = open.into_iter().partition(carries);
        for target in some {
            let (results, due) = self.due(target, place, options)?;
            done[target] = Some(self.commit(target, shard, &results, due)?);
        }
        if !all.is_empty() {
            for (target, mut results) in all.iter().zip(self.evaluate(&all, shard, None, options)?) {
                if let Some(since) = &self.targets[*target].since {
                    since.before(&self.dataset.manifest.shards, place).previous_tiers(&mut results)?;
                }
                let due = Due { all: results.len() as u64, ..Due::default() };
                done[*target] = Some(self.commit(*target, shard, &results, due)?);
            }
        }
        Ok(done.into_iter().flatten().collect())
    }

    fn commit(&self, target: usize, shard: &Shard, results: &Results, due: Due) -> Result<Finished> {
        let target = self.targets[target];
        check_range(self.dataset, shard, results)?;
        let file = file_of(target, shard);
        let counts = Counts::of(&target.job, results);
        let bytes = encode(&target.layout, results, &counts, &file)?;
        let sha256 = sha256(&bytes);
        // Forgotten, it is done again; before the manifest names it, it stays.
        target.out.put(&file, bytes)?;
        let quarantine = results.quarantine.clone();
        Ok(Finished { shard: run_shard(shard, file, sha256), counts, due, quarantine, resumed: false })
    }

    /// The results of those who are due, and of everybody else those of the run before.
    fn due(&mut self, target: usize, place: usize, options: &Options<'_>) -> Result<(Results, Due)> {
        let shard = &self.dataset.manifest.shards[place];
        let Target { since, job, deliveries, layout, .. } = self.targets[target];
        let Some(since) = since else { unreachable!("asked of runs that follow another") };
        let plan = since.plan(self.dataset, job, place, deliveries, self.relatives)?;
        let fresh = if plan.rows.is_empty() {
            layout.results(0)
        } else {
            let mut results = self.evaluate(&[target], shard, Some(&plan.rows), options)?;
            results.pop().unwrap_or_else(|| unreachable!("one target was asked for"))
        };
        plan.merge(fresh, layout.results(usize::try_from(shard.subjects).unwrap_or(0)))
    }

    /// The results of some targets, of all subjects or of those whose rows are given.
    fn evaluate(
        &mut self,
        targets: &[usize],
        shard: &Shard,
        rows: Option<&[std::ops::Range<u64>]>,
        options: &Options<'_>,
    ) -> Result<Vec<Results>> {
        let file = self.dataset.shard(shard)?;
        let expected = if rows.is_some() { 0 } else { usize::try_from(shard.subjects).unwrap_or(0) };
        let mut results: Vec<Results> =
            targets.iter().map(|target| self.targets[*target].layout.results(expected)).collect();
        // Columns, moment and deliveries are those of all that share the reading.
        let Target { job, wanted, deliveries, .. } = self.targets[0];
        let evaluators = &mut self.evaluators;
        let mut subjects = 0usize;
        file.subjects(
            &mut self.book,
            deliveries.settled(),
            *wanted,
            rows,
            job.known_at,
            &mut |book, subject| {
                if subjects.is_multiple_of(1024) && options.cancelled.load(Ordering::Relaxed) {
                    return Err(Error::Cancelled);
                }
                subjects += 1;
                for (target, results) in targets.iter().zip(&mut results) {
                    evaluators[*target].add(book.classes(), subject, results);
                }
                Ok(())
            },
        )?;
        Ok(results)
    }
}

/// The name of a shard of results: made of everything that decides it.
fn file_of(target: &Target<'_>, shard: &Shard) -> String {
    let key = sha256_of(&["hengxin shard 1", &shard.sha256, &target.id]);
    let stem = shard.file.rsplit('/').next().unwrap_or(&shard.file).trim_end_matches(".parquet");
    format!("results/{stem}-{}.parquet", &key[..16])
}

/// The shard as an earlier attempt finished it.
fn resumed(target: &Target<'_>, shard: &Shard, file: &str) -> Result<Option<Finished>> {
    let Some(bytes) = target.out.read(file)? else { return Ok(None) };
    let digest = sha256(&bytes);
    // Not what we write under this name: done again.
    let Ok(builder) = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)) else {
        return Ok(None);
    };
    let metadata = builder.metadata().file_metadata();
    let note = |key: &str| {
        let note = metadata.key_value_metadata()?.iter().find(|note| note.key == key)?;
        note.value.as_deref()
    };
    let counts = note(COUNTS_KEY).and_then(|text| serde_json::from_str(text).ok());
    let quarantine = note(QUARANTINE_KEY).and_then(|text| serde_json::from_str(text).ok());
    match (counts, quarantine) {
        (Some(counts), Some(quarantine)) if u64::try_from(metadata.num_rows()) == Ok(shard.subjects) => {
            let shard = run_shard(shard, file.to_owned(), digest);
            Ok(Some(Finished { shard, counts, due: Due::default(), quarantine, resumed: true }))
        }
        // Not what we write under this name: done again.
        _ => Ok(None),
    }
}

/// The subjects of a shard must be those its manifest names.
fn check_range(dataset: &Dataset, shard: &Shard, results: &Results) -> Result<()> {
    let found = (
        results.len() as u64,
        results.subject.first().map(ToString::to_string).unwrap_or_default(),
        results.subject.last().map(ToString::to_string).unwrap_or_default(),
    );
    if found == (shard.subjects, shard.first.clone(), shard.last.clone()) {
        return Ok(());
    }
    Err(Error::content(
        dataset.place.name_of(&shard.file),
        format!("{} subjects from {} to {}", found.0, found.1, found.2),
        format!("{} subjects from {} to {}, as its manifest says", shard.subjects, shard.first, shard.last),
    ))
}

fn run_shard(shard: &Shard, file: String, sha256: String) -> RunShard {
    RunShard {
        file,
        first: shard.first.clone(),
        last: shard.last.clone(),
        subjects: shard.subjects,
        input: shard.sha256.clone(),
        sha256,
    }
}

fn encode(layout: &Layout, results: &Results, counts: &Counts, file: &str) -> Result<Vec<u8>> {
    let note =
        |key: &str, json: serde_json::Result<String>| KeyValue::new(key.to_owned(), json.unwrap_or_default());
    let notes = vec![
        note(COUNTS_KEY, serde_json::to_string(counts)),
        note(QUARANTINE_KEY, serde_json::to_string(&results.quarantine)),
    ];
    let properties = layout.properties(notes);
    let encoded = (|| {
        let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(layout.schema()), Some(properties))?;
        writer.write(&layout.encode(results))?;
        writer.into_inner()
    })();
    encoded.map_err(|e| Error::parquet(file, e))
}
