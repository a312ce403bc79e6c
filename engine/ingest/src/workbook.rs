//! XLSX workbooks: the first sheet with content, cell by cell.
//!
//! Cells are read as a stream and never as a rectangle: a sheet with two cells in opposite corners would be one of
//! seventeen thousand million.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use calamine::{Data, Reader as _, Xlsx};

use crate::table::{FileError, Row, Table, checked};

pub(crate) fn rows(path: &Path) -> Result<Table, FileError> {
    let broken = |problem: calamine::XlsxError| {
        let found = format!("a workbook that cannot be read ({problem})");
        FileError::format(path, found, "a complete XLSX workbook")
    };
    let file = File::open(path).map_err(|source| FileError::read(path, source))?;
    let mut book = Xlsx::new(BufReader::new(file)).map_err(broken)?;
    let mut found: Option<Sheet> = None;
    let mut unread_sheets = Vec::new();
    for name in book.sheet_names() {
        let mut cells = book.worksheet_cells_reader(&name).map_err(broken)?;
        let mut sheet = Sheet::default();
        while let Some(cell) = cells.next_cell().map_err(broken)? {
            let (row, column) = cell.get_position();
            let text = cell_text(&Data::from(cell.get_value().clone()));
            if text.is_empty() {
                continue;
            }
            if found.is_some() {
                unread_sheets.push(name.clone());
                break;
            }
            sheet.cell(row, column as usize, text);
        }
        if !sheet.header.is_empty() {
            found = Some(sheet);
        }
    }
    let Some(mut sheet) = found else { return Err(FileError::Empty { path: path.to_owned() }) };
    sheet.end_row();
    let extent = sheet.rows.len() as u64;
    let header = sheet.header.into_iter().map(|c| c.trim().to_owned()).collect();
    Ok(Table { header, rows: Box::new(sheet.rows.into_iter().map(Ok)), extent, unread_sheets })
}

/// A sheet as far as it has been read.
#[derive(Default)]
struct Sheet {
    header: Vec<String>,
    header_row: u32,
    rows: Vec<Row>,
    /// The row being read, from 0, and its cells within the header's width.
    row: u32,
    cells: Vec<String>,
    /// The first value beyond the header's last column.
    beyond: Option<(usize, String)>,
}

impl Sheet {
    fn cell(&mut self, row: u32, column: usize, text: String) {
        if self.header.is_empty() {
            self.header_row = row;
        }
        if row == self.header_row {
            self.header.resize(self.header.len().max(column + 1), String::new());
            self.header[column] = text;
            return;
        }
        if row != self.row {
            self.end_row();
            self.row = row;
        }
        if column < self.header.len() {
            self.cells.resize(self.header.len(), String::new());
            self.cells[column] = text;
        } else {
            self.beyond.get_or_insert((column, text));
        }
    }

    fn end_row(&mut self) {
        let mut cells = std::mem::take(&mut self.cells);
        let problem = self.beyond.take().map(|(column, text)| {
            let width = self.header.len();
            cells.resize(width, String::new());
            cells.push(text);
            format!("found a value in column {}, expected {width} columns as in the header", column + 1)
        });
        if !cells.is_empty() {
            let at = self.rows.len() as u64 + 1;
            self.rows.push(checked(u64::from(self.row) + 1, at, cells, problem));
        }
    }
}

/// A cell as a person reads it: whole numbers without `.0`, dates as ISO dates.
fn cell_text(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::String(text) => text.trim().to_owned(),
        Data::Int(n) => n.to_string(),
        Data::Float(f) => number_text(*f),
        Data::Bool(b) => b.to_string(),
        Data::DateTime(date) => {
            let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
            let time = if (hour, minute, second) == (0, 0, 0) {
                String::new()
            } else {
                format!(" {hour:02}:{minute:02}:{second:02}")
            };
            format!("{year:04}-{month:02}-{day:02}{time}")
        }
        Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Error(problem) => format!("#{problem}"),
    }
}

/// A number with fifteen significant digits, as spreadsheets show it: a computed 0.1 + 0.2 is 0.3 to its author.
fn number_text(f: f64) -> String {
    format!("{f:.14e}").parse::<f64>().unwrap_or(f).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computed_numbers_are_read_as_they_are_shown() {
        for (number, text) in
            [(0.1 + 0.2, "0.3"), (3.0, "3"), (1234.56, "1234.56"), (911_101_010_000_000.0, "911101010000000")]
        {
            assert_eq!(number_text(number), text);
        }
    }
}
