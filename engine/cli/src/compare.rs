//! `hengxin compare`: two runs over a population, or a draft against what is in force, and whether the second may be
//! published.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hengxin_batch::compare::{
    Comparison, Explainer, FieldSide, Frame, Limit, Limits, MoverSink, MoversFile, Named, RegionDepth,
    RunManifest, RunRows, RunSide, StandardSide, Tally, html,
};
use hengxin_batch::place::Place;
use hengxin_core::vocabulary::Field;
use hengxin_standard::Catalogue;

use crate::draft;
use crate::failure::Failure;
use crate::output;
use crate::place::{only_a_folder, place};
use crate::reasons::Reasons;

/// Compare two runs: who moved, because of which clause, and what it costs the inspectors.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin compare runs/october runs/november                        a summary
  hengxin compare runs/october runs/november --html compare.html    one page to read and print
  hengxin compare s3://credit/october s3://credit/november          runs in an object store
  hengxin compare runs/october runs/november --json | jq .axes[0].moves

Try an edition on everyone before it takes effect, reading the facts once:
  hengxin compare --dataset world --draft public-comprehensive@2027.1 --field food-production --standards my-standards \\
      --out runs/trial --max-worse 2% --max-workload +10%

With a limit that is not kept the exit code is 1 and every such limit is named; the output is written all the same.")]
pub struct Arguments {
    /// Folder of the first run, or `s3://BUCKET/PREFIX`.
    #[arg(required_unless_present = "drafts", conflicts_with = "drafts")]
    run_a: Option<PathBuf>,
    /// Folder of the second run, or `s3://BUCKET/PREFIX`.
    #[arg(required_unless_present = "drafts")]
    run_b: Option<PathBuf>,
    #[command(flatten)]
    draft: draft::Arguments,
    /// The whole comparison as one JSON object.
    #[arg(long)]
    json: bool,
    /// Write the comparison as one self-contained page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Cells of the breakdown with fewer subjects are not shown.
    #[arg(long, value_name = "N", default_value_t = 10)]
    min_cell: u64,
    /// Digits of the region told apart: 2 provinces, 4 cities, 6 counties.
    #[arg(long, value_name = "DIGITS", default_value = "4")]
    by_region: RegionDepth,
    /// The most movers listed, furthest first; 0 leaves them out.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    movers: usize,
    /// Write all movers to a file, .csv or .parquet.
    #[arg(long, value_name = "FILE")]
    movers_out: Option<PathBuf>,
    /// At most this share may move, in every field and by every standard.
    #[arg(long, value_name = "PERCENT")]
    max_moved: Option<Limit>,
    /// At most this share may move to a stricter tier or worse grade, likewise.
    #[arg(long, value_name = "PERCENT")]
    max_worse: Option<Limit>,
    /// Inspections a year may grow at most by this, in every field.
    #[arg(long, value_name = "PERCENT")]
    max_workload: Option<Limit>,
    /// At most this share of the eligible may lack a score in the second run, by every standard.
    #[arg(long, value_name = "PERCENT")]
    max_unscored: Option<Limit>,
    /// A folder with the standards of both runs, instead of those shipped with this binary.
    #[arg(long)]
    standards: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    for (argument, path) in [("--html", &arguments.html), ("--movers-out", &arguments.movers_out)] {
        path.as_deref().map_or(Ok(()), |path| only_a_folder(argument, path))?;
    }
    let catalogue = crate::standards::load_or_shipped(arguments.standards.as_deref())?;
    let [first, second] =
        match (draft::tried(&arguments.draft, &catalogue)?, &arguments.run_a, &arguments.run_b) {
            (Some(runs), _, _) => runs,
            (None, Some(first), Some(second)) => [first.clone(), second.clone()],
            (None, _, _) => return Err(Failure::Input("expected two runs, or --draft".to_owned())),
        };
    let (first, second) = (Run::open(&first, &catalogue)?, Run::open(&second, &catalogue)?);
    let frame = Frame::new(first.side.clone(), second.side.clone()).map_err(refused)?;
    let mut tally = Tally::new(frame.into(), arguments.by_region, arguments.movers);
    let mut file = arguments.movers_out.as_deref().map(MoversFile::create).transpose().map_err(refused)?;
    let sink = file.as_mut().map(|file| file as &mut dyn MoverSink);
    let (mut before, mut after) = (first.rows()?, second.rows()?);
    let mut reasons = match Reasons::new(&catalogue, &first.side, &second.side) {
        Ok(reasons) => Some(reasons),
        Err(problem) => {
            eprintln!("hengxin: moves are laid to what the results alone show: {problem}");
            None
        }
    };
    let explainer = reasons.as_mut().map(|reasons| reasons as &mut dyn Explainer);
    tally.add_all(&mut before, &mut after, explainer, sink).map_err(refused)?;
    file.map_or(Ok(()), MoversFile::finish).map_err(refused)?;

    let limits = Limits {
        moved: arguments.max_moved,
        worse: arguments.max_worse,
        workload: arguments.max_workload,
        unscored: arguments.max_unscored,
    };
    let comparison = Comparison::new(&tally, &limits, arguments.min_cell);
    if let Some(path) = &arguments.html {
        write(path, html::page(&comparison))?;
    }
    if arguments.json {
        println!("{}", comparison.to_json());
    } else {
        summary(&comparison);
    }
    let broken: Vec<&str> =
        comparison.gate.checks.iter().filter(|c| !c.passed).map(|c| c.message.as_str()).collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(Failure::System(anyhow::anyhow!(
        "not to be published: {}",
        broken.join("\nhengxin: not to be published: ")
    )))
}

