//! The files of related subjects, cut down to what is read of relatives, in columns.

use std::ops::Range;
use std::sync::Arc;

use hengxin_core::date::Date;
use hengxin_core::fact::{ClassId, CreditFile, Deliveries, FactId, Facts, Objection, Registration};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Vocabulary;

use super::Sight;
use crate::class_text;
use crate::error::{Error, Result};
use crate::reader::{ClassBook, ShardFile, SubjectFile};

/// Files of subjects, ascending.
#[derive(Debug, Default)]
pub(super) struct Files {
    subjects: Vec<Uscc>,
    /// Fingerprints of the whole files.
    digests: Vec<u64>,
    /// Per subject where its rows end, then its registrations and objections.
    ends: Vec<[usize; 3]>,
    class: Vec<ClassId>,
    occurred_on: Vec<Date>,
    ends_on: Vec<Date>,
    number: Vec<i64>,
    reference: Vec<u32>,
    repaired_on: Vec<Date>,
    publicity_until: Vec<Date>,
    registrations: Vec<Registration>,
    objections: Vec<Objection>,
    /// As long as the longest file: nobody asks for the ids of facts.
    ids: Vec<FactId>,
}

/// The files of a shard, with the texts of its classes by their numbers.
pub(super) type Part = (Files, Vec<String>);

/// The files of those of a shard that are in `others`.
pub(super) fn part(
    file: &ShardFile,
    vocabulary: &Arc<Vocabulary>,
    sight: &Sight,
    others: &[Uscc],
) -> Result<Part> {
    let mut files = Files::default();
    let mut book = ClassBook::new(Arc::clone(vocabulary));
    let nobody = Deliveries::default();
    if !others.is_empty() {
        let mut left = others;
        file.subjects(&mut book, &nobody, sight.wanted, None, sight.known_at, &mut |book, subject| {
            let passed = left.partition_point(|other| *other < subject.file.subject);
            left = &left[passed..];
            if subject.known && left.first() == Some(&subject.file.subject) {
                files.push(book, subject, sight);
            }
            Ok(())
        })?;
    }
    let classes = book.classes().as_slice().iter();
    let texts = classes.map(|class| class_text::to_text(vocabulary, class)).collect();
    Ok((files, texts))
}

impl Files {
    fn push(&mut self, book: &ClassBook, subject: &SubjectFile<'_>, sight: &Sight) {
        let facts = &subject.file.facts;
        let read = |row: &usize| {
            let class = book.classes().class(facts.class[*row]);
            class.is_some_and(|class| sight.codes.binary_search(&class.code).is_ok())
        };
        let first = self.class.len();
        for row in (0..facts.class.len()).filter(read) {
            let place = u32::try_from(self.class.len() - first).unwrap_or(u32::MAX);
            let of_row = |o: &&Objection| o.fact as usize == row;
            let objections = facts.objections.iter().filter(of_row).map(|o| Objection { fact: place, ..*o });
            self.objections.extend(objections);
            self.class.push(facts.class[row]);
            self.occurred_on.push(facts.occurred_on[row]);
            self.ends_on.push(facts.ends_on[row]);
            self.number.push(facts.number[row]);
            self.reference.push(facts.reference[row]);
            self.repaired_on.push(facts.repaired_on[row]);
            self.publicity_until.push(facts.publicity_until[row]);
        }
        self.registrations.extend_from_slice(subject.file.registrations);
        self.end(subject.file.subject, subject.digest);
    }

    fn end(&mut self, subject: Uscc, digest: u64) {
        self.subjects.push(subject);
        self.digests.push(digest);
        self.ends.push([self.class.len(), self.registrations.len(), self.objections.len()]);
    }

    /// One list of the files of all shards, classes numbered by `book`.
    pub(super) fn new(parts: Vec<Part>, book: &mut ClassBook) -> Result<Files> {
        let mut all = Files::default();
        for (mut part, texts) in parts {
            let classes = texts.iter().map(|text| book.id(text).map_err(Error::Refused));
            let classes: Vec<ClassId> = classes.collect::<Result<_>>()?;
            let before = [all.class.len(), all.registrations.len(), all.objections.len()];
            all.class.extend(part.class.iter().filter_map(|class| classes.get(*class as usize)));
            all.subjects.append(&mut part.subjects);
            all.digests.append(&mut part.digests);
            all.occurred_on.append(&mut part.occurred_on);
            all.ends_on.append(&mut part.ends_on);
            all.number.append(&mut part.number);
            all.reference.append(&mut part.reference);
            all.repaired_on.append(&mut part.repaired_on);
            all.publicity_until.append(&mut part.publicity_until);
            all.registrations.append(&mut part.registrations);
            all.objections.append(&mut part.objections);
            let moved = |ends: [usize; 3]| [ends[0] + before[0], ends[1] + before[1], ends[2] + before[2]];
            all.ends.extend(part.ends.into_iter().map(moved));
        }
        let longest = (0..all.subjects.len()).map(|i| all.range(i, 0).len()).max().unwrap_or(0);
        all.ids = vec![FactId(0); longest];
        Ok(all)
    }

    fn range(&self, place: usize, column: usize) -> Range<usize> {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before][column]);
        start..self.ends[place][column]
    }

    /// The file of a subject with its fingerprint; an empty one of whom nothing is known, which is unknown, not blameless.
    pub(super) fn of<'f>(&'f self, subject: Uscc, deliveries: &'f Deliveries) -> (CreditFile<'f>, u64) {
        let (rows, registrations, objections, digest) = match self.subjects.binary_search(&subject) {
            Ok(i) => (self.range(i, 0), self.range(i, 1), self.range(i, 2), self.digests[i]),
            Err(_) => (0..0, 0..0, 0..0, 0),
        };
        let facts = Facts {
            id: &self.ids[..rows.len()],
            class: &self.class[rows.clone()],
            occurred_on: &self.occurred_on[rows.clone()],
            ends_on: &self.ends_on[rows.clone()],
            number: &self.number[rows.clone()],
            reference: &self.reference[rows.clone()],
            repaired_on: &self.repaired_on[rows.clone()],
            publicity_until: &self.publicity_until[rows],
            objections: &self.objections[objections],
        };
        (CreditFile { subject, facts, registrations: &self.registrations[registrations], deliveries }, digest)
    }
}
