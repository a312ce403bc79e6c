//! Values as they travel to the server and back.

use std::error::Error as StdError;

use tokio_postgres::Row;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};

use crate::db::value::Kind;
use crate::db::{Error, Result, Value};

/// A statement the server has prepared.
#[derive(Clone)]
pub(super) struct Prepared(pub(super) tokio_postgres::Statement);

pub(super) fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Integer => Type::INT8,
        Kind::Text => Type::TEXT,
        Kind::Blob => Type::BYTEA,
    }
}

type Done<T> = std::result::Result<T, Box<dyn StdError + Sync + Send>>;

impl ToSql for Value<'_> {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Done<IsNull> {
        match *self {
            Value::Null => Ok(IsNull::Yes),
            Value::Integer(number) => number.to_sql(of, out),
            Value::Text(text) => text.to_sql(of, out),
            Value::Blob(bytes) => bytes.to_sql(of, out),
        }
    }

    fn accepts(of: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(of)
    }

    fn to_sql_checked(&self, of: &Type, out: &mut BytesMut) -> Done<IsNull> {
        let fits = match self {
            Value::Null => true,
            Value::Integer(_) => *of == Type::INT8,
            Value::Text(_) => *of == Type::TEXT,
            Value::Blob(_) => *of == Type::BYTEA,
        };
        if fits { self.to_sql(of, out) } else { Err(format!("{self:?} for a parameter of type {of}").into()) }
    }
}

impl<'r> FromSql<'r> for Value<'r> {
    fn from_sql(of: &Type, raw: &'r [u8]) -> Done<Value<'r>> {
        Ok(match *of {
            Type::INT8 => Value::Integer(i64::from_sql(of, raw)?),
            Type::INT4 => Value::Integer(i32::from_sql(of, raw)?.into()),
            Type::INT2 => Value::Integer(i16::from_sql(of, raw)?.into()),
            Type::BOOL => Value::Integer(bool::from_sql(of, raw)?.into()),
            Type::BYTEA => Value::Blob(raw),
            _ => Value::Text(<&str>::from_sql(of, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Done<Value<'r>> {
        Ok(Value::Null)
    }

    fn accepts(of: &Type) -> bool {
        matches!(
            *of,
            Type::INT8
                | Type::INT4
                | Type::INT2
                | Type::BOOL
                | Type::BYTEA
                | Type::TEXT
                | Type::VARCHAR
                | Type::NAME
        )
    }
}

pub(in crate::db) fn value(row: &Row, column: usize) -> Result<Value<'_>> {
    row.try_get(column).map_err(|_| Error::Value {
        column,
        found: "something else",
        expected: "an integer, a text or bytes",
    })
}
