//! Where the facts of features are read: a ledger or a dataset.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hengxin_batch::dataset::Dataset;
use hengxin_batch::digest;
use hengxin_batch::features::crew::in_parallel;
use hengxin_batch::features::cut_away::{self, Whole};
use hengxin_batch::features::dataset::{Options, values};
use hengxin_batch::features::lineage::{self, SourceKind};
use hengxin_batch::features::{Benches, Plans, Point, Values};
use hengxin_batch::reader::ClassBook;
use hengxin_core::date::Moment;
use hengxin_core::reading::Measured;
use hengxin_core::uscc::Uscc;
use hengxin_service::hex::hex;
use hengxin_standard::Catalogue;
use hengxin_store::Ledger;

use super::ledger::{self, Print};
use crate::data;
use crate::failure::Failure;
use crate::place::place;
use crate::progress::Progress;
use crate::rescore::batch;

/// Subjects in a unit of work.
const CHUNK: usize = 256;

/// An open source of facts.
pub enum Source {
    Ledger(Ledger, Moment),
    Dataset(Dataset),
}

/// Values as they were read, with what a lineage says of where they come from.
pub struct Read {
    pub values: Values,
    /// Of a ledger: the digest of the files of each point.
    prints: Vec<Print>,
}

impl Source {
    pub fn open(facts: &super::Facts, catalogue: &Catalogue) -> Result<Source, Failure> {
        match (&facts.dataset, &facts.data) {
            (Some(dataset), _) => {
                let dataset =
                    Dataset::open(place(dataset)?, Arc::clone(&catalogue.vocabulary)).map_err(batch)?;
                Ok(Source::Dataset(dataset))
            }
            (None, Some(folder)) => {
                let ledger = data::Place::named(folder).open(catalogue)?;
                let known_at = ledger.snapshot(None).map_err(data::store)?.known_at();
                Ok(Source::Ledger(ledger, known_at))
            }
            (None, None) => Err(Failure::Input("expected --dataset or --data".to_owned())),
        }
    }

    /// The last moment it knows of.
    pub fn known_at(&self) -> Moment {
        match self {
            Source::Ledger(_, known_at) => *known_at,
            Source::Dataset(dataset) => dataset.manifest.known_at,
        }
    }

    pub fn kind(&self) -> SourceKind {
        match self {
            Source::Ledger(..) => SourceKind::Ledger,
            Source::Dataset(_) => SourceKind::Dataset,
        }
    }

    /// The features of points that are sorted.
    pub fn read(
        &self,
        plans: &Plans,
        width: usize,
        points: &[Point],
        threads: usize,
        bar: &Progress,
    ) -> Result<Read, Failure> {
        // Nothing is written before everything is measured: who stops the process leaves nothing behind.
        let cancelled = AtomicBool::new(false);
        let options = Options { threads, cancelled: &cancelled, progress: &|done| bar.at(done) };
        match self {
            Source::Ledger(ledger, _) => {
                let read = ledger::values(ledger, plans, width, points, &options);
                let (values, prints) = read.map_err(data::store)?;
                Ok(Read { values, prints })
            }
            Source::Dataset(dataset) => {
                let values = values(dataset, plans, width, points, &options).map_err(batch)?;
                Ok(Read { values, prints: Vec::new() })
            }
        }
    }

    /// What a lineage says of the source of the rows in `kept`.
    pub fn lineage(&self, read: &Read, kept: &[usize]) -> lineage::Source {
        let digest = match self {
            Source::Ledger(..) => {
                let prints: Vec<String> =
                    kept.iter().filter_map(|row| read.prints.get(*row)).map(hex).collect();
                digest::sha256_of(&prints.iter().map(String::as_str).collect::<Vec<_>>())
            }
            Source::Dataset(dataset) => dataset.manifest.digest.clone(),
        };
        lineage::Source { kind: self.kind(), known_at: self.known_at(), digest }
    }

    /// What features give of points, sorted by subject, when everything later is taken away.
    pub fn cut_away(
        &self,
        plans: &Plans,
        points: &[Point],
        threads: usize,
    ) -> Result<Vec<Vec<Measured>>, Failure> {
        match self {
            Source::Ledger(ledger, _) => {
                ledger::cut_away(ledger, plans, points, threads).map_err(data::store)
            }
            Source::Dataset(dataset) => of_dataset(dataset, plans, points, threads).map_err(batch),
        }
    }
}

fn of_dataset(
    dataset: &Dataset,
    plans: &Plans,
    points: &[Point],
    threads: usize,
) -> Result<Vec<Vec<Measured>>, hengxin_batch::Error> {
    let mut subjects: Vec<Uscc> = points.iter().map(|point| point.subject).collect();
    subjects.dedup();
    let deliveries = cut_away::deliveries(dataset)?;
    let chunks: Vec<&[Uscc]> = subjects.chunks(CHUNK).collect();
    let mut all: Vec<Vec<Measured>> = vec![Vec::new(); points.len()];
    let state = || (ClassBook::new(Arc::clone(&dataset.vocabulary)), Benches::new(plans));
    let one = |(book, benches): &mut (ClassBook, Benches<'_>), unit: usize| {
        let mut given = Vec::new();
        let subjects = chunks.get(unit).copied().unwrap_or_default();
        cut_away::histories(dataset, subjects, book, |book, subject, rows| {
            let (classes, vocabulary) = (book.classes(), &*dataset.vocabulary);
            let whole = Whole { rows, classes, vocabulary, deliveries: &deliveries };
            let start = points.partition_point(|point| point.subject < subject);
            let own = points.iter().zip(0..).skip(start).take_while(|(point, _)| point.subject == subject);
            for (point, place) in own {
                given.push((place, whole.measure(*point, benches)));
            }
        })?;
        Ok::<_, hengxin_batch::Error>(given)
    };
    let done = |given: Vec<(usize, Vec<Measured>)>| {
        for (place, measured) in given {
            if let Some(room) = all.get_mut(place) {
                *room = measured;
            }
        }
    };
    in_parallel(chunks.len(), threads, state, one, done)?;
    Ok(all)
}
