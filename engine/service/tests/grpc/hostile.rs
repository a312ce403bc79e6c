//! No bytes crash it: random bodies, messages with bytes changed, random tokens. The seed is printed.

use hengxin_proto::v1;
use prost::Message as _;
use tonic::Code;

use crate::raw::{Raw, framed, sane};
use crate::rig::{FIELD, Rig, code, penalty, question};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n).unwrap()).unwrap()
    }

    fn bytes(&mut self, longest: usize) -> Vec<u8> {
        (0..self.below(longest + 1)).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

fn seed() -> u64 {
    let given = std::env::var("HENGXIN_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        now.as_secs()
    });
    println!("HENGXIN_SEED={seed}");
    seed
}

/// Every method with a request it answers.
fn methods() -> Vec<(&'static str, Vec<u8>)> {
    let enterprise = || code(1).to_string();
    let settings = v1::BatchEvaluateSettings { standard: "public-test".to_owned(), ..Default::default() };
    let tier = v1::GetTierRequest { enterprise: enterprise(), field: FIELD.to_owned(), ..Default::default() };
    let tiers = v1::BatchGetTiersRequest {
        enterprises: vec![enterprise()],
        field: FIELD.to_owned(),
        ..Default::default()
    };
    let mut stored = question(code(1));
    stored.store = true;
    "kept".clone_into(&mut stored.request_id);
    vec![
        ("ScoringService/Evaluate", stored.encode_to_vec()),
        (
            "ScoringService/BatchEvaluate",
            v1::BatchEvaluateRequest { settings: Some(settings), enterprises: vec![enterprise()] }
                .encode_to_vec(),
        ),
        (
            "ScoringService/GetEvaluation",
            v1::GetEvaluationRequest { name: format!("enterprises/{}/evaluations/1", code(1)) }
                .encode_to_vec(),
        ),
        (
            "ScoringService/ListEvaluations",
            v1::ListEvaluationsRequest { parent: enterprise(), ..Default::default() }.encode_to_vec(),
        ),
        (
            "ScoringService/SimulateEvaluation",
            v1::SimulateEvaluationRequest {
                enterprise: enterprise(),
                standard: "public-test".to_owned(),
                as_of: "2028-02-29".to_owned(),
                removed_fact_ids: vec![1],
                added_facts: vec![penalty(code(1), "罚9号", "2026-01-10")],
                ..Default::default()
            }
            .encode_to_vec(),
        ),
        (
            "ScoringService/SimulateEvaluation",
            v1::SimulateEvaluationRequest {
                enterprise: enterprise(),
                draft: include_str!("standards/public-2026.yaml").to_owned(),
                ..Default::default()
            }
            .encode_to_vec(),
        ),
        ("SupervisionService/GetTier", tier.encode_to_vec()),
        (
            "SupervisionService/TraceTier",
            v1::TraceTierRequest {
                enterprise: enterprise(),
                field: FIELD.to_owned(),
                from: "2024-02-29".to_owned(),
                to: "2028-02-29".to_owned(),
                ..Default::default()
            }
            .encode_to_vec(),
        ),
        (
            "SupervisionService/WhatIf",
            v1::WhatIfRequest {
                enterprise: enterprise(),
                field: FIELD.to_owned(),
                months: 60,
                ..Default::default()
            }
            .encode_to_vec(),
        ),
        (
            "SupervisionService/WatchTiers",
            v1::WatchTiersRequest { field: FIELD.to_owned(), ..Default::default() }.encode_to_vec(),
        ),
        ("SupervisionService/BatchGetTiers", tiers.encode_to_vec()),
        (
            "SupervisionService/ListTiers",
            v1::ListTiersRequest {
                field: FIELD.to_owned(),
                region: "330000".to_owned(),
                ..Default::default()
            }
            .encode_to_vec(),
        ),
        (
            "SupervisionService/ExportTiers",
            v1::ExportTiersRequest {
                field: FIELD.to_owned(),
                region: "330000".to_owned(),
                ..Default::default()
            }
            .encode_to_vec(),
        ),
        (
            "LedgerService/SubmitFacts",
            v1::SubmitFactsRequest {
                request_id: "hostile".to_owned(),
                source: "test".to_owned(),
                facts: vec![penalty(code(1), "罚2号", "2026-01-10")],
                deliveries: vec![],
            }
            .encode_to_vec(),
        ),
        (
            "LedgerService/ListFacts",
            v1::ListFactsRequest { parent: enterprise(), ..Default::default() }.encode_to_vec(),
        ),
        (
            "LedgerService/GetEnterprise",
            v1::GetEnterpriseRequest { name: enterprise(), ..Default::default() }.encode_to_vec(),
        ),
        (
            "LedgerService/SearchEnterprises",
            v1::SearchEnterprisesRequest { query: "公司".to_owned(), ..Default::default() }.encode_to_vec(),
        ),
        (
            "StandardService/ListStandards",
            v1::ListStandardsRequest { as_of: "2026-01-01".to_owned(), ..Default::default() }.encode_to_vec(),
        ),
        (
            "StandardService/GetStandard",
            v1::GetStandardRequest { name: "public-test".to_owned(), ..Default::default() }.encode_to_vec(),
        ),
        (
            "StandardService/CheckStandard",
            v1::CheckStandardRequest { text: include_str!("standards/policy-2026.yaml").to_owned() }
                .encode_to_vec(),
        ),
        (
            "StandardService/CompareStandards",
            v1::CompareStandardsRequest {
                base: "standards/public-test/editions/2024.1".to_owned(),
                other: "standards/public-test/editions/2026.1".to_owned(),
                enterprises: vec![enterprise()],
                ..Default::default()
            }
            .encode_to_vec(),
        ),
    ]
}

