//! The ledger, the data folder and the standards, as every command that needs them opens them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use hengxin_core::date::{Date, Moment};
use hengxin_standard::Catalogue;
use hengxin_store::{Archive, Error, Fault, Ledger, Options};

use crate::backup::LEDGER_FILE;
use crate::failure::Failure;

/// Where the ledger and the standards are.
///
/// The ledger is the one that `--ledger` names, else the one that the variable names, else the one in the data folder. A
/// server keeps keys and runs in the data folder while its ledger is elsewhere, so `--data` and the variable go together,
/// unless that folder holds a ledger of its own: then which of the two is meant must be said.
#[derive(clap::Args)]
pub struct Place {
    /// The data folder with the ledger; `hengxin-data` when absent.
    #[arg(long, value_name = "FOLDER", global = true)]
    data: Option<PathBuf>,
    /// A ledger elsewhere: `postgres://USER:PASSWORD@HOST/DATABASE`, or a file. Better given as `HENGXIN_LEDGER`, which other
    /// users of the machine cannot read.
    #[arg(long, value_name = "PLACE", global = true)]
    ledger: Option<String>,
    /// A folder of standards instead of those shipped with this binary.
    #[arg(long, global = true)]
    standards: Option<PathBuf>,
    /// What the variable says; `None` also where it is not looked at.
    #[arg(skip = std::env::var_os(LEDGER))]
    variable: Option<OsString>,
}

/// The variable that says where the ledger is.
pub const LEDGER: &str = "HENGXIN_LEDGER";

/// The data folder when none is named.
const DATA: &str = "hengxin-data";

impl Place {
    /// The ledger of a data folder, with the shipped standards, whatever the environment says.
    pub fn at(data: &Path) -> Place {
        Place { data: Some(data.to_owned()), ledger: None, standards: None, variable: None }
    }

    /// What `--data` names, with the shipped standards.
    pub fn named(data: &Path) -> Place {
        Place { variable: std::env::var_os(LEDGER), ..Place::at(data) }
    }

    /// The standards.
    pub fn catalogue(&self) -> Result<Catalogue, Failure> {
        crate::standards::load_or_shipped(self.standards.as_deref())
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        self.data.as_deref().unwrap_or(Path::new(DATA))
    }

    /// The ledger, made when there is none.
    pub fn create(&self, catalogue: &Catalogue) -> Result<Ledger, Failure> {
        let folder = self.folder();
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the data folder {}", folder.display()))?;
        Ledger::open_or_create(self.ledger()?, Arc::clone(&catalogue.vocabulary), Options::default())
            .map_err(store)
    }

    /// The ledger, which must exist; nothing in it is changed.
    pub fn open(&self, catalogue: &Catalogue) -> Result<Ledger, Failure> {
        Ledger::open_read_only(self.ledger()?, Arc::clone(&catalogue.vocabulary)).map_err(store)
    }

    /// Whether there is a ledger. One on a server counts as there: a command makes no folder for it.
    pub fn exists(&self) -> Result<bool, Failure> {
        Ok(match self.ledger()? {
            hengxin_store::Place::File(path) => path.exists(),
            hengxin_store::Place::Postgres { .. } => true,
        })
    }

    /// Where a ledger is missing that cannot be meant to be made unasked: an empty data folder waits for one, a folder or file
    /// that is not there is a typing error.
    pub fn mistyped(&self) -> Result<Option<PathBuf>, Failure> {
        Ok(match self.ledger()? {
            hengxin_store::Place::File(path) if path.exists() => None,
            hengxin_store::Place::File(path) if path == self.own() => {
                Some(self.folder().to_owned()).filter(|folder| !folder.is_dir())
            }
            hengxin_store::Place::File(path) => Some(path),
            hengxin_store::Place::Postgres { .. } => None,
        })
    }

    /// The file of the ledger, for what copies files.
    pub fn file(&self) -> Result<PathBuf, Failure> {
        match self.ledger()? {
            hengxin_store::Place::File(path) => Ok(path),
            hengxin_store::Place::Postgres { .. } => Err(Failure::Input(
                "found a ledger on a server, expected one in a file: a server has its own backups, such as \
                 `pg_dump --schema hengxin`, and the keys lie in the data folder"
                    .to_owned(),
            )),
        }
    }

