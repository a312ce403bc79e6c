//! The same rows in every form authorities write give the same facts.

use std::path::Path;

use parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
use parquet::file::writer::SerializedFileWriter;

use crate::rig::{CODE, HEADER, Rig, penalty, table};

/// The ledger after this file alone.
fn facts(name: &str, content: &[u8]) -> Vec<String> {
    let rig = Rig::new();
    let path = rig.file(name, content);
    rig.run(&["ingest", &path]).done();
    let (facts, aside) = rig.ledger();
    assert_eq!(aside, 0, "{}", rig.run(&["quarantine", "list"]).out);
    facts
}

#[test]
fn text_in_any_encoding_and_dates_in_any_form_give_the_same_facts() {
    let plain = table(&[penalty("1", "0.2", "2024-01-05"), penalty("2", "1", "2023-12-31")]);
    let expected = facts("plain.csv", plain.as_bytes());
    assert_eq!(expected.len(), 2);
    // 20,000 yuan are 200,000 fen in ten thousand yuan of 0.2; long-term publicity has no last day.
    assert!(expected[1].ends_with("||200000"), "{}", expected[1]);
    let gb = encoding_rs::GB18030.encode(&plain).0.into_owned();
    let forms: [(&str, Vec<u8>); 6] = [
        ("bom.csv", format!("\u{feff}{plain}").into_bytes()),
        ("crlf.csv", plain.replace('\n', "\r\n").into_bytes()),
        ("gb.csv", gb),
        ("tabs.tsv", plain.replace(',', "\t").into_bytes()),
        ("slashes.csv", plain.replace("2024-01-05", "2024/1/5").into_bytes()),
        ("long.csv", plain.replace("2099/12/31", "长期").into_bytes()),
    ];
    for (name, content) in forms {
        assert_eq!(facts(name, &content), expected, "{name}");
    }
}

#[test]
fn a_parquet_file_gives_the_facts_of_the_text() {
    let expected = facts("plain.csv", table(&[penalty("1", "0.2", "2024-01-05")]).as_bytes());
    let fields: String = HEADER
        .split(',')
        .map(|c| match c {
            "CF_JDRQ" => format!("REQUIRED INT32 {c} (DATE);"),
            _ => format!("REQUIRED BYTE_ARRAY {c} (UTF8);"),
        })
        .collect();
    let schema = parquet::schema::parser::parse_message_type(&format!("message m {{ {fields} }}"));
    let mut bytes = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut bytes, schema.expect("a schema").into(), std::sync::Arc::default())
            .expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    let texts = ["甲公司", CODE, "1", "罚款", "0.2", "", "2099/12/31", "某局"];
    for text in texts {
        let mut column = group.next_column().expect("a column").expect("one more");
        if text.is_empty() {
            // 2024-01-05 in days since 1970.
            column.typed::<Int32Type>().write_batch(&[19_727], None, None).expect("a day");
        } else {
            let value = ByteArray::from(text);
            column.typed::<ByteArrayType>().write_batch(&[value], None, None).expect("a value");
        }
        column.close().expect("closed");
    }
    group.close().expect("closed");
    writer.close().expect("closed");
    assert_eq!(facts("rows.parquet", &bytes), expected);
}

#[test]
fn the_shipped_workbooks_say_what_the_shipped_texts_say() {
    let district = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../district");
    for name in ["penalties", "permits", "registrations", "contracts", "honours"] {
        let read = |ending: &str| std::fs::read(district.join(format!("{name}.{ending}"))).expect("shipped");
        assert!(facts("a.csv", &read("csv")) == facts("a.xlsx", &read("xlsx")), "{name}");
    }
}
