//! Classes as the file numbers them, and as the kernel does.
//!
//! The file stores a class by the ids of the vocabulary; the kernel wants indices of the vocabulary at hand. Another
//! process may add classes at any time: whoever meets a number it does not know reads the new rows.

use std::sync::{Arc, PoisonError, RwLock};

use hengxin_core::fact::{Class, ClassId, Classes};
use hengxin_core::vocabulary::{Code, CodeId, FieldKind, Shape, Vocabulary};

use crate::db::Connection;
use crate::error::{Error, Result};

/// Everything known about the classes of one file, at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dictionary {
    pub(crate) classes: Arc<Classes>,
    /// By stored id, from 1.
    stored: Vec<Stored>,
}

/// What a stored class means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    pub(crate) class: ClassId,
    pub(crate) code: CodeId,
    pub(crate) shape: Shape,
}

impl Dictionary {
    /// The class with this number in the file; `None` when it was added since.
    pub(crate) fn stored(&self, id: i64) -> Option<Stored> {
        usize::try_from(id.checked_sub(1)?).ok().and_then(|i| self.stored.get(i)).copied()
    }
}

/// The dictionary shared by all readers of a process.
#[derive(Debug, Default)]
pub(crate) struct SharedDictionary(RwLock<Arc<Dictionary>>);

impl SharedDictionary {
    pub(crate) fn now(&self) -> Arc<Dictionary> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the classes added since and gives the new dictionary.
    pub(crate) fn refresh(
        &self,
        connection: &Connection,
        vocabulary: &Vocabulary,
    ) -> Result<Arc<Dictionary>> {
        let mut shared = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut dictionary = Dictionary::clone(&shared);
        let mut classes = Classes::clone(&dictionary.classes);
        let mut statement = connection
            .prepare_cached("SELECT id, code, attributes FROM classes WHERE id > ?1 ORDER BY id")?;
        let known = i64::try_from(dictionary.stored.len()).unwrap_or(i64::MAX);
        let mut rows = statement.query([known])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            if usize::try_from(id) != Ok(dictionary.stored.len() + 1) {
                return Err(Error::corrupt(format!("class {id} follows class {}", dictionary.stored.len())));
            }
            let (code, attributes): (String, String) = (row.get(1)?, row.get(2)?);
            let class = decode(vocabulary, &code, &attributes)?;
            let (code, shape) = (class.code, vocabulary.code(class.code).shape);
            dictionary.stored.push(Stored { class: classes.intern(class), code, shape });
        }
        dictionary.classes = Arc::new(classes);
        *shared = Arc::new(dictionary);
        Ok(Arc::clone(&shared))
    }
}

/// A stored class in terms of the vocabulary at hand.
fn decode(vocabulary: &Vocabulary, code_id: &str, attributes: &str) -> Result<Class> {
    let missing = |found: String| Error::Vocabulary { found, edition: vocabulary.edition.clone() };
    let id = vocabulary.code_id(code_id).ok_or_else(|| missing(format!("facts of code `{code_id}`")))?;
    let code = vocabulary.code(id);
    let parsed: serde_json::Map<String, serde_json::Value> = serde_json::from_str(attributes)
        .map_err(|error| Error::corrupt(format!("attributes `{attributes}` of a class: {error}")))?;
    let mut values = vec![0u64; code.class_fields.len()].into_boxed_slice();
    for (field_id, value) in &parsed {
        let position = code
            .class_position(field_id)
            .ok_or_else(|| missing(format!("attribute `{field_id}` of code `{code_id}`")))?;
        values[position] = decode_value(code, code.class_fields[position], value)
            .ok_or_else(|| missing(format!("value {value} of `{code_id}.{field_id}`")))?;
    }
    Ok(Class { code: id, values })
}

fn decode_value(code: &Code, field: usize, value: &serde_json::Value) -> Option<u64> {
    let field = &code.fields[field];
    let index = |value: &serde_json::Value| {
        let id = value.as_str()?;
        field.values().iter().position(|known| known.id == id)
    };
    match value {
        serde_json::Value::Array(values) if matches!(field.kind, FieldKind::Set(_)) => values
            .iter()
            .try_fold(0u64, |bits, value| Some(bits | 1u64.checked_shl(u32::try_from(index(value)?).ok()?)?)),
        value if matches!(field.kind, FieldKind::Enum(_)) => u64::try_from(index(value)? + 1).ok(),
        _ => None,
    }
}
