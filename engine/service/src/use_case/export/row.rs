//! A row of a bulk export, and the one form in which it is hashed, marked and written to a file.
//!
//! That form is a line of a CSV file (RFC 4180, UTF-8): cells joined by commas, a cell in quotation marks exactly when it
//! holds one, a comma or an end of line. The file begins with a byte order mark, so that spreadsheets read Chinese names,
//! and with the names of the columns; every line ends with one line feed. The digest of an export is that of the file.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

/// Columns of a row, in order. A file has one more at the end: [`MARK`].
pub const COLUMNS: [&str; 14] = [
    "code",
    "name",
    "region",
    "industry",
    "field",
    "tier",
    "public_grade",
    "public_score",
    "industry_grade",
    "industry_score",
    "policy",
    "as_of",
    "known_at",
    "basis",
];

/// The column of marks.
pub const MARK: &str = "mark";

/// A row without its mark: a text for each of [`COLUMNS`]. What each says: `ExportedTier` of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub [String; COLUMNS.len()]);

impl Row {
    /// The line without its mark and without its end.
    pub fn line(&self) -> String {
        joined(self.0.iter().map(String::as_str))
    }
}

/// Begins the file: byte order mark and names of columns.
pub fn first_line() -> String {
    format!("\u{feff}{}\n", joined(COLUMNS.into_iter().chain([MARK])))
}

/// A line of the file.
pub fn marked_line(line: &str, mark: &str) -> String {
    format!("{line},{mark}\n")
}

/// SHA-256 over the file, line by line.
#[derive(Clone, Debug)]
pub struct FileDigest(Sha256);

impl Default for FileDigest {
    fn default() -> FileDigest {
        FileDigest(Sha256::new_with_prefix(first_line()))
    }
}

impl FileDigest {
    /// Goes on with a line as [`marked_line`] writes it.
    pub fn add(&mut self, line: &str) {
        self.0.update(line);
    }

    /// 64 lower-case hexadecimal digits.
    pub fn end(self) -> String {
        crate::hex::hex(&self.0.finalize().into())
    }
}

fn joined<'c>(cells: impl Iterator<Item = &'c str>) -> String {
    cells.map(quoted).collect::<Vec<_>>().join(",")
}

fn quoted(cell: &str) -> Cow<'_, str> {
    if cell.contains(['"', ',', '\r', '\n']) {
        Cow::Owned(format!("\"{}\"", cell.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str) -> Row {
        let mut cells: [String; COLUMNS.len()] = Default::default();
        (cells[0], cells[1]) = ("91330106MB0000012W".to_owned(), name.to_owned());
        Row(cells)
    }

    #[track_caller]
    fn check(name: &str, written: &str) {
        assert_eq!(row(name).line(), format!("91330106MB0000012W,{written}{}", ",".repeat(12)));
    }

    #[test]
    fn a_cell_is_quoted_exactly_when_it_must_be() {
        check("甲公司", "甲公司");
        check("甲公司 ", "甲公司 ");
        check("甲,乙", "\"甲,乙\"");
        check("甲\"乙\"公司", "\"甲\"\"乙\"\"公司\"");
        check("甲\n乙", "\"甲\n乙\"");
    }

    #[test]
    fn the_digest_is_that_of_the_file() {
        // printf '\xef\xbb\xbf%s,%s,%s\n%s,"甲,""乙""\n公司"%s,HE-1\n' code,name,region,industry,field,tier,public_grade,public_score \
        //     industry_grade,industry_score,policy,as_of,known_at basis,mark 91330106MB0000012W ,,,,,,,,,,,, | sha256sum
        let said = "55cbf7c53fff53bcbe43be65ddd6b4eef875f26c05e15a9785763a3e208ef869";
        let mut digest = FileDigest::default();
        digest.add(&marked_line(&row("甲,\"乙\"\n公司").line(), "HE-1"));
        assert_eq!(digest.end(), said);
    }
}
