//! The kernel compared with itself by every shipped standard: what a workbench remembers of one file never shows in
//! another, and what a plan does not need never shows at all.
//!
//! `HENGXIN_SEED` repeats a run, `HENGXIN_CASES` makes it longer.

use std::sync::Arc;

use hengxin_core::date::Date;
use hengxin_core::fact::{Classes, Deliveries, Delivery, Dossier, FactColumns};
use hengxin_core::kernel::{Evaluation, IndicatorResult, Workbench, evaluate};
use hengxin_core::needs::Needs;
use hengxin_core::plan::Plan;
use hengxin_core::region::RegionCode;
use hengxin_core::trace::{Explanation, Silent};
use hengxin_core::vocabulary::RegisterId;
use hengxin_standard::Catalogue;
use hengxin_tests::differential::{cases, seed};
use hengxin_tests::random::convert::KernelFile;
use hengxin_tests::random::population::{OwnedRelated, Population};

/// Every shipped edition with a plan on a day of its own, on which it is in force.
fn plans(catalogue: &Catalogue) -> Vec<(String, Arc<Plan>)> {
    let plans = catalogue.standards().map(|edition| {
        let standard = &edition.standard;
        let on: Date = "2026-08-31".parse().expect("a date");
        let on = on.clamp(standard.effective.0, standard.effective.1);
        (format!("{} {}", standard.id, standard.edition), catalogue.plan(edition, on))
    });
    plans.collect()
}

type Answer = (Evaluation, Vec<IndicatorResult>);

fn silent(bench: &mut Workbench, classes: &Classes, own: &KernelFile, related: &[OwnedRelated]) -> Answer {
    let related: Vec<_> = related.iter().map(OwnedRelated::as_related).collect();
    let dossier = Dossier { file: own.as_file(), related: &related };
    let evaluation = evaluate(bench, classes, &dossier, &mut Silent);
    (evaluation, bench.indicators().to_vec())
}

fn explained(bench: &mut Workbench, classes: &Classes, own: &KernelFile, related: &[OwnedRelated]) -> Answer {
    let related: Vec<_> = related.iter().map(OwnedRelated::as_related).collect();
    let dossier = Dossier { file: own.as_file(), related: &related };
    let evaluation = evaluate(bench, classes, &dossier, &mut Explanation::default());
    (evaluation, bench.indicators().to_vec())
}

#[test]
fn a_used_workbench_answers_like_a_new_one() {
    let catalogue = Catalogue::shipped().expect("the shipped standards are sound");
    let (seed, plans) = (seed(), plans(&catalogue));
    let subjects = cases(6_000) / plans.len() as u64;
    for (n, (name, plan)) in plans.iter().enumerate() {
        let mut population = Population::new(&catalogue.vocabulary, plan.as_of, seed.wrapping_add(n as u64));
        let mut used = Workbench::new(Arc::clone(plan));
        for subject in 0..subjects {
            let (own, related) = population.dossier();
            let classes = &population.classes;
            let expected = explained(&mut Workbench::new(Arc::clone(plan)), classes, &own, &related);
            let new = silent(&mut Workbench::new(Arc::clone(plan)), classes, &own, &related);
            assert_eq!(new, expected, "{name}, subject {subject}: silent, explained; {own:?} {related:?}");
            let again = silent(&mut used, classes, &own, &related);
            assert_eq!(again, expected, "{name}, subject {subject}: used, new; {own:?} {related:?}");
            // A story in between writes every indicator; the next silent evaluation must not see it.
            if subject % 7 == 0 {
                assert_eq!(explained(&mut used, classes, &own, &related), expected, "{name}, {subject}");
            }
        }
    }
}

#[test]
fn a_dependency_holds_its_own_evaluation_of_the_file() {
    let catalogue = Catalogue::shipped().expect("the shipped standards are sound");
    let on: Date = "2026-08-31".parse().expect("a date");
    let plan = |id: &str| catalogue.plan(catalogue.standard(id, on).expect("in force"), on);
    let mut food = Workbench::new(plan("food-producers"));
    let mut public = Workbench::new(plan("public-comprehensive"));
    assert!(public.dependency("food-producers").is_none() && public.evaluation().is_none());
    let mut population = Population::new(&catalogue.vocabulary, on, seed());
    for _ in 0..200 {
        let (own, related) = population.dossier();
        let (evaluation, _) = silent(&mut food, &population.classes, &own, &related);
        assert_eq!(food.evaluation(), Some(&evaluation));
        let (expected, indicators) = silent(&mut public, &population.classes, &own, &related);
        let inner = food.dependency("public-comprehensive").expect("it reads the public score");
        assert_eq!(inner.evaluation(), Some(&expected));
        assert_eq!(inner.indicators(), indicators);
    }
}

