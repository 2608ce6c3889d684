//! Values on PostgreSQL's wire.

use crate::store::{Row, StoreError, Value};
use bytes::BytesMut;
use std::error::Error;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// The types that are declared for parameters. NULL fits any type, so the server infers it.
pub(super) fn types(parameters: &[Value]) -> Vec<Type> {
    parameters.iter().map(|value| declared(value).unwrap_or(Type::UNKNOWN)).collect()
}

/// Whether parameters of `prepared` types take these values.
pub(super) fn fits(prepared: &[Type], parameters: &[Value]) -> bool {
    let fits_one = |(prepared, value): (&Type, &Value)| declared(value).is_none_or(|declared| declared == *prepared);
    prepared.len() == parameters.len() && prepared.iter().zip(parameters).all(fits_one)
}

fn declared(value: &Value) -> Option<Type> {
    match value {
        Value::Null => None,
        Value::Int(_) => Some(Type::INT8),
        Value::Text(_) => Some(Type::TEXT),
        Value::Bytes(_) => Some(Type::BYTEA),
    }
}

impl ToSql for Value {
    fn to_sql(&self, declared: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => value.to_sql(declared, out),
            // The server's text cannot hold it. The API refuses it; what others send of their own accord must not stop a task.
            Self::Text(value) if value.contains('\0') => value.replace('\0', "\u{FFFD}").to_sql(declared, out),
            Self::Text(value) => value.to_sql(declared, out),
            Self::Bytes(value) => value.to_sql(declared, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Statements are chosen by `fits`.
        true
    }

    to_sql_checked!();
}

/// A row as callers see it. Truth values are 0 and 1, as in SQLite.
///
/// # Errors
/// [`StoreError::Shape`] for a column of another type, such as the NUMERIC of a sum that is not CAST to BIGINT.
pub(super) fn row(found: &tokio_postgres::Row) -> Result<Row, StoreError> {
    (0..found.len()).map(|at| column(found, at)).collect::<Result<_, _>>().map(Row::new)
}

fn column(row: &tokio_postgres::Row, at: usize) -> Result<Value, StoreError> {
    let kind = row.columns()[at].type_();
    let unreadable = |error: tokio_postgres::Error| StoreError::Shape(format!("column {at}: {error}"));
    match *kind {
        Type::INT8 => row.try_get::<_, Option<i64>>(at).map(Value::from),
        Type::INT4 => row.try_get::<_, Option<i32>>(at).map(|value| value.map(i64::from).into()),
        Type::BOOL => row.try_get::<_, Option<bool>>(at).map(Value::from),
        Type::TEXT => row.try_get::<_, Option<&str>>(at).map(Value::from),
        Type::BYTEA => row.try_get::<_, Option<&[u8]>>(at).map(Value::from),
        _ => return Err(StoreError::Shape(format!("column {at} is {kind}: CAST it to BIGINT, TEXT or BYTEA"))),
    }
    .map_err(unreadable)
}
