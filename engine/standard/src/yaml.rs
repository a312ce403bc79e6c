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

/// Reads one document.
///
/// # Errors
/// The first fault of syntax; the shape of what follows it is not known.
pub fn parse_document(text: &str) -> Result<Node, Faults> {
    let mut faults = Faults::default();
    if text.len() > SIZE_MAX {
        let expected = format!("at most {SIZE_MAX} bytes");
        faults.push(Span::default(), Check::Syntax, format!("a text of {} bytes", text.len()), expected);
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
            let span = Span { start, end: (start + 1).min(places.len) };
            (span, format!("text that is not YAML ({})", problem.info()), "valid YAML".to_owned())
        })?;
        let span = Span { start: places.byte(at.start.index()), end: places.byte(at.end.index()) };
        let refuse = |what: &str| Err((span, what.to_owned(), "plain maps, lists and scalars".to_owned()));
        let finished = match event {
            Event::Alias(_) => return refuse("an alias"),
            Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                return refuse("an anchor");
            }
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
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
                Open::List(start, items) => Node { span: until(start, span), value: Value::List(items) },
                Open::Map(start, entries, _) => Node { span: until(start, span), value: Value::Map(entries) },
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

fn until(start: Span, end: Span) -> Span {
    Span { start: start.start, end: end.end.max(start.end) }
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
        assert_eq!((text("a"), text("b"), text("c")), (Some("1e3".into()), Some("2026.10".into()), Some("2026.1".into())));
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

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}") {
            let _ = parse_document(&text);
        }

        #[test]
        fn no_yaml_like_text_panics(text in "[a-c\\[\\]{}:,&*!|>\"' \\n-]{0,120}") {
            let _ = parse_document(&text);
        }
    }
}
