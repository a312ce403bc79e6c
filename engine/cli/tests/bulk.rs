//! Bulk exports by the command line: fetched from a service with access rules, listed, and traced to whom they were given.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod command;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use command::{done, hengxin, refused};

const FIELD: &str = "market-regulation";

/// A service that ends with the test.
struct Served {
    child: Child,
    address: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(at: &Path) -> Served {
    let arguments = ["serve", "--data", "d", "--listen", "127.0.0.1:0", "--no-console", "--access", "access"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_hengxin"))
        .args(arguments)
        .args(["--export-rows-per-day", "90"])
        .current_dir(at)
        .env_remove("HENGXIN_LEDGER")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said =
        |line: String| line.strip_prefix("serving hengxin.v1 on ")?.split(';').next().map(str::to_owned);
    let address = lines.find_map(|line| said(line.unwrap())).unwrap();
    std::thread::spawn(move || lines.for_each(drop));
    Served { child, address: format!("http://{address}") }
}

/// Rules, and files with the tokens of two regulators of the city and a bank.
fn papers(at: &Path) {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
    let public = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let access = at.join("access");
    std::fs::create_dir(&access).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    for file in ["schema.cedarschema", "rules.cedar", "purposes.json"] {
        std::fs::copy(shipped.join(file), access.join(file)).unwrap();
    }
    let tokens = json!({"issuer": "https://id.example", "audience": "hengxin", "keys": "keys.json"});
    let callers = json!({"tokens": tokens, "certificates": []});
    std::fs::write(access.join("callers.json"), callers.to_string()).unwrap();
    let x = URL_SAFE_NO_PAD.encode(public.public_key().as_ref());
    let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k1", "alg": "EdDSA", "use": "sig", "x": x});
    std::fs::write(access.join("keys.json"), json!({ "keys": [key] }).to_string()).unwrap();
    for (name, role) in [("zhang", "regulator"), ("wang", "regulator"), ("bank", "bank")] {
        let claims = json!({
            "iss": "https://id.example", "aud": "hengxin", "sub": name, "exp": 4_000_000_000_u64,
            "department": format!("{name}'s department"), "roles": [role], "regions": ["330100"], "fields": [FIELD],
        });
        let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::EdDSA) };
        let key = EncodingKey::from_ed_der(pkcs8.as_ref());
        std::fs::write(at.join(name), jsonwebtoken::encode(&header, &claims, &key).unwrap()).unwrap();
    }
}

fn export<'a>(server: &'a str, who: &'a str, out: &'a str) -> Vec<&'a str> {
    let words = ["bulk", "export", FIELD, "--region", "330100", "--server", server, "--from-run"];
    [&words[..], &["--token-file", who, "--out", out]].concat()
}

