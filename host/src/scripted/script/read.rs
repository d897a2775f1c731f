//! From the text of a script to its tests, with every mistake at its line.

use std::{
    collections::BTreeSet,
    ops::Range,
    path::{Path, PathBuf},
};

use iap_core::{Credits, Time};
use serde_json::Value;
use toml::Spanned;

use super::{Action, Expected, ScriptError, Step, Test, Totals, raw, values};

/// Credits that an account has where a test says nothing.
const CREDITS: Credits = Credits::whole(10);
/// When a test begins that says nothing: 2026-01-01 00:00 UTC.
const BEGIN: Time = Time(1_767_225_600_000);

pub(super) type Read<T> = Result<T, ScriptError>;

/// Reads all scripts in a folder, in the order of their names.
pub fn read_folder(folder: &Path) -> Result<Vec<Test>, ScriptError> {
    let cannot = |error: std::io::Error| ScriptError {
        file: folder.to_owned(),
        line: 0,
        message: format!("{error}; put scripts into this folder, see sdk/TESTING.md"),
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(cannot)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(cannot)?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let tests: Vec<Vec<Test>> = files.iter().map(|file| read(file)).collect::<Result<_, _>>()?;
    Ok(tests.into_iter().flatten().collect())
}

/// Reads one script.
pub fn read(file: &Path) -> Result<Vec<Test>, ScriptError> {
    let text = std::fs::read_to_string(file).map_err(|error| ScriptError {
        file: file.to_owned(),
        line: 0,
        message: error.to_string(),
    })?;
    let source = Source { file, folder: file.parent().unwrap_or(Path::new(".")), text: &text };
    let raw: raw::File = toml::from_str(&text)
        .map_err(|error| source.error(error.span().unwrap_or(0..0), error.message().trim_end().to_owned()))?;
    let mut names = BTreeSet::new();
    raw.test
        .iter()
        .map(|test| {
            let (span, test) = (test.span(), test.get_ref());
            if !names.insert(test.name.get_ref()) {
                let message = format!("a test before has the name {:?}; choose another", test.name.get_ref());
                return Err(source.error(test.name.span(), message));
            }
            source.test(span, test, &raw)
        })
        .collect()
}

/// A script's text and place.
pub(super) struct Source<'a> {
    file: &'a Path,
    folder: &'a Path,
    text: &'a str,
}

/// The ways in which a step can be written.
struct Written<'a> {
    operation: Option<&'a raw::Text>,
    quote: Option<&'a raw::Text>,
    job: Option<&'a raw::Text>,
    hook: Option<&'a Spanned<raw::Hook>>,
    input: Option<&'a raw::Given>,
    run_jobs: Option<&'a Spanned<bool>>,
    advance: Option<&'a raw::Text>,
}

