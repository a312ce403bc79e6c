//! Paths and values as the tree they were written as.

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    /// A value.
    Leaf(String),
    /// Keys with what stands under them, in the order written; rows of a list are numbered from 1.
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// Of paths such as `reading/window/months`.
    pub(super) fn of<'t>(details: impl Iterator<Item = (&'t str, &'t str)>) -> Tree {
        let mut tree = Tree::Map(Vec::new());
        for (path, value) in details {
            let steps: Vec<&str> = path.split('/').collect();
            tree.put(&steps, value);
        }
        tree
    }

    fn put(&mut self, steps: &[&str], value: &str) {
        let Some((step, rest)) = steps.split_first() else {
            *self = Tree::Leaf(value.to_owned());
            return;
        };
        let Tree::Map(entries) = self else { return };
        let place = entries.iter().position(|(key, _)| key == step);
        let place = place.unwrap_or_else(|| {
            entries.push(((*step).to_owned(), Tree::Map(Vec::new())));
            entries.len() - 1
        });
        if let Some((_, inner)) = entries.get_mut(place) {
            inner.put(rest, value);
        }
    }

    /// Whether it is a list of rows.
    pub(super) fn is_rows(&self) -> bool {
        match self {
            Tree::Leaf(_) => false,
            Tree::Map(entries) => entries.iter().all(|(key, _)| key.parse::<u32>().is_ok()),
        }
    }

    /// The value directly under a key.
    pub(super) fn leaf(&self, key: &str) -> Option<&str> {
        let Tree::Map(entries) = self else { return None };
        entries.iter().find_map(|(known, inner)| match inner {
            Tree::Leaf(text) if known == key => Some(text.as_str()),
            Tree::Leaf(_) | Tree::Map(_) => None,
        })
    }

    /// The first value anywhere under a key.
    pub(super) fn find(&self, key: &str) -> Option<&str> {
        self.all(key).into_iter().next()
    }

    /// All values anywhere under a key.
    pub(super) fn all(&self, key: &str) -> Vec<&str> {
        let Tree::Map(entries) = self else { return Vec::new() };
        let mut found: Vec<&str> = self.leaf(key).into_iter().collect();
        found.extend(entries.iter().flat_map(|(_, inner)| inner.all(key)));
        found
    }
}
