//! §12 of the format: tier policies.

use hengxin_core::document::Node;

use super::number::{Number, round, whole};
use super::{RefOutcome, children, entries, integer, need, number_at, parse, scalar, text};

/// A supervision tier, 1 being the lightest, and the overrides whose finding applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefTier {
    /// The tier; `None` when the policy gives none.
    pub tier: Option<i64>,
    /// Ids of the overrides that apply, in the order of the document.
    pub overrides: Vec<String>,
}

/// §12: the tier of a subject from its two results. `None` stands for a result that does not exist.
pub fn classify(policy: &Node, public: Option<&RefOutcome>, industry: Option<&RefOutcome>) -> RefTier {
    let (method, body) = entries(need(policy, "method"))[0];
    let by_method = match method {
        "matrix" => Some(integer(need(need(body, grade(public)), grade(industry)))),
        "worst_of" => {
            let first = integer(need(need(body, "public"), grade(public)));
            let second = integer(need(need(body, "industry"), grade(industry)));
            Some(first.max(second))
        }
        "weighted" => weighted(body, public, industry),
        "count" => {
            let listed = |key: &str, outcome: Option<&RefOutcome>| {
                children(body, key).iter().any(|g| scalar(g) == grade(outcome))
            };
            let n = i64::from(listed("public", public)) + i64::from(listed("industry", industry));
            Some(tier_of(need(body, "rows"), &whole(n)))
        }
        other => panic!("no method `{other}`"),
    };
    let mut overrides = Vec::new();
    let mut raising: Vec<i64> = Vec::new();
    let mut lowering: Vec<i64> = Vec::new();
    for rule in children(policy, "overrides") {
        let when = need(rule, "when");
        let outcome = if text(when, "of") == "public" { public } else { industry };
        let finding = text(when, "finding");
        if outcome.is_some_and(|o| o.findings().iter().any(|f| f == finding)) {
            overrides.push(text(rule, "id").to_owned());
            raising.extend(rule.child("tier").map(integer));
            lowering.extend(rule.child("at_most").map(integer));
        }
    }
    // `at_most` lowers what the method says; an override with `tier` raises what is left, to its own tier.
    let lowered = by_method.map(|tier| lowering.into_iter().fold(tier, i64::min));
    let tier = lowered.into_iter().chain(raising).max();
    RefTier { tier, overrides }
}

/// §12: `none` stands for every outcome without a grade.
fn grade(outcome: Option<&RefOutcome>) -> &str {
    outcome.and_then(RefOutcome::grade).unwrap_or("none")
}

/// §12 `weighted`.
fn weighted(body: &Node, public: Option<&RefOutcome>, industry: Option<&RefOutcome>) -> Option<i64> {
    let score = |outcome: Option<&RefOutcome>, missing: &str| -> Option<Number> {
        outcome.and_then(RefOutcome::score).cloned().or_else(|| number_at(body, missing))
    };
    let public = score(public, "public_missing")? * parse(text(body, "public"));
    let industry = score(industry, "industry_missing")? * parse(text(body, "industry"));
    let total = round(&(public + industry), 4, text(body, "rounding"));
    Some(tier_of(need(body, "bands"), &total))
}

/// The tier of the row with from ≤ q < to.
fn tier_of(rows: &Node, q: &Number) -> i64 {
    let row = rows.items().iter().find(|row| {
        number_at(row, "from").is_none_or(|from| from <= *q) && number_at(row, "to").is_none_or(|to| *q < to)
    });
    integer(need(row.expect("rows cover the range"), "tier"))
}
