//! What counts and what is alike, by random standards: facts that are taken to be alike are, whichever of them is
//! repaired, and what counts only changes on a day that a horizon tells of.
//!
//! `HENGXIN_SEED` repeats a run, `HENGXIN_CASES` makes it longer.

use std::collections::{BTreeSet, HashMap};

use hengxin_core::date::Date;
use hengxin_core::fact::{Classes, Dossier, FactId, Related};
use hengxin_core::kernel::{self, Evaluation, Outcome, Workbench};
use hengxin_core::picker::Standing;
use hengxin_core::trace::{Explanation, Silent};
use hengxin_core::what_if::{alike, counting, within_reach};
use hengxin_standard::Catalogue;
use hengxin_tests::differential::{cases, seed};
use hengxin_tests::random::convert::{KernelFile, date, related};
use hengxin_tests::random::standard::Style;
use hengxin_tests::random::{Random, Scenario, Subject, VOCABULARY, vocabulary};
use hengxin_tests::reference::days_after;

const SUBJECTS: u64 = 12;

fn catalogue(scenario: &Scenario) -> Catalogue {
    let mut files = vec![
        ("vocabulary.yaml".to_owned(), VOCABULARY.to_owned()),
        ("main/1.yaml".to_owned(), scenario.standards.main.clone()),
    ];
    for (text, edition) in scenario.standards.nested.iter().zip(1..) {
        files.push((format!("nested/{edition}.yaml"), text.clone()));
    }
    Catalogue::from_files(files).unwrap_or_else(|problem| panic!("{problem}\n{scenario}"))
}

/// A subject's files in the kernel's form.
struct Files {
    classes: Classes,
    own: KernelFile,
    others: Vec<KernelFile>,
}

impl Files {
    fn of(catalogue: &Catalogue, subject: &Subject) -> Files {
        let (mut classes, mut references) = (Classes::default(), HashMap::new());
        let mut convert = |file| KernelFile::new(&catalogue.vocabulary, &mut classes, &mut references, file);
        let own = convert(&subject.dossier.file);
        let others = subject.dossier.related.iter().map(|r| convert(&r.file)).collect();
        Files { classes, own, others }
    }

    fn bench(
        &self,
        catalogue: &Catalogue,
        subject: &Subject,
        on: Date,
    ) -> (Workbench, Evaluation, Explanation) {
        let mut bench = Workbench::new(catalogue.plan(catalogue.pinned("main", "1").expect("main"), on));
        let mut story = Explanation::default();
        let evaluation = self.evaluate(catalogue, subject, &self.own, &mut bench, Some(&mut story));
        (bench, evaluation, story)
    }

    fn evaluate(
        &self,
        catalogue: &Catalogue,
        subject: &Subject,
        own: &KernelFile,
        bench: &mut Workbench,
        story: Option<&mut Explanation>,
    ) -> Evaluation {
        let paths = subject.dossier.related.iter().zip(&self.others);
        let others: Vec<Related<'_>> =
            paths.map(|(path, file)| related(&catalogue.vocabulary, path, file)).collect();
        let dossier = Dossier { file: own.as_file(), related: &others };
        match story {
            Some(story) => kernel::evaluate(bench, &self.classes, &dossier, story),
            None => kernel::evaluate(bench, &self.classes, &dossier, &mut Silent),
        }
    }
}

/// What a repair may change of an evaluation; its horizon only speaks of days to come.
fn given(evaluation: &Evaluation) -> (Outcome, u64, u64) {
    (evaluation.outcome, evaluation.findings, evaluation.undetermined)
}

/// Makes some facts of a subject again, on the same day or near it.
fn doubled(random: &mut Random, subject: &mut Subject) {
    let facts = &mut subject.dossier.file.facts;
    let mut next = facts.iter().map(|fact| fact.id).max().unwrap_or_default();
    for mut fact in facts.clone() {
        for _ in 0..random.index(3) {
            next += 1;
            fact.id = next;
            if random.chance(50) && fact.ends_on.is_none() {
                fact.occurred_on = days_after(fact.occurred_on, random.between(0, 8));
            }
            facts.push(fact.clone());
        }
    }
}

