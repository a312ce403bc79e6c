//! Sets a credit report as a PDF: a report's bytes in, a document out, and the same document for the same bytes.
//!
//! ```text
//! v1.Report ─ data ▶ texts ─ words ▶ texts fit for paper ─ world, report.typ ▶ pages ─▶ PDF
//! ```
//!
//! A program of its own, so that neither a typesetter's three hundred crates nor a defect in one of them are part of the
//! service (`docs/decisions/0019-reports.md`). Nothing is read but the report and the fonts, and nothing in a report is ever
//! taken for markup.

mod data;
mod qr;
mod words;
mod world;

use std::path::PathBuf;

use serde_json::{Value, json};
use typst::foundations::{Bytes, Datetime, Smart};
use typst::layout::{Frame, FrameItem};
use typst::text::Font;
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, Timestamp};

use world::Sealed;

/// Where Debian's package `fonts-noto-cjk` lays its fonts.
pub const DEFAULT_FONTS: [&str; 2] = [
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
];

/// Families within collections that are taken first: the forms of characters that are printed in China.
const CHINESE: &str = "CJK SC";

/// Most pages of a document that is tagged for readers who do not see it. Tags are most of the bytes of a long one, which then
/// fits into no message.
const TAGGED_PAGES: usize = 100;

/// Why there is no document.
#[derive(Debug, PartialEq, Eq)]
pub enum TypesetError {
    /// The bytes are no report.
    Unreadable(String),
    /// No font has a character.
    NoGlyph {
        /// The character.
        character: char,
        /// Where it stands, such as `sections[1].records[0].fields[3].value`.
        place: String,
    },
    /// A font that cannot be read.
    Font {
        /// Its file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The typesetter failed.
    Failed(String),
}

impl TypesetError {
    /// Whether the report is at fault, not the machine.
    pub fn of_the_report(&self) -> bool {
        matches!(self, TypesetError::Unreadable(_) | TypesetError::NoGlyph { .. })
    }
}

impl std::fmt::Display for TypesetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TypesetError::Unreadable(why) => write!(f, "found bytes that are no report: {why}"),
            TypesetError::NoGlyph { character, place } => write!(
                f,
                "{place}: found `{character}` (U+{:04X}), expected characters that the fonts have",
                u32::from(*character)
            ),
            TypesetError::Font { path, why } => write!(f, "font `{}`: {why}", path.display()),
            TypesetError::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for TypesetError {}

/// Reads all fonts of some files.
///
/// # Errors
/// A file that cannot be read, or holds no font.
pub fn fonts(files: &[PathBuf]) -> Result<Vec<Font>, TypesetError> {
    let mut all = Vec::new();
    for path in files {
        let failed = |why: String| TypesetError::Font { path: path.clone(), why };
        let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        let before = all.len();
        all.extend(Font::iter(Bytes::new(bytes)));
        if all.len() == before {
            return Err(failed("found no font in it".to_owned()));
        }
    }
    // The sort is stable: fonts of one kind stay in the order they were named.
    all.sort_by_key(|font| !font.info().family.contains(CHINESE));
    Ok(all)
}

/// Sets an encoded report; `verify_url` is where its QR code leads, empty for nowhere.
///
/// # Errors
/// [`TypesetError`].
pub fn typeset(report: &[u8], verify_url: &str, fonts: Vec<Font>) -> Result<Vec<u8>, TypesetError> {
    let read = data::read(report)?;
    let mut texts = read.texts();
    words::fit(&mut texts, "", &fonts)?;
    let mut families: Vec<&str> = fonts.iter().map(|font| font.info().family.as_str()).collect();
    let mut seen = std::collections::BTreeSet::new();
    families.retain(|family| seen.insert(*family));
    if let Value::Object(texts) = &mut texts {
        texts.insert("fonts".to_owned(), json!(families));
        texts.insert("qr".to_owned(), json!(qr::svg(&read.check(verify_url))?));
    }
    let world = Sealed::new(include_str!("report.typ"), texts.to_string(), fonts)?;
    let document: PagedDocument = typst::compile(&world).output.map_err(told)?;
    for page in document.pages() {
        every_glyph(&page.frame)?;
    }
    let (year, month, day) = data::day(read.issued_at());
    let of_day = read.issued_at().rem_euclid(86_400);
    let part = |n: i64| u8::try_from(n).unwrap_or(0);
    let issued_at = Datetime::from_ymd_hms(
        year,
        month,
        day,
        part(of_day / 3600),
        part(of_day / 60 % 60),
        part(of_day % 60),
    );
    let options = PdfOptions {
        ident: Smart::Custom(read.report.number.clone()),
        creator: Smart::Custom(Some(format!("hengxin-typeset {}", env!("CARGO_PKG_VERSION")))),
        timestamp: issued_at.map(Timestamp::new_utc),
        tagged: document.pages().len() <= TAGGED_PAGES,
        ..PdfOptions::default()
    };
    typst_pdf::pdf(&document, &options).map_err(told)
}

/// Refuses a page on which a character is an empty box, as words of the template would be under another font.
fn every_glyph(frame: &Frame) -> Result<(), TypesetError> {
    for (_, item) in frame.items() {
        match item {
            FrameItem::Group(group) => every_glyph(&group.frame)?,
            FrameItem::Text(text) => {
                if let Some(glyph) = text.glyphs.iter().find(|glyph| glyph.id == 0) {
                    let range = usize::from(glyph.range.start)..usize::from(glyph.range.end);
                    let missing = text.text.get(range).and_then(|text| text.chars().next());
                    let character = missing.unwrap_or(char::REPLACEMENT_CHARACTER);
                    return Err(TypesetError::NoGlyph { character, place: format!("`{}`", text.text) });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn told(errors: impl IntoIterator<Item = typst::diag::SourceDiagnostic>) -> TypesetError {
    let all: Vec<String> = errors.into_iter().map(|error| error.message.to_string()).collect();
    TypesetError::Failed(all.join("; "))
}
