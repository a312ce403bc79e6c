//! What is looked at: the sample district with a few more enterprises, once open and once with access rules.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;

use crate::command::done;

/// The last day of the district.
pub(crate) const AS_OF: &str = "2026-10-31";

/// A name that would be markup.
pub(crate) const MARKUP: &str = "<script>document.title='owned'</script><b>甲</b>\"'&公司";
/// A name with a mark that turns the direction of what follows.
pub(crate) const TURNED: &str = "乙\u{202e}公司nimda";

/// A name of 200 characters.
pub(crate) fn long() -> String {
    format!("丙{}公司", "长".repeat(197))
}

/// Records of the enterprise that has most.
pub(crate) const MANY: usize = 10_000;

/// Codes outside the district.
pub(crate) fn code(n: u32) -> String {
    let body = format!("MAW{n:05}");
    let code = Uscc::assemble(
        *b"91",
        RegionCode::from_digits(330_106).unwrap(),
        body.as_bytes().try_into().unwrap(),
    );
    code.unwrap().to_string()
}

/// A process that serves.
struct Serving {
    child: Child,
    console: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

struct World {
    folder: tempfile::TempDir,
    open: Serving,
    ruled: Serving,
    key: Vec<u8>,
}

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| Mutex::new(World::new()));

fn world<T>(of: impl FnOnce(&World) -> T) -> T {
    of(&WORLD.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The console that anybody may look at.
pub(crate) fn open() -> String {
    world(|world| world.open.console.clone())
}

/// The console with access rules.
pub(crate) fn ruled() -> String {
    world(|world| world.ruled.console.clone())
}

/// The token of somebody: a regulator of the city, a bank, or one whose time is over.
pub(crate) fn token(role: &str, seconds: i64) -> String {
    let (regions, fields) =
        if role == "regulator" { (json!(["330100"]), json!(["*"])) } else { (json!([]), json!([])) };
    let now =
        i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs())
            .unwrap();
    let claims = json!({
        "iss": "https://id.example", "aud": "hengxin", "sub": format!("{role}@example"), "exp": now + seconds,
        "department": format!("{role}'s department"), "roles": [role], "regions": regions, "fields": fields,
    });
    let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::EdDSA) };
    world(|world| jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&world.key)).unwrap())
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        done(at, &["demo", "--data", "data", "--enterprises", "300", "--no-serve"]);
        more(at);
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
        let public = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        rules(at, public.public_key().as_ref());
        let open = serve(at, &[]);
        let ruled = serve(at, &["--access", "access"]);
        World { open, ruled, key: pkcs8.as_ref().to_vec(), folder }
    }
}

/// A few more enterprises: hostile names, very many records, nothing but a registration; and a consent.
fn more(at: &Path) {
    let mut registrations = String::from("统一社会信用代码,企业名称,变更日期,登记状态,所在地区,行业代码\n");
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    for (n, name) in
        [MARKUP, TURNED, &long(), "丁多记录公司", "戊新公司"].iter().zip(1..).map(|(name, n)| (n, *name))
    {
        writeln!(registrations, "{},{},2020-01-02,存续,330106,C1411", code(n), quoted(name)).unwrap();
    }
    std::fs::write(at.join("registrations.csv"), registrations).unwrap();
    let mut penalties =
        String::from("行政相对人名称,统一社会信用代码,行政处罚决定书文号,处罚类别,处罚决定日期,处罚机关\n");
    for n in 0..MANY {
        let day = n % 28 + 1;
        let month = n / 28 % 12 + 1;
        writeln!(penalties, "丁多记录公司,{},文{n}号,警告,2026-{month:02}-{day:02},某局", code(4)).unwrap();
    }
    let penalties = penalties.replace("2026-11-", "2025-11-").replace("2026-12-", "2025-12-");
    std::fs::write(at.join("penalties.csv"), penalties).unwrap();
    // One with a penalty that counts for a while, and one code under which two enterprises are registered.
    let mut single = String::from(
        "行政相对人名称,统一社会信用代码,行政处罚决定书文号,处罚类别,处罚决定日期,处罚机关,失信程度,罚款金额(万元)\n",
    );
    writeln!(single, "戊新公司,{},示一号,罚款,2026-05-20,某局,一般,1.5", code(5)).unwrap();
    std::fs::write(at.join("single.csv"), single).unwrap();
    let mut twice = String::from("统一社会信用代码,企业名称,变更日期,成立日期,登记状态\n");
    writeln!(twice, "{},庚公司,2020-01-02,2019-05-06,存续", code(6)).unwrap();
    writeln!(twice, "{},辛公司,2021-01-02,2018-03-04,存续", code(6)).unwrap();
    std::fs::write(at.join("twice.csv"), twice).unwrap();
    let consents = format!(
        "统一社会信用代码,企业名称,被授权单位,授权范围,授权起始日期\n{},示例,bank's department,授信与贷后管理,2020-01-01\n",
        sample()
    );
    std::fs::write(at.join("consents.csv"), consents).unwrap();
    let files = ["registrations.csv", "penalties.csv", "single.csv", "twice.csv", "consents.csv"];
    let told = done(at, &[&["ingest", "--data", "data"], &files[..]].concat());
    assert!(!told.contains("set aside"), "{told}");
}

