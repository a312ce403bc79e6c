//! Markup that cannot be wrong: text and attribute values are escaped here and nowhere else, and what is opened is
//! closed. Works for HTML and for the SVG inside it.

/// Markup under construction.
#[derive(Debug, Default)]
pub struct Markup {
    text: String,
}

impl Markup {
    /// What was written.
    pub fn into_text(self) -> String {
        self.text
    }

    /// An element and what is in it.
    pub fn element(
        &mut self,
        tag: &'static str,
        attributes: &[(&'static str, &str)],
        inside: impl FnOnce(&mut Markup),
    ) {
        self.open(tag, attributes);
        self.text.push('>');
        inside(self);
        self.text.push_str("</");
        self.text.push_str(tag);
        self.text.push('>');
    }

    /// An element that holds nothing, such as `rect` or `meta`.
    pub fn empty(&mut self, tag: &'static str, attributes: &[(&'static str, &str)]) {
        self.open(tag, attributes);
        self.text.push_str("/>");
    }

    /// An element that holds a text.
    pub fn words(&mut self, tag: &'static str, attributes: &[(&'static str, &str)], words: &str) {
        self.element(tag, attributes, |m| m.say(words));
    }

    /// A text.
    pub fn say(&mut self, words: &str) {
        escape(words, &mut self.text);
    }

    /// A text of ours that holds no character to be escaped and must not be: the style sheet.
    pub fn style_sheet(&mut self, css: &'static str) {
        self.text.push_str("<style>");
        self.text.push_str(css);
        self.text.push_str("</style>");
    }

    fn open(&mut self, tag: &'static str, attributes: &[(&'static str, &str)]) {
        self.text.push('<');
        self.text.push_str(tag);
        for (name, value) in attributes {
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(value, &mut self.text);
            self.text.push('"');
        }
    }
}

fn escape(words: &str, into: &mut String) {
    for c in words.chars() {
        match c {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            // Characters that no document may hold; a text with one came from a damaged record.
            c if c.is_control() && !matches!(c, '\n' | '\t') => into.push('\u{fffd}'),
            c => into.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_said_becomes_markup() {
        let mut m = Markup::default();
        m.words("p", &[("title", "a\"b'<")], "<script>alert('&')</script>\u{0}");
        assert_eq!(
            m.into_text(),
            "<p title=\"a&quot;b&#39;&lt;\">&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;\u{fffd}</p>"
        );
    }
}