    /// Where the results of runs lie.
    pub fn runs(&self) -> String {
        self.folder().join("runs").display().to_string()
    }

    /// Where what studies write lies, models with it.
    pub fn laboratory(&self) -> PathBuf {
        let folder = self.folder().join("laboratory");
        std::path::absolute(&folder).unwrap_or(folder)
    }

    /// The ledger, which must exist, opened for writing.
    pub fn write(&self, catalogue: &Catalogue) -> Result<Ledger, Failure> {
        Ledger::open_with(self.ledger()?, Arc::clone(&catalogue.vocabulary), Options::default())
            .map_err(store)
    }

    /// The ledger as an auditor opens it: without keys or vocabulary.
    pub fn archive(&self) -> Result<Archive, Failure> {
        Archive::open(&self.ledger()?).map_err(store)
    }

    /// The ledger in the data folder.
    fn own(&self) -> PathBuf {
        self.folder().join(LEDGER_FILE)
    }

    fn ledger(&self) -> Result<hengxin_store::Place, Failure> {
        let own = self.own();
        match (self.ledger.as_deref(), &self.variable) {
            (Some(""), _) | (None, None) => Ok(hengxin_store::Place::File(own)),
            (Some(text), _) => ledger(text, self.folder()),
            (None, Some(text)) if text.is_empty() => Ok(hengxin_store::Place::File(own)),
            (None, Some(text)) => {
                let text = text.to_str().ok_or_else(|| {
                    Failure::Input(format!(
                        "{LEDGER}: found bytes that are not UTF-8, expected an address or a file"
                    ))
                })?;
                let named = ledger(text, self.folder())?;
                if self.data.is_some() && own.exists() && !is_file(&named, &own) {
                    // The variable may hold a password, so it is not shown.
                    return Err(Failure::Input(format!(
                        "found a ledger in the folder of --data, `{}`, and another one in {LEDGER}, expected one: unset the \
                         variable, move the file away, or name one with --ledger",
                        own.display()
                    )));
                }
                Ok(named)
            }
        }
    }
}

/// Whether a place is this file, however it is written.
fn is_file(place: &hengxin_store::Place, file: &Path) -> bool {
    match place {
        hengxin_store::Place::File(path) => match (path.canonicalize(), file.canonicalize()) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        },
        hengxin_store::Place::Postgres { .. } => false,
    }
}

/// The place of a ledger; the key of one on a server lies in the data folder.
pub fn ledger(text: &str, data: &Path) -> Result<hengxin_store::Place, Failure> {
    hengxin_store::Place::parse(text, data.join("ledger.key")).map_err(store)
}

/// A failure of the ledger, with the exit code of whoever caused it.
pub fn store(problem: Error) -> Failure {
    match problem.fault() {
        Fault::Caller => Failure::Input(problem.to_string()),
        _ => Failure::System(anyhow::Error::new(problem)),
    }
}

/// `--as-of`: a day, not in the future.
pub fn as_of(text: Option<&str>) -> Result<Date, Failure> {
    let today = crate::today()?;
    let Some(text) = text else { return Ok(today) };
    let date: Date = text.parse().map_err(|e| Failure::Input(format!("--as-of: {e}")))?;
    if date > today {
        return Err(Failure::Input(format!(
            "--as-of: found {date}, in the future; expected a day up to {today}"
        )));
    }
    Ok(date)
}

/// `--known-at`: a moment, or the end of a day in China.
pub fn known_at(text: Option<&str>) -> Result<Option<Moment>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let moment: jiff::Timestamp = text.parse().map_err(|_| {
        Failure::Input(format!(
            "--known-at: found `{text}`, expected a moment such as 2026-11-01T00:00:00+08:00"
        ))
    })?;
    Ok(Some(Moment(moment.as_microsecond())))
}

/// A moment as people write it, in UTC.
pub fn moment(moment: Moment) -> String {
    jiff::Timestamp::from_microsecond(moment.0).map_or_else(|_| moment.0.to_string(), |t| t.to_string())
}
