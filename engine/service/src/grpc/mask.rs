//! What of an evaluation is shown to whom.
//!
//! Score, grade, findings, reasons and points are results and shown to everybody who may ask for them. Readings and facts
//! are records: whoever may see only what is public gets no reading and no fact at all, for a line without facts would
//! tell as much as one with them; whoever may see what is limited does not see facts that are not public.

use hengxin_core::vocabulary::{CodeId, Disclosure, Mark, Vocabulary};
use hengxin_proto::v1;

use super::admission::Sight;
use crate::use_case::report::shows_mark;

/// The evaluation as far as it is shown.
pub(super) fn shown(mut evaluation: v1::Evaluation, vocabulary: &Vocabulary, sight: Sight) -> v1::Evaluation {
    if sight == Disclosure::NotPublic {
        return evaluation;
    }
    let keep = |evidence: &mut Vec<v1::Evidence>| {
        evidence.retain(|piece| {
            vocabulary.code_id(&piece.code).is_some_and(|code| shows(vocabulary, code, sight))
        });
    };
    for finding in &mut evaluation.findings {
        keep(&mut finding.evidence);
    }
    for line in evaluation.explanation.iter_mut().flat_map(|explanation| &mut explanation.lines) {
        let before = line.evidence.len();
        keep(&mut line.evidence);
        // A reading tells of every fact behind it.
        if sight == Disclosure::Public || line.evidence.len() < before {
            line.reading.clear();
        }
    }
    evaluation.masked = true;
    evaluation
}

/// Whether facts of a code are shown as evidence of a result.
pub(super) fn shows(vocabulary: &Vocabulary, code: CodeId, sight: Sight) -> bool {
    let level = vocabulary.code(code).disclosure;
    sight == Disclosure::NotPublic || (sight > Disclosure::Public && level <= sight)
}

/// A tier decision as far as it is shown.
pub(super) fn shown_decision(
    mut decision: v1::TierDecision,
    vocabulary: &Vocabulary,
    sight: Sight,
) -> v1::TierDecision {
    for side in [&mut decision.public_result, &mut decision.industry_result] {
        *side = side.take().map(|evaluation| shown(evaluation, vocabulary, sight));
    }
    decision
}

/// A fact as far as it is shown: fields that are disclosed to fewer than the fact itself are blanked.
pub(super) fn shown_fact(mut fact: v1::Fact, vocabulary: &Vocabulary, sight: Sight) -> v1::Fact {
    if let Some(code) = vocabulary.code_id(&fact.code).map(|id| vocabulary.code(id)) {
        for field in &mut fact.fields {
            let level = code
                .field(&field.id)
                .map_or(Disclosure::NotPublic, |(_, declared)| code.disclosure_of(declared));
            if level > sight {
                field.value.clear();
                field.text.clear();
                field.masked = true;
            }
        }
    }
    // Marks are facts of their own, and show on the fact they speak of.
    if !shows_mark(vocabulary, Mark::Repair, sight) {
        fact.repaired_on.clear();
    }
    if !shows_mark(vocabulary, Mark::Objection, sight) {
        fact.objections.clear();
    }
    fact
}

/// Codes whose facts are not shown at all.
pub(super) fn masked_codes(vocabulary: &Vocabulary, sight: Sight) -> Vec<String> {
    vocabulary.codes.iter().filter(|code| code.disclosure > sight).map(|code| code.id.clone()).collect()
}
