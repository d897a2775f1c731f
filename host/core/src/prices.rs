//! What lines cost: the host prices them from the operation's table, the plugin only counts.

use crate::{
    Credits,
    manifest::{Operation, Rate},
};

/// Characters of a line's note that are kept.
pub const MAX_NOTE: usize = 200;

/// A quantity of a priced item, as a plugin counts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Priced item of the operation.
    pub item: String,
    /// Row of its price table; empty for a fixed price; the price itself where it varies.
    pub key: String,
    /// Whole units, at least 1.
    pub units: u64,
    /// Shown to the admin.
    pub note: String,
}

/// A line with its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricedLine {
    /// Priced item of the operation.
    pub item: String,
    /// Row of its price table.
    pub key: String,
    /// Whole units.
    pub units: u64,
    /// Credits of one unit.
    pub unit_price: Credits,
    /// Credits of the line.
    pub amount: Credits,
    /// Shown to the admin; at most [`MAX_NOTE`] characters.
    pub note: String,
}

/// Lines with their prices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PricedLines {
    /// As counted, in the same order.
    pub lines: Vec<PricedLine>,
    /// Credits of all lines.
    pub total: Credits,
}

/// Limits of one call besides the operation's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// Most credits that the caller agreed to.
    pub max_credits: Option<Credits>,
    /// What the call has engaged already, in live holds and captures: the caps bound the whole call.
    pub engaged: Credits,
}

/// Why lines cannot be priced, or cost too much.
///
/// Listed in the order checked: each line goes through its own checks before the next line does, then
/// come the checks of the total. Line numbers count from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceRefusal {
    /// Nothing to set credits aside for.
    #[error("there are no lines; count at least one unit of a priced item, or declare the operation free")]
    NoLines,
    /// A line without units.
    #[error("line {line}: units must be at least 1; leave the line out")]
    ZeroUnits {
        /// Which line.
        line: usize,
    },
    /// The operation prices no such item.
    #[error("line {line}: operation {operation:?} has no price for item {item:?}; use one of {}", quoted(.known))]
    UnknownItem {
        /// Which line.
        line: usize,
        /// Name of the operation.
        operation: String,
        /// The item as given.
        item: String,
        /// Items that have a price.
        known: Vec<String>,
    },
    /// The item's price has no such key.
    #[error("line {line}: item {item:?} has no price for key {key:?}; {remedy}")]
    UnknownKey {
        /// Which line.
        line: usize,
        /// The item.
        item: String,
        /// The key as given.
        key: String,
        /// What keys the item has.
        remedy: &'static str,
    },
    /// More credits than can be counted.
    #[error("line {line}: with {units} × {unit_price} credits the sum is more than can be counted; count fewer units")]
    Overflow {
        /// Which line, or the one at which the sum overflows.
        line: usize,
        /// Units of the line.
        units: u64,
        /// Credits of one unit.
        unit_price: Credits,
    },
    /// Beyond the operation's limit.
    #[error(
        "the lines cost {total} credits, more than the {max} that one call of operation {operation:?} may hold; ask for less at once"
    )]
    OverMaxPerCall {
        /// Name of the operation.
        operation: String,
        /// Credits of all lines.
        total: Credits,
        /// `max_per_call`.
        max: Credits,
    },
    /// Beyond what the caller agreed to.
    #[error(
        "the lines cost {total} credits, more than the {max} that the caller set as max_credits; raise max_credits or ask for less"
    )]
    OverMaxCredits {
        /// Credits of all lines.
        total: Credits,
        /// `max_credits`.
        max: Credits,
    },
    /// Beyond what is set aside.
    #[error(
        "the delivered lines cost {total} credits, more than the {held} that the hold has; capture at most what was authorized"
    )]
    ExceedsHold {
        /// Credits of all lines.
        total: Credits,
        /// Credits of the hold.
        held: Credits,
    },
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

