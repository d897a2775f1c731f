//! Letters: from a database through the host and its plugin to the printer, and what becomes of their credits.

mod after;
mod crash;
mod pdf;
mod printer;
mod refused;
mod shapes;
mod world;
