//! From a faulty row to a mended one.

use crate::rig::{Rig, penalty, table};

#[test]
fn exported_rows_are_mended_resubmitted_and_resolved_and_a_faulty_one_stays() {
    let rig = Rig::new();
    let rows = [penalty("1", "\"1,000\"", "2024-01-05"), penalty("2", "1", "2024-02-30"), "甲,乙".to_owned()];
    let path = rig.file("bad.csv", table(&rows).as_bytes());
    rig.run(&["ingest", &path]).done();
    let out = rig.folder.join("mend");
    let out = out.to_string_lossy();
    rig.run(&["quarantine", "export", "--out", &out]).done();
    rig.run(&["quarantine", "export", "--out", &out]).failed(2, &["from an earlier export", "--overwrite"]);
    let file = format!("{out}/administrative-penalty.csv");
    // Not mended at all: the same entries wait.
    let open = || rig.run(&["quarantine", "list", "--json"]).out;
    let before = open();
    assert!(rig.run(&["quarantine", "resubmit", &file]).done().contains("0 accepted"));
    assert_eq!(open(), before);
    let text = std::fs::read_to_string(&file).expect("exported");
    // One mended, one with another fault, one untouched.
    let text = text.replace("\"1,000\"", "1000").replace(",2024-02-30,", ",2024-02-31,");
    std::fs::write(&file, text).expect("mended");
    let said = rig.run(&["quarantine", "resubmit", &file]);
    assert!(said.done().contains("1 accepted, 0 duplicate, 0 corrected, 2 quarantined"), "{}", said.out);
    let (facts, _) = rig.ledger();
    assert!(facts.len() == 1 && facts[0].ends_with("|1000000000"), "{facts:?}");
    let after = open();
    assert_eq!(after.lines().count(), 2, "{after}");
    assert!(after.contains("found `2024-02-31`") && after.contains("found 2 cells, expected 8"), "{after}");
    // Again: nothing changes.
    assert!(rig.run(&["quarantine", "resubmit", &file]).done().contains("nothing recorded"));
    assert_eq!((open(), rig.ledger().0), (after.clone(), facts));
    let id = after.lines().next().and_then(|l| serde_json::from_str::<serde_json::Value>(l).ok());
    let id = id.expect("a row")["id"].to_string();
    rig.run(&["quarantine", "dismiss", &id, "--note", "not ours"]).done();
    assert_eq!(open().lines().count(), 1);
    rig.run(&["quarantine", "resubmit", &path]).failed(2, &["found no column hengxin_quarantine_id"]);
}

#[test]
fn conflicts_of_codes_are_listed() {
    let rig = Rig::new();
    let header = "统一社会信用代码,企业名称,变更日期,成立日期,登记状态";
    let rows = "91110101MA00000U27,甲公司,2020-01-01,2020-01-01,存续\n91110101MA00000U27,乙公司,2021-01-01,2021-01-01,存续";
    let path = rig.file("registrations.csv", format!("{header}\n{rows}\n").as_bytes());
    assert!(rig.run(&["ingest", &path]).done().contains("1 conflicts of codes"));
    let said = rig.run(&["conflicts", "--json"]);
    assert!(said.done().contains("one-code-two-subjects") && said.out.contains("乙公司"), "{}", said.out);
    assert!(rig.run(&["conflicts"]).done().contains("一码多赋"));
}
