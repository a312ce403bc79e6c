//! A random standard with everything it refers to, and random files to evaluate by it.

use std::fmt;

use hengxin_core::document::Node;
use hengxin_core::vocabulary::Vocabulary;
use jiff::civil::Date;

use super::file;
use super::source::Random;
use super::standard::{Standards, Style, standards};
use crate::reference::{RefDossier, RefOutcome, World, evaluate};

/// A standard and its surroundings.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it was made from.
    pub seed: u64,
    /// The texts.
    pub standards: Standards,
    /// The standard as a tree.
    pub main: Node,
    /// All editions of the standards it may refer to.
    pub world: World,
}

/// A subject on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The day.
    pub as_of: Date,
    /// What is known of the subject.
    pub dossier: RefDossier,
}

impl Scenario {
    /// The scenario of a seed.
    pub fn new(seed: u64, vocabulary: &Vocabulary, style: Style) -> Scenario {
        Scenario::of(seed, vocabulary, standards(&mut Random::new(seed), vocabulary, style))
    }

    /// A scenario of given texts.
    pub fn of(seed: u64, vocabulary: &Vocabulary, standards: Standards) -> Scenario {
        let main = parse(&standards.main);
        let nested = standards.nested.iter().map(|text| parse(text)).collect();
        Scenario { seed, standards, main, world: World { vocabulary: vocabulary.clone(), standards: nested } }
    }

    /// One of its subjects, counted from 0.
    pub fn subject(&self, n: u64) -> Subject {
        let mut random = Random::new(self.seed.rotate_left(32) ^ n);
        let as_of = file::as_of(&mut random);
        let dossier = file::dossier(&mut random, &self.world.vocabulary, as_of);
        Subject { as_of, dossier }
    }

    /// What the reference says.
    pub fn reference(&self, subject: &Subject) -> RefOutcome {
        evaluate(&self.world, &self.main, &subject.dossier, subject.as_of)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--- scenario {}\n{}", self.seed, self.standards.main)?;
        for nested in &self.standards.nested {
            writeln!(f, "---\n{nested}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--- as of {}", self.as_of)?;
        show(f, &self.dossier.file)?;
        for related in &self.dossier.related {
            let until = related.until.map_or_else(|| "…".to_owned(), |d| d.to_string());
            writeln!(f, "--- {} at depth {}, {} to {until}", related.kind, related.depth, related.since)?;
            show(f, &related.file)?;
        }
        Ok(())
    }
}

fn show(f: &mut fmt::Formatter<'_>, file: &crate::reference::RefFile) -> fmt::Result {
    writeln!(f, "subject {}", file.uscc)?;
    let mut facts: Vec<_> = file.facts.iter().collect();
    facts.sort_by_key(|fact| (fact.occurred_on, fact.id));
    for fact in facts {
        write!(f, "  {} #{} {}", fact.occurred_on, fact.id, fact.code)?;
        for (what, date) in
            [("until", fact.ends_on), ("public", fact.publicity_until), ("repaired", fact.repaired_on)]
        {
            if let Some(date) = date {
                write!(f, " {what}={date}")?;
            }
        }
        if let Some(number) = &fact.number {
            write!(f, " number={number}")?;
        }
        if let Some(reference) = &fact.reference {
            write!(f, " reference={reference}")?;
        }
        for (name, values) in &fact.attributes {
            write!(f, " {name}={}", values.join("+"))?;
        }
        for (from, until) in &fact.objections {
            write!(f, " objection={from}/{}", until.map_or_else(String::new, |d| d.to_string()))?;
        }
        writeln!(f)?;
    }
    for r in &file.registrations {
        writeln!(f, "  {r:?}")?;
    }
    for d in &file.deliveries {
        writeln!(f, "  {} {} through {}", d.register, d.region, d.through)?;
    }
    Ok(())
}

fn parse(text: &str) -> Node {
    hengxin_standard::parse_document(text).unwrap_or_else(|problem| panic!("{problem:?} in\n{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::vocabulary;

    #[test]
    fn every_word_of_the_format_is_used_by_some_random_standard() {
        let words = [
            "count:",
            "distinct:",
            "sum:",
            "largest:",
            "smallest:",
            "latest:",
            "take:",
            "in_force:",
            "events:",
            "elapsed:",
            "established",
            "since: first",
            "since: last",
            "ratio:",
            "least:",
            "greatest:",
            "grouped:",
            "by: reference",
            "by: month",
            "by: severity",
            "mean",
            "weighted_mean",
            "combine: min",
            "combine: max",
            "combine: sum",
            "combine: count",
            "attribute: capital",
            "attribute: size",
            "related:",
            "result:",
            "take: score",
            "take: grade",
            "where:",
            "except:",
            "last:",
            "days:",
            "months:",
            "years:",
            "calendar_year:",
            "since: 20",
            "exists:",
            "at_least:",
            "above:",
            "at_most:",
            "below:",
            "equals:",
            "is:",
            "region:",
            "industry:",
            "all:",
            "any:",
            "not:",
            "bands:",
            "per_event:",
            "linear:",
            "category:",
            "otherwise:",
            "all_or_nothing:",
            "event_table:",
            "repeats:",
            "decay:",
            "by: amount",
            "by: kinds",
            "best_of:",
            "worst_of:",
            "unknown: exclude",
            "unknown: cannot_score",
            "unknown: {points",
            "weight:",
            "min:",
            "max:",
            "minimum_known:",
            "base: [",
            "exclude_when:",
            "objection: suspended",
            "past_publicity: counts",
            "order:",
            "start: none",
            "exactly:",
            "downgrade:",
            "effect: note",
            "half-up",
            "half-even",
            "rounding: down",
            "dimensions: [",
        ];
        let vocabulary = vocabulary();
        let texts: String = (0..400)
            .map(|seed| standards(&mut Random::new(seed), &vocabulary, Style::Anything))
            .map(|s| s.main + &s.nested.concat())
            .collect();
        let missing: Vec<_> = words.into_iter().filter(|word| !texts.contains(word)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn a_seed_fixes_the_scenario_and_its_subjects() {
        let vocabulary = vocabulary();
        let [a, b] = [11, 11].map(|seed| Scenario::new(seed, &vocabulary, Style::Anything));
        assert_eq!(a.to_string(), b.to_string());
        assert_eq!(a.subject(3), b.subject(3));
        assert_ne!(a.subject(3), b.subject(4));
    }
}
