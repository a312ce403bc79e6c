//! How well units deliver, from files.

use crate::rig::{Rig, penalty, table};

#[test]
fn units_are_told_with_their_faults_by_kind_and_a_wrong_day_is_refused() {
    let rig = Rig::new();
    let rows = [
        penalty("1", "1", "2024-01-05"),
        penalty("2", "\"1,000\"", "2024-01-05"),
        penalty("3", "\"2,000\"", "2024-01-05"),
    ];
    let path = rig.file("penalties.csv", table(&rows).as_bytes());
    rig.run(&["ingest", &path]).done();
    let said = rig.run(&["quality", "--json"]);
    let units: Vec<serde_json::Value> =
        said.done().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let sum = |key: &str| units.iter().map(|unit| unit[key].as_u64().expect("a number")).sum::<u64>();
    assert_eq!((sum("accepted"), sum("quarantined"), sum("late"), sum("rows")), (1, 2, 1, 3), "{}", said.out);
    let unit = units.iter().find(|unit| unit["quarantined"] == 2).expect("one unit of both");
    assert_eq!(unit["reasons"].as_array().map(Vec::len), Some(1), "{unit}");
    let reason = unit["reasons"][0]["reason"].as_str().expect("a text");
    assert!(reason.contains("found `…`, expected") && !reason.contains("000`"), "{reason}");
    let shown = rig.run(&["quality"]);
    assert!(shown.done().contains("within 7 working days. Monday to Friday"), "{}", shown.out);
    assert_eq!(rig.run(&["quality", "--to", "2024-01-01", "--json"]).done(), "");
    rig.run(&["quality", "--from", "2024-02-30"]).failed(2, &["`2024-02-30`"]);
    rig.run(&["quality", "--from", "2024-02-02", "--to", "2024-02-01"])
        .failed(2, &["expected no day after `to`"]);
}
