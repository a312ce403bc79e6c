//! Changes to a subject whose effect on any right result is known beforehand.

use jiff::civil::Date;

use super::file::fact;
use super::scenario::{Scenario, Subject};
use super::source::Random;
use crate::reference::{RefOutcome, days_after, days_before};

/// The codes of facts that speak against a subject.
const ADVERSE: [&str; 3] = ["penalty", "court-default", "dishonesty-list"];

/// The same facts, registrations, deliveries and relations in another order: nothing changes.
pub fn shuffled(random: &mut Random, subject: &Subject) -> Subject {
    let mut changed = subject.clone();
    random.shuffle(&mut changed.dossier.related);
    random.shuffle(&mut changed.dossier.file.facts);
    random.shuffle(&mut changed.dossier.file.registrations);
    random.shuffle(&mut changed.dossier.file.deliveries);
    for related in &mut changed.dossier.related {
        random.shuffle(&mut related.file.facts);
    }
    changed
}

/// More facts that occur after the day: nothing changes.
pub fn with_future(random: &mut Random, scenario: &Scenario, subject: &Subject) -> Subject {
    let mut changed = subject.clone();
    for id in 5000..5003 {
        let code = random.pick(&scenario.world.vocabulary.codes);
        if code.class_fields.is_empty() || code.target.is_some() || code.id == "registration" {
            continue;
        }
        let mut fact = fact(random, code, id, subject.as_of);
        fact.occurred_on = days_after(subject.as_of, random.between(1, 50));
        fact.ends_on = None;
        changed.dossier.file.facts.push(fact);
    }
    changed
}

/// More facts of codes that no standard of the scenario names: nothing changes. `None` when all are named.
pub fn with_unrelated(random: &mut Random, scenario: &Scenario, subject: &Subject) -> Option<Subject> {
    let text = scenario.to_string();
    let mut changed = subject.clone();
    let codes = ["penalty", "court-default", "dishonesty-list", "rating", "award", "commitment"];
    for (code, id) in codes.into_iter().filter(|code| !text.contains(code)).zip(6000..) {
        let vocabulary = &scenario.world.vocabulary;
        let code = vocabulary.code(vocabulary.code_id(code)?);
        changed.dossier.file.facts.push(fact(random, code, id, subject.as_of));
    }
    (changed != *subject).then_some(changed)
}

/// One more adverse fact that counts on the day: by a monotone standard nothing gets better.
pub fn with_violation(random: &mut Random, scenario: &Scenario, subject: &Subject) -> Subject {
    let vocabulary = &scenario.world.vocabulary;
    let code = vocabulary.code(vocabulary.code_id(random.pick::<&str>(&ADVERSE)).expect("a known code"));
    let mut added = fact(random, code, 7000, subject.as_of);
    added.occurred_on = days_before(subject.as_of, random.between(0, 800));
    added.ends_on = None;
    added.repaired_on = None;
    added.publicity_until = None;
    added.objections.clear();
    let mut changed = subject.clone();
    changed.dossier.file.facts.push(added);
    changed
}

/// One adverse fact repaired by the day: by a monotone standard nothing gets worse. `None` without such a fact.
pub fn with_repair(random: &mut Random, subject: &Subject) -> Option<Subject> {
    let mut changed = subject.clone();
    let today: Date = subject.as_of;
    let adverse = changed.dossier.file.facts.iter_mut();
    let mut adverse: Vec<_> = adverse
        .filter(|f| ADVERSE.contains(&f.code.as_str()) && f.repaired_on.is_none_or(|r| r > today))
        .collect();
    if adverse.is_empty() {
        return None;
    }
    let chosen = random.index(adverse.len());
    adverse[chosen].repaired_on = Some(days_before(today, random.between(0, 100)));
    Some(changed)
}

/// Whether one result is at least as good for the subject as another of the same standard.
pub fn at_least_as_good(scenario: &Scenario, one: &RefOutcome, other: &RefOutcome) -> bool {
    let place = |outcome: &RefOutcome| -> Option<usize> {
        let grade = outcome.grade()?;
        scenario.standards.grades.iter().position(|g| g == grade)
    };
    // No grade is better than every grade, as `None` is less than every place.
    one.score() >= other.score() && place(one) <= place(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::standard::Style;
    use crate::random::vocabulary;

    #[test]
    fn the_reference_does_not_look_at_order_the_future_or_codes_it_was_not_asked_about() {
        let vocabulary = vocabulary();
        let mut random = Random::new(1);
        for seed in 0..300 {
            let scenario = Scenario::new(seed, &vocabulary, Style::Anything);
            for n in 0..2 {
                let subject = scenario.subject(n);
                let before = scenario.reference(&subject);
                let mut changed =
                    vec![shuffled(&mut random, &subject), with_future(&mut random, &scenario, &subject)];
                changed.extend(with_unrelated(&mut random, &scenario, &subject));
                for changed in changed {
                    assert_eq!(scenario.reference(&changed), before, "{scenario}{subject}then\n{changed}");
                }
            }
        }
    }

    #[test]
    fn by_monotone_standards_violations_never_help_and_repairs_never_hurt() {
        let vocabulary = vocabulary();
        let mut random = Random::new(2);
        for seed in 0..400 {
            let scenario = Scenario::new(seed, &vocabulary, Style::Monotone);
            for n in 0..3 {
                let subject = scenario.subject(n);
                let before = scenario.reference(&subject);
                let worse = with_violation(&mut random, &scenario, &subject);
                let after = scenario.reference(&worse);
                assert!(at_least_as_good(&scenario, &before, &after), "{scenario}{subject}then\n{worse}");
                if let Some(better) = with_repair(&mut random, &subject) {
                    let after = scenario.reference(&better);
                    assert!(
                        at_least_as_good(&scenario, &after, &before),
                        "{scenario}{subject}then\n{better}"
                    );
                }
            }
        }
    }
}
