//! Files that authorities exchange.

use std::path::PathBuf;
use std::{env, fs, process, thread};

use hengxin_ingest::mapping::Mapping;
use hengxin_ingest::records::{Checked, Reader, Rules};
use hengxin_ingest::table;
use hengxin_service::use_case::export::file::Rows;
use hengxin_service::use_case::export::row::{first_line, marked_line};

use super::SHIPPED;

/// UTF-8 or GB18030, by its content.
pub(crate) fn csv(input: &[u8]) -> bool {
    read("csv", input)
}

pub(crate) fn workbooks(input: &[u8]) -> bool {
    read("xlsx", input)
}

pub(crate) fn parquet(input: &[u8]) -> bool {
    read("parquet", input)
}

/// Rows of a bulk export; what was read, written as an export and read again, is the same.
pub(crate) fn exports(input: &[u8]) -> bool {
    let rows = match Rows::open(input) {
        Ok(rows) => rows,
        Err(problem) => {
            assert!(!problem.to_string().is_empty());
            return false;
        }
    };
    for found in rows {
        let Ok(found) = found else { return false };
        let file = format!("{}{}", first_line(), marked_line(&found.row.line(), "mark"));
        let again: Vec<_> = Rows::open(file.as_bytes()).expect("the names of columns").collect();
        let [Ok(again)] = again.as_slice() else { panic!("{again:?}") };
        assert_eq!((&again.row, again.mark.as_str()), (&found.row, "mark"));
    }
    true
}

/// Reads a file as far as it goes: every row becomes a record or a reject with reasons.
fn read(ending: &str, input: &[u8]) -> bool {
    let name = format!("hengxin-fuzz-{}-{:?}.{ending}", process::id(), thread::current().id());
    let path: PathBuf = env::temp_dir().join(name);
    fs::write(&path, input).expect("written");
    let read = table::open(&path);
    fs::remove_file(&path).expect("removed");
    let table = match read {
        Ok(table) => table,
        Err(problem) => {
            assert!(!problem.to_string().is_empty());
            return false;
        }
    };
    let vocabulary = &SHIPPED.vocabulary;
    let mapping = match Mapping::recognise(&table.header, vocabulary) {
        Ok(mapping) => mapping,
        Err(problem) => {
            assert!(!problem.to_string().is_empty());
            assert!(table.rows.take(1 << 20).count() < 1 << 20, "rows come to an end");
            return false;
        }
    };
    let protect = |_: &str| "id:00000000000000000000000000000000".to_owned();
    let rules = Rules { vocabulary, protect: &protect, today: "2026-11-01".parse().expect("a date") };
    let mut accepted = false;
    for row in Reader::new(table, &mapping, rules) {
        match row {
            Ok(Checked::Accepted(_)) => accepted = true,
            Ok(Checked::Rejected(row)) => assert!(!row.reasons.is_empty(), "a reject has its reasons"),
            Err(problem) => assert!(!problem.to_string().is_empty()),
        }
    }
    accepted
}
