//! From the files authorities exchange to checked records.
//!
//! [`table::open`] reads CSV (UTF-8 or GB18030), XLSX and Parquet into rows of text; [`mapping::Mapping`] finds out
//! which kind of fact the columns hold; [`records::Reader`] checks each row against the vocabulary. Nothing is
//! stored here, and no row is lost: what is rejected comes back with every reason.

mod columnar;
pub mod mapping;
mod mask;
pub mod records;
pub mod table;
mod text;
mod workbook;
