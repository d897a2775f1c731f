//! The scripted host: scripts against components in the real sandbox, what hostile worlds do to them, and what a release
//! costs to run.

mod faults;
mod hooks;
mod jobs;
mod measure;
mod ours;
mod providers;
mod stories;
mod support;
