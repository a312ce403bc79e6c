//! `hengxin what-if` on a small district: its figures are those of `tier`, its words those of its JSON.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod command;

use serde_json::Value;

use command::{done, refused};

#[test]
fn what_would_change_a_tier_begins_with_the_tier_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    done(at, &["demo", "--no-serve", "--enterprises", "60", "--data", "d"]);
    let ledger = rusqlite::Connection::open(at.join("d/ledger.sqlite")).unwrap();
    let mut codes = ledger.prepare("SELECT code FROM subjects ORDER BY id LIMIT 60").unwrap();
    let codes: Vec<String> = codes.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let (mut found, mut lighter) = (0, 0);
    for code in &codes {
        let about = [code.as_str(), "--field", "market-regulation", "--as-of", "2026-10-31", "--data", "d"];
        let ask = |command: &str, more: &[&str]| done(at, &[&[command][..], &about, more].concat());
        let told: Value = serde_json::from_str(&ask("what-if", &["--json"])).unwrap();
        let tier: Value = serde_json::from_str(&ask("tier", &["--json"])).unwrap();
        let present = &told["present"];
        assert_eq!(present["tier"], tier["tier"], "{code}");
        assert_eq!(present["public"]["score"], tier["public"]["score"], "{code}");
        assert_eq!(present["industry"]["grade"], tier["industry"]["grade"], "{code}");
        for key in ["on", "tier", "public", "industry"] {
            assert_eq!(told["days"][0][key], present[key], "{code}");
        }
        if told["fewest"]["search"] == "found" {
            let reached = told["fewest"]["reached"]["tier"].as_u64().unwrap();
            assert!(reached < present["tier"].as_u64().unwrap(), "{told}");
            let words = ask("what-if", &["--months", "6"]);
            assert!(words.contains("the fewest that reach a lighter tier: "), "{words}");
            assert!(words.contains(&format!("  gives tier {reached} ")), "{words}");
            assert!(words.contains("ahead to 2027-05-01, when nothing new happens"), "{words}");
            found += 1;
        }
        lighter += usize::from(told["fewest"]["search"] == "nothing-lighter");
    }
    assert!(found > 0 && lighter > 0, "{found} {lighter}");
    let about = [codes[0].as_str(), "--field", "market-regulation", "--data", "d"];
    refused(at, &[&["what-if"][..], &about, &["--months", "121"]].concat(), 2, "121 is not in 1..=120");
    let unknown = ["what-if", codes[0].as_str(), "--field", "market", "--data", "d"];
    refused(at, &unknown, 2, "unknown field `market`");
}
