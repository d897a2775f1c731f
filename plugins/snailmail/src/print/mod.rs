//! The operation `print`.

mod deliver;
mod letter;
mod plan;

use iap_sdk::prelude::*;

use crate::wire::{Input, Printed};
pub use letter::{Letter, digest};
use plan::Plan;

/// Prints and posts letters; answers each in the order given.
///
/// # Errors
///
/// [`Failure::BadRequest`] for a request that no database sends.
pub fn print(call: &Call, input: Input) -> Result<Printed, Failure> {
    let plan = Plan::of(call, &input)?;
    let letters = deliver::deliver(call, plan.letters());
    // A database leaves what it is not told of in its queue; a program must be told.
    let is_database = call.property("door").is_none_or(|door| door == "odoo");
    Ok(Printed::new(&input.documents, plan.fates(&letters), !is_database))
}

/// The lines that [`print`] would authorize.
///
/// # Errors
///
/// As [`print`].
pub fn quote(call: &Call, input: Input) -> Result<Vec<Line>, Failure> {
    Ok(Plan::of(call, &input)?.letters().iter().flat_map(|letter| letter.job().lines()).collect())
}

#[cfg(test)]
pub mod tests;
