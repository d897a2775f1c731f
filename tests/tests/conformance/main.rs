//! The ledger's posting path, the same suite on SQLite and on PostgreSQL: races, riders, crashes and an independent
//! naive ledger. `IAP_LONG=1` runs more rounds.

mod commands;
mod hosts;
mod keys;
mod late;
mod lost;
mod migration;
mod model;
mod posting;
mod queues;
mod space;
mod whole;
mod world;
