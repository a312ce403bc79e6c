//! Who asks: tokens, certificates, and rules that change while the service runs.

use std::sync::Arc;
use std::time::Duration;

use hengxin_proto::v1;
use hengxin_proto::v1::ledger_service_client::LedgerServiceClient;
use hengxin_service::Access;
use hengxin_store::Decision;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ED25519};
use serde_json::json;
use tonic::Code;
use tonic::transport::Channel;

use crate::papers::{Papers, facts_of, identified, issuer, signed, supervising, supply};
use crate::rig::{Rig, code, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn only_a_token_that_is_good_in_every_way_is_believed() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    supply(&papers, &rig, "a", vec![identified(code(1))]).await.unwrap();
    let ask = async |token: &str| {
        let mut client = LedgerServiceClient::new(papers.channel(&rig, None));
        let mut request = supervising(facts_of(code(1)));
        if !token.is_empty() {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        client.list_facts(request).await.map(tonic::Response::into_inner)
    };
    assert_eq!(ask(&papers.token(|_| {})).await.unwrap().facts.len(), 1);
    let other = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let good = papers.token(|_| {});
    let claims = good.split('.').nth(1).unwrap();
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.");
    let hs256 = jsonwebtoken::encode(
        &Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::HS256) },
        &json!({"sub": "li"}),
        &EncodingKey::from_secret(papers.tokens.public_key_raw()),
    )
    .unwrap();
    for (token, expected) in [
        (String::new(), "neither a client certificate nor a token"),
        ("rubbish".to_owned(), "not valid"),
        (none, "not valid"),
        (hs256, "expected EdDSA, ES256 or RS256"),
        (signed(&other, &json!({"sub": "li"})), "InvalidSignature"),
        (papers.token(|claims| claims["exp"] = json!(1_000_000_000)), "ExpiredSignature"),
        (papers.token(|claims| claims["aud"] = json!("another")), "InvalidAudience"),
        (papers.token(|claims| claims["iss"] = json!("https://elsewhere")), "InvalidIssuer"),
        (papers.token(|claims| claims["nbf"] = json!(3_900_000_000_u64)), "ImmatureSignature"),
        (papers.token(|claims| drop(claims.as_object_mut().unwrap().remove("exp"))), "exp"),
        (papers.token(|claims| drop(claims.as_object_mut().unwrap().remove("roles"))), "roles"),
    ] {
        let (message, _) = refusal(ask(&token).await, Code::Unauthenticated, "CALLER_UNKNOWN");
        assert!(message.contains(expected), "{message}, expected {expected}");
    }
    let trail = rig.engine.ledger().snapshot(None).unwrap().audit(Some("unknown"), 0, 100).unwrap();
    assert_eq!(trail.len(), 11);
    assert!(trail.iter().all(|record| record.call.decision == Decision::Refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_strangers_fills_no_trail_and_is_counted_in_it() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    let mut client = LedgerServiceClient::new(papers.channel(&rig, None));
    let begun = std::time::Instant::now();
    for _ in 0..300 {
        let refused = client.list_facts(supervising(facts_of(code(1)))).await;
        refusal(refused, Code::Unauthenticated, "CALLER_UNKNOWN");
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    client.list_facts(supervising(facts_of(code(1)))).await.unwrap_err();
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    let trail = rig.engine.ledger().snapshot(None).unwrap().audit(Some("unknown"), 0, 1000).unwrap();
    assert!(trail.len() <= 20 * (seconds + 1), "{} entries in {seconds} s", trail.len());
    let left_out = |detail: &str| {
        let (_, rest) = detail.split_once("; ")?;
        rest.split_once(" calls of unknown callers before it have no entry")?.0.parse::<usize>().ok()
    };
    let counted: usize = trail.iter().filter_map(|record| left_out(&record.call.detail)).sum();
    assert_eq!(trail.len() + counted, 301);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_whose_entry_cannot_be_written_are_counted_in_the_next_one() {
    let papers = Papers::new();
    let (access, tls) = (Arc::new(Access::ruled(&papers.rules()).unwrap()), papers.tls());
    let rig = Rig::with(move |options, config| {
        options.busy_wait = Duration::from_millis(300);
        config.tls = Some(tls);
        config.access = access;
    })
    .await;
    let mut client = LedgerServiceClient::new(papers.channel(&rig, None));
    let ask = || supervising(facts_of(code(1)));
    client.list_facts(ask()).await.unwrap_err();
    let other = rusqlite::Connection::open(&rig.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // One gives up before it is known that nothing can be written, the other waits for the answer.
    let mut hasty = ask();
    hasty.set_timeout(Duration::from_millis(50));
    client.list_facts(hasty).await.unwrap_err();
    refusal(client.list_facts(ask()).await, Code::Unavailable, "AUDIT_UNAVAILABLE");
    other.execute_batch("ROLLBACK").unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    refusal(client.list_facts(ask()).await, Code::Unauthenticated, "CALLER_UNKNOWN");
    let trail = rig.engine.ledger().snapshot(None).unwrap().audit(Some("unknown"), 0, 100).unwrap();
    let details: Vec<&str> = trail.iter().map(|record| record.call.detail.as_str()).collect();
    let counted = details.iter().filter(|detail| detail.contains("before it have no entry")).count();
    assert_eq!((details.len(), counted), (2, 1), "{details:?}");
    let expected = "; 2 calls of unknown callers before it have no entry";
    assert!(details.iter().any(|detail| detail.ends_with(expected)), "{details:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_others_of_strangers_and_revoked_ones_open_nothing() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    let ask = async |channel: Channel| {
        let request = supervising(v1::ListStandardsRequest::default());
        v1::standard_service_client::StandardServiceClient::new(channel).list_standards(request).await
    };
    ask(papers.machine(&rig, "regulator")).await.unwrap();
    let stranger = ask(papers.machine(&rig, "stranger")).await;
    let (message, _) = refusal(stranger, Code::Unauthenticated, "CALLER_UNKNOWN");
    assert_eq!(message, "the client certificate is of `stranger`, who is no caller of this service");
    let forged = issuer("authority of clients");
    let forged = Papers::pair(&forged, "regulator", 9);
    assert!(ask(papers.channel(&rig, Some(forged))).await.is_err());
    let lost = Papers::pair(&papers.clients, "regulator", 42);
    ask(papers.channel(&rig, Some(lost.clone()))).await.unwrap();
    // Taken note of while the service runs.
    std::thread::sleep(Duration::from_millis(20));
    papers.revoke(&[42]);
    let revoked = async || {
        for _ in 0..100 {
            if ask(papers.channel(&rig, Some(lost.clone()))).await.is_err() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    };
    assert!(revoked().await, "the revoked certificate still opens");
    ask(papers.machine(&rig, "regulator")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_take_effect_while_the_service_runs_and_a_fault_leaves_the_last_good_ones() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    supply(&papers, &rig, "a", vec![identified(code(1))]).await.unwrap();
    let mut client = LedgerServiceClient::new(papers.machine(&rig, "regulator"));
    client.list_facts(supervising(facts_of(code(1)))).await.unwrap();
    let rules = papers.rules().join("rules.cedar");
    let good = std::fs::read_to_string(&rules).unwrap();
    // Beyond the coarsest clock of a file system.
    std::thread::sleep(Duration::from_millis(20));
    std::fs::write(&rules, "@id(\"x\") permit (principal, action, resource) when { context.nothing == 1 };")
        .unwrap();
    let error = Access::ruled(&papers.rules()).unwrap_err().to_string();
    assert!(error.contains("*.cedar") && error.contains("nothing"), "{error}");
    tokio::time::sleep(Duration::from_millis(2500)).await;
    client.list_facts(supervising(facts_of(code(1)))).await.unwrap();
    std::fs::write(&rules, good.replace("Role::\"regulator\"", "Role::\"inspector\"")).unwrap();
    let mut refused = false;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        refused = client.list_facts(supervising(facts_of(code(1)))).await.is_err();
        if refused {
            break;
        }
    }
    assert!(refused, "the new rules never took effect");
}
