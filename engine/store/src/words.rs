//! Enums whose variants are words in the file, written once and read both ways; and numbers that are never negative.

use crate::db::{self, Row};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$each])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$($name::$variant),*];

            /// The word for it.
            pub const fn id(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// The one with this word.
            pub fn of(text: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|one| one.id() == text)
            }
        }
    };
}

pub(crate) use words;

/// A number of the file that is never negative, such as an id or a count.
pub(crate) fn number(row: Row<'_>, column: usize) -> db::Result<u64> {
    let found: i64 = row.get(column)?;
    let wrong = db::Error::Value { column, found: "a negative number", expected: "0 or more" };
    u64::try_from(found).map_err(|_| wrong)
}
