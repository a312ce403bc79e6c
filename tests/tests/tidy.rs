//! The invariants of `docs/architecture.md` that no type can hold, read off the sources.
//!
//! Every rule looks at a list of (path, text). It is shown the workspace, which it must pass, and the workspace spoiled
//! in one way, which it must refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use hengxin_standard::Catalogue;
use hengxin_standard::lock::Lock;

/// Files by their path from the root of the workspace.
type Files = BTreeMap<String, String>;

/// The most lines a Rust file may have.
const LINES_MAX: usize = 600;

/// The endings of the files that rules look at.
const ENDINGS: [&str; 5] = ["rs", "toml", "md", "yaml", "lock"];

static WORKSPACE: LazyLock<Files> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Files::new();
    let mut folders = vec![(root, String::new())];
    while let Some((at, below)) = folders.pop() {
        for entry in fs::read_dir(at).expect("a folder of the workspace") {
            let path: PathBuf = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" {
                    folders.push((path, format!("{below}{name}/")));
                }
            } else if path.extension().is_some_and(|e| ENDINGS.contains(&&*e.to_string_lossy())) {
                files.insert(format!("{below}{name}"), fs::read_to_string(&path).expect("text"));
            }
        }
    }
    files
});

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|e| e == "rs")
}

/// The code of the Rust files below a folder: (path, number of the line, line without its comment).
fn code<'f>(files: &'f Files, below: &'f str) -> impl Iterator<Item = (&'f str, usize, &'f str)> {
    let rust = files.iter().filter(move |(path, _)| path.starts_with(below) && is_rust(path));
    rust.flat_map(|(path, text)| {
        text.lines().zip(1..).map(|(line, n)| {
            // A `//` inside a text is taken for a comment; what stands after it is lost to the rules, no more.
            (path.as_str(), n, line.split("//").next().unwrap_or_default())
        })
    })
}

/// Whether `word` stands in `line` by itself.
fn names(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(part) && !line[at + word.len()..].starts_with(part))
}

/// Places outside `allowed` whose code names one of `words`.
fn named_outside(files: &Files, words: &[&str], allowed: &[&str], advice: &str) -> Vec<String> {
    let elsewhere = code(files, "").filter(|(path, ..)| !allowed.iter().any(|a| path.starts_with(a)));
    elsewhere
        .filter_map(|(path, n, line)| {
            let word = words.iter().find(|word| names(line, word))?;
            Some(format!("{path}:{n}: names `{word}`; {advice}"))
        })
        .collect()
}

/// The entries of a table of a manifest.
fn table<'t>(manifest: &'t str, name: &str) -> Vec<&'t str> {
    let mut inside = false;
    let mut entries = Vec::new();
    for line in manifest.lines() {
        if let Some(head) = line.strip_prefix('[') {
            inside = head.trim_end() == format!("{name}]");
        } else if inside && let Some((key, _)) = line.split_once('=') {
            entries.push(key.split('.').next().unwrap_or_default().trim());
        }
    }
    entries
}

/// (path, name, text) of the manifest of every crate.
fn manifests(files: &Files) -> impl Iterator<Item = (&str, &str, &str)> {
    files.iter().filter(|(path, _)| path.ends_with("/Cargo.toml")).filter_map(|(path, text)| {
        let name = text.lines().find_map(|l| l.strip_prefix("name = \"")?.strip_suffix('"'))?;
        Some((path.as_str(), name, text.as_str()))
    })
}

fn the_core_is_pure(files: &Files) -> Vec<String> {
    let mut faults = Vec::new();
    let manifest = files.get("engine/core/Cargo.toml").map(String::as_str).unwrap_or_default();
    for (list, allowed) in
        [("dependencies", "thiserror"), ("dev-dependencies", "jiff"), ("build-dependencies", "")]
    {
        for name in table(manifest, list).into_iter().filter(|name| *name != allowed) {
            faults.push(format!(
                "engine/core/Cargo.toml: `{name}` in [{list}]; the core is pure, argue in docs/decisions before it \
                 depends on more"
            ));
        }
    }
    for (path, n, line) in code(files, "engine/core/") {
        for word in ["std::fs", "std::net", "std::time", "std::env", "std::thread", "std::process", "std::io"]
        {
            if names(line, word) {
                faults
                    .push(format!("{path}:{n}: names `{word}`; the core takes what it needs as an argument"));
            }
        }
        for word in ["SystemTime", "Instant", "async", "await", "println", "eprintln", "dbg"] {
            if names(line, word) {
                faults.push(format!("{path}:{n}: names `{word}`; the core does no IO and reads no clock"));
            }
        }
        for word in ["f32", "f64"] {
            if names(line, word) {
                faults.push(format!(
                    "{path}:{n}: names `{word}`; results are exact, use integers of a stated unit"
                ));
            }
        }
    }
    faults
}

