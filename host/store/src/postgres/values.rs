//! Neutral values on PostgreSQL's wire.

use std::error::Error;

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::{Row, Value};

type Refusal = Box<dyn Error + Sync + Send>;

impl ToSql for Value {
    /// Encodes as the type that the server inferred for the parameter.
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Refusal> {
        match (self, ty) {
            (Self::Null, _) => return Ok(IsNull::Yes),
            (Self::Int(value), &Type::INT8) => out.put_i64(*value),
            (Self::Int(value), &Type::INT4) => out.put_i32(i32::try_from(*value)?),
            (Self::Int(value), &Type::INT2) => out.put_i16(i16::try_from(*value)?),
            (Self::Int(value @ (0 | 1)), &Type::BOOL) => out.put_u8(u8::from(*value == 1)),
            (Self::Text(text), &Type::TEXT | &Type::VARCHAR | &Type::BPCHAR | &Type::NAME | &Type::JSON) => {
                out.put_slice(text.as_bytes());
            }
            (Self::Bytes(bytes), &Type::BYTEA) => out.put_slice(bytes),
            (Self::Int(_), _) => return Err(format!("an integer is no value for a parameter of type {ty}").into()),
            (Self::Text(_), _) => return Err(format!("a text is no value for a parameter of type {ty}").into()),
            (Self::Bytes(_), _) => return Err(format!("bytes are no value for a parameter of type {ty}").into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Refusal> {
        match *ty {
            Type::INT8 => Ok(Self::Int(i64::from_be_bytes(raw.try_into()?))),
            Type::INT4 => Ok(Self::Int(i32::from_be_bytes(raw.try_into()?).into())),
            Type::INT2 => Ok(Self::Int(i16::from_be_bytes(raw.try_into()?).into())),
            Type::BOOL => Ok(Self::Int(i64::from(raw != [0]))),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON => {
                Ok(Self::Text(std::str::from_utf8(raw)?.to_owned()))
            }
            Type::BYTEA => Ok(Self::Bytes(raw.to_vec())),
            // `sum()` of BIGINT is NUMERIC: neutral SQL says CAST(… AS BIGINT).
            _ => Err(format!("a column of type {ty} has no neutral value: cast it").into()),
        }
    }

    fn from_sql_null(_: &Type) -> Result<Self, Refusal> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A row in neutral values.
pub fn read_row(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    (0..row.len()).map(|column| row.try_get(column)).collect::<Result<_, _>>().map(Row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, String> {
        let mut out = BytesMut::new();
        value.to_sql(ty, &mut out).map_err(|error| error.to_string())?;
        Ok(out.to_vec())
    }

    #[test]
    fn an_integer_has_the_width_that_the_server_wants() {
        for (ty, width) in [(Type::INT8, 8), (Type::INT4, 4), (Type::INT2, 2)] {
            let raw = encode(&Value::Int(-7), &ty).expect("it fits");
            assert_eq!(raw.len(), width);
            assert_eq!(Value::from_sql(&ty, &raw).expect("it reads"), Value::Int(-7));
        }
        assert_eq!(encode(&Value::Int(i64::MAX), &Type::INT8).expect("it fits"), i64::MAX.to_be_bytes());
    }

    #[test]
    fn an_integer_that_does_not_fit_is_refused_not_cut() {
        encode(&Value::Int(i64::from(i32::MAX) + 1), &Type::INT4).expect_err("it is too wide");
        encode(&Value::Int(2), &Type::BOOL).expect_err("it is neither true nor false");
        encode(&Value::Int(1), &Type::TEXT).expect_err("it is no text");
    }
}
