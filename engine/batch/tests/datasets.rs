//! Datasets that are wrong, each in one way, and what is said about them; and unsorted rows made into datasets.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hengxin_batch::check::{Report, check};
use hengxin_batch::manifest::{Manifest, Shard};
use hengxin_batch::place::Place;
use hengxin_batch::row::Row;
use hengxin_batch::sort::{Options, Sorted, sort};
use hengxin_batch::world;
use hengxin_batch::writer::ShardWriter;
use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::{Class, Classes};
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Vocabulary;

fn vocabulary() -> Arc<Vocabulary> {
    let standards = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../standards");
    Arc::clone(&hengxin_standard::Catalogue::load(&standards).expect("the shipped standards").vocabulary)
}

fn subject(n: u32) -> Uscc {
    let body: [u8; 8] = format!("MAY{n:05}").into_bytes().try_into().expect("8 characters");
    Uscc::assemble(*b"91", RegionCode::from_digits(335_101).expect("a region"), body).expect("a code")
}

/// A dataset in the making.
struct Made {
    folder: tempfile::TempDir,
    vocabulary: Arc<Vocabulary>,
    classes: Classes,
    shards: Vec<Shard>,
}

impl Made {
    fn new() -> Made {
        let vocabulary = vocabulary();
        let mut classes = Classes::default();
        let code = vocabulary.code_id("inspection").expect("a code");
        classes.intern(Class { code, values: vec![1, 1].into() });
        Made { folder: tempfile::tempdir().expect("a folder"), vocabulary, classes, shards: Vec::new() }
    }

    fn place(&self) -> Place {
        self.folder.path().into()
    }

    fn row(subject: u32, day: i32, fact: u64) -> Row {
        Row::new(self::subject(subject), fact, 0, Date::from_days(day), Moment(1_000_000))
    }

    /// A shard of rows that are in order.
    fn shard(&mut self, rows: impl IntoIterator<Item = Row>) {
        let mut writer = ShardWriter::new().expect("a writer");
        for row in rows {
            writer.push(row, &self.vocabulary, &self.classes).expect("in order");
        }
        let file = hengxin_batch::writer::shard_file(self.shards.len());
        let shard = writer.finish(&self.vocabulary, &self.classes, &self.place(), file).expect("written");
        self.shards.extend(shard);
    }

    fn manifest(&self) {
        let shards = self.shards.clone();
        let manifest =
            Manifest::new(&self.vocabulary, "a test".into(), Moment(1_000_000), Vec::new(), shards);
        manifest.write(&self.place()).expect("written");
    }

    fn path(&self, n: usize) -> PathBuf {
        self.folder.path().join(&self.shards[n].file)
    }

    fn check(&self) -> Report {
        check(&self.place(), &self.vocabulary, 2, &|_, _| {}).expect("checked")
    }

    /// The faults of the dataset, with its folder left out.
    #[track_caller]
    fn faults(&self, expected: &[&str]) {
        let report = self.check();
        let folder = format!("{}/", self.folder.path().display());
        let told: Vec<String> = report.faults.iter().map(|f| f.to_string().replace(&folder, "")).collect();
        let matches = told.len() == expected.len() && told.iter().zip(expected).all(|(t, e)| t.contains(e));
        assert!(matches, "expected {expected:#?}\nfound {told:#?}");
        assert_eq!(report.fault_count, expected.len() as u64);
    }
}

#[test]
fn a_dataset_in_order_has_no_faults() {
    let mut made = Made::new();
    made.shard([Made::row(1, 10, 1), Made::row(1, 10, 2), Made::row(2, 5, 1)]);
    made.shard([Made::row(3, 10, 1)]);
    made.manifest();
    made.faults(&[]);
    let report = made.check();
    assert_eq!((report.shards, report.subjects, report.rows), (2, 3, 4));
}

