//! Every answer ever given is given again: after corrections, repairs, objections, withdrawals and late deliveries,
//! for the same day and the same moment, the same bytes.
//!
//! Each answer is also compared, when it is first given, with one computed from a plain list of the records.
//! `HENGXIN_SEED` repeats a run, `HENGXIN_CASES` says how many histories there are (default 12).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use hengxin_core::fact::Classes;
use hengxin_core::kernel::Workbench;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{Code, Shape};
use hengxin_standard::Catalogue;
use hengxin_store::{EvaluationRecord, Ledger, Options, Recorder, Results};
use hengxin_tests::differential::{cases, seed};
use hengxin_tests::district::{
    self, Record, answer_from, answer_of, batch, bench, delivery, fact_record, mark_facts, mark_records,
    place, registration_record, subject, withdrawal_record,
};
use hengxin_tests::random::convert::date;
use hengxin_tests::random::standard::Style;
use hengxin_tests::random::{Random, file};
use hengxin_tests::reference::{
    RefDelivery, RefDossier, RefFact, RefFile, RefRegistration, days_after, days_before,
};
use jiff::civil::Date;

const SUBJECTS: u64 = 6;
const STEPS: u64 = 60;

/// What a list of the records says now.
struct List {
    /// By subject, code and record number: the last version, with its marks.
    facts: BTreeMap<(String, String, String), RefFact>,
    withdrawn: BTreeMap<(String, String, String), Date>,
    registrations: BTreeMap<(String, Date), RefRegistration>,
    deliveries: Vec<RefDelivery>,
}

impl List {
    fn file(&self, uscc: &str) -> RefFile {
        let mut facts = Vec::new();
        for (key, fact) in self.facts.iter().filter(|((who, ..), _)| who == uscc) {
            let (_, code, number) = key;
            facts.extend(mark_facts(number, fact));
            match self.withdrawn.get(key) {
                Some(on) => facts.push(withdrawal_fact(code, number, *on)),
                None => facts.push(fact.clone()),
            }
        }
        let registrations = self.registrations.iter().filter(|((who, _), _)| who == uscc);
        RefFile {
            uscc: uscc.to_owned(),
            facts,
            registrations: registrations.map(|(_, r)| r.clone()).collect(),
            deliveries: self.deliveries.clone(),
        }
    }
}

fn withdrawal_fact(code: &str, number: &str, on: Date) -> RefFact {
    district::bare_fact("withdrawal", &[code, number], on, None)
}

/// A history on its way: the ledger, the list, and what has been answered.
struct History {
    catalogue: Catalogue,
    random: Random,
    base: Date,
    path: PathBuf,
    ledger: Option<Ledger>,
    list: List,
    next: u64,
    answers: BTreeSet<u64>,
    seed: u64,
}

impl History {
    fn new(seed: u64, folder: &std::path::Path) -> History {
        let catalogue = district::catalogue(seed, Style::Anything);
        let mut random = Random::new(seed);
        let base = file::as_of(&mut random);
        let path = folder.join(format!("{seed}.db"));
        let ledger = Ledger::create(&path, Arc::clone(&catalogue.vocabulary), Options::default());
        let list = List {
            facts: BTreeMap::new(),
            withdrawn: BTreeMap::new(),
            registrations: BTreeMap::new(),
            deliveries: Vec::new(),
        };
        let ledger = Some(ledger.expect("a new ledger"));
        History { catalogue, random, base, path, ledger, list, next: 0, answers: BTreeSet::new(), seed }
    }

    fn ledger(&self) -> &Ledger {
        self.ledger.as_ref().expect("open")
    }

    fn recorder(&self) -> Recorder {
        self.ledger().recorder().expect("a recorder")
    }

    /// Closes the file and opens it again.
    fn reopen(&mut self) {
        self.ledger = None;
        self.ledger = Some(Ledger::open(&self.path, Arc::clone(&self.catalogue.vocabulary)).expect("opened"));
    }

    fn somebody(&mut self) -> String {
        subject("91", self.random.bits() % SUBJECTS)
    }

