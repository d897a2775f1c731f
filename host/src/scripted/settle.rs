//! How a run's end is settled: as the real host does it (`calls::settle`, `jobs::plugin`), in memory.

use std::collections::HashSet;

use iap_core::{
    Credits,
    ids::{CallId, HoldId, JobId},
    manifest::{OnUnknown, Operation},
};
use iap_runtime::{Ended, Failure, Fault};
use serde_json::json;

use super::world::{HoldState, Queued, World};
use crate::calls::unknown;

/// Runs of a job at most, as on a real host.
const MOST_ATTEMPTS: u32 = 10;

/// How a job's run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum JobEnd {
    /// It went well.
    Done,
    /// It is tried again, after this many seconds.
    Again(i64),
    /// It has failed for good.
    Dead(String),
}

impl World {
    /// Ends a call's holds and keeps or drops what it staged. Whether its outcome is unknown.
    pub fn settle_call(
        &mut self,
        call: CallId,
        operation: &Operation,
        input: &serde_json::Value,
        ended: &Ended<Vec<u8>>,
    ) -> bool {
        let answered = matches!(ended.result, Ok(Ok(_)));
        let mut asked = Vec::new();
        for hold in &ended.open_holds {
            match operation.on_unknown {
                OnUnknown::Ask if ended.unanswered => asked.push(*hold),
                OnUnknown::Capture if ended.unanswered && ended.result.is_err() => self.take_all(*hold),
                _ => self.end(*hold, HoldState::Released),
            }
        }
        let captured = self.captured_by(call).is_positive();
        let begun = self.holds.values().any(|hold| hold.call == call);
        let free = self.calls.get(&call).is_some_and(|record| record.free);
        let dropped = (!answered && !captured) || !(begun || free);
        let mut kept = !ended.kept_holds.is_empty();
        if !answered {
            let jobs = if dropped { &self.stored.jobs } else { &self.current.jobs };
            let awaited: HashSet<HoldId> = jobs.iter().filter_map(|job| job.hold).collect();
            kept = ended.kept_holds.iter().any(|hold| awaited.contains(hold));
            let holds = ended.kept_holds.iter().chain(&ended.resumed_holds);
            for hold in holds.filter(|hold| !awaited.contains(hold)).copied().collect::<Vec<_>>() {
                self.end(hold, HoldState::Released);
            }
        }
        if dropped {
            self.drop_staged();
        }
        for hold in &asked {
            self.ask_about(call, operation, input, *hold);
        }
        self.store();
        if !answered && !kept {
            self.let_go_provisional(call);
        }
        !asked.is_empty()
    }

    /// Ends a job's run.
    pub fn settle_job(&mut self, job: &Queued, call: CallId, ended: &Ended<()>) -> JobEnd {
        let well = matches!(ended.result, Ok(Ok(())));
        for hold in &ended.open_holds {
            self.end(*hold, HoldState::Released);
        }
        if well {
            for hold in ended.resumed_holds.iter().filter(|hold| Some(**hold) != job.hold) {
                self.end(*hold, HoldState::Released);
            }
            self.store();
        } else {
            self.drop_staged();
        }
        let attempts = job.attempts + 1;
        let again = |why: String, after: Option<u32>| match after {
            _ if MOST_ATTEMPTS <= attempts => JobEnd::Dead(why),
            Some(seconds) => JobEnd::Again(i64::from(seconds.max(1))),
            None => JobEnd::Again(back_off(attempts)),
        };
        let asks = is_question(job, call) && self.is_unknown(job.hold);
        let end = match &ended.result {
            Ok(Err(Failure::ProviderUnavailable(Some(after)))) if asks => JobEnd::Again(i64::from((*after).max(1))),
            _ if asks => JobEnd::Again(ask_again(attempts)),
            Ok(Ok(())) => JobEnd::Done,
            Ok(Err(Failure::ProviderUnavailable(after))) => again("the provider is not available".to_owned(), *after),
            Ok(Err(Failure::Internal(why))) => again(format!("internal: {why}"), None),
            Ok(Err(failure)) => JobEnd::Dead(format!("{failure:?}")),
            Err(fault @ Fault::Busy(_)) => JobEnd::Dead(fault.to_string()),
            Err(fault) => again(format!("{}: {fault}", fault.class()), None),
        };
        match &end {
            JobEnd::Again(seconds) => {
                let at = self.now.plus_seconds(*seconds);
                self.each_job(job.id, |job| (job.run_at, job.attempts) = (at, attempts));
            }
            JobEnd::Done | JobEnd::Dead(_) => {
                self.forget(job.id);
                let goes_on = end == JobEnd::Done && !ended.kept_holds.is_empty();
                if !goes_on {
                    self.end_of_job(job, call);
                }
            }
        }
        if let JobEnd::Dead(why) = &end {
            self.dead.push((job.name.clone(), why.clone()));
        }
        end
    }

