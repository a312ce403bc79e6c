//! Which parts of a standard read which selection: what has to be looked at again when a selection has facts.
//!
//! The parts are those that can be looked at alone: indicators, eligibility rules, cases of the base, findings.
//! A part reads the facts of its slots, and perhaps what is not a fact: the registration, related subjects, results of
//! other standards. One that reads only slots says the same of every file in which those are empty.

use std::ops::Range;

use crate::reading::Input;
use crate::scope::Slot;
use crate::standard::Standard;

/// A set of parts, a bit each, by the words of [`Readers`].
pub(crate) type Parts = Vec<u64>;

/// The parts of a standard by what they read. Each kind of part begins a word of its own.
#[derive(Clone, Debug)]
pub(crate) struct Readers {
    /// Where indicators stand in a set; the others likewise.
    pub indicators: Range<usize>,
    pub rules: Range<usize>,
    pub cases: Range<usize>,
    pub findings: Range<usize>,
    /// Per slot, one set after the other.
    of_slot: Vec<u64>,
    /// The parts that read more than slots.
    pub always: Parts,
    all: Parts,
}

impl Readers {
    pub fn new(standard: &Standard) -> Readers {
        let mut end = 0;
        let mut words = |parts: usize| {
            let start = end;
            end += parts.div_ceil(64);
            start..end
        };
        let cases = standard.scale.as_ref().map(|scale| scale.base.cases.as_slice()).unwrap_or_default();
        let mut readers = Readers {
            indicators: words(standard.indicators.len()),
            rules: words(standard.eligibility.len()),
            cases: words(cases.len()),
            findings: words(standard.findings.len()),
            of_slot: Vec::new(),
            always: Vec::new(),
            all: Vec::new(),
        };
        readers.always = vec![0; end];
        readers.all = vec![0; end];
        readers.of_slot = vec![0; end * standard.selections.len()];
        for (i, indicator) in standard.indicators.iter().enumerate() {
            let part = Part(readers.indicators.start, i);
            part.insert_into(&mut readers.all);
            indicator.reading.slots(&mut |slot| readers.reads(part, slot));
            indicator.reading.inputs(&mut |input| readers.looks_at(part, input));
            indicator.rule.inputs(&mut |input| readers.looks_at(part, input));
        }
        let rules = standard.eligibility.iter().map(|rule| &rule.exclude_when).enumerate();
        let cases = cases.iter().map(|(when, _)| when).enumerate();
        let findings = standard.findings.iter().map(|finding| &finding.when).enumerate();
        let (first_rule, first_case) = (readers.rules.start, readers.cases.start);
        let first_finding = readers.findings.start;
        let conditions = rules
            .map(|(i, condition)| (Part(first_rule, i), condition))
            .chain(cases.map(|(i, condition)| (Part(first_case, i), condition)))
            .chain(findings.map(|(i, condition)| (Part(first_finding, i), condition)));
        for (part, condition) in conditions {
            part.insert_into(&mut readers.all);
            condition.slots(&mut |slot| readers.reads(part, slot));
            condition.inputs(&mut |input| readers.looks_at(part, input));
        }
        readers
    }

    /// Adds the parts that read `slot`.
    pub fn open(&self, slot: Slot, parts: &mut Parts) {
        let words = self.always.len();
        for (word, readers) in parts.iter_mut().zip(&self.of_slot[slot * words..]) {
            *word |= readers;
        }
    }

    /// Makes `parts` all parts there are, and nothing else.
    pub fn open_all(&self, parts: &mut Parts) {
        parts.copy_from_slice(&self.all);
    }

    fn reads(&mut self, part: Part, slot: Slot) {
        let words = self.always.len();
        part.insert_into(&mut self.of_slot[slot * words..(slot + 1) * words]);
    }

    fn looks_at(&mut self, part: Part, input: Input) {
        match input {
            // Of facts, which are in slots.
            Input::Number | Input::Reference | Input::Day => {}
            Input::Registration | Input::Related | Input::Result => part.insert_into(&mut self.always),
        }
    }
}

/// The first word of its kind, and its place in the standard.
#[derive(Clone, Copy, Debug)]
struct Part(usize, usize);

impl Part {
    fn insert_into(self, parts: &mut [u64]) {
        insert(&mut parts[self.0..], self.1);
    }
}

/// Adds the part at `place` to the words of its kind.
pub(crate) fn insert(words: &mut [u64], place: usize) {
    words[place / 64] |= 1 << (place % 64);
}

/// Whether the part at `place` is among those of its kind.
pub(crate) fn contains(words: &[u64], place: usize) -> bool {
    words[place / 64] >> (place % 64) & 1 == 1
}

/// The places of the parts of one kind, ascending.
pub(crate) fn places(words: &[u64]) -> impl Iterator<Item = usize> {
    words.iter().enumerate().flat_map(|(n, word)| {
        let mut rest = *word;
        std::iter::from_fn(move || {
            let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(64 * n + bit)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_inserted_in_ascending_order() {
        let mut words = [0, 0, 0];
        let expected = [0, 1, 63, 64, 130, 191];
        for place in [130, 63, 0, 191, 64, 1, 63] {
            insert(&mut words, place);
        }
        assert_eq!(places(&words).collect::<Vec<_>>(), expected);
        for place in 0..192 {
            assert_eq!(contains(&words, place), expected.contains(&place), "{place}");
        }
    }
}
