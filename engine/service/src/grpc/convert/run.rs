//! Runs, schedules, and the tiers of a loaded run.

use hengxin_core::date::Moment;
use hengxin_core::number::Points;
use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;
use hengxin_store::{
    CutOff, LoadedRun, Missed, Publication, RunChange, RunRecord, RunState, RunTier, ScheduleRecord,
};

use super::tier::{measure, reference};
use super::{date, enterprise, optional_date, points, timestamp};
use crate::hex::hex;
use crate::timetable::Timetable;
use crate::use_case::loaded::FromRun;

pub(in crate::grpc) fn run_name(id: u64) -> String {
    format!("runs/{id}")
}

const STATES: [(RunState, v1::RunState); 5] = [
    (RunState::Queued, v1::RunState::Queued),
    (RunState::Running, v1::RunState::Running),
    (RunState::Succeeded, v1::RunState::Succeeded),
    (RunState::Failed, v1::RunState::Failed),
    (RunState::Cancelled, v1::RunState::Cancelled),
];

const CUT_OFFS: [(CutOff, v1::CutOff); 5] = [
    (CutOff::SameDay, v1::CutOff::SameDay),
    (CutOff::PreviousDay, v1::CutOff::PreviousDay),
    (CutOff::PreviousMonthEnd, v1::CutOff::PreviousMonthEnd),
    (CutOff::PreviousQuarterEnd, v1::CutOff::PreviousQuarterEnd),
    (CutOff::PreviousYearEnd, v1::CutOff::PreviousYearEnd),
];

const MISSED: [(Missed, v1::MissedPolicy); 3] = [
    (Missed::RunOnce, v1::MissedPolicy::RunOnce),
    (Missed::RunAll, v1::MissedPolicy::RunAll),
    (Missed::Skip, v1::MissedPolicy::Skip),
];

fn ours<O: Copy, T: Copy + PartialEq>(table: &[(O, T)], theirs: T) -> Option<O> {
    table.iter().find(|(_, one)| *one == theirs).map(|(ours, _)| *ours)
}

fn theirs<O: Copy + PartialEq, T: Copy + Default>(table: &[(O, T)], ours: O) -> T {
    table.iter().find(|(one, _)| *one == ours).map(|(_, theirs)| *theirs).unwrap_or_default()
}

pub(in crate::grpc) fn state(state: v1::RunState) -> Option<RunState> {
    ours(&STATES, state)
}

pub(in crate::grpc) fn cut_off(cut_off: v1::CutOff) -> CutOff {
    ours(&CUT_OFFS, cut_off).unwrap_or(CutOff::PreviousDay)
}

pub(in crate::grpc) fn missed(missed: v1::MissedPolicy) -> Missed {
    ours(&MISSED, missed).unwrap_or(Missed::RunOnce)
}

pub(in crate::grpc) fn cut_off_message(cut_off: CutOff) -> v1::CutOff {
    theirs(&CUT_OFFS, cut_off)
}

pub(in crate::grpc) fn missed_message(missed: Missed) -> v1::MissedPolicy {
    theirs(&MISSED, missed)
}

pub(in crate::grpc) fn run(run: &RunRecord) -> v1::Run {
    let counts = run.counts.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let count = |row: &serde_json::Value| v1::TierCount {
        tier: row["tier"].as_u64().and_then(|tier| u32::try_from(tier).ok()).unwrap_or_default(),
        enterprises: row["enterprises"].as_u64().unwrap_or_default(),
    };
    let counts = counts.as_ref().and_then(serde_json::Value::as_array);
    v1::Run {
        name: run_name(run.id),
        field: run.field.clone(),
        as_of: date(run.as_of),
        known_at: Some(timestamp(run.known_at)),
        dataset: run.dataset.clone().unwrap_or_default(),
        incremental: run.incremental,
        previous_run: run.previous.map(run_name).unwrap_or_default(),
        schedule: run.firing.as_ref().map(|(name, _)| format!("schedules/{name}")).unwrap_or_default(),
        fired_at: run.firing.as_ref().map(|(_, at)| timestamp(*at)),
        ordered_at: Some(timestamp(run.ordered_at)),
        state: theirs(&STATES, run.state).into(),
        started_at: run.started_at.map(timestamp),
        finished_at: run.finished_at.map(timestamp),
        done: run.done,
        total: run.total,
        attempts: run.attempts,
        cancel_requested: run.cancel_requested,
        detail: run.detail.clone(),
        results: run.results.clone().unwrap_or_default(),
        digest: run.manifest.as_ref().map(hex).unwrap_or_default(),
        counts: counts.map(|rows| rows.iter().map(count).collect()).unwrap_or_default(),
    }
}

