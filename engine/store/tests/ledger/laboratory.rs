//! The laboratory: an order has one effect, a model is approved by two others, a budget holds, every number is logged.

use std::time::Duration;

use hengxin_store::{
    Error, FigureRecord, Finished, HistoryFile, LaboratoryBook, LaboratoryError, Ledger, LockWatch, ModelAct,
    ModelState, NewHistory, NewModel, NewStudy, RequestKey, StudyKind, StudyState, Wanted,
};

use crate::support::{Folder, fresh};

fn history(name: &str, budget: u64) -> NewHistory {
    NewHistory {
        name: name.to_owned(),
        files: vec![HistoryFile { path: "/data/loans.parquet".to_owned(), sha256: "ab".repeat(32) }],
        description: Some(r#"{"target": {"column": "bad", "default": 1}}"#.to_owned()),
        request: "{}".to_owned(),
        rows_min: 30,
        events_min: 5,
        budget,
        person: "keeper".to_owned(),
    }
}

fn training(model: &str, edition: &str, person: &str) -> NewStudy {
    NewStudy {
        kind: StudyKind::Training,
        history: "loans".to_owned(),
        model: None,
        challenger: None,
        plan: Some(("{}".to_owned(), model.to_owned(), edition.to_owned())),
        person: person.to_owned(),
    }
}

fn on_model(kind: StudyKind, model: &str, person: &str) -> NewStudy {
    NewStudy { kind, model: Some(model.to_owned()), plan: None, ..training("", "", person) }
}

fn request(id: &str) -> RequestKey {
    RequestKey { id: id.to_owned(), method: "StartStudy".to_owned(), digest: [7; 32] }
}

fn figure(name: &str, column: &str, value: Option<&str>) -> FigureRecord {
    let rows = if value.is_some() { 300 } else { 0 };
    FigureRecord {
        name: name.to_owned(),
        column: column.to_owned(),
        value: value.map(ToOwned::to_owned),
        rows,
        defaults: rows / 10,
    }
}

fn done(model: Option<(&str, &str)>, passed: bool) -> Finished {
    Finished {
        model: model.map(|(model, edition)| NewModel {
            model: model.to_owned(),
            edition: edition.to_owned(),
            title: "Loans".to_owned(),
            digest: [9; 32],
            folder: "/models/1".to_owned(),
        }),
        figures: vec![
            figure("held.auc", "", Some("0.79")),
            figure("features.age.csi", "age", Some("0.01")),
            figure("features.age.bins.below 25.points", "age", None),
            figure("features.size.csi", "size", Some("0.02")),
        ],
        passed,
        detail: String::new(),
    }
}

/// Orders, claims and finishes a study; its number.
fn studied(book: &mut LaboratoryBook, new: &NewStudy, id: &str, done: &Finished) -> u64 {
    book.order(new, &request(id)).expect("an order");
    let claim = book.claim("me").expect("the book").expect("a study that waits");
    book.finish(&claim, done).expect("finished").id
}

fn laboratory(budget: u64) -> (Folder, Ledger, LaboratoryBook) {
    let (folder, ledger) = fresh();
    let mut book = ledger.laboratory_book().expect("a book");
    book.register(&history("loans", budget)).expect("registered");
    (folder, ledger, book)
}

/// A row in every table of the laboratory.
pub(crate) fn one_of_everything(ledger: &Ledger) {
    let mut book = ledger.laboratory_book().expect("a book");
    book.register(&history("loans", 5)).expect("registered");
    let made = done(Some(("loans", "2026.1")), true);
    let study = studied(&mut book, &training("loans", "2026.1", "wang"), "a", &made);
    book.release(study, &Wanted::All, "wang").expect("released");
    // Models name studies, and studies models.
    let again = on_model(StudyKind::Validation, "loans/editions/2026.1", "wang");
    studied(&mut book, &again, "b", &done(None, true));
}

#[track_caller]
fn refused<T: std::fmt::Debug>(found: Result<T, Error>) -> LaboratoryError {
    match found {
        Err(Error::Laboratory(refused)) => refused,
        other => panic!("expected a refusal of the laboratory, found {other:?}"),
    }
}

#[test]
fn a_history_is_registered_once_and_never_says_something_else() {
    let (_folder, ledger, mut book) = laboratory(5);
    let again = book.register(&history("loans", 5)).expect("the very same");
    assert_eq!(again.files, history("loans", 5).files);
    // Looser rules for the same rows would undo the ones that numbers left under.
    let looser = NewHistory { rows_min: 1, ..history("loans", 5) };
    assert!(matches!(refused(book.register(&looser)), LaboratoryError::HistoryExists { .. }));
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    assert_eq!(snapshot.histories_of_laboratory("", 10).expect("a list").len(), 1);
    assert_eq!(snapshot.history_of_laboratory("loans").expect("read").expect("there").rows_min, 30);
}

#[test]
fn the_same_request_orders_one_study_and_an_edition_is_made_once() {
    let (_folder, _ledger, mut book) = laboratory(5);
    let first = book.order(&training("loans", "2026.1", "wang"), &request("a")).expect("an order");
    let again = book.order(&training("loans", "2026.1", "wang"), &request("a")).expect("the same");
    assert_eq!((first.id, first.state), (again.id, StudyState::Queued));
    let other = RequestKey { digest: [8; 32], ..request("a") };
    assert!(matches!(
        book.order(&training("loans", "2026.2", "wang"), &other),
        Err(Error::RequestReused { .. })
    ));
    // Two trainings of one edition may wait; only the first makes it.
    book.order(&training("loans", "2026.1", "li"), &request("b")).expect("an order");
    let claim = book.claim("me").expect("the book").expect("the first");
    assert_eq!(claim.study.id, first.id);
    let made = book.finish(&claim, &done(Some(("loans", "2026.1")), true)).expect("finished");
    assert_eq!(made.model.as_deref(), Some("loans/editions/2026.1"));
    let second = book.claim("me").expect("the book").expect("the second");
    let refusal = refused(book.finish(&second, &done(Some(("loans", "2026.1")), true)));
    assert!(matches!(refusal, LaboratoryError::ModelExists { .. }));
    assert_eq!(book.fail(&second, &refusal.to_string()).expect("ended").state, StudyState::Failed);
    let refusal = refused(book.order(&training("loans", "2026.1", "wang"), &request("c")));
    assert!(refusal.to_string().contains("what a model says never changes"), "{refusal}");
    assert_eq!(book.claim("me").expect("the book"), None);
}

#[test]
fn a_model_is_approved_by_two_people_who_did_not_train_it() {
    let (_folder, ledger, mut book) = laboratory(9);
    studied(&mut book, &training("loans", "2026.1", "wang"), "a", &done(Some(("loans", "2026.1")), false));
    let name = "loans/editions/2026.1";
    let state = |ledger: &Ledger| {
        let model = ledger.snapshot(None).expect("a snapshot").model(name).expect("read").expect("there");
        model.state()
    };
    assert_eq!(state(&ledger), ModelState::Draft, "its limits were not kept");
    let refusal = refused(book.approve(name, "li", ""));
    assert_eq!(
        refusal.to_string(),
        "model `loans/editions/2026.1` is draft, expected one that is validated and not yet approved"
    );
    // A monitoring that keeps its limits validates nothing.
    studied(&mut book, &on_model(StudyKind::Monitoring, name, "wang"), "m", &done(None, true));
    assert_eq!(state(&ledger), ModelState::Draft);
    studied(&mut book, &on_model(StudyKind::Validation, name, "wang"), "v", &done(None, true));
    assert_eq!(state(&ledger), ModelState::Validated);
    assert!(matches!(refused(book.approve(name, "wang", "")), LaboratoryError::SamePerson { .. }));
    assert_eq!(book.approve(name, "li", "looks right").expect("approved").state(), ModelState::Validated);
    assert!(matches!(refused(book.approve(name, "li", "again")), LaboratoryError::SamePerson { .. }));
    let approved = book.approve(name, "zhao", "").expect("approved");
    assert_eq!((approved.state(), approved.approvers()), (ModelState::Approved, vec!["li", "zhao"]));
    assert!(matches!(refused(book.approve(name, "sun", "")), LaboratoryError::State { .. }));
    assert_eq!(book.retire(name, "sun", "a new edition").expect("retired").state(), ModelState::Retired);
    assert!(matches!(refused(book.retire(name, "sun", "")), LaboratoryError::State { .. }));
    assert!(matches!(refused(book.approve(name, "qian", "")), LaboratoryError::State { .. }));
    let acts: Vec<ModelAct> = ledger
        .snapshot(None)
        .expect("a snapshot")
        .model(name)
        .expect("read")
        .expect("there")
        .events
        .iter()
        .map(|event| event.act)
        .collect();
    assert_eq!(
        acts,
        [ModelAct::Trained, ModelAct::Validated, ModelAct::Approved, ModelAct::Approved, ModelAct::Retired]
    );
    assert!(matches!(refused(book.retire("no/editions/1", "sun", "")), LaboratoryError::UnknownModel { .. }));
}

#[test]
fn models_are_compared_only_on_rows_that_neither_learned_from() {
    let (_folder, _ledger, mut book) = laboratory(5);
    for edition in ["1", "2"] {
        let new = training("loans", edition, "wang");
        studied(&mut book, &new, edition, &done(Some(("loans", edition)), true));
    }
    let contest = NewStudy {
        challenger: Some("loans/editions/2".to_owned()),
        ..on_model(StudyKind::Comparison, "loans/editions/1", "wang")
    };
    assert!(matches!(refused(book.order(&contest, &request("x"))), LaboratoryError::LearnedFrom { .. }));
    // The same file under another name is the same rows.
    book.register(&history("again", 5)).expect("registered");
    let again = NewStudy { history: "again".to_owned(), ..contest.clone() };
    assert!(matches!(refused(book.order(&again, &request("x"))), LaboratoryError::LearnedFrom { .. }));
    let file = HistoryFile { path: "/data/new.parquet".to_owned(), sha256: "cd".repeat(32) };
    book.register(&NewHistory { files: vec![file], ..history("fresh", 5) }).expect("registered");
    let contest = NewStudy { history: "fresh".to_owned(), ..contest };
    let study = book.order(&contest, &request("x")).expect("an order");
    assert_eq!(study.challenger.as_deref(), Some("loans/editions/2"));
    // Where outcomes are not known nothing can be learned or measured, only watched.
    book.register(&NewHistory { description: None, ..history("new", 5) }).expect("registered");
    let blind = NewStudy { history: "new".to_owned(), ..contest };
    assert!(matches!(refused(book.order(&blind, &request("y"))), LaboratoryError::NoOutcomes { .. }));
    let watched =
        NewStudy { history: "new".to_owned(), ..on_model(StudyKind::Monitoring, "loans/editions/1", "wang") };
    book.order(&watched, &request("z")).expect("an order");
}

#[test]
fn numbers_leave_within_a_budget_and_each_is_logged() {
    let (_folder, ledger, mut book) = laboratory(2);
    let first = studied(&mut book, &training("loans", "1", "wang"), "1", &done(Some(("loans", "1")), true));
    let age = Wanted::Columns(vec!["age".to_owned()]);
    let out = book.release(first, &age, "wang").expect("released");
    let names: Vec<&str> = out.figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(names, ["held.auc", "features.age.csi", "features.age.bins.below 25.points"]);
    assert_eq!(out.left, [(String::new(), 1), ("age".to_owned(), 1)]);
    // The same numbers again cost nothing, and are logged again.
    assert_eq!(book.release(first, &age, "li").expect("released").left, out.left);
    let log = ledger.snapshot(None).expect("a snapshot").releases(None, None, 100).expect("the log");
    let told: Vec<(&str, &str)> =
        log.iter().rev().map(|r| (r.person.as_str(), r.figure.name.as_str())).collect();
    assert_eq!(
        told,
        [("wang", "held.auc"), ("wang", "features.age.csi"), ("li", "held.auc"), ("li", "features.age.csi")]
    );
    assert!(log.iter().all(|release| release.figure.value.is_some()), "what is withheld does not leave");
    let second = studied(&mut book, &training("loans", "2", "wang"), "2", &done(Some(("loans", "2")), true));
    assert_eq!(book.release(second, &age, "wang").expect("released").left[1], ("age".to_owned(), 0));
    let third = studied(&mut book, &training("loans", "3", "wang"), "3", &done(Some(("loans", "3")), true));
    let refusal = refused(book.release(third, &Wanted::All, "wang"));
    assert!(matches!(&refusal, LaboratoryError::BudgetSpent { spent: 2, budget: 2, .. }), "{refusal}");
    let after =
        ledger.snapshot(None).expect("a snapshot").releases(Some("loans"), None, 100).expect("the log");
    assert_eq!(after.len(), 6, "nothing of a refused release is logged");
    // A study that has told may go on telling.
    book.release(first, &age, "wang").expect("released");
    let unknown = Wanted::Columns(vec!["agee".to_owned()]);
    assert!(matches!(refused(book.release(first, &unknown, "li")), LaboratoryError::UnknownColumn { .. }));
    // A card may leave whole or not at all.
    let small = refused(book.release(first, &Wanted::Points, "li"));
    assert!(small.to_string().contains("`features.age.bins.below 25`"), "{small}");
    book.order(&training("loans", "4", "wang"), &request("4")).expect("an order");
    assert!(matches!(refused(book.release(4, &age, "li")), LaboratoryError::NoFigures { .. }));
    assert!(matches!(refused(book.release(9, &age, "li")), LaboratoryError::UnknownStudy { .. }));
}

#[test]
fn a_study_whose_holder_is_gone_is_begun_again_and_not_for_ever() {
    let (_folder, ledger, mut book) = laboratory(2);
    book.order(&training("loans", "1", "wang"), &request("1")).expect("an order");
    let mut watch = LockWatch::default();
    let mut steady = Duration::ZERO;
    for attempt in 1..=3 {
        let claim = book.claim(&format!("holder {attempt}")).expect("the book").expect("it waits");
        assert_eq!(claim.study.attempts, attempt);
        book.beat(&claim, "binning").expect("held");
        let mut stale = |seconds: u64| {
            steady += Duration::from_secs(seconds);
            let locks = ledger.snapshot(None).expect("a snapshot").study_locks().expect("locks");
            watch.stale(locks, steady, Duration::from_secs(30))
        };
        assert_eq!(stale(0), []);
        let seen = stale(31);
        assert_eq!(seen.len(), 1);
        if attempt == 1 {
            // It beats after all: what was seen is no longer so.
            book.beat(&claim, "fitting").expect("held");
            assert_eq!(book.take_over(&seen[0]).expect("the book"), None);
            assert_eq!(stale(0), []);
            let seen = stale(31);
            let taken = book.take_over(&seen[0]).expect("the book").expect("taken");
            assert_eq!(taken.state, StudyState::Queued);
        } else {
            book.take_over(&seen[0]).expect("the book").expect("taken");
        }
        // Whoever was taken for dead must not end it.
        let late = refused(book.finish(&claim, &done(Some(("loans", "1")), true)));
        assert!(matches!(late, LaboratoryError::NotHeld { .. }));
    }
    let study = ledger.snapshot(None).expect("a snapshot").study(1).expect("read").expect("there");
    assert_eq!((study.state, study.attempts), (StudyState::Failed, 3));
    assert_eq!(book.claim("last").expect("the book"), None);
}
