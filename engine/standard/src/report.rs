//! Faults shown to the author of a document: labelled excerpts for a terminal, plain lines, and rows for scripts.

use std::fmt::Write as _;

use hengxin_core::document::{Fault, Faults, Span};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, MietteError, MietteSpanContents,
    Report, Severity, SourceCode, SourceSpan, SpanContents,
};

/// A document with its faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultyFile {
    /// Name shown, a path as a rule.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What was found in it.
    pub faults: Faults,
}

/// One fault with its place, for scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// File.
    pub file: &'a str,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Id of the check.
    pub check: &'static str,
    /// What was found.
    pub found: &'a str,
    /// What was expected.
    pub expected: &'a str,
}

impl FaultyFile {
    /// One row a fault, in the order of the text.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let mut faults: Vec<&Fault> = self.faults.0.iter().collect();
        faults.sort_by_key(|f| (f.at, f.check));
        faults
            .into_iter()
            .map(|fault| {
                let (line, column) = place(&self.text, fault.at.start);
                Row {
                    file: &self.file,
                    line,
                    column,
                    check: fault.check.id(),
                    found: &fault.found,
                    expected: &fault.expected,
                }
            })
            .collect()
    }

    /// `file:line:column: check: found …, expected …`, a line a fault.
    pub fn plain(&self) -> String {
        let mut out = String::new();
        for row in self.rows() {
            let Row { file, line, column, check, found, expected } = row;
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{file}:{line}:{column}: {check}: found {found}, expected {expected}");
        }
        out
    }

    /// Labelled excerpts of the text, in colour when asked for.
    pub fn fancy(&self, colour: bool) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_context_lines(1).with_width(110);
        let mut faults: Vec<&Fault> = self.faults.0.iter().collect();
        faults.sort_by_key(|f| (f.at, f.check));
        let mut out = String::new();
        for fault in faults {
            let span = self.visible(fault.at);
            let diagnostic = MietteDiagnostic::new(format!("found {}", fault.found))
                .with_code(fault.check.id())
                .with_severity(Severity::Error)
                .with_help(format!(
                    "expected {} (docs/standard-format.md §14, `{}`)",
                    fault.expected, fault.check
                ))
                .with_labels([LabeledSpan::new(Some("here".to_owned()), span.start, span.end - span.start)]);
            let source = Named { file: self.file.clone(), text: self.text.clone() };
            let report = Report::new(diagnostic).with_source_code(source);
            if handler.render_report(&mut out, report.as_ref()).is_err() {
                let _ = writeln!(out, "{}: {fault}", self.file);
            }
        }
        out
    }

    /// Only the first line of a long span is shown, and a span always lies inside the text.
    fn visible(&self, span: Span) -> Span {
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let rest = self.text.get(start..).unwrap_or_default();
        let line = rest.find('\n').unwrap_or(rest.len());
        let mut end = span.end.clamp(start, self.text.len()).min(start + line);
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        Span { start, end: end.max(start) }
    }
}

/// A named text whose columns count characters; the plain string's count bytes, which a Chinese line shows wrongly.
struct Named {
    file: String,
    text: String,
}

impl SourceCode for Named {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.read_span(span, lines_before, lines_after)?;
        let (line, column) = place(&self.text, inner.span().offset());
        Ok(Box::new(MietteSpanContents::new_named(
            self.file.clone(),
            inner.data(),
            *inner.span(),
            line - 1,
            column - 1,
            inner.line_count(),
        )))
    }
}

/// (line, column) of a byte, both from 1, the column in characters.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let mut end = byte.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = text.get(..end).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (line, column)
}