/// The objects of `bulk trace --json`, and its exit code.
fn traced(at: &Path, file: &str) -> (Option<i32>, Vec<Value>) {
    let (code, told, problem) = hengxin(at, &["bulk", "trace", file, "--data", "d", "--json"]);
    assert_eq!(problem, "", "{told}");
    (code, told.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn rows_of_an_export_lead_to_whoever_fetched_it_however_they_are_cut_out() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    done(at, &["demo", "--no-serve", "--enterprises", "40", "--data", "d"]);
    papers(at);
    let served = serve(at);
    let server = served.address.as_str();
    let told: Value =
        serde_json::from_str(&done(at, &[&export(server, "zhang", "zhang.csv")[..], &["--json"]].concat()))
            .unwrap();
    assert_eq!((told["caller"].as_str(), told["rows"].as_u64()), (Some("zhang"), Some(40)));
    let head: Value = serde_json::from_slice(&std::fs::read(at.join("zhang.csv.json")).unwrap()).unwrap();
    assert_eq!(head, told);
    let said = done(at, &export(server, "wang", "wang.csv"));
    assert!(said.contains("40 rows in wang.csv"), "{said}");
    let file = std::fs::read(at.join("zhang.csv")).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, &file);
    let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(told["digest"], digest.as_str(), "sha256sum says the digest");
    assert!(!at.join("zhang.csv.part").exists());

    // Three lines cut out, with the header of columns.
    let text = String::from_utf8(file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 41);
    std::fs::write(at.join("found.csv"), [lines[0], lines[7], lines[3], lines[40]].join("\r\n")).unwrap();
    let (code, rows) = traced(at, "found.csv");
    assert_eq!((code, rows.len()), (Some(0), 3));
    for (row, line) in rows.iter().zip([7, 3, 40]) {
        assert_eq!(row["code"], lines[line].split(',').next().unwrap());
        assert_eq!((&row["origin"], &row["export"]["number"]), (&json!("export"), &told["number"]));
        assert_eq!(row["export"]["department"], "zhang's department");
    }
    let said = done(at, &["bulk", "trace", "found.csv", "--data", "d"]);
    let number = told["number"].as_str().unwrap();
    assert!(
        said.contains(&format!("{number}: 3 of these rows\n  given to zhang (zhang's department)")),
        "{said}"
    );

    // Columns in another order with one of somebody's own, rows of two exports, one altered, one without its mark.
    let wang = std::fs::read_to_string(at.join("wang.csv")).unwrap();
    let rows: Vec<csv::StringRecord> = [&text, &wang]
        .iter()
        .map(|text| csv::Reader::from_reader(text.as_bytes()).records().nth(5).unwrap().unwrap())
        .collect();
    let mut columns: Vec<&str> = lines[0].trim_start_matches('\u{feff}').split(',').collect();
    columns.reverse();
    let mut mixed = csv::Writer::from_path(at.join("mixed.csv")).unwrap();
    mixed.write_record([&columns[..], &["remark"]].concat()).unwrap();
    let tier = columns.iter().position(|column| *column == "tier").unwrap();
    for (row, change) in [(0, ""), (1, ""), (0, "tier"), (1, "mark")] {
        let mut cells: Vec<String> = rows[row].iter().rev().map(str::to_owned).collect();
        match change {
            "tier" => cells[tier] = "9".to_owned(),
            "mark" => cells[0].clear(),
            _ => {}
        }
        cells.push("seen in a chat".to_owned());
        mixed.write_record(&cells).unwrap();
    }
    mixed.flush().unwrap();
    drop(mixed);
    let (code, found) = traced(at, "mixed.csv");
    let told: Vec<_> = found.iter().map(|row| (&row["origin"], &row["export"]["caller"])).collect();
    let (zhang, wang, none) = (json!("zhang"), json!("wang"), Value::Null);
    let (given, altered, foreign) = (json!("export"), json!("altered"), json!("foreign"));
    assert_eq!(told, [(&given, &zhang), (&given, &wang), (&altered, &zhang), (&foreign, &none)]);
    assert_eq!(code, Some(2));
    refused(at, &["bulk", "trace", "mixed.csv", "--data", "d"], 2, "line 4  ");

    // What is refused leaves no file, and the limit is told.
    refused(at, &export(server, "zhang", "zhang.csv"), 2, "found zhang.csv already, expected a free path");
    refused(at, &export(server, "bank", "bank.csv"), 2, "no rule permits");
    done(at, &export(server, "zhang", "second.csv"));
    refused(at, &export(server, "zhang", "third.csv"), 2, "`zhang` would have 120 rows exported today");
    assert!(!at.join("bank.csv").exists() && !at.join("third.csv.part").exists());
    drop(served);

    // On record, and in the log.
    let list = done(at, &["bulk", "list", "--data", "d", "--caller", "zhang", "--json"]);
    let list: Vec<Value> = list.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((list.len(), &list[1]["number"]), (2, &json!(number)));
    assert_eq!((&list[1]["ending"], &list[1]["rows"]), (&json!("complete"), &json!(40)));
    let said = done(at, &["bulk", "list", "--data", "d"]);
    assert!(said.contains(&format!("{FIELD} region=330100 from runs/")), "{said}");
    done(at, &["verify", "--data", "d"]);
}

#[test]
fn a_file_that_is_no_export_is_told_by_line_and_field() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    done(at, &["demo", "--no-serve", "--enterprises", "2", "--data", "d"]);
    let header = "code,name,region,industry,field,tier,public_grade,public_score,industry_grade,industry_score,policy,\
                  as_of,known_at,basis,mark";
    let check = |bytes: &[u8], said: &str| {
        std::fs::write(at.join("file.csv"), bytes).unwrap();
        refused(at, &["bulk", "trace", "file.csv", "--data", "d"], 2, said);
    };
    check(b"", "file.csv: line 1: found an empty file, expected columns `code`");
    check(b"code,name\n", "file.csv: line 1: found no column `region`, expected `code`");
    check(format!("{header},tier\n").as_bytes(), "file.csv: line 1: found column `tier` twice");
    check(format!("{header}\n1,2\n").as_bytes(), "file.csv: line 2: found 2 cells, expected 15");
    let mut bytes = format!("{header}\n1,").into_bytes();
    bytes.extend([0xb9, 0xab]);
    bytes.extend(",".repeat(13).into_bytes());
    check(&bytes, "file.csv: line 2: field `name`: found bytes that are no UTF-8");
    refused(at, &["bulk", "trace", "none.csv", "--data", "d"], 2, "none.csv: No such file");
    let server = ["bulk", "export", FIELD, "--out", "a.csv", "--server"];
    refused(
        at,
        &[&server[..], &["https://127.0.0.1:1"]].concat(),
        2,
        "expected the certificate of the service's",
    );
    refused(at, &[&server[..], &["http://127.0.0.1:1"]].concat(), 1, "cannot reach `http://127.0.0.1:1`");
    assert!(!at.join("a.csv.part").exists());
    std::fs::write(at.join("a.csv.part"), "somebody's").unwrap();
    refused(
        at,
        &[&server[..], &["http://127.0.0.1:1"]].concat(),
        2,
        "found a.csv.part already, expected a free path",
    );
    assert_eq!(std::fs::read_to_string(at.join("a.csv.part")).unwrap(), "somebody's");
}
