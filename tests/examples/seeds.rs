//! Writes the seeds of fuzzing that are not text: a workbook and a Parquet file with one sound row each.
//!
//! `cargo run -p hengxin-tests --example seeds`, after the official template of penalties has changed.

use std::fs;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::writer::SerializedFileWriter;

fn main() {
    const ROW: [(&str, &str); 6] = [
        ("行政相对人名称", "甲公司"),
        ("CF_XDR_SHXYM", "91110101MA00000U27"),
        ("CF_WSH", "罚字1号"),
        ("CF_CFLB", "罚款;警告"),
        ("CF_JDRQ", "2024-01-05"),
        ("CF_CFJG", "某局"),
    ];
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus");
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for ((name, cell), column) in ROW.iter().zip(0..) {
        sheet.write(0, column, *name).and_then(|s| s.write(1, column, *cell)).expect("a cell");
    }
    let bytes = book.save_to_buffer().expect("a workbook");
    fs::write(format!("{folder}/workbooks/good-row.xlsx"), bytes).expect("written");

    let fields: String = ROW.iter().map(|(c, _)| format!("REQUIRED BYTE_ARRAY {c} (UTF8);")).collect();
    let schema = parquet::schema::parser::parse_message_type(&format!("message m {{ {fields} }}"));
    let mut bytes = Vec::new();
    let schema = schema.expect("a schema").into();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    for (_, cell) in ROW {
        let mut column = group.next_column().expect("a column").expect("one more");
        let values = [ByteArray::from(cell), ByteArray::from("罚款")];
        column.typed::<ByteArrayType>().write_batch(&values, None, None).expect("values");
        column.close().expect("closed");
    }
    group.close().expect("closed");
    writer.close().expect("closed");
    fs::write(format!("{folder}/parquet/good-row.parquet"), bytes).expect("written");
}
