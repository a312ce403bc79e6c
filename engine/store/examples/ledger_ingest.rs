//! How fast facts become durable, indexed and replayable, and how fast one subject's file is read back.
//!
//! ```text
//! cargo run --release -p hengxin-benches --bin ledger_ingest [-- FACTS [FOLDER]]
//! ```
//!
//! Facts (default 1,000,000) of a synthetic district, 30 a subject, lie in memory as checked drafts, in the order of
//! a file that is sorted by nothing. They are recorded as one batch in a new ledger: encoded, sorted, compared with
//! what is known, inserted, indexed, committed with a synced log. Beside it, measured in turns in the same run: the
//! same rows, already encoded and sorted, inserted bare into the same table with the same index, page cache and sync
//! setting by one prepared statement in one transaction, with no check of any kind. The ratio of the two is S9.
//! Three turns each; median, fastest and slowest are printed.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use hengxin_core::date::Date;
use hengxin_core::document::{Key, Node, Span, Value};
use hengxin_core::draft::{Draft, RegistrationDraft};
use hengxin_core::fact::Class;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{CodeId, Vocabulary};
use hengxin_store::{Batch, Command, Job, Ledger, Options, Origin, Submission, SubmittedRow, Writer};

const TURNS: usize = 3;
const PER_SUBJECT: usize = 30;
const READS: usize = 20_000;
const REQUESTS: usize = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let facts: usize = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("hengxin-ledger-ingest-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = run(facts, &folder);
    std::fs::remove_dir_all(&folder)?;
    result
}

fn run(facts: usize, folder: &Path) -> Result<(), Box<dyn Error>> {
    let vocabulary = vocabulary()?;
    let district = District::new(Arc::clone(&vocabulary), facts)?;
    let mut ours = Vec::new();
    let mut bare = Vec::new();
    let mut parts = Vec::new();
    for turn in 0..TURNS {
        let path = folder.join(format!("ledger-{turn}.db"));
        let rows: Vec<Submission> = district.rows().collect();
        let ledger = Ledger::create(&path, Arc::clone(&vocabulary), Options::default())?;
        let mut recorder = ledger.recorder()?;
        let started = Instant::now();
        let batch =
            Batch::prepare(&vocabulary, rows, Origin { actor: "bench".to_owned(), ..Origin::default() });
        let prepared = started.elapsed();
        let report = recorder.append(&batch)?;
        ours.push(started.elapsed());
        parts.push(prepared);
        assert_eq!(usize::try_from(report.accepted)?, facts, "every row is a new record");
        drop((batch, recorder));
        bare.push(insert_bare(&path, &folder.join(format!("bare-{turn}.db")))?);
    }
    println!(
        "{facts} facts, {PER_SUBJECT} a subject, {TURNS} turns: seconds median (fastest, slowest), rows a second"
    );
    let ours = show("drafts to durable ledger", &mut ours, facts);
    show("  of which encoding and sorting", &mut parts, facts);
    let bare = show("bare insert of the same rows", &mut bare, facts);
    println!("ratio of rates: {:.0} %", 100.0 * bare / ours);

    let path = folder.join("ledger-0.db");
    let ledger = Ledger::open(&path, Arc::clone(&vocabulary))?;
    reads(&ledger, &district)?;
    let rows: Vec<Submission> = district.rows().collect();
    let started = Instant::now();
    let batch = Batch::prepare(&vocabulary, rows, Origin::default());
    let report = ledger.recorder()?.append(&batch)?;
    assert_eq!(usize::try_from(report.duplicate)?, facts, "every row is known");
    println!("the same rows again, all duplicates: {:.2} s", started.elapsed().as_secs_f64());
    drop(batch);
    requests(&ledger, &district)?;
    let size = std::fs::metadata(&path)?.len();
    println!("file: {:.0} bytes a fact", size as f64 / facts as f64);
    Ok(())
}

fn show(what: &str, times: &mut [Duration], facts: usize) -> f64 {
    times.sort_unstable();
    let seconds = |n: usize| times.get(n).map_or(f64::NAN, Duration::as_secs_f64);
    let median = seconds(times.len() / 2);
    let rate = facts as f64 / median;
    println!("{what:<32} {median:>7.2} ({:.2}, {:.2}) {rate:>10.0}", seconds(0), seconds(times.len() - 1));
    median
}

