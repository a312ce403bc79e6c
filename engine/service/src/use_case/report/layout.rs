//! What stands where in a report: `layout.json` beside this file.
//!
//! Sections of the public report come in the order of the national one (公共信用信息报告, layout V2.0; `docs/reports.md`
//! says where it was seen). Every code of the vocabulary has its place, or is left out by name: a test holds the two
//! files together.

use std::sync::LazyLock;

use serde::Deserialize;

/// See the module.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Sections of the public report.
    pub public: Vec<Section>,
    /// Sections of the special report, which speaks of what counts against an enterprise alone.
    pub special: Vec<Section>,
    /// Codes that stand in no section.
    pub left_out: Vec<LeftOut>,
    /// What reports say of themselves.
    pub statements: Statements,
}

/// A section.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Its id.
    pub id: String,
    /// Its title, with its number.
    pub title: String,
    /// The codes whose facts stand in it.
    pub codes: Vec<String>,
}

/// A code that stands in no section.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The code.
    pub code: String,
    /// Why.
    pub why: String,
}

/// Sentences by report.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statements {
    /// Of all reports, after those of their own.
    pub all: Vec<String>,
    /// Of the public report.
    pub public: Vec<String>,
    /// Of the evaluation report.
    pub evaluation: Vec<String>,
    /// Of the special report.
    pub special: Vec<String>,
}

/// The layout this program was built with.
pub static LAYOUT: LazyLock<Layout> = LazyLock::new(|| {
    serde_json::from_str(include_str!("layout.json")).unwrap_or_else(|error| panic!("layout.json: {error}"))
});

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hengxin_core::vocabulary::{Polarity, Vocabulary};
    use hengxin_standard::Catalogue;

    use super::*;

    fn shipped() -> Vocabulary {
        let text = include_str!("../../../../../standards/vocabulary.yaml").to_owned();
        let catalogue = Catalogue::from_files(vec![("vocabulary.yaml".to_owned(), text)]).expect("sound");
        Vocabulary::clone(&catalogue.vocabulary)
    }

    /// Codes of sections and those left out, which must be `expected` and each once.
    #[track_caller]
    fn check(sections: &[Section], left_out: &BTreeSet<&str>, expected: &BTreeSet<&str>) {
        let mut found = left_out.clone();
        for code in sections.iter().flat_map(|section| &section.codes) {
            assert!(found.insert(code), "`{code}` stands in two places");
        }
        let missing: Vec<_> = expected.difference(&found).collect();
        let unknown: Vec<_> = found.difference(expected).collect();
        assert!(
            missing.is_empty(),
            "no section has {missing:?}: give each a place in layout.json, or leave it out"
        );
        assert!(unknown.is_empty(), "the vocabulary has no {unknown:?}");
    }

    #[test]
    fn every_code_of_the_vocabulary_has_one_place_in_the_public_report_or_is_left_out_by_name() {
        let vocabulary = shipped();
        let left_out: BTreeSet<&str> = LAYOUT.left_out.iter().map(|left| left.code.as_str()).collect();
        let all = vocabulary.codes.iter().map(|code| code.id.as_str()).collect();
        check(&LAYOUT.public, &left_out, &all);
    }

    #[test]
    fn every_code_that_counts_against_an_enterprise_has_one_place_in_the_special_report() {
        let vocabulary = shipped();
        let mut adverse: BTreeSet<&str> = vocabulary
            .codes
            .iter()
            .filter(|code| code.polarity == Polarity::Adverse)
            .map(|code| code.id.as_str())
            .collect();
        for left in &LAYOUT.left_out {
            adverse.remove(left.code.as_str());
        }
        check(&LAYOUT.special, &BTreeSet::new(), &adverse);
    }

    #[test]
    fn the_public_report_has_nine_sections_in_the_national_order() {
        let ids: Vec<&str> = LAYOUT.public.iter().map(|section| section.id.as_str()).collect();
        let national = [
            "registration",
            "administration",
            "honours",
            "serious-dishonesty",
            "abnormal-operation",
            "commitments",
            "evaluations",
            "judicial",
            "other",
        ];
        assert_eq!(ids, national);
    }
}
