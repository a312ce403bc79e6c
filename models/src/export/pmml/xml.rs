//! XML as it is written here: elements and attributes, and hardly a text between them.

use std::fmt::Write as _;

/// A document that grows from its root on.
pub(super) struct Xml {
    text: String,
    open: Vec<&'static str>,
}

/// The attributes of an element, in their order.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Xml {
    pub(super) fn new() -> Xml {
        Xml { text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(), open: Vec::new() }
    }

    /// An element with others inside, as `inside` writes them.
    pub(super) fn around(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Xml),
    ) {
        self.tag(name, attributes, ">\n");
        self.open.push(name);
        inside(self);
        self.open.pop();
        let _ = writeln!(self.text, "{}</{name}>", self.indent());
    }

    /// An element with nothing inside.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.tag(name, attributes, "/>\n");
    }

    /// An element with a text inside that needs no escapes, such as a number.
    pub(super) fn leaf_text(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.tag(name, attributes, "");
        let _ = writeln!(self.text, ">{text}</{name}>");
    }

    pub(super) fn text(self) -> String {
        self.text
    }

    fn tag(&mut self, name: &str, attributes: Attributes<'_>, end: &str) {
        let _ = write!(self.text, "{}<{name}", self.indent());
        for (name, value) in attributes {
            let _ = write!(self.text, " {name}=\"{}\"", escaped(value));
        }
        self.text.push_str(end);
    }

    fn indent(&self) -> String {
        "  ".repeat(self.open.len())
    }
}

/// The text of an attribute. White space but the blank is escaped, since a reader takes it for a blank otherwise.
fn escaped(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => kept.push_str("&amp;"),
            '<' => kept.push_str("&lt;"),
            '>' => kept.push_str("&gt;"),
            '"' => kept.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(kept, "&#{};", u32::from(c));
            }
            c => kept.push(c),
        }
    }
    kept
}

/// The first character that XML 1.0 cannot hold, however it is escaped (its section 2.2).
pub(super) fn unwritable(text: &str) -> Option<char> {
    text.chars().find(|c| {
        let control = *c < ' ' && !matches!(c, '\t' | '\n' | '\r');
        control || matches!(c, '\u{fffe}' | '\u{ffff}')
    })
}
