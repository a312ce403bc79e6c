//! A run as it lies in a place: its manifest `run.json`, written last, and the shards of results it names.

use std::collections::BTreeMap;
use std::sync::Arc;

use hengxin_core::date::{Date, Moment};
use hengxin_core::vocabulary::Vocabulary;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};

use crate::digest::sha256_of;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::layout::Layout;
use crate::manifest::Delivered;
use crate::moment;
use crate::place::Place;
use crate::results::{Kind, Quarantined, Results};

/// Its name in the run's folder.
pub const NAME: &str = "run.json";
const FORMAT: &str = "hengxin-run";
const VERSION: u32 = 1;

/// The manifest of a run. It says what the run says; how it went (time, threads, who was due) is in `report.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// `hengxin-run`.
    pub format: String,
    /// 1.
    pub version: u32,
    /// SHA-256 over everything that decides its results.
    pub id: String,
    /// The date.
    #[serde(with = "moment::date_as_text")]
    pub as_of: Date,
    /// The moment facts are known at.
    #[serde(with = "moment::as_text")]
    pub known_at: Moment,
    /// Where the facts come from.
    pub source: RunSource,
    /// SHA-256 over the rules: standards, policies, and when they change.
    pub rules: String,
    /// The standards.
    pub standards: Vec<RunStandard>,
    /// The policies.
    pub policies: Vec<RunPolicy>,
    /// The run whose tiers are `previous_tier`.
    pub previous: Option<String>,
    /// Deliveries known at the moment.
    pub deliveries: Vec<Delivered>,
    /// What was read: columns of the facts, and relations as `related:KIND:STEPS`. It shows in the fingerprints of the
    /// subjects. Not said by runs of before 2026-11-25; those that follow them evaluate everyone.
    #[serde(default)]
    pub reads: Vec<String>,
    /// Subjects: as many as in the source, each once.
    pub subjects: u64,
    /// How it came out.
    pub counts: Counts,
    /// Subjects that could not be evaluated.
    #[serde(default)]
    pub quarantine: Vec<Quarantined>,
    /// The shards, in the order of their subjects.
    pub shards: Vec<RunShard>,
}

/// Where a run's facts come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSource {
    /// `dataset` or `ledger`.
    pub kind: String,
    /// Folder, URL or file.
    pub place: String,
    /// Digest of the dataset's manifest.
    pub digest: String,
    /// Rows of the source.
    pub rows: u64,
    /// Where the source says it comes from, such as a world's seed.
    #[serde(default)]
    pub origin: String,
}

/// A standard of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStandard {
    /// Id.
    pub id: String,
    /// Edition.
    pub edition: String,
    /// Title.
    pub title: String,
    /// How sure its figures are: `official`, `reported` or `sample`.
    pub status: String,
    /// SHA-256.
    pub digest: String,
}

/// A policy of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPolicy {
    /// Field of supervision.
    pub field: String,
    /// Id of the policy.
    pub policy: String,
    /// Edition.
    pub edition: String,
    /// How sure its figures are.
    pub status: String,
    /// SHA-256.
    pub digest: String,
    /// Id of the public standard; absent when no edition is in force.
    pub public: Option<String>,
    /// Id of the industry's own.
    pub industry: Option<String>,
}

/// How many came out how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Per standard: outcomes.
    pub outcomes: BTreeMap<String, BTreeMap<String, u64>>,
    /// Per standard: grades; `none` without one.
    pub grades: BTreeMap<String, BTreeMap<String, u64>>,
    /// Per field: tiers; `none` without one.
    pub tiers: BTreeMap<String, BTreeMap<String, u64>>,
    /// Per field: subjects whose tier is not that of the previous run; all of them without a previous run.
    pub moved: BTreeMap<String, u64>,
}

/// A shard of results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunShard {
    /// Its file in the run's folder.
    pub file: String,
    /// First subject.
    pub first: String,
    /// Last subject.
    pub last: String,
    /// Subjects in it.
    pub subjects: u64,
    /// SHA-256 of the shard of facts it was computed from.
    pub input: String,
    /// SHA-256 of the file.
    pub sha256: String,
}

