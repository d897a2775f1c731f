//! Mails: from what causes them to the mail server, whatever fails on the way.

mod causes;
mod delivery;
mod failures;
mod shared;
mod support;
