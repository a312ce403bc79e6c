//! Lists the shipped standards for [`include_str!`], so that the program runs without its source folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let folder = manifest.join("../../standards");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    walk(&folder, "", &mut files)?;
    // Sorted, so that two builds of the same files are the same program.
    files.sort();
    let mut list = String::from("&[\n");
    for (name, path) in files {
        let _ = writeln!(list, "    ({name:?}, include_str!({:?})),", path.display().to_string());
    }
    list.push_str("]\n");
    fs::write(out.join("shipped.rs"), list)
}

fn walk(at: &Path, below: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(at)? {
        let path = entry?.path().canonicalize()?;
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else { continue };
        let name = format!("{below}{name}");
        if path.is_dir() {
            walk(&path, &format!("{name}/"), files)?;
        } else if path.extension().is_some_and(|e| e == "yaml") || name == "editions.lock" {
            files.push((name, path));
        }
    }
    Ok(())
}
