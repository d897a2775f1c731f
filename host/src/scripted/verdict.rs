//! What of a test is not as its script expects.

use iap_core::prices::PricedLine;
use serde_json::{Value, json};

use super::{
    Subject, compare,
    outcome::{Outcome, Seen},
    play::Played,
    schema,
    script::{Action, Step, Test},
};

/// One thing that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Line of the script.
    pub line: usize,
    /// What was expected, and what came.
    pub text: String,
}

/// Everything of a test that is not as expected; empty if it went well.
pub fn problems(subject: &Subject, test: &Test, played: &Played) -> Vec<Problem> {
    let mut found = Vec::new();
    for (step, seen) in test.steps.iter().zip(&played.steps) {
        found.extend(of_step(subject, step, seen).into_iter().map(|text| Problem { line: step.line, text }));
    }
    let line = if test.expect.line == 0 { test.line } else { test.expect.line };
    found.extend(of_end(test, played).into_iter().map(|text| Problem { line, text }));
    for request in played.received.iter().filter(|request| !request.expected) {
        let text = format!(
            "no [[test.provider]] answers {} {} of endpoint {}, with body {}",
            request.method,
            request.path,
            request.endpoint,
            compare::short(&text_or_json(&request.body))
        );
        found.push(Problem { line: test.line, text });
    }
    for (line, times, given) in &played.missed {
        found.push(Problem { line: *line, text: format!("requests: expected {times}, got {given}") });
    }
    found
}

fn of_step(subject: &Subject, step: &Step, seen: &Seen) -> Vec<String> {
    let expect = &step.expect;
    if let Some(wanted) = &expect.failure {
        let code = seen.outcome.code();
        if code != wanted {
            return vec![format!("failure: expected {wanted}, got {}", told(&seen.outcome))];
        }
        let message = seen.outcome.message().unwrap_or_default();
        return match &expect.message {
            Some(part) if !message.contains(part) => vec![format!("message: expected {part:?} in {message:?}")],
            _ => Vec::new(),
        };
    }
    match &seen.outcome {
        Outcome::Answered(output) => {
            let Action::Call { operation, .. } = &step.action else { return Vec::new() };
            let mut found = of_output(subject, operation, output);
            if let (Some(wanted), Ok(output)) = (&expect.output, serde_json::from_slice(output)) {
                found.extend(under("output", compare::differences(wanted, &output, expect.exactly)));
            }
            found
        }
        Outcome::Quoted(priced) => match &expect.lines {
            Some(wanted) => under("lines", compare::differences(wanted, &lines(&priced.lines), expect.exactly)),
            None => Vec::new(),
        },
        Outcome::Hook(response) => {
            let mut found = Vec::new();
            let fits = expect.status.map_or((200..300).contains(&response.status), |wanted| wanted == response.status);
            if !fits {
                let wanted = expect.status.map_or("200 to 299".to_owned(), |status| status.to_string());
                found.push(format!("status: expected {wanted}, got {}", response.status));
            }
            if let Some(wanted) = &expect.output {
                let body = text_or_json(&response.body);
                found.extend(under("output", compare::differences(wanted, &body, expect.exactly)));
            }
            found
        }
        Outcome::Done => Vec::new(),
        Outcome::Failed(_) | Outcome::Unknown | Outcome::Fault(_) | Outcome::Refused(_) => {
            vec![format!("expected an answer, got {}", told(&seen.outcome))]
        }
    }
}

/// What of an operation's answer is not as its schema says.
pub(super) fn of_output(subject: &Subject, operation: &str, output: &[u8]) -> Vec<String> {
    let output: Value = match serde_json::from_slice(output) {
        Ok(output) => output,
        Err(error) => return vec![format!("output: is not JSON: {error}")],
    };
    let file = subject.manifest().operation(operation).and_then(|operation| operation.output.as_deref());
    let mismatch = subject.schema(file).and_then(|schema| schema::mismatch(&schema, &output));
    mismatch
        .map(|what| format!("output: {what}, which {} does not allow", file.unwrap_or_default()))
        .into_iter()
        .collect()
}

