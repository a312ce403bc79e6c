//! YAML text to a document tree. The only module that names the YAML crate.
//!
//! A subset: one document of maps, lists and scalars. Anchors, aliases and tags are refused, because a reader of a
//! standard should see every figure where it stands.

use hengxin_core::document::{Check, Faults, Key, Node, Span, Value};
use saphyr_parser::{Event, Parser};

/// Deepest nesting; real standards stay below twenty.
const DEPTH_MAX: usize = 64;
/// Largest text, in bytes.
const SIZE_MAX: usize = 4 << 20;

/// Most characters refused at once: a file of another kind would give one for every byte.
const HIDDEN_MAX: usize = 20;

/// Reads one document. A key without a value holds the empty text.
///
/// # Errors
/// Every character that a reader cannot see, else the first fault of syntax; the shape of what follows it is not
/// known.
pub fn parse_document(text: &str) -> Result<Node, Faults> {
    let mut faults = Faults::default();
    if text.len() > SIZE_MAX {
        let expected = format!("at most {SIZE_MAX} bytes");
        faults.push(Span::default(), Check::Syntax, format!("a text of {} bytes", text.len()), expected);
        return Err(faults);
    }
    refuse_hidden(text, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    let places = Places::new(text);
    match build(text, &places) {
        Ok(Some(node)) => Ok(node),
        Ok(None) => {
            faults.push(Span::default(), Check::Syntax, "an empty document", "a map of keys");
            Err(faults)
        }
        Err((span, found, expected)) => {
            faults.push(span, Check::Syntax, found, expected);
            Err(faults)
        }
    }
}

/// Tabs, controls and marks of direction or width: they make a line read otherwise than it is understood.
fn refuse_hidden(text: &str, faults: &mut Faults) {
    for (start, c) in text.char_indices() {
        let line_end =
            c == '\n' || (c == '\r' && text.get(start + 1..).is_some_and(|rest| rest.starts_with('\n')));
        let hidden = match c {
            '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => true,
            _ => c.is_control(),
        };
        if !hidden || line_end {
            continue;
        }
        let span = Span { start, end: start + c.len_utf8() };
        match c {
            '\t' => faults.push(span, Check::Syntax, "a tab", "spaces"),
            _ => faults.push(
                span,
                Check::Syntax,
                format!("the invisible character U+{:04X}", u32::from(c)),
                "text whose every character can be seen",
            ),
        }
        if faults.len() == HIDDEN_MAX {
            return;
        }
    }
}

/// Byte offsets of characters: the parser counts characters, spans count bytes.
struct Places {
    /// Byte offset of each character, and the length at the end; empty for ASCII, where both are the same.
    offsets: Vec<usize>,
    len: usize,
}

impl Places {
    fn new(text: &str) -> Places {
        let offsets = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(i, _)| i).chain([text.len()]).collect()
        };
        Places { offsets, len: text.len() }
    }

    fn byte(&self, character: usize) -> usize {
        if self.offsets.is_empty() {
            return character.min(self.len);
        }
        self.offsets.get(character).copied().unwrap_or(self.len)
    }
}

type Problem = (Span, String, String);

/// A collection that is still open.
enum Open {
    List(Span, Vec<Node>),
    Map(Span, Vec<(Key, Node)>, Option<Key>),
}

