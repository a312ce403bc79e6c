//! Evaluations with their explanations.

use hengxin_core::date::Moment;
use hengxin_core::fact::FactId;
use hengxin_core::grade::{Effect, Grade};
use hengxin_core::kernel::{Ineligible, Outcome};
use hengxin_core::picker::Standing;
use hengxin_core::standard::Standard;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Vocabulary;
use hengxin_proto::v1;

use super::{date, enterprise, figure_status, optional_date, points, source, timestamp};
use crate::engine::Prepared;
use crate::hex::hex;
use crate::story::{self, Kind, Line, Piece, Reason};
use crate::use_case::evaluate::{Assessed, Evaluated, Story, View};

/// An evaluation in a view: FULL needs that its story was told.
pub(in crate::grpc) fn evaluation(
    vocabulary: &Vocabulary,
    evaluated: &Evaluated,
    view: View,
) -> v1::Evaluation {
    result(
        vocabulary,
        evaluated.subject,
        evaluated.known_at,
        &evaluated.facts_digest,
        &evaluated.assessed,
        view,
    )
}

pub(in crate::grpc) fn result(
    vocabulary: &Vocabulary,
    subject: Uscc,
    known_at: Moment,
    facts_digest: &[u8; 32],
    assessed: &Assessed,
    view: View,
) -> v1::Evaluation {
    let standard: &Standard = &assessed.prepared.standard;
    let told = match view {
        View::Basic => None,
        View::Full => assessed.story.as_deref().map(|story| Told { vocabulary, subject, assessed, story }),
    };
    let evaluation = &assessed.evaluation;
    let (outcome, before) = match evaluation.outcome {
        Outcome::NotEligible(_) => (v1::Outcome::NotEligible, None),
        Outcome::CannotScore { .. } => (v1::Outcome::CannotScore, None),
        Outcome::Graded { band, .. } => (v1::Outcome::Evaluated, band),
    };
    let ineligibility = match evaluation.outcome {
        Outcome::NotEligible(why) => Some(ineligibility(standard, why)),
        Outcome::CannotScore { .. } | Outcome::Graded { .. } => None,
    };
    let listed = |bits: u64| standard.findings.iter().enumerate().filter(move |(i, _)| bits >> i & 1 == 1);
    v1::Evaluation {
        enterprise: enterprise(subject),
        as_of: date(assessed.prepared.as_of),
        known_at: Some(timestamp(known_at)),
        standard: Some(reference(&assessed.prepared)),
        facts_digest: hex(facts_digest),
        outcome: outcome.into(),
        ineligibility,
        score: evaluation.outcome.score().map(points),
        grade: evaluation.outcome.grade().map(|g| grade(standard, g)),
        grade_before_findings: before.map(|g| grade(standard, g)),
        findings: listed(evaluation.findings)
            .map(|(i, finding)| v1::Finding {
                id: finding.id.clone(),
                title: finding.title.clone(),
                effect: effect(standard, finding.effect),
                decided: evaluation.decided >> i & 1 == 1,
                source: Some(source(&finding.source)),
                evidence: told.as_ref().map(|told| told.finding(i)).unwrap_or_default(),
            })
            .collect(),
        undetermined: listed(evaluation.undetermined)
            .map(|(_, finding)| v1::Undetermined { id: finding.id.clone(), title: finding.title.clone() })
            .collect(),
        unknown_indicators: assessed
            .unknown
            .iter()
            .filter_map(|(place, why)| {
                let indicator = standard.indicators.get(usize::from(*place))?;
                Some(v1::UnknownIndicator {
                    id: indicator.id.clone(),
                    title: indicator.title.clone(),
                    reason: story::unknown_id(*why).to_owned(),
                    detail: story::unknown_words(*why).to_owned(),
                })
            })
            .collect(),
        horizon: optional_date(evaluation.horizon),
        reasons: told.as_ref().map(Told::reasons).unwrap_or_default(),
        explanation: told.as_ref().map(Told::explanation),
        masked: false,
    }
}

pub(in crate::grpc) fn reference(prepared: &Prepared) -> v1::EditionReference {
    let standard = &prepared.standard;
    v1::EditionReference {
        name: format!("standards/{}/editions/{}", standard.id, standard.edition),
        id: standard.id.clone(),
        edition: standard.edition.clone(),
        title: standard.title.clone(),
        digest: prepared.digest.clone(),
        status: figure_status(standard.status),
    }
}

pub(in crate::grpc) fn grade(standard: &Standard, grade: Grade) -> v1::Grade {
    let title = standard.grades.all.get(usize::from(grade)).and_then(|name| name.title.clone());
    v1::Grade {
        scheme: standard.grades.scheme.clone(),
        grade: standard.grades.id(grade).to_owned(),
        title: title.unwrap_or_default(),
    }
}

