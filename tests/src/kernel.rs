//! The kernel as an [`Evaluator`].

use std::collections::HashMap;
use std::sync::Arc;

use crate::differential::{Answer, Evaluator};
use crate::random::convert::{KernelFile, date, date_back, related};
use crate::random::{Scenario, Subject, VOCABULARY};
use crate::reference::{Number, RefIndicator, RefOutcome, RefTier, whole};
use hengxin_core::document::Node;
use hengxin_core::fact::{Classes, Dossier};
use hengxin_core::grade::Grade;
use hengxin_core::kernel::{self, Evaluation, Ineligible, Outcome, Workbench};
use hengxin_core::number::Points;
use hengxin_core::reading::Measured;
use hengxin_core::scope::Peers;
use hengxin_core::standard::Standard;
use hengxin_core::tier::{self, Standing, TierPolicy};
use hengxin_core::trace::{Explanation, Silent};
use hengxin_standard::Catalogue;

/// The kernel, behind the real parser and catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Kernel;

/// A scenario's catalogue.
#[derive(Clone, Debug)]
pub struct Prepared {
    catalogue: Catalogue,
    main: Node,
}

impl Prepared {
    fn standard(&self) -> Arc<Standard> {
        Arc::clone(&self.catalogue.pinned("main", "1").expect("the main standard").standard)
    }

    /// Evaluates silently, with an explanation, and without what the plan does not need. All must agree, and the
    /// explanation must add up.
    fn evaluate(&self, subject: &Subject) -> (Evaluation, Vec<RefIndicator>) {
        let vocabulary = &self.catalogue.vocabulary;
        let mut classes = Classes::default();
        let mut references = HashMap::new();
        let mut convert = |file| KernelFile::new(vocabulary, &mut classes, &mut references, file);
        let own = convert(&subject.dossier.file);
        let files: Vec<KernelFile> = subject.dossier.related.iter().map(|r| convert(&r.file)).collect();
        let others: Vec<_> = subject
            .dossier
            .related
            .iter()
            .zip(&files)
            .map(|(r, file)| related(vocabulary, r, file))
            .collect();
        let dossier = Dossier { file: own.as_file(), related: &others };
        let edition = self.catalogue.pinned("main", "1").expect("the main standard");
        let plan = self.catalogue.plan(edition, date(subject.as_of));
        let needs = plan.needs();
        let mut bench = Workbench::new(plan);
        let evaluation = kernel::evaluate(&mut bench, &classes, &dossier, &mut Silent);
        let indicators = edition.standard.indicators.iter().zip(bench.indicators());
        let indicators = indicators.map(|(indicator, result)| RefIndicator {
            id: indicator.id.clone(),
            points: result.points.map(number),
            known: matches!(result.measured, Measured::Known(_)),
        });
        let indicators = indicators.collect();
        let mut explanation = Explanation::default();
        let again = kernel::evaluate(&mut bench, &classes, &dossier, &mut explanation);
        assert_eq!(evaluation, again, "explaining changes the result of\n{subject}");
        if let Some(score) = evaluation.outcome.score() {
            assert_eq!(
                explanation.total(),
                score,
                "{explanation:?} does not add up to the score of\n{subject}"
            );
        }
        let bare = own.only(needs);
        let bare_files: Vec<KernelFile> = files.iter().map(|file| file.only(needs)).collect();
        let others = subject.dossier.related.iter().zip(&bare_files).filter(|_| needs.related);
        let others: Vec<_> = others.map(|(r, file)| related(vocabulary, r, file)).collect();
        let dossier = Dossier { file: bare.as_file(), related: &others };
        let again = kernel::evaluate(&mut bench, &classes, &dossier, &mut Silent);
        assert_eq!(evaluation, again, "{needs:?}, and yet something else changes the result of\n{subject}");
        (evaluation, indicators)
    }
}

/// What the tier policy is shown.
fn standing(judged: Option<&(Arc<Standard>, Evaluation)>) -> Option<Standing<'_>> {
    judged.map(|(standard, evaluation)| Standing { standard, evaluation })
}

