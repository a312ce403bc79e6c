//! Public data sets as histories, with the split on which other tools were measured.

#![allow(dead_code, reason = "not every test reads every set")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use hengxin_models::history::{Description, History, Label, Split};
use parquet::arrow::ArrowWriter;

/// A data set: its text as columns, the target and the value that means default.
pub struct Set {
    pub name: &'static str,
    pub names: Vec<String>,
    pub columns: Vec<Vec<String>>,
    pub target: &'static str,
    pub default: Label,
}

/// Where data that is not shipped may be: the folder that `HENGXIN_DATA` names, or `shared/data` beside the project.
fn outside(path: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folders = std::env::var_os("HENGXIN_DATA").map(PathBuf::from).into_iter().chain([beside]);
    let found = folders.map(|folder| folder.join(path)).find(|file| file.is_file());
    if found.is_none() {
        println!("SKIPPED: `{path}` is neither below HENGXIN_DATA nor in shared/data beside the project");
    }
    found
}

fn read_csv(text: &str, headers: bool) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::ReaderBuilder::new().has_headers(headers).from_reader(text.as_bytes());
    let names: Vec<String> = if headers {
        reader.headers().expect("a header").iter().map(ToOwned::to_owned).collect()
    } else {
        Vec::new()
    };
    let mut columns: Vec<Vec<String>> = Vec::new();
    for record in reader.records() {
        let record = record.expect("a record");
        columns.resize(record.len(), Vec::new());
        record.iter().zip(&mut columns).for_each(|(cell, column)| column.push(cell.trim().to_owned()));
    }
    (names, columns)
}

/// German Credit, shipped with the project.
pub fn german() -> Set {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/german-credit/germancredit.csv");
    let (names, columns) = read_csv(&std::fs::read_to_string(path).expect("shipped data"), true);
    Set { name: "german-credit", names, columns, target: "creditability", default: Label::Text("bad".into()) }
}

/// Defaults of credit-card clients; features as the reference took them, without the row number.
pub fn card_defaults() -> Option<Set> {
    let path = outside("uci-default-credit-card/UCI_Credit_Card.csv")?;
    let (mut names, mut columns) = read_csv(&std::fs::read_to_string(path).expect("text"), true);
    assert_eq!(names.remove(0), "ID");
    columns.remove(0);
    let (name, target) = ("card-defaults", "default.payment.next.month");
    Some(Set { name, names, columns, target, default: Label::Number(1.0) })
}

/// Bankruptcies of Polish companies, year 1; its names repeat, so columns are A1 to A64 and class.
pub fn polish() -> Option<Set> {
    let path = outside("polish-bankruptcy/1year.arff")?;
    let bytes = std::fs::read(path).expect("bytes");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let at = text.to_lowercase().find("@data").expect("data");
    let (_, columns) = read_csv(text[at + 5..].trim(), false);
    let names = (1..columns.len()).map(|i| format!("A{i}")).chain(["class".to_owned()]).collect();
    Some(Set { name: "polish-year-1", names, columns, target: "class", default: Label::Number(1.0) })
}

impl Set {
    /// Written as Parquet: numbers where every cell is one or missing (`?` or nothing), texts otherwise.
    pub fn open(&self, folder: &Path) -> History {
        let path = folder.join(format!("{}.parquet", self.name));
        let columns = self.names.iter().zip(&self.columns).map(|(name, cells)| {
            let missing = |cell: &str| cell.is_empty() || cell == "?";
            let number =
                |cell: &String| if missing(cell) { Some(None) } else { cell.parse::<f64>().ok().map(Some) };
            let numbers: Option<Vec<Option<f64>>> = cells.iter().map(number).collect();
            let array: ArrayRef = match numbers {
                Some(numbers) => Arc::new(Float64Array::from(numbers)),
                None => Arc::new(StringArray::from(cells.clone())),
            };
            (name.as_str(), array, true)
        });
        let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
        let file = std::fs::File::create(&path).expect("a file");
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
        writer.write(&batch).expect("written");
        writer.close().expect("closed");
        History::open(&[path], Description::of_target(self.target, self.default.clone())).expect("a history")
    }

    /// The rows that scikit-learn's `train_test_split(test_size=0.3, random_state=42, stratify=y)` holds out, one bit a
    /// row, from the most significant of each digit.
    pub fn split(&self, rows: usize) -> Split {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/split/{}.hex", self.name));
        let text = std::fs::read_to_string(path).expect("shipped rows");
        let bits: Vec<bool> = text
            .chars()
            .filter_map(|c| c.to_digit(16))
            .flat_map(|digit| (0..4).rev().map(move |bit| digit >> bit & 1 == 1))
            .collect();
        Split::by(rows, |row| bits[row])
    }
}
