//! How soon an enterprise is found among many, by code, name or part of a name, with filters; and how soon tiers are counted.
//!
//! ```text
//! cargo run --release -p hengxin-benches --bin search [-- ENTERPRISES [FOLDER]]
//! ```
//!
//! A ledger of so many enterprises (default 1,000,000), each with one registration and one tier on record, is made once in
//! the folder (default `hengxin-bench-search` among temporary files) and used again. One client asks over gRPC on loopback, one
//! question after another, pages of 50; every kind of question with other words each time, from one seed. Printed: the median, the
//! slowest but one in a hundred, and the slowest, in milliseconds, and rows on average.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hengxin_core::date::Date;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;
use hengxin_proto::v1::ledger_service_client::LedgerServiceClient;
use hengxin_proto::v1::supervision_service_client::SupervisionServiceClient;
use hengxin_service::use_case::submit::{self, Found, Row};
use hengxin_service::{Config, Engine, EngineOptions, bind};
use hengxin_standard::Catalogue;
use hengxin_store::{Batch, Ledger, Options, Origin, Results, Submission, SubmittedRow, TierRecord};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const FIELD: &str = "market-regulation";
const TURNS: usize = 300;
const CHUNK: u32 = 50_000;
/// Days lie in 2025, so that nothing is in the future whenever this is run.
const DAY: &str = "2025-12-31";

const PLACES: [&str; 12] =
    ["杭州", "宁波", "温州", "绍兴", "金华", "嘉兴", "湖州", "台州", "苏州", "南京", "广州", "成都"];
const REGIONS: [u32; 12] = [
    330_106, 330_206, 330_302, 330_602, 330_702, 330_402, 330_502, 331_002, 320_505, 320_102, 440_103,
    510_104,
];
const SYLLABLES: [&str; 40] = [
    "宏", "达", "鑫", "源", "瑞", "丰", "恒", "通", "华", "盛", "金", "泰", "永", "和", "嘉", "兴", "德",
    "隆", "信", "诚", "天", "海", "博", "远", "立", "新", "东", "方", "中", "科", "正", "大", "安", "康",
    "美", "佳", "众", "合", "一", "品",
];
const TRADES: [(&str, &str); 10] = [
    ("食品", "C1411"),
    ("机械设备", "C3484"),
    ("商贸", "F5211"),
    ("建筑工程", "E4710"),
    ("物流", "G5430"),
    ("餐饮管理", "H6210"),
    ("信息技术", "I6513"),
    ("房地产开发", "K7010"),
    ("环保科技", "N7722"),
    ("医疗器械", "C3581"),
];
const FORMS: [&str; 4] = ["有限公司", "有限责任公司", "股份有限公司", "合伙企业"];

/// Numbers from a seed (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(limit.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn brand(&mut self) -> String {
        (0..3).map(|_| self.pick(&SYLLABLES)).collect()
    }
}

/// The n-th enterprise, always the same.
struct Enterprise {
    code: Uscc,
    name: String,
    region: u32,
    industry: &'static str,
    tier: u16,
}

