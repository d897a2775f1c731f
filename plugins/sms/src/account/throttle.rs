//! At most so many in an hour.

use iap_sdk::prelude::*;

const HOUR_S: u32 = 3_600;

/// Tries before a contested key counts as used up.
const TRIES: u32 = 3;

/// Takes one of `most` in any hour under this key; `false` if there is none left.
pub(super) fn take(key: &str, most: usize) -> Result<bool, store::Error> {
    let now = clock::now_ms();
    for _ in 0..TRIES {
        let stored = store::get(Scope::Service, key)?;
        let mut times: Vec<u64> =
            stored.as_deref().and_then(|json| serde_json::from_slice(json).ok()).unwrap_or_default();
        times.retain(|time| now.saturating_sub(*time) < u64::from(HOUR_S) * 1000);
        if times.len() >= most {
            return Ok(false);
        }
        times.push(now);
        let value = serde_json::to_vec(&times).map_err(|error| store::Error::new("bad-value", error.to_string()))?;
        if store::compare_and_set(Scope::Service, key, stored.as_deref(), Some(&value), Some(HOUR_S))? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_slides() {
        let host = iap_sdk::testing::Host::new();
        let one = || host.run(|| take("k", 2).unwrap());
        assert!(one());
        host.advance(1_800);
        assert!(one());
        assert!(!one());
        host.advance(1_801);
        assert!(one(), "the first is more than an hour old");
        assert!(!one());
    }
}
