//! Messages for the vendor. Cut at 8 KiB a message and 64 KiB a call. Never log
//! numbers, names or documents. `println!` goes nowhere in a plugin.
//!
//! ```
//! # use iap_sdk::prelude::*;
//! # iap_sdk::testing::Host::new().run(|| {
//! log::info!("sent {} of {}", 2, 3);
//! # });
//! ```

/// How grave a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For development.
    Debug,
    /// As planned.
    Info,
    /// Worth a look.
    Warn,
    /// Went wrong.
    Error,
}

/// Writes a message; the macros of this module format one.
pub fn write(level: Level, message: &str) {
    crate::imports::log_write(level, message);
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($arg:tt)+) => { $crate::log::write($crate::log::Level::Debug, &::std::format!($($arg)+)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($arg:tt)+) => { $crate::log::write($crate::log::Level::Info, &::std::format!($($arg)+)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($arg:tt)+) => { $crate::log::write($crate::log::Level::Warn, &::std::format!($($arg)+)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($arg:tt)+) => { $crate::log::write($crate::log::Level::Error, &::std::format!($($arg)+)) };
}

pub use crate::{__log_debug as debug, __log_error as error, __log_info as info, __log_warn as warn};
