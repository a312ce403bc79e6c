//! The statements of this crate as PostgreSQL writes them. They keep to what both engines understand; what differs is how a
//! parameter is named, and who numbers rows.

/// `?1` → `$1`, but for texts in quotes.
pub(super) fn translate(sql: &str) -> String {
    let mut quoted = false;
    let renamed = sql.chars().map(|c| {
        quoted ^= c == '\'';
        if c == '?' && !quoted { '$' } else { c }
    });
    renamed.collect()
}

/// A statement that inserts one row, with the row's number as its last parameter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) sql: String,
    pub(super) table: String,
    pub(super) key: &'static str,
}

/// `INSERT INTO t (a) VALUES ($1)` → `INSERT INTO t (id, a) VALUES ($2, $1)`. `None` for a statement that numbers its row
/// itself.
pub(super) fn numbered(sql: &str) -> Option<Numbered> {
    let (head, values) = sql.split_once("VALUES (")?;
    let (table, columns) = head.strip_prefix("INSERT INTO ")?.split_once(" (")?;
    let key = if table == "facts" { "seq" } else { "id" };
    if columns.starts_with(&format!("{key},")) {
        return None;
    }
    let number = sql.matches('$').count() + 1;
    Some(Numbered {
        sql: format!("INSERT INTO {table} ({key}, {columns}VALUES (${number}, {values}"),
        table: table.to_owned(),
        key,
    })
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
    fn a_row_is_given_its_number_unless_it_has_one() {
        let found = numbered("INSERT INTO facts (subject, key)\n VALUES ($1, $2)").expect("to be numbered");
        assert_eq!(found.sql, "INSERT INTO facts (seq, subject, key)\n VALUES ($3, $1, $2)");
        assert_eq!((found.table.as_str(), found.key), ("facts", "seq"));
        let found = numbered("INSERT INTO subjects (code) VALUES ($1)").expect("to be numbered");
        assert_eq!(found.sql, "INSERT INTO subjects (id, code) VALUES ($2, $1)");
        assert_eq!(numbered("INSERT INTO loads (id, run) VALUES ((SELECT 1), $1)"), None);
    }
}