fn ineligibility(standard: &Standard, why: Ineligible) -> v1::Ineligibility {
    let rule = match why {
        Ineligible::Rule(place) => standard.eligibility.get(usize::from(place)),
        Ineligible::Kind => None,
    };
    match rule {
        Some(rule) => v1::Ineligibility {
            id: rule.id.clone(),
            reason: rule.reason.clone(),
            source: Some(source(&rule.source)),
        },
        None => {
            let kinds: Vec<&str> = standard.subjects.iter().map(|kind| kind.as_str()).collect();
            v1::Ineligibility {
                id: "subject-kind".to_owned(),
                reason: format!("the standard evaluates only: {}", kinds.join(", ")),
                source: None,
            }
        }
    }
}

fn effect(standard: &Standard, effect: Effect) -> String {
    match effect {
        Effect::Exactly(grade) => format!("exactly {}", standard.grades.id(grade)),
        Effect::AtMost(grade) => format!("at most {}", standard.grades.id(grade)),
        Effect::AtLeast(grade) => format!("at least {}", standard.grades.id(grade)),
        Effect::Downgrade(steps) => format!("downgrade {steps}"),
        Effect::Note => "note".to_owned(),
    }
}

struct Told<'a> {
    vocabulary: &'a Vocabulary,
    subject: Uscc,
    assessed: &'a Assessed,
    story: &'a Story,
}

impl Told<'_> {
    fn standard(&self) -> &Standard {
        &self.assessed.prepared.standard
    }

    fn finding(&self, place: usize) -> Vec<v1::Evidence> {
        let pieces = story::finding_evidence(&self.story.explanation, place, &self.story.dossier.file);
        pieces.iter().map(|piece| self.evidence(piece)).collect()
    }

    fn reasons(&self) -> Vec<v1::Reason> {
        let standard = self.standard();
        let reasons = story::reasons(standard, &self.assessed.evaluation, &self.story.explanation);
        let mut ranked = Vec::with_capacity(reasons.len());
        for (reason, rank) in reasons.into_iter().zip(1u32..) {
            ranked.extend(match reason {
                Reason::Finding(place) => standard.findings.get(place).map(|finding| v1::Reason {
                    rank,
                    id: finding.id.clone(),
                    title: finding.title.clone(),
                    source: Some(source(&finding.source)),
                    ..v1::Reason::default()
                }),
                Reason::Indicator { place, lost, points: earned } => {
                    standard.indicators.get(place).map(|indicator| v1::Reason {
                        rank,
                        id: indicator.id.clone(),
                        title: indicator.title.clone(),
                        lost: Some(points(lost)),
                        points: Some(points(earned)),
                        max: Some(points(indicator.max)),
                        source: Some(source(&indicator.source)),
                    })
                }
            });
        }
        ranked
    }

    fn explanation(&self) -> v1::Explanation {
        let lines = story::lines(
            self.standard(),
            &self.assessed.prepared.outline,
            &self.assessed.evaluation,
            &self.story.explanation,
            &self.story.dossier.file,
        );
        v1::Explanation { lines: lines.iter().map(|line| self.line(line)).collect() }
    }

    fn line(&self, line: &Line) -> v1::ExplanationLine {
        v1::ExplanationLine {
            kind: kind(line.kind).into(),
            id: line.id.clone(),
            title: line.title.clone(),
            depth: line.depth,
            points: line.points.map(points),
            max: line.max.map(points),
            reading: line.reading.clone().unwrap_or_default(),
            unknown_reason: line.unknown.map(story::unknown_id).unwrap_or_default().to_owned(),
            source: line.source.as_ref().map(source),
            evidence: line.evidence.iter().map(|piece| self.evidence(piece)).collect(),
        }
    }

    fn evidence(&self, piece: &Piece) -> v1::Evidence {
        let code = self.vocabulary.code(piece.code);
        v1::Evidence {
            fact: fact_name(self.subject, piece.fact),
            fact_id: piece.fact.0,
            occurred_on: date(piece.occurred_on),
            code: code.id.clone(),
            title: code.title.clone(),
            points: piece.effect.map(points),
            counted: piece.standing == Standing::Counts,
            not_counted_reason: story::standing_id(piece.standing).to_owned(),
        }
    }
}

pub(in crate::grpc) fn fact_name(subject: Uscc, fact: FactId) -> String {
    format!("enterprises/{subject}/facts/{}", fact.0)
}

fn kind(kind: Kind) -> v1::LineKind {
    match kind {
        Kind::Base => v1::LineKind::Base,
        Kind::Indicator => v1::LineKind::Indicator,
        Kind::Clip => v1::LineKind::Clip,
        Kind::Weighting => v1::LineKind::Weighting,
        Kind::Renormalised => v1::LineKind::Renormalised,
        Kind::Dimension => v1::LineKind::Dimension,
        Kind::ScaleClip => v1::LineKind::ScaleClip,
        Kind::Rounding => v1::LineKind::Rounding,
        Kind::Score => v1::LineKind::Score,
    }
}
