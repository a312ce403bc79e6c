//! `hengxin features make`: from observation points to a table with its lineage.

use std::path::PathBuf;

use hengxin_batch::digest::sha256;
use hengxin_batch::features::lineage::{self, Carried, FeaturesFile, Lineage, Rows};
use hengxin_batch::features::{Points, Rejected, Rules, table};
use hengxin_standard::{Catalogue, FeatureEdition};
use serde_json::json;

use super::source::{Read, Source};
use super::{beside, edition, plans, sheet};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::rescore::batch;

/// Rejected rows that are named; the file has all.
const SHOWN: usize = 5;

/// What is measured, of whom, and where it goes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The features file.
    features: PathBuf,
    /// The observation points: Parquet, CSV (UTF-8 or GB18030) or XLSX.
    #[arg(long, value_name = "FILE")]
    points: PathBuf,
    /// The table that is written.
    #[arg(long, value_name = "FILE.parquet")]
    out: PathBuf,
    /// So many days after the as-of day what became known still counts, as where a decision waits for late registers.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=366))]
    delay_days: u32,
    /// One JSON object: the lineage, and the rejected rows.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    facts: super::Facts,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (place, name) = beside(&arguments.out, "--out")?;
    let same = |path: &PathBuf| {
        path.canonicalize().is_ok_and(|path| arguments.out.canonicalize().is_ok_and(|out| out == path))
    };
    if [&arguments.features, &arguments.points].into_iter().any(same) {
        let out = arguments.out.display();
        return Err(Failure::Input(format!(
            "--out: found `{out}`, which is read, expected a file of its own"
        )));
    }
    let catalogue = arguments.facts.catalogue()?;
    let edition = edition(&arguments.features, &catalogue)?;
    let source = Source::open(&arguments.facts, &catalogue)?;
    let (sheet, mut rejected) = sheet::read(&arguments.points)?;
    let given = sheet.lines.len() + rejected.len();
    let rules = Rules { watermark: source.known_at(), delay_days: arguments.delay_days };
    let (points, others) = sheet.points(rules, &edition.set).map_err(batch)?;
    rejected.extend(others);

    let bar = Progress::new("measuring".to_owned(), points.points.len() as u64);
    let plans = plans(&edition, &catalogue, &points.points);
    let width = edition.set.features.len();
    let read = source.read(&plans, width, &points.points, arguments.facts.threads(), &bar)?;
    drop(bar);
    for (row, refusal) in read.values.refused() {
        let subject = points.points.get(*row).map(|p| p.subject.to_string()).unwrap_or_default();
        let (field, found, expected) = refusal.told(&subject);
        rejected.extend(points.reject(*row, field, found, expected));
    }
    rejected.sort_unstable();
    let rejects = std::path::Path::new(&name).with_extension("rejects.csv").to_string_lossy().into_owned();
    place.write(&rejects, rejects_csv(&rejected)?).map_err(batch)?;
    let kept: Vec<usize> =
        (0..points.points.len()).filter(|row| !read.values.refused().contains_key(row)).collect();
    let told = told(&rejected, given, &arguments.out.with_file_name(&rejects).display().to_string());
    if kept.is_empty() {
        let told = if given == 0 {
            "found a list without rows, expected points".to_owned()
        } else {
            told.join("\nhengxin: ")
        };
        return Err(Failure::Input(format!("no row is left: {told}")));
    }
    let bytes = table::encode(&edition.set, &points, &read.values, &kept).map_err(batch)?;
    let counts = Rows {
        given: given as u64,
        written: kept.len() as u64,
        rejected: rejected.len() as u64,
        repeated: repeated(&points, &kept),
    };
    let lineage =
        lineage(&edition, &catalogue, &source, &read, &points, &kept, arguments, counts, sha256(&bytes));
    place.write(&name, bytes).map_err(batch)?;
    let beside = std::path::Path::new(&name).with_extension("lineage.json").to_string_lossy().into_owned();
    place.write(&beside, lineage.to_json()).map_err(batch)?;
    for line in &told {
        eprintln!("hengxin: {line}");
    }
    if arguments.json {
        output::json(&json!({ "lineage": lineage, "rejects": rejects, "rejected": counts.rejected }));
    } else {
        print(&lineage, &arguments.out.display().to_string());
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "everything a table was made of, named once")]
fn lineage(
    edition: &FeatureEdition,
    catalogue: &Catalogue,
    source: &Source,
    read: &Read,
    points: &Points,
    kept: &[usize],
    arguments: &Arguments,
    rows: Rows,
    table: String,
) -> Lineage {
    let set = &edition.set;
    let (format, version, program) = Lineage::head();
    let standards = standards(edition, catalogue);
    let carried = points.carried.iter();
    Lineage {
        format,
        version,
        program,
        features: FeaturesFile {
            id: set.id.clone(),
            edition: set.edition.clone(),
            sha256: edition.file_digest.clone(),
            digest: edition.digest.clone(),
        },
        vocabulary: catalogue.vocabulary.edition.clone(),
        standards,
        source: source.lineage(read, kept),
        delay_days: arguments.delay_days,
        rows,
        table,
        columns: lineage::columns(set, &read.values, kept),
        carried: carried
            .map(|(name, cells)| Carried { name: name.clone(), kind: cells.kind().to_owned() })
            .collect(),
    }
}

