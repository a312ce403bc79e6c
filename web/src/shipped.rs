//! What shipped standards say in English, in Chinese: notes, and why a figure is the project's own.
//!
//! A published edition never changes, and its format has one language for these texts. They are translated where they are
//! shown, by the text itself, so that the same reason in two editions has one translation. A standard of somebody else's is
//! shown as its author wrote it.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::words::Language;

/// English on a line, Chinese on the next, then an empty one.
const TEXTS: &str = include_str!("../texts/standards.txt");

static CHINESE: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let said: Vec<&str> = TEXTS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    said.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?))).collect()
});

/// A text of a standard in the language of the page, as far as there is one.
pub(crate) fn said(l: Language, text: &str) -> String {
    let chinese = CHINESE.get(text.trim()).filter(|_| l == Language::Chinese);
    chinese.map_or_else(|| text.to_owned(), |chinese| (*chinese).to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hengxin_core::document::{Node, Value};
    use hengxin_standard::{Catalogue, parse_document};

    use super::*;

    /// Reasons and notes of a document, and everything else that is text.
    fn texts(node: &Node, key: &str, found: &mut BTreeSet<(bool, String)>) {
        match &node.value {
            Value::Scalar(text) => {
                found.insert((matches!(key, "project" | "note"), text.trim().to_owned()));
            }
            Value::List(items) => items.iter().for_each(|item| texts(item, key, found)),
            Value::Map(entries) => entries.iter().for_each(|(key, node)| texts(node, &key.text, found)),
        }
    }

    /// Whether it has three English words one after the other.
    fn english(text: &str) -> bool {
        text.split(' ').collect::<Vec<_>>().windows(3).any(|three| {
            three.iter().all(|word| word.len() > 1 && word.bytes().all(|b| b.is_ascii_alphabetic()))
        })
    }

    #[test]
    fn every_english_text_of_every_shipped_document_has_its_chinese_and_no_other_has() {
        let catalogue = Catalogue::shipped().expect("shipped");
        let mut found = BTreeSet::new();
        let documents = catalogue.standards().map(|edition| &edition.text);
        for text in documents.chain(catalogue.policies().map(|edition| &edition.text)) {
            texts(&parse_document(text).expect("checked"), "", &mut found);
        }
        let is_chinese = |text: &str| !text.is_ascii() && !english(text);
        let needed: BTreeSet<&str> = found
            .iter()
            .filter(|(told, text)| if *told { !is_chinese(text) } else { english(text) })
            .map(|(_, text)| text.as_str())
            .collect();
        let known: BTreeSet<&str> = CHINESE.keys().copied().collect();
        let lacking: Vec<_> = needed.difference(&known).collect();
        assert!(lacking.is_empty(), "no Chinese of {lacking:#?}");
        let idle: Vec<_> = known.difference(&needed).collect();
        assert!(idle.is_empty(), "nobody says {idle:#?}");
        for chinese in CHINESE.values() {
            assert!(is_chinese(chinese), "{chinese}");
        }
    }

    #[test]
    fn what_nobody_shipped_is_left_as_it_is() {
        assert_eq!(said(Language::Chinese, "sample points"), "分值为样例");
        assert_eq!(said(Language::English, "sample points"), "sample points");
        assert_eq!(said(Language::Chinese, "our council decided so"), "our council decided so");
    }
}
