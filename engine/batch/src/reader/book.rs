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
    /// Fingerprint of each class's text; 0 for registrations, which are told apart by what they say.
    prints: Vec<u64>,
    registration: Vec<bool>,
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
        let registration = self.vocabulary.code(class.code).shape == Shape::Registration;
        let id = self.classes.intern(class);
        if self.prints.len() == id as usize {
            self.prints.push(if registration { 0 } else { fingerprint(&canonical) });
            self.registration.push(registration);
        }
        self.by_text.insert(text.to_owned(), id);
        Ok(id)
    }

    /// Whether facts of a class are registrations.
    pub fn is_registration(&self, class: ClassId) -> bool {
        self.registration.get(class as usize).copied().unwrap_or(false)
    }
}
