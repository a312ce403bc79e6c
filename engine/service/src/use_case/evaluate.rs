//! Evaluating one enterprise by one standard.

use std::sync::Arc;

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::Classes;
use hengxin_core::kernel::{self, Evaluation, Workbench};
use hengxin_core::reading::{Measured, Unknown};
use hengxin_core::relation::Reach;
use hengxin_core::trace::{Explanation, Silent};
use hengxin_core::uscc::Uscc;
use hengxin_store::{OwnedDossier, Snapshot};

use crate::engine::{Engine, Prepared, Wanted};
use crate::problem::{Answer, Problem};

/// How much is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The result.
    Basic,
    /// Also reasons and the way to the score.
    Full,
}

/// A question about one enterprise.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Whom it is about.
    pub subject: Uscc,
    /// Id of the standard.
    pub standard: &'a str,
    /// Which edition.
    pub edition: Wanted<'a>,
    /// The date.
    pub as_of: Date,
    /// The moment; `None`: everything recorded so far.
    pub known_at: Option<Moment>,
    /// How much is wanted.
    pub view: View,
}

/// What one standard says of an enterprise.
#[derive(Clone, Debug)]
pub struct Assessed {
    /// The standard on its date.
    pub prepared: Arc<Prepared>,
    /// What the kernel gave.
    pub evaluation: Evaluation,
    /// Indicators without a reading, and why.
    pub unknown: Box<[(u16, Unknown)]>,
    /// How it came about, when that was wanted.
    pub story: Option<Box<Story>>,
}

/// How an evaluation came about.
#[derive(Clone, Debug)]
pub struct Story {
    /// What the kernel told.
    pub explanation: Explanation,
    /// The facts it speaks of.
    pub dossier: Arc<OwnedDossier>,
}

/// The answer to a [`Question`].
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// Whom it is about.
    pub subject: Uscc,
    /// The moment it rests on.
    pub known_at: Moment,
    /// Digest of everything that was looked at.
    pub facts_digest: [u8; 32],
    /// The result.
    pub assessed: Assessed,
}

/// Evaluates; nothing is written.
///
/// # Errors
/// No such edition, nobody of that code, or a failing ledger.
pub fn evaluate(engine: &Engine, question: &Question<'_>) -> Answer<Evaluated> {
    let prepared = engine.prepared(question.standard, question.edition, question.as_of)?;
    let snapshot = engine.snapshot(question.known_at)?;
    evaluate_in(&snapshot, &prepared, question.subject, question.view)
}

/// Evaluates in a view of the ledger that is open already.
///
/// # Errors
/// Nobody of that code, or a failing ledger.
pub fn evaluate_in(
    snapshot: &Snapshot,
    prepared: &Arc<Prepared>,
    subject: Uscc,
    view: View,
) -> Answer<Evaluated> {
    let dossier = Arc::new(dossier(snapshot, subject, &prepared.reach)?);
    Ok(Evaluated {
        subject,
        known_at: snapshot.known_at(),
        facts_digest: dossier.digest(),
        assessed: assess(prepared, &dossier, view),
    })
}

/// What the ledger knows of an enterprise, as far as a standard looks at it.
///
/// # Errors
/// Nobody of that code, or a failing ledger.
pub fn dossier(snapshot: &Snapshot, subject: Uscc, reach: &Reach) -> Answer<OwnedDossier> {
    snapshot.dossier(subject, &reach.kinds, reach.depth)?.ok_or(Problem::UnknownEnterprise { code: subject })
}

/// Applies a standard to what is known.
pub fn assess(prepared: &Arc<Prepared>, dossier: &Arc<OwnedDossier>, view: View) -> Assessed {
    let mut explanation = Explanation::default();
    let result = prepared.with_bench(|bench| apply(bench, dossier, view, &mut explanation));
    assessed(prepared, dossier, view, result, explanation)
}

/// Applies a standard to what is supposed. Nothing of it stays behind.
pub fn assess_supposed(prepared: &Arc<Prepared>, dossier: &Arc<OwnedDossier>, view: View) -> Assessed {
    let mut explanation = Explanation::default();
    let result = prepared.with_own_bench(|bench| apply(bench, dossier, view, &mut explanation));
    assessed(prepared, dossier, view, result, explanation)
}

type Applied = (Evaluation, Box<[(u16, Unknown)]>);

fn apply(
    bench: &mut Workbench,
    dossier: &OwnedDossier,
    view: View,
    explanation: &mut Explanation,
) -> Applied {
    let classes = classes(dossier);
    let evaluation = dossier.with(|input| match view {
        View::Basic => kernel::evaluate(bench, classes, input, &mut Silent),
        View::Full => kernel::evaluate(bench, classes, input, explanation),
    });
    let unknown = bench.indicators().iter().zip(0u16..).filter_map(|(result, place)| match result.measured {
        Measured::Known(_) => None,
        Measured::Unknown(why) => Some((place, why)),
    });
    (evaluation, unknown.collect())
}

fn assessed(
    prepared: &Arc<Prepared>,
    dossier: &Arc<OwnedDossier>,
    view: View,
    (evaluation, unknown): Applied,
    explanation: Explanation,
) -> Assessed {
    let story = match view {
        View::Basic => None,
        View::Full => Some(Box::new(Story { explanation, dossier: Arc::clone(dossier) })),
    };
    Assessed { prepared: Arc::clone(prepared), evaluation, unknown, story }
}

/// Classes only ever grow, so that the longest dictionary among the files knows all of them.
pub(super) fn classes(dossier: &OwnedDossier) -> &Classes {
    let files = std::iter::once(&dossier.file).chain(&dossier.files);
    files
        .map(|file| &*file.classes)
        .max_by_key(|classes| classes.as_slice().len())
        .unwrap_or(&dossier.file.classes)
}