fn one_module_names_yaml(files: &Files) -> Vec<String> {
    named_outside(
        files,
        &["saphyr_parser", "saphyr", "serde_yaml", "serde_saphyr"],
        &["engine/standard/src/yaml.rs", "tests/tests/tidy.rs"],
        "only engine/standard/src/yaml.rs knows the YAML crate, read the tree of `parse_document`",
    )
}

fn only_the_store_names_sql(files: &Files) -> Vec<String> {
    // The benchmark of ingest measures the ledger against bare SQLite; tests damage files on purpose; a model is handed over
    // as a query for other people's tables.
    let allowed = [
        "engine/store/",
        "engine/service/tests/",
        "engine/cli/tests/",
        "benches/src/bin/ledger_ingest.rs",
        "models/src/export/sql.rs",
        "models/tests/export.rs",
        "tests/tests/tidy.rs",
    ];
    let words = ["rusqlite", "tokio_postgres", "SELECT", "INSERT", "PRAGMA", "CREATE TABLE", "DELETE FROM"];
    named_outside(files, &words, &allowed, "only engine/store speaks SQL, add a method to the ledger")
}

fn only_grpc_names_protobuf(files: &Files) -> Vec<String> {
    let allowed = [
        "proto/",
        "fuzz/src/service.rs",
        "engine/service/src/grpc/",
        "engine/service/src/server.rs",
        // Calls from within, for pages; and the pages, which are a client like any other.
        "engine/service/src/people.rs",
        "web/src/",
        "engine/service/tests/",
        // It reads the bytes of a report, and nothing else.
        "engine/typeset/",
        "tests/tests/tidy.rs",
    ];
    // Benchmarks of the service are clients of it.
    let allowed = [&allowed[..], &["benches/src/bin/"]].concat();
    let words =
        ["hengxin_proto", "prost", "prost_types", "tonic", "tonic_types", "tonic_health", "tonic_prost"];
    named_outside(files, &words, &allowed, "only engine/service/src/grpc knows protobuf, convert there")
}

fn only_the_pages_name_templates(files: &Files) -> Vec<String> {
    let advice = "only web/ makes pages, serve what it needs over gRPC";
    named_outside(files, &["askama"], &["web/", "tests/tests/tidy.rs"], advice)
}

fn only_the_command_line_uses_anyhow(files: &Files) -> Vec<String> {
    let advice = "libraries have one error enum a module";
    let mut faults = named_outside(files, &["anyhow"], &["engine/cli/", "tests/tests/tidy.rs"], advice);
    for (path, name, manifest) in manifests(files).filter(|(_, name, _)| *name != "hengxin") {
        if table(manifest, "dependencies").contains(&"anyhow") {
            faults.push(format!("{path}: `{name}` depends on anyhow; {advice}"));
        }
    }
    faults
}

fn no_crate_is_unsafe(files: &Files) -> Vec<String> {
    let mut faults = Vec::new();
    let workspace = files.get("Cargo.toml").map(String::as_str).unwrap_or_default();
    if !workspace.contains("[workspace.lints.rust]\nunsafe_code = \"forbid\"\n") {
        faults.push(
            "Cargo.toml: the workspace does not forbid `unsafe_code`; put it first in its lints".to_owned(),
        );
    }
    for (path, ..) in
        manifests(files).filter(|(.., manifest)| !manifest.contains("[lints]\nworkspace = true\n"))
    {
        faults.push(format!(
            "{path}: the lints of the workspace do not hold here; add `[lints] workspace = true`"
        ));
    }
    faults
}

/// What each crate may use of ours, by the table of the architecture page; `None` for all.
fn allowed(page: &str) -> BTreeMap<&str, Option<BTreeSet<String>>> {
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.split(" | ").collect();
        let [name, _, may] = cells.as_slice() else { return None };
        Some((name.trim_end_matches('`'), may.trim_end_matches('|').trim()))
    });
    let list = |may: &str| may.split(", ").filter(|m| *m != "none").map(|m| format!("hengxin-{m}")).collect();
    rows.map(|(name, may)| (name, (!may.starts_with("all")).then(|| list(may)))).collect()
}