    /// Forgets the question about a hold that has ended meanwhile: it needs no answer. Whether it was one.
    pub fn forget_answered(&mut self, job: &Queued) -> bool {
        let answered = job.call.is_some_and(|call| is_question(job, call))
            && job.hold.and_then(|hold| self.holds.get(&hold)).is_some_and(|hold| !hold.is_live());
        if answered {
            self.forget(job.id);
        }
        answered
    }

    fn forget(&mut self, id: JobId) {
        self.current.jobs.retain(|job| job.id != id);
        self.stored.jobs.retain(|job| job.id != id);
    }

    /// Ends a hook's run: what it staged is stored, whatever it answers.
    pub fn settle_hook<T>(&mut self, ended: &Ended<T>) {
        for hold in ended.open_holds.iter().chain(&ended.resumed_holds) {
            self.end(*hold, HoldState::Released);
        }
        if matches!(ended.result, Ok(Ok(_))) { self.store() } else { self.drop_staged() }
    }

    fn end_of_job(&mut self, job: &Queued, call: CallId) {
        if let Some(hold) = job.hold {
            self.end(hold, HoldState::Released);
        }
        if !self.holds.values().any(|hold| hold.call == call && hold.is_live()) {
            self.let_go_provisional(call);
        }
    }

    fn each_job(&mut self, id: JobId, change: impl Fn(&mut Queued)) {
        let Self { current, stored, .. } = self;
        current.jobs.iter_mut().chain(&mut stored.jobs).filter(|job| job.id == id).for_each(change);
    }

    fn is_unknown(&self, hold: Option<HoldId>) -> bool {
        hold.and_then(|hold| self.holds.get(&hold)).is_some_and(|hold| hold.state == HoldState::Unknown)
    }

    fn let_go_provisional(&mut self, call: CallId) {
        self.remembered.retain(|_, known| known.call != call || !known.provisional);
    }

    /// Credits that a call took so far.
    pub fn captured_by(&self, call: CallId) -> Credits {
        Credits::checked_sum(self.holds.values().filter(|hold| hold.call == call).map(|hold| hold.captured))
            .unwrap_or(Credits::MAX)
    }

    fn take_all(&mut self, id: HoldId) {
        if let Some(hold) = self.holds.get_mut(&id) {
            hold.captured = hold.amount;
            self.taken = self.taken.checked_add(hold.amount).unwrap_or(Credits::MAX);
        }
        self.end(id, HoldState::Captured);
    }

    fn ask_about(&mut self, call: CallId, operation: &Operation, input: &serde_json::Value, id: HoldId) {
        let now = self.now;
        let millis = i64::try_from(operation.ask_for.as_millis()).unwrap_or(i64::MAX);
        if let Some(hold) = self.holds.get_mut(&id) {
            hold.state = HoldState::Unknown;
            hold.expires_at = now.plus_millis(millis);
        }
        let keys = self.calls.get(&call).map(|record| record.keys.clone()).unwrap_or_default();
        let question = json!({ "operation": operation.name, "input": input, "natural_keys": keys, "hold": id });
        let job = Queued {
            id: JobId(self.id()),
            call: Some(call),
            name: unknown::JOB.to_owned(),
            payload: question.to_string().into_bytes(),
            hold: Some(id),
            dedupe_key: Some(format!("outcome of {id}")),
            run_at: now,
            attempts: 0,
            free: false,
            depth: 0,
        };
        self.current.enqueued.push(job.name.clone());
        self.current.jobs.push(job);
    }
}

fn is_question(job: &Queued, call: CallId) -> bool {
    job.name == unknown::JOB && job.call == Some(call) && job.dedupe_key.is_some() && job.hold.is_some()
}

/// Seconds: 2, 4, 8, …, at most an hour, without the chance that a real host adds.
fn back_off(attempts: u32) -> i64 {
    2i64.pow(attempts.clamp(1, 12)).min(3600)
}

/// Seconds until an outcome is asked for again: 5 min, 1 h, 6 h, then each day.
fn ask_again(attempts: u32) -> i64 {
    match attempts {
        ..=1 => 300,
        2 => 3_600,
        3 => 6 * 3_600,
        _ => 24 * 3_600,
    }
}