fn build(text: &str, places: &Places) -> Result<Option<Node>, Problem> {
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Node> = None;
    let mut documents = 0;
    while let Some(event) = parser.next_event() {
        let (event, at) = event.map_err(|problem| {
            let start = places.byte(problem.marker().index());
            let span = Span { start, end: places.byte(problem.marker().index() + 1) };
            (span, format!("text that is not YAML ({})", problem.info()), expected_at(text, start, &open))
        })?;
        let span = Span { start: places.byte(at.start.index()), end: places.byte(at.end.index()) };
        let refuse = |what: &str| Err((span, what.to_owned(), "plain maps, lists and scalars".to_owned()));
        let finished = match event {
            Event::Alias(_) => return refuse("an alias"),
            Event::Scalar(_, _, anchor, _)
            | Event::SequenceStart(anchor, _)
            | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                return refuse("an anchor");
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                return refuse("a tag");
            }
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return refuse("a second document");
                }
                continue;
            }
            Event::Scalar(value, _, _, None) => Some(Node { span, value: Value::Scalar(value.into_owned()) }),
            Event::SequenceStart(..) => {
                open.push(Open::List(span, Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(span, Vec::new(), None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(|collection| match collection {
                Open::List(start, items) => {
                    Node { span: until(text, start, span), value: Value::List(items) }
                }
                Open::Map(start, entries, _) => {
                    Node { span: until(text, start, span), value: Value::Map(entries) }
                }
            }),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
        };
        if open.len() > DEPTH_MAX {
            return Err((span, "deeper nesting".to_owned(), format!("at most {DEPTH_MAX} levels")));
        }
        let Some(node) = finished else { continue };
        match open.last_mut() {
            None => root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, key)) => match (key.take(), node.value) {
                (Some(key), value) => entries.push((key, Node { span: node.span, value })),
                (None, Value::Scalar(text)) => *key = Some(Key { span: node.span, text }),
                (None, Value::List(_) | Value::Map(_)) => {
                    return Err((node.span, "a list or map as a key".to_owned(), "a word".to_owned()));
                }
            },
        }
    }
    Ok(root)
}

/// What was expected where the text stops being YAML. A bracket that is not closed is noticed lines later.
fn expected_at(text: &str, at: usize, open: &[Open]) -> String {
    let line = |byte: usize| text.get(..byte).unwrap_or_default().matches('\n').count() + 1;
    let innermost = open.last().map(|collection| match collection {
        Open::List(span, _) | Open::Map(span, _, _) => span.start,
    });
    let bracket = innermost.and_then(|start| Some((start, text.get(start..)?.chars().next()?)));
    match bracket {
        Some((start, bracket @ ('[' | '{'))) if line(start) < line(at) => {
            format!("valid YAML; is the `{bracket}` of line {} closed?", line(start))
        }
        Some(_) | None => "valid YAML".to_owned(),
    }
}

