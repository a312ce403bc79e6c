//! The real binary on a data folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) const HEADER: &str = "CF_XDR_MC,CF_XDR_SHXYM,CF_WSH,CF_CFLB,CF_NR_FK,CF_JDRQ,CF_GSJZQ,CF_CFJG";
pub(crate) const CODE: &str = "91110101MA00000U27";

/// A folder with a ledger and files, removed with it.
pub(crate) struct Rig {
    pub(crate) folder: PathBuf,
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Rig {
    pub(crate) fn new() -> Rig {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("hengxin-cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        Rig { folder }
    }

    /// With one good penalty in the ledger, so that there is something to lose.
    pub(crate) fn filled() -> Rig {
        let rig = Rig::new();
        let path = rig.file("good.csv", table(&[penalty("good", "1", "2024-01-05")]).as_bytes());
        rig.run(&["ingest", &path]).done();
        rig
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, content).expect("the file of the test");
        path.to_string_lossy().into_owned()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        command(&self.data(), arguments)
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary")
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.command(arguments).output().expect("the binary").into()
    }

    /// Every fact in the ledger but for when and where it came from, and how many rows wait in quarantine.
    pub(crate) fn ledger(&self) -> (Vec<String>, i64) {
        let connection = rusqlite::Connection::open(self.data().join("ledger.sqlite")).expect("a ledger");
        let mut statement = connection
            .prepare(
                "SELECT subjects.code || facts.body || facts.occurred_on || '|' || coalesce(facts.ends_on, '') || '|'
                        || coalesce(facts.publicity_until, '') || '|' || coalesce(facts.number, '')
                 FROM facts JOIN subjects ON subjects.id = facts.subject ORDER BY 1",
            )
            .expect("the facts");
        let facts = statement.query_map([], |row| row.get(0)).and_then(Iterator::collect).expect("the facts");
        let aside = connection
            .query_row("SELECT count(*) FROM quarantine", [], |row| row.get(0))
            .expect("the quarantine");
        (facts, aside)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hengxin"));
    command.args(arguments).arg("--data").arg(data);
    command
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

impl Said {
    #[track_caller]
    pub(crate) fn done(&self) -> &str {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        &self.out
    }

    /// It failed with this exit code and said all of this.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        for part in parts {
            assert!(self.err.contains(part), "`{part}` in: {}", self.err);
        }
    }
}

pub(crate) fn table(rows: &[String]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

/// A penalty of a document number, a fine in 10,000 yuan and a day.
pub(crate) fn penalty(number: &str, fine: &str, day: &str) -> String {
    format!("甲公司,{CODE},{number},罚款,{fine},{day},2099/12/31,某局")
}