impl Source<'_> {
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        before.bytes().filter(|byte| *byte == b'\n').count() + 1
    }

    pub(super) fn error(&self, span: Range<usize>, message: String) -> ScriptError {
        ScriptError { file: self.file.to_owned(), line: self.line(&span), message }
    }

    /// Reads a value with `read`, or tells the mistake at its place.
    pub(super) fn at<T, U>(&self, value: &Spanned<T>, read: impl FnOnce(&T) -> Result<U, String>) -> Read<U> {
        read(value.get_ref()).map_err(|message| self.error(value.span(), message))
    }

    pub(super) fn json(&self, given: Option<&raw::Given>) -> Read<Option<Value>> {
        given.map(|given| self.at(given, |value| values::json(value, self.folder))).transpose()
    }

    fn credits(&self, text: Option<&raw::Text>) -> Read<Option<Credits>> {
        let read = |text: &String| {
            let credits = text.parse::<Credits>().map_err(|error| error.to_string())?;
            if credits < Credits::ZERO { Err("credits are 0 or more".to_owned()) } else { Ok(credits) }
        };
        text.map(|text| self.at(text, read)).transpose()
    }

    fn test(&self, span: Range<usize>, test: &raw::Test, file: &raw::File) -> Read<Test> {
        let begin = Written {
            operation: test.operation.as_ref(),
            quote: test.quote.as_ref(),
            job: test.job.as_ref(),
            hook: test.hook.as_ref(),
            input: test.input.as_ref(),
            run_jobs: None,
            advance: None,
        };
        let action = self.action(span.clone(), &begin)?;
        let (expected, expect) = self.expected(test.expect.as_ref(), test.quote.is_some())?;
        self.fits(span.clone(), &action, &expected)?;
        let first = Step { line: self.line(&span), action, expect: expected };
        let mut steps = vec![first];
        for then in &test.then {
            steps.push(self.then(then.span(), then.get_ref())?);
        }
        let mut properties = test.properties.clone();
        properties.extend(test.company.clone().map(|company| ("company".to_owned(), company)));
        properties.extend(test.callback_url.clone().map(|url| ("callback_url".to_owned(), url)));
        let (mut config, mut secrets) = (file.config.clone(), file.secrets.clone());
        config.extend(test.config.clone());
        secrets.extend(test.secrets.clone());
        let repeats = test.repeats.iter().map(|repeat| {
            let answer = self.at(&repeat.answer, |value| values::json(value, self.folder))?;
            Ok((repeat.key.clone(), answer.to_string().into_bytes()))
        });
        let providers = test.provider.iter().map(|answer| self.provider(answer.span(), answer.get_ref()));
        Ok(Test {
            file: self.file.to_owned(),
            line: self.line(&span),
            name: test.name.get_ref().clone(),
            credits: self.credits(test.credits.as_ref())?.unwrap_or(CREDITS),
            now: test.now.as_ref().map(|now| self.at(now, values::moment)).transpose()?.unwrap_or(BEGIN),
            standing: test.standing.clone().unwrap_or_else(|| "active".to_owned()),
            max_credits: self.credits(test.max_credits.as_ref())?,
            properties,
            config,
            secrets,
            repeats: repeats.collect::<Read<_>>()?,
            providers: providers.collect::<Read<_>>()?,
            steps,
            expect,
        })
    }

    fn then(&self, span: Range<usize>, then: &raw::Then) -> Read<Step> {
        let written = Written {
            operation: then.operation.as_ref(),
            quote: then.quote.as_ref(),
            job: then.job.as_ref(),
            hook: then.hook.as_ref(),
            input: then.input.as_ref(),
            run_jobs: then.run_jobs.as_ref(),
            advance: then.advance.as_ref(),
        };
        let action = self.action(span.clone(), &written)?;
        let (expect, totals) = self.expected(then.expect.as_ref(), true)?;
        self.fits(span.clone(), &action, &expect)?;
        if totals.says_something() {
            return Err(self.error(
                span,
                "a step expects output, exactly, failure, message, lines or status; write what is true at the end in [test.expect]"
                    .to_owned(),
            ));
        }
        Ok(Step { line: self.line(&span), action, expect })
    }

    /// Refuses what a step can never answer: it would not be looked at.
    fn fits(&self, span: Range<usize>, action: &Action, expect: &Expected) -> Read<()> {
        let (output, failure, lines, status) = match action {
            Action::Call { .. } => (true, true, false, false),
            Action::Quote { .. } => (false, true, true, false),
            Action::Job { .. } => (false, true, false, false),
            Action::Hook(_) => (true, false, false, true),
            Action::RunJobs | Action::Advance(_) => (false, false, false, false),
        };
        let wrong = [
            ("output", expect.output.is_some() && !output),
            ("exactly", expect.exactly && !(output || lines)),
            ("failure", expect.failure.is_some() && !failure),
            ("message", expect.message.is_some() && expect.failure.is_none()),
            ("lines", expect.lines.is_some() && !lines),
            ("status", expect.status.is_some() && !status),
        ];
        match wrong.into_iter().find(|(_, wrong)| *wrong) {
            Some((word, _)) => Err(self.error(
                span,
                format!("{word} cannot be expected of this step; sdk/TESTING.md says what can be expected of which"),
            )),
            None => Ok(()),
        }
    }

    fn action(&self, span: Range<usize>, written: &Written<'_>) -> Read<Action> {
        let Written { operation, quote, job, hook, input, run_jobs, advance } = written;
        let ways = [
            operation.is_some(),
            quote.is_some(),
            job.is_some(),
            hook.is_some(),
            run_jobs.is_some(),
            advance.is_some(),
        ];
        if ways.iter().filter(|way| **way).count() != 1 {
            let message = "write one of operation, quote, job and hook (in [[test.then]] also run_jobs = true or advance = \"1 h\")";
            return Err(self.error(span, message.to_owned()));
        }
        let given = self.json(*input)?;
        if let (Some(input), None) = (input, operation.or(*quote).or(*job)) {
            return Err(self.error(input.span(), "input goes with operation, quote or job".to_owned()));
        }
        let input = given.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        Ok(match (operation, quote, job, hook, advance) {
            (Some(name), ..) => Action::Call { operation: name.get_ref().clone(), input },
            (_, Some(name), ..) => Action::Quote { operation: name.get_ref().clone(), input },
            (_, _, Some(name), ..) => Action::Job { name: name.get_ref().clone(), payload: input },
            (_, _, _, Some(hook), _) => Action::Hook(self.hook(hook.span(), hook.get_ref())?),
            (.., Some(time)) => Action::Advance(self.at(time, |text| values::duration(text))?),
            _ => Action::RunJobs,
        })
    }

    /// What comes of a step, and what is true at the end. Lines are those of a quote if it is one, else all that were captured.
    fn expected(&self, expect: Option<&Spanned<raw::Expect>>, is_quote: bool) -> Read<(Expected, Totals)> {
        let Some(expect) = expect else { return Ok(Default::default()) };
        let (span, expect) = (expect.span(), expect.get_ref());
        let output = self.json(expect.output.as_ref())?;
        if output.is_some() && expect.failure.is_some() {
            return Err(self.error(span, "a call answers with output or with a failure, not with both".to_owned()));
        }
        let (quoted, captured) = match self.json(expect.lines.as_ref())? {
            lines if is_quote => (lines, None),
            lines => (None, lines),
        };
        let expected = Expected {
            output,
            exactly: expect.exactly,
            failure: expect.failure.clone(),
            message: expect.message.clone(),
            lines: quoted,
            status: expect.status,
        };
        let totals = Totals {
            line: self.line(&span),
            captured: self.credits(expect.captured.as_ref())?,
            held: self.credits(expect.held.as_ref())?,
            lines: captured,
            jobs: expect.jobs.clone(),
            dead: expect.dead.clone().unwrap_or_default(),
            callbacks: self.json(expect.callbacks.as_ref())?,
            logs: expect.logs.clone().unwrap_or_default(),
            requests: expect.requests,
            partial: expect.partial.unwrap_or(false),
        };
        Ok((expected, totals))
    }
}

