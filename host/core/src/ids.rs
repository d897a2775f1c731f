//! Ids: one type for each thing, with a readable prefix.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Digits of the text form, without those that look alike (Crockford's base 32).
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn write_base32(f: &mut fmt::Formatter<'_>, number: i64) -> fmt::Result {
    let number = number.unsigned_abs();
    let mut shift = 60u32;
    while shift > 0 && number >> shift == 0 {
        shift -= 5;
    }
    loop {
        let digit = usize::try_from((number >> shift) & 31).map_err(|_| fmt::Error)?;
        fmt::Write::write_char(f, char::from(DIGITS[digit]))?;
        match shift.checked_sub(5) {
            Some(next) => shift = next,
            None => return Ok(()),
        }
    }
}

fn read_base32(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 13 || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    let number = text.bytes().try_fold(0u128, |n, byte| {
        let digit = DIGITS.iter().position(|d| *d == byte)?;
        Some(n << 5 | u128::try_from(digit).ok()?)
    })?;
    i64::try_from(number).ok()
}

/// A text that is no id of the expected kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an id such as \"{prefix}_1x8\"")]
pub struct ParseIdError {
    text: String,
    prefix: &'static str,
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                write_base32(f, self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(read_base32)
                    .map(Self)
                    .ok_or_else(|| ParseIdError { text: text.to_owned(), prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

typed_ids! {
    /// One database's credits for one service, opened by an account token.
    AccountId = "acc";
    /// A database that has been seen or declared.
    DatabaseId = "db";
    /// A service of the catalog.
    ServiceId = "svc";
    /// One metered invocation of an operation.
    CallId = "call";
    /// Credits set aside between authorize and capture.
    HoldId = "hold";
    /// A lot of credits from a purchase, trial, gift or refund.
    GrantId = "grant";
    /// One balanced set of postings.
    EntryId = "entry";
    /// Work after an answer.
    JobId = "job";
    /// A purchase of a pack.
    OrderId = "order";
    /// A document kept for a while.
    BlobId = "blob";
    /// Money paid to a vendor.
    PayoutId = "payout";
    /// A mail to somebody.
    MailId = "mail";
}

/// Where ids come from: unique within the ledger, rising.
pub trait IdSource {
    /// A number never given before.
    fn next_id(&mut self) -> i64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_what_they_write() {
        for number in [0, 1, 31, 32, 1 << 40, i64::MAX] {
            let id = HoldId(number);
            assert_eq!(id.to_string().parse(), Ok(id), "{id}");
        }
        assert_eq!(HoldId(1 << 40).to_string(), "hold_100000000");
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let error = "hold_1".parse::<AccountId>().unwrap_err();
        assert_eq!(error.to_string(), "\"hold_1\" is not an id such as \"acc_1x8\"");
        for text in ["acc_", "acc_01", "acc_u", "acc_zzzzzzzzzzzzz", "acc_ 1"] {
            assert!(text.parse::<AccountId>().is_err(), "{text}");
        }
    }
}
