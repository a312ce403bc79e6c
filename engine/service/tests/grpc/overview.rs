//! How many are in which tier.

use std::sync::Arc;

use hengxin_proto::v1;
use hengxin_service::record_tiers;
use tonic::Code;

use crate::answers::serious;
use crate::rig::{FIELD, Rig, code, refusal, registration, violations};
use crate::runs::{Fake, ask, once, rig as rig_with, set};

fn asked(region: &str, industry: &str, basis: v1::TierBasis) -> v1::SummarizeTiersRequest {
    v1::SummarizeTiersRequest {
        field: FIELD.to_owned(),
        region: region.to_owned(),
        industry: industry.to_owned(),
        basis: basis.into(),
    }
}

async fn summary(rig: &Rig, asked: v1::SummarizeTiersRequest) -> v1::SummarizeTiersResponse {
    rig.supervision().summarize_tiers(asked).await.unwrap().into_inner()
}

fn shares(tiers: &[v1::TierShare]) -> Vec<(u32, u64)> {
    tiers.iter().map(|share| (share.tier, share.count)).collect()
}

type Group<'a> = (&'a str, &'a str, Vec<(u32, u64)>);

fn groups(groups: &[v1::GroupCount]) -> Vec<Group<'_>> {
    groups.iter().map(|g| (g.code.as_str(), g.title.as_str(), shares(&g.tiers))).collect()
}

async fn decided(rig: &Rig) {
    let engine = Arc::clone(&rig.engine);
    let recorded =
        tokio::task::spawn_blocking(move || record_tiers(&engine, FIELD, engine.today(), |_| {})).await;
    recorded.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_tiers_are_counted_whole_and_by_what_lies_one_level_below() {
    let rig = Rig::new().await;
    let facts = vec![
        registration(code(1), "甲公司", "330106", "C1411"),
        registration(code(2), "乙公司", "330200", "C1411"),
        registration(code(3), "丙公司", "330106", "F5211"),
        registration(code(4), "丁公司", "110101", "C1310"),
        registration(code(5), "戊公司", "330000", "C"),
        serious(code(3)),
        serious(code(6)),
    ];
    rig.submit("facts", facts).await.unwrap();
    rig.delivered().await;
    let nothing = summary(&rig, asked("", "", v1::TierBasis::Unspecified)).await;
    assert_eq!(shares(&nothing.tiers), [(1, 0), (2, 0), (3, 0), (4, 0), (0, 0)], "nothing is decided yet");
    decided(&rig).await;
    let all = summary(&rig, asked("", "", v1::TierBasis::Unspecified)).await;
    assert_eq!(all, summary(&rig, asked("", "", v1::TierBasis::Live)).await);
    assert_eq!(shares(&all.tiers), [(1, 4), (2, 0), (3, 0), (4, 2), (0, 0)]);
    assert_eq!(all.tiers[0].title, "轻度监管");
    let unknown = ("", "", vec![(4, 1)]);
    assert_eq!(
        groups(&all.regions),
        [unknown.clone(), ("110000", "北京市", vec![(1, 1)]), ("330000", "浙江省", vec![(1, 3), (4, 1)])]
    );
    assert_eq!(
        groups(&all.industries),
        [unknown, ("C", "制造业", vec![(1, 4)]), ("F", "批发和零售业", vec![(4, 1)])]
    );
    // Of decisions there are no grades, no movements and no run.
    assert!(all.public_grades.is_empty() && all.migrations.is_empty() && all.run.is_none());
    let province = summary(&rig, asked("33", "", v1::TierBasis::Live)).await;
    assert_eq!(shares(&province.tiers), [(1, 3), (2, 0), (3, 0), (4, 1), (0, 0)]);
    assert_eq!(
        groups(&province.regions),
        [
            ("330000", "浙江省", vec![(1, 1)]),
            ("330100", "", vec![(1, 1), (4, 1)]),
            ("330200", "", vec![(1, 1)])
        ]
    );
    let both = summary(&rig, asked("330100", "C", v1::TierBasis::Live)).await;
    assert_eq!(groups(&both.regions), [("330106", "", vec![(1, 1)])]);
    assert_eq!(groups(&both.industries), [("C14", "", vec![(1, 1)])]);
    let county = summary(&rig, asked("330106", "C1411", v1::TierBasis::Live)).await;
    assert_eq!((county.regions.len(), county.industries.len()), (0, 0), "nothing lies below");
    // What was counted before gives way to what was decided since.
    rig.submit("list", vec![serious(code(1))]).await.unwrap();
    decided(&rig).await;
    let all = summary(&rig, asked("", "", v1::TierBasis::Live)).await;
    assert_eq!(shares(&all.tiers), [(1, 3), (2, 0), (3, 0), (4, 3), (0, 0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_counted_by_grade_and_by_what_it_moved() {
    let fake = Arc::new(Fake::default());
    set(&fake, &[(1, 1), (2, 1), (3, 2)]);
    let rig = rig_with(&fake).await;
    let none = rig.supervision().summarize_tiers(asked("", "", v1::TierBasis::Run)).await;
    refusal(none, Code::NotFound, "NO_LOADED_RUN");
    let run = async |id: &str| {
        let run = rig.rescoring().start_run(ask(id)).await.unwrap().into_inner().run.unwrap();
        once(&rig, &run.name, v1::RunState::Succeeded).await;
        summary(&rig, asked("", "", v1::TierBasis::Run)).await
    };
    let first = run("first").await;
    assert_eq!(shares(&first.tiers), [(1, 2), (2, 1), (3, 0), (4, 0), (0, 0)]);
    assert_eq!(first.run.unwrap().name, "runs/1");
    assert!(first.migrations.is_empty(), "before the first run nobody was anywhere");
    let count = |grades: &[v1::GradeCount]| -> Vec<(String, u64)> {
        grades.iter().map(|g| (g.grade.clone(), g.count)).collect()
    };
    let public = count(&first.public_grades);
    assert_eq!(public[0], ("A".to_owned(), 3), "best first");
    assert!(public.len() > 1 && public[1..].iter().all(|(_, count)| *count == 0), "{public:?}");
    assert_eq!(count(&first.industry_grades).last().unwrap(), &(String::new(), 3));
    set(&fake, &[(1, 3), (2, 3), (4, 1)]);
    let second = run("second").await;
    assert_eq!(shares(&second.tiers), [(1, 1), (2, 0), (3, 2), (4, 0), (0, 0)]);
    let moves: Vec<_> = second.migrations.iter().map(|m| (m.from, m.to, m.count)).collect();
    assert_eq!(moves, [(0, 1, 1), (1, 3, 2), (2, 0, 1)]);
    let elsewhere = summary(&rig, asked("44", "", v1::TierBasis::Run)).await;
    assert!(elsewhere.migrations.is_empty() && elsewhere.regions.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_nobody_can_count_is_refused_with_all_that_is_wrong() {
    let rig = Rig::new().await;
    let wrong = v1::SummarizeTiersRequest {
        field: String::new(),
        region: "99".to_owned(),
        industry: "Z".to_owned(),
        basis: 7,
    };
    let refused = rig.supervision().summarize_tiers(wrong).await;
    let (_, details) = refusal(refused, Code::InvalidArgument, "INVALID_REQUEST");
    let fields: Vec<String> = violations(&details).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["field", "region", "industry", "basis"]);
    let nowhere =
        v1::SummarizeTiersRequest { field: "nowhere".to_owned(), ..v1::SummarizeTiersRequest::default() };
    refusal(rig.supervision().summarize_tiers(nowhere).await, Code::NotFound, "FIELD_NOT_FOUND");
}