fn of_end(test: &Test, played: &Played) -> Vec<String> {
    let expect = &test.expect;
    let mut found = Vec::new();
    let mut differ = |name: &str, wanted: Option<String>, got: String| {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != got) {
            found.push(format!("{name}: expected {wanted}, got {got}"));
        }
    };
    differ("captured", expect.captured.map(|credits| credits.to_string()), played.captured.to_string());
    differ("held", expect.held.map(|credits| credits.to_string()), played.held.to_string());
    differ("requests", expect.requests.map(|count| count.to_string()), played.received.len().to_string());
    differ("jobs", expect.jobs.as_ref().map(|jobs| format!("{jobs:?}")), format!("{:?}", played.jobs));
    let dead: Vec<&String> = played.dead.iter().map(|(name, _)| name).collect();
    if dead != expect.dead.iter().collect::<Vec<_>>() {
        let reasons: Vec<String> = played.dead.iter().map(|(name, why)| format!("{name} ({why})")).collect();
        found.push(format!("dead: expected {:?}, got [{}]", expect.dead, reasons.join(", ")));
    }
    for (job, fault) in played.job_faults.iter().filter(|(job, _)| !expect.dead.contains(job)) {
        found.push(format!("job {job} broke off: {}: {fault}", fault.class()));
    }
    if let Some(wanted) = &expect.lines {
        found.extend(under("lines", compare::differences(wanted, &lines(&played.lines), false)));
    }
    if let Some(wanted) = &expect.callbacks {
        let posted = played.callbacks.iter().map(|(url, content_type, body)| {
            let json = serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
            json!({ "url": url, "content_type": content_type, "json": json, "text": String::from_utf8_lossy(body) })
        });
        found.extend(under("callbacks", compare::differences(wanted, &Value::from_iter(posted), false)));
    }
    for wanted in expect.logs.iter().filter(|wanted| !played.logs.iter().any(|line| line.contains(*wanted))) {
        found.push(format!("logs: no line has {wanted:?}; there are {:?}", played.logs));
    }
    if played.endless {
        found.push("jobs enqueue each other without end".to_owned());
    }
    found
}

/// Priced lines as a call shows them: equal ones added up.
fn lines(priced: &[PricedLine]) -> Value {
    let mut shown: Vec<PricedLine> = Vec::new();
    for line in priced {
        let equal = |other: &&mut PricedLine| {
            (&other.item, &other.key, other.unit_price) == (&line.item, &line.key, line.unit_price)
        };
        match shown.iter_mut().find(equal) {
            Some(first) => {
                first.units = first.units.saturating_add(line.units);
                first.amount = first.amount.checked_add(line.amount).unwrap_or(iap_core::Credits::MAX);
            }
            None => shown.push(line.clone()),
        }
    }
    Value::from_iter(shown.into_iter().map(|line| {
        json!({
            "item": line.item, "key": line.key, "units": line.units, "unit_price": line.unit_price,
            "credits": line.amount, "note": line.note,
        })
    }))
}

fn under(name: &str, differences: Vec<String>) -> Vec<String> {
    let joined = |text: String| match text.starts_with('[') {
        true => format!("{name}{text}"),
        false if text.starts_with("expected ") => format!("{name}: {text}"),
        false => format!("{name}.{text}"),
    };
    differences.into_iter().map(joined).collect()
}

fn text_or_json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

/// An outcome in a few words.
pub(super) fn told(outcome: &Outcome) -> String {
    match (outcome, outcome.message()) {
        (Outcome::Answered(output), _) => format!("the answer {}", compare::short(&text_or_json(output))),
        (Outcome::Hook(response), _) => format!("status {}", response.status),
        (_, Some(message)) => format!("{} ({message})", outcome.code()),
        (_, None) => outcome.code().to_owned(),
    }
}
