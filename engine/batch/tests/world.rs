//! The synthetic world: nobody missing, nothing missing, the same everywhere, and it goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hengxin_batch::dataset::Dataset;
use hengxin_batch::manifest::Manifest;
use hengxin_batch::reader::{ClassBook, Wanted};
use hengxin_batch::world::{Options, generate};
use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::Deliveries;
use hengxin_core::vocabulary::{FieldKind, Vocabulary};

fn vocabulary() -> Arc<Vocabulary> {
    let standards = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../standards");
    Arc::clone(&hengxin_standard::Catalogue::load(&standards).expect("the shipped standards").vocabulary)
}

fn world(enterprises: u64, through: &str, threads: usize) -> (tempfile::TempDir, Manifest) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { enterprises, seed: 7, through: through.parse().expect("a day"), threads };
    let manifest = generate(&vocabulary(), &options, &folder.path().into(), &|_, _| {}).expect("a world");
    (folder, manifest)
}

fn dataset(folder: &Path) -> Dataset {
    Dataset::open(folder.into(), vocabulary()).expect("a dataset")
}

/// What is known at a moment, by subject: everything the kernel would see.
fn view(folder: &Path, known_at: Moment) -> BTreeMap<String, String> {
    let dataset = dataset(folder);
    let mut found = BTreeMap::new();
    for shard in &dataset.manifest.shards {
        let mut book = ClassBook::new(vocabulary());
        let file = dataset.shard(shard).expect("a shard");
        let none = Deliveries::default();
        file.subjects(&mut book, &none, Wanted::ALL, None, known_at, &mut |book, subject| {
            let facts = subject.file.facts;
            let classes: Vec<_> = facts.class.iter().map(|c| book.classes().class(*c)).collect();
            let said = format!("{classes:?} {facts:?} {:?}", subject.file.registrations);
            if !facts.is_empty() {
                // Ids of classes are the reader's own.
                let said = said.replace(&format!("{:?}", facts.class), "");
                found.insert(subject.file.subject.to_string(), said);
            }
            Ok(())
        })
        .expect("readable");
    }
    found
}

fn end_of(day: &str) -> Moment {
    let day: Date = day.parse().expect("a day");
    Moment(i64::from(day.days() + 1) * 86_400_000_000 - 1)
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let (one, first) = world(40_000, "2021-03-31", 1);
    let (three, second) = world(40_000, "2021-03-31", 3);
    assert_eq!(first, second);
    assert!(first.shards.len() > 1, "several shards");
    for shard in &first.shards {
        let read =
            |folder: &tempfile::TempDir| std::fs::read(folder.path().join(&shard.file)).expect("bytes");
        assert!(read(&one) == read(&three), "{}", shard.file);
    }
}

#[test]
fn every_code_and_every_value_of_its_attributes_occurs() {
    let (folder, manifest) = world(12_000, "2026-10-31", 2);
    assert_eq!(manifest.subjects, 12_000, "all enterprises, on the reference day");
    let mean = manifest.rows as f64 / manifest.subjects as f64;
    assert!((15.0..28.0).contains(&mean), "{mean} rows a subject");
    let dataset = dataset(folder.path());
    let vocabulary = vocabulary();
    let mut met: BTreeSet<(u16, usize, usize)> = BTreeSet::new();
    let mut codes = BTreeSet::new();
    let (mut few, mut most) = (0, 0);
    for shard in &dataset.manifest.shards {
        let mut book = ClassBook::new(Arc::clone(&vocabulary));
        let file = dataset.shard(shard).expect("a shard");
        file.subjects(
            &mut book,
            &Deliveries::default(),
            Wanted::ALL,
            None,
            end_of("2026-10-31"),
            &mut |_, subject| {
                few += usize::from(subject.file.facts.len() <= 12);
                most = most.max(subject.file.facts.len());
                Ok(())
            },
        )
        .expect("readable");
        for class in book.classes().as_slice() {
            codes.insert(class.code.0);
            let code = vocabulary.code(class.code);
            for (position, value) in class.values.iter().enumerate() {
                let field = &code.fields[code.class_fields[position]];
                if let FieldKind::Set(values) = &field.kind {
                    let held = (0..values.len()).filter(|i| value >> i & 1 == 1);
                    met.extend(held.map(|i| (class.code.0, position, i)));
                } else if let Some(i) = value.checked_sub(1) {
                    met.insert((class.code.0, position, usize::try_from(i).expect("small")));
                }
            }
        }
    }
    assert!(most > 1000, "a long tail: {most}");
    assert!((5000..10_000).contains(&few), "most have few rows: {few}");
    for (id, code) in (0u16..).zip(&vocabulary.codes) {
        assert!(codes.contains(&id), "no `{}`", code.id);
        for (position, field) in code.class_fields.iter().enumerate() {
            for (i, value) in code.fields[*field].values().iter().enumerate() {
                let field = &code.fields[*field].id;
                assert!(met.contains(&(id, position, i)), "no `{}.{field}={}`", code.id, value.id);
            }
        }
    }
}

#[test]
fn a_later_world_was_the_earlier_one() {
    let (before, _) = world(1500, "2026-10-31", 2);
    let (after, _) = world(1500, "2026-11-10", 2);
    let earlier = view(before.path(), end_of("2026-10-31"));
    assert!(earlier == view(after.path(), end_of("2026-10-31")), "what was known then");
    let later = view(after.path(), end_of("2026-11-10"));
    let touched = later.iter().filter(|(code, said)| earlier.get(*code) != Some(*said)).count();
    // Ten days at half a percent to one.
    assert!((50..200).contains(&touched), "{touched} of 1500 subjects");
}

#[test]
fn a_folder_with_a_dataset_is_left_as_it_is() {
    let (folder, _) = world(3, "2026-10-31", 1);
    let options = Options { enterprises: 3, seed: 8, through: Date::from_days(20_757), threads: 1 };
    let problem = generate(&vocabulary(), &options, &folder.path().into(), &|_, _| {}).expect_err("refused");
    let file: PathBuf = folder.path().join("dataset.json");
    assert_eq!(
        problem.to_string(),
        format!(
            "{}: found a dataset, expected a folder without one; choose another folder, or remove it first",
            file.display()
        )
    );
}
