//! `hengxin uscc`: unified social credit codes.

use std::io::BufRead as _;

use hengxin_core::uscc::Uscc;
use serde_json::json;

use crate::failure::Failure;
use crate::output;

/// Check unified social credit codes: every defect, and what may have been meant.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin uscc 91110101MA00000U27
  hengxin uscc --json 914403001922038217
  cut -d, -f1 list.csv | hengxin uscc -

Exit code 2 when any code is invalid.")]
pub struct Arguments {
    /// Codes; `-` reads one a line from standard input.
    #[arg(required = true, value_name = "CODE")]
    codes: Vec<String>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut invalid = 0u64;
    for code in &arguments.codes {
        if code == "-" {
            for line in std::io::stdin().lock().lines() {
                invalid += u64::from(!show(line?.trim_end_matches('\r'), arguments.json));
            }
        } else {
            invalid += u64::from(!show(code, arguments.json));
        }
    }
    if invalid > 0 { Err(Failure::Shown) } else { Ok(()) }
}

/// Prints what is known of a code; whether it is valid.
fn show(text: &str, as_json: bool) -> bool {
    let parsed = text.parse::<Uscc>();
    let defects: Vec<String> = Uscc::defects(text).iter().map(ToString::to_string).collect();
    let near: Vec<String> = Uscc::suggest(text).iter().map(ToString::to_string).collect();
    match (&parsed, as_json) {
        (Ok(code), true) => output::json(&json!({
            "code": text,
            "valid": true,
            "department": code.department().name(),
            "entity_type": code.entity_type(),
            "kind": code.kind().as_str(),
            "registering_region": code.registering_region().to_string(),
            "organisation_code": code.organisation_code(),
        })),
        (Err(_), true) => {
            output::json(&json!({"code": text, "valid": false, "defects": defects, "did_you_mean": near}));
        }
        (Ok(code), false) => println!(
            "{code}  valid  {} {}  registered in {}  organisation code {}",
            code.department().name(),
            code.entity_type(),
            code.registering_region(),
            code.organisation_code()
        ),
        (Err(_), false) => {
            println!("{text}  invalid");
            for defect in defects {
                println!("  {defect}");
            }
            if !near.is_empty() {
                println!("  did you mean {}?", near.join(" or "));
            }
        }
    }
    parsed.is_ok()
}
