//! `hengxin restore`: a data folder from a backup, checked before it is there.

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, anyhow};
use hengxin_store::Archive;
use serde_json::json;

use crate::backup::{FORMAT, KEYS, LEDGER_FILE, Listed, MANIFEST, Manifest};
use crate::data::{self, Place};
use crate::failure::Failure;
use crate::output;
use crate::staging::{Staged, copy};

/// Make a data folder from a backup, after the whole of it has been checked.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin restore /backup/2026-11-27 --data /srv/hengxin
  hengxin restore /backup/2026-11-27 --data /srv/hengxin --key hengxin.pub

Every file is compared with the manifest, the ledger is checked as `hengxin verify` does, and its newest head must be the
one in the manifest. The folder appears whole when all of that is well, and not at all otherwise.

Exit codes: 0 restored, 1 the backup is not well, 2 bad input.")]
pub struct Arguments {
    /// The folder of the backup.
    backup: PathBuf,
    /// The public key of the log, or a file with it. Without it the key in the ledger is used.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let manifest = read(&arguments.backup)?;
    let staged = Staged::begin("--data", arguments.place.folder())?;
    for listed in &manifest.files {
        take(&arguments.backup, listed, staged.at())?;
    }
    let ledger = staged.at().join(LEDGER_FILE);
    let archive = Archive::open(&ledger).map_err(data::store)?;
    let key = match &arguments.key {
        Some(text) => crate::verify::key(text)?,
        None => archive.log().key().map_err(data::store)?,
    };
    let verified = archive.verify(&key).map_err(crate::verify::not_well)?;
    let head = archive.log().head(None).map_err(data::store)?;
    drop(archive);
    if head != manifest.head {
        return Err(Failure::System(anyhow!(
            "the newest head of the ledger is not the one in `{MANIFEST}`: found {}, expected {}",
            shown(head.as_deref()),
            shown(manifest.head.as_deref())
        )));
    }
    if let Some(head) = &head {
        // The machine has seen this head now, and will refuse a ledger that has less.
        fs::write(staged.at().join("ledger.sqlite.head"), head).context("cannot keep the head")?;
    }
    staged.finish()?;
    if arguments.json {
        output::json(&json!({
            "files": manifest.files.len(),
            "facts": verified.facts,
            "entries": verified.log.entries,
            "with_keys": manifest.with_keys,
            "head": head,
        }));
    } else {
        println!(
            "{} files restored; {} facts, {} entries and {} signed heads are what was recorded.",
            manifest.files.len(),
            verified.facts,
            verified.log.entries,
            verified.log.heads
        );
    }
    if !manifest.with_keys {
        eprintln!(
            "hengxin: the backup held no keys: put {} and {} into {} before the ledger is used",
            KEYS[0],
            KEYS[1],
            arguments.place.folder().display()
        );
    }
    Ok(())
}

fn read(backup: &Path) -> Result<Manifest, Failure> {
    let path = backup.join(MANIFEST);
    let text = fs::read_to_string(&path)
        .map_err(|error| Failure::Input(format!("`{}`: {error}, expected a backup", path.display())))?;
    let fault = |detail: String| Failure::Input(format!("`{}`: {detail}", path.display()));
    // The form first: a later one may have keys this program does not know.
    let form: serde_json::Value = serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
    if form.get("format").and_then(serde_json::Value::as_u64) != Some(u64::from(FORMAT)) {
        let found = form.get("format").map_or_else(|| "none".to_owned(), ToString::to_string);
        return Err(fault(format!("found format {found}, this program knows {FORMAT}: use a newer program")));
    }
    let manifest: Manifest = serde_json::from_value(form).map_err(|error| fault(error.to_string()))?;
    for listed in &manifest.files {
        let parts = Path::new(&listed.name).components();
        if listed.name.is_empty() || !parts.into_iter().all(|part| matches!(part, Component::Normal(_))) {
            return Err(fault(format!("found the name `{}`, expected one within the backup", listed.name)));
        }
    }
    if !manifest.files.iter().any(|listed| listed.name == LEDGER_FILE) {
        return Err(fault(format!("found no `{LEDGER_FILE}` among the files")));
    }
    Ok(manifest)
}

/// Copies one file, which must be what the manifest says.
fn take(backup: &Path, listed: &Listed, to: &Path) -> Result<(), Failure> {
    let from = backup.join(&listed.name);
    let damaged = |found: String| {
        Failure::System(anyhow!("`{}` of the backup is damaged: {found}; use another backup", listed.name))
    };
    let found = match copy(&from, &to.join(&listed.name)) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(damaged("it is not there".to_owned()));
        }
        Err(error) => return Err(anyhow::Error::new(error).context(from.display().to_string()).into()),
    };
    if found.bytes != listed.bytes {
        return Err(damaged(format!("found {} bytes, expected {}", found.bytes, listed.bytes)));
    }
    if found.sha256 != listed.sha256 {
        return Err(damaged(format!("found SHA-256 {}, expected {}", found.sha256, listed.sha256)));
    }
    Ok(())
}

/// A head on one line.
fn shown(head: Option<&str>) -> String {
    head.map_or_else(
        || "none".to_owned(),
        |head| format!("`{}`", head.lines().take(3).collect::<Vec<_>>().join(" ")),
    )
}
