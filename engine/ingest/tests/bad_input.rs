//! Files as they come: every bad one gets a precise error, and no row is lost.

use std::path::{Path, PathBuf};

use hengxin_core::vocabulary::Vocabulary;
use hengxin_ingest::mapping::Mapping;
use hengxin_ingest::records::{Accepted, Checked, Reader, Rejected, Rules};
use hengxin_ingest::table::{self, open};
use hengxin_standard::Catalogue;
use proptest::prelude::*;

const HEADER: &str =
    "行政相对人名称,CF_XDR_SHXYM,CF_WSH,CF_CFLB,CF_NR_FK,CF_JDRQ,CF_GSJZQ,CF_CFJG,CF_FR_ZJHM";
const CODE: &str = "91110101MA00000U27";

fn vocabulary() -> std::sync::Arc<Vocabulary> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../standards");
    Catalogue::load(&folder).expect("sound").vocabulary
}

/// A file of its own for each test; the name tells them apart.
fn file(name: &str, content: &[u8]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("hengxin-ingest-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    let path = folder.join(name);
    std::fs::write(&path, content).expect("the file of the test");
    path
}

#[derive(Default)]
struct Records {
    accepted: Vec<Accepted>,
    rejected: Vec<Rejected>,
}

fn read(path: &Path) -> Records {
    let vocabulary = vocabulary();
    let table = open(path).expect("a table");
    let mapping = Mapping::recognise(&table.header, &vocabulary).expect("a kind of fact");
    let protect = |text: &str| format!("id:{:032x}", text.len());
    let today = "2026-11-01".parse().expect("a date");
    let mut read = Records::default();
    for row in Reader::new(table, &mapping, Rules { vocabulary: &vocabulary, protect: &protect, today }) {
        match row.expect("a row") {
            Checked::Accepted(row) => read.accepted.push(row),
            Checked::Rejected(row) => read.rejected.push(row),
        }
    }
    read
}

#[test]
fn a_row_is_told_by_its_line_whatever_ends_the_lines() {
    for (name, end) in [("lf.csv", "\n"), ("crlf.csv", "\r\n")] {
        let text = [HEADER, "甲,X1,,,,,,,", "乙,\"X\n2\",,,,,,,", "丙,X3,,,,,,,", ""].join(end);
        let lines: Vec<u64> =
            read(&file(name, text.as_bytes())).rejected.iter().map(|row| row.line).collect();
        assert_eq!(lines, [2, 3, 5], "{name}");
    }
}

#[track_caller]
fn reasons(name: &str, row: &str) -> Vec<String> {
    let read = read(&file(name, format!("{HEADER}\n{row}\n").as_bytes()));
    assert!(read.accepted.is_empty(), "{:?}", read.accepted);
    read.rejected.into_iter().flat_map(|r| r.reasons).collect()
}

#[track_caller]
fn refused(name: &str, content: &[u8]) -> String {
    match open(&file(name, content)) {
        Ok(_) => panic!("{name} was opened"),
        Err(problem) => problem.to_string(),
    }
}

#[test]
fn a_good_row_becomes_a_record_with_exact_fen_and_no_identity_number() {
    let row =
        format!("甲公司,{CODE},罚字1号,罚款;没收违法所得,0.2,2024/1/5,2099/12/31,某局,110101199001011234\n");
    let read = read(&file("good.csv", format!("\u{feff}{HEADER}\r\n{row}").as_bytes()));
    assert_eq!(read.rejected, []);
    let draft = &read.accepted[0].draft;
    assert_eq!((draft.number, draft.occurred_on.to_string()), (Some(200_000), "2024-01-05".to_owned()));
    assert_eq!(draft.publicity_until, hengxin_core::date::Date::FOREVER, "2099/12/31 is long-term");
    assert!(!format!("{draft:?}").contains("110101199001011234"));
}

#[test]
fn gb18030_is_read_like_utf8() {
    let text = format!("{HEADER}\n甲公司,{CODE},罚字1号,罚款,1,2024-01-05,,某局,\n");
    let (bytes, _, _) = encoding_rs::GB18030.encode(&text);
    let read = read(&file("gb.csv", &bytes));
    assert_eq!(read.accepted[0].draft.subject_name.as_deref(), Some("甲公司"));
}

#[test]
fn every_fault_of_a_row_is_named() {
    let found = reasons("bad.csv", "甲公司,91110101MA00000U14,,罚金,\"1,000\",2024-02-30,2020-01-01,某局,");
    let all = found.join("\n");
    for expected in [
        "character 17, the check of the organisation code",
        "行政处罚决定书文号 (document_number): found nothing",
        "found `罚金`, expected one of 警告、通报批评、罚款",
        "found `1,000`, expected an amount without commas",
        "2024-02 has 29 days, found day 30",
    ] {
        assert!(all.contains(expected), "{expected} in:\n{all}");
    }
}

#[test]
fn a_day_in_the_future_is_refused() {
    let found = reasons("future.csv", &format!("甲,{CODE},1,罚款,1,2026-11-02,,某局,"));
    assert_eq!(
        found,
        ["处罚决定日期 (decided_on): found `2026-11-02`, in the future, expected a day up to 2026-11-01"]
    );
}

#[test]
fn an_end_before_the_beginning_is_refused() {
    let found = reasons("order.csv", &format!("甲,{CODE},1,罚款,1,2024-01-05,2023-01-01,某局,"));
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("expected a day on or after 2024-01-05"), "{found:?}");
}

