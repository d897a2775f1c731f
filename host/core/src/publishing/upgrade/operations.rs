//! `[[operations]]` and their schemas.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Found, Kind,
    prices::{self, Tables},
};
use crate::{
    manifest::{Manifest, OnUnknown, Operation, show_size, show_span},
    publishing::schemas::{self, Break},
    release::ReleaseFiles,
};

/// A manifest and the files that it names.
#[derive(Clone, Copy)]
pub(super) struct Release<'a>(pub(super) &'a Manifest, pub(super) &'a ReleaseFiles);

pub(super) fn operations(found: &mut Found, old: Release<'_>, new: Release<'_>) {
    let mut tables = Tables::default();
    let mut compared = BTreeSet::new();
    for before in &old.0.operations {
        let place = place(&before.name);
        let Some(after) = new.0.operation(&before.name) else {
            found.breaks(Kind::Operation, &place, "is gone");
            continue;
        };
        behaviour(found, &place, before, after);
        prices::prices(found, &mut tables, before, after);
        for (side, files) in
            [(Side::Input, [&before.input, &after.input]), (Side::Output, [&before.output, &after.output])]
        {
            // Operations share schemas, and these may be long.
            if compared.insert((side, files[0].clone(), files[1].clone())) {
                let [before, after] = files.map(Option::as_deref);
                schema(found, side, &place, Schema(before, old.1), Schema(after, new.1));
            }
        }
    }
    for added in new.0.operations.iter().filter(|one| old.0.operation(&one.name).is_none()) {
        let free = if added.free { ", and free" } else { "" };
        found.notes(Kind::Operation, &place(&added.name), format!("is new{free}"));
        prices::of_new_operation(found, added);
    }
}

fn place(name: &str) -> String {
    format!("[[operations]] {name:?}")
}

fn behaviour(found: &mut Found, place: &str, old: &Operation, new: &Operation) {
    if old.title != new.title {
        found.notes(Kind::Text, place, format!("title changes from {:?} to {:?}", old.title, new.title));
    }
    if old.max_per_call != new.max_per_call {
        let text = format!("max_per_call goes from {} to {} credits", old.max_per_call, new.max_per_call);
        found.tell(Kind::MaxPerCall, new.max_per_call > old.max_per_call, place, text);
    }
    if old.free != new.free {
        found.tell(Kind::Operation, old.free, place, if old.free { "is no longer free" } else { "is free now" });
    }
    if old.natural_key != new.natural_key {
        found.breaks(Kind::Operation, place, "natural_key changes, so that other repeats are answered for no credits");
    }
    if old.on_unknown != new.on_unknown {
        // In the customer's favour, undecided, in the vendor's favour.
        let rank = |on_unknown| match on_unknown {
            OnUnknown::Release => (0, "release"),
            OnUnknown::Ask => (1, "ask"),
            OnUnknown::Capture => (2, "capture"),
        };
        let ((was, old), (is, new)) = (rank(old.on_unknown), rank(new.on_unknown));
        found.tell(Kind::Operation, is > was, place, format!("on_unknown changes from {old:?} to {new:?}"));
    }
    if old.ask_for != new.ask_for {
        let [old, new] = [old.ask_for, new.ask_for].map(|time| show_span(time.as_secs()));
        found.notes(Kind::Operation, place, format!("ask_for goes from {old} to {new}"));
    }
    if old.max_body != new.max_body {
        let text = format!("max_body goes from {} to {}", show_size(old.max_body), show_size(new.max_body));
        found.tell(Kind::Operation, new.max_body < old.max_body, place, text);
    }
    let [before, after] = [&old.blobs, &new.blobs].map(|blobs| blobs.iter().collect::<BTreeSet<_>>());
    for blob in before.symmetric_difference(&after) {
        let text = if after.contains(blob) { "must be base64 now" } else { "is no blob any more" };
        found.breaks(Kind::Operation, place, format!("{blob:?} {text}"));
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Input,
    Output,
}

/// A schema's file, if there is one, among the files of its release.
struct Schema<'a>(Option<&'a str>, &'a ReleaseFiles);

impl Schema<'_> {
    /// Without a file it is `true`.
    fn read(&self) -> Result<Value, String> {
        let Some(path) = self.0 else { return Ok(Value::Bool(true)) };
        let text = self.1.get(path).ok_or_else(|| format!("{path:?} is no file of the release"))?;
        serde_json::from_str(text).map_err(|error| format!("{path:?} is not JSON: {error}"))
    }
}

fn schema(found: &mut Found, side: Side, place: &str, old: Schema<'_>, new: Schema<'_>) {
    let (kind, name) = match side {
        Side::Input => (Kind::Input, "input"),
        Side::Output => (Kind::Output, "output"),
    };
    let (before, after) = match (old.read(), new.read()) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(error), _) | (_, Err(error)) => {
            return found.breaks(kind, place, format!("{name} cannot be compared: {error}"));
        }
    };
    let breaks = match side {
        Side::Output if old.0.is_some() && new.0.is_none() => {
            return found.breaks(kind, place, "output is no longer described");
        }
        Side::Input if old.0.is_none() && new.0.is_some() => {
            return found.breaks(kind, place, "input is described now, where anything was taken");
        }
        Side::Input => schemas::input(&before, &after),
        Side::Output => schemas::output(&before, &after),
    };
    if breaks.is_empty() && before != after {
        let text = match (side, new.0) {
            (Side::Input, Some(file)) => format!("input changes, and takes all that it took ({file})"),
            (Side::Output, Some(file)) => format!("output changes, and gives nothing unexpected ({file})"),
            (_, None) => format!("{name} is no longer described"),
        };
        return found.notes(kind, place, text);
    }
    let file = new.0.unwrap_or(place);
    for Break { pointer, message } in breaks {
        found.breaks(kind, &format!("{file}#{pointer}"), format!("the {name}: {message}"));
    }
}
