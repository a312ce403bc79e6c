//! `hengxin features check`: rows of a table recomputed, and nothing later in them.

use std::path::PathBuf;

use hengxin_batch::digest::sha256;
use hengxin_batch::features::lineage::{self, Lineage, SourceKind};
use hengxin_batch::features::table::{Table, display};
use hengxin_batch::features::{Plans, Point, Refusal, Rules};
use hengxin_batch::moment;
use hengxin_core::features::FeatureSet;
use hengxin_core::reading::Measured;
use hengxin_service::story::unknown_words;
use serde_json::{Value, json};

use super::source::Source;
use super::{edition, plans};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::rescore::batch;
use crate::train::{about, read};

/// Differences that are named; the rest are counted.
const SHOWN: usize = 20;

/// Which table, by what, and how much of it.
#[derive(clap::Args)]
pub struct Arguments {
    /// The table.
    table: PathBuf,
    /// The features file it was made by.
    #[arg(long, value_name = "FILE")]
    features: PathBuf,
    /// Its lineage; beside the table when absent.
    #[arg(long, value_name = "FILE")]
    lineage: Option<PathBuf>,
    /// So many rows, chosen by the seed.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    sample: u64,
    /// Every row, and the counts of the lineage.
    #[arg(long, conflicts_with_all = ["sample", "seed"])]
    all: bool,
    /// The seed of the sample; another one each time, and said, when absent.
    #[arg(long)]
    seed: Option<u64>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    facts: super::Facts,
}

/// A value that is not what the facts give.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Difference {
    /// Row of the table, from 1.
    row: usize,
    subject: String,
    as_of: String,
    known_at: String,
    feature: String,
    found: String,
    expected: String,
    /// By which way the expected value was computed.
    by: &'static str,
}

impl Difference {
    fn to_json(&self) -> Value {
        let Difference { row, subject, as_of, known_at, feature, found, expected, by } = self;
        json!({
            "row": row, "subject": subject, "as_of": as_of, "known_at": known_at, "feature": feature,
            "found": found, "expected": expected, "by": by,
        })
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Difference { row, subject, as_of, known_at, feature, found, expected, by } = self;
        write!(f, "row {row} ({subject} as of {as_of}, known at {known_at}), feature `{feature}`: ")?;
        write!(f, "found {found}, expected {expected} ({by})")
    }
}

const RECOMPUTED: &str = "recomputed from the facts";
const CUT_AWAY: &str = "recomputed with all later facts taken away";

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let beside = || arguments.table.with_extension("lineage.json");
    let path = arguments.lineage.clone().unwrap_or_else(beside);
    let lineage = Lineage::read(&read(&path)?).map_err(|e| about(&path, &e))?;
    let bytes = read(&arguments.table)?;
    same(&arguments.table.display().to_string(), "SHA-256", &sha256(&bytes), &lineage.table)?;
    let catalogue = arguments.facts.catalogue()?;
    let edition = edition(&arguments.features, &catalogue)?;
    let file = arguments.features.display().to_string();
    same(&file, "SHA-256", &edition.file_digest, &lineage.features.sha256)?;
    same(&file, "with the standards it reads the digest", &edition.digest, &lineage.features.digest)?;
    same("the vocabulary", "the edition", &catalogue.vocabulary.edition, &lineage.vocabulary)?;
    let source = Source::open(&arguments.facts, &catalogue)?;
    let set = &edition.set;
    let table = Table::decode(&arguments.table.display().to_string(), bytes, set).map_err(batch)?;
    check_points(&table, &lineage, source.known_at(), set)?;

    let (seed, rows) = sample(arguments, table.points.len());
    let points: Vec<Point> = rows.iter().filter_map(|row| table.points.get(*row)).copied().collect();
    let plans = plans(&edition, &catalogue, &points);
    let threads = arguments.facts.threads();
    let bar = Progress::new("checking".to_owned(), points.len() as u64);
    let found = source.read(&plans, set.features.len(), &points, threads, &bar)?;
    bar.endless("checking without later facts".to_owned());
    let mut differences = Vec::new();
    let mut compare = |place: usize, given: &dyn Fn(usize) -> Result<Measured, String>, by| {
        differences
            .extend(rows.get(place).into_iter().flat_map(|row| compared(set, &table, *row, given, by)));
    };
    for place in 0..points.len() {
        let refused = found.values.refused().get(&place);
        let given = |i| refused.map_or_else(|| Ok(found.values.get(place, i)), |why| Err(why.to_string()));
        compare(place, &given, RECOMPUTED);
    }
    // Files of relatives are cut by the usual way only.
    let alone = follows_nobody(&plans);
    if alone {
        for (place, given) in source.cut_away(&plans, &points, threads)?.iter().enumerate() {
            let given = |i| given.get(i).copied().ok_or_else(|| Refusal::NobodyKnown.to_string());
            compare(place, &given, CUT_AWAY);
        }
    }
    drop(bar);
    differences.sort_by_key(|difference| difference.row);
    // Of values that differ nobody needs to be told that their counts do.
    if arguments.all && differences.is_empty() {
        check_lineage(&lineage, set, &source, &found, points.len())?;
    }
    let told = Told {
        rows: rows.len(),
        of: table.points.len(),
        seed,
        alone,
        same_source: same_source(&lineage, &source),
    };
    conclude(arguments, &lineage, &differences, &told)
}

