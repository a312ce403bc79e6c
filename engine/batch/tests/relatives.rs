//! Whom relations lead to, in datasets of a few rows: one case a rule.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hengxin_batch::class_text;
use hengxin_batch::dataset::Dataset;
use hengxin_batch::manifest::Manifest;
use hengxin_batch::place::Place;
use hengxin_batch::reader::Wanted;
use hengxin_batch::relatives::{Relatives, Sight};
use hengxin_batch::row::Row;
use hengxin_batch::writer::{ShardWriter, shard_file};
use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::{Classes, Deliveries};
use hengxin_core::region::RegionCode;
use hengxin_core::relation::Reach;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Vocabulary;

const NOW: Moment = Moment(1_000_000);
const PERSON: u16 = 0;
const PARENT: u16 = 1;

fn subject(n: u32) -> Uscc {
    let body: [u8; 8] = format!("MAY{n:05}").into_bytes().try_into().expect("8 characters");
    Uscc::assemble(*b"91", RegionCode::from_digits(335_101).expect("a region"), body).expect("a code")
}

fn day(n: i32) -> Date {
    Date::from_days(n)
}

/// A dataset in the making.
struct Draft {
    vocabulary: Arc<Vocabulary>,
    classes: Classes,
    rows: Vec<Row>,
}

impl Draft {
    fn new() -> Draft {
        let standards = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../standards");
        let catalogue = hengxin_standard::Catalogue::load(&standards).expect("the shipped standards");
        Draft { vocabulary: catalogue.vocabulary, classes: Classes::default(), rows: Vec::new() }
    }

    fn row(&mut self, of: u32, class: &str, on: i32) -> &mut Row {
        let class = class_text::from_text(&self.vocabulary, class).expect("a class");
        let class = self.classes.intern(class);
        let fact = self.rows.len() as u64;
        self.rows.push(Row::new(subject(of), fact, class, day(on), Moment(1)));
        self.rows.last_mut().expect("pushed")
    }

    fn parent(&mut self, of: u32, parent: u32) -> &mut Row {
        let row = self.row(of, "relation;kind=parent", 100);
        row.related = Some(subject(parent).as_str().into());
        row
    }

    fn person(&mut self, of: u32, token: &str) -> &mut Row {
        let row = self.row(of, "relation;kind=responsible-person", 100);
        row.related = Some(token.into());
        row
    }

    fn listed(&mut self, of: u32) {
        self.row(of, "abnormal-operation", 50);
    }

    /// The relatives, each subject in a shard of its own when `apart`.
    fn relatives(mut self, apart: bool, since: Option<Moment>) -> Relatives {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::from(folder.path());
        self.rows.sort_by_key(|row| (row.subject, row.occurred_on));
        let mut shards = Vec::new();
        let alike = |a: &Row, b: &Row| !apart || a.subject == b.subject;
        for rows in self.rows.chunk_by(alike) {
            let mut writer = ShardWriter::new().expect("a writer");
            for row in rows {
                writer.push(row.clone(), &self.vocabulary, &self.classes).expect("in order");
            }
            let file = shard_file(shards.len());
            shards.extend(writer.finish(&self.vocabulary, &self.classes, &place, file).expect("written"));
        }
        let manifest = Manifest::new(&self.vocabulary, "a test".into(), NOW, Vec::new(), shards);
        manifest.write(&place).expect("written");
        let dataset = Dataset::open(place, Arc::clone(&self.vocabulary)).expect("a dataset");
        let sight = Sight {
            reach: reach(2),
            codes: vec![self.vocabulary.code_id("abnormal-operation").expect("a code")],
            wanted: Wanted::ALL,
            known_at: Moment(10),
        };
        Relatives::read(&dataset, &sight, since, 2, &AtomicBool::new(false)).expect("readable")
    }
}

/// Kind, steps, whom, and how many of the facts that are read; of every path from subject 1.
type Found = (u16, u8, Uscc, usize);

fn reach(depth: u8) -> Reach {
    Reach { kinds: vec![PERSON, PARENT], depth }
}

fn found(relatives: &Relatives) -> Vec<Found> {
    let (nobody, mut related) = (Deliveries::default(), Vec::new());
    relatives.of(subject(1), &reach(2), &nobody, &mut related).expect("few");
    related.iter().map(|r| (r.kind, r.depth, r.file.subject, r.file.facts.class.len())).collect()
}

