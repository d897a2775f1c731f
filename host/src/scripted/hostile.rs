//! `--hostile`: a test again, with a fault each time, and what must hold whatever goes wrong.

use iap_core::Credits;

use super::{
    Subject,
    fault::Fault,
    outcome::Outcome,
    play::{How, Played},
    providers::Otherwise,
    script::{Action, Test},
    subject::ScriptedError,
    verdict,
};

/// What did not hold under a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// What went wrong outside of the plugin; nothing where the test was played as it is.
    pub fault: Option<Fault>,
    /// What the plugin made of it.
    pub what: String,
}

/// How a test stood it.
#[derive(Clone, Debug, Default)]
pub struct Stood {
    /// Faults that were tried.
    pub faults: usize,
    /// What did not hold; empty if all did.
    pub broken: Vec<Broken>,
}

/// Plays a test with each fault that it can meet, or with `only` one. Whatever goes wrong:
///
/// - the plugin does not break off, and stays within its limits (half of its memory may be too little, if it needs more);
/// - a call that gives no answer takes no credits, unless the script says `partial = true`;
/// - no more credits are taken than without the fault;
/// - no hold is left behind where none is without the fault;
/// - an answer is as the operation's schema says.
pub async fn torment(subject: &mut Subject, test: &Test, only: Option<Fault>) -> Result<Stood, ScriptedError> {
    let quiet = How { fault: None, otherwise: Otherwise::Unexpected, drain: true };
    let baseline = subject.play(test, quiet).await?;
    let mut stood = Stood::default();
    // What is broken without a fault would be told for every one.
    stood.broken.extend(broken(subject, test, &baseline, &baseline, None));
    if !stood.broken.is_empty() {
        return Ok(stood);
    }
    let faults = only.map_or_else(|| Fault::all(baseline.moments), |fault| vec![fault]);
    for fault in faults {
        let played = subject.play(test, How { fault: Some(fault), ..quiet }).await?;
        stood.faults += 1;
        stood.broken.extend(broken(subject, test, &baseline, &played, Some(fault)));
    }
    Ok(stood)
}

fn broken(subject: &Subject, test: &Test, baseline: &Played, played: &Played, fault: Option<Fault>) -> Vec<Broken> {
    let mut found = Vec::new();
    let needs_memory = fault == Some(Fault::Memory) && 0 < excess(subject, baseline);
    for (step, seen) in test.steps.iter().zip(&played.steps) {
        let answered = matches!(seen.outcome.code(), "answered");
        if let Outcome::Fault(fault) = &seen.outcome
            && !(needs_memory && seen.outcome.is_out_of_memory())
        {
            found.push(format!("it broke off: {}: {fault}", fault.class()));
        }
        if !answered && seen.charged.is_positive() && !test.expect.partial {
            found.push(format!(
                "credits were taken ({}) and no answer was given: {}",
                seen.charged,
                verdict::told(&seen.outcome)
            ));
        }
        if let (Outcome::Answered(output), Action::Call { operation, .. }) = (&seen.outcome, &step.action) {
            found.extend(verdict::of_output(subject, operation, output));
        }
        if let Outcome::Refused(why) = &seen.outcome
            && fault.is_some()
        {
            found.push(format!("its lines cannot be priced: {why}"));
        }
    }
    for (job, fault) in &played.job_faults {
        if !(needs_memory && fault.class() == "limit-memory") {
            found.push(format!("job {job} broke off: {}: {fault}", fault.class()));
        }
    }
    if baseline.captured < played.captured {
        found.push(format!(
            "more credits were taken ({}) than without the fault ({})",
            played.captured, baseline.captured
        ));
    }
    if baseline.held == Credits::ZERO && played.held.is_positive() {
        found.push(format!("credits are still set aside ({}) when all jobs have run", played.held));
    }
    if played.endless {
        found.push("jobs enqueue each other without end".to_owned());
    }
    found.into_iter().map(|what| Broken { fault, what }).collect()
}

/// Bytes by which the largest run without a fault is above half of the memory limit.
fn excess(subject: &Subject, baseline: &Played) -> u64 {
    let most = baseline.steps.iter().filter_map(|seen| seen.spent).map(|spent| spent.peak_memory).max().unwrap_or(0);
    most.max(baseline.job_memory).saturating_sub(subject.manifest().limits.memory / 2)
}