/// A workbench forgets the states of the registers when it has met many. What it kept of one must not be taken for
/// what came in its place.
#[test]
fn nothing_is_taken_for_what_was_forgotten() {
    let catalogue = Catalogue::shipped().expect("the shipped standards are sound");
    let on: Date = "2026-08-31".parse().expect("a date");
    let plan = catalogue.plan(catalogue.standard("public-comprehensive", on).expect("in force"), on);
    let classes = Classes::default();
    let national = |later: i32| {
        let registers = (0..catalogue.vocabulary.registers.len()).filter_map(|i| u16::try_from(i).ok());
        let through = on.plus_days(later);
        let all =
            registers.map(|i| Delivery { register: RegisterId(i), region: RegionCode::NATIONAL, through });
        Deliveries::new(all.collect())
    };
    let file = |subject: &str, deliveries| KernelFile {
        subject: subject.parse().expect("a valid code"),
        facts: FactColumns::default(),
        registrations: Vec::new(),
        deliveries,
    };
    let (enterprise, institution) = ("91110101MA00000U27", "12100000400002259P");
    // Subjects that are not evaluated leave the results of the last that was.
    for states in 1..200 {
        let mut used = Workbench::new(Arc::clone(&plan));
        silent(&mut used, &classes, &file(enterprise, national(0)), &[]);
        for later in 1..=states {
            silent(&mut used, &classes, &file(institution, national(later)), &[]);
        }
        let unknown = file(enterprise, Deliveries::default());
        let expected = silent(&mut Workbench::new(Arc::clone(&plan)), &classes, &unknown, &[]);
        assert!(expected.0.unknown > 0, "without deliveries something is unknown");
        assert_eq!(silent(&mut used, &classes, &unknown, &[]), expected, "after {states} states");
    }
}

#[test]
fn columns_that_a_plan_does_not_need_change_nothing() {
    let catalogue = Catalogue::shipped().expect("the shipped standards are sound");
    let (seed, plans) = (seed(), plans(&catalogue));
    let subjects = cases(6_000) / plans.len() as u64;
    for (n, (name, plan)) in plans.iter().enumerate() {
        let needs = plan.needs();
        let mut population = Population::new(&catalogue.vocabulary, plan.as_of, seed.wrapping_add(n as u64));
        let mut bench = Workbench::new(Arc::clone(plan));
        for subject in 0..subjects {
            let (own, mut related) = population.dossier();
            let classes = &population.classes;
            let expected = silent(&mut bench, classes, &own, &related);
            let bare = own.only(needs);
            if needs.related {
                for related in &mut related {
                    related.file = related.file.only(needs);
                }
            } else {
                related.clear();
            }
            let found = silent(&mut bench, classes, &bare, &related);
            assert_eq!(found, expected, "{name}, subject {subject}, {needs:?}: {own:?}");
        }
    }
}

#[test]
fn shipped_plans_need_what_their_texts_name() {
    let catalogue = Catalogue::shipped().expect("the shipped standards are sound");
    let on: Date = "2026-08-31".parse().expect("a date");
    let needs = |id: &str| catalogue.plan(catalogue.standard(id, on).expect("in force"), on).needs();
    let everything_of_its_own = Needs {
        ends_on: true,
        number: true,
        reference: true,
        publicity_until: true,
        objections: true,
        related: false,
    };
    assert_eq!(needs("public-comprehensive"), everything_of_its_own);
    // Its own text names neither references nor amounts; the public score that it reads does.
    assert_eq!(needs("food-producers"), everything_of_its_own);
    // Sums by reference, whatever is in force or under objection.
    let medicine = Needs { ends_on: false, objections: false, ..everything_of_its_own };
    assert_eq!(needs("medicine-procurement"), medicine);
    assert_eq!(Needs::default().and(medicine), medicine);
}
