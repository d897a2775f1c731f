//! The sandbox alone, with a scripted backend. Guests that misbehave: each ends as its own class, within its limits, and
//! harms nobody else.

mod backend;
mod billing;
mod ends;
mod engine;
mod http;
mod log;
mod provider;
mod support;
