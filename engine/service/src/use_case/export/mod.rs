//! The bulk export of the tiers of a field: rows page by page, each from a view of the ledger of its own, so that nobody
//! who reads slowly keeps the ledger from anything.

pub mod file;
pub mod mark;
pub mod row;

use hengxin_core::date::Moment;
use hengxin_core::number::Points;
use hengxin_core::uscc::Uscc;
use hengxin_store::{LoadedRun, RunTier, Snapshot, Stored, TierFilter, TierRecord};

use self::row::Row;
use super::loaded::loaded_run;
use super::overview::{self, From, Question, overview};
use crate::engine::{Engine, begin_of, day_of};
use crate::problem::{Answer, Problem};

/// Rows of one page. With names of a hundred characters a page is a tenth of what a message holds.
pub const PAGE: usize = 500;

/// What an export goes through.
#[derive(Clone, Debug)]
pub struct Source {
    /// Which tiers.
    pub wanted: TierFilter,
    /// The run they are read from; `None` for decisions on record.
    pub run: Option<u64>,
    /// Rows there were when it began.
    pub expected: u64,
}

impl Source {
    /// What the trail says of it: `market-regulation tier=3 region=330100 industry=C from runs/12`.
    pub fn told(&self) -> String {
        let TierFilter { field, tier, region, industry } = &self.wanted;
        let tier = tier.map(|tier| format!(" tier={tier}")).unwrap_or_default();
        let region = region.map(|region| format!(" region={region}")).unwrap_or_default();
        let industry = industry.map(|industry| format!(" industry={industry}")).unwrap_or_default();
        let from = self.run.map_or_else(|| "decisions".to_owned(), |run| format!("runs/{run}"));
        format!("{field}{tier}{region}{industry} from {from}")
    }
}

/// Begins an export.
///
/// # Errors
/// An unknown field, no loaded run, or a failing ledger.
pub fn begin(engine: &Engine, wanted: TierFilter, from: From) -> Answer<Source> {
    let question = Question { field: &wanted.field, region: wanted.region, industry: wanted.industry, from };
    let found: overview::Overview = overview(engine, &question)?;
    let counted = found.tiers.iter().filter(|(tier, _)| wanted.tier.is_none() || *tier == wanted.tier);
    let expected = counted.map(|(_, count)| count).sum();
    Ok(Source { run: found.run.map(|run| run.run), wanted, expected })
}

/// The next rows of an export, at most [`PAGE`]: after which to go on, and the row. Empty at the end.
///
/// `results` reads grades and scores of the public and the industry's own evaluation from the body of a decision.
///
/// # Errors
/// [`Problem::RunReplaced`] when another run was loaded since it began, and a failing ledger.
pub fn page(
    engine: &Engine,
    source: &Source,
    after: Option<Uscc>,
    results: impl Fn(&[u8]) -> Answer<[String; 4]>,
) -> Answer<Vec<(Uscc, Row)>> {
    let snapshot = engine.snapshot(None)?;
    let Some(number) = source.run else {
        let found = snapshot.current_tiers(&source.wanted, after, PAGE)?;
        let row = |stored: Stored<TierRecord>| {
            let record = stored.record;
            let results = results(&record.body)?;
            Ok((record.subject, of_decision(&snapshot, record, results)?))
        };
        return found.into_iter().map(row).collect();
    };
    let run = loaded_run(&snapshot, &source.wanted.field)?;
    if run.run != number {
        return Err(Problem::RunReplaced { run: number, by: run.run });
    }
    let found = snapshot.run_tiers(&run, &source.wanted, after, PAGE)?;
    found.into_iter().map(|tier| Ok((tier.subject, of_run(&snapshot, &run, tier)?))).collect()
}

/// Rows that went out to a caller today by exports that have ended.
///
/// # Errors
/// A failing ledger.
pub fn rows_today(engine: &Engine, caller: &str) -> Answer<u64> {
    let today = begin_of(day_of(engine.now()));
    Ok(engine.ledger().snapshot(None)?.exported_rows(caller, today)?)
}

fn of_decision(snapshot: &Snapshot, record: TierRecord, results: [String; 4]) -> Answer<Row> {
    let [public_grade, public_score, industry_grade, industry_score] = results;
    Ok(Row([
        record.subject.to_string(),
        name(snapshot, record.subject)?,
        told(record.region),
        told(record.industry_code),
        record.field,
        record.tier.unwrap_or_default().to_string(),
        public_grade,
        public_score,
        industry_grade,
        industry_score,
        format!("policies/{}/editions/{}", record.policy, record.edition),
        record.as_of.to_string(),
        moment(record.known_at),
        "decision".to_owned(),
    ]))
}

fn of_run(snapshot: &Snapshot, run: &LoadedRun, tier: RunTier) -> Answer<Row> {
    let score = |score: Option<i64>| told(score.map(Points::from_ten_thousandths));
    Ok(Row([
        tier.subject.to_string(),
        name(snapshot, tier.subject)?,
        told(tier.region),
        told(tier.industry),
        run.field.clone(),
        tier.tier.unwrap_or_default().to_string(),
        tier.public_grade.unwrap_or_default(),
        score(tier.public_score),
        tier.industry_grade.unwrap_or_default(),
        score(tier.industry_score),
        format!("policies/{}/editions/{}", tier.policy, tier.edition),
        run.as_of.to_string(),
        moment(run.known_at),
        format!("runs/{}", run.run),
    ]))
}

fn told(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// The last known name; empty for one that is in a run and not in the ledger.
fn name(snapshot: &Snapshot, subject: Uscc) -> Answer<String> {
    Ok(snapshot.found(subject, "")?.and_then(|entry| entry.name).unwrap_or_default())
}

/// UTC with six decimals, always as many: one moment has one text.
fn moment(moment: Moment) -> String {
    let stamp = jiff::Timestamp::from_microsecond(moment.0).unwrap_or_default();
    stamp.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_six_decimals_however_round_it_is() {
        assert_eq!(moment(Moment(1_782_792_000_000_000)), "2026-06-30T04:00:00.000000Z");
        assert_eq!(moment(Moment(1_782_792_000_120_000)), "2026-06-30T04:00:00.120000Z");
    }

    #[test]
    fn the_trail_names_every_filter() {
        let wanted = TierFilter { field: "tax".to_owned(), ..TierFilter::default() };
        let whole = Source { wanted, run: None, expected: 0 };
        assert_eq!(whole.told(), "tax from decisions");
        let wanted = TierFilter {
            field: "tax".to_owned(),
            tier: Some(3),
            region: "330100".parse().ok(),
            industry: "C14".parse().ok(),
        };
        let part = Source { wanted, run: Some(12), expected: 0 };
        assert_eq!(part.told(), "tax tier=3 region=330100 industry=C14 from runs/12");
    }
}
