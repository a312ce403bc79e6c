//! Compares an evaluator with the reference on random standards and files.
//!
//! Every run prints its seed. `HENGXIN_SEED` repeats a run, `HENGXIN_CASES` makes it longer.

use std::env;
use std::fmt::Write;

use jiff::civil::Date;

use crate::random::change::{
    at_least_as_good, shuffled, with_future, with_repair, with_unrelated, with_violation,
};
use crate::random::policy::policy;
use crate::random::standard::Style;
use crate::random::{Random, Scenario, Subject, vocabulary};
use crate::reference::{RefIndicator, RefOutcome, RefTier, classify, days_after, days_between};

/// How many subjects are evaluated by each random standard.
const SUBJECTS: u64 = 10;

/// What an evaluator says about one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The outcome.
    pub outcome: RefOutcome,
    /// The first later day on which it can change with no new fact; `None` for never.
    pub horizon: Option<Date>,
}

/// An implementation of evaluation.
pub trait Evaluator {
    /// A scenario's standards, made ready.
    type Standard;

    /// Takes the texts of a scenario's standards.
    ///
    /// # Errors
    /// The faults found, as they would be shown.
    fn prepare(&self, scenario: &Scenario) -> Result<Self::Standard, String>;

    /// Evaluates one subject on its day.
    fn evaluate(&self, standard: &Self::Standard, subject: &Subject) -> Answer;

    /// The tier by a policy's text, from a subject's results by two standards; `None` for no such result.
    fn classify(
        &self,
        policy: &str,
        public_standard: &Self::Standard,
        industry_standard: &Self::Standard,
        public: Option<&Subject>,
        industry: Option<&Subject>,
    ) -> RefTier;
}

/// How many cases to run: `HENGXIN_CASES`, else `default`.
pub fn cases(default: u64) -> u64 {
    number("HENGXIN_CASES").unwrap_or(default)
}

/// The seed of this run: `HENGXIN_SEED`, else a fixed one. Prints it.
pub fn seed() -> u64 {
    let seed = number("HENGXIN_SEED").unwrap_or(20_260_401);
    println!("HENGXIN_SEED={seed}");
    seed
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, expected a whole number")))
}

/// The scenario of a seed with its standards made ready.
fn prepared<E: Evaluator>(evaluator: &E, seed: u64, style: Style) -> (Scenario, E::Standard) {
    let scenario = Scenario::new(seed, &vocabulary(), style);
    let standard = evaluator.prepare(&scenario);
    let standard =
        standard.unwrap_or_else(|faults| panic!("a valid standard was refused: {faults}\n{scenario}"));
    (scenario, standard)
}

/// Outcome, score, grade, findings, undetermined and every indicator's points equal the reference's.
pub fn equals_the_reference<E: Evaluator>(evaluator: &E, seed: u64, cases: u64) {
    for number in 0..cases.div_ceil(SUBJECTS) {
        let (scenario, standard) = prepared(evaluator, seed.wrapping_add(number), Style::Anything);
        for n in 0..SUBJECTS {
            let subject = scenario.subject(n);
            let expected = comparable(scenario.reference(&subject));
            let found = evaluator.evaluate(&standard, &subject).outcome;
            assert!(found == expected, "{}", disagreement(&scenario, &subject, &found, &expected));
        }
    }
}

/// An outcome without the eligibility rules that are unknown: an evaluator's answer has no room for them.
fn comparable(mut outcome: RefOutcome) -> RefOutcome {
    match &mut outcome {
        RefOutcome::NotEligible { .. } => {}
        RefOutcome::CannotScore { undetermined_rules, .. }
        | RefOutcome::Graded { undetermined_rules, .. } => {
            undetermined_rules.clear();
        }
    }
    outcome
}

