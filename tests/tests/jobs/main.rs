//! Work after an answer, documents, callbacks and hooks: shared fairly, recorded once, whatever dies meanwhile.
//! `IAP_LONG=1` makes the kills many.

#![expect(clippy::print_stdout, reason = "figures of a run, shown with --nocapture")]

mod callbacks;
mod crash;
mod dead;
mod documents;
mod drain;
mod fair;
mod hooks;
mod lost;
mod plans;
mod stored;
mod support;
mod suspended;
mod uploads;