fn enterprise(n: u32) -> Outcome<Enterprise> {
    let mut random = Random(u64::from(n) + 1);
    let place = random.below(PLACES.len());
    let (trade, industry) = random.pick(&TRADES);
    let name = format!("{}{}{trade}{}", PLACES[place], random.brand(), random.pick(&FORMS));
    let body = format!("Y{n:07}");
    // Of a hundred: 70, 24, 5 and 1.
    let tier = match random.below(100) {
        0..70 => 1,
        70..94 => 2,
        94..99 => 3,
        _ => 4,
    };
    Ok(Enterprise {
        code: Uscc::assemble(*b"91", RegionCode::from_digits(330_199)?, body.as_bytes().try_into()?)?,
        name,
        region: REGIONS[place],
        industry,
        tier,
    })
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let enterprises: u32 = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let folder = arguments.next().map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| std::env::temp_dir().join("hengxin-bench-search"));
    let path = folder.join(enterprises.to_string()).join("ledger.sqlite");
    let catalogue = Arc::new(Catalogue::shipped()?);
    if !path.exists() {
        let making = folder.join(format!("{enterprises}.making"));
        if making.exists() {
            std::fs::remove_dir_all(&making)?;
        }
        std::fs::create_dir_all(&making)?;
        fill(&making.join("ledger.sqlite"), &catalogue, enterprises)?;
        std::fs::rename(&making, folder.join(enterprises.to_string()))?;
    }
    let ledger = Ledger::open_with(&*path, Arc::clone(&catalogue.vocabulary), Options::default())?;
    let engine = Engine::open(catalogue, ledger, EngineOptions::default())?;
    let before = resident();
    let began = Instant::now();
    engine.keep_directory()?;
    println!(
        "{enterprises} enterprises; directory made in {:.1} s, {} bytes an enterprise resident then",
        began.elapsed().as_secs_f64(),
        (resident() - before) / u64::from(enterprises.max(1)),
    );
    let config = Config { address: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    let bound = bind(config, Arc::clone(&engine))?;
    let address = format!("http://{}", bound.address());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(bound.run(async {
        let _ = stopped.await;
    }));
    println!("{:<46} {:>8} {:>8} {:>8} {:>6}", "", "p50", "p99", "slowest", "rows");
    searches(&address, enterprises).await?;
    counts(&address).await?;
    let _ = stop.send(());
    served.await??;
    println!("resident at the end: {} MiB", resident() >> 20);
    Ok(())
}

/// Bytes of this process in memory; 0 where nobody says.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}

/// What is asked, in words and from random choices and an enterprise there is.
type Question = (&'static str, fn(&mut Random, &Enterprise) -> v1::SearchEnterprisesRequest);

async fn searches(address: &str, enterprises: u32) -> Outcome<()> {
    let mut client = LedgerServiceClient::connect(address.to_owned()).await?;
    let mut random = Random(20_261_127);
    let questions: [Question; 9] = [
        ("whole code", |_, e| text(&e.code.to_string())),
        ("code up to its last four", |_, e| text(&e.code.to_string()[..14])),
        ("whole name", |_, e| text(&e.name)),
        ("two characters of a name", |random, _| {
            text(&format!("{}{}", random.pick(&SYLLABLES), random.pick(&SYLLABLES)))
        }),
        ("one character", |random, _| text(random.pick(&SYLLABLES))),
        ("rare: place and three characters", |_, e| text(&e.name.chars().take(5).collect::<String>())),
        ("a name nobody has", |random, _| text(&format!("{}公司司", random.brand()))),
        ("`公司`, with region, industry and tier", |random, e| v1::SearchEnterprisesRequest {
            region: e.region.to_string(),
            industry: e.industry[..3].to_owned(),
            ..tiered(random, "公司")
        }),
        ("two characters and the rarest tier", |random, _| {
            let part = format!("{}{}", random.pick(&SYLLABLES), random.pick(&SYLLABLES));
            v1::SearchEnterprisesRequest { tier: 4, ..tiered(random, &part) }
        }),
    ];
    for (title, ask) in questions {
        let mut times = Vec::new();
        let mut rows = 0;
        for _ in 0..TURNS {
            let n = u32::try_from(random.below(usize::try_from(enterprises)?))?;
            let question = ask(&mut random, &enterprise(n)?);
            let began = Instant::now();
            let answer = client.search_enterprises(question).await?.into_inner();
            times.push(began.elapsed());
            rows += answer.enterprises.len();
        }
        show(title, &mut times, Some(rows));
    }
    Ok(())
}

fn text(query: &str) -> v1::SearchEnterprisesRequest {
    v1::SearchEnterprisesRequest { query: query.to_owned(), ..v1::SearchEnterprisesRequest::default() }
}

fn tiered(random: &mut Random, query: &str) -> v1::SearchEnterprisesRequest {
    let tier = u32::try_from(1 + random.below(4)).unwrap_or(1);
    v1::SearchEnterprisesRequest { field: FIELD.to_owned(), tier, ..text(query) }
}

async fn counts(address: &str) -> Outcome<()> {
    let mut client = SupervisionServiceClient::connect(address.to_owned()).await?;
    for (title, turns) in
        [("tiers counted for the first time", 1), ("tiers counted again, of a province", 100)]
    {
        let mut times = Vec::new();
        for turn in 0..turns {
            let region = if turns == 1 { "" } else { ["33", "32", "44", "51"][turn % 4] };
            let asked = v1::SummarizeTiersRequest {
                field: FIELD.to_owned(),
                region: region.to_owned(),
                ..v1::SummarizeTiersRequest::default()
            };
            let began = Instant::now();
            client.summarize_tiers(asked).await?;
            times.push(began.elapsed());
        }
        show(title, &mut times, None);
    }
    Ok(())
}

fn show(title: &str, times: &mut [Duration], rows: Option<usize>) {
    times.sort_unstable();
    let at = |place: usize| times.get(place).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0);
    let last = times.len().saturating_sub(1);
    let rows = rows.map(|rows| format!("{:.1}", rows as f64 / times.len() as f64)).unwrap_or_default();
    println!("{title:<46} {:>8.2} {:>8.2} {:>8.2} {rows:>6}", at(last / 2), at(last * 99 / 100), at(last));
}

