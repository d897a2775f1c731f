//! Stories that drive the real host, guests that misbehave, and what both need.

pub mod guests;