impl Counts {
    /// The counts of a shard.
    pub fn of(job: &Job, results: &Results) -> Counts {
        let mut counts = Counts::default();
        for (i, standard) in job.standards.iter().enumerate() {
            let standard = &standard.plan.standard;
            let (mut kinds, mut grades) =
                ([0u64; Kind::ALL.len()], vec![0u64; standard.grades.all.len() + 1]);
            let given = &results.standards[i];
            for (kind, grade) in given.kind.iter().zip(&given.grade) {
                kinds[*kind as usize] += 1;
                if *kind != Kind::NotEligible {
                    // Without a grade counts after the last one.
                    grades[grade.map_or(standard.grades.all.len(), usize::from)] += 1;
                }
            }
            let names = Kind::ALL.iter().map(|kind| kind.name());
            counts.outcomes.insert(standard.id.clone(), named(names, &kinds));
            let names = standard.grades.all.iter().map(|grade| grade.id.as_str()).chain(["none"]);
            counts.grades.insert(standard.id.clone(), named(names, &grades));
        }
        for (i, policy) in job.policies.iter().enumerate() {
            // Tiers count from 1; 0 stands for none.
            let mut tiers = [0u64; 256];
            let mut moved = 0;
            for (tier, before) in results.fields[i].tier.iter().zip(&results.fields[i].previous) {
                tiers[usize::from(tier.unwrap_or(0))] += 1;
                moved += u64::from(tier != before);
            }
            let names: Vec<String> =
                (0..256).map(|n| if n == 0 { "none".to_owned() } else { n.to_string() }).collect();
            let field = &policy.policy.field;
            counts.tiers.insert(field.clone(), named(names.iter().map(String::as_str), &tiers));
            counts.moved.insert(field.clone(), moved);
        }
        counts
    }

    /// Adds the counts of another shard.
    pub fn merge(&mut self, other: &Counts) {
        for (mine, theirs) in [
            (&mut self.outcomes, &other.outcomes),
            (&mut self.grades, &other.grades),
            (&mut self.tiers, &other.tiers),
        ] {
            for (key, values) in theirs {
                let of = mine.entry(key.clone()).or_default();
                for (value, n) in values {
                    *of.entry(value.clone()).or_default() += n;
                }
            }
        }
        for (field, n) in &other.moved {
            *self.moved.entry(field.clone()).or_default() += n;
        }
    }
}

/// Counts that are not zero, by name.
fn named<'n>(names: impl Iterator<Item = &'n str>, counts: &[u64]) -> BTreeMap<String, u64> {
    names.zip(counts).filter(|(_, n)| **n > 0).map(|(name, n)| (name.to_owned(), *n)).collect()
}

/// The id of a run: everything that decides its results.
pub(crate) fn id(job: &Job, source: &str, previous: Option<&str>, reads: &[String]) -> String {
    let reads = reads.join(",");
    sha256_of(&["hengxin run 2", &job.digest(), source, previous.unwrap_or_default(), &reads])
}

impl Run {
    /// The heads of a job's standards and policies.
    pub(crate) fn heads(job: &Job) -> (Vec<RunStandard>, Vec<RunPolicy>) {
        let standards = job.standards.iter().map(|s| {
            let standard = &s.plan.standard;
            RunStandard {
                id: standard.id.clone(),
                edition: standard.edition.clone(),
                title: standard.title.clone(),
                status: standard.status.name().to_owned(),
                digest: s.digest.clone(),
            }
        });
        let id = |place: Option<usize>| place.map(|i| job.standards[i].plan.standard.id.clone());
        let policies = job.policies.iter().map(|p| RunPolicy {
            field: p.policy.field.clone(),
            policy: p.policy.id.clone(),
            edition: p.policy.edition.clone(),
            status: p.policy.status.name().to_owned(),
            digest: p.digest.clone(),
            public: id(p.public),
            industry: id(p.industry),
        });
        (standards.collect(), policies.collect())
    }

    /// A new manifest's fixed words.
    pub(crate) fn format() -> (String, u32) {
        (FORMAT.to_owned(), VERSION)
    }