fn crates_use_what_the_architecture_allows(files: &Files) -> Vec<String> {
    let page = files.get("docs/architecture.md").map(String::as_str).unwrap_or_default();
    let allowed = allowed(page);
    let mut faults = Vec::new();
    for (path, name, manifest) in manifests(files) {
        let Some(may) = allowed.get(name) else {
            faults.push(format!(
                "{path}: `{name}` is not in the table of docs/architecture.md; say there what it is"
            ));
            continue;
        };
        let Some(may) = may else { continue };
        // Tests may look from outside; what ships may not.
        for list in ["dependencies", "build-dependencies"] {
            for used in table(manifest, list).into_iter().filter(|used| used.starts_with("hengxin")) {
                if !may.contains(used) {
                    faults.push(format!(
                        "{path}: `{name}` uses `{used}`, which the table of docs/architecture.md does not allow; move \
                         the code, or argue in docs/decisions and change the table"
                    ));
                }
            }
        }
    }
    faults
}

fn every_shipped_edition_is_pinned(files: &Files) -> Vec<String> {
    let below =
        |(path, text): (&String, &String)| Some((path.strip_prefix("standards/")?.to_owned(), text.clone()));
    let shipped: Vec<(String, String)> = files.iter().filter_map(below).collect();
    let lock = shipped.iter().find(|(path, _)| path == "editions.lock");
    let lock = lock.map_or_else(|| Ok(Lock::default()), |(_, text)| Lock::parse(text));
    let lock = lock.unwrap_or_else(|problem| panic!("standards/editions.lock: {problem}"));
    let advice = "a published edition is never edited; pin new ones by `hengxin standards lock standards`";
    match Catalogue::from_files(shipped) {
        Err(problem) => vec![format!("{problem}{advice}")],
        Ok(catalogue) => {
            let mut complete = lock.clone();
            catalogue.pin(&mut complete).unwrap_or_else(|problem| panic!("{problem}"));
            let missing = complete.0.keys().filter(|key| !lock.0.contains_key(*key));
            missing.map(|(id, edition)| format!("`{id}` {edition} is not pinned; {advice}")).collect()
        }
    }
}

fn every_file_says_what_it_is(files: &Files) -> Vec<String> {
    let rust = files.iter().filter(|(path, _)| is_rust(path));
    rust.filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| format!("{path}: does not begin with `//! `; say in one sentence what the file is"))
        .collect()
}

fn no_file_is_long(files: &Files) -> Vec<String> {
    let rust = files.iter().filter(|(path, _)| is_rust(path));
    rust.filter(|(_, text)| text.lines().count() > LINES_MAX)
        .map(|(path, text)| {
            let lines = text.lines().count();
            format!(
                "{path}: {lines} lines, at most {LINES_MAX} are wanted; split it where it holds two ideas"
            )
        })
        .collect()
}

/// The workspace with one file added or changed.
fn spoiled(path: &str, change: impl Fn(&str) -> String) -> Files {
    let mut files = WORKSPACE.clone();
    let before = files.get(path).cloned().unwrap_or_default();
    let after = change(&before);
    assert_ne!(after, before, "the change of {path} changes something");
    files.insert(path.to_owned(), after);
    files
}

/// `rule` passes the workspace, and finds one fault at `place` when a text is added to the end of `path`.
#[track_caller]
fn check(rule: fn(&Files) -> Vec<String>, added: &[(&str, &str, &str)]) {
    let changes: Vec<_> = added
        .iter()
        .map(|(path, text, place)| (spoiled(path, |before| format!("{before}{text}")), *place))
        .collect();
    check_changes(rule, &changes);
}

#[track_caller]
fn check_changes(rule: fn(&Files) -> Vec<String>, changes: &[(Files, &str)]) {
    let mut report = String::new();
    for fault in rule(&WORKSPACE) {
        let _ = writeln!(report, "{fault}");
    }
    assert!(report.is_empty(), "\n{report}");
    for (files, place) in changes {
        let faults = rule(files);
        assert!(
            faults.len() == 1 && faults[0].contains(place),
            "expected one fault with `{place}`, found {faults:#?}"
        );
    }
}

