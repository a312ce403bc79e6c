//! Values on their way into a statement and out of a row: what both engines have in common.
//!
//! Integers are 64 bits wide, texts are UTF-8, and truth is 0 or 1: nothing else is ever stored.

use super::{Error, Result};

/// A value of a column, borrowed from the row or from the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Null,
    Integer(i64),
    Text(&'a str),
    Blob(&'a [u8]),
}

impl Value<'_> {
    /// What it is, in the words of a complaint.
    const fn found(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Integer(_) => "an integer",
            Value::Text(_) => "a text",
            Value::Blob(_) => "bytes",
        }
    }
}

/// A value that outlives what it was borrowed from.
pub(crate) enum Owned {
    Null,
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl From<Value<'_>> for Owned {
    fn from(value: Value<'_>) -> Owned {
        match value {
            Value::Null => Owned::Null,
            Value::Integer(number) => Owned::Integer(number),
            Value::Text(text) => Owned::Text(text.to_owned()),
            Value::Blob(bytes) => Owned::Blob(bytes.to_owned()),
        }
    }
}

impl Owned {
    pub(crate) fn as_value(&self) -> Value<'_> {
        match self {
            Owned::Null => Value::Null,
            Owned::Integer(number) => Value::Integer(*number),
            Owned::Text(text) => Value::Text(text),
            Owned::Blob(bytes) => Value::Blob(bytes),
        }
    }
}

/// The column types there are. A parameter's type is known even where its value is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Text,
    Blob,
}

/// What can be handed to a statement.
pub(crate) trait ToValue {
    const KIND: Kind;

    fn to_value(&self) -> Value<'_>;
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl ToValue for $type {
            const KIND: Kind = Kind::Integer;

            fn to_value(&self) -> Value<'_> {
                Value::Integer(i64::from(*self))
            }
        }

        impl FromValue<'_> for $type {
            const EXPECTED: &'static str = concat!("an integer that fits ", stringify!($type));

            fn from_value(value: Value<'_>) -> Option<$type> {
                match value {
                    Value::Integer(number) => <$type>::try_from(number).ok(),
                    Value::Null | Value::Text(_) | Value::Blob(_) => None,
                }
            }
        }
    )*};
}

integers!(i64, i32, u32, u16);

impl ToValue for bool {
    const KIND: Kind = Kind::Integer;

    fn to_value(&self) -> Value<'_> {
        Value::Integer(i64::from(*self))
    }
}

impl ToValue for str {
    const KIND: Kind = Kind::Text;

    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for String {
    const KIND: Kind = Kind::Text;

    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for Vec<u8> {
    const KIND: Kind = Kind::Blob;

    fn to_value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl<const N: usize> ToValue for [u8; N] {
    const KIND: Kind = Kind::Blob;

    fn to_value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    const KIND: Kind = T::KIND;

    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    const KIND: Kind = T::KIND;

    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, T::to_value)
    }
}

impl Kind {
    /// The kind of a column by the name of its type.
    pub(super) fn of(name: &str) -> Option<Kind> {
        match name {
            "INTEGER" | "bigint" => Some(Kind::Integer),
            "TEXT" | "text" => Some(Kind::Text),
            "BLOB" | "bytea" => Some(Kind::Blob),
            _ => None,
        }
    }
}

/// The parameters of a statement, `?1` first: an array of one type, or a tuple.
pub(crate) trait Params {
    /// Hands them to `take` in order.
    fn each<'p>(&'p self, take: &mut dyn FnMut(Kind, Value<'p>) -> Result<()>) -> Result<()>;
}

// No parameters. The type of what is not there has to be some type.
impl Params for [i64; 0] {
    fn each<'p>(&'p self, _: &mut dyn FnMut(Kind, Value<'p>) -> Result<()>) -> Result<()> {
        Ok(())
    }
}

macro_rules! arrays {
    ($($n:literal)*) => {$(
        impl<T: ToValue> Params for [T; $n] {
            fn each<'p>(&'p self, take: &mut dyn FnMut(Kind, Value<'p>) -> Result<()>) -> Result<()> {
                self.iter().try_for_each(|value| take(T::KIND, value.to_value()))
            }
        }
    )*};
}

arrays!(1 2 3 4);

macro_rules! tuples {
    ($($name:ident)*) => { tuples!(@ [] $($name)*); };
    (@ [$($before:ident)*] $next:ident $($after:ident)*) => {
        impl<$($before: ToValue,)* $next: ToValue> Params for ($($before,)* $next,) {
            fn each<'p>(&'p self, take: &mut dyn FnMut(Kind, Value<'p>) -> Result<()>) -> Result<()> {
                #[allow(non_snake_case, reason = "the names of the types serve for the values")]
                let ($($before,)* $next,) = self;
                $(take($before::KIND, $before.to_value())?;)*
                take($next::KIND, $next.to_value())
            }
        }
        tuples!(@ [$($before)* $next] $($after)*);
    };
    (@ [$($before:ident)*]) => {};
}

tuples!(A B C D E F G H I J K L M N O P);

/// What a column can be read as.
pub(crate) trait FromValue<'r>: Sized {
    /// What a column must hold, in the words of a complaint.
    const EXPECTED: &'static str;

    /// `None` when the column holds something else.
    fn from_value(value: Value<'r>) -> Option<Self>;
}

impl<'r> FromValue<'r> for Value<'r> {
    const EXPECTED: &'static str = "a value";

    fn from_value(value: Value<'r>) -> Option<Value<'r>> {
        Some(value)
    }
}

impl FromValue<'_> for bool {
    const EXPECTED: &'static str = "an integer";

    fn from_value(value: Value<'_>) -> Option<bool> {
        i64::from_value(value).map(|number| number != 0)
    }
}

impl<'r> FromValue<'r> for &'r str {
    const EXPECTED: &'static str = "a text";

    fn from_value(value: Value<'r>) -> Option<&'r str> {
        match value {
            Value::Text(text) => Some(text),
            Value::Null | Value::Integer(_) | Value::Blob(_) => None,
        }
    }
}

impl FromValue<'_> for String {
    const EXPECTED: &'static str = "a text";

    fn from_value(value: Value<'_>) -> Option<String> {
        <&str>::from_value(value).map(str::to_owned)
    }
}

impl<'r> FromValue<'r> for &'r [u8] {
    const EXPECTED: &'static str = "bytes";

    fn from_value(value: Value<'r>) -> Option<&'r [u8]> {
        match value {
            Value::Blob(bytes) => Some(bytes),
            Value::Null | Value::Integer(_) | Value::Text(_) => None,
        }
    }
}

impl FromValue<'_> for Vec<u8> {
    const EXPECTED: &'static str = "bytes";

    fn from_value(value: Value<'_>) -> Option<Vec<u8>> {
        <&[u8]>::from_value(value).map(<[u8]>::to_vec)
    }
}

impl<const N: usize> FromValue<'_> for [u8; N] {
    const EXPECTED: &'static str = "bytes of a fixed number";

    fn from_value(value: Value<'_>) -> Option<[u8; N]> {
        <&[u8]>::from_value(value)?.try_into().ok()
    }
}

impl<'r, T: FromValue<'r>> FromValue<'r> for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_value(value: Value<'r>) -> Option<Option<T>> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// Reads a value as what the caller expects.
pub(super) fn read<'r, T: FromValue<'r>>(column: usize, value: Value<'r>) -> Result<T> {
    T::from_value(value).ok_or_else(|| Error::Value { column, found: value.found(), expected: T::EXPECTED })
}
