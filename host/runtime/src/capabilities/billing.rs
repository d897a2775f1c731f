//! `billing`: credits set aside, taken and given back, through the backend's ledger.

use std::sync::atomic::Ordering;

use iap_core::ids::HoldId;
use wasmtime::component::Resource;

use crate::{
    backend::{AuthorizeOptions, Authorized, CaptureDetails, Line, Refusal, Remembered},
    bindings::{billing, types},
    call::{CallState, host_fault, named},
    holds::{Held, Hold, State},
    limits::Kind,
};

const MOST_LINES: usize = 10_000;
const MOST_REMEMBERED: usize = 10_000;
const MOST_REMEMBERED_BYTES: usize = 1 << 20;
/// Characters of a note that are kept.
const NOTE: usize = 200;
/// Bytes of a description, reference, key or cost.
const MOST_TEXT: usize = 1_024;

impl CallState {
    fn hold(&self, handle: &Resource<Held>) -> wasmtime::Result<Hold> {
        self.holds.get(handle.rep()).ok_or_else(|| wasmtime::Error::msg("no such hold"))
    }

    fn open(&self, handle: &Resource<Held>) -> wasmtime::Result<Result<HoldId, billing::Refusal>> {
        let hold = self.hold(handle)?;
        Ok(match hold.state {
            State::Open => Ok(hold.id),
            State::Captured | State::Released | State::Kept | State::Dropped | State::TakenUp => {
                Err(refuse("hold-ended", "this hold was captured, released or kept before"))
            }
        })
    }

    async fn release(&mut self, handle: &Resource<Held>) -> wasmtime::Result<()> {
        let hold = self.hold(handle)?;
        if hold.state != State::Open {
            return Ok(());
        }
        let (backend, holds, place) = (self.backend.clone(), self.holds.clone(), handle.rep());
        let step = async move {
            backend.release(hold.id).await?;
            holds.set(place, State::Released);
            Ok(())
        };
        self.holds.step(step).await.map_err(host_fault)
    }

    /// Why no hold can be had here, whatever the lines.
    fn refuses_holds(&self) -> Option<billing::Refusal> {
        if self.kind == Kind::Quote {
            return Some(refuse("not-granted", "a quote has no effects; return the lines"));
        }
        if !self.holds.has_room(self.budget.holds) {
            return Some(refuse("too-many-holds", "capture, release or keep some of this call's holds first"));
        }
        None
    }
}

