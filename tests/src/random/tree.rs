//! A document being made up: written as YAML text.

use std::fmt::Write;

/// A document or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// Text that needs no quotes.
    Plain(String),
    /// Text in quotes.
    Quoted(String),
    /// A list.
    List(Vec<Tree>),
    /// A map.
    Map(Vec<(String, Tree)>),
}

/// Plain text.
pub fn plain(text: impl ToString) -> Tree {
    Tree::Plain(text.to_string())
}

/// Quoted text.
pub fn quoted(text: impl ToString) -> Tree {
    Tree::Quoted(text.to_string())
}

/// A list of plain texts.
pub fn names<T: ToString>(names: impl IntoIterator<Item = T>) -> Tree {
    Tree::List(names.into_iter().map(plain).collect())
}

/// A map.
pub fn map<const N: usize>(entries: [(&str, Tree); N]) -> Tree {
    Tree::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

impl Tree {
    /// Adds an entry to a map.
    pub fn put(&mut self, key: &str, value: Tree) {
        match self {
            Tree::Map(entries) => entries.push((key.to_owned(), value)),
            Tree::Plain(_) | Tree::Quoted(_) | Tree::List(_) => panic!("`{key}` put into no map"),
        }
    }

    /// A document: one key a line, lists of maps one item a line, everything deeper in flow form.
    pub fn to_yaml(&self) -> String {
        let mut yaml = String::new();
        let Tree::Map(entries) = self else { panic!("a document is a map") };
        for (key, value) in entries {
            match value {
                Tree::List(items) if items.iter().any(|item| matches!(item, Tree::Map(_))) => {
                    let _ = writeln!(yaml, "{key}:");
                    for item in items {
                        let _ = writeln!(yaml, "  - {}", item.flow());
                    }
                }
                Tree::Plain(_) | Tree::Quoted(_) | Tree::List(_) | Tree::Map(_) => {
                    let _ = writeln!(yaml, "{key}: {}", value.flow());
                }
            }
        }
        yaml
    }

    fn flow(&self) -> String {
        match self {
            Tree::Plain(text) => text.clone(),
            Tree::Quoted(text) => format!("\"{text}\""),
            Tree::List(items) => {
                let items: Vec<String> = items.iter().map(Tree::flow).collect();
                format!("[{}]", items.join(", "))
            }
            Tree::Map(entries) => {
                let entries: Vec<String> =
                    entries.iter().map(|(k, v)| format!("{k}: {}", v.flow())).collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }
}

/// A number of ten-thousandths as a plain decimal.
pub fn decimal(ten_thousandths: i64) -> String {
    let sign = if ten_thousandths < 0 { "-" } else { "" };
    let magnitude = ten_thousandths.unsigned_abs();
    let (before, after) = (magnitude / 10_000, magnitude % 10_000);
    if after == 0 {
        return format!("{sign}{before}");
    }
    let after = format!("{after:04}");
    format!("{sign}{before}.{}", after.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousandths_are_written_without_needless_zeros() {
        for (n, expected) in [(0, "0"), (-15_000, "-1.5"), (1, "0.0001"), (-10, "-0.001"), (120_000, "12")] {
            assert_eq!(decimal(n), expected);
        }
    }

    #[test]
    fn documents_are_written_line_by_line() {
        let doc = map([
            ("title", quoted("甲")),
            ("list", Tree::List(vec![map([("a", plain(1))]), map([("b", names(["x", "y"]))])])),
        ]);
        assert_eq!(doc.to_yaml(), "title: \"甲\"\nlist:\n  - {a: 1}\n  - {b: [x, y]}\n");
    }
}
