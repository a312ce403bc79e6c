//! The shipped rules, held against what their comments say.

use std::path::Path;

use hengxin_core::vocabulary::Disclosure;
use hengxin_service::Access;
use hengxin_service::access::{Call, Caller, Resource};
use prost::Message as _;

use crate::papers::{HANGZHOU, Papers, SHIPPED};
use crate::rig::code;

/// What the shipped rules should say, written from their comments. `None`: refused.
fn expected(role: &str, call: &Call, own: bool, own_field: bool) -> bool {
    let (service, method) = call.action.split_once('.').unwrap();
    let enterprise = matches!(call.resource, Resource::Enterprise { .. });
    let consent = matches!(call.resource, Resource::Enterprise { consent: true, .. });
    let placed = enterprise && own;
    let receipt = method == "IssueTierReceipt";
    let sources = method == "SummarizeSources";
    let looks_up = service == "LedgerService" && method != "SubmitFacts" && !sources;
    let evaluates =
        service == "ScoringService" || method == "CompareStandards" || method == "IssueEvaluationReceipt";
    match (service, method) {
        ("StandardService", _) if !evaluates => return true,
        ("StandardService", "CompareStandards") if !enterprise => return true,
        ("LogService", _) if !receipt && !evaluates => return true,
        _ => {}
    }
    if method == "SummarizeSources" {
        return (role, call.purpose.as_str()) == ("operator", "operations");
    }
    if service == "ReportService" && method != "VerifyReport" {
        let evaluation = call.report == "evaluation";
        return match (role, call.purpose.as_str()) {
            ("regulator", "supervision") => placed && (!evaluation || own_field),
            ("regulator", "credit-report") => placed && !evaluation,
            ("bank", "credit-granting") => {
                consent && method != "ListReports" && call.report == "public" && call.own_report
            }
            _ => false,
        };
    }
    match (role, call.purpose.as_str()) {
        // All calls of this test name a field, so that a search is one for tiers.
        ("regulator", "supervision") if method == "SearchEnterprises" => placed && own_field,
        ("regulator", "credit-report") if method == "SearchEnterprises" => false,
        ("regulator", "supervision") if looks_up || evaluates => placed,
        ("regulator", "supervision") if service == "SupervisionService" || receipt => placed && own_field,
        ("regulator", "credit-report") => looks_up && placed,
        ("bank", "credit-granting") => {
            consent && ["GetEnterprise", "ListFacts", "Evaluate"].contains(&method)
        }
        ("supplier", "record-keeping") => method == "SubmitFacts" && placed,
        ("operator", "operations") => service == "RescoringService" || sources,
        ("modeller", "joint-modelling") => service == "ModelService",
        _ => false,
    }
}

/// Kinds of report a call can be about, and whether it was issued for the caller's department.
fn reports(action: &str) -> impl Iterator<Item = (&'static str, bool)> {
    let kinds = ["", "public", "evaluation", "special"];
    let some = if action.starts_with("ReportService.") { kinds.len() } else { 1 };
    kinds
        .into_iter()
        .take(some)
        .flat_map(move |kind| [false, true].into_iter().take(some.min(2)).map(move |own| (kind, own)))
}

/// R10: every method × role × own or other region × field × consent × purpose, against the comments of the rules.
#[test]
fn the_shipped_rules_permit_what_they_say_and_nothing_else() {
    let papers = Papers::new();
    let access = Access::ruled(&papers.rules()).unwrap();
    let set = prost_types::FileDescriptorSet::decode(hengxin_proto::FILE_DESCRIPTOR_SET).unwrap();
    let ours = set.file.iter().filter(|file| file.package() == "hengxin.v1").flat_map(|file| &file.service);
    let actions: Vec<&'static str> = ours
        .flat_map(|service| {
            service.method.iter().map(|method| format!("{}.{}", service.name(), method.name()))
        })
        .map(|action| &*action.leak())
        .collect();
    assert!(actions.len() > 40, "{}", actions.len());
    let purposes: Vec<serde_json::Value> =
        serde_json::from_str(&std::fs::read_to_string(Path::new(SHIPPED).join("purposes.json")).unwrap())
            .unwrap();
    let mut decided = 0;
    for role in ["regulator", "bank", "supplier", "operator", "modeller", "auditor", "nobody"] {
        for action in &actions {
            for (own, own_field, consent, enterprise) in
                (0..16u8).map(|bits| (bits & 1 > 0, bits & 2 > 0, bits & 4 > 0, bits & 8 > 0))
            {
                for (purpose, (report, own_report)) in
                    purposes.iter().flat_map(|p| reports(action).map(move |r| (p, r)))
                {
                    let caller = Caller {
                        name: "one".to_owned(),
                        department: "some".to_owned(),
                        roles: vec![role.to_owned()],
                        fields: vec!["environment".to_owned()],
                        regions: vec!["330000".to_owned()],
                        calls_per_second: None,
                        exported_rows_per_day: None,
                    };
                    let region = if own { HANGZHOU } else { "440106" };
                    let resource = if enterprise {
                        let (code, region) = (code(1).to_string(), Some(region.to_owned()));
                        Resource::Enterprise { code, region, consent }
                    } else {
                        Resource::Service
                    };
                    let call = Call {
                        action,
                        purpose: purpose["id"].as_str().unwrap().to_owned(),
                        basis: purpose["bases"][0].as_str().unwrap().to_owned(),
                        field: if own_field { "environment" } else { "tax" }.to_owned(),
                        report,
                        own_report,
                        resource,
                    };
                    let found = access.decide(&caller, &call);
                    assert_eq!(
                        found.is_ok(),
                        expected(role, &call, own, own_field),
                        "{role} {call:?}: {found:?}"
                    );
                    if let Ok(permission) = found {
                        let limited = role == "regulator" && enterprise && own;
                        let sight = if limited { Disclosure::Limited } else { Disclosure::Public };
                        assert_eq!(permission.sight, sight, "{role} {call:?}");
                    }
                    decided += 1;
                }
            }
        }
    }
    println!("{decided} decisions");
}