/// What is said at the end.
struct Told {
    rows: usize,
    of: usize,
    /// `None` of every row.
    seed: Option<u64>,
    alone: bool,
    same_source: bool,
}

fn same(of: &str, what: &str, found: &str, expected: &str) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    Err(Failure::Input(format!("{of}: found {what} {found}, expected {expected}, that of the lineage")))
}

/// Every row must keep to the rules by which the table was made, and to what the source can know.
fn check_points(
    table: &Table,
    lineage: &Lineage,
    known_at: hengxin_core::date::Moment,
    set: &FeatureSet,
) -> Result<(), Failure> {
    if table.points.len() as u64 != lineage.rows.written {
        let (found, expected) = (table.points.len(), lineage.rows.written);
        return Err(Failure::Input(format!(
            "found a table of {found} rows, expected {expected} by its lineage"
        )));
    }
    let rules = Rules { watermark: known_at.min(lineage.source.known_at), delay_days: lineage.delay_days };
    for (point, row) in table.points.iter().zip(1..) {
        point.check(rules, set).map_err(|(field, found, expected)| {
            Failure::Input(format!("row {row}, `{field}`: found {found}, expected {expected}"))
        })?;
    }
    if let Some(row) = table.points.windows(2).position(|pair| matches!(pair, [a, b] if a > b)) {
        return Err(Failure::Input(format!(
            "row {}: found a row that belongs before the one above it, expected the order in which tables are written",
            row + 2
        )));
    }
    Ok(())
}

/// The rows that are looked at, ascending, and the seed by which they were chosen.
fn sample(arguments: &Arguments, rows: usize) -> (Option<u64>, Vec<usize>) {
    let wanted = usize::try_from(arguments.sample).unwrap_or(usize::MAX);
    if arguments.all {
        return (None, (0..rows).collect());
    }
    // A seed that nobody can know beforehand, or a forger would change other rows.
    let now = || u64::try_from(jiff::Timestamp::now().as_nanosecond() & i128::from(u64::MAX)).unwrap_or(0);
    let seed = arguments.seed.unwrap_or_else(now);
    let mut order: Vec<(u64, usize)> = (0..rows).map(|row| (mixed(seed ^ mixed(row as u64)), row)).collect();
    order.sort_unstable();
    let mut rows: Vec<usize> = order.into_iter().take(wanted).map(|(_, row)| row).collect();
    rows.sort_unstable();
    (Some(seed), rows)
}

/// A number that looks like any other: the finaliser of SplitMix64.
fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

fn follows_nobody(plans: &Plans) -> bool {
    plans.reach_of_all().kinds.is_empty()
}

