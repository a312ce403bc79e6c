//! A class of facts as one text: `administrative-penalty;kinds=fine,warning;severity=serious`.
//!
//! The code, then every attribute that is present, in the order of their ids, values by the ids of the vocabulary. A
//! dictionary-coded column of such texts is decided on once per distinct text, never per row.

use hengxin_core::fact::Class;
use hengxin_core::vocabulary::{FieldKind, Vocabulary};

/// The text of a class.
pub fn to_text(vocabulary: &Vocabulary, class: &Class) -> String {
    let code = vocabulary.code(class.code);
    let mut present: Vec<(&str, String)> = Vec::new();
    for (field, value) in code.class_fields.iter().zip(&class.values) {
        let field = &code.fields[*field];
        if *value == 0 {
            continue;
        }
        let text = if matches!(field.kind, FieldKind::Set(_)) {
            let set = field.values().iter().enumerate().filter(|(i, _)| value >> i & 1 == 1);
            set.map(|(_, one)| one.id.as_str()).collect::<Vec<_>>().join(",")
        } else {
            let one = usize::try_from(*value - 1).ok().and_then(|i| field.values().get(i));
            one.map(|one| one.id.clone()).unwrap_or_default()
        };
        present.push((&field.id, text));
    }
    present.sort_unstable();
    let mut text = code.id.clone();
    for (field, value) in present {
        text.push(';');
        text.push_str(field);
        text.push('=');
        text.push_str(&value);
    }
    text
}

/// The class of a text.
///
/// # Errors
/// What was found and what was expected.
pub fn from_text(vocabulary: &Vocabulary, text: &str) -> Result<Class, String> {
    let mut parts = text.split(';');
    let code_id = parts.next().unwrap_or_default();
    let id = vocabulary.code_id(code_id).ok_or_else(|| {
        format!("fact code `{code_id}`, which vocabulary {} does not declare", vocabulary.edition)
    })?;
    let code = vocabulary.code(id);
    let mut values = vec![0u64; code.class_fields.len()].into_boxed_slice();
    for part in parts {
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| format!("`{part}` in class `{text}`, expected `attribute=value`"))?;
        let position = code
            .class_position(name)
            .ok_or_else(|| format!("attribute `{name}`, which code `{code_id}` does not declare"))?;
        let field = &code.fields[code.class_fields[position]];
        let index = |id: &str| {
            let found = field.values().iter().position(|v| v.id == id);
            found.ok_or_else(|| format!("value `{id}`, which `{code_id}.{name}` does not declare"))
        };
        if values[position] != 0 {
            return Err(format!("attribute `{name}` twice in class `{text}`"));
        }
        values[position] = if matches!(field.kind, FieldKind::Set(_)) {
            value.split(',').try_fold(0u64, |bits, id| Ok::<u64, String>(bits | 1 << index(id)?))?
        } else {
            index(value)? as u64 + 1
        };
    }
    Ok(Class { code: id, values })
}