/// From the start of a collection to its end. A block ends where the next token begins; the space between is not its.
fn until(text: &str, start: Span, end: Span) -> Span {
    let inside = text.get(start.start..end.end.max(start.end)).unwrap_or_default();
    Span { start: start.start, end: start.start + inside.trim_end().len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn refused(text: &str) -> String {
        parse_document(text).expect_err("refused").0[0].to_string()
    }

    #[test]
    fn spans_count_bytes_of_chinese_text() {
        let text = "标题: 行政处罚\nmax: 12\n";
        let node = parse_document(text).expect("valid");
        let max = node.child("max").expect("there");
        assert_eq!(&text[max.span.start..max.span.end], "12");
        let title = node.child("标题").expect("there");
        assert_eq!(&text[title.span.start..title.span.end], "行政处罚");
    }

    #[test]
    fn numbers_stay_text_exactly_as_written() {
        let node = parse_document("a: 1e3\nb: 2026.10\nc: \"2026.1\"\n").expect("valid");
        let text = |key: &str| node.child(key).and_then(Node::text).map(str::to_owned);
        assert_eq!(
            (text("a"), text("b"), text("c")),
            (Some("1e3".into()), Some("2026.10".into()), Some("2026.1".into()))
        );
    }

    #[test]
    fn what_hides_a_figure_is_refused() {
        assert!(refused("a: &x 1\nb: *x\n").contains("an anchor"));
        assert!(refused("a: !!int 1\n").contains("a tag"));
        assert!(refused("a: 1\n---\nb: 2\n").contains("a second document"));
        assert!(refused("").contains("an empty document"));
        assert!(refused("a: [1\n").contains("not YAML"));
        assert!(refused(&"[".repeat(100)).contains("levels"));
    }

    #[test]
    fn what_a_reader_cannot_see_is_refused_everywhere_at_once() {
        let places = |text: &str| -> Vec<usize> {
            parse_document(text).expect_err("refused").0.iter().map(|f| f.at.start).collect()
        };
        assert_eq!(places("a:\t1\nb: x\ty\n"), [2, 9]);
        assert_eq!(places("\u{feff}a: 1\n"), [0]);
        assert_eq!(places("标: 1\u{202e}2\n"), [6]);
        assert_eq!(places("a: 1\rb: 2\n"), [4]);
        assert!(parse_document("a: 1\r\nb: 二\r\n").is_ok());
        assert_eq!(places(&"\0".repeat(4000)).len(), HIDDEN_MAX);
    }

    #[test]
    fn nothing_is_the_empty_text() {
        let node = parse_document("a:\nb: ~\nc: \"\"\nd: [1, ]\n").expect("valid");
        let text = |key: &str| node.child(key).and_then(Node::text).map(str::to_owned);
        assert_eq!(
            (text("a"), text("b"), text("c")),
            (Some(String::new()), Some("~".into()), Some(String::new()))
        );
        assert_eq!(node.child("d").map(|n| n.items().len()), Some(1));
    }

    #[test]
    fn block_text_and_folded_lines_are_joined_as_yaml_says() {
        let node = parse_document("a: |\n  一\n  二\nb: >-\n  一\n  二\n").expect("valid");
        let text = |key: &str| node.child(key).and_then(Node::text).map(str::to_owned);
        assert_eq!((text("a"), text("b")), (Some("一\n二\n".into()), Some("一 二".into())));
    }

    #[test]
    fn nesting_and_size_have_limits() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse_document(&deep(DEPTH_MAX)).is_ok());
        assert!(refused(&deep(DEPTH_MAX + 1)).contains("levels"));
        assert!(refused(&"#".repeat(SIZE_MAX + 1)).contains("bytes"));
        assert!(refused(&"#".repeat(SIZE_MAX)).contains("an empty document"));
    }

    /// Every span lies inside the text, on whole characters, and the parts of a node inside it.
    fn check_spans(text: &str, node: &Node) {
        let inside = |span: Span| assert!(text.get(span.start..span.end).is_some(), "{span:?} of {text:?}");
        inside(node.span);
        match &node.value {
            Value::Scalar(_) => {}
            Value::List(items) => items.iter().for_each(|n| check_spans(text, n)),
            Value::Map(entries) => entries.iter().for_each(|(key, n)| {
                inside(key.span);
                check_spans(text, n);
            }),
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = String::from_utf8_lossy(&bytes);
            match parse_document(&text) {
                Ok(node) => check_spans(&text, &node),
                Err(faults) => prop_assert!(!faults.is_empty()),
            }
        }

        #[test]
        fn no_change_of_a_standard_panics(
            cuts in proptest::collection::vec((0usize..2000, 0usize..8, "[-a-c\\[\\]{}:,&*!|>%?\"'# \n行]{0,6}"), 1..6)
        ) {
            let mut text: String = include_str!("../../../standards/highway-construction/2009.1.yaml").into();
            for (at, len, new) in cuts {
                let chars: Vec<char> = text.chars().collect();
                let at = at.min(chars.len());
                let end = (at + len).min(chars.len());
                text = chars[..at].iter().copied().chain(new.chars()).chain(chars[end..].iter().copied()).collect();
            }
            if let Ok(node) = parse_document(&text) {
                check_spans(&text, &node);
            }
        }

        #[test]
        fn the_span_of_a_plain_scalar_is_its_text(words in proptest::collection::vec("[a-z行政处罚é]{1,6}", 1..8)) {
            let lines: Vec<String> = words.iter().enumerate().map(|(i, w)| format!("k{i}: [{w}, {{x: {w}}}]")).collect();
            let text = lines.join("\n");
            let node = parse_document(&text).expect("valid");
            for (i, word) in words.iter().enumerate() {
                let value = node.child(&format!("k{i}")).expect("there");
                let first = value.items()[0].span;
                prop_assert_eq!(&text[first.start..first.end], word);
                let second = value.items()[1].child("x").expect("there").span;
                prop_assert_eq!(&text[second.start..second.end], word);
                let all = format!("[{word}, {{x: {word}}}]");
                prop_assert_eq!(&text[value.span.start..value.span.end], all.as_str());
            }
        }

        #[test]
        fn no_yaml_like_text_panics(text in "[a-c\\[\\]{}:,&*!|>\"' \\n-]{0,120}") {
            let _ = parse_document(&text);
        }
    }
}