fn standards(edition: &FeatureEdition, catalogue: &Catalogue) -> Vec<lineage::Edition> {
    let read = catalogue.read_by(&edition.set);
    read.map(|read| lineage::Edition {
        id: read.standard.id.clone(),
        edition: read.standard.edition.clone(),
        digest: read.digest.clone(),
    })
    .collect()
}

/// Rows with the point of the one before.
fn repeated(points: &Points, kept: &[usize]) -> u64 {
    let of = |row: &usize| points.points.get(*row);
    kept.windows(2).filter(|pair| matches!(pair, [a, b] if of(a) == of(b))).count() as u64
}

fn rejects_csv(rejected: &[Rejected]) -> Result<Vec<u8>, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |e: csv::Error| Failure::System(anyhow::Error::new(e));
    writer
        .write_record(["line", "subject", "as_of", "known_at", "field", "found", "expected"])
        .map_err(failed)?;
    for Rejected { line, point: [subject, as_of, known_at], field, found, expected } in rejected {
        let line = line.to_string();
        writer.write_record([&line, subject, as_of, known_at, *field, found, expected]).map_err(failed)?;
    }
    writer.into_inner().map_err(|e| Failure::System(anyhow::anyhow!("{e}")))
}

/// What is said of rejected rows.
fn told(rejected: &[Rejected], given: usize, file: &str) -> Vec<String> {
    if rejected.is_empty() {
        return Vec::new();
    }
    let mut told =
        vec![format!("{} of {given} rows rejected, each with its reason in {file}", rejected.len())];
    for Rejected { line, field, found, expected, .. } in rejected.iter().take(SHOWN) {
        told.push(format!("line {line}, `{field}`: found {found}, expected {expected}"));
    }
    if rejected.len() > SHOWN {
        told.push(format!("and {} more", rejected.len() - SHOWN));
    }
    told
}

fn print(lineage: &Lineage, out: &str) {
    let Lineage { features, source, rows, columns, .. } = lineage;
    let moment = crate::data::moment(source.known_at);
    println!("{} {}, from a {} known up to {moment}", features.id, features.edition, source.kind.name());
    let mut table = output::table(&["feature", "gives", "known", "unknown"]);
    for column in columns {
        let unknown: Vec<String> = column.unknown.iter().map(|(why, n)| format!("{n} {why}")).collect();
        table.add_row([&column.id, &column.unit, &column.known.to_string(), &unknown.join(", ")]);
    }
    println!("{table}");
    if rows.repeated > 0 {
        println!("{} rows have the subject, day and moment of another row", rows.repeated);
    }
    println!("\n{} rows, {} rejected; {out}", rows.written, rows.rejected);
}
