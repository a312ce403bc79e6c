//! The built binary, run in a folder.

use std::path::Path;
use std::process::{Command, Output};

/// Runs it: exit code, output, errors. The ledger is that of the folder, whatever the environment says.
pub fn hengxin(at: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hengxin"));
    let Output { status, stdout, stderr } =
        command.current_dir(at).env_remove("HENGXIN_LEDGER").args(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// Its output, when it succeeds.
#[track_caller]
pub fn done(at: &Path, arguments: &[&str]) -> String {
    let (code, told, problem) = hengxin(at, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {told}{problem}");
    told
}

/// It ends with this code and says this.
#[track_caller]
pub fn refused(at: &Path, arguments: &[&str], code: i32, said: &str) {
    let (found, told, problem) = hengxin(at, arguments);
    assert_eq!(found, Some(code), "{arguments:?}: {told}{problem}");
    assert!(format!("{told}{problem}").contains(said), "`{said}` in: {told}{problem}");
}