    /// A fact with an odd number of parts, as the generator makes them, without marks.
    fn fact(&mut self, code: &Code) -> RefFact {
        let mut fact = file::fact(&mut self.random, code, 0, self.base);
        fact.ends_on = fact.ends_on.filter(|last| *last >= fact.occurred_on);
        fact.publicity_until = fact.publicity_until.filter(|last| *last >= fact.occurred_on);
        fact.repaired_on = None;
        fact.objections.clear();
        fact
    }

    /// One or a few changes, recorded together.
    fn step(&mut self) {
        let vocabulary = Arc::clone(&self.catalogue.vocabulary);
        let mut records: Vec<Record> = Vec::new();
        let mut touched = BTreeSet::new();
        for _ in 0..self.random.between(1, 4) {
            let uscc = self.somebody();
            let known: Vec<_> =
                self.list.facts.keys().filter(|key| !touched.contains(*key)).cloned().collect();
            let kind = self.random.between(1, 10);
            let old = (kind > 3 && kind < 9 && !known.is_empty()).then(|| self.random.pick(&known).clone());
            match (kind, old) {
                (9, _) => {
                    let mut made = file::file(&mut self.random, &vocabulary, &uscc, self.base).registrations;
                    let Some(registration) = made.pop() else { continue };
                    let key = (uscc.clone(), registration.occurred_on);
                    if touched.insert((uscc.clone(), "registration".to_owned(), key.1.to_string())) {
                        records.push(registration_record(&uscc, &registration));
                        self.list.registrations.insert(key, registration);
                    }
                }
                (10, _) => {
                    let made = file::file(&mut self.random, &vocabulary, &uscc, self.base).deliveries;
                    let deliveries: Vec<_> = made.iter().map(|d| delivery(&vocabulary, d)).collect();
                    self.recorder().deliver("test", &deliveries).expect("delivered");
                    self.list.deliveries.extend(made);
                }
                (_, None) => {
                    let codes: Vec<&Code> = vocabulary
                        .codes
                        .iter()
                        .filter(|c| matches!(c.shape, Shape::Event | Shape::Status | Shape::Measure))
                        .collect();
                    let code = *self.random.pick(&codes);
                    self.next += 1;
                    let number = format!("N{}", self.next);
                    let mut fact = self.fact(code);
                    fact.id = place(&code.id, &number);
                    records.push(fact_record(&vocabulary, &uscc, &number, &fact));
                    let key = (uscc, code.id.clone(), number);
                    touched.insert(key.clone());
                    self.list.facts.insert(key, fact);
                }
                (kind, Some(key)) => {
                    touched.insert(key.clone());
                    records.extend(self.change(kind, &key));
                }
            }
        }
        if records.is_empty() {
            return;
        }
        let report = self.recorder().append(&batch(&vocabulary, &records)).expect("recorded");
        assert_eq!(report.quarantined, 0, "seed {}: {records:?}", self.seed);
    }

    /// Changes a record that is known: correction, repair, objection or withdrawal.
    fn change(&mut self, kind: i64, key: &(String, String, String)) -> Vec<Record> {
        let vocabulary = Arc::clone(&self.catalogue.vocabulary);
        let (uscc, code, number) = key;
        let mut fact = self.list.facts[key].clone();
        let on = days_before(self.base, self.random.between(-20, 40));
        let records = match kind {
            4 | 5 => {
                let code = vocabulary.code(vocabulary.code_id(code).expect("a code"));
                let (id, repaired_on) = (fact.id, fact.repaired_on);
                let objections = std::mem::take(&mut fact.objections);
                fact = RefFact { id, repaired_on, objections, ..self.fact(code) };
                vec![fact_record(&vocabulary, uscc, number, &fact)]
            }
            6 => {
                fact.repaired_on = Some(on);
                let marks = mark_records(uscc, number, &fact);
                marks.into_iter().filter(|m| m.code == "repair").collect()
            }
            7 => {
                let until = self.random.chance(60).then(|| days_after(on, self.random.between(1, 60)));
                fact.objections.retain(|(from, _)| *from != on);
                fact.objections.push((on, until));
                let marks = mark_records(uscc, number, &fact);
                marks.into_iter().filter(|m| m.cells.get("since") == Some(&on.to_string())).collect()
            }
            _ => {
                self.list.withdrawn.insert(key.clone(), on);
                vec![withdrawal_record(uscc, code, number, on)]
            }
        };
        self.list.facts.insert(key.clone(), fact);
        records
    }

