//! What a report says, as the template reads it.

use hengxin_proto::v1;
use prost::Message as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::TypesetError;

/// Seconds by which China is ahead of UTC.
const CHINA: i64 = 8 * 3600;

/// A report that was read, and the bytes it was read from.
pub(crate) struct Read {
    pub(crate) report: v1::Report,
    digest: String,
}

/// Reads an encoded report.
pub(crate) fn read(bytes: &[u8]) -> Result<Read, TypesetError> {
    let report = v1::Report::decode(bytes).map_err(|error| TypesetError::Unreadable(error.to_string()))?;
    if report.kind() == v1::ReportKind::Unspecified || report.issued_at.is_none() {
        return Err(TypesetError::Unreadable("it has no kind, or was never issued".to_owned()));
    }
    let digest = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Read { report, digest })
}

impl Read {
    /// When it was issued, in seconds since 1970.
    pub(crate) fn issued_at(&self) -> i64 {
        self.report.issued_at.map_or(0, |stamp| stamp.seconds)
    }

    /// What the QR code says: where to look it up, or number and code.
    pub(crate) fn check(&self, verify_url: &str) -> String {
        let v1::Report { number, verification_code, .. } = &self.report;
        if verify_url.is_empty() {
            return format!("{number} {verification_code}");
        }
        let joint = if verify_url.contains('?') { '&' } else { '?' };
        format!("{verify_url}{joint}number={number}&code={verification_code}")
    }

    /// All its texts, at the places they have in the report.
    pub(crate) fn texts(&self) -> Value {
        let report = &self.report;
        let kind = match report.kind() {
            v1::ReportKind::Evaluation => "evaluation",
            v1::ReportKind::Special => "special",
            v1::ReportKind::Public | v1::ReportKind::Unspecified => "public",
        };
        let fields = if report.field_titles.is_empty() { &report.fields } else { &report.field_titles };
        json!({
            "kind": kind,
            "number": report.number,
            "verification_code": report.verification_code,
            "code": report.enterprise.strip_prefix("enterprises/").unwrap_or(&report.enterprise),
            "display_name": report.display_name,
            "issued_at": moment(self.issued_at()),
            "valid_until": report.valid_until,
            "issued_for": report.issued_for,
            "as_of": report.as_of,
            "known_at": report.known_at.map(|stamp| moment(stamp.seconds)).unwrap_or_default(),
            "from": report.from,
            "fields": fields.join("、"),
            "use": report.r#use,
            "sections": report.sections.iter().map(section).collect::<Vec<_>>(),
            "tiers": report.tiers.iter().map(tier).collect::<Vec<_>>(),
            "statements": report.statements,
            "engine_version": report.engine_version,
            "masked": report.masked,
            "log_size": report.log_size.to_string(),
            "digest": self.digest,
        })
    }
}

fn section(section: &v1::ReportSection) -> Value {
    let record = |record: &v1::ReportRecord| {
        let field = |field: &v1::FactField| json!({ "title": field.title, "value": field.value });
        json!({
            "title": record.title,
            "occurred_on": record.occurred_on,
            "repaired_on": record.repaired_on,
            "under_objection": record.under_objection,
            "fields": record.fields.iter().map(field).collect::<Vec<_>>(),
        })
    };
    json!({
        "title": section.title,
        "missing": section.missing_registers.join("、"),
        "withheld": section.withheld,
        "records": section.records.iter().map(record).collect::<Vec<_>>(),
    })
}

fn tier(decision: &v1::TierDecision) -> Value {
    let policy = decision.policy.clone().unwrap_or_default();
    let measure =
        |measure: &v1::Measure| json!({ "title": measure.title, "source": source(measure.source.as_ref()) });
    let results = [&decision.public_result, &decision.industry_result];
    json!({
        "policy": policy.title,
        "edition": policy.edition,
        "digest": policy.digest,
        "facts_digest": decision.facts_digest,
        "tier": decision.tier,
        "title": decision.title,
        "field": decision.field,
        "horizon": decision.horizon,
        "results": results.into_iter().flatten().map(result).collect::<Vec<_>>(),
        "measures": decision.measures.iter().map(measure).collect::<Vec<_>>(),
    })
}

fn result(evaluation: &v1::Evaluation) -> Value {
    let standard = evaluation.standard.clone().unwrap_or_default();
    let findings: Vec<&str> = evaluation.findings.iter().map(|finding| finding.title.as_str()).collect();
    let reason = |reason: &v1::Reason| {
        json!({
            "title": reason.title,
            "lost": points(reason.lost.as_ref()),
            "points": points(reason.points.as_ref()),
            "max": points(reason.max.as_ref()),
        })
    };
    let line = |line: &v1::ExplanationLine| {
        json!({
            "kind": line.kind().as_str_name(),
            "title": line.title,
            "depth": line.depth,
            "reading": reading(&line.reading),
            "unknown": !line.unknown_reason.is_empty(),
            "points": points(line.points.as_ref()),
            "max": points(line.max.as_ref()),
        })
    };
    let lines = evaluation.explanation.iter().flat_map(|explanation| &explanation.lines);
    json!({
        "standard": standard.title,
        "edition": standard.edition,
        "score": points(evaluation.score.as_ref()),
        "grade": evaluation.grade.as_ref().map(|grade| [grade.grade.as_str(), &grade.title].join(" ").trim().to_owned()).unwrap_or_default(),
        "ineligible": evaluation.ineligibility.as_ref().map(|found| found.reason.clone()).unwrap_or_default(),
        "findings": findings.join("、"),
        "reasons": evaluation.reasons.iter().map(reason).collect::<Vec<_>>(),
        "lines": lines.map(line).collect::<Vec<_>>(),
    })
}

/// What was measured, with its unit in Chinese.
fn reading(reading: &str) -> String {
    let units = [(" yuan", " 元"), (" days", " 天"), (" months", " 个月"), (" years", " 年")];
    match units.iter().find_map(|(english, chinese)| Some((reading.strip_suffix(english)?, chinese))) {
        Some((figure, chinese)) => format!("{figure}{chinese}"),
        None => reading.to_owned(),
    }
}

fn points(points: Option<&v1::Points>) -> String {
    points.map(|points| points.decimal.clone()).unwrap_or_default()
}

fn source(source: Option<&v1::Source>) -> String {
    source
        .map(|source| [source.document.as_str(), &source.clause].join(" ").trim().to_owned())
        .unwrap_or_default()
}

/// A moment as a clock in China shows it.
fn moment(seconds: i64) -> String {
    let (year, month, day) = day(seconds + CHINA);
    let of_day = (seconds + CHINA).rem_euclid(86_400);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// Year, month and day of a moment. Howard Hinnant's `civil_from_days`.
pub(crate) fn day(seconds: i64) -> (i32, u8, u8) {
    let days = seconds.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (i32::try_from(year).unwrap_or(0), u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_shown_as_in_china() {
        for (seconds, expected) in [
            (0, "1970-01-01 08:00:00"),
            (1_782_792_000, "2026-06-30 12:00:00"),
            (951_782_399, "2000-02-29 07:59:59"),
            (1_767_196_800, "2026-01-01 00:00:00"),
        ] {
            assert_eq!(moment(seconds), expected);
        }
    }
}