/// Both answers, and where they differ.
fn disagreement(scenario: &Scenario, subject: &Subject, found: &RefOutcome, expected: &RefOutcome) -> String {
    let mut text = format!(
        "{scenario}{subject}--- found\n{found:?}\n--- expected\n{expected:?}\n--- seed {}\n",
        scenario.seed
    );
    let (found_indicators, expected_indicators) = (indicators(found), indicators(expected));
    for (found, expected) in found_indicators.iter().zip(expected_indicators) {
        if found != expected {
            let _ = writeln!(text, "indicator: found {found:?}\n        expected {expected:?}");
        }
    }
    let _ = writeln!(
        text,
        "score {:?} for {:?}, grade {:?} for {:?}",
        found.score().map(ToString::to_string),
        expected.score().map(ToString::to_string),
        found.grade(),
        expected.grade()
    );
    text
}

fn indicators(outcome: &RefOutcome) -> &[RefIndicator] {
    match outcome {
        RefOutcome::NotEligible { .. } => &[],
        RefOutcome::CannotScore { indicators, .. } | RefOutcome::Graded { indicators, .. } => indicators,
    }
}

/// Until the day before the horizon the result stays what it is; the reference is asked on the days between.
pub fn keeps_the_result_until_the_horizon<E: Evaluator>(evaluator: &E, seed: u64, cases: u64) {
    let mut random = Random::new(seed);
    for number in 0..cases.div_ceil(SUBJECTS) {
        let (scenario, standard) = prepared(evaluator, seed.wrapping_add(number), Style::Anything);
        for n in 0..SUBJECTS {
            let subject = scenario.subject(n);
            let answer = evaluator.evaluate(&standard, &subject);
            let horizon = answer.horizon.unwrap_or_else(|| days_after(subject.as_of, 4000));
            let days = days_between(subject.as_of, horizon);
            assert!(days > 0, "horizon {horizon} is not after\n{scenario}{subject}");
            let mut sample: Vec<i64> = (1..days).take(8).collect();
            sample.extend((0..6).filter(|_| days > 1).map(|_| random.between(1, days - 1)));
            sample.extend([days - 2, days - 1]);
            for later in sample.into_iter().filter(|later| *later > 0) {
                let on =
                    Subject { as_of: days_after(subject.as_of, later), dossier: subject.dossier.clone() };
                let then = comparable(scenario.reference(&on));
                assert!(
                    then == answer.outcome,
                    "changed on {}, before the horizon {:?}:\n{}",
                    on.as_of,
                    answer.horizon,
                    disagreement(&scenario, &subject, &answer.outcome, &then)
                );
            }
        }
    }
}

/// Order, the future and unrelated facts change nothing.
pub fn looks_at_nothing_else<E: Evaluator>(evaluator: &E, seed: u64, cases: u64) {
    let mut random = Random::new(seed);
    for number in 0..cases.div_ceil(SUBJECTS) {
        let (scenario, standard) = prepared(evaluator, seed.wrapping_add(number), Style::Anything);
        for n in 0..SUBJECTS {
            let subject = scenario.subject(n);
            let before = evaluator.evaluate(&standard, &subject).outcome;
            let mut changes =
                vec![shuffled(&mut random, &subject), with_future(&mut random, &scenario, &subject)];
            changes.extend(with_unrelated(&mut random, &scenario, &subject));
            for changed in changes {
                let after = evaluator.evaluate(&standard, &changed).outcome;
                assert!(
                    after == before,
                    "{}--- from\n{subject}",
                    disagreement(&scenario, &changed, &after, &before)
                );
            }
        }
    }
}

