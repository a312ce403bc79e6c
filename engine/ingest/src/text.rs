//! Delimited text: UTF-8 with or without a byte-order mark, and GB18030, read as a stream.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::table::{CELL_MAX, FileError, ROW_MAX, Row, Table, checked};

/// Most bytes that are read in search of the end of one row. Beyond it a quote was opened and never closed.
const SEARCH_MAX: u64 = 64 << 20;
/// A cell too long to keep that has as many line breaks holds other rows: a quote was opened and never closed.
const BREAKS_MAX: usize = 20;

pub(crate) fn rows(path: &Path) -> Result<Table, FileError> {
    let read_error = |source| FileError::read(path, source);
    // Valid UTF-8 is read as it comes; anything else is taken for GB18030, the other encoding authorities write.
    let utf8 = is_utf8(path).map_err(read_error)?;
    let (mut source, extent): (Box<dyn Read + Send>, u64) = if utf8 {
        let file = File::open(path).map_err(read_error)?;
        let extent = file.metadata().map_err(read_error)?.len();
        let mut reader = BufReader::with_capacity(1 << 16, file);
        skip_bom(&mut reader).map_err(read_error)?;
        (Box::new(reader), extent)
    } else {
        // Once through the file, to know that all of it can be read before anything of it is used.
        let decoded = Decoded::new(File::open(path).map_err(read_error)?);
        let extent = std::io::copy(&mut { decoded }, &mut std::io::sink()).map_err(|source| {
            if source.kind() == std::io::ErrorKind::InvalidData {
                FileError::format(path, source.to_string(), "one of these encodings")
            } else {
                FileError::read(path, source)
            }
        })?;
        (Box::new(Decoded::new(File::open(path).map_err(read_error)?)), extent)
    };
    let mut head = vec![0u8; 4096];
    let mut got = 0;
    while got < head.len() {
        match source.read(&mut head[got..]).map_err(read_error)? {
            0 => break,
            n => got += n,
        }
    }
    head.truncate(got);
    let delimiter = delimiter(&head);
    // Of a line that ends with CR LF the reader takes the CR; the LF is counted only with the next row.
    let lag = u64::from(head.split(|b| *b == b'\n').next().is_some_and(|line| line.ends_with(b"\r")));
    let since = Arc::new(AtomicU64::new(0));
    let source = Guarded { inner: Cursor::new(head).chain(source), since: Arc::clone(&since) };
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(source);
    let mut record = csv::ByteRecord::new();
    let header = match reader.read_byte_record(&mut record) {
        Ok(true) => cells_of(&record).into_iter().map(|c| c.trim().to_owned()).collect::<Vec<_>>(),
        Ok(false) => return Err(FileError::Empty { path: path.to_owned() }),
        Err(problem) => return Err(fatal(path, problem)),
    };
    let width = header.len();
    let path = path.to_owned();
    let mut record = csv::ByteRecord::new();
    let rows = std::iter::from_fn(move || {
        since.store(0, Ordering::Relaxed);
        match reader.read_byte_record(&mut record) {
            Ok(false) => None,
            Ok(true) => Some(row(&path, &record, width, lag, reader.position().byte())),
            Err(problem) => Some(Err(fatal(&path, problem))),
        }
    });
    let filled = |row: &Row| row.problem.is_some() || row.cells.iter().any(|c| !c.trim().is_empty());
    let rows = rows.filter(move |row| row.as_ref().map_or(true, filled));
    Ok(Table { header, rows: Box::new(rows), extent, unread_sheets: Vec::new() })
}

fn row(path: &Path, record: &csv::ByteRecord, width: usize, lag: u64, at: u64) -> Result<Row, FileError> {
    let line = record.position().map_or(0, csv::Position::line) + lag;
    let cells = cells_of(record);
    let breaks = |cell: &String| cell.bytes().filter(|b| *b == b'\n').count();
    if let Some(cell) = cells.iter().find(|c| c.len() > CELL_MAX && breaks(c) >= BREAKS_MAX) {
        let lines = breaks(cell);
        return Err(FileError::format(
            path,
            format!("a cell that goes from line {line} over {lines} further lines"),
            "the quote that opens it to be closed",
        ));
    }
    let problem = (cells.len() != width).then(|| {
        let lines = cells.iter().map(breaks).max().unwrap_or(0);
        let quote = if lines > 0 {
            format!("; a cell goes over {lines} further lines, perhaps by a quote that is never closed")
        } else {
            String::new()
        };
        format!("found {} cells, expected {width} as in the header{quote}", cells.len())
    });
    Ok(checked(line, at, cells, problem))
}

