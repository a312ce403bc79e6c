//! The objects read last: a shard is opened for its digest, for who is due in it, and for its rows.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// Whole objects by name, the latest last. At most so many as threads read at a time, so that each finds its own.
#[derive(Debug)]
pub struct Held {
    most: usize,
    objects: Mutex<VecDeque<(String, Bytes)>>,
}

impl Default for Held {
    fn default() -> Held {
        let most = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Held { most, objects: Mutex::default() }
    }
}

impl Held {
    /// The object, when it is one of them.
    pub fn find(&self, name: &str) -> Option<Bytes> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.iter().find(|(held, _)| held == name).map(|(_, bytes)| bytes.clone())
    }

    /// Keeps an object; the one that was kept first goes when there are too many.
    pub fn keep(&self, name: &str, bytes: &Bytes) {
        self.forget(name);
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        if objects.len() >= self.most {
            objects.pop_front();
        }
        objects.push_back((name.to_owned(), bytes.clone()));
    }

    /// Drops an object that is about to be written.
    pub fn forget(&self, name: &str) {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).retain(|(held, _)| held != name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_are_held_and_none_that_was_written_since() {
        let held = Held { most: 2, objects: Mutex::default() };
        for (name, text) in [("a", "1"), ("b", "2"), ("b", "3"), ("c", "4")] {
            held.keep(name, &Bytes::from(text));
        }
        let found = ["a", "b", "c"].map(|name| held.find(name));
        assert_eq!(found, [None, Some(Bytes::from("3")), Some(Bytes::from("4"))]);
        held.forget("c");
        assert_eq!(held.find("c"), None);
    }
}