/// A run's folder with the editions it names.
struct Run {
    place: Place,
    manifest: RunManifest,
    side: RunSide,
}

impl Run {
    fn open(folder: &Path, catalogue: &Catalogue) -> Result<Run, Failure> {
        let place = place(folder)?;
        let manifest = RunManifest::read(&place).map_err(refused)?;
        let side = side(folder, &manifest, catalogue)?;
        Ok(Run { place, manifest, side })
    }

    fn rows(&self) -> Result<RunRows, Failure> {
        RunRows::open(self.place.clone(), &self.manifest, self.side.clone()).map_err(refused)
    }
}

/// The run described by its manifest and by the texts of the editions it names, which must be the same texts.
fn side(folder: &Path, manifest: &RunManifest, catalogue: &Catalogue) -> Result<RunSide, Failure> {
    let other = |what: &str, id: &str, edition: &str, ran: &str, here: &str| {
        Failure::Input(format!(
            "{}: found {what} `{id}` {edition} with digest {ran}, expected {here}, that of the standards at hand; give \
             the folder of standards the run was made with by --standards",
            folder.display()
        ))
    };
    let absent = |problem: &dyn std::fmt::Display| {
        Failure::Input(format!(
            "{}: {problem}; give the folder of standards the run was made with by --standards",
            folder.display()
        ))
    };
    let mut standards = Vec::new();
    for ran in &manifest.standards {
        let edition = catalogue.pinned(&ran.id, &ran.edition).map_err(|problem| absent(&problem))?;
        if ran.digest != edition.digest && ran.digest != edition.file_digest {
            return Err(other("standard", &ran.id, &ran.edition, &ran.digest, &edition.digest));
        }
        standards.push(StandardSide::new(&edition.standard, ran.digest.clone()));
    }
    let mut fields = Vec::new();
    for ran in &manifest.policies {
        let found =
            catalogue.policies().find(|p| p.policy.field == ran.field && p.policy.edition == ran.edition);
        let edition = found.ok_or_else(|| {
            absent(&format!("no edition `{}` of the policy of field `{}`", ran.edition, ran.field))
        })?;
        if ran.digest != edition.digest {
            return Err(other("policy", &ran.policy, &ran.edition, &ran.digest, &edition.digest));
        }
        fields.push(FieldSide::new(&edition.policy, ran.digest.clone()));
    }
    Ok(RunSide {
        id: manifest.id.clone(),
        as_of: manifest.as_of,
        known_at: manifest.known_at,
        source: (manifest.source.kind.clone(), manifest.source.place.clone()),
        source_digest: manifest.source.digest.clone(),
        subjects: manifest.subjects,
        standards,
        fields,
        sizes: sizes(catalogue),
    })
}

/// The sizes of enterprises: the values of the field `size` of registrations.
fn sizes(catalogue: &Catalogue) -> Vec<Named> {
    let vocabulary = &catalogue.vocabulary;
    let fields = vocabulary.codes.iter().flat_map(|code| &code.fields);
    let values = fields.filter(|field| field.id == "size").flat_map(Field::values);
    values.map(|value| Named { id: value.id.clone(), title: value.title.clone() }).collect()
}

fn write(path: &Path, text: String) -> Result<(), Failure> {
    let (place, name) = Place::of_file(path)
        .ok_or_else(|| Failure::Input(format!("--html: `{}` names no file", path.display())))?;
    place.write(name, text.into_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

fn summary(comparison: &Comparison) {
    let c = comparison;
    println!("{}  as of {}, known at {}", c.before.run, c.before.as_of, c.before.known_at);
    println!("{}  as of {}, known at {}", c.after.run, c.after.as_of, c.after.known_at);
    let p = c.population;
    println!(
        "{} subjects in both, {} only in the first, {} only in the second\n",
        p.both, p.only_before, p.only_after
    );
    let mut table = output::table(&["", "worse", "better", "other", "same", "inspections a year, at least"]);
    for axis in &c.axes {
        let load = axis
            .workload
            .as_ref()
            .map_or(String::new(), |w| format!("{} -> {}", w.least_before, w.least_after));
        let m = axis.moves;
        table.add_row([
            axis.id.clone(),
            m.worse.to_string(),
            m.better.to_string(),
            m.other.to_string(),
            m.same.to_string(),
            load,
        ]);
    }
    println!("{table}");
    for lone in &c.not_compared {
        println!("not compared: {lone}");
    }
    if !c.clauses.is_empty() {
        println!();
        let mut table = output::table(&["moved by", "", "worse", "better", "other"]);
        for clause in c.clauses.iter().take(10) {
            let what = format!("{} {}/{} {}", clause.kind.name(), clause.document, clause.id, clause.title);
            table.add_row([
                clause.axis.clone(),
                what,
                clause.worse.to_string(),
                clause.better.to_string(),
                clause.other.to_string(),
            ]);
        }
        println!("{table}");
    }
    for check in c.gate.checks.iter().filter(|check| check.passed) {
        println!("{}", check.message);
    }
}

/// What the comparison refuses is wrong in the runs or the arguments; a folder that cannot be read is not.
fn refused(problem: hengxin_batch::Error) -> Failure {
    use hengxin_batch::Error;
    match problem {
        Error::Parquet { .. } | Error::Content { .. } | Error::Refused(_) => {
            Failure::Input(problem.to_string())
        }
        Error::Io { .. } | Error::Busy(_) | Error::Cancelled => Failure::System(anyhow::Error::new(problem)),
    }
}