#[test]
fn a_subject_in_two_shards_is_told() {
    let mut made = Made::new();
    made.shard([Made::row(1, 10, 1), Made::row(2, 10, 1)]);
    made.shard([Made::row(2, 11, 1), Made::row(3, 10, 1)]);
    made.manifest();
    made.faults(&["dataset.json: found shards/000001.parquet from 91335101MAY00002"]);
    made.faults(&[
        "expected shards in ascending order whose subjects do not overlap: no subject in two of them",
    ]);
}

#[test]
fn a_changed_byte_and_a_cut_file_are_told() {
    let mut made = Made::new();
    made.shard([Made::row(1, 10, 1), Made::row(1, 11, 2)]);
    made.shard([Made::row(2, 10, 1)]);
    made.shard([Made::row(3, 10, 1)]);
    made.manifest();
    let mut bytes = std::fs::read(made.path(0)).expect("bytes");
    // Within the name of the program that wrote it: the file can still be read.
    let at = bytes.windows(7).rposition(|w| w == b"hengxin").expect("its writer");
    bytes[at] = b'H';
    std::fs::write(made.path(0), bytes).expect("written");
    let bytes = std::fs::read(made.path(1)).expect("bytes");
    std::fs::write(made.path(1), &bytes[..bytes.len() - 5]).expect("written");
    std::fs::remove_file(made.path(2)).expect("removed");
    made.faults(&[
        "shards/000000.parquet: found ",
        "shards/000001.parquet: found ",
        "shards/000001.parquet: found Parquet error",
        "shards/000002.parquet: found no such file, expected the shard its manifest names",
    ]);
}

#[test]
fn two_versions_known_at_once_are_told() {
    let mut made = Made::new();
    let mut first = Made::row(1, 10, 7);
    first.known_until = Moment(3_000_000);
    let mut second = Made::row(1, 12, 7);
    second.known_from = Moment(2_000_000);
    made.shard([first, second]);
    made.manifest();
    made.faults(&[
        "shards/000000.parquet, row 2, column `known_from`: found fact 0000000000000007 of 91335101MAY00001",
    ]);
}

#[test]
fn a_shard_that_is_not_its_manifests_is_told() {
    let mut made = Made::new();
    made.shard([Made::row(1, 10, 1), Made::row(2, 11, 2)]);
    made.shards[0].rows = 3;
    made.shards[0].subjects = 3;
    made.shards[0].last = subject(4).to_string();
    made.manifest();
    made.faults(&[
        "found 2 rows, expected 3 rows, as its manifest says",
        "found 2 subjects, expected 3 subjects, as its manifest says",
        "as its last subject, expected `91335101MAY00004",
    ]);
}

#[test]
fn counts_whose_sum_is_no_count_are_told() {
    let mut made = Made::new();
    made.shard([Made::row(1, 10, 1)]);
    made.shard([Made::row(2, 10, 1)]);
    made.manifest();
    let path = made.folder.path().join("dataset.json");
    let sound = std::fs::read_to_string(&path).expect("a manifest");
    let great = sound.replace("\"subjects\": 1,", "\"subjects\": 18446744073709551615,");
    assert_ne!(great, sound);
    std::fs::write(&path, great).expect("written");
    let error = Manifest::read(&made.place()).expect_err("too many").to_string();
    let expected = "found 2 subjects, expected 36893488147419103230 subjects, the sum of its shards";
    assert!(error.contains(expected), "{error}");
    assert!(made.check().fault_count > 0);
}

/// Sorts the shards of a dataset, given in any order.
fn sorted(inputs: &[PathBuf], memory: usize) -> (tempfile::TempDir, Manifest, Sorted) {
    let out = tempfile::tempdir().expect("a folder");
    let options = Options { memory, deliveries: Vec::new(), temporary: std::env::temp_dir() };
    let (manifest, counts) =
        sort(inputs, &vocabulary(), &options, &out.path().into(), None, &|_| {}).expect("sorted");
    (out, manifest, counts)
}

