//! Features of points from a dataset: shard by shard, moment by moment, only the rows of subjects that are asked about.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hengxin_core::date::Moment;
use hengxin_core::fact::{Deliveries, Dossier};
use hengxin_core::reading::Measured;
use hengxin_core::uscc::Uscc;

use super::crew::in_parallel;
use super::plans::{Benches, Plans};
use super::points::Point;
use super::values::{Refusal, Values};
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::manifest::Shard;
use crate::reader::{ClassBook, ShardFile, Wanted};
use crate::relatives::{Relatives, Sight};
use crate::run::check_vocabulary;

/// How it is done; none of it shows in the values.
pub struct Options<'a> {
    /// Threads, at least 1.
    pub threads: usize,
    /// Asked between units of work: stop?
    pub cancelled: &'a AtomicBool,
    /// Told how many points are done.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("threads", &self.threads).finish_non_exhaustive()
    }
}

/// Points of one moment: their places, ascending, so that their subjects ascend.
type Group = (Moment, Vec<usize>);

/// What one point gave.
type Given = (usize, std::result::Result<Vec<Measured>, Refusal>);

/// The features of `points`, which are sorted by subject.
///
/// Every shard that is read is first compared with its digest, so that the dataset's digest in a lineage is true.
///
/// # Errors
/// A dataset of another vocabulary, one that is damaged, [`Error::Cancelled`].
pub fn values(
    dataset: &Dataset,
    plans: &Plans,
    width: usize,
    points: &[Point],
    options: &Options<'_>,
) -> Result<Values> {
    check_vocabulary(&dataset.manifest.vocabulary, &dataset.vocabulary)?;
    let mut values = Values::new(points.len(), width);
    let (by_shard, nowhere) = by_shard(&dataset.manifest.shards, points);
    for place in nowhere {
        values.put(place, Err(Refusal::NobodyKnown));
    }
    let units: Vec<(usize, Vec<Group>)> =
        by_shard.into_iter().map(|(shard, places)| (shard, by_moment(points, places))).collect();
    verify(dataset, units.iter().map(|(shard, _)| *shard), options)?;
    let work = Work { dataset, plans, points, options };
    let reach = plans.reach_of_all();
    if reach.kinds.is_empty() {
        work.units(&units, None, &mut values)?;
        return Ok(values);
    }
    // Whom relations lead to depends on the moment, and may lie in any shard.
    let mut moments: Vec<Moment> = points.iter().map(|point| point.known_at).collect();
    moments.sort_unstable();
    moments.dedup();
    for known_at in moments {
        let (codes, wanted) = (plans.related_codes(), Wanted::from(plans.needs()));
        let sight = Sight { reach: reach.clone(), codes, wanted, known_at };
        let relatives = Relatives::read(dataset, &sight, None, options.threads, options.cancelled)?;
        let of_moment = units.iter().filter_map(|(shard, groups)| {
            let groups: Vec<Group> = groups.iter().filter(|(at, _)| *at == known_at).cloned().collect();
            (!groups.is_empty()).then_some((*shard, groups))
        });
        work.units(&of_moment.collect::<Vec<_>>(), Some(&relatives), &mut values)?;
    }
    Ok(values)
}

/// Which points lie in which shard, and those that lie in none.
fn by_shard(shards: &[Shard], points: &[Point]) -> (BTreeMap<usize, Vec<usize>>, Vec<usize>) {
    let (mut found, mut nowhere) = (BTreeMap::<usize, Vec<usize>>::new(), Vec::new());
    for (place, point) in points.iter().enumerate() {
        let subject = point.subject.as_str();
        let shard = shards.partition_point(|shard| shard.last.as_str() < subject);
        match shards.get(shard).filter(|shard| shard.first.as_str() <= subject) {
            Some(_) => found.entry(shard).or_default().push(place),
            None => nowhere.push(place),
        }
    }
    (found, nowhere)
}

fn by_moment(points: &[Point], places: Vec<usize>) -> Vec<Group> {
    let mut groups: BTreeMap<Moment, Vec<usize>> = BTreeMap::new();
    for place in places {
        groups.entry(points[place].known_at).or_default().push(place);
    }
    groups.into_iter().collect()
}

/// Compares the shards that will be read with their digests.
pub(super) fn verify(
    dataset: &Dataset,
    shards: impl Iterator<Item = usize>,
    options: &Options<'_>,
) -> Result<()> {
    let shards: Vec<usize> = shards.collect();
    let one = |(): &mut (), unit: usize| {
        if options.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        dataset.verify(&dataset.manifest.shards[shards[unit]])
    };
    in_parallel(shards.len(), options.threads, || (), one, |()| ())
}

