//! What a service developer does, with the real binary in folders of its own: from nothing to a published, charged service.

mod login;
mod mistakes;
mod new;
mod quickstart;
mod support;
mod trying;
mod tutorial;