#[test]
fn a_quote_that_is_never_closed_refuses_the_file_and_not_one_row() {
    let good = format!("甲,{CODE},1,罚款,1,2024-01-05,,某局,\n");
    let text = format!("{HEADER}\n\"甲,{CODE},0,罚款,1,2024-01-05,,某局,\n{}", good.repeat(2000));
    let mut table = open(&file("quote.csv", text.as_bytes())).expect("a table");
    let problem = table.rows.find_map(Result::err).expect("refused").to_string();
    assert!(
        problem.contains("found a cell that goes from line 2 over 2001 further lines, expected the quote"),
        "{problem}"
    );
}

#[test]
fn identity_numbers_are_not_kept_in_clear_even_when_cells_have_shifted() {
    let row = format!("甲,公司,{CODE},1,罚款,1,2024-01-05,,某局,110101199001011234");
    let read = read(&file("shifted.csv", format!("{HEADER}\n{row}\n").as_bytes()));
    let text = format!("{:?}", read.rejected);
    assert!(text.contains("found 10 cells, expected 9 as in the header"), "{text}");
    assert!(!text.contains("110101199001011234"), "{text}");
}

#[test]
fn a_row_of_ten_megabytes_is_rejected_and_the_next_one_read() {
    let huge = "x".repeat(10 << 20);
    let rows =
        format!("{HEADER}\n{huge},{CODE},1,罚款,1,2024-01-05,,某局,\n甲,{CODE},2,罚款,1,2024-01-05,,某局,\n");
    let read = read(&file("huge.csv", rows.as_bytes()));
    assert_eq!(read.accepted.len(), 1);
    assert!(
        read.rejected[0].reasons[0].contains("expected at most 1048576"),
        "{:?}",
        read.rejected[0].reasons
    );
    assert!(read.rejected[0].cells[0].1.len() < 1000, "what is kept is short");
}

#[test]
fn a_missing_column_is_named_with_what_it_may_be_called() {
    let vocabulary = vocabulary();
    let header: Vec<String> =
        "行政相对人名称,CF_XDR_SHXYM,CF_CFLB,CF_JDRQ,CF_CFJG".split(',').map(str::to_owned).collect();
    let penalty = vocabulary.code_id("administrative-penalty").expect("a code");
    let problem = Mapping::to(penalty, &header, &vocabulary).expect_err("refused").to_string();
    assert_eq!(
        problem,
        "no column for 行政处罚决定书文号; expected one of 行政处罚决定书文号, document_number, CF_WSH"
    );
    let problem = Mapping::recognise(&header, &vocabulary).expect_err("refused").to_string();
    assert!(problem.contains("nearest is 行政处罚, which lacks 行政处罚决定书文号"), "{problem}");
}

#[test]
fn files_of_another_kind_are_refused_by_what_they_are() {
    assert!(refused("empty.csv", b"").contains("found an empty file"));
    assert!(refused("zip.csv", b"PK\x03\x04rest").contains("found a ZIP archive"));
    assert!(refused("old.xlsx", b"\xd0\xcf\x11\xe0rest").contains("an old Office file"));
    assert!(refused("text.xlsx", b"a,b").contains("found text, expected an XLSX workbook"));
    assert!(refused("cut.parquet", b"PAR1").contains("cannot be read"));
    assert!(refused("neither.csv", b"a,b\n\xff\xff\xff,1\n").contains("neither UTF-8 nor GB18030"));
    assert!(refused("a.doc", b"text").contains("expected a file ending in .csv"));
}

