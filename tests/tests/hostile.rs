//! No input crashes the engine or keeps it for ever: codes, numbers and dates, documents, cases, the lock, and files
//! in every format, all spoiled at random.
//!
//! `HENGXIN_SEED` repeats a run; `HENGXIN_CASES` says how many inputs each target gets, in hundredths of its share.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use std::{process, thread};

use hengxin_core::date::Date;
use hengxin_core::document::Node;
use hengxin_core::fact::{Classes, CreditFile, Deliveries, Delivery, Dossier, Facts};
use hengxin_core::industry::IndustryCode;
use hengxin_core::kernel::{self, Workbench};
use hengxin_core::number::{display_decimal, parse_decimal};
use hengxin_core::region::RegionCode;
use hengxin_core::scope::Peers;
use hengxin_core::standard::Standard;
use hengxin_core::tier::TierPolicy;
use hengxin_core::trace::Explanation;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{RegisterId, Vocabulary};
use hengxin_ingest::mapping::{Mapping, template};
use hengxin_ingest::records::{Checked, Reader, Rules};
use hengxin_ingest::table;
use hengxin_standard::lock::Lock;
use hengxin_standard::{Catalogue, cases, folder, parse_document};
use hengxin_tests::differential::{cases as wanted, seed};
use hengxin_tests::random::Random;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::writer::SerializedFileWriter;

static SHIPPED: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::shipped().unwrap_or_else(|problem| panic!("{problem}")));

/// What is put in place of something else: ends of ranges, and what the formats give a meaning.
const WORDS: [&str; 44] = [
    "",
    " ",
    "\n",
    "\t",
    "\u{feff}",
    "\u{202e}",
    "-",
    "0",
    "-0",
    "1",
    "99",
    "101",
    "1000000",
    "1000001",
    "-1000000",
    "9223372036854775807",
    "99999999999999999999999",
    "0.0001",
    "0.00001",
    "1e9",
    "NaN",
    "100%",
    "10000%",
    "0%",
    "9999-12-31",
    "2024-02-29",
    "2023-02-29",
    "0001-01-01",
    "none",
    "null",
    "~",
    "{",
    "}",
    "[",
    "]",
    ":",
    "#",
    "&a",
    "*a",
    "!t",
    "---",
    "\"",
    ",",
    "行",
];

/// Spoils bytes in a few places.
fn spoiled(random: &mut Random, input: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..random.between(1, 4) {
        let len = bytes.len();
        let at = random.index(len + 1);
        let end = (at + random.index(9)).min(len);
        match random.between(1, 9) {
            1 if at < len => bytes[at] ^= 1 << random.between(0, 7),
            2 => drop(bytes.splice(at..end, [])),
            3 => bytes.truncate(at),
            4 => {
                let copy: Vec<u8> = bytes[at..(at + 200).min(len)].to_vec();
                let to = random.index(len + 1);
                drop(bytes.splice(to..to, copy));
            }
            5 | 6 => number(random, &mut bytes, at),
            7 => lines(random, &mut bytes),
            8 => drop(bytes.splice(at..end, random.pick(&WORDS).bytes())),
            _ => {
                let noise: Vec<u8> =
                    (0..random.between(1, 6)).map(|_| random.bits().to_le_bytes()[0]).collect();
                drop(bytes.splice(at..end, noise));
            }
        }
    }
    bytes
}

/// Puts a word in place of the next run of digits.
fn number(random: &mut Random, bytes: &mut Vec<u8>, from: usize) {
    let Some(start) = (from..bytes.len()).find(|i| bytes[*i].is_ascii_digit()) else { return };
    let len = bytes[start..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.' || **b == b'-').count();
    bytes.splice(start..start + len, random.pick(&WORDS).bytes());
}

/// Swaps two lines, or repeats one.
fn lines(random: &mut Random, bytes: &mut Vec<u8>) {
    let mut lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
    let (a, b) = (random.index(lines.len()), random.index(lines.len()));
    if random.chance(50) {
        lines.swap(a, b);
    } else {
        lines.insert(a, lines[b]);
    }
    *bytes = lines.join(&b'\n');
}

/// Hands `share` spoiled inputs to `target`. An input that crashes it is shown, one that keeps it for a minute ends
/// the test.
fn attack(corpus: &[Vec<u8>], share: u64, target: impl Fn(&[u8])) {
    let (seed, share) = (seed(), share * wanted(100) / 100);
    let now = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&now);
    thread::spawn(move || {
        loop {
            let before = seen.load(Ordering::Relaxed);
            thread::sleep(Duration::from_secs(60));
            if before == seen.load(Ordering::Relaxed) && before < share {
                eprintln!("input {before} of seed {seed} has kept its target for a minute");
                process::abort();
            }
        }
    });
    for n in 0..share {
        now.store(n, Ordering::Relaxed);
        let mut random = Random::new(seed.wrapping_add(n));
        let whole = &corpus[random.index(corpus.len())];
        let input = spoiled(&mut random, whole);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(&input))) {
            eprintln!("input {n} of seed {seed}:\n{}", String::from_utf8_lossy(&input));
            resume_unwind(panic);
        }
    }
    now.store(share, Ordering::Relaxed);
}

fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}

fn corpus(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn codes() {
    let known = corpus(&[
        "91110000600037341L",
        "91320281142232229Q",
        "11320100MB1886843H",
        "9144030071526726XG",
        "N2110101MF00000139",
        "Y1110101MJ0000026L",
        "A1110101MA0000031A",
        "91440300192203821O",
        "330106",
        "100000",
        "810000",
        "C1310",
        "A",
        "C13",
        "T",
        "G5421",
        "0111",
    ]);
    attack(&known, 60_000, |input| {
        let text = text(input);
        let (code, near, defects) = (text.parse::<Uscc>(), Uscc::suggest(&text), Uscc::defects(&text));
        assert_eq!(
            code.is_ok(),
            defects.is_empty(),
            "a code is refused for a reason, and only then: {defects:?}"
        );
        assert_eq!(code.ok(), Uscc::from_bytes(text.as_bytes()).ok(), "text and bytes are read alike");
        for near in near {
            assert_eq!(near.as_str().parse(), Ok(near), "what is suggested is valid");
        }
        let _ = Uscc::check_column([input, b"91110000600037341L"]);
        if let Ok(region) = text.parse::<RegionCode>() {
            assert_eq!(region.to_string().parse(), Ok(region));
            let _ = (region.name(), region.contains(region));
        }
        if let Ok(industry) = text.parse::<IndustryCode>() {
            assert_eq!(industry.to_string().parse(), Ok(industry));
        }
    });
}

#[test]
fn numbers_and_dates() {
    let known =
        corpus(&["0", "-12.5", "999999999999.9999", "2024-02-29", "9999-12-31", "2024/1/5", "2099/12/31"]);
    attack(&known, 60_000, |input| {
        let text = text(input);
        for places in [0, 2, 4, 6] {
            if let Ok(n) = parse_decimal(&text, places) {
                assert_eq!(parse_decimal(&display_decimal(n, places), places), Ok(n));
            }
        }
        if let Ok(date) = text.parse::<Date>() {
            assert_eq!(date.to_string().parse(), Ok(date));
            let _ = (date.plus_days(400_000), date.plus_days(-400_000));
        }
    });
}

/// The shipped files whose path meets a condition.
fn shipped(wanted: impl Fn(&str) -> bool) -> Vec<(String, Vec<u8>)> {
    folder::shipped()
        .into_iter()
        .filter(|(path, _)| wanted(path))
        .map(|(path, text)| (path, text.into_bytes()))
        .collect()
}

fn only_texts(files: Vec<(String, Vec<u8>)>) -> Vec<Vec<u8>> {
    files.into_iter().map(|(_, text)| text).collect()
}

fn is_standard(path: &str) -> bool {
    !path.starts_with("policies/")
        && !path.contains("cases")
        && path.contains('/')
        && !path.starts_with("schema/")
}

fn heads() -> Peers {
    let nodes: Vec<Node> = SHIPPED.standards().filter_map(|e| parse_document(&e.text).ok()).collect();
    Peers(nodes.iter().filter_map(Standard::head).collect())
}

#[test]
fn standards_and_policies() {
    let peers = heads();
    let documents = only_texts(shipped(|path| {
        is_standard(path) || (path.starts_with("policies/") && !path.contains("cases"))
    }));
    attack(&documents, 1_500, |input| {
        let Ok(node) = parse_document(&text(input)) else { return };
        let _ = TierPolicy::parse(&node, &peers);
        if let Ok(standard) = Standard::parse(&node, &SHIPPED.vocabulary, &peers) {
            evaluates(standard);
        }
    });
}

/// An accepted standard evaluates a subject of whom nothing but the registers is known, and can say why.
fn evaluates(standard: Standard) {
    let as_of = standard.effective.0;
    let (national, nested) = (RegionCode::from_digits(100_000).expect("the nation"), standard.depends.len());
    let registers = 0..u16::try_from(SHIPPED.vocabulary.registers.len()).expect("few");
    let deliveries = Deliveries::new(
        registers
            .map(|register| Delivery {
                register: RegisterId(register),
                region: national,
                through: Date::FOREVER,
            })
            .collect(),
    );
    let nested = (0..nested).map(|_| hengxin_core::plan::Nested::NoEdition).collect();
    let plan = hengxin_core::plan::Plan::resolve(Arc::new(standard), as_of, nested, Date::FOREVER);
    let file = CreditFile {
        subject: "91110000600037341L".parse().expect("a code"),
        facts: Facts::default(),
        registrations: &[],
        deliveries: &deliveries,
    };
    let mut explanation = Explanation::default();
    let mut bench = Workbench::new(Arc::new(plan));
    let evaluation =
        kernel::evaluate(&mut bench, &Classes::default(), &Dossier { file, related: &[] }, &mut explanation);
    if let Some(score) = evaluation.outcome.score() {
        assert_eq!(explanation.total(), score, "reasons add up");
    }
}

#[test]
fn vocabularies_and_whole_folders() {
    let vocabulary = only_texts(shipped(|path| path == "vocabulary.yaml"));
    attack(&vocabulary, 150, |input| {
        if let Ok(node) = parse_document(&text(input)) {
            let _ = Vocabulary::parse(&node);
        }
    });
    let files: Vec<_> = folder::shipped()
        .into_iter()
        .filter(|(path, _)| ["vocabulary.yaml", "highway-construction/2009.1.yaml"].contains(&path.as_str()))
        .collect();
    attack(&[files[0].1.clone().into_bytes()], 60, |input| {
        let mut changed = files.clone();
        changed[0].1 = text(input);
        if let Err(problem) = Catalogue::from_files(changed) {
            assert!(!problem.to_string().is_empty());
        }
    });
}

#[test]
fn cases_beside_standards() {
    let files = shipped(|path| path.ends_with(".cases.yaml"));
    let editions: Vec<_> = SHIPPED.standards().collect();
    for edition in editions {
        let path = edition.path.replace(".yaml", ".cases.yaml");
        let own: Vec<_> = files.iter().filter(|(other, _)| *other == path).cloned().collect();
        attack(&only_texts(own), 60, |input| {
            if let Ok(node) = parse_document(&text(input)) {
                let _ = cases::run(&node, edition, &SHIPPED);
            }
        });
    }
}

#[test]
fn locks() {
    let mut lock = Lock::default();
    SHIPPED.pin(&mut lock).expect("nothing is pinned");
    attack(&[lock.render().into_bytes()], 3_000, |input| {
        if let Ok(lock) = Lock::parse(&text(input)) {
            assert_eq!(Lock::parse(&lock.render()), Ok(lock));
        }
    });
}

const ROW: [(&str, &str); 6] = [
    ("行政相对人名称", "甲公司"),
    ("CF_XDR_SHXYM", "91110101MA00000U27"),
    ("CF_WSH", "罚字1号"),
    ("CF_CFLB", "罚款;警告"),
    ("CF_JDRQ", "2024-01-05"),
    ("CF_CFJG", "某局"),
];

/// Reads a file as far as it goes: every row becomes a record or a reject with reasons.
fn ingest(name: &str, input: &[u8]) {
    let path: PathBuf = std::env::temp_dir().join(format!("hengxin-hostile-{}-{name}", process::id()));
    std::fs::File::create(&path).and_then(|mut file| file.write_all(input)).expect("written");
    let read = table::open(&path);
    std::fs::remove_file(&path).expect("removed");
    match read {
        Err(problem) => assert!(!problem.to_string().is_empty()),
        Ok(table) => {
            let vocabulary = &SHIPPED.vocabulary;
            let Ok(mapping) = Mapping::recognise(&table.header, vocabulary) else {
                assert!(table.rows.count() <= input.len() * 100, "rows come to an end");
                return;
            };
            let protect = |_: &str| "id:00000000000000000000000000000000".to_owned();
            let rules = Rules { vocabulary, protect: &protect, today: "2026-11-01".parse().expect("a date") };
            for row in Reader::new(table, &mapping, rules) {
                match row {
                    Ok(Checked::Accepted(_)) => {}
                    Ok(Checked::Rejected(row)) => {
                        assert!(!row.reasons.is_empty(), "a reject has its reasons");
                    }
                    Err(problem) => assert!(!problem.to_string().is_empty()),
                }
            }
        }
    }
}

fn csv() -> Vec<u8> {
    let line = |cells: Vec<&str>| cells.join(",") + "\n";
    let mut text = line(ROW.iter().map(|(name, _)| *name).collect());
    for n in 0..6 {
        text += &line(ROW.iter().map(|(_, cell)| *cell).collect()).replace("罚字1", &format!("\"罚,字{n}\""));
    }
    text.into_bytes()
}

#[test]
fn csv_files() {
    let vocabulary = &SHIPPED.vocabulary;
    let registration = template(vocabulary.registration(), vocabulary).join(",").into_bytes();
    attack(&[csv(), registration], 2_500, |input| ingest("a.csv", input));
}

#[test]
fn workbooks() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for ((name, cell), column) in ROW.iter().zip(0..) {
        sheet.write(0, column, *name).and_then(|s| s.write(1, column, *cell)).expect("a cell");
    }
    let bytes = book.save_to_buffer().expect("a workbook");
    attack(&[bytes], 1_500, |input| ingest("a.xlsx", input));
}

#[test]
fn parquet_files() {
    let fields: String = ROW.iter().map(|(c, _)| format!("REQUIRED BYTE_ARRAY {c} (UTF8);")).collect();
    let schema = parquet::schema::parser::parse_message_type(&format!("message m {{ {fields} }}"));
    let mut bytes = Vec::new();
    let schema = schema.expect("a schema").into();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    for (_, cell) in ROW {
        let mut column = group.next_column().expect("a column").expect("one more");
        let values = [ByteArray::from(cell), ByteArray::from("罚款")];
        column.typed::<ByteArrayType>().write_batch(&values, None, None).expect("values");
        column.close().expect("closed");
    }
    group.close().expect("closed");
    writer.close().expect("closed");
    attack(&[bytes], 15_000, |input| ingest("a.parquet", input));
}