/// The facts of `ledger`, in its own order, into a table of the same shape with the same index.
fn insert_bare(ledger: &Path, path: &Path) -> Result<Duration, Box<dyn Error>> {
    type Row = (
        i64,
        Vec<u8>,
        i64,
        i32,
        Option<i32>,
        Option<i32>,
        Option<i64>,
        i64,
        Option<Vec<u8>>,
        Option<String>,
        Vec<u8>,
        i64,
        String,
    );
    let from = rusqlite::Connection::open(ledger)?;
    let rows: Vec<Row> = from
        .prepare(
            "SELECT subject, key, class, occurred_on, ends_on, publicity_until, number, recorded_at, target, reference,
                    content, line, body FROM facts ORDER BY seq",
        )?
        .query_map([], |row| row.try_into())?
        .collect::<Result<_, _>>()?;
    let mut schema: Vec<String> = from
        .prepare(
            "SELECT sql FROM sqlite_schema WHERE name IN ('facts', 'facts_by_subject') ORDER BY type DESC",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for sql in &mut schema {
        for table in ["subjects", "classes", "batches"] {
            *sql = sql.replace(&format!(" REFERENCES {table}"), "");
        }
    }
    let to = rusqlite::Connection::open(path)?;
    to.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -262144;")?;
    to.execute_batch(&schema.join(";"))?;
    let started = Instant::now();
    to.execute_batch("BEGIN IMMEDIATE")?;
    let mut insert = to.prepare(
        "INSERT INTO facts (subject, key, class, occurred_on, ends_on, publicity_until, number, recorded_at, target,
                            reference, content, line, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    for row in rows {
        insert.execute(row)?;
    }
    drop(insert);
    to.execute_batch("COMMIT")?;
    Ok(started.elapsed())
}

fn reads(ledger: &Ledger, district: &District) -> Result<(), Box<dyn Error>> {
    let mut random = Random(7);
    let mut times = Vec::with_capacity(READS);
    let mut facts = 0;
    for _ in 0..READS {
        let subject = district.subjects[random.below(district.subjects.len())];
        let started = Instant::now();
        let file = ledger.snapshot(None)?.credit_file(subject)?.ok_or("a subject of the district")?;
        times.push(started.elapsed());
        facts += file.columns.id.len() + file.registrations.len();
    }
    times.sort_unstable();
    let micros = |share: usize| times[READS * share / 100].as_secs_f64() * 1e6;
    let mean = facts as f64 / READS as f64;
    println!(
        "one file of {mean:.0} facts, snapshot included: p50 {:.0} us, p99 {:.0} us",
        micros(50),
        micros(99)
    );
    Ok(())
}

/// One fact a request, each with an id, answered after its commit.
fn requests(ledger: &Ledger, district: &District) -> Result<(), Box<dyn Error>> {
    let writer = Writer::start(ledger)?;
    let (sender, receiver) = channel();
    let started = Instant::now();
    let mut waiting = 0;
    for n in 0..REQUESTS {
        let mut draft = district.penalty(n % district.subjects.len(), n);
        draft.key = format!("request {n}");
        let rows = [Submission { line: 1, row: SubmittedRow::Draft(draft) }];
        let request = hengxin_store::RequestKey {
            id: format!("r{n}"),
            method: "SubmitFacts".to_owned(),
            digest: [0; 32],
        };
        let job = Job {
            request: Some(request),
            command: Command::Append(Batch::prepare(ledger.vocabulary(), rows, Origin::default())),
            respond: Box::new(|_| b"done".to_vec()),
        };
        let sender = sender.clone();
        writer.submit(job, move |answer| {
            // The receiver outlives all answers.
            let _ = sender.send(answer.is_ok());
        })?;
        waiting += 1;
        // As 256 callers would have it: each waits for its answer before it asks again.
        while waiting >= 256 {
            assert!(receiver.recv()?, "every request is written");
            waiting -= 1;
        }
    }
    for _ in 0..waiting {
        assert!(receiver.recv()?, "every request is written");
    }
    let rate = REQUESTS as f64 / started.elapsed().as_secs_f64();
    println!("requests of one fact each, 256 waiting at a time: {rate:.0} a second");
    writer.stop();
    Ok(())
}

/// Subjects and their facts, from a fixed seed.
struct District {
    vocabulary: Arc<Vocabulary>,
    subjects: Vec<Uscc>,
    order: Vec<u32>,
    penalty: CodeId,
}

impl District {
    fn new(vocabulary: Arc<Vocabulary>, facts: usize) -> Result<District, Box<dyn Error>> {
        let mut random = Random(32_100);
        let region = RegionCode::from_digits(330_106)?;
        let mut subjects = Vec::new();
        for n in 0..facts.div_ceil(PER_SUBJECT) {
            let mut body = *b"MA000000";
            for (place, digit) in body[2..].iter_mut().zip(format!("{n:06}").bytes()) {
                *place = digit;
            }
            subjects.push(Uscc::assemble(*b"91", region, body)?);
        }
        // A file that is sorted by nothing.
        let mut order: Vec<u32> = (0..u32::try_from(facts)?).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, random.below(i + 1));
        }
        let penalty = vocabulary.code_id("administrative-penalty").ok_or("a code of the vocabulary")?;
        Ok(District { vocabulary, subjects, order, penalty })
    }

    fn rows(&self) -> impl Iterator<Item = Submission> {
        self.order.iter().zip(1..).map(|(n, line)| {
            let n = usize::try_from(*n).expect("a 64-bit machine");
            let (subject, fact) = (n / PER_SUBJECT, n % PER_SUBJECT);
            let draft = if fact == 0 { self.registration(subject) } else { self.penalty(subject, n) };
            Submission { line, row: SubmittedRow::Draft(draft) }
        })
    }

    fn penalty(&self, subject: usize, n: usize) -> Draft {
        let code = self.vocabulary.code(self.penalty);
        let number = i64::try_from(n).unwrap_or(0);
        let day = Date::from_days(18_000 + i32::try_from(n % 2500).unwrap_or(0));
        let document = format!("杭西市监罚处〔20{:02}〕{n}号", n % 27);
        let texts = [
            ("uscc", self.subjects[subject].to_string()),
            ("name", format!("样本{subject}号商贸有限公司")),
            ("document", document.clone()),
            ("decided_on", day.to_string()),
            ("publicity_until", day.plus_days(1095).to_string()),
            ("amount", (number * 100).to_string()),
            ("severity", ["minor", "general", "serious"][n % 3].to_owned()),
            ("kinds", ["warning", "fine", "warning;fine"][n % 3].to_owned()),
            ("case", format!("（2026）浙0106行审{}号", n / 4)),
        ];
        let values = [[1u64, 2, 3][n % 3], [1u64, 2, 3][n % 3]];
        Draft {
            subject: self.subjects[subject],
            subject_name: Some(format!("样本{subject}号商贸有限公司")),
            code: self.penalty,
            key: document,
            occurred_on: day,
            ends_on: Date::FOREVER,
            publicity_until: day.plus_days(1095),
            number: Some(number * 100),
            class: Class { code: self.penalty, values: values.into() },
            reference: Some(format!("（2026）浙0106行审{}号", n / 4)),
            registration: None,
            target: None,
            relation: None,
            fields: fields(code, &texts),
        }
    }

    fn registration(&self, subject: usize) -> Draft {
        let id = self.vocabulary.registration();
        let code = self.vocabulary.code(id);
        let since = Date::from_days(16_000 + i32::try_from(subject % 3000).unwrap_or(0));
        let texts = [
            ("uscc", self.subjects[subject].to_string()),
            ("name", format!("样本{subject}号商贸有限公司")),
            ("since", since.to_string()),
            ("established_on", since.to_string()),
            ("legal_form", "llc".to_owned()),
            ("size", "small".to_owned()),
            ("status", "active".to_owned()),
            ("region", "330106".to_owned()),
            ("industry", "F52".to_owned()),
            ("capital", "100000000".to_owned()),
        ];
        Draft {
            subject: self.subjects[subject],
            subject_name: Some(format!("样本{subject}号商贸有限公司")),
            code: id,
            key: since.to_string(),
            occurred_on: since,
            ends_on: Date::FOREVER,
            publicity_until: Date::FOREVER,
            number: None,
            class: Class { code: id, values: [1, 1, 1].into() },
            reference: None,
            registration: Some(RegistrationDraft {
                established_on: Some(since),
                legal_form: Some(0),
                size: Some(0),
                status: Some(0),
                region: RegionCode::from_digits(330_106).ok(),
                industry: "F52".parse().ok(),
                capital: Some(100_000_000),
            }),
            target: None,
            relation: None,
            fields: fields(code, &texts),
        }
    }
}