/// A watch that is answered stays open; a deadline ends it.
fn timeout(method: &str) -> Option<&'static str> {
    method.ends_with("WatchTiers").then_some("3m")
}

async fn begun() -> Rig {
    let rig = Rig::new().await;
    rig.registered(&[code(1), code(2)]).await;
    rig.submit("begun", vec![penalty(code(1), "罚1号", "2026-01-10")]).await.unwrap();
    rig
}

#[tokio::test(flavor = "multi_thread")]
async fn random_and_altered_messages_are_answered_with_a_status_of_the_callers_fault() {
    let rig = begun().await;
    let raw = Raw::connect(&rig.address).await;
    let mut random = Random(seed());
    let methods = methods();
    for (method, sound) in &methods {
        let reply = raw.send(&format!("/hengxin.v1.{method}"), timeout(method), framed(sound)).await;
        let known = [Code::Ok, Code::NotFound, Code::DeadlineExceeded];
        assert!(known.contains(&reply.status.code()), "{method}: {reply:?}");
    }
    for turn in 0..4000 {
        let (method, sound) = &methods[random.below(methods.len())];
        let mut message = if turn % 4 == 0 { random.bytes(200) } else { sound.clone() };
        for _ in 0..=random.below(4) {
            if message.is_empty() {
                break;
            }
            let place = random.below(message.len());
            match random.below(4) {
                0 => message[place] ^= 1 << random.below(8),
                1 => message[place] = random.next().to_le_bytes()[0],
                2 => message.truncate(place),
                _ => {
                    let piece = random.bytes(8);
                    message.splice(place..place, piece);
                }
            }
        }
        let reply = raw.send(&format!("/hengxin.v1.{method}"), timeout(method), framed(&message)).await;
        // An altered id or row may be a write of its own, or the id of one that was.
        let watched = timeout(method).is_some() && reply.status.code() == Code::DeadlineExceeded;
        if !watched && reply.status.code() != Code::AlreadyExists {
            sane(&reply, &format!("turn {turn}, {method} {message:02x?}"));
        }
    }
    assert_eq!(rig.evaluated(code(2)).await.score.unwrap().decimal, "88");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_frames_end_their_own_call_and_no_other() {
    let rig = begun().await;
    let raw = Raw::connect(&rig.address).await;
    let mut random = Random(seed());
    let methods = methods();
    for turn in 0..500 {
        let body = random.bytes(60);
        let (method, _) = &methods[random.below(methods.len())];
        let reply = raw.send(&format!("/hengxin.v1.{method}"), timeout(method), body.clone()).await;
        assert!(
            !matches!(reply.status.code(), Code::Unknown | Code::DataLoss),
            "turn {turn}, {method} {body:02x?}: {reply:?}"
        );
    }
    rig.evaluated(code(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_tokens_are_refused_as_none_of_ours() {
    let rig = begun().await;
    let mut random = Random(seed());
    let search = |token: String| v1::SearchEnterprisesRequest {
        page_size: 1,
        page_token: token,
        ..Default::default()
    };
    let good =
        rig.ledger().search_enterprises(search(String::new())).await.unwrap().into_inner().next_page_token;
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ \n";
    for turn in 0..2000 {
        let mut token = good.clone().into_bytes();
        if turn % 2 == 0 {
            token = (0..=random.below(120)).map(|_| letters[random.below(letters.len())]).collect();
        } else {
            let place = random.below(token.len());
            token[place] = letters[random.below(letters.len())];
        }
        let token = String::from_utf8(token).unwrap();
        if token == good {
            continue;
        }
        let found =
            crate::rig::violation(rig.ledger().search_enterprises(search(token.clone())).await, "page_token");
        assert!(found.starts_with("found a token this ledger did not give"), "{token:?}: {found}");
    }
}
