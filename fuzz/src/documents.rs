//! Documents of people: standards, policies, vocabularies, features, cases, and the lock.

use std::sync::{Arc, LazyLock};

use hengxin_core::date::Date;
use hengxin_core::document::{Faults, Node};
use hengxin_core::fact::{Classes, CreditFile, Deliveries, Delivery, Dossier, Facts};
use hengxin_core::features::FeatureSet;
use hengxin_core::kernel::{self, Workbench};
use hengxin_core::plan::{Nested, Plan};
use hengxin_core::region::RegionCode;
use hengxin_core::scope::Peers;
use hengxin_core::standard::Standard;
use hengxin_core::tier::TierPolicy;
use hengxin_core::trace::Explanation;
use hengxin_core::vocabulary::{RegisterId, Vocabulary};
use hengxin_standard::lock::Lock;
use hengxin_standard::report::FaultyFile;
use hengxin_standard::{Edition, parse_document};

use super::{SHIPPED, text};

static HEADS: LazyLock<Peers> = LazyLock::new(|| {
    let nodes: Vec<Node> = SHIPPED.standards().filter_map(|e| parse_document(&e.text).ok()).collect();
    Peers(nodes.iter().filter_map(Standard::head).collect())
});

/// What a document says, or `None` after its faults have been told in both forms.
fn checked<T>(input: &[u8], check: impl FnOnce(&Node) -> Result<T, Faults>) -> Option<T> {
    let text = text(input);
    match parse_document(&text).and_then(|node| check(&node)) {
        Ok(sound) => Some(sound),
        Err(faults) => {
            let faulty = FaultyFile { file: "f.yaml".to_owned(), text, faults };
            assert!(!faulty.rows().is_empty(), "a document is refused for a reason");
            let _ = faulty.fancy(false);
            assert!(!faulty.plain().is_empty());
            None
        }
    }
}

pub(crate) fn vocabularies(input: &[u8]) -> bool {
    checked(input, Vocabulary::parse).is_some()
}

pub(crate) fn policies(input: &[u8]) -> bool {
    checked(input, |node| TierPolicy::parse(node, &HEADS)).is_some()
}

pub(crate) fn features(input: &[u8]) -> bool {
    let set = checked(input, |node| FeatureSet::parse(node, &SHIPPED.vocabulary, &HEADS));
    set.is_some_and(|set| {
        let as_of = set.effective.0;
        let _ = SHIPPED.feature_plan(&Arc::new(set), as_of).needs();
        true
    })
}

pub(crate) fn standards(input: &[u8]) -> bool {
    let standard = checked(input, |node| Standard::parse(node, &SHIPPED.vocabulary, &HEADS));
    standard.is_some_and(|standard| {
        evaluates(standard);
        true
    })
}

/// An accepted standard evaluates a subject of whom nothing but the registers is known, and can say why.
fn evaluates(standard: Standard) {
    let as_of = standard.effective.0;
    let (national, nested) = (RegionCode::from_digits(100_000).expect("the nation"), standard.depends.len());
    let registers = 0..u16::try_from(SHIPPED.vocabulary.registers.len()).expect("few");
    let known = registers.map(|register| Delivery {
        register: RegisterId(register),
        region: national,
        through: Date::FOREVER,
    });
    let deliveries = Deliveries::new(known.collect());
    let nested = (0..nested).map(|_| Nested::NoEdition).collect();
    let plan = Plan::resolve(Arc::new(standard), as_of, nested, Date::FOREVER);
    let file = CreditFile {
        subject: "91110000600037341L".parse().expect("a code"),
        facts: Facts::default(),
        registrations: &[],
        deliveries: &deliveries,
    };
    let mut explanation = Explanation::default();
    let mut bench = Workbench::new(Arc::new(plan));
    let evaluation =
        kernel::evaluate(&mut bench, &Classes::default(), &Dossier { file, related: &[] }, &mut explanation);
    if let Some(score) = evaluation.outcome.score() {
        assert_eq!(explanation.total(), score, "reasons add up");
    }
}

/// The cases of the shipped standard for highway construction.
pub(crate) fn cases(input: &[u8]) -> bool {
    static EDITION: LazyLock<&Edition> =
        LazyLock::new(|| SHIPPED.pinned("highway-construction", "2009.1").expect("shipped"));
    cases_of(&EDITION, input)
}

/// The cases of any shipped standard.
pub fn cases_of(edition: &Edition, input: &[u8]) -> bool {
    checked(input, |node| hengxin_standard::cases::run(node, edition, &SHIPPED)).is_some()
}

pub(crate) fn locks(input: &[u8]) -> bool {
    match Lock::parse(&text(input)) {
        Ok(lock) => {
            assert_eq!(Lock::parse(&lock.render()), Ok(lock));
            true
        }
        Err(problem) => {
            assert!(!problem.to_string().is_empty());
            false
        }
    }
}