#[test]
fn workbooks_give_dates_numbers_and_leading_zeros_as_people_see_them() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (i, title) in HEADER.split(',').enumerate() {
        sheet.write(0, u16::try_from(i).expect("few"), title).expect("a cell");
    }
    let date = rust_xlsxwriter::ExcelDateTime::from_ymd(2024, 1, 5).expect("a date");
    let format = rust_xlsxwriter::Format::new().set_num_format("yyyy-mm-dd");
    for (i, text) in ["甲", CODE, "007", "罚款"].iter().enumerate() {
        sheet.write(1, u16::try_from(i).expect("few"), *text).expect("a cell");
    }
    sheet.write(1, 4, 3.0).expect("a cell");
    sheet.write_datetime_with_format(1, 5, &date, &format).expect("a cell");
    sheet.write(1, 7, "某局").expect("a cell");
    let bytes = book.save_to_buffer().expect("a workbook");
    let records = read(&file("good.xlsx", &bytes));
    assert_eq!(records.rejected, []);
    let draft = &records.accepted[0].draft;
    assert_eq!((draft.occurred_on.to_string(), draft.number), ("2024-01-05".to_owned(), Some(3_000_000)));
    assert!(draft.key.starts_with("007"), "{}", draft.key);
    assert!(refused("cut.xlsx", &bytes[..bytes.len() / 2]).contains("cannot be read"));
}

#[test]
fn two_cells_in_opposite_corners_of_a_sheet_are_two_cells() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (i, title) in HEADER.split(',').enumerate() {
        sheet.write(0, u16::try_from(i).expect("few"), title).expect("a cell");
    }
    sheet.write(1_048_575, 16_383, "x").expect("a cell");
    book.add_worksheet().set_name("第二页").expect("a name").write(0, 0, "y").expect("a cell");
    let path = file("corners.xlsx", &book.save_to_buffer().expect("a workbook"));
    let read = read(&path);
    assert_eq!(
        read.rejected[0].reasons,
        ["the row: found a value in column 16384, expected 9 columns as in the header"]
    );
    assert_eq!(open(&path).expect("a table").unread_sheets, ["第二页"]);
}

#[test]
fn parquet_rows_are_read_by_column_name() {
    use parquet::data_type::{ByteArray, ByteArrayType};
    use parquet::file::writer::SerializedFileWriter;
    let columns = ["行政相对人名称", "CF_XDR_SHXYM", "CF_WSH", "CF_CFLB", "CF_JDRQ", "CF_CFJG"];
    let fields: String = columns.iter().map(|c| format!("REQUIRED BYTE_ARRAY {c} (UTF8);")).collect();
    let schema =
        parquet::schema::parser::parse_message_type(&format!("message m {{ {fields} }}")).expect("a schema");
    let mut bytes = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut bytes, schema.into(), std::sync::Arc::default()).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    for text in ["甲", CODE, "1", "罚款", "2024-01-05", "某局"] {
        let mut column = group.next_column().expect("a column").expect("one more");
        column.typed::<ByteArrayType>().write_batch(&[ByteArray::from(text)], None, None).expect("a value");
        column.close().expect("closed");
    }
    group.close().expect("closed");
    writer.close().expect("closed");
    let read = read(&file("good.parquet", &bytes));
    assert_eq!((read.accepted.len(), read.rejected.len()), (1, 0));
}

proptest! {
    #[test]
    fn no_bytes_panic_in_any_format(bytes in proptest::collection::vec(any::<u8>(), 0..400), kind in 0usize..3) {
        let name = ["p.csv", "p.xlsx", "p.parquet"][kind];
        let magic = [&b"a,b\n"[..], b"PK\x03\x04", b"PAR1"][kind];
        let content: Vec<u8> = magic.iter().chain(&bytes).copied().collect();
        if let Ok(table) = table::open(&file(name, &content)) {
            prop_assert!(table.rows.count() <= content.len());
        }
    }
}
