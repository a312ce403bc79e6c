//! The whole list of movers as a file: CSV or Parquet, by its ending. It appears under its name when it is whole.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::axis::Axis;
use super::movers::{Mover, MoverSink};
use crate::error::{Error, Result};

/// Columns of the file; all texts, empty or null where there is none.
const COLUMNS: [&str; 12] = [
    "subject",
    "axis",
    "from",
    "to",
    "direction",
    "score_before",
    "score_after",
    "clause_kind",
    "document",
    "clause",
    "clause_title",
    "clause_source",
];
/// Rows encoded in one go.
const BATCH: usize = 8_192;

/// A file that takes movers.
pub struct MoversFile {
    path: PathBuf,
    temporary: PathBuf,
    form: Form,
    done: bool,
}

enum Form {
    Csv(BufWriter<File>),
    Parquet { writer: Box<ArrowWriter<File>>, schema: SchemaRef, pending: Vec<[Option<String>; 12]> },
}

impl std::fmt::Debug for MoversFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MoversFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl MoversFile {
    /// Begins a file; `.csv` or `.parquet` decides on its form.
    ///
    /// # Errors
    /// Another ending, or a folder that cannot be written to.
    pub fn create(path: &Path) -> Result<MoversFile> {
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if !["csv", "parquet"].contains(&ending) {
            let found = path.display();
            return Err(Error::Refused(format!(
                "found `{found}`, expected a file that ends in .csv or .parquet"
            )));
        }
        let temporary = path.with_extension(format!("{ending}.part-{}", std::process::id()));
        let file = File::create(&temporary).map_err(|e| Error::io(path, e))?;
        let form = if ending == "csv" {
            let mut file = BufWriter::new(file);
            // Office programs take UTF-8 without the mark for GB18030.
            writeln!(file, "\u{feff}{}", COLUMNS.join(",")).map_err(|e| Error::io(path, e))?;
            Form::Csv(file)
        } else {
            let schema =
                Arc::new(Schema::new(COLUMNS.map(|name| Field::new(name, DataType::Utf8, true)).to_vec()));
            let properties = WriterProperties::builder().set_compression(Compression::LZ4_RAW).build();
            let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))
                .map_err(|e| Error::parquet(&path.display().to_string(), e))?;
            Form::Parquet { writer: Box::new(writer), schema, pending: Vec::new() }
        };
        Ok(MoversFile { path: path.to_owned(), temporary, form, done: false })
    }

    /// Makes the file whole and gives it its name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<()> {
        self.flush()?;
        let fail = |e| Error::io(&self.path, e);
        match &mut self.form {
            Form::Csv(file) => {
                file.flush().map_err(fail)?;
                file.get_ref().sync_all().map_err(fail)?;
            }
            Form::Parquet { writer, .. } => {
                writer.finish().map_err(|e| Error::parquet(&self.path.display().to_string(), e))?;
                writer.inner().sync_all().map_err(fail)?;
            }
        }
        std::fs::rename(&self.temporary, &self.path).map_err(fail)?;
        self.done = true;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let Form::Parquet { writer, schema, pending } = &mut self.form else { return Ok(()) };
        if pending.is_empty() {
            return Ok(());
        }
        let column = |i: usize| -> ArrayRef {
            Arc::new(pending.iter().map(|row| row[i].as_deref()).collect::<StringArray>())
        };
        let batch = RecordBatch::try_new(Arc::clone(schema), (0..COLUMNS.len()).map(column).collect())
            .unwrap_or_else(|e| unreachable!("every column is a text of one length: {e}"));
        writer.write(&batch).map_err(|e| Error::parquet(&self.path.display().to_string(), e))?;
        pending.clear();
        Ok(())
    }
}

impl Drop for MoversFile {
    fn drop(&mut self) {
        if !self.done {
            // What is half-written helps nobody, and whoever drops it has an error to tell already.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

impl MoverSink for MoversFile {
    fn take(&mut self, axis: &Axis, mover: &Mover) -> Result<()> {
        let points = |p: Option<hengxin_core::number::Points>| p.map(|p| p.to_string());
        let row = [
            Some(mover.subject.to_string()),
            Some(axis.id.clone()),
            Some(axis.before[mover.from].name.id.clone()),
            Some(axis.after[mover.to].name.id.clone()),
            Some(mover.direction.name().to_owned()),
            points(mover.scores.0),
            points(mover.scores.1),
            Some(mover.cause.kind.name().to_owned()),
            Some(mover.cause.document.clone()),
            Some(mover.cause.id.clone()),
            Some(mover.cause.title.clone()),
            Some(mover.cause.source.clone()),
        ];
        match &mut self.form {
            Form::Csv(file) => {
                let cells: Vec<String> = row.iter().map(|cell| csv_cell(cell.as_deref())).collect();
                writeln!(file, "{}", cells.join(",")).map_err(|e| Error::io(&self.path, e))
            }
            Form::Parquet { pending, .. } => {
                pending.push(row);
                if pending.len() == BATCH { self.flush() } else { Ok(()) }
            }
        }
    }
}

/// A cell of RFC 4180.
fn csv_cell(text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    // A spreadsheet takes a cell that begins so for a formula; a score below zero is a number and stays one.
    let formula = text.starts_with(['=', '+', '@', '\t', '\r'])
        || (text.starts_with('-') && text.parse::<f64>().is_err());
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_formulas_disarmed() {
        for (text, expected) in [
            ("a", "a"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "'=1+1"),
            ("-30.5", "-30.5"),
            ("-cmd", "'-cmd"),
            ("第三条\n第二款", "\"第三条\n第二款\""),
        ] {
            assert_eq!(csv_cell(Some(text)), expected);
        }
        assert_eq!(csv_cell(None), "");
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("movers.csv");
        drop(MoversFile::create(&path).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        MoversFile::create(&path).unwrap().finish().unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("\u{feff}subject,axis,"));
        let refused = MoversFile::create(&folder.path().join("movers.xlsx")).unwrap_err();
        assert!(refused.to_string().contains("expected a file that ends in .csv or .parquet"));
    }
}