/// By standards accepted without a waiver, a violation more never helps and a repair never hurts.
pub fn is_monotone<E: Evaluator>(evaluator: &E, seed: u64, cases: u64) {
    let mut random = Random::new(seed);
    for number in 0..cases.div_ceil(SUBJECTS) {
        let (scenario, standard) = prepared(evaluator, seed.wrapping_add(number), Style::Monotone);
        for n in 0..SUBJECTS {
            let subject = scenario.subject(n);
            let before = evaluator.evaluate(&standard, &subject).outcome;
            let worse = with_violation(&mut random, &scenario, &subject);
            let after = evaluator.evaluate(&standard, &worse).outcome;
            assert!(
                at_least_as_good(&scenario, &before, &after),
                "a violation helped:\n{}",
                disagreement(&scenario, &worse, &after, &before)
            );
            if let Some(better) = with_repair(&mut random, &subject) {
                let after = evaluator.evaluate(&standard, &better).outcome;
                assert!(
                    at_least_as_good(&scenario, &after, &before),
                    "a repair hurt:\n{}",
                    disagreement(&scenario, &better, &after, &before)
                );
            }
        }
    }
}

/// The tier and the overrides that apply equal the reference's.
pub fn classifies_like_the_reference<E: Evaluator>(evaluator: &E, seed: u64, cases: u64) {
    let mut random = Random::new(seed);
    for number in 0..cases.div_ceil(SUBJECTS) {
        let (public, public_standard) = prepared(evaluator, seed.wrapping_add(2 * number), Style::Anything);
        let (industry, industry_standard) =
            prepared(evaluator, seed.wrapping_add(2 * number + 1), Style::Anything);
        let text = policy(&mut random, &public.standards, &industry.standards);
        let document = hengxin_standard::parse_document(&text).expect("a random policy is YAML");
        for n in 0..SUBJECTS {
            let subject = public.subject(n);
            let has_public = random.chance(90);
            let has_industry = random.chance(80);
            let (first, second) = (public.reference(&subject), industry.reference(&subject));
            let expected = classify(&document, has_public.then_some(&first), has_industry.then_some(&second));
            let found = evaluator.classify(
                &text,
                &public_standard,
                &industry_standard,
                has_public.then_some(&subject),
                has_industry.then_some(&subject),
            );
            assert_eq!(
                found, expected,
                "\n{text}\n{public}{industry}{subject}public {first:?}\nindustry {second:?}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::whole;

    /// The reference itself, spoiled in one way.
    struct Spoiled {
        spoil: fn(&mut Answer),
    }

    impl Evaluator for Spoiled {
        type Standard = Scenario;

        fn prepare(&self, scenario: &Scenario) -> Result<Scenario, String> {
            Ok(scenario.clone())
        }

        fn evaluate(&self, scenario: &Scenario, subject: &Subject) -> Answer {
            let horizon = Some(days_after(subject.as_of, 1));
            let mut answer = Answer { outcome: comparable(scenario.reference(subject)), horizon };
            (self.spoil)(&mut answer);
            answer
        }

        fn classify(
            &self,
            policy: &str,
            public_standard: &Scenario,
            industry_standard: &Scenario,
            public: Option<&Subject>,
            industry: Option<&Subject>,
        ) -> RefTier {
            let document = hengxin_standard::parse_document(policy).expect("YAML");
            let public = public.map(|subject| public_standard.reference(subject));
            let industry = industry.map(|subject| industry_standard.reference(subject));
            classify(&document, public.as_ref(), industry.as_ref())
        }
    }

    #[test]
    fn the_reference_agrees_with_itself() {
        let same = Spoiled { spoil: |_| {} };
        equals_the_reference(&same, 1, 200);
        keeps_the_result_until_the_horizon(&same, 1, 50);
        classifies_like_the_reference(&same, 1, 300);
    }

    #[test]
    #[should_panic(expected = "--- seed")]
    fn a_score_off_by_a_little_is_noticed() {
        let spoil = |answer: &mut Answer| {
            if let RefOutcome::Graded { score: Some(score), .. } = &mut answer.outcome {
                *score += whole(1) / whole(10_000);
            }
        };
        equals_the_reference(&Spoiled { spoil }, 1, 100);
    }

    #[test]
    #[should_panic(expected = "before the horizon")]
    fn a_horizon_that_is_late_is_noticed() {
        let spoil = |answer: &mut Answer| answer.horizon = None;
        keeps_the_result_until_the_horizon(&Spoiled { spoil }, 1, 100);
    }
}
