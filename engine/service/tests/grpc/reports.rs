//! Credit reports: what each of them shows to whom, and how it is checked.

use std::time::Duration;

use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;
use hengxin_proto::v1::report_service_client::ReportServiceClient;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tonic::Code;

use crate::papers::{Papers, asked, consent, granting, identified, supervising, supply};
use crate::rig::{FIELD, Rig, TODAY, code, fact, penalty, refusal, registration, repair, violation};

fn of(subject: Uscc, kind: v1::ReportKind, id: &str) -> v1::IssueReportRequest {
    v1::IssueReportRequest {
        enterprise: subject.to_string(),
        kind: kind.into(),
        request_id: id.to_owned(),
        ..v1::IssueReportRequest::default()
    }
}

fn public(subject: Uscc, id: &str) -> v1::IssueReportRequest {
    of(subject, v1::ReportKind::Public, id)
}

fn special(subject: Uscc, id: &str, from: &str) -> v1::IssueReportRequest {
    v1::IssueReportRequest { from: from.to_owned(), ..of(subject, v1::ReportKind::Special, id) }
}

impl Rig {
    async fn issued(&self, request: v1::IssueReportRequest) -> v1::Report {
        self.reports().issue_report(request).await.expect("issued").into_inner().report.expect("present")
    }
}

/// The titles of the records of a section.
#[track_caller]
fn titles<'r>(report: &'r v1::Report, section: &str) -> Vec<&'r str> {
    let section = report.sections.iter().find(|one| one.id == section).expect("the section");
    section.records.iter().map(|record| record.title.as_str()).collect()
}

/// The document numbers of a section's records.
#[track_caller]
fn numbers<'r>(report: &'r v1::Report, section: &str) -> Vec<&'r str> {
    let section = report.sections.iter().find(|one| one.id == section).expect("the section");
    let number = |record: &'r v1::ReportRecord| {
        record.fields.iter().find(|field| field.id == "document_number").map(|field| field.value.as_str())
    };
    section.records.iter().filter_map(number).collect()
}

fn with(mut input: v1::FactInput, field: &str, value: &str) -> v1::FactInput {
    input.fields.push(v1::FieldInput { id: field.to_owned(), value: value.to_owned() });
    input
}

fn listed(subject: Uscc, kind: &str, number: &str, on: &str, removed: &str) -> v1::FactInput {
    let mut input = fact(
        kind,
        &[
            ("subject_code", subject.as_str()),
            ("document_number", number),
            ("authority", "某局"),
            ("listed_on", on),
        ],
    );
    if kind == "serious-dishonesty-list" {
        input = with(input, "field", "tax");
    }
    if removed.is_empty() { input } else { with(input, "removed_on", removed) }
}

fn judgment(subject: Uscc, number: &str, on: &str) -> v1::FactInput {
    let fields = [
        ("subject_code", subject.as_str()),
        ("document_number", number),
        ("judged_on", on),
        ("kind", "criminal"),
    ];
    fact("judgment", &fields)
}

/// A file with something of many kinds.
fn file(subject: Uscc) -> Vec<v1::FactInput> {
    vec![
        identified(subject),
        with(penalty(subject, "tax 1", "2024-03-01"), "field", "tax"),
        with(penalty(subject, "env 1", "2025-03-01"), "field", "environment"),
        penalty(subject, "repaired 1", "2025-04-01"),
        repair(subject, "repaired 1", "2026-01-01"),
        with(penalty(subject, "over 1", "2023-05-01"), "public_until", "2026-06-29"),
        with(penalty(subject, "last day", "2023-05-01"), "public_until", TODAY),
        penalty(subject, "old 1", "2019-05-01"),
        listed(subject, "serious-dishonesty-list", "list 1", "2018-01-01", ""),
        listed(subject, "abnormal-operation", "list 2", "2018-01-01", "2020-01-01"),
        judgment(subject, "case 1", "2025-02-02"),
        fact(
            "official-grade",
            &[
                ("subject_code", subject.as_str()),
                ("document_number", "grade 1"),
                ("scheme", "tax"),
                ("grade", "a"),
                ("graded_on", "2026-01-01"),
            ],
        ),
    ]
}

