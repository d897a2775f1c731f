//! Vendors: signing up, who acts for them, programs that log in, where money goes, and the pages for all of it.

mod browser;
mod dev;
mod login;
mod members;
mod pages;
mod payout;
mod sign_up;
mod support;
