//! The statements of this crate as PostgreSQL writes them. They keep to what both engines understand; all that differs
//! is how a parameter is named.

/// `?1` → `$1`, but for texts in quotes.
pub(super) fn translate(sql: &str) -> String {
    let mut quoted = false;
    let renamed = sql.chars().map(|c| {
        quoted ^= c == '\'';
        if c == '?' && !quoted { '$' } else { c }
    });
    renamed.collect()
}

/// The column that numbers the rows of the table a statement inserts into.
pub(super) fn key(sql: &str) -> &'static str {
    if sql.starts_with("INSERT INTO facts ") { "seq" } else { "id" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_renamed_and_texts_are_left_alone() {
        assert_eq!(
            translate("SELECT '?1', ?1 WHERE a = ?12 OR b = 'it''s ?2'"),
            "SELECT '?1', $1 WHERE a = $12 OR b = 'it''s ?2'"
        );
    }

    #[test]
    fn facts_are_numbered_by_their_place() {
        assert_eq!(key("INSERT INTO facts (subject) VALUES (?1)"), "seq");
        assert_eq!(key("INSERT INTO subjects (code) VALUES (?1)"), "id");
    }
}