/// Where a row differs from what is given.
fn compared(
    set: &FeatureSet,
    table: &Table,
    row: usize,
    given: &dyn Fn(usize) -> Result<Measured, String>,
    by: &'static str,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    for ((i, feature), column) in set.features.iter().enumerate().zip(&table.features) {
        let (Some(point), Some(found)) = (table.points.get(row), column.get(row).copied()) else { continue };
        let expected = match given(i) {
            Ok(Measured::Known(value)) if found == Some(value) => continue,
            Ok(Measured::Unknown(_)) if found.is_none() => continue,
            Ok(Measured::Known(value)) => display(&feature.gives, value),
            Ok(Measured::Unknown(why)) => format!("nothing: {}", unknown_words(why)),
            Err(why) => format!("no row: {why}"),
        };
        differences.push(Difference {
            row: row + 1,
            subject: point.subject.to_string(),
            as_of: point.as_of.to_string(),
            known_at: moment::to_text(point.known_at),
            feature: feature.id.clone(),
            found: found.map_or_else(|| "nothing".to_owned(), |found| display(&feature.gives, found)),
            expected,
            by,
        });
    }
    differences
}

/// With every row at hand, what the lineage counts must be so.
fn check_lineage(
    lineage: &Lineage,
    set: &FeatureSet,
    source: &Source,
    found: &super::source::Read,
    rows: usize,
) -> Result<(), Failure> {
    let all: Vec<usize> = (0..rows).collect();
    for (found, expected) in lineage::columns(set, &found.values, &all).iter().zip(&lineage.columns) {
        if found != expected {
            return Err(Failure::System(anyhow::anyhow!(
                "the lineage: found {} known and {:?} unknown of `{}`, expected {} and {:?}, or its words differ",
                expected.known,
                expected.unknown,
                expected.id,
                found.known,
                found.unknown
            )));
        }
    }
    // What a ledger's rows were computed from never changes.
    if (source.kind(), lineage.source.kind) == (SourceKind::Ledger, SourceKind::Ledger) {
        let digest = source.lineage(found, &all).digest;
        same("the files of all rows", "digest", &digest, &lineage.source.digest)?;
    }
    Ok(())
}

fn same_source(lineage: &Lineage, source: &Source) -> bool {
    match source {
        Source::Dataset(dataset) => dataset.manifest.digest == lineage.source.digest,
        Source::Ledger(..) => lineage.source.kind == SourceKind::Ledger,
    }
}

fn conclude(
    arguments: &Arguments,
    lineage: &Lineage,
    differences: &[Difference],
    told: &Told,
) -> Result<(), Failure> {
    let Told { rows, of, seed, alone, same_source } = *told;
    if arguments.json {
        output::json(&json!({
            "features": lineage.features, "rows": of, "rows_checked": rows, "seed": seed,
            "without_later_facts": alone, "same_source": same_source,
            "difference_count": differences.len(),
            "differences": differences.iter().take(SHOWN).map(Difference::to_json).collect::<Vec<_>>(),
        }));
    } else {
        let chosen = seed.map_or(String::new(), |seed| format!(", chosen by seed {seed}"));
        println!("{} {}: {rows} of {of} rows{chosen}", lineage.features.id, lineage.features.edition);
        if !same_source {
            println!(
                "the facts are of another source than the table's; at a past moment it must say the same"
            );
        }
        if !alone {
            println!("relatives are looked at: rows were not recomputed with later facts taken away by hand");
        }
        for difference in differences.iter().take(SHOWN) {
            println!("{difference}");
        }
        if differences.len() > SHOWN {
            println!("and {} more", differences.len() - SHOWN);
        }
    }
    if differences.is_empty() {
        if !arguments.json {
            let ways = if alone {
                "recomputed from the facts, and with all later facts taken away"
            } else {
                RECOMPUTED
            };
            println!("every value is equal, {ways}");
        }
        return Ok(());
    }
    Err(Failure::System(anyhow::anyhow!(
        "found {} values that are not what the facts give, expected none",
        differences.len()
    )))
}
