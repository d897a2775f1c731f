//! Free operations cost nothing, so something else must bound them: a number of calls a minute, for each
//! account and operation.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use iap_core::{Time, ids::AccountId};

/// Free calls of one operation that an account may make in a minute.
const PER_MINUTE: u32 = 30;
/// Accounts and operations remembered; beyond it, those whose minute is over are forgotten.
const REMEMBERED: usize = 10_000;

#[derive(Clone, Copy)]
struct Minute {
    began: Time,
    calls: u32,
}

/// Free calls of the last minute. Callers without account share one allowance for each operation.
#[derive(Default)]
pub struct FreeCalls {
    minutes: Mutex<HashMap<(Option<AccountId>, String), Minute>>,
}

impl FreeCalls {
    /// Counts a call; `Err` with the seconds to wait if there were too many.
    pub fn count(&self, account: Option<AccountId>, operation: &str, now: Time) -> Result<(), u32> {
        let mut minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |minute: &Minute| minute.began.plus_seconds(60) <= now;
        if REMEMBERED <= minutes.len() {
            minutes.retain(|_, minute| !is_over(minute));
        }
        let minute = minutes.entry((account, operation.to_owned())).or_insert(Minute { began: now, calls: 0 });
        if is_over(minute) {
            *minute = Minute { began: now, calls: 0 };
        }
        if PER_MINUTE <= minute.calls {
            let left = minute.began.plus_seconds(60).millis() - now.millis();
            return Err(u32::try_from(left / 1000 + 1).unwrap_or(60));
        }
        minute.calls += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_an_allowance_for_each_operation_and_minute() {
        let calls = FreeCalls::default();
        let (one, two) = (Some(AccountId(1)), Some(AccountId(2)));
        let now = Time(1_000);
        for _ in 0..PER_MINUTE {
            assert_eq!(calls.count(one, "create", now), Ok(()));
        }
        assert_eq!(calls.count(one, "create", now.plus_seconds(20)), Err(41));
        assert_eq!(calls.count(one, "verify", now), Ok(()));
        assert_eq!(calls.count(two, "create", now), Ok(()));
        assert_eq!(calls.count(one, "create", now.plus_seconds(60)), Ok(()));
    }
}