impl billing::Host for CallState {
    async fn authorize(
        &mut self,
        lines: Vec<billing::Line>,
        options: billing::AuthorizeOptions,
    ) -> wasmtime::Result<Result<billing::Outcome, billing::Refusal>> {
        self.enter()?;
        if self.kind == Kind::Hook {
            return Ok(Err(refuse("not-granted", "a hook has no account; resume a kept hold or enqueue a job")));
        }
        if let Some(refusal) = self.refuses_holds() {
            return Ok(Err(refusal));
        }
        let lines = match checked(lines) {
            Ok(lines) => lines,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let options = AuthorizeOptions {
            ttl: options.ttl,
            natural_key: options.natural_key,
            description: options.description.map(|text| cut(text, MOST_TEXT)),
        };
        if options.natural_key.as_ref().is_some_and(|key| key.is_empty() || key.len() > MOST_TEXT) {
            return Ok(Err(refuse("invalid-line", "natural-key: 1 to 1,024 bytes")));
        }
        let (backend, holds) = (self.backend.clone(), self.holds.clone());
        let step = async move {
            let answer = backend.authorize(lines, options).await?;
            Ok(match answer {
                Ok(Authorized::Hold { id, amount }) => Ok(Ok(holds.add(id, amount, false))),
                Ok(Authorized::Answered(answer)) => Ok(Err(answer)),
                Err(refusal) => Err(refusal),
            })
        };
        Ok(match self.holds.step(step).await.map_err(host_fault)? {
            Ok(Ok(place)) => Ok(billing::Outcome::Hold(Resource::new_own(place))),
            Ok(Err(answer)) => Ok(billing::Outcome::Answered(answer)),
            Err(refusal) => Err(refusal.into()),
        })
    }

    async fn resume(&mut self, hold_id: String) -> wasmtime::Result<Result<Resource<Held>, billing::Refusal>> {
        self.enter()?;
        if let Some(refusal) = self.refuses_holds() {
            return Ok(Err(refusal));
        }
        let Ok(id) = hold_id.parse::<HoldId>() else {
            return Ok(Err(refuse("unknown-hold", "the hold-id is not one that hold.keep answered")));
        };
        if self.holds.is_open(id) {
            return Ok(Err(refuse("hold-ended", "this call has the hold in its hands already")));
        }
        let (backend, holds) = (self.backend.clone(), self.holds.clone());
        let step = async move { Ok(backend.resume(id).await?.map(|amount| holds.add_resumed(id, amount))) };
        let answer = self.holds.step(step).await.map_err(host_fault)?;
        Ok(answer.map(Resource::new_own).map_err(Into::into))
    }

    async fn balance(&mut self) -> wasmtime::Result<String> {
        self.enter()?;
        let balance = self.backend.balance().await.map_err(host_fault)?;
        Ok(balance.to_string())
    }
}

impl billing::HostHold for CallState {
    async fn capture(
        &mut self,
        handle: Resource<Held>,
        lines: Vec<billing::Line>,
        details: billing::CaptureDetails,
    ) -> wasmtime::Result<Result<String, billing::Refusal>> {
        self.enter()?;
        let id = match self.open(&handle)? {
            Ok(id) => id,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let (lines, remember) = match (checked(lines), remembered(details.remember)) {
            (Ok(lines), Ok(remember)) => (lines, remember),
            (Err(refusal), _) | (_, Err(refusal)) => return Ok(Err(refusal)),
        };
        let details = CaptureDetails {
            provider_reference: details.provider_reference.map(|text| cut(text, MOST_TEXT)),
            provider_cost: details.provider_cost.map(|text| cut(text, MOST_TEXT)),
            remember,
        };
        let (backend, holds, place) = (self.backend.clone(), self.holds.clone(), handle.rep());
        let step = async move {
            let answer = backend.capture(id, lines, details).await?;
            if answer.is_ok() {
                holds.set(place, State::Captured);
            }
            Ok(answer)
        };
        let answer = self.holds.step(step).await.map_err(host_fault)?;
        Ok(answer.map(|credits| credits.to_string()).map_err(Into::into))
    }

    async fn release(&mut self, handle: Resource<Held>) -> wasmtime::Result<()> {
        self.enter()?;
        CallState::release(self, &handle).await
    }

    async fn keep(
        &mut self,
        handle: Resource<Held>,
        ttl: u32,
        remember: Vec<types::Remembered>,
    ) -> wasmtime::Result<Result<String, billing::Refusal>> {
        self.enter()?;
        let id = match self.open(&handle)? {
            Ok(id) => id,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let remember = match remembered(remember) {
            Ok(remember) => remember,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let (backend, holds, place) = (self.backend.clone(), self.holds.clone(), handle.rep());
        let step = async move {
            let answer = backend.keep(id, ttl, remember).await?;
            if answer.is_ok() {
                holds.set(place, State::Kept);
            }
            Ok(answer)
        };
        let answer = self.holds.step(step).await.map_err(host_fault)?;
        Ok(answer.map(|()| id.to_string()).map_err(Into::into))
    }

    async fn amount(&mut self, handle: Resource<Held>) -> wasmtime::Result<String> {
        self.enter()?;
        Ok(self.hold(&handle)?.amount.to_string())
    }

    async fn drop(&mut self, handle: Resource<Held>) -> wasmtime::Result<()> {
        // A destructor does not decide what a provider did that never answered, nor that a job's next attempt finds
        // its hold gone because this one failed: the host settles both when it knows how the guest has ended.
        let unanswered = self.kind == Kind::Operation && 0 < self.meter.unanswered.load(Ordering::Relaxed);
        if unanswered || (self.kind == Kind::Job && self.hold(&handle)?.resumed) {
            if self.hold(&handle)?.state == State::Open {
                self.holds.set(handle.rep(), State::Dropped);
            }
            return Ok(());
        }
        CallState::release(self, &handle).await
    }
}

fn refuse(code: &str, message: &str) -> billing::Refusal {
    billing::Refusal { code: code.to_owned(), message: message.to_owned(), details: Vec::new() }
}

impl From<Refusal> for billing::Refusal {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code, message: refusal.message, details: named(refusal.details) }
    }
}

fn checked(lines: Vec<billing::Line>) -> Result<Vec<Line>, billing::Refusal> {
    if lines.len() > MOST_LINES {
        return Err(refuse(
            "invalid-line",
            "at most 10,000 lines; add up the units of lines with the same item and key",
        ));
    }
    if let Some(index) =
        lines.iter().position(|line| line.units == 0 || line.item.len() > MOST_TEXT || line.key.len() > MOST_TEXT)
    {
        let mut refusal =
            refuse("invalid-line", "a line has at least 1 unit, and an item and key of at most 1,024 bytes");
        refusal.details = named(vec![("line".to_owned(), index.to_string())]);
        return Err(refusal);
    }
    Ok(lines.into_iter().map(Line::from).collect())
}

fn remembered(answers: Vec<types::Remembered>) -> Result<Vec<Remembered>, billing::Refusal> {
    let bytes: usize = answers.iter().map(|r| r.key.len() + r.answer.len()).sum();
    let long_key = answers.iter().any(|r| r.key.is_empty() || r.key.len() > MOST_TEXT);
    if answers.len() > MOST_REMEMBERED || bytes > MOST_REMEMBERED_BYTES || long_key {
        return Err(refuse(
            "invalid-line",
            "remember: at most 10,000 answers, 1 MiB in all, with keys of 1 to 1,024 bytes",
        ));
    }
    Ok(answers.into_iter().map(|r| Remembered { key: r.key, answer: r.answer }).collect())
}

fn cut(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let mut text = text;
    text.truncate(text.floor_char_boundary(most));
    text
}

impl From<billing::Line> for Line {
    fn from(line: billing::Line) -> Self {
        let note = match line.note.char_indices().nth(NOTE) {
            Some((end, _)) => line.note[..end].to_owned(),
            None => line.note,
        };
        Self { item: line.item, key: line.key, units: line.units, note }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(units: u64, note: &str) -> billing::Line {
        billing::Line { item: "part".to_owned(), key: "FR".to_owned(), units, note: note.to_owned() }
    }

    #[test]
    fn a_line_without_units_is_refused_by_its_place() {
        let refusal = checked(vec![line(1, ""), line(0, "")]).unwrap_err();
        assert_eq!((refusal.code.as_str(), refusal.details[0].value.as_str()), ("invalid-line", "1"));
    }

    #[test]
    fn a_note_is_cut_at_two_hundred_characters() {
        assert_eq!(checked(vec![line(1, &"é".repeat(300))]).unwrap()[0].note, "é".repeat(200));
    }
}
