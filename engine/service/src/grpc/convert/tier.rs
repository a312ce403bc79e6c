//! Tier decisions with their measures.

use hengxin_core::number::{Points, display_decimal};
use hengxin_core::tier::{Measure, MeasureKind, Mode};
use hengxin_core::vocabulary::Vocabulary;
use hengxin_proto::v1;
use hengxin_store::{Stored, TierRecord};

use super::evaluation::result;
use super::{date, enterprise, figure_status, optional_date, points, source, timestamp};
use crate::engine::PreparedPolicy;
use crate::hex::hex;
use crate::outline::Direction;
use crate::use_case::evaluate::View;
use crate::use_case::tier::{Decision, SideResult};

pub(in crate::grpc) fn decision(
    vocabulary: &Vocabulary,
    decision: &Decision,
    view: View,
) -> v1::TierDecision {
    let policy = &decision.policy.policy;
    let tier = decision.decision.tier;
    let row = tier.and_then(|tier| policy.tiers.get(usize::from(tier).checked_sub(1)?));
    let side = |side: &SideResult| {
        result(vocabulary, decision.subject, decision.known_at, &side.facts_digest, &side.assessed, view)
    };
    v1::TierDecision {
        enterprise: enterprise(decision.subject),
        field: policy.field.clone(),
        as_of: date(decision.policy.as_of),
        known_at: Some(timestamp(decision.known_at)),
        policy: Some(reference(&decision.policy)),
        facts_digest: hex(&decision.facts_digest),
        tier: tier.map(u32::from).unwrap_or_default(),
        title: row.map(|row| row.title.clone()).unwrap_or_default(),
        method: Some(method(decision)),
        overrides: decision
            .decision
            .overrides
            .iter()
            .filter_map(|place| {
                let rule = policy.overrides.get(*place)?;
                let (tier, direction, decided) = decision.override_effect(*place)?;
                Some(v1::TierOverride {
                    id: rule.id.clone(),
                    tier: tier.into(),
                    lowers: direction == Direction::Lowers,
                    decided,
                    source: Some(source(&rule.source)),
                })
            })
            .collect(),
        measures: row.map(|row| row.measures.iter().map(measure).collect()).unwrap_or_default(),
        public_result: decision.public.as_ref().map(side),
        industry_result: decision.industry.as_ref().map(side),
        horizon: optional_date(decision.horizon()),
    }
}

pub(in crate::grpc) fn reference(prepared: &PreparedPolicy) -> v1::EditionReference {
    let policy = &prepared.policy;
    v1::EditionReference {
        name: format!("policies/{}/editions/{}", policy.id, policy.edition),
        id: policy.id.clone(),
        edition: policy.edition.clone(),
        title: policy.title.clone(),
        digest: prepared.digest.clone(),
        status: figure_status(policy.status),
    }
}

fn method(decision: &Decision) -> v1::TierMethod {
    let (public, industry) = decision.grades();
    let name = decision.policy.policy.method_name();
    let kind = match name {
        "matrix" => v1::TierMethodKind::Matrix,
        "worst_of" => v1::TierMethodKind::WorstOf,
        "weighted" => v1::TierMethodKind::Weighted,
        "count" => v1::TierMethodKind::Count,
        _ => v1::TierMethodKind::Unspecified,
    };
    let total = decision.decision.total;
    let (public_tier, industry_tier) = decision.worst_of();
    v1::TierMethod {
        kind: kind.into(),
        public_grade: public.unwrap_or("none").to_owned(),
        industry_grade: industry.unwrap_or("none").to_owned(),
        tier: decision.decision.by_method.map(u32::from).unwrap_or_default(),
        public_tier: public_tier.map(u32::from).unwrap_or_default(),
        industry_tier: industry_tier.map(u32::from).unwrap_or_default(),
        weighted_sum: total
            .filter(|_| kind == v1::TierMethodKind::Weighted)
            .map(|total| points(Points::from_ten_thousandths(total))),
        count: total
            .filter(|_| kind == v1::TierMethodKind::Count)
            .and_then(|total| u32::try_from(total).ok())
            .unwrap_or_default(),
    }
}

pub(super) fn measure(measure: &Measure) -> v1::Measure {
    let mut message = v1::Measure {
        title: measure.title.clone(),
        source: Some(source(&measure.source)),
        ..v1::Measure::default()
    };
    let kind = match measure.kind {
        MeasureKind::SamplingRatio(share) => {
            message.sampling_basis_points = u32::try_from(share.basis_points()).ok();
            v1::MeasureKind::Sampling
        }
        MeasureKind::SamplingExcluded => {
            message.excluded_from_pool = true;
            v1::MeasureKind::Sampling
        }
        MeasureKind::Inspections { min, max } => {
            let show = |n: Option<i64>| n.map(|n| display_decimal(n, 4)).unwrap_or_default();
            message.inspections_min_per_year = show(min);
            message.inspections_max_per_year = show(max);
            v1::MeasureKind::Inspections
        }
        MeasureKind::Mode(mode) => {
            let mode = match mode {
                Mode::OnSite => "on-site",
                Mode::Remote => "remote",
                Mode::Combined => "combined",
            };
            mode.clone_into(&mut message.mode);
            v1::MeasureKind::Mode
        }
        MeasureKind::Service => v1::MeasureKind::Service,
        MeasureKind::Warning => v1::MeasureKind::Warning,
        MeasureKind::Restriction => v1::MeasureKind::Restriction,
    };
    message.kind = kind.into();
    message
}

pub(in crate::grpc) fn summary(stored: &Stored<TierRecord>) -> v1::TierSummary {
    let record = &stored.record;
    v1::TierSummary {
        enterprise: enterprise(record.subject),
        field: record.field.clone(),
        tier: record.tier.map(u32::from).unwrap_or_default(),
        as_of: date(record.as_of),
        known_at: Some(timestamp(record.known_at)),
        policy: format!("policies/{}/editions/{}", record.policy, record.edition),
        region: record.region.map(|region| region.to_string()).unwrap_or_default(),
        industry: record.industry_code.map(|code| code.to_string()).unwrap_or_default(),
        run: String::new(),
    }
}
