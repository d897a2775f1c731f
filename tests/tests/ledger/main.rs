//! Stories that try to break the ledger: races, kills, repeats, guests that misbehave. `IAP_LONG=1` makes them long.

mod crash;
mod hostile;
mod race;
mod repeats;
mod support;
mod unknown;
