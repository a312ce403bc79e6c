//! One file into the ledger: all of it, or nothing.
//!
//! A file is read as a stream; what is held of it are its encoded rows, about half a kilobyte each, because rows are
//! compared with each other and recorded in one transaction. A process that is killed has recorded all of a file or
//! nothing of it, so that running it again completes the work.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use hengxin_core::vocabulary::{Code, CodeId, Vocabulary};
use hengxin_ingest::mapping::{self, Mapping, MappingError, QUARANTINE_COLUMN};
use hengxin_ingest::records::{Checked, Reader, Rules, kept_lines};
use hengxin_ingest::table::{self, FileError, Table};
use hengxin_store::{
    Batch, Error, FileStamp, Ledger, Origin, Rejected, Report, Snapshot, Submission, SubmittedRow,
};
use sha2::{Digest as _, Sha256};

use crate::data;
use crate::failure::Failure;
use crate::progress::Progress;

/// How long one file waits for others that are being recorded.
const TURN: Duration = Duration::from_secs(3600);

/// What became of a file, and what of it was not looked at.
pub struct Taken {
    /// What became of its rows.
    pub report: Report,
    /// The kind of fact.
    pub code: String,
    /// Columns nobody knows.
    pub ignored: Vec<String>,
    /// Further sheets of a workbook that hold something.
    pub unread_sheets: Vec<String>,
}

/// Why a file cannot be read at all; `None` for one that can.
pub fn unreadable(path: &Path) -> Option<Failure> {
    table::open(path).err().map(file_failure)
}

/// Where a file goes.
pub struct Intake<'a> {
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The kinds of fact.
    pub vocabulary: &'a Vocabulary,
    /// Whether to show progress.
    pub progress: bool,
}

impl Intake<'_> {
    /// Reads a mended file into the ledger.
    pub fn take_mended(&self, path: &Path) -> Result<Taken, Failure> {
        if !is_mended(&table::open(path).map_err(file_failure)?) {
            return Err(Failure::Input(format!(
                "{}: found no column {QUARANTINE_COLUMN}, expected a file made by `hengxin quarantine export`",
                path.display()
            )));
        }
        self.take(path, None)
    }

    /// Reads a file into the ledger. `code` is the kind of fact, when its columns leave it open.
    ///
    /// A file with the numbers of quarantined rows is a mended one: its rows replace those.
    pub fn take(&self, path: &Path, code: Option<&str>) -> Result<Taken, Failure> {
        let before = Seen::of(path)?;
        let table = table::open(path).map_err(file_failure)?;
        let mended = is_mended(&table);
        let mapping = self.mapping(path, code, &table)?;
        let code = self.vocabulary.code(mapping.code);
        let file = FileStamp {
            name: path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
            sha256: digest(path)?,
            // Its rows are in the ledger, but what they replace is not yet resolved, when a mended file was first
            // taken for an ordinary one; so the two are told apart.
            layout: if mended { format!("{}, mended", code.id) } else { code.id.clone() },
        };
        let unread_sheets = table.unread_sheets.clone();
        let taken =
            |report| Taken { report, code: code.id.clone(), ignored: mapping.ignored.clone(), unread_sheets };
        let known = self.ledger.snapshot(None).and_then(|s| s.ingested(&file)).map_err(data::store)?;
        if let Some(report) = known {
            return Ok(taken(report));
        }
        let progress = if self.progress {
            Progress::new(format!("reading {}", file.name), table.extent)
        } else {
            Progress::none()
        };
        let origin =
            Origin { actor: "command line".to_owned(), file: Some(file.clone()), resolves: Vec::new() };
        let batch = self.batch(path, table, &mapping, origin, &progress)?;
        if Seen::of(path)? != before {
            return Err(Failure::Input(format!(
                "{}: found that it was changed while it was read, expected a finished file; nothing of it was recorded",
                path.display()
            )));
        }
        progress.endless(format!("recording {} rows of {}", batch.len(), file.name));
        Ok(taken(self.record(&batch, &progress)?))
    }

    fn mapping(&self, path: &Path, code: Option<&str>, table: &Table) -> Result<Mapping, Failure> {
        let vocabulary = self.vocabulary;
        let found = match code {
            Some(id) => Mapping::to(code_id(id, "--as", vocabulary)?, &table.header, vocabulary),
            None => Mapping::recognise(&table.header, vocabulary),
        };
        found.map_err(|problem: MappingError| Failure::Input(format!("{}: {problem}", path.display())))
    }

    fn batch(
        &self,
        path: &Path,
        table: Table,
        mapping: &Mapping,
        origin: Origin,
        progress: &Progress,
    ) -> Result<Batch, Failure> {
        let protect = |text: &str| self.ledger.protector().digest(text);
        let today = crate::today()?;
        let rules = || Rules { vocabulary: self.vocabulary, protect: &protect, today };
        let code = self.vocabulary.code(mapping.code);
        let mut entries = Entries { ledger: self.ledger, code, snapshot: None, replaced: Vec::new() };
        let mut reader = Reader::new(table, mapping, rules());
        let mut failure = None;
        let mut count = 0u32;
        let rows = std::iter::from_fn(|| {
            let row = match reader.next()? {
                Ok(row) => entries.submission(row),
                Err(problem) => Err(file_failure(problem)),
            };
            count = count.wrapping_add(1);
            if count.is_multiple_of(512) {
                progress.at(reader.at());
            }
            row.map_err(|problem| failure = Some(problem)).ok()
        });
        let mut batch = Batch::prepare(self.vocabulary, rows, origin);
        if let Some(failure) = failure {
            return Err(failure);
        }
        batch.resolves(entries.replaced);
        // Which rows contradict each other is known only now; they are kept as they stand in the file, so it is
        // looked at once more, which costs nothing where there are none.
        let reasons: HashMap<u64, String> = batch.contradictions().into_iter().collect();
        if !reasons.is_empty() {
            let table = table::open(path).map_err(file_failure)?;
            let lines = kept_lines(table, mapping, rules(), |line| reasons.contains_key(&line));
            let rejected = lines.map_err(file_failure)?.into_iter().map(|(line, cells)| {
                let reasons = reasons.get(&line).cloned().into_iter().collect();
                (line, Rejected { code: Some(code.id.clone()), cells, reasons })
            });
            batch.reject(rejected.collect());
        }
        Ok(batch)
    }

    /// Records a batch, after those that others are recording.
    fn record(&self, batch: &Batch, progress: &Progress) -> Result<Report, Failure> {
        let started = Instant::now();
        loop {
            match self.ledger.recorder().and_then(|mut recorder| recorder.append(batch)) {
                Err(Error::Busy { .. }) if started.elapsed() < TURN => {
                    progress.endless("waiting for another process that is recording".to_owned());
                }
                result => return result.map_err(data::store),
            }
        }
    }
}

