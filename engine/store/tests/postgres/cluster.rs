//! A PostgreSQL server of the tests' own: started once a process, on loopback, in a folder that goes when the process does,
//! however it ends.

use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

/// Set where a missing server is a failure, not a reason to leave the tests out.
const NEEDED: &str = "HENGXIN_NEED_POSTGRES";
/// How long the server may take to come up on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes a cluster in a folder of its own, serves it until its own input ends, and removes it. Its input ends when the tests
/// do, even when they are killed.
const SCRIPT: &str = r#"
trap '' INT
dir=$(mktemp -d "${TMPDIR:-/tmp}/hengxin-postgres-XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
"$1/initdb" -D "$dir/data" -U hengxin -A trust -E UTF8 --locale=C --no-sync --no-instructions >"$dir/log" 2>&1 ||
  { tr '\n' ' ' <"$dir/log"; exit 1; }
if command -v openssl >/dev/null; then
  cd "$dir/data" && key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes" &&
  openssl req -x509 $key -days 2 -subj /CN=tests -keyout ../authority.key -out ../authority.crt 2>/dev/null &&
  openssl req $key -subj /CN=localhost -keyout server.key -out ../server.csr 2>/dev/null &&
  echo subjectAltName=DNS:localhost >../names &&
  openssl x509 -req -in ../server.csr -CA ../authority.crt -CAkey ../authority.key -CAcreateserial -days 2 \
    -extfile ../names -out server.crt 2>/dev/null &&
  tls=on && chmod 755 "$dir" && chmod 644 "$dir/authority.crt"
  cd /
fi
"$1/postgres" -D "$dir/data" -p "$2" -c listen_addresses=localhost -c unix_socket_directories= -c ssl="${tls:-off}" \
  -c fsync=off -c max_connections=200 -c shared_buffers=32MB -c deadlock_timeout=200ms >"$dir/log" 2>&1 &
server=$!
echo "$dir"
cat >/dev/null
kill -QUIT $server
wait $server
"#;

/// The server.
pub(crate) struct Cluster {
    port: u16,
    folder: PathBuf,
    /// Its input stays open as long as this process lives.
    _script: Child,
}

static CLUSTER: LazyLock<Result<Cluster, String>> = LazyLock::new(start);

/// The server of this process; why there is none.
pub(crate) fn cluster() -> Result<&'static Cluster, &'static str> {
    CLUSTER.as_ref().map_err(String::as_str)
}

/// Says aloud that tests are left out, past the capturing of their output. A failure where the server is needed.
pub(crate) fn left_out(what: &str, why: &str) {
    let told = format!("\nLEFT OUT: {what} did not run: {why}\n");
    let _ = std::io::stderr().write_all(told.as_bytes());
    assert!(std::env::var_os(NEEDED).is_none(), "{told}");
}

fn start() -> Result<Cluster, String> {
    let programs =
        programs().ok_or("neither `initdb` nor /usr/lib/postgresql/*/bin is there; install `postgresql`")?;
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let port = free.map_err(|error| error.to_string())?.port();
    let mut command = match unprivileged() {
        None => Command::new("sh"),
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", user, "--regid", user, "--clear-groups", "sh"]);
            command
        }
    };
    let mut script = command
        .args(["-c", SCRIPT, "sh"])
        .arg(&programs)
        .arg(port.to_string())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let mut line = String::new();
    let mut output = BufReader::new(script.stdout.take().ok_or("no output")?);
    output.read_line(&mut line).map_err(|error| error.to_string())?;
    let folder = PathBuf::from(line.trim());
    if !folder.is_absolute() {
        return Err(format!("`initdb` of {} failed: {line}", programs.display()));
    }
    let cluster = Cluster { port, folder, _script: script };
    let begun = Instant::now();
    loop {
        match Session::open(&cluster.address("postgres")) {
            Ok(_) => return Ok(cluster),
            Err(_) if begun.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => return Err(format!("the server does not answer: {error}")),
        }
    }
}

/// The folder of the server's programs.
fn programs() -> Option<PathBuf> {
    let in_path = std::env::var_os("PATH")?;
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    debian.sort();
    let has = |folder: &PathBuf| ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file());
    debian.into_iter().rev().chain(std::env::split_paths(&in_path)).find(has)
}

/// Whom to become: the server refuses to run as root. `None` when this is nobody special.
fn unprivileged() -> Option<&'static str> {
    let id = |arguments: &[&str]| {
        Command::new("id").args(arguments).output().ok().filter(|out| out.status.success())
    };
    let root = id(&["-u"]).is_some_and(|out| out.stdout.starts_with(b"0\n"));
    root.then(|| if id(&["-u", "postgres"]).is_some() { "postgres" } else { "nobody" })
}

impl Cluster {
    /// A new, empty database; its address.
    pub(crate) fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let session = Session::open(&self.address("postgres")).expect("the server answers");
        session.run(&format!("CREATE DATABASE {name}")).expect("a database");
        self.address(&name)
    }

    pub(crate) fn address(&self, database: &str) -> String {
        format!("postgres://hengxin@127.0.0.1:{}/{database}", self.port)
    }

    /// The certificate of the authority that vouches for the server, when one does.
    pub(crate) fn authority(&self) -> Option<PathBuf> {
        Some(self.folder.join("authority.crt")).filter(|path| Path::is_file(path))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// A connection of somebody else's: an intruder, an operator, another program.
pub(crate) struct Session {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Session {
    pub(crate) fn open(address: &str) -> Result<Session, tokio_postgres::Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a thread for the session");
        let client = runtime.block_on(async {
            let (client, conversation) = tokio_postgres::connect(address, NoTls).await?;
            tokio::spawn(conversation);
            client.batch_execute("SET search_path = hengxin").await?;
            Ok::<_, tokio_postgres::Error>(client)
        })?;
        Ok(Session { runtime, client })
    }

    /// Statements one after another; what the server complains of.
    pub(crate) fn run(&self, sql: &str) -> Result<(), String> {
        let done = self.runtime.block_on(self.client.batch_execute(sql));
        done.map_err(|error| {
            error.as_db_error().map_or_else(|| error.to_string(), |told| told.message().to_owned())
        })
    }

    /// The first column of every row, as text.
    pub(crate) fn list(&self, sql: &str) -> Vec<String> {
        let rows = self.runtime.block_on(self.client.simple_query(sql)).expect(sql);
        rows.iter()
            .filter_map(|row| match row {
                tokio_postgres::SimpleQueryMessage::Row(row) => {
                    Some(row.get(0).unwrap_or_default().to_owned())
                }
                _ => None,
            })
            .collect()
    }

    pub(crate) fn one(&self, sql: &str) -> String {
        let rows = self.list(sql);
        assert_eq!(rows.len(), 1, "{sql} gives {} rows", rows.len());
        rows.concat()
    }
}
