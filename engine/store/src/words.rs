//! Enums whose variants are words in the file: written once, read both ways.

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
