//! Text of users inside markup.

/// A text that stands for itself in HTML, in an attribute and in SVG.
pub(super) fn escape(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&#39;"),
            // Characters that no document may hold.
            c if c.is_control() && !matches!(c, '\n' | '\t') => text.push('\u{fffd}'),
            c => text.push(c),
        }
    }
    text
}

/// At most so many characters, the last an ellipsis.
pub(super) fn shorten(words: &str, most: usize) -> String {
    if words.chars().count() <= most {
        return words.to_owned();
    }
    let kept: String = words.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_said_becomes_markup() {
        assert_eq!(
            escape("<script>alert('\"&')</script>\u{0}"),
            "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;\u{fffd}"
        );
        assert_eq!(shorten("能力评价", 3), "能力…");
        assert_eq!(shorten("能力", 3), "能力");
    }
}
