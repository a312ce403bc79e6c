//! `hengxin-typeset`: an encoded report on standard input, a PDF on standard output.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use hengxin_typeset::{DEFAULT_FONTS, TypesetError, fonts, typeset};

const HELP: &str = "\
Sets a credit report as a PDF.

Usage: hengxin-typeset [--font FILE]... [--verify-url URL] < REPORT > PDF

Options:
      --font FILE        A font or a collection of fonts; may be repeated. Default Noto Sans CJK as Debian's package
                         fonts-noto-cjk lays it
      --verify-url URL   Where the page that checks reports is, for the QR code
  -h, --help             Print this

REPORT is an encoded hengxin.v1.Report, as `hengxin report show NUMBER --out FILE.bin` writes it. The same report gives the
same bytes. Exit code 2: the report cannot be set, such as for a character without a glyph; 1: anything else.";

/// Largest report that is read.
const GREATEST: u64 = 64 << 20;

struct Arguments {
    fonts: Vec<PathBuf>,
    verify_url: String,
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let mut read = Arguments { fonts: Vec::new(), verify_url: String::new() };
    while let Some(argument) = given.next() {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        let mut value = || {
            let missing = || format!("{name}: found nothing, expected a value");
            value.clone().or_else(|| given.next()).ok_or_else(missing)
        };
        match name.as_str() {
            "-h" | "--help" => return Ok(None),
            "--font" => read.fonts.push(value()?.into()),
            "--verify-url" => read.verify_url = value()?,
            other => return Err(format!("found `{other}`, expected --font, --verify-url or --help")),
        }
    }
    if read.fonts.is_empty() {
        read.fonts = DEFAULT_FONTS.iter().map(PathBuf::from).collect();
    }
    Ok(Some(read))
}

fn run(arguments: &Arguments) -> Result<(), TypesetError> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: std::io::Error| TypesetError::Failed(format!("{what}: {error}"))
    };
    let mut report = Vec::new();
    std::io::stdin().take(GREATEST).read_to_end(&mut report).map_err(failed("standard input"))?;
    let document = typeset(&report, &arguments.verify_url, fonts(&arguments.fonts)?)?;
    std::io::stdout().write_all(&document).map_err(failed("standard output"))
}

fn main() -> ExitCode {
    let arguments = match arguments(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("hengxin-typeset: {problem}");
            return ExitCode::FAILURE;
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("hengxin-typeset: {problem}");
            if problem.of_the_report() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