#[test]
fn whichever_of_facts_that_are_alike_is_repaired_the_result_is_the_same() {
    let (seed, vocabulary) = (seed(), vocabulary());
    let mut random = Random::new(seed);
    let (mut swaps, mut on_other_days, mut groups_of_one) = (0, 0, 0);
    for number in 0..cases(2_400).div_ceil(SUBJECTS) {
        let scenario = Scenario::new(seed.wrapping_add(number), &vocabulary, Style::Anything);
        let catalogue = catalogue(&scenario);
        for n in 0..SUBJECTS {
            let mut subject = scenario.subject(n);
            doubled(&mut random, &mut subject);
            let files = Files::of(&catalogue, &subject);
            let on = date(subject.as_of);
            let (mut bench, ..) = files.bench(&catalogue, &subject, on);
            let facts = files.own.as_file().facts;
            let reached = within_reach(&bench, &facts);
            let groups = alike(&[&bench], &facts, &reached);
            assert_eq!(
                groups.iter().flatten().copied().collect::<BTreeSet<_>>(),
                reached.iter().copied().collect()
            );
            groups_of_one += groups.iter().filter(|group| group.len() == 1).count();
            for group in groups.iter().filter(|group| group.len() > 1) {
                let at = |random: &mut Random| *random.pick(group);
                let (one, other) = (at(&mut random), at(&mut random));
                let rest: Vec<usize> = reached.iter().copied().filter(|_| random.chance(33)).collect();
                let mut with = |repaired: usize, not: usize| {
                    let mut own = files.own.clone();
                    for i in rest.iter().copied().filter(|i| *i != not).chain([repaired]) {
                        own.facts.repaired_on[i] = on;
                    }
                    given(&files.evaluate(&catalogue, &subject, &own, &mut bench, None))
                };
                let facts = files.own.as_file().facts;
                assert_eq!(
                    with(one, other),
                    with(other, one),
                    "facts {:?} and {:?} beside {rest:?} of\n{subject}\n{scenario}",
                    facts.id[one],
                    facts.id[other]
                );
                swaps += usize::from(one != other);
                on_other_days += usize::from(facts.occurred_on[one] != facts.occurred_on[other]);
            }
        }
    }
    println!("{swaps} swaps, {on_other_days} between days; {groups_of_one} facts like no other");
    assert!(
        swaps > 100 && on_other_days > 20 && groups_of_one > 100,
        "{swaps} {on_other_days} {groups_of_one}"
    );
}

#[test]
fn what_counts_only_changes_on_a_horizon() {
    let (seed, vocabulary) = (seed(), vocabulary());
    let mut random = Random::new(seed);
    let (mut compared, mut counted) = (0, 0);
    for number in 0..cases(2_400).div_ceil(SUBJECTS) {
        let scenario = Scenario::new(seed.wrapping_add(number), &vocabulary, Style::Anything);
        let catalogue = catalogue(&scenario);
        for n in 0..SUBJECTS {
            let subject = scenario.subject(n);
            let files = Files::of(&catalogue, &subject);
            let on = date(subject.as_of);
            let (bench, evaluation, story) = files.bench(&catalogue, &subject, on);
            let facts = files.own.as_file().facts;
            let now = counting(&bench);
            let reached = within_reach(&bench, &facts);
            assert!(now.iter().all(|i| reached.contains(i)), "{subject}\n{scenario}");
            // Every fact that an explanation calls counted is among them.
            let lines = story.indicators.iter().flat_map(|line| &line.evidence);
            let lines = lines.filter(|e| e.standing == Standing::Counts).map(|e| e.fact);
            let ids: BTreeSet<FactId> = now.iter().map(|i| facts.id[*i]).collect();
            for fact in lines.chain(story.findings.iter().flatten().copied()) {
                assert!(ids.contains(&fact), "{fact:?} of\n{subject}\n{scenario}");
            }
            counted += ids.len();
            let horizon = evaluation.horizon.unwrap_or_else(|| on.plus_days(4000));
            let days = horizon.days() - on.days();
            for past in [1, days - 1, i32::try_from(random.between(1, days.into())).expect("few")] {
                let day = on.plus_days(past);
                if day <= on || day >= horizon {
                    continue;
                }
                let (bench, ..) = files.bench(&catalogue, &subject, day);
                assert_eq!(counting(&bench), now, "on {day}, due on {horizon}\n{subject}\n{scenario}");
                compared += 1;
            }
        }
    }
    println!("{compared} days compared, {counted} facts counted");
    assert!(compared > 500 && counted > 1_000, "{compared} {counted}");
}
