//! The classes a reader has met, with what is decided once per class and never per row.

use std::collections::HashMap;
use std::sync::Arc;

use hengxin_core::fact::{ClassId, Classes};
use hengxin_core::vocabulary::{Shape, Vocabulary};

use crate::class_text;
use crate::digest::fingerprint;

/// The classes one reader has met, with what is decided once per class.
#[derive(Clone, Debug)]
pub struct ClassBook {
    vocabulary: Arc<Vocabulary>,
    classes: Classes,
    by_text: HashMap<String, ClassId>,
    /// Fingerprint of each class's text.
    prints: Vec<u64>,
    registration: Vec<Option<Attributes>>,
}

/// What the class of a registration says: indices of values in the vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Legal form.
    pub legal_form: Option<u16>,
    /// Size.
    pub size: Option<u16>,
    /// Status.
    pub status: Option<u16>,
}

impl ClassBook {
    /// An empty book.
    pub fn new(vocabulary: Arc<Vocabulary>) -> ClassBook {
        let (classes, by_text) = (Classes::default(), HashMap::new());
        ClassBook { vocabulary, classes, by_text, prints: Vec::new(), registration: Vec::new() }
    }

    /// The classes, by id.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// The vocabulary.
    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.vocabulary
    }

    /// Fingerprints by class id.
    pub fn prints(&self) -> &[u64] {
        &self.prints
    }

    /// The class of a text, new when it was not met before.
    ///
    /// # Errors
    /// What was found that nobody declared.
    pub fn id(&mut self, text: &str) -> std::result::Result<ClassId, String> {
        if let Some(id) = self.by_text.get(text) {
            return Ok(*id);
        }
        let class = class_text::from_text(&self.vocabulary, text)?;
        // Another spelling of a class already met is the same class.
        let canonical = class_text::to_text(&self.vocabulary, &class);
        let code = self.vocabulary.code(class.code);
        // Index plus one; 0 when absent.
        let attribute = |id: &str| {
            let value = class.values.get(code.class_position(id)?)?;
            u16::try_from(value.checked_sub(1)?).ok()
        };
        let attributes = (code.shape == Shape::Registration).then(|| Attributes {
            legal_form: attribute("legal_form"),
            size: attribute("size"),
            status: attribute("status"),
        });
        let id = self.classes.intern(class);
        if self.prints.len() == id as usize {
            self.prints.push(fingerprint(&canonical));
            self.registration.push(attributes);
        }
        self.by_text.insert(text.to_owned(), id);
        Ok(id)
    }

    /// What a class of registrations says; `None` of every other class.
    pub fn registration(&self, class: ClassId) -> Option<Attributes> {
        self.registration.get(class as usize).copied().flatten()
    }
}
