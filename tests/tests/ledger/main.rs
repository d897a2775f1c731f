//! Stories that try to break the ledger: races, kills, repeats, guests that misbehave. `IAP_LONG=1` makes them long.

#![expect(clippy::print_stdout, reason = "figures of a run, shown with --nocapture")]

mod asked;
mod crash;
mod fleet;
mod hostile;
mod hosts;
mod kills;
mod load;
mod provider;
mod race;
mod repeats;
mod support;
mod unknown;