#[test]
fn the_core_does_no_io_and_has_no_clock_no_async_and_no_float() {
    let file = "engine/core/src/number.rs";
    check(
        the_core_is_pure,
        &[
            ("engine/core/Cargo.toml", "rand = \"1\"\n", "`rand` in [dev-dependencies]"),
            (file, "use std::fs;\n", "`std::fs`"),
            (file, "fn now() -> std::time::Duration {}\n", "`std::time`"),
            (file, "async fn later() {}\n", "`async`"),
            (file, "const HALF: f64 = 0.5;\n", "`f64`"),
        ],
    );
    let manifest =
        |text: &str| text.replace("thiserror.workspace = true", "thiserror.workspace = true\nserde = \"1\"");
    check_changes(
        the_core_is_pure,
        &[(spoiled("engine/core/Cargo.toml", manifest), "`serde` in [dependencies]")],
    );
}

#[test]
fn one_module_knows_the_yaml_crate() {
    check(
        one_module_names_yaml,
        &[("engine/standard/src/cases.rs", "use saphyr_parser::Event;\n", "cases.rs")],
    );
}

#[test]
fn only_the_store_speaks_sql() {
    check(
        only_the_store_names_sql,
        &[
            ("engine/service/src/engine.rs", "use rusqlite::Connection;\n", "`rusqlite`"),
            ("engine/cli/src/data.rs", "const ALL: &str = \"SELECT * FROM facts\";\n", "`SELECT`"),
        ],
    );
}

#[test]
fn only_the_grpc_surface_knows_protobuf() {
    check(
        only_grpc_names_protobuf,
        &[
            ("engine/service/src/use_case/tier.rs", "use hengxin_proto::v1;\n", "`hengxin_proto`"),
            ("engine/cli/src/main.rs", "use tonic::Status;\n", "`tonic`"),
        ],
    );
}

#[test]
fn only_the_web_makes_pages() {
    check(
        only_the_pages_name_templates,
        &[("engine/service/src/metrics.rs", "use askama::Template;\n", "`askama`")],
    );
}

#[test]
fn only_the_command_line_is_without_error_types() {
    check(
        only_the_command_line_uses_anyhow,
        &[("engine/ingest/src/table.rs", "use anyhow::Context;\n", "`anyhow`")],
    );
    let manifest = |text: &str| text.replace("[dependencies]\n", "[dependencies]\nanyhow.workspace = true\n");
    check_changes(
        only_the_command_line_uses_anyhow,
        &[(spoiled("engine/store/Cargo.toml", manifest), "`hengxin-store` depends on anyhow")],
    );
}

#[test]
fn unsafe_code_is_forbidden_in_every_crate() {
    let lints = |text: &str| text.replace("[lints]\nworkspace = true\n", "");
    let forbid = |text: &str| text.replace("unsafe_code = \"forbid\"", "unsafe_code = \"warn\"");
    check_changes(
        no_crate_is_unsafe,
        &[
            (spoiled("engine/ingest/Cargo.toml", lints), "engine/ingest"),
            (spoiled("Cargo.toml", forbid), "forbid"),
        ],
    );
}

#[test]
fn crates_depend_on_each_other_as_the_architecture_says() {
    let ingest =
        |text: &str| text.replace("[dependencies]\n", "[dependencies]\nhengxin-store.workspace = true\n");
    let page = |text: &str| text.replace("| `hengxin-ingest` ", "| `hengxin-intake` ");
    check_changes(
        crates_use_what_the_architecture_allows,
        &[
            (spoiled("engine/ingest/Cargo.toml", ingest), "uses `hengxin-store`"),
            (spoiled("docs/architecture.md", page), "`hengxin-ingest` is not in the table"),
        ],
    );
}

#[test]
fn published_editions_are_pinned_and_unchanged() {
    let edition = "standards/highway-construction/2009.1.yaml";
    let unpin = |text: &str| {
        let lines = text.lines().filter(|l| !l.starts_with("highway-construction ") && !l.starts_with('#'));
        lines.map(|l| format!("{l}\n")).collect()
    };
    check_changes(
        every_shipped_edition_is_pinned,
        &[
            (
                spoiled(edition, |text| format!("{text}# a remark\n")),
                "lock: found `highway-construction` 2009.1",
            ),
            (spoiled("standards/editions.lock", unpin), "`highway-construction` 2009.1 is not pinned"),
        ],
    );
}

#[test]
fn every_file_begins_with_what_it_is() {
    let file = "engine/core/src/lib.rs";
    check_changes(every_file_says_what_it_is, &[(spoiled(file, |text| format!("\n{text}")), file)]);
}

#[test]
fn files_stay_short() {
    let file = "engine/core/src/number.rs";
    check_changes(no_file_is_long, &[(spoiled(file, |text| text.repeat(3)), file)]);
}