/// `hengxin demo` on a folder of its own until the test is over, and the link it ends with.
pub(crate) fn demo() -> (String, impl Drop) {
    let at: PathBuf = world(|world| world.folder.path().to_owned());
    let arguments = [
        "demo",
        "--data",
        "demo",
        "--enterprises",
        "60",
        "--listen",
        "127.0.0.1:0",
        "--console",
        "127.0.0.1:0",
    ];
    let link = |line: &str| line.trim().starts_with("http://").then(|| line.trim().to_owned());
    let serving = start(&at, &arguments, link);
    (serving.console.clone(), serving)
}

/// An enterprise of the district that is in a strict tier.
pub(crate) fn sample() -> String {
    "91330199MAY0005780".to_owned()
}

fn rules(at: &Path, public: &[u8]) {
    let access = at.join("access");
    std::fs::create_dir(&access).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    for file in ["schema.cedarschema", "rules.cedar", "purposes.json"] {
        std::fs::copy(shipped.join(file), access.join(file)).unwrap();
    }
    let callers = json!({
        "tokens": {"issuer": "https://id.example", "audience": "hengxin", "keys": "keys.json"},
        "certificates": [],
    });
    std::fs::write(access.join("callers.json"), callers.to_string()).unwrap();
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "alg": "EdDSA", "use": "sig", "x": URL_SAFE_NO_PAD.encode(public)}]});
    std::fs::write(access.join("keys.json"), keys.to_string()).unwrap();
}

fn serve(at: &Path, more: &[&str]) -> Serving {
    let arguments = ["serve", "--data", "data", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"];
    let address = |line: &str| Some(line.strip_prefix("console on ")?.trim_end_matches('/').to_owned());
    start(at, &[&arguments, more].concat(), address)
}

/// Starts the program and reads what it says until a line holds its console's address.
fn start(at: &Path, arguments: &[&str], address: impl Fn(&str) -> Option<String>) -> Serving {
    // Statics are never dropped: the service ends when its input does, and that ends with this process.
    let until_input_ends = "\"$@\" & served=$!; cat; kill $served; wait $served";
    let mut child = Command::new("sh")
        .args(["-c", until_input_ends, "sh", env!("CARGO_BIN_EXE_hengxin")])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .current_dir(at)
        .env_remove("HENGXIN_LEDGER")
        .env("HENGXIN_LOG", "warn")
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let console = lines.find_map(|line| address(&line.unwrap())).expect("a line with the console's address");
    std::thread::spawn(move || lines.for_each(drop));
    Serving { child, console }
}

/// A service over a ledger of its own with so many enterprises and no run, to be stopped by the test: its console and itself.
pub(crate) fn without_runs(data: &str, enterprises: u32) -> (String, impl Drop) {
    let at = world(|world| world.folder.path().join(data));
    std::fs::create_dir_all(&at).unwrap();
    let mut registrations = String::from("统一社会信用代码,企业名称,变更日期,登记状态\n");
    for n in 100..100 + enterprises {
        writeln!(registrations, "{},己{n}公司,2020-01-02,存续", code(n)).unwrap();
    }
    std::fs::write(at.join("registrations.csv"), registrations).unwrap();
    done(&at, &["ingest", "--data", "data", "registrations.csv"]);
    of_its_own(data)
}

/// A service over a ledger of its own, to be stopped by the test: its console and itself.
pub(crate) fn of_its_own(data: &str) -> (String, impl Drop) {
    let at: PathBuf = world(|world| world.folder.path().to_owned());
    let serving = serve_data(&at, data);
    (serving.console.clone(), serving)
}

fn serve_data(at: &Path, data: &str) -> Serving {
    let folder = at.join(data);
    std::fs::create_dir_all(&folder).unwrap();
    serve(&folder, &["--create"])
}

/// Writes over the store of such a process while it runs.
pub(crate) fn damage(data: &str) {
    let at: PathBuf = world(|world| world.folder.path().to_owned());
    let ledger = at.join(data).join("data").join("ledger.sqlite");
    let size = std::fs::metadata(&ledger).unwrap().len();
    let nonsense = vec![0x5a; usize::try_from(size).unwrap()];
    // In place, as a disk that fails does.
    std::fs::write(&ledger, nonsense).unwrap();
    let _ = std::fs::remove_file(ledger.with_extension("sqlite-wal"));
}