/// Subject 1 has the relations `make` gives it; what is found is the same in one shard and in many.
#[track_caller]
fn check(make: impl Fn(&mut Draft), expected: &[Found]) {
    for apart in [false, true] {
        let mut rows = Draft::new();
        rows.row(1, "inspection", 40);
        make(&mut rows);
        assert_eq!(found(&rows.relatives(apart, None)), expected, "shards apart: {apart}");
    }
}

#[test]
fn a_parent_is_found_with_what_is_read_of_it() {
    let make = |rows: &mut Draft| {
        rows.parent(1, 2);
        rows.listed(2);
        rows.listed(2);
        rows.row(2, "inspection", 60);
    };
    check(make, &[(PARENT, 1, subject(2), 2)]);
}

#[test]
fn companies_that_share_a_person_find_each_other_and_not_by_another_kind() {
    let make = |rows: &mut Draft| {
        rows.person(1, "someone");
        rows.person(2, "someone");
        rows.person(3, "somebody else");
        rows.listed(2);
        rows.parent(4, 1);
    };
    check(make, &[(PERSON, 1, subject(2), 1)]);
}

#[test]
fn two_steps_are_followed_and_three_are_not() {
    let make = |rows: &mut Draft| {
        rows.parent(1, 2);
        rows.parent(2, 3);
        rows.parent(3, 4);
        rows.parent(4, 1);
    };
    check(make, &[(PARENT, 1, subject(2), 0), (PARENT, 2, subject(3), 0)]);
}

#[test]
fn what_was_withdrawn_or_is_learned_later_leads_nowhere() {
    let make = |rows: &mut Draft| {
        rows.parent(1, 2).known_until = Moment(10);
        rows.parent(1, 3).known_from = Moment(11);
        rows.listed(2);
        rows.listed(3);
    };
    check(make, &[]);
}

#[test]
fn a_path_holds_on_the_days_of_all_its_relations() {
    let mut rows = Draft::new();
    rows.parent(1, 2).ends_on = day(300);
    rows.parent(2, 3).occurred_on = day(200);
    let relatives = rows.relatives(true, None);
    let (nobody, mut related) = (Deliveries::default(), Vec::new());
    relatives.of(subject(1), &reach(2), &nobody, &mut related).expect("few");
    let days: Vec<(Date, Date)> = related.iter().map(|r| (r.since, r.until)).collect();
    assert_eq!(days, [(day(100), day(300)), (day(200), day(300))]);
}

#[test]
fn somebody_without_facts_is_there_with_an_empty_file() {
    let make = |rows: &mut Draft| {
        rows.parent(1, 9);
        rows.parent(1, 8);
        // Known only later: as if it were not there.
        rows.row(8, "abnormal-operation", 50).known_from = Moment(11);
    };
    check(make, &[(PARENT, 1, subject(8), 0), (PARENT, 1, subject(9), 0)]);
}

#[test]
fn a_person_named_by_a_whole_province_is_refused_rather_than_cut_short() {
    let many = |n: u32| {
        let mut rows = Draft::new();
        (1..=n).for_each(|of| _ = rows.person(of, "everyone"));
        rows.relatives(false, None)
    };
    let nobody = Deliveries::default();
    let told = |n, depth| many(n).of(subject(1), &reach(depth), &nobody, &mut Vec::new());
    assert!(told(5001, 1).is_ok());
    // What one standard may follow does not depend on what others follow in the same run.
    assert!(told(5001, 2).is_err());
    let problem = told(5002, 1).expect_err("too many");
    assert_eq!(problem.to_string(), "more than 5000 relations to follow");
}

#[test]
fn whoever_reaches_somebody_that_changed_is_told_also_over_relations_that_ended() {
    let mut rows = Draft::new();
    rows.parent(1, 2).known_until = Moment(3);
    rows.row(2, "abnormal-operation", 50).known_from = Moment(7);
    rows.parent(3, 4);
    rows.listed(4);
    rows.person(5, "someone");
    rows.person(6, "someone").known_from = Moment(7);
    let relatives = rows.relatives(true, Some(Moment(5)));
    let changed: Vec<u32> = (1..=6).filter(|n| relatives.changed(subject(*n), &reach(2))).collect();
    assert_eq!(changed, [1, 5]);
    let has: Vec<u32> = (1..=6).filter(|n| relatives.has(subject(*n), &reach(2))).collect();
    assert_eq!(has, [1, 3, 5, 6]);
}