    /// Reads the manifest of a place.
    ///
    /// # Errors
    /// When there is none: the run never finished, or is none.
    pub fn read(place: &Place) -> Result<Run> {
        let file = place.name_of(NAME);
        let bytes = place.read(NAME)?.ok_or_else(|| {
            Error::content(
                &file,
                "no such file",
                "the manifest of a finished run (`hengxin rescore` makes one)",
            )
        })?;
        let run: Run = serde_json::from_slice(&bytes)
            .map_err(|e| Error::content(&file, e.to_string(), "the manifest of a run"))?;
        if (run.format.as_str(), run.version) != (FORMAT, VERSION) {
            let found = format!("`{}` version {}", run.format, run.version);
            return Err(Error::content(&file, found, format!("`{FORMAT}` version {VERSION}")));
        }
        // Counts of a manifest somebody else wrote may be of any size, and so is their sum.
        let subjects: u128 = run.shards.iter().map(|s| u128::from(s.subjects)).sum();
        if subjects != u128::from(run.subjects) {
            let found = format!("{} subjects", run.subjects);
            return Err(Error::content(&file, found, format!("{subjects} subjects, the sum of its shards")));
        }
        Ok(run)
    }
}

/// The results of a finished run, shard by shard, from some subject on.
#[derive(Debug)]
pub struct Shards<'r> {
    place: &'r Place,
    left: &'r [RunShard],
    layout: Arc<Layout>,
}

impl<'r> Shards<'r> {
    /// The shards with subjects from `first` to `last`.
    pub fn between(
        place: &'r Place,
        run: &'r Run,
        layout: Arc<Layout>,
        first: &str,
        last: &str,
    ) -> Shards<'r> {
        let start = run.shards.partition_point(|s| s.last.as_str() < first);
        let end = run.shards.partition_point(|s| s.first.as_str() <= last);
        Shards { place, left: run.shards.get(start..end).unwrap_or_default(), layout }
    }

    /// The next shard's; `None` after the last.
    ///
    /// # Errors
    /// A shard that is absent, damaged, or of another layout.
    pub fn next_shard(&mut self) -> Result<Option<Results>> {
        let Some((shard, rest)) = self.left.split_first() else { return Ok(None) };
        self.left = rest;
        let results = read_results(self.place, &shard.file, &self.layout)?;
        if results.len() as u64 != shard.subjects {
            return Err(Error::content(
                self.place.name_of(&shard.file),
                format!("{} subjects", results.len()),
                format!("{} subjects, as its manifest says", shard.subjects),
            ));
        }
        Ok(Some(results))
    }
}

/// A shard of results.
///
/// # Errors
/// A file that is absent, damaged, or of another layout.
pub fn read_results(place: &Place, file: &str, layout: &Layout) -> Result<Results> {
    let name = place.name_of(file);
    let source =
        place.open(file)?.ok_or_else(|| Error::content(&name, "no such file", "a shard of results"))?;
    let wrong = |found| Error::content(&name, found, "the columns of this run");
    let builder = ParquetRecordBatchReaderBuilder::try_new(source).map_err(|e| Error::parquet(&name, e))?;
    let mask = layout.mask(builder.schema(), builder.parquet_schema()).map_err(wrong)?;
    let reader = builder.with_projection(mask).with_batch_size(32_768).build();
    let reader = reader.map_err(|e| Error::parquet(&name, e))?;
    let mut results = layout.results(0);
    for batch in reader {
        let batch = batch.map_err(|e| Error::parquet(&name, parquet::errors::ParquetError::from(e)))?;
        layout.decode(&batch, &mut results).map_err(wrong)?;
    }
    Ok(results)
}

/// The vocabulary's edition must be that of a dataset, or a later one.
pub(crate) fn check_vocabulary(found: &str, vocabulary: &Vocabulary) -> Result<()> {
    if found > vocabulary.edition.as_str() {
        return Err(Error::content(
            crate::manifest::NAME,
            format!("vocabulary {found}"),
            format!(
                "vocabulary {} or an earlier one: this program does not know later words",
                vocabulary.edition
            ),
        ));
    }
    Ok(())
}