pub(in crate::grpc) fn schedule(record: &ScheduleRecord, now: Moment) -> v1::Schedule {
    let schedule = &record.schedule;
    let table = Timetable::read(&schedule.cron, &schedule.time_zone).ok().filter(|_| !record.paused);
    v1::Schedule {
        name: format!("schedules/{}", schedule.name),
        fields: schedule.fields.clone(),
        cron: schedule.cron.clone(),
        time_zone: schedule.time_zone.clone(),
        cut_off: theirs(&CUT_OFFS, schedule.cut_off).into(),
        missed: theirs(&MISSED, schedule.missed).into(),
        dataset: schedule.dataset.clone().unwrap_or_default(),
        incremental: schedule.incremental,
        paused: record.paused,
        next_firing: table.and_then(|table| table.after(now)).map(timestamp),
    }
}

pub(in crate::grpc) fn run_reference(run: &LoadedRun) -> v1::RunReference {
    v1::RunReference {
        name: run_name(run.run),
        as_of: date(run.as_of),
        known_at: Some(timestamp(run.known_at)),
        digest: hex(&run.manifest),
    }
}

fn score(score: Option<i64>) -> Option<v1::Points> {
    score.map(|score| points(Points::from_ten_thousandths(score)))
}

pub(in crate::grpc) fn from_run(found: &FromRun) -> v1::GetTierResponse {
    let FromRun { run, tier, policy } = found;
    let place = tier.tier.and_then(|tier| usize::from(tier).checked_sub(1));
    let row = policy.as_ref().zip(place).and_then(|(policy, place)| policy.policy.tiers.get(place));
    let stated = v1::EditionReference {
        name: format!("policies/{}/editions/{}", tier.policy, tier.edition),
        id: tier.policy.clone(),
        edition: tier.edition.clone(),
        digest: hex(&tier.policy_digest),
        ..v1::EditionReference::default()
    };
    let decision = v1::TierDecision {
        enterprise: enterprise(tier.subject),
        field: run.field.clone(),
        as_of: date(run.as_of),
        known_at: Some(timestamp(run.known_at)),
        policy: Some(policy.as_ref().map_or(stated, |policy| reference(policy))),
        tier: tier.tier.map(u32::from).unwrap_or_default(),
        title: row.map(|row| row.title.clone()).unwrap_or_default(),
        measures: row.map(|row| row.measures.iter().map(measure).collect()).unwrap_or_default(),
        horizon: optional_date(tier.horizon),
        ..v1::TierDecision::default()
    };
    let result = v1::RunResult {
        run: Some(run_reference(run)),
        previous_tier: tier.previous_tier.map(u32::from).unwrap_or_default(),
        public_grade: tier.public_grade.clone().unwrap_or_default(),
        public_score: score(tier.public_score),
        industry_grade: tier.industry_grade.clone().unwrap_or_default(),
        industry_score: score(tier.industry_score),
    };
    v1::GetTierResponse {
        decision: Some(decision),
        basis: v1::TierBasis::Run.into(),
        run_result: Some(result),
    }
}

pub(in crate::grpc) fn run_summary(run: &LoadedRun, tier: &RunTier) -> v1::TierSummary {
    v1::TierSummary {
        enterprise: enterprise(tier.subject),
        field: run.field.clone(),
        tier: tier.tier.map(u32::from).unwrap_or_default(),
        as_of: date(run.as_of),
        known_at: Some(timestamp(run.known_at)),
        policy: format!("policies/{}/editions/{}", tier.policy, tier.edition),
        region: tier.region.map(|region| region.to_string()).unwrap_or_default(),
        industry: tier.industry.map(|code| code.to_string()).unwrap_or_default(),
        run: run_name(run.run),
    }
}

pub(in crate::grpc) fn change_summary(publication: &Publication, change: &RunChange) -> v1::TierSummary {
    let policy = change.policy.as_ref();
    let subject: Uscc = change.subject;
    v1::TierSummary {
        enterprise: enterprise(subject),
        field: publication.field.clone(),
        tier: change.now.map(u32::from).unwrap_or_default(),
        as_of: date(publication.as_of),
        known_at: Some(timestamp(publication.known_at)),
        policy: policy.map(|(id, edition)| format!("policies/{id}/editions/{edition}")).unwrap_or_default(),
        region: change.region.map(|region| region.to_string()).unwrap_or_default(),
        industry: change.industry.map(|code| code.to_string()).unwrap_or_default(),
        run: run_name(publication.run),
    }
}