fn fill(path: &Path, catalogue: &Catalogue, enterprises: u32) -> Outcome<()> {
    let ledger = Ledger::create(path, Arc::clone(&catalogue.vocabulary), Options::default())?;
    let mut recorder = ledger.recorder()?;
    let today: Date = DAY.parse()?;
    for begin in (0..enterprises).step_by(usize::try_from(CHUNK)?) {
        let all: Vec<Enterprise> =
            (begin..enterprises.min(begin + CHUNK)).map(enterprise).collect::<Outcome<_>>()?;
        let mut found = Found::default();
        let mut rows = Vec::new();
        for one in &all {
            rows.extend(submit::check(&ledger, today, "row", &row(one), None, &mut found));
        }
        if !found.is_empty() {
            return Err(Box::new(found.problem()));
        }
        let rows = rows
            .into_iter()
            .zip(1u64..)
            .map(|(draft, line)| Submission { line, row: SubmittedRow::Draft(draft) });
        let origin = Origin { actor: "bench".to_owned(), ..Origin::default() };
        let report = recorder.append(&Batch::prepare(&catalogue.vocabulary, rows, origin))?;
        let tiers = all.iter().map(|one| {
            Ok(TierRecord {
                subject: one.code,
                field: FIELD.to_owned(),
                policy: FIELD.to_owned(),
                edition: "2026.1".to_owned(),
                policy_digest: [3; 32],
                as_of: today,
                known_at: report.recorded_at,
                tier: Some(one.tier),
                public: None,
                industry: None,
                region: Some(RegionCode::from_digits(one.region)?),
                industry_code: Some(one.industry.parse()?),
                body: Vec::new(),
            })
        });
        let tiers = tiers.collect::<Outcome<Vec<_>>>()?;
        recorder.record(&Results { evaluations: Vec::new(), tiers })?;
        eprintln!("{} enterprises in the ledger", enterprises.min(begin + CHUNK));
    }
    Ok(())
}

fn row(one: &Enterprise) -> Row {
    let fields = [
        ("subject_code", one.code.to_string()),
        ("subject_name", one.name.clone()),
        ("changed_on", "2015-03-02".to_owned()),
        ("established_on", "2015-03-02".to_owned()),
        ("status", "active".to_owned()),
        ("region", one.region.to_string()),
        ("industry", one.industry.to_owned()),
    ];
    let fields = fields.into_iter().map(|(id, text)| (id.to_owned(), text)).collect();
    Row { code: "registration".to_owned(), fields }
}