/// A failure to read in the middle: rows before it are no better than those after it.
fn fatal(path: &Path, problem: csv::Error) -> FileError {
    let text = problem.to_string();
    match problem.into_kind() {
        csv::ErrorKind::Io(source) if source.kind() == std::io::ErrorKind::InvalidData => {
            FileError::format(path, source.to_string(), format!("rows of at most {ROW_MAX} bytes"))
        }
        csv::ErrorKind::Io(source) => FileError::read(path, source),
        _ => FileError::format(path, text, "comma-separated text"),
    }
}

fn cells_of(record: &csv::ByteRecord) -> Vec<String> {
    record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()
}

/// The delimiter that occurs most often in the first line; the comma when none does.
fn delimiter(head: &[u8]) -> u8 {
    let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
    let count = |b: u8| line.iter().filter(|c| **c == b).count();
    [b',', b'\t', b';'].into_iter().max_by_key(|b| (count(*b), *b == b',')).unwrap_or(b',')
}

fn is_utf8(path: &Path) -> std::io::Result<bool> {
    let mut reader = File::open(path)?;
    let mut buffer = vec![0u8; 1 << 16];
    let mut kept = 0;
    loop {
        let n = reader.read(&mut buffer[kept..])?;
        let filled = kept + n;
        match std::str::from_utf8(&buffer[..filled]) {
            Ok(_) => kept = 0,
            // A character may be cut by the end of the buffer, but not by the end of the file.
            Err(e) if e.error_len().is_none() && n > 0 => {
                buffer.copy_within(e.valid_up_to()..filled, 0);
                kept = filled - e.valid_up_to();
            }
            Err(_) => return Ok(false),
        }
        if n == 0 {
            return Ok(kept == 0);
        }
    }
}

fn skip_bom(reader: &mut BufReader<File>) -> std::io::Result<()> {
    use std::io::BufRead as _;
    if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    Ok(())
}

/// Ends the search for the end of a row: one quote that is never closed must not take the whole file into memory.
struct Guarded<R> {
    inner: R,
    /// Bytes read since the last row.
    since: Arc<AtomicU64>,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(out)?;
        if self.since.fetch_add(n as u64, Ordering::Relaxed) > SEARCH_MAX {
            let problem =
                format!("a row of more than {SEARCH_MAX} bytes (perhaps a quote that is never closed)");
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, problem));
        }
        Ok(n)
    }
}

/// GB18030 as UTF-8. A byte-order mark of UTF-16 makes it that: spreadsheets write it as "Unicode text".
struct Decoded {
    inner: File,
    decoder: encoding_rs::Decoder,
    raw: Vec<u8>,
    /// What is decoded and not yet handed out.
    text: Vec<u8>,
    from: usize,
    ended: bool,
}

impl Decoded {
    fn new(inner: File) -> Decoded {
        let decoder = encoding_rs::GB18030.new_decoder();
        Decoded { inner, decoder, raw: vec![0; 1 << 16], text: Vec::new(), from: 0, ended: false }
    }

    fn refill(&mut self) -> std::io::Result<()> {
        let n = self.inner.read(&mut self.raw)?;
        self.ended = n == 0;
        let most = self.decoder.max_utf8_buffer_length(n).unwrap_or(4 * n + 16);
        self.text.resize(most, 0);
        let (_, _, written, broken) = self.decoder.decode_to_utf8(&self.raw[..n], &mut self.text, self.ended);
        if broken {
            let problem = "text that is neither UTF-8 nor GB18030";
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, problem));
        }
        self.text.truncate(written);
        self.from = 0;
        Ok(())
    }
}

impl Read for Decoded {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.from == self.text.len() && !self.ended {
            self.refill()?;
        }
        let n = out.len().min(self.text.len() - self.from);
        out[..n].copy_from_slice(&self.text[self.from..self.from + n]);
        self.from += n;
        Ok(n)
    }
}
