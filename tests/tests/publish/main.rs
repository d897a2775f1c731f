//! Publishing over REST: releases come, serve, keep what they promise, are watched and taken back.

mod edits;
mod lifecycle;
mod majors;
mod promise;
mod registry;
mod rollout;
mod support;
