//! The files of a catalogue: those of a folder, or those the program was built with.

use std::path::Path;

use hengxin_core::document::{Check, Faults, Span};

use crate::catalogue::LoadError;
use crate::report::FaultyFile;

/// A file of the folder: path below it, and text.
pub type SourceFile = (String, String);

/// The files of `standards/` as they were when the program was built.
const SHIPPED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// The files the program was built with, as [`Catalogue::from_files`] takes them; cases are among them.
pub fn shipped() -> Vec<SourceFile> {
    SHIPPED.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// All files below a folder that may belong to a catalogue, and those that are no text.
pub(crate) fn read(folder: &Path) -> Result<(Vec<SourceFile>, Vec<FaultyFile>), LoadError> {
    let read_error = |path: &Path| {
        let path = path.to_owned();
        move |source| LoadError::Read { path, source }
    };
    let (mut files, mut refused) = (Vec::new(), Vec::new());
    let mut folders = vec![(folder.to_owned(), String::new())];
    while let Some((at, below)) = folders.pop() {
        for entry in std::fs::read_dir(&at).map_err(read_error(&at))? {
            let entry = entry.map_err(read_error(&at))?;
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push((entry.path(), format!("{name}/")));
            } else if is_document(&name) || name == "editions.lock" {
                match decode(std::fs::read(entry.path()).map_err(read_error(&entry.path()))?) {
                    Ok(text) => files.push((name, text)),
                    Err((text, faults)) => refused.push(FaultyFile { file: name, text, faults }),
                }
            }
        }
    }
    files.sort();
    Ok((files, refused))
}

/// Text from bytes; what cannot be read is shown as such and reported where it begins.
fn decode(bytes: Vec<u8>) -> Result<String, (String, Faults)> {
    String::from_utf8(bytes).map_err(|problem| {
        let start = problem.utf8_error().valid_up_to();
        let mut faults = Faults::default();
        faults.push(
            Span { start, end: start + 3 },
            Check::Syntax,
            "bytes that are not UTF-8",
            "text in UTF-8",
        );
        (String::from_utf8_lossy(problem.as_bytes()).into_owned(), faults)
    })
}

pub(crate) fn is_document(path: &str) -> bool {
    let yaml = Path::new(path).extension().is_some_and(|e| e == "yaml");
    yaml && !path.ends_with(".cases.yaml") && !path.starts_with("schema/")
}