impl PriceRefusal {
    /// Code in the contract.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoLines | Self::ZeroUnits { .. } | Self::Overflow { .. } => "invalid-line",
            Self::UnknownItem { .. } | Self::UnknownKey { .. } => "unknown-price",
            Self::OverMaxPerCall { .. } => "over-max-per-call",
            Self::OverMaxCredits { .. } => "over-max-credits",
            Self::ExceedsHold { .. } => "exceeds-hold",
        }
    }

    /// The line at fault, counted from 0, if it is one line's.
    pub const fn line(&self) -> Option<usize> {
        match self {
            Self::ZeroUnits { line }
            | Self::UnknownItem { line, .. }
            | Self::UnknownKey { line, .. }
            | Self::Overflow { line, .. } => Some(*line),
            Self::NoLines | Self::OverMaxPerCall { .. } | Self::OverMaxCredits { .. } | Self::ExceedsHold { .. } => {
                None
            }
        }
    }
}

/// Prices the lines that a call asks to set credits aside for.
pub fn price_lines(operation: &Operation, lines: &[Line], caps: Caps) -> Result<PricedLines, PriceRefusal> {
    if lines.is_empty() {
        return Err(PriceRefusal::NoLines);
    }
    let priced = price_each(operation, lines)?;
    let total = caps.engaged.checked_add(priced.total).unwrap_or(Credits::MAX);
    if total > operation.max_per_call {
        return Err(PriceRefusal::OverMaxPerCall {
            operation: operation.name.clone(),
            total,
            max: operation.max_per_call,
        });
    }
    match caps.max_credits {
        Some(max) if total > max => Err(PriceRefusal::OverMaxCredits { total, max }),
        _ => Ok(priced),
    }
}

/// Prices the lines that were delivered, against the credits `held` for them.
///
/// No lines cost nothing: where nothing could be delivered, everything returns.
pub fn capture_within(operation: &Operation, delivered: &[Line], held: Credits) -> Result<PricedLines, PriceRefusal> {
    let priced = price_each(operation, delivered)?;
    if priced.total > held {
        return Err(PriceRefusal::ExceedsHold { total: priced.total, held });
    }
    Ok(priced)
}

fn price_each(operation: &Operation, lines: &[Line]) -> Result<PricedLines, PriceRefusal> {
    lines.iter().enumerate().try_fold(PricedLines::default(), |mut priced, (index, line)| {
        let line = price(operation, index, line)?;
        priced.total =
            priced.total.checked_add(line.amount).ok_or_else(|| overflow(index, line.units, line.unit_price))?;
        priced.lines.push(line);
        Ok(priced)
    })
}

const fn overflow(line: usize, units: u64, unit_price: Credits) -> PriceRefusal {
    PriceRefusal::Overflow { line, units, unit_price }
}

fn price(operation: &Operation, index: usize, line: &Line) -> Result<PricedLine, PriceRefusal> {
    if line.units == 0 {
        return Err(PriceRefusal::ZeroUnits { line: index });
    }
    let price =
        operation.prices.iter().find(|price| price.item == line.item).ok_or_else(|| PriceRefusal::UnknownItem {
            line: index,
            operation: operation.name.clone(),
            item: line.item.clone(),
            known: operation.prices.iter().map(|price| price.item.clone()).collect(),
        })?;
    let (found, remedy) = match &price.rate {
        Rate::Fixed(credits) => (line.key.is_empty().then_some(*credits), "its price is fixed, so leave the key empty"),
        Rate::Table { rows, .. } => {
            (rows.get(&line.key).copied(), "add the row to its price table, or refuse such requests")
        }
        Rate::Variable => {
            let price = line.key.parse::<Credits>().ok().filter(|price| price.is_positive());
            (price, "its price varies, so the key is the price of one unit, such as \"2.5\"")
        }
    };
    let unit_price = found.ok_or_else(|| PriceRefusal::UnknownKey {
        line: index,
        item: line.item.clone(),
        key: line.key.clone(),
        remedy,
    })?;
    Ok(PricedLine {
        item: line.item.clone(),
        key: line.key.clone(),
        units: line.units,
        unit_price,
        amount: unit_price.checked_mul(line.units).ok_or_else(|| overflow(index, line.units, unit_price))?,
        note: line.note.chars().take(MAX_NOTE).collect(),
    })
}

#[cfg(test)]
mod tests;