fn fields(code: &hengxin_core::vocabulary::Code, texts: &[(&str, String)]) -> Vec<(u16, String)> {
    let index = |id: &str| code.field(id).and_then(|(i, _)| u16::try_from(i).ok());
    texts.iter().filter_map(|(id, text)| Some((index(id)?, text.clone()))).collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(limit).unwrap_or(1)).unwrap_or(0)
    }
}

/// The vocabulary the ledger's own tests use: small, and fixed, so that figures stay comparable.
fn vocabulary() -> Result<Arc<Vocabulary>, Box<dyn Error>> {
    fn node(value: &serde_json::Value) -> Node {
        let value = match value {
            serde_json::Value::Array(items) => Value::List(items.iter().map(node).collect()),
            serde_json::Value::Object(map) => {
                let entry = |(key, value): (&String, &serde_json::Value)| {
                    (Key { span: Span::default(), text: key.clone() }, node(value))
                };
                Value::Map(map.iter().map(entry).collect())
            }
            scalar => Value::Scalar(scalar.as_str().map_or_else(|| scalar.to_string(), str::to_owned)),
        };
        Node { span: Span::default(), value }
    }
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ledger/vocabulary.json"));
    let parsed = Vocabulary::parse(&node(&serde_json::from_str(text)?));
    parsed.map(Arc::new).map_err(|faults| format!("{faults:?}").into())
}
