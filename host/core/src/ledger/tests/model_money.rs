//! The naive ledger, continued: refunds of unused credits, adjustments, transfers and chargebacks.

use iap_core::{
    Credits,
    ids::GrantId,
    ledger::{GrantKind, NewGrant},
};

use super::{
    model::{MAX, Model, Outcome, positive},
    model_parts::Into,
};

impl Model {
    pub(super) fn refund_credits(&mut self, on: usize, grant: i64, amount: i128, now: i64) -> Outcome {
        positive(amount)?;
        let at = self.lot(on, grant)?;
        let lot = &mut self.lots[at];
        lot.price.ok_or("GrantHasNoPrice")?;
        if lot.disputed {
            return Err("GrantWasChargedBack");
        }
        if now >= lot.ends || lot.free < amount {
            return Err("ExceedsGrant");
        }
        lot.free -= amount;
        lot.refunded += amount;
        lot.settle(Into::Returned);
        lot.revenue.tax_returned = lot.tax * lot.refunded / lot.amount;
        Ok(())
    }

    pub(super) fn adjust(&mut self, on: usize, amount: i128, now: i64) -> Outcome {
        if amount > 0 {
            let amount = Credits::from_micros(i64::try_from(amount).expect("it was one"));
            let new = NewGrant::gift(GrantId(0), amount);
            return self.give(on, &NewGrant { kind: GrantKind::Adjustment, ..new }, now);
        }
        positive(-amount)?;
        for (lot, part) in self.cover(on, -amount, now)? {
            let lot = &mut self.lots[lot];
            lot.free -= part;
            lot.voided += part;
            lot.settle(Into::Lapsed);
        }
        Ok(())
    }

    pub(super) fn transfer(&mut self, on: usize, to: usize, amount: i128, now: i64) -> Outcome {
        if self.owners[to].stopped {
            return Err("PostingIsStopped");
        }
        positive(amount)?;
        if on == to {
            return Err("NotTransferable");
        }
        if self.owners[on].debt > 0 {
            return Err("AccountIsInDebt");
        }
        let parts = self.cover(on, amount, now)?;
        self.room(to, amount)?;
        for (at, part) in parts {
            let lot = &mut self.lots[at];
            lot.free -= part;
            lot.moved += part;
            let worth = lot.settle(Into::Moved);
            self.split(at, to, part, worth);
            self.lots.last_mut().expect("it was split off").born = now;
        }
        Ok(())
    }

    pub(super) fn chargeback(&mut self, on: usize, grant: i64) -> Outcome {
        let at = self.lot(on, grant)?;
        let lot = &mut self.lots[at];
        let price = lot.price.ok_or("GrantHasNoPrice")?;
        if lot.disputed {
            return Err("GrantWasChargedBack");
        }
        let back = lot.revenue.returned + lot.revenue.moved + lot.revenue.tax_returned;
        if back == price + lot.tax && lot.free + lot.used + lot.repaid == 0 {
            return Err("GrantWasChargedBack");
        }
        lot.disputed = true;
        lot.voided += std::mem::take(&mut lot.free);
        lot.settle(Into::Returned);
        lot.revenue.lost = price - lot.revenue.returned - lot.revenue.moved;
        lot.revenue.tax_returned = lot.tax;
        self.owners[on].debt += lot.used + lot.repaid;
        if self.owners[on].debt > MAX { Err("TooManyCredits") } else { Ok(()) }
    }
}