#[test]
fn sorting_gives_the_same_shards_whatever_the_order_and_the_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let through = "2021-12-31".parse().expect("a day");
    let options = world::Options { enterprises: 45_000, seed: 3, through, threads: 2 };
    let place: Place = folder.path().into();
    let made = world::generate(&vocabulary(), &options, &place, &|_, _| {}).expect("a world");
    assert!(made.shards.len() > 1);
    // Backwards, and the first of them twice.
    let mut inputs: Vec<PathBuf> = made.shards.iter().rev().map(|s| folder.path().join(&s.file)).collect();
    inputs.push(folder.path().join(&made.shards[0].file));
    for memory in [16 << 20, 1 << 30] {
        let (_out, manifest, counts) = sorted(&inputs, memory);
        assert_eq!(counts.runs > 1, memory < 1 << 30, "{} runs", counts.runs);
        assert_eq!(counts.duplicates, made.shards[0].rows);
        assert_eq!(manifest.shards, made.shards, "byte for byte");
    }
}

#[test]
fn contradictions_are_refused_or_put_aside() {
    let mut made = Made::new();
    made.shard([Made::row(1, 10, 1), Made::row(1, 11, 2)]);
    let mut other = Made::row(1, 10, 1);
    other.number = 5;
    made.shard([other, Made::row(2, 1, 1)]);
    let inputs = [made.path(0), made.path(1)];
    let options = Options { memory: 16 << 20, deliveries: Vec::new(), temporary: std::env::temp_dir() };
    let out = tempfile::tempdir().expect("a folder");
    let place: Place = out.path().into();
    let problem = sort(&inputs, &vocabulary(), &options, &place, None, &|_| {}).expect_err("refused");
    let (first, second) = (inputs[0].display(), inputs[1].display());
    assert_eq!(
        problem.to_string(),
        format!(
            "{second}, row 1, column `known_from`: found fact 0000000000000001 of {}, of which {first}, row 1 says \
             something else at the same moment, expected one version of a record known at a time",
            subject(1)
        )
    );
    assert!(!out.path().join("dataset.json").exists(), "nothing half-visible");
    let mut kept = Vec::new();
    let mut keep = |fault: &hengxin_batch::check::Fault,
                    values: &serde_json::Map<String, serde_json::Value>| {
        kept.push((fault.row, values["class"].to_string()));
        Ok(())
    };
    let (manifest, counts) =
        sort(&inputs, &vocabulary(), &options, &place, Some(&mut keep), &|_| {}).expect("sorted");
    assert_eq!((manifest.rows, counts.quarantined), (3, 1));
    assert_eq!(kept, [(Some(1), "\"inspection;field=market-regulation;result=passed\"".to_owned())]);
}

#[test]
fn unsorted_rows_are_told_one_by_one() {
    use arrow_array::{
        ArrayRef, Date32Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array,
    };
    let mut made = Made::new();
    made.shard([Made::row(1, 10, 1), Made::row(2, 10, 1)]);
    let (one, two) = (subject(1).to_string(), subject(2).to_string());
    let columns: [(&str, ArrayRef); 5] = [
        ("subject", Arc::new(StringArray::from(vec![two.as_str(), &two, &one]))),
        ("class", Arc::new(StringArray::from(vec!["inspection;result=passed"; 3]))),
        ("occurred_on", Arc::new(Date32Array::from(vec![9, 8, 10]))),
        ("known_from", Arc::new(TimestampMicrosecondArray::from(vec![1; 3]))),
        ("fact", Arc::new(UInt64Array::from(vec![1, 2, 3]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    let bytes = writer.into_inner().expect("closed");
    made.shards[0].rows = 3;
    made.shards[0].bytes = bytes.len() as u64;
    made.shards[0].sha256 = hengxin_batch::digest::sha256(&bytes);
    std::fs::write(made.path(0), bytes).expect("written");
    made.manifest();
    made.faults(&[
        "shards/000000.parquet, row 2, column `occurred_on`: found 1970-01-09 0000000000000002 after 1970-01-10",
        "shards/000000.parquet, row 3, column `subject`: found `91335101MAY00001",
        "as its first subject, expected `91335101MAY00001",
        "as its last subject, expected `91335101MAY00002",
    ]);
}
