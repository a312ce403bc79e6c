//! `hengxin backup`: a copy of a data folder that may be in use.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hengxin_store::{Archive, back_up};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::data::{self, Place};
use crate::failure::Failure;
use crate::output;
use crate::staging::{Measured, Staged, copy, measure};

/// The ledger, in a data folder and in a backup.
pub const LEDGER_FILE: &str = "ledger.sqlite";
/// The file of a backup that names all others.
pub const MANIFEST: &str = "manifest.json";
/// The form of the manifest that this program writes and reads.
pub const FORMAT: u32 = 1;
/// What lies beside the ledger and must not fall into other hands.
pub const KEYS: [&str; 2] = ["ledger.sqlite.key", "ledger.sqlite.signing-key"];
/// Folders of results and models.
const FOLDERS: [&str; 2] = ["runs", "laboratory"];

/// Copy a data folder that may be in use, with what is needed to check the copy.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin backup --data /srv/hengxin --out /backup/2026-11-27
  hengxin backup --data /srv/hengxin --out /backup/2026-11-27 --with-keys
  hengxin restore /backup/2026-11-27 --data /srv/hengxin-new

The ledger is copied as it is at one moment, while a service writes on. The copy holds the results of runs and the models of
the laboratory too, and a manifest with the newest signed head of the log and the SHA-256 of every file.

The two keys are left out unless --with-keys is given. Without them a restored ledger can be checked but not used: keep
copies of them elsewhere. With them whoever has the backup can sign heads in your name and try identity numbers against
their digests: keep it as you keep the keys. See docs/operations.md.")]
pub struct Arguments {
    /// The folder to make.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Copy the key that protects identity numbers and the key that signs, too.
    #[arg(long)]
    with_keys: bool,
    /// JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// What a backup says of itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: u32,
    /// The version of the program that made it.
    pub program: String,
    pub made_at: String,
    /// The newest signed head of the log, as `hengxin log head` gives it; none for an empty log.
    pub head: Option<String>,
    pub with_keys: bool,
    pub files: Vec<Listed>,
}

/// A file of a backup.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Its path from the folder of the backup, with `/` between its parts.
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

impl Listed {
    fn new(name: String, measured: Measured) -> Listed {
        Listed { name, bytes: measured.bytes, sha256: measured.sha256 }
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (from, file) = (arguments.place.folder(), arguments.place.file()?);
    // The ledger is looked at first: a wrong --data must not leave a folder behind.
    drop(arguments.place.archive()?);
    let staged = Staged::begin("--out", &arguments.out)?;
    let ledger = staged.at().join(LEDGER_FILE);
    back_up(&file, &ledger).map_err(data::store)?;
    let head = Archive::open(&ledger).and_then(|archive| archive.log().head(None)).map_err(data::store)?;
    let measured = measure(&ledger).with_context(|| format!("cannot read `{}`", ledger.display()))?;
    let mut files = vec![Listed::new(LEDGER_FILE.to_owned(), measured)];
    if arguments.with_keys {
        for key in KEYS {
            let measured = copy(&from.join(key), &staged.at().join(key))
                .with_context(|| format!("cannot copy `{}`", from.join(key).display()))?;
            files.push(Listed::new(key.to_owned(), measured));
        }
    }
    // After the ledger: what it names is there by then, what came later does no harm.
    for folder in FOLDERS {
        copy_folder(&from.join(folder), staged.at(), folder, &mut files)?;
    }
    let made_at = jiff::Timestamp::now().to_string();
    let program = env!("CARGO_PKG_VERSION").to_owned();
    let manifest = Manifest { format: FORMAT, program, made_at, head, with_keys: arguments.with_keys, files };
    fs::write(staged.at().join(MANIFEST), crate::log::pretty(&manifest)?)
        .context("cannot write the manifest")?;
    staged.finish()?;
    tell(arguments, &manifest);
    Ok(())
}

/// Copies a folder and all below it. A file that goes meanwhile (a run that gives its place up) is not in the backup.
fn copy_folder(from: &Path, root: &Path, name: &str, files: &mut Vec<Listed>) -> Result<(), Failure> {
    let entries = match fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(anyhow::Error::new(error).context(from.display().to_string()).into()),
    };
    let mut found = Vec::new();
    for entry in entries {
        found.push(entry.with_context(|| from.display().to_string())?);
    }
    found.sort_by_key(fs::DirEntry::file_name);
    for entry in found {
        let (path, kind) = (entry.path(), entry.file_type()?);
        let part = entry.file_name().into_string().map_err(|_| {
            Failure::Input(format!(
                "`{}`: found a name that is no UTF-8, expected one that is",
                path.display()
            ))
        })?;
        let name = format!("{name}/{part}");
        if kind.is_dir() {
            copy_folder(&path, root, &name, files)?;
        } else if kind.is_file() {
            match copy(&path, &root.join(&name)) {
                Ok(measured) => files.push(Listed::new(name, measured)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(anyhow::Error::new(error).context(path.display().to_string()).into());
                }
            }
        }
    }
    Ok(())
}

fn tell(arguments: &Arguments, manifest: &Manifest) {
    let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
    if arguments.json {
        output::json(&json!({
            "out": arguments.out.display().to_string(),
            "files": manifest.files.len(),
            "bytes": bytes,
            "with_keys": manifest.with_keys,
            "head": manifest.head,
        }));
    } else {
        println!("{} files, {bytes} bytes, in {}", manifest.files.len(), arguments.out.display());
        if let Some(head) = &manifest.head {
            print!("{head}");
        }
    }
    if manifest.with_keys {
        eprintln!(
            "hengxin: this backup holds both keys: whoever has it can sign heads in your name and try identity numbers \
             against their digests"
        );
    } else {
        eprintln!(
            "hengxin: this backup holds no keys: a restored ledger can be checked, and used once {} and {} lie beside it",
            KEYS[0], KEYS[1]
        );
    }
}