    /// Answers about somebody on some day, by what is known now, and files the answer.
    fn answer(&mut self) {
        let uscc = self.somebody();
        let day = days_after(self.base, *self.random.pick(&[0, 0, 1, -1, 20, -90, 300]));
        let Some((record, text)) = self.ask(&uscc, day) else { return };
        let dossier = RefDossier { file: self.list.file(&uscc), related: Vec::new() };
        let (mut classes, mut references) = (Classes::default(), HashMap::new());
        let vocabulary = &self.catalogue.vocabulary;
        let mut bench = bench(&self.catalogue, day);
        let expected = answer_of(&mut bench, vocabulary, &mut classes, &mut references, &dossier);
        assert_eq!(text, expected, "seed {}: {uscc} on {day}, as the list has it\n{dossier:?}", self.seed);
        let filed = self.recorder().record(&Results { evaluations: vec![record], tiers: Vec::new() });
        self.answers.extend(filed.expect("filed").evaluations);
    }

    /// The answer with its receipt; `None` when nobody knows the subject.
    fn ask(&self, uscc: &str, day: Date) -> Option<(EvaluationRecord, String)> {
        let snapshot = self.ledger().snapshot(None).expect("a snapshot");
        let who: Uscc = uscc.parse().expect("a code");
        let dossier = district::dossier(&snapshot, who)?;
        let text = answer_from(&mut bench(&self.catalogue, day), &dossier);
        let record = EvaluationRecord {
            subject: who,
            standard: "main".to_owned(),
            edition: "1".to_owned(),
            standard_digest: [0; 32],
            as_of: date(day),
            known_at: snapshot.known_at(),
            facts_digest: dossier.digest(),
            outcome: "graded".to_owned(),
            score: None,
            grade: None,
            horizon: None,
            body: text.clone().into_bytes(),
        };
        Some((record, text))
    }

    /// Every answer on file is given again from its receipt.
    fn replay(&self) {
        let filed = self.ledger().snapshot(None).expect("a snapshot");
        for id in &self.answers {
            let stored = filed.evaluation(*id).expect("readable").expect("on file").record;
            let then = self.ledger().snapshot(Some(stored.known_at)).expect("a snapshot");
            let dossier = district::dossier(&then, stored.subject).expect("known then");
            let edition = self.catalogue.pinned(&stored.standard, &stored.edition).expect("the edition");
            let mut bench = Workbench::new(self.catalogue.plan(edition, stored.as_of));
            let place = format!("seed {}: {} on {}, answer {id}", self.seed, stored.subject, stored.as_of);
            assert_eq!(then.known_at(), stored.known_at, "{place}");
            assert_eq!(answer_from(&mut bench, &dossier).into_bytes(), stored.body, "{place}");
            assert_eq!(dossier.digest(), stored.facts_digest, "{place}");
        }
    }
}

#[test]
fn every_answer_ever_given_is_given_again() {
    let (seed, histories) = (seed(), cases(12));
    let folder = std::env::temp_dir().join(format!("hengxin-replay-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    let mut answers = 0;
    for n in 0..histories {
        let mut history = History::new(seed.wrapping_add(n), &folder);
        for step in 0..STEPS {
            history.step();
            history.answer();
            history.answer();
            if step == STEPS / 2 {
                history.reopen();
                history.replay();
            }
        }
        history.reopen();
        history.replay();
        answers += history.answers.len();
    }
    std::fs::remove_dir_all(&folder).expect("removed");
    println!("{answers} answers given again");
    assert!(u64::try_from(answers).expect("few") > histories * STEPS / 2, "most questions have an answer");
}
