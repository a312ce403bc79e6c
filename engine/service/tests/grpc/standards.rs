//! Standards: listed, read byte for byte, checked with all faults at once, compared.

use hengxin_proto::v1;
use sha2::{Digest as _, Sha256};
use tonic::Code;

use crate::rig::{Rig, code, penalty, refusal, violation, violations};
use crate::traces::eventful;

const TEXT: &str = include_str!("standards/public-2026.yaml");

#[tokio::test(flavor = "multi_thread")]
async fn editions_are_listed_by_standard_and_date_in_pages() {
    let rig = Rig::new().await;
    let list = |standard: &str, as_of: &str, size: i32, token: &str| v1::ListStandardsRequest {
        standard: standard.to_owned(),
        as_of: as_of.to_owned(),
        page_size: size,
        page_token: token.to_owned(),
    };
    let names = |answer: &v1::ListStandardsResponse| -> Vec<String> {
        let references = answer.standards.iter().map(|standard| standard.reference.as_ref().unwrap());
        references.map(|reference| format!("{} {}", reference.id, reference.edition)).collect()
    };
    for (asked, expected) in [
        (list("", "", 0, ""), vec!["industry-test 2026.1", "public-test 2024.1", "public-test 2026.1"]),
        (list("public-test", "", 0, ""), vec!["public-test 2024.1", "public-test 2026.1"]),
        (list("", "2025-12-31", 0, ""), vec!["public-test 2024.1"]),
        (list("standards/public-test", "2026-01-01", 0, ""), vec!["public-test 2026.1"]),
    ] {
        let answer = rig.standards().list_standards(asked).await.unwrap().into_inner();
        assert_eq!(names(&answer), expected);
        assert_eq!(answer.next_page_token, "");
    }
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = rig.standards().list_standards(list("", "", 2, &token)).await.unwrap().into_inner();
        seen.extend(names(&page));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["industry-test 2026.1", "public-test 2024.1", "public-test 2026.1"]);
    let answer = rig.standards().list_standards(list("nobody", "", 0, "")).await;
    refusal(answer, Code::NotFound, "STANDARD_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edition_is_read_byte_for_byte_under_its_digest() {
    let rig = Rig::new().await;
    let get =
        |name: &str, as_of: &str| v1::GetStandardRequest { name: name.to_owned(), as_of: as_of.to_owned() };
    let found = rig.standards().get_standard(get("standards/public-test", "")).await.unwrap().into_inner();
    assert_eq!(found.text, TEXT);
    let standard = found.standard.unwrap();
    let digest: String = Sha256::digest(TEXT).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(standard.file_digest, digest);
    assert_eq!((standard.effective_from.as_str(), standard.effective_to.as_str()), ("2026-01-01", ""));
    assert!(standard.scored);
    let grades: Vec<_> = standard.grades.iter().map(|grade| grade.grade.as_str()).collect();
    assert_eq!(grades, ["A", "B", "C"]);
    // Beside the text what it says, for a page.
    let lines = |kind: v1::OutlineKind| -> Vec<&str> {
        found.outline.iter().filter(|line| line.kind() == kind).map(|line| line.id.as_str()).collect()
    };
    assert_eq!(lines(v1::OutlineKind::Grade), grades);
    let indicator = found.outline.iter().find(|line| line.kind() == v1::OutlineKind::Indicator).unwrap();
    assert!(indicator.depth > 0 && indicator.source.is_some(), "{indicator:?}");
    for key in ["reading/", "rule/", "unknown"] {
        assert!(indicator.details.iter().any(|d| d.path.starts_with(key) && !d.value.is_empty()), "{key}");
    }
    let pinned =
        rig.standards().get_standard(get("standards/public-test/editions/2024.1", "")).await.unwrap();
    assert_eq!(pinned.into_inner().standard.unwrap().effective_to, "2025-12-31");
    let then = rig.standards().get_standard(get("public-test", "2025-01-01")).await.unwrap().into_inner();
    assert_eq!(then.standard.unwrap().reference.unwrap().edition, "2024.1");
    let answer = rig.standards().get_standard(get("public-test", "2023-12-31")).await;
    refusal(answer, Code::FailedPrecondition, "STANDARD_NOT_YET_IN_FORCE");
    for name in ["", "standards/", "standards/a/b", "standards/a/editions/b/c", "a/b"] {
        violation(rig.standards().get_standard(get(name, "")).await, "name");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_of_a_text_are_told_at_once_with_their_places() {
    let rig = Rig::new().await;
    let check = async |text: String| {
        let asked = v1::CheckStandardRequest { text };
        rig.standards().check_standard(asked).await.unwrap().into_inner()
    };
    let sound = check(TEXT.to_owned()).await;
    assert!(sound.acceptable && sound.faults.is_empty(), "{:?}", sound.faults);
    let wrong = TEXT
        .replace("count: abnormal-operation", "count: abnormal-operatoin")
        .replace("grade: B, title: 良, from: 50", "grade: B, title: 良, from: 60")
        .replace("{years: 2}", "{years: 2e0}");
    let faulty = check(wrong.clone()).await;
    assert!(!faulty.acceptable);
    assert!(faulty.faults.len() >= 3, "{:?}", faulty.faults);
    let mut places: Vec<_> = faulty.faults.iter().map(|fault| (fault.line, fault.column)).collect();
    assert!(places.is_sorted());
    places.dedup();
    for fault in &faulty.faults {
        let line = wrong.lines().nth(usize::try_from(fault.line).unwrap() - 1).unwrap();
        assert_eq!(fault.excerpt, line);
        assert!(
            !fault.check.is_empty() && !fault.found.is_empty() && !fault.expected.is_empty(),
            "{fault:?}"
        );
    }
    assert!(faulty.faults.iter().any(|fault| fault.check == "bands-gap"), "{:?}", faulty.faults);
    assert_ne!(sound.digest, faulty.digest);
    // Nothing of it was published.
    let listed = rig.standards().list_standards(v1::ListStandardsRequest::default()).await.unwrap();
    assert_eq!(listed.into_inner().standards.len(), 3);
    for text in ["", "  \n", "\t", "[[[[", "a: b", "- 1", "policy: x", "standard: ~"] {
        assert!(!check(text.to_owned()).await.faults.is_empty(), "{text:?}");
    }
    assert!(!check("[".repeat(1 << 20)).await.acceptable, "deep nesting ends in a fault, not in a crash");
    let asked = v1::CheckStandardRequest { text: "x".repeat((1 << 20) + 1) };
    assert!(violation(rig.standards().check_standard(asked).await, "text").contains("at most 1048576"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_editions_are_compared_in_their_text_and_in_what_they_mean() {
    let rig = Rig::new().await;
    rig.registered(&[code(1), code(2)]).await;
    let penalties = (0..3).map(|n| penalty(code(2), &format!("罚{n}号"), "2026-01-10")).collect();
    rig.submit("facts", penalties).await.unwrap();
    let asked = |enterprises: Vec<String>| v1::CompareStandardsRequest {
        base: "standards/public-test/editions/2024.1".to_owned(),
        other: "standards/public-test/editions/2026.1".to_owned(),
        enterprises,
        ..Default::default()
    };
    let texts = rig.standards().compare_standards(asked(vec![])).await.unwrap().into_inner();
    assert_eq!((texts.basis, texts.comparisons.len()), (None, 0));
    let show = |path: &str| {
        let found = texts.differences.iter().find(|difference| difference.path == path);
        found.map(|difference| (difference.before.as_str(), difference.after.as_str()))
    };
    assert_eq!(show("edition"), Some(("2024.1", "2026.1")));
    assert_eq!(show("effective/to"), Some(("2025-12-31", "")));
    assert_eq!(show("dimensions/conduct/max"), Some(("", "70")));
    assert_eq!(show("authority"), None);
    let many = vec![code(1).to_string(), code(2).to_string(), code(3).to_string(), "x".to_owned()];
    let answer = rig.standards().compare_standards(asked(many)).await.unwrap().into_inner();
    let shown: Vec<_> = answer
        .comparisons
        .iter()
        .map(|row| match &row.error {
            Some(error) => error.reason.clone(),
            None => {
                let points = |points: &Option<v1::Points>| points.clone().unwrap().decimal;
                format!("{} {}", points(&row.base_score), points(&row.other_score))
            }
        })
        .collect();
    // By the earlier one 100 − 20 a penalty; by the later one 60 − 12.5 a penalty, 20 for lists, 18 for age.
    assert_eq!(shown, ["100 88", "40 60.5", "ENTERPRISE_NOT_FOUND", "INVALID_REQUEST"]);
    let moves: Vec<_> = answer.migrations.iter().map(|m| (m.from.as_str(), m.to.as_str(), m.count)).collect();
    assert_eq!(moves, [("A", "A", 1), ("C", "B", 1)]);
    let mut unpinned = asked(vec![]);
    unpinned.base = "standards/public-test".to_owned();
    violation(rig.standards().compare_standards(unpinned).await, "base");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_tried_beside_the_edition_in_force() {
    let rig = Rig::new().await;
    let subject = eventful(&rig).await;
    let draft = include_str!("standards/public-2026.yaml").replace("points: -12.5", "points: -1");
    let simulate = |draft: &str| v1::SimulateEvaluationRequest {
        enterprise: subject.to_string(),
        draft: draft.to_owned(),
        ..Default::default()
    };
    let ask = async |request| rig.scoring().simulate_evaluation(request).await;
    let answer = ask(simulate(&draft)).await.unwrap().into_inner();
    let (simulated, actual) = (answer.simulated.unwrap(), answer.actual.unwrap());
    assert_eq!(actual.score, rig.evaluated(subject).await.score);
    assert_ne!(simulated.score, actual.score);
    assert_ne!(simulated.standard.unwrap().digest, actual.standard.unwrap().digest);
    // Of a standard that does not exist yet there is nothing to hold it against.
    let new = draft.replace("standard: public-test", "standard: brand-new");
    let answer = ask(simulate(&new)).await.unwrap().into_inner();
    assert_eq!((answer.simulated.unwrap().score, answer.actual), (simulated.score, None));
    // All faults at once.
    let faulty = draft
        .replace("floor: 0}}", "flor: 0}}")
        .replace("take: score", "")
        .replace("exactly: C", "exactly: Z");
    let (_, details) = refusal(ask(simulate(&faulty)).await, Code::InvalidArgument, "INVALID_REQUEST");
    let found = violations(&details);
    assert!(found.len() >= 3 && found.iter().all(|(field, _)| field == "draft"), "{found:#?}");
    assert!(
        found.iter().any(|(_, text)| text.starts_with("found `Z`, expected ") && text.contains("(line ")),
        "{found:#?}"
    );
    let beside = v1::SimulateEvaluationRequest {
        standard: "public-test".to_owned(),
        edition: "2026.1".to_owned(),
        ..simulate(&draft)
    };
    let (_, details) = refusal(ask(beside).await, Code::InvalidArgument, "INVALID_REQUEST");
    let fields: Vec<String> = violations(&details).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["standard", "edition"]);
    violation(ask(simulate(include_str!("standards/policy-2026.yaml"))).await, "draft");
    violation(ask(simulate(&" ".repeat((1 << 20) + 1))).await, "draft");
    violation(ask(simulate("")).await, "standard");
}