fn number(points: Points) -> Number {
    whole(points.ten_thousandths()) / whole(10_000)
}

fn ids<'s>(bits: u64, ids: impl Iterator<Item = &'s String>) -> Vec<String> {
    ids.enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, id)| id.clone()).collect()
}

/// The kernel's evaluation in the reference's words.
fn outcome(standard: &Standard, evaluation: &Evaluation, indicators: Vec<RefIndicator>) -> RefOutcome {
    let name = |grade: Option<Grade>| grade.map(|g| standard.grades.id(g).to_owned());
    let findings = |bits| ids(bits, standard.findings.iter().map(|f| &f.id));
    match evaluation.outcome {
        Outcome::NotEligible(Ineligible::Kind) => RefOutcome::NotEligible { rule: None },
        Outcome::NotEligible(Ineligible::Rule(place)) => {
            RefOutcome::NotEligible { rule: Some(standard.eligibility[usize::from(place)].id.clone()) }
        }
        Outcome::CannotScore { grade } => RefOutcome::CannotScore {
            grade: name(grade),
            findings: findings(evaluation.findings),
            undetermined: findings(evaluation.undetermined),
            undetermined_rules: Vec::new(),
            indicators,
        },
        Outcome::Graded { score, band, grade } => RefOutcome::Graded {
            score: score.map(number),
            band: score.and(name(band)),
            grade: name(grade),
            findings: findings(evaluation.findings),
            decided: findings(evaluation.decided),
            undetermined: findings(evaluation.undetermined),
            undetermined_rules: Vec::new(),
            indicators,
        },
    }
}

impl Evaluator for Kernel {
    type Standard = Prepared;

    fn prepare(&self, scenario: &Scenario) -> Result<Prepared, String> {
        let mut files = vec![
            ("vocabulary.yaml".to_owned(), VOCABULARY.to_owned()),
            ("main/1.yaml".to_owned(), scenario.standards.main.clone()),
        ];
        for (text, edition) in scenario.standards.nested.iter().zip(1..) {
            files.push((format!("nested/{edition}.yaml"), text.clone()));
        }
        match Catalogue::from_files(files) {
            Ok(catalogue) => Ok(Prepared { catalogue, main: scenario.main.clone() }),
            Err(error) => Err(format!("{error}")),
        }
    }

    fn evaluate(&self, standard: &Prepared, subject: &Subject) -> Answer {
        let (evaluation, indicators) = standard.evaluate(subject);
        Answer {
            outcome: outcome(&standard.standard(), &evaluation, indicators),
            horizon: evaluation.horizon.and_then(date_back),
        }
    }

    fn classify(
        &self,
        policy: &str,
        public_grades: &Prepared,
        industry_grades: &Prepared,
        public: Option<&Subject>,
        industry: Option<&Subject>,
    ) -> RefTier {
        let head = |prepared: &Prepared| Standard::head(&prepared.main).expect("a head");
        let public_head = head(public_grades);
        let mut industry_head = head(industry_grades);
        "industry".clone_into(&mut industry_head.id);
        let document = hengxin_standard::parse_document(policy).expect("a random policy is YAML");
        let policy = TierPolicy::parse(&document, &Peers(vec![public_head, industry_head]))
            .unwrap_or_else(|faults| panic!("a valid policy was refused: {faults:?}\n{policy}"));
        let judge = |standard: &Prepared, subject: Option<&Subject>| {
            subject.map(|subject| (standard.standard(), standard.evaluate(subject).0))
        };
        let (public, industry) = (judge(public_grades, public), judge(industry_grades, industry));
        let decision = tier::classify(&policy, standing(public.as_ref()), standing(industry.as_ref()));
        RefTier {
            tier: decision.tier.map(i64::from),
            overrides: decision.overrides.iter().map(|i| policy.overrides[*i].id.clone()).collect(),
        }
    }
}