/// The kind of fact with this id; `option` is where it was named.
pub fn code_id(id: &str, option: &str, vocabulary: &Vocabulary) -> Result<CodeId, Failure> {
    vocabulary.code_id(id).ok_or_else(|| {
        let known: Vec<&str> = vocabulary.codes.iter().map(|c| c.id.as_str()).collect();
        Failure::Input(format!("{option}: found `{id}`, expected one of {}", known.join(", ")))
    })
}

fn is_mended(table: &Table) -> bool {
    table.header.iter().any(|name| mapping::normal(name) == QUARANTINE_COLUMN)
}

/// The quarantined rows that a mended file speaks of.
struct Entries<'a> {
    ledger: &'a Ledger,
    code: &'a Code,
    /// Taken with the first such row: an ordinary file needs none.
    snapshot: Option<Snapshot>,
    replaced: Vec<u64>,
}

impl Entries<'_> {
    fn submission(&mut self, row: Checked) -> Result<Submission, Failure> {
        Ok(match row {
            Checked::Accepted(row) => {
                self.earlier(row.entry, row.line)?;
                Submission { line: row.line, row: SubmittedRow::Draft(row.draft) }
            }
            Checked::Rejected(row) => {
                let earlier = self.earlier(row.entry, row.line)?;
                // A row that was not mended is the same entry as before, in the words of its first file.
                let cells = match earlier {
                    Some(cells) if self.plain(&cells) == self.plain(&row.cells) => cells,
                    Some(_) | None => row.cells,
                };
                let code = Some(self.code.id.clone());
                let rejected = Rejected { code, cells, reasons: row.reasons };
                Submission { line: row.line, row: SubmittedRow::Rejected(rejected) }
            }
        })
    }

    /// Notes that an entry is replaced; gives its cells.
    fn earlier(&mut self, entry: Option<u64>, line: u64) -> Result<Option<Vec<(String, String)>>, Failure> {
        let Some(entry) = entry else { return Ok(None) };
        let snapshot = match &self.snapshot {
            Some(snapshot) => snapshot,
            None => self.snapshot.insert(self.ledger.snapshot(None).map_err(data::store)?),
        };
        let earlier = match snapshot.quarantined(entry) {
            Err(problem @ Error::UnknownQuarantine { .. }) => {
                return Err(Failure::Input(format!("line {line}: {problem}")));
            }
            result => result.map_err(data::store)?,
        };
        if let Some(code) = earlier.row.code.filter(|code| *code != self.code.id) {
            return Err(Failure::Input(format!(
                "line {line}: found the quarantined row {entry} among rows of {}, expected those of {code}",
                self.code.id
            )));
        }
        self.replaced.push(entry);
        Ok(Some(earlier.row.cells))
    }

    /// Cells by what they mean, however their columns are called. Those beyond the header are exported as a remark.
    fn plain(&self, cells: &[(String, String)]) -> Vec<(String, String)> {
        let filled = cells.iter().filter(|(name, cell)| !name.is_empty() && !cell.trim().is_empty());
        let mut plain: Vec<(String, String)> =
            filled.map(|(name, cell)| (title(self.code, name), cell.trim().to_owned())).collect();
        plain.sort_unstable();
        plain
    }
}

/// The official name of a column; its own when it is nobody's.
pub fn title(code: &Code, column: &str) -> String {
    let name = mapping::normal(column);
    let field = code.fields.iter().find(|field| field.is_named(&name));
    field.map_or(name, |field| field.title.clone())
}

/// What tells that a file was changed while it was read.
#[derive(PartialEq, Eq)]
struct Seen {
    len: u64,
    modified: Option<SystemTime>,
}

impl Seen {
    fn of(path: &Path) -> Result<Seen, Failure> {
        let metadata = std::fs::metadata(path)
            .map_err(|source| file_failure(FileError::Read { path: path.to_owned(), source }))?;
        if !metadata.is_file() {
            return Err(Failure::Input(format!("{}: found no plain file, expected one", path.display())));
        }
        Ok(Seen { len: metadata.len(), modified: metadata.modified().ok() })
    }
}

fn digest(path: &Path) -> Result<[u8; 32], Failure> {
    let mut file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0u8; 1 << 18];
    loop {
        let n = file.read(&mut buffer).with_context(|| format!("cannot read {}", path.display()))?;
        if n == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(&buffer[..n]);
    }
}

fn file_failure(problem: FileError) -> Failure {
    if problem.is_systems() {
        Failure::System(anyhow::Error::new(problem))
    } else {
        Failure::Input(problem.to_string())
    }
}