impl Totals {
    fn says_something(&self) -> bool {
        self.captured.is_some()
            || self.held.is_some()
            || self.lines.is_some()
            || self.jobs.is_some()
            || !self.dead.is_empty()
            || self.callbacks.is_some()
            || !self.logs.is_empty()
            || self.requests.is_some()
            || self.partial
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn tests(text: &str) -> Result<Vec<Test>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        std::fs::write(&file, text).unwrap();
        read(&file).map_err(|error| format!("{}: {}", error.line, error.message))
    }

    #[test]
    fn a_mistake_is_told_at_its_line() {
        for (text, expected) in [
            ("[[test]]\nname = \"a\"\noperation = \"x\"\ncolour = 1\n", "4: unknown field `colour`"),
            ("[[test]]\nname = \"a\"\n", "1: write one of operation"),
            ("[[test]]\nname = \"a\"\noperation = \"x\"\njob = \"y\"\n", "1: write one of operation"),
            ("[[test]]\nname = \"a\"\noperation = \"x\"\ncredits = \"1.x\"\n", "4: "),
            ("[[test]]\nname = \"a\"\noperation = \"x\"\ncredits = \"-1\"\n", "4: "),
            (
                "[[test]]\nname = \"a\"\noperation = \"x\"\n\n[[test]]\nname = \"a\"\noperation = \"x\"\n",
                "6: a test before",
            ),
            (
                "[[test]]\nname = \"a\"\noperation = \"x\"\n[[test.then]]\nadvance = \"soon\"\n",
                "5: \"soon\" is no time",
            ),
            (
                "[[test]]\nname = \"a\"\noperation = \"x\"\n[[test.then]]\nrun_jobs = true\n[test.then.expect]\ncaptured = \"1\"\n",
                "4: a step expects output",
            ),
            (
                "[[test]]\nname = \"a\"\noperation = \"x\"\n[[test.provider]]\nendpoint = \"e\"\nmethod = \"GET\"\npath = \"x\"\n",
                "7: a path begins",
            ),
            ("[[test]]\nname = \"a\"\noperation = \"x\"\ninput = \"hello\"\n", "4: a text here is JSON"),
            ("[[test]]\nname = \"a\"\njob = \"x\"\nexpect = { output = {} }\n", "1: output cannot be expected"),
            (
                "[[test]]\nname = \"a\"\noperation = \"x\"\n[[test.then]]\nrun_jobs = true\nexpect = { failure = \"x\" }\n",
                "4: failure cannot be expected",
            ),
            (
                "[[test]]\nname = \"a\"\noperation = \"x\"\nexpect = { message = \"x\" }\n",
                "1: message cannot be expected",
            ),
            ("[[test]\n", "1: "),
        ] {
            let error = tests(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_test_is_read_with_its_steps() {
        let read = tests(
            r#"
[config]
sender = "IAP"

[[test]]
name = "one"
operation = "send"
input = { text = "hi" }
credits = "2.5"
company = "ACME"
now = 2026-02-01T00:00:00Z

[[test.provider]]
endpoint = "carrier"
method = "post"
path = "/send"
status = 201
json = { ok = true }
delay = "5 ms"

[[test.then]]
advance = "1 h"

[[test.then]]
quote = "send"
[test.then.expect]
lines = [{ item = "part", units = 1 }]

[test.expect]
output = { ok = true }
captured = "1"
lines = [{ item = "part" }]
"#,
        )
        .unwrap();
        let test = &read[0];
        assert_eq!((test.line, test.steps.len(), test.config["sender"].as_str()), (5, 3, "IAP"));
        assert_eq!((test.credits.to_string().as_str(), test.properties["company"].as_str()), ("2.5", "ACME"));
        assert_eq!((test.providers[0].method.as_str(), test.providers[0].status), ("POST", 201));
        assert!(matches!(test.steps[1].action, Action::Advance(time) if time == Duration::from_secs(3_600)));
        assert!(test.steps[0].expect.lines.is_none() && test.expect.lines.is_some());
        assert!(test.steps[2].expect.lines.is_some());
    }
}
