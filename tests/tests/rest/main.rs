//! Stories of the REST doors, of buying credits, and of the pages for people.

mod auth;
mod buying;
mod calls;
mod companies;
mod doors;
mod hooks;
mod hosting;
mod jobs;
mod lists;
mod lost;
mod money;
mod operator;
mod pages;
mod problems;
#[path = "../ledger/provider.rs"]
mod provider;
mod settled;
mod support;
mod vendors;
