//! What databases send and what they are answered: reference of `/iap/snailmail/1/print`, 13.0 to 19.0.

mod input;
mod output;

pub use input::{Address, Document, Input, Options, Pdf};
pub use output::{Code, Fate, Printed};
