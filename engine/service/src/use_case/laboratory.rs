//! A laboratory: ordering studies, asking for numbers, answering for models.

use hengxin_core::date::Date;
use hengxin_store::{
    HistoryRecord, LaboratoryError, ModelRecord, ModelState, NewStudy, Release, ReleaseRecord, RequestKey,
    StudyKind, StudyRecord, Wanted,
};

use super::runs::{Page, page};
use crate::engine::Engine;
use crate::laboratory::Modeller;
use crate::page::{Filter, Listing, Position};
use crate::problem::{Answer, Problem};

/// Orders a training by a plan, which is checked and completed first.
///
/// # Errors
/// A history nobody knows or without outcomes, a plan that cannot be followed, an edition that exists, or a failing ledger.
pub fn train(
    engine: &Engine,
    modeller: &dyn Modeller,
    (history, plan, person): (&str, &str, &str),
    request: &RequestKey,
) -> Answer<StudyRecord> {
    let known = engine.snapshot(None)?.history_of_laboratory(history)?;
    let known = known.ok_or_else(|| refused(LaboratoryError::UnknownHistory { name: history.to_owned() }))?;
    let Some(description) = known.description else {
        return Err(refused(LaboratoryError::NoOutcomes { name: known.name }));
    };
    let plan = modeller.plan(plan, &description).map_err(|wrong| Problem::invalid("plan", wrong))?;
    let new = NewStudy {
        kind: StudyKind::Training,
        history: history.to_owned(),
        model: None,
        challenger: None,
        plan: Some((plan.text, plan.model, plan.edition)),
        person: person.to_owned(),
    };
    order(engine, &new, request)
}

/// Orders a study.
///
/// # Errors
/// What the laboratory refuses, or a failing ledger.
pub fn order(engine: &Engine, new: &NewStudy, request: &RequestKey) -> Answer<StudyRecord> {
    engine.laboratory(|book| book.order(new, request))
}

/// A study.
///
/// # Errors
/// No such study, or a failing ledger.
pub fn study(engine: &Engine, id: u64) -> Answer<StudyRecord> {
    let found = engine.snapshot(None)?.study(id)?;
    found.ok_or_else(|| refused(LaboratoryError::UnknownStudy { found: id }))
}

/// A model.
///
/// # Errors
/// No such model, or a failing ledger.
pub fn model(engine: &Engine, name: &str) -> Answer<ModelRecord> {
    let found = engine.snapshot(None)?.model(name)?;
    found.ok_or_else(|| refused(LaboratoryError::UnknownModel { name: name.to_owned() }))
}

/// Lets numbers out.
///
/// # Errors
/// No such study, one without numbers, an unknown column, a budget that is spent, or a failing ledger.
pub fn release(engine: &Engine, study: u64, wanted: &Wanted, person: &str) -> Answer<Release> {
    engine.laboratory(|book| book.release(study, wanted, person))
}

/// Hands an approved model over. The files are made before anything is logged: a number that did not leave is not counted.
///
/// # Errors
/// A model that is not approved, that rests on too few rows, or cannot be written; a budget that is spent.
pub fn fetch(
    engine: &Engine,
    modeller: &dyn Modeller,
    name: &str,
    person: &str,
    from: Date,
) -> Answer<(Vec<(String, Vec<u8>)>, Release)> {
    let model = model(engine, name)?;
    if model.state() != ModelState::Approved {
        let (found, expected) = (model.state().id(), "one that is approved");
        return Err(refused(LaboratoryError::State { name: model.name(), found, expected }));
    }
    let files =
        modeller.standard(&model, from).map_err(|why| Problem::NotHandedOver { name: model.name(), why })?;
    let released = release(engine, model.study, &Wanted::Points, person)?;
    Ok((files, released))
}

/// Lists histories by name.
///
/// # Errors
/// A failing ledger; so for all lists below.
pub fn histories(
    engine: &Engine,
    size: usize,
    after: Option<&Position>,
    seal: &Filter,
) -> Answer<Page<HistoryRecord>> {
    let after = after.map(|position| position.after.clone()).unwrap_or_default();
    let rows = engine.snapshot(None)?.histories_of_laboratory(&after, size.saturating_add(1))?;
    Ok(page(engine, rows, size, Listing::Histories, seal, |history| history.name.clone()))
}

/// Lists studies, newest first.
///
/// # Errors
/// As [`histories`].
pub fn studies(
    engine: &Engine,
    size: usize,
    after: Option<&Position>,
    seal: &Filter,
) -> Answer<Page<StudyRecord>> {
    let rows = engine.snapshot(None)?.studies(number(after), size.saturating_add(1))?;
    Ok(page(engine, rows, size, Listing::Studies, seal, |study| study.id.to_string()))
}

/// Lists models, newest first, each with its place in the order they were made.
///
/// # Errors
/// As [`histories`].
pub fn models(
    engine: &Engine,
    size: usize,
    after: Option<&Position>,
    seal: &Filter,
) -> Answer<Page<(u64, ModelRecord)>> {
    let rows = engine.snapshot(None)?.models(number(after), size.saturating_add(1))?;
    Ok(page(engine, rows, size, Listing::Models, seal, |(place, _)| place.to_string()))
}

/// Lists the numbers that left, newest first.
///
/// # Errors
/// As [`histories`].
pub fn releases(
    engine: &Engine,
    history: Option<&str>,
    size: usize,
    after: Option<&Position>,
    seal: &Filter,
) -> Answer<Page<ReleaseRecord>> {
    let rows = engine.snapshot(None)?.releases(history, number(after), size.saturating_add(1))?;
    Ok(page(engine, rows, size, Listing::Releases, seal, |release| release.id.to_string()))
}

fn number(after: Option<&Position>) -> Option<u64> {
    after.and_then(|position| position.after.parse().ok())
}

fn refused(why: LaboratoryError) -> Problem {
    hengxin_store::Error::from(why).into()
}