async fn with_file(subject: Uscc) -> Rig {
    let rig = Rig::new().await;
    rig.submit("file", file(subject)).await.expect("a file");
    rig
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_report_has_the_national_sections_and_facts_alone() {
    let rig = with_file(code(1)).await;
    rig.delivered().await;
    let report = rig.issued(public(code(1), "a")).await;
    let found: Vec<&str> = report.sections.iter().map(|section| section.title.as_str()).collect();
    let national = [
        "一、登记注册基础信息",
        "二、行政管理信息",
        "三、诚实守信相关荣誉信息",
        "四、严重失信主体名单信息",
        "五、经营(活动)异常名录(状态)信息",
        "六、信用承诺信息",
        "七、信用评价信息",
        "八、司法判决及执行信息",
        "九、其他信息",
    ];
    assert_eq!(found, national);
    assert!(report.tiers.is_empty() && report.masked);
    assert_eq!(
        (report.number.as_str(), report.valid_until.as_str()),
        ("HX20260630-0000000001", "2026-07-30")
    );
    assert_eq!((report.display_name.as_str(), report.as_of.as_str()), ("甲公司", TODAY));
    assert_eq!(report.registration.as_ref().expect("registered").region, "330106");
    // Neither what is past its publicity nor what was repaired or removed; what is public through today is.
    assert_eq!(numbers(&report, "administration"), ["env 1", "tax 1", "last day", "old 1"]);
    assert_eq!(titles(&report, "serious-dishonesty"), ["严重失信主体名单"]);
    assert!(titles(&report, "abnormal-operation").is_empty());
    // A judgment is a limited fact, though this service shows everything to everybody.
    assert!(titles(&report, "judicial").is_empty());
    let section = |id: &str| report.sections.iter().find(|section| section.id == id).expect("the section");
    assert!(section("evaluations").withheld && !section("judicial").withheld);
    assert!(!section("abnormal-operation").not_delivered && section("honours").not_delivered);
    assert_eq!(section("honours").missing_registers, ["诚实守信相关荣誉信息"]);
    // Titles, not ids, and nobody's number, masked or not.
    let record = &section("administration").records[0];
    let value =
        |id: &str| record.fields.iter().find(|field| field.id == id).map(|field| field.value.as_str());
    // 1.5 as its title says, in units of ten thousand, though money is kept in yuan.
    assert_eq!((value("kinds"), value("fine")), (Some("罚款"), Some("1.5")));
    let registered = &section("registration").records[0];
    assert!(registered.fields.iter().all(|field| field.id != "representative_id"), "{registered:?}");
    let bytes = String::from_utf8_lossy(&report.encode_to_vec()).to_lowercase();
    for word in
        ["score", "grade", "tier", "test-field", "public-test", "id:", "11010519491231002x", "repaired 1"]
    {
        assert!(!bytes.contains(word), "{word}");
    }
    assert!(report.statements.iter().any(|text| text.contains("不对信用主体作出评分、评级")), "{report:?}");
    rig.engine.ledger().snapshot(None).unwrap().verify().expect("the report is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_report_of_an_earlier_day_brings_nothing_back() {
    let rig = Rig::new().await;
    let subject = code(1);
    rig.submit("first", vec![identified(subject), penalty(subject, "no 1", "2025-04-01")])
        .await
        .expect("recorded");
    let known_at = {
        let moment = rig.engine.watermark().0;
        prost_types::Timestamp {
            seconds: moment / 1_000_000,
            nanos: i32::try_from(moment % 1_000_000).unwrap() * 1000,
        }
    };
    let before = v1::IssueReportRequest {
        known_at: Some(known_at),
        as_of: "2025-12-31".to_owned(),
        ..public(subject, "a")
    };
    assert_eq!(numbers(&rig.issued(before.clone()).await, "administration"), ["no 1"]);
    rig.clock.advance(Duration::from_secs(1));
    let over = with(penalty(subject, "no 2", "2025-05-01"), "public_until", "2026-06-01");
    rig.submit("then", vec![repair(subject, "no 1", "2026-01-01"), over]).await.expect("recorded");
    let again = v1::IssueReportRequest { request_id: "b".to_owned(), ..before.clone() };
    let report = rig.issued(again).await;
    assert!(numbers(&report, "administration").is_empty() && report.registration.is_some(), "{report:?}");
    let earlier = v1::IssueReportRequest { known_at: None, request_id: "c".to_owned(), ..before };
    assert!(numbers(&rig.issued(earlier).await, "administration").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_report_gives_tiers_with_both_results_and_no_sections() {
    let rig = with_file(code(1)).await;
    rig.delivered().await;
    let report = rig.issued(of(code(1), v1::ReportKind::Evaluation, "a")).await;
    assert!(report.sections.is_empty() && !report.masked);
    let [decision] = report.tiers.as_slice() else { panic!("{:?}", report.tiers) };
    assert_eq!((decision.field.as_str(), decision.as_of.as_str()), (FIELD, TODAY));
    let result = decision.public_result.as_ref().expect("a result");
    assert!(result.explanation.is_some(), "view FULL");
    let question = v1::IssueReportRequest {
        fields: vec!["nothing".to_owned()],
        ..of(code(1), v1::ReportKind::Evaluation, "b")
    };
    let (message, _) = refusal(rig.reports().issue_report(question).await, Code::NotFound, "FIELD_NOT_FOUND");
    assert!(message.contains("nothing") && message.contains(FIELD), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_special_report_keeps_to_its_period_and_fields_and_marks_what_was_repaired() {
    let rig = with_file(code(1)).await;
    let report = rig.issued(special(code(1), "a", "2023-01-01")).await;
    let all = ["repaired 1", "env 1", "tax 1", "last day", "over 1"];
    assert_eq!(numbers(&report, "penalties").len(), all.len());
    assert!(all.iter().all(|number| numbers(&report, "penalties").contains(number)), "{report:?}");
    let repaired: Vec<&str> = report.sections[0]
        .records
        .iter()
        .map(|record| record.repaired_on.as_str())
        .filter(|d| !d.is_empty())
        .collect();
    assert_eq!(repaired, ["2026-01-01"]);
    // A list still in force counts, one that was left before the period does not.
    assert_eq!(titles(&report, "serious-dishonesty").len(), 1);
    assert!(titles(&report, "abnormal-operation").is_empty());
    assert_eq!(titles(&report, "judicial"), ["司法裁判"]);
    assert!(report.sections.iter().all(|section| section.id != "registration"));
    let tax =
        v1::IssueReportRequest { fields: vec!["tax".to_owned()], ..special(code(1), "b", "2023-01-01") };
    let report = rig.issued(tax).await;
    // What names no field is of every field.
    let mut found = numbers(&report, "penalties");
    found.sort_unstable();
    assert_eq!(found, ["last day", "over 1", "repaired 1", "tax 1"]);
    assert_eq!((titles(&report, "judicial").len(), report.from.as_str()), (1, "2023-01-01"));
    // As of the day before the repair it counted.
    let earlier =
        v1::IssueReportRequest { as_of: "2025-12-31".to_owned(), ..special(code(1), "c", "2025-03-15") };
    let report = rig.issued(earlier).await;
    assert_eq!(numbers(&report, "penalties"), ["repaired 1"]);
    assert!(report.sections[0].records[0].repaired_on.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reported_is_refused_with_what_was_expected() {
    let rig = with_file(code(1)).await;
    let check = async |request: v1::IssueReportRequest, field: &str, expected: &str| {
        let description = violation(rig.reports().issue_report(request).await, field);
        assert!(description.contains(expected), "{description}");
    };
    let future = v1::IssueReportRequest { as_of: "2026-07-01".to_owned(), ..public(code(1), "a") };
    check(future, "as_of", "no later than today, 2026-06-30").await;
    let long = "expected a day no earlier than 2021-06-30, five years before 2026-06-30";
    check(special(code(1), "a", "2021-06-29"), "from", long).await;
    check(special(code(1), "a", ""), "from", "the first day of the period").await;
    check(special(code(1), "a", "2026-07-01"), "from", "no later than today").await;
    let field =
        v1::IssueReportRequest { fields: vec!["taxes".to_owned()], ..special(code(1), "a", "2024-01-01") };
    check(field, "fields[0]", "found `taxes`, expected one of `market-regulation`, `tax`").await;
    check(
        v1::IssueReportRequest { from: "2024-01-01".to_owned(), ..public(code(1), "a") },
        "from",
        "expected none",
    )
    .await;
    check(
        v1::IssueReportRequest { fields: vec!["tax".to_owned()], ..public(code(1), "a") },
        "fields",
        "expected none",
    )
    .await;
    check(of(code(1), v1::ReportKind::Unspecified, "a"), "kind", "REPORT_KIND_SPECIAL").await;
    check(public(code(1), ""), "request_id", "found nothing").await;
    check(v1::IssueReportRequest { r#use: "x".repeat(201), ..public(code(1), "a") }, "use", "200 characters")
        .await;
    let nobody = rig.reports().issue_report(public(code(2), "a")).await;
    refusal(nobody, Code::NotFound, "ENTERPRISE_NOT_FOUND");
    rig.issued(special(code(1), "five", "2021-06-30")).await;
    let rendered = rig
        .reports()
        .render_report(v1::RenderReportRequest {
            number: "HX20260630-0000000001".to_owned(),
            verify_url: "javascript:alert(1)".to_owned(),
        })
        .await;
    assert!(violation(rendered, "verify_url").contains("http://"));
    let rendered =
        v1::RenderReportRequest { number: "HX20260630-0000000001".to_owned(), verify_url: String::new() };
    refusal(rig.reports().render_report(rendered).await, Code::FailedPrecondition, "NO_TYPESETTER_HERE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_sent_again_gives_the_same_report_and_one_that_differs_is_refused() {
    let rig = with_file(code(1)).await;
    let first = rig.issued(public(code(1), "a")).await;
    rig.submit("later", vec![penalty(code(1), "later", "2026-06-01")]).await.expect("recorded");
    rig.clock.advance(Duration::from_secs(86_400));
    let again = rig.issued(public(code(1), "a")).await;
    assert_eq!(again.encode_to_vec(), first.encode_to_vec());
    let other = v1::IssueReportRequest { r#use: "bidding".to_owned(), ..public(code(1), "a") };
    refusal(rig.reports().issue_report(other).await, Code::AlreadyExists, "REQUEST_ID_REUSED");
    let second = rig.issued(public(code(1), "b")).await;
    assert_eq!(second.number, "HX20260701-0000000002");
    assert_ne!(second.verification_code, first.verification_code);
    let get = v1::GetReportRequest { number: first.number.clone() };
    let kept = rig.reports().get_report(get).await.expect("kept").into_inner();
    let bytes = kept.report.expect("present").encode_to_vec();
    assert_eq!(bytes, first.encode_to_vec());
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    assert_eq!(kept.digest, hengxin_service::hex::hex(&digest));
    let list =
        |page_token: String| v1::ListReportsRequest { parent: code(1).to_string(), page_size: 1, page_token };
    let page = rig.reports().list_reports(list(String::new())).await.expect("a page").into_inner();
    assert_eq!(page.reports[0].number, second.number);
    let page = rig.reports().list_reports(list(page.next_page_token)).await.expect("a page").into_inner();
    assert_eq!((page.reports[0].number.as_str(), page.next_page_token.as_str()), (first.number.as_str(), ""));
    let none = v1::GetReportRequest { number: "HX20260630-0000000009".to_owned() };
    refusal(rig.reports().get_report(none).await, Code::NotFound, "REPORT_NOT_FOUND");
}

async fn verified(
    client: &mut ReportServiceClient<tonic::transport::Channel>,
    number: &str,
    code: &str,
) -> v1::VerifyReportResponse {
    let asked = v1::VerifyReportRequest { number: number.to_owned(), verification_code: code.to_owned() };
    client.verify_report(asked).await.expect("an answer").into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_number_and_code_learns_what_was_issued_and_nobody_else_anything() {
    let rig = with_file(code(1)).await;
    let (one, two) = (rig.issued(public(code(1), "a")).await, rig.issued(public(code(1), "b")).await);
    let mut client = rig.reports();
    let right =
        verified(&mut client, &one.number, &one.verification_code.to_lowercase().replace('-', " ")).await;
    assert_eq!((right.state(), right.kind()), (v1::ReportState::Valid, v1::ReportKind::Public));
    assert_eq!((right.enterprise.as_str(), right.display_name.as_str()), (code(1).as_str(), "甲公司"));
    let digest: [u8; 32] = Sha256::digest(one.encode_to_vec()).into();
    assert_eq!(right.digest, hengxin_service::hex::hex(&digest));
    let unknown = v1::VerifyReportResponse {
        state: v1::ReportState::Unknown.into(),
        ..v1::VerifyReportResponse::default()
    };
    for (number, code) in [
        (one.number.as_str(), two.verification_code.as_str()),
        ("HX20260630-0000000009", &one.verification_code),
        (&one.number, ""),
        ("", &one.verification_code),
        (&one.number, &one.verification_code[..18]),
        (&"9".repeat(10_000), &"9".repeat(10_000)),
    ] {
        assert_eq!(verified(&mut client, number, code).await, unknown, "{number} {code}");
    }
    // The last day counts, the day after does not: 2026-07-30 ends twelve hours after noon.
    rig.clock.advance(Duration::from_secs(30 * 86_400 + 11 * 3600));
    let last = verified(&mut client, &one.number, &one.verification_code).await;
    assert_eq!(last.state(), v1::ReportState::Valid);
    rig.clock.advance(Duration::from_secs(3600));
    let over = verified(&mut client, &one.number, &one.verification_code).await;
    assert_eq!((over.state(), over.valid_until.as_str()), (v1::ReportState::Expired, "2026-07-30"));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_rules_a_report_goes_to_whom_its_enterprise_and_contents_are_for_and_anybody_checks_it() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    let subject = code(1);
    let mut facts = file(subject);
    facts.push(consent(subject, "2026-01-01", ""));
    facts.push(registration(code(2), "乙公司", "330106", "C1411"));
    supply(&papers, &rig, "file", facts).await.expect("recorded");
    let client = |name: &str| ReportServiceClient::new(papers.machine(&rig, name));
    let (mut regulator, mut elsewhere, mut bank) = (client("regulator"), client("elsewhere"), client("bank"));
    // The same question for two purposes: all is seen in the cause of supervision, less for a report.
    let full =
        regulator.issue_report(supervising(special(subject, "a", "2023-01-01"))).await.expect("issued");
    let full = full.into_inner().report.expect("present");
    assert!(!full.masked && full.issued_for == "regulator's department", "{full:?}");
    let reporting = |request| asked(request, "credit-report", "statutory-duty");
    let less = regulator.issue_report(reporting(special(subject, "b", "2023-01-01"))).await.expect("issued");
    let less = less.into_inner().report.expect("present");
    assert!(less.masked && titles(&less, "judicial") == ["司法裁判"], "{less:?}");
    // What shows more than is seen for the purpose is not read for it, nor is it given again.
    let get = |number: &str| v1::GetReportRequest { number: number.to_owned() };
    refusal(
        regulator.get_report(asked(get(&full.number), "credit-report", "statutory-duty")).await,
        Code::PermissionDenied,
        "REPORT_SHOWS_MORE",
    );
    let again = regulator.issue_report(reporting(special(subject, "a", "2023-01-01"))).await;
    refusal(again, Code::PermissionDenied, "REPORT_SHOWS_MORE");
    regulator.get_report(supervising(get(&full.number))).await.expect("read");
    let evaluation = reporting(of(subject, v1::ReportKind::Evaluation, "c"));
    refusal(regulator.issue_report(evaluation).await, Code::PermissionDenied, "NOT_PERMITTED");
    regulator
        .issue_report(supervising(of(subject, v1::ReportKind::Evaluation, "d")))
        .await
        .expect("tiers are for supervision");
    // Nor does the id of one department's request open its answer to another.
    let other = bank.issue_report(granting(public(subject, "f0"))).await.expect("issued").into_inner();
    let same = regulator.issue_report(supervising(public(subject, "f0"))).await;
    refusal(same, Code::AlreadyExists, "REQUEST_ID_REUSED");
    assert_eq!(other.report.expect("present").issued_for, "bank's department");
    // A bank has the public report of an enterprise that consents, its own.
    let own = bank.issue_report(granting(public(subject, "e"))).await.expect("issued").into_inner();
    let own = own.report.expect("present");
    assert!(own.masked && titles(&own, "judicial").is_empty(), "{own:?}");
    bank.get_report(granting(get(&own.number))).await.expect("its own");
    let theirs =
        regulator.issue_report(supervising(public(subject, "f"))).await.expect("issued").into_inner();
    let theirs = theirs.report.expect("present");
    for refused in [
        bank.issue_report(granting(special(subject, "g", "2023-01-01"))).await.map(drop),
        bank.issue_report(granting(of(subject, v1::ReportKind::Evaluation, "h"))).await.map(drop),
        bank.issue_report(granting(public(code(2), "i"))).await.map(drop),
        bank.get_report(granting(get(&theirs.number))).await.map(drop),
        elsewhere.get_report(supervising(get(&theirs.number))).await.map(drop),
        elsewhere.issue_report(supervising(public(subject, "j"))).await.map(drop),
        // Whether there is such a report is not told either.
        elsewhere.get_report(supervising(get("HX20260630-0000000099"))).await.map(drop),
    ] {
        refusal(refused, Code::PermissionDenied, "NOT_PERMITTED");
    }
    // The trail names the enterprise, although the request named a number alone.
    let trail = rig.engine.ledger().snapshot(None).unwrap().audit(Some("elsewhere"), 0, 9).unwrap();
    assert_eq!(trail[0].call.subjects, subject.as_str());
    // Neither certificate nor token nor purpose.
    let mut anybody = ReportServiceClient::new(papers.channel(&rig, None));
    let answer = verified(&mut anybody, &own.number, &own.verification_code).await;
    assert_eq!((answer.state(), answer.enterprise.as_str()), (v1::ReportState::Valid, subject.as_str()));
    let mut refused = 0;
    for _ in 0..100 {
        let guess = v1::VerifyReportRequest { number: own.number.clone(), verification_code: "0".repeat(16) };
        match anybody.verify_report(guess).await {
            Ok(answer) => assert_eq!(answer.into_inner().state(), v1::ReportState::Unknown),
            Err(status) => {
                refusal::<()>(Err(status), Code::ResourceExhausted, "CALLER_LIMIT");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "strangers try as often as they like");
    // Whom the service knows is not held up by strangers.
    verified(&mut bank, &own.number, &own.verification_code).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_set_by_the_program_that_the_service_was_given() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("typesetter");
    std::fs::write(&program, "#!/bin/sh\nprintf '%s' \"%PDF-$1 \"; /bin/cat\n").expect("written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("set");
    let rig = Rig::with(|_, config| config.typesetter = Some(program)).await;
    rig.submit("file", file(code(1))).await.expect("a file");
    let report = rig.issued(public(code(1), "a")).await;
    let asked =
        v1::RenderReportRequest { number: report.number.clone(), verify_url: "https://a/v".to_owned() };
    let pdf = rig.reports().render_report(asked).await.expect("set").into_inner().pdf;
    assert_eq!(pdf, [b"%PDF---verify-url=https://a/v ", report.encode_to_vec().as_slice()].concat());
    let none =
        v1::RenderReportRequest { number: "HX20260630-0000000009".to_owned(), verify_url: String::new() };
    refusal(rig.reports().render_report(none).await, Code::NotFound, "REPORT_NOT_FOUND");
}
