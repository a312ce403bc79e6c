//! Which kind of fact a table holds, and which column is which field.

use hengxin_core::vocabulary::{CodeId, Vocabulary};

/// Columns of a table matched to the fields of a fact code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The fact code.
    pub code: CodeId,
    /// Per field of the code: its column.
    pub columns: Vec<Option<usize>>,
    /// Columns nobody knows; they are kept with rejected rows and otherwise ignored.
    pub ignored: Vec<String>,
}

/// The column in which an exported quarantine names its entry.
pub const QUARANTINE_COLUMN: &str = "hengxin_quarantine_id";
/// The column in which an exported quarantine says why.
pub const REASON_COLUMN: &str = "hengxin_reason";
/// The column in which an exported quarantine says what is wrong with a row as such (cells missing, cut short); the
/// row is not looked at again before this is cleared, since its cells may be plausible and stand in wrong columns.
pub const ROW_COLUMN: &str = "hengxin_row";

/// Whether a column was added by the export of the quarantine.
pub fn is_ours(column: &str) -> bool {
    matches!(column, QUARANTINE_COLUMN | REASON_COLUMN | ROW_COLUMN)
}

/// Why no kind of fact fits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// A required column is absent.
    #[error("no column for {title}; expected one of {}", .names.join(", "))]
    MissingColumn {
        /// The field's title.
        title: String,
        /// The names it may have.
        names: Vec<String>,
    },
    /// Two columns for one field.
    #[error("two columns for {title}: `{first}` and `{second}`; expected one")]
    TwoColumns {
        /// The field's title.
        title: String,
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// No code fits the header.
    #[error("the columns fit no kind of fact: {}; nearest is {nearest}, which lacks {missing}", .header.join(", "))]
    Unrecognised {
        /// The header.
        header: Vec<String>,
        /// The code with the most columns in common.
        nearest: String,
        /// Its first missing column.
        missing: String,
    },
    /// Several fit equally well.
    #[error("the columns fit several kinds of fact: {}; say which with --as", .0.join(", "))]
    Ambiguous(Vec<String>),
}

impl Mapping {
    /// Matches a header to a given code.
    ///
    /// # Errors
    /// When a required column is absent or a field has two.
    pub fn to(code: CodeId, header: &[String], vocabulary: &Vocabulary) -> Result<Mapping, MappingError> {
        let declaration = vocabulary.code(code);
        let header: Vec<String> = header.iter().map(|h| normal(h)).collect();
        let mut columns = Vec::new();
        let mut used = vec![false; header.len()];
        for field in &declaration.fields {
            let mut found = header.iter().enumerate().filter(|(_, h)| field.is_named(h));
            let (first, second) = (found.next(), found.next());
            if let (Some((_, first)), Some((_, second))) = (first, second) {
                let (title, first, second) = (field.title.clone(), first.clone(), second.clone());
                return Err(MappingError::TwoColumns { title, first, second });
            }
            if first.is_none() && field.required {
                let own = [field.title.clone(), field.id.clone()];
                let names = own.into_iter().chain(field.columns.iter().cloned()).collect();
                return Err(MappingError::MissingColumn { title: field.title.clone(), names });
            }
            if let Some((i, _)) = first {
                used[i] = true;
            }
            columns.push(first.map(|(i, _)| i));
        }
        let ignored = header
            .iter()
            .zip(&used)
            .filter(|(name, used)| !**used && !name.is_empty() && !is_ours(name))
            .map(|(name, _)| name.clone())
            .collect();
        Ok(Mapping { code, columns, ignored })
    }

    /// Finds the code whose required columns are all there and which knows the most columns.
    ///
    /// # Errors
    /// When none fits, or several equally well.
    pub fn recognise(header: &[String], vocabulary: &Vocabulary) -> Result<Mapping, MappingError> {
        let ids = (0..vocabulary.codes.len()).filter_map(|i| u16::try_from(i).ok().map(CodeId));
        let known = |m: &Mapping| m.columns.iter().flatten().count();
        let mut fitting: Vec<Mapping> =
            ids.clone().filter_map(|id| Mapping::to(id, header, vocabulary).ok()).collect();
        let best = fitting.iter().map(known).max();
        fitting.retain(|m| Some(known(m)) == best);
        match fitting.len() {
            1 => Ok(fitting.remove(0)),
            0 => {
                let names: Vec<String> = header.iter().map(|h| normal(h)).collect();
                let common = |id: CodeId| {
                    let fields = &vocabulary.code(id).fields;
                    names.iter().filter(|h| fields.iter().any(|f| f.is_named(h))).count()
                };
                let nearest = ids.max_by_key(|id| common(*id)).unwrap_or(vocabulary.registration());
                let code = vocabulary.code(nearest);
                let missing = code.fields.iter().find(|f| f.required && !names.iter().any(|h| f.is_named(h)));
                Err(MappingError::Unrecognised {
                    header: names,
                    nearest: code.title.clone(),
                    missing: missing.map(|f| f.title.clone()).unwrap_or_default(),
                })
            }
            _ => {
                let titles = fitting.iter().map(|m| vocabulary.code(m.code).id.clone()).collect();
                Err(MappingError::Ambiguous(titles))
            }
        }
    }
}

/// The column names of a code's official template: its titles, in order.
pub fn template(code: CodeId, vocabulary: &Vocabulary) -> Vec<String> {
    vocabulary.code(code).fields.iter().map(|f| f.title.clone()).collect()
}

/// Headers are typed by people: blanks around, full-width brackets, a stray byte-order mark.
pub fn normal(header: &str) -> String {
    header.trim_start_matches('\u{feff}').trim().replace('（', "(").replace('）', ")")
}