#[derive(Clone, Copy)]
struct Work<'w> {
    dataset: &'w Dataset,
    plans: &'w Plans,
    points: &'w [Point],
    options: &'w Options<'w>,
}

impl<'w> Work<'w> {
    fn units(
        self,
        units: &[(usize, Vec<Group>)],
        relatives: Option<&Relatives>,
        values: &mut Values,
    ) -> Result<()> {
        let state = || {
            let fresh = || ClassBook::new(Arc::clone(&self.dataset.vocabulary));
            (relatives.map_or_else(fresh, Relatives::book), Benches::new(self.plans))
        };
        let mut count = 0;
        let done = |given: Vec<Given>| {
            count += given.len() as u64;
            for (place, given) in given {
                values.put(place, given.as_deref().map_err(|refusal| *refusal));
            }
            (self.options.progress)(count);
        };
        let one = |(book, benches): &mut (ClassBook, Benches<'w>), unit: usize| {
            let (shard, groups) = &units[unit];
            self.shard(*shard, groups, relatives, book, benches)
        };
        in_parallel(units.len(), self.options.threads, state, one, done)
    }

    fn shard(
        self,
        shard: usize,
        groups: &[Group],
        relatives: Option<&Relatives>,
        book: &mut ClassBook,
        benches: &mut Benches<'w>,
    ) -> Result<Vec<Given>> {
        let file = self.dataset.shard(&self.dataset.manifest.shards[shard])?;
        let rows = rows_of(&file)?;
        let mut given = Vec::new();
        for (known_at, places) in groups {
            if self.options.cancelled.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            self.moment(&file, &rows, *known_at, places, relatives, book, benches, &mut given)?;
        }
        Ok(given)
    }

    #[expect(clippy::too_many_arguments, reason = "one moment of one shard, with the buffers of the thread")]
    fn moment(
        self,
        file: &ShardFile,
        rows: &[(Uscc, Range<u64>)],
        known_at: Moment,
        places: &[usize],
        relatives: Option<&Relatives>,
        book: &mut ClassBook,
        benches: &mut Benches<'w>,
        given: &mut Vec<Given>,
    ) -> Result<()> {
        let subjects = places.iter().map(|place| self.points[*place].subject);
        let ranges = ranges(rows, subjects);
        let deliveries = self.dataset.manifest.known_deliveries(&self.dataset.vocabulary, known_at)?;
        let deliveries = Deliveries::new(deliveries);
        let mut left = places;
        let wanted = Wanted::from(self.plans.needs());
        let refuse = |places: &[usize], why, given: &mut Vec<Given>| {
            given.extend(places.iter().map(|place| (*place, Err(why))));
        };
        file.subjects(book, &deliveries, wanted, Some(&ranges), known_at, &mut |book, subject| {
            let of = subject.file.subject;
            let before = left.partition_point(|place| self.points[*place].subject < of);
            let (absent, rest) = left.split_at(before);
            refuse(absent, Refusal::NobodyKnown, given);
            let here = rest.partition_point(|place| self.points[*place].subject == of);
            let (own, rest) = rest.split_at(here);
            left = rest;
            if !subject.known {
                refuse(own, Refusal::NobodyKnown, given);
                return Ok(());
            }
            for place in own {
                let as_of = self.points[*place].as_of;
                let mut related = Vec::new();
                if let (Some(relatives), Some(reach)) = (relatives, self.plans.reach(as_of))
                    && relatives.of(of, reach, &deliveries, &mut related).is_err()
                {
                    given.push((*place, Err(Refusal::TooMany)));
                    continue;
                }
                let dossier = Dossier { file: subject.file, related: &related };
                given.push((*place, Ok(benches.measure(as_of, book.classes(), &dossier).to_vec())));
            }
            Ok(())
        })?;
        refuse(left, Refusal::NobodyKnown, given);
        Ok(())
    }
}

/// The subjects of a shard with their rows, ascending.
pub(super) fn rows_of(file: &ShardFile) -> Result<Vec<(Uscc, Range<u64>)>> {
    let mut rows = Vec::new();
    file.changes(None, Moment(0), &mut |subject, range, _| {
        rows.push((subject, range));
        Ok(())
    })?;
    Ok(rows)
}

/// The rows of subjects, which ascend and may come several times; those that lie beside each other together.
pub(super) fn ranges(rows: &[(Uscc, Range<u64>)], subjects: impl Iterator<Item = Uscc>) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    let mut last = None;
    for subject in subjects {
        if last == Some(subject) {
            continue;
        }
        last = Some(subject);
        let Ok(place) = rows.binary_search_by_key(&subject, |(subject, _)| *subject) else { continue };
        let range = rows[place].1.clone();
        match ranges.last_mut() {
            Some(before) if before.end == range.start => before.end = range.end,
            _ => ranges.push(range),
        }
    }
    ranges
}
