//! What a command has to say: words for people, or one JSON object for programs.

use std::process::ExitCode;

use iap_guest_build::DoesNotBuild;
use iap_host::developer::client::Refused;
use serde_json::{Value, json};

/// The end of a command.
pub struct Told {
    /// For programs.
    pub json: Value,
    /// For people.
    pub text: String,
    /// Whether it went well.
    pub ok: bool,
}

impl Told {
    /// It went well.
    pub fn well(json: Value, text: impl Into<String>) -> Self {
        Self { json, text: text.into(), ok: true }
    }

    /// Writes it to standard output.
    #[expect(clippy::print_stdout, reason = "this is a command's output")]
    pub fn tell(self, as_json: bool) -> ExitCode {
        if as_json {
            println!("{}", self.json);
        } else if !self.text.is_empty() {
            println!("{}", self.text.trim_end());
        }
        if self.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Tells how a command ended. With `--json` its failure is an object too: `error`, and `code` and `reasons` of a host's refusal.
pub fn tell(as_json: bool, done: anyhow::Result<Told>) -> anyhow::Result<ExitCode> {
    let error = match done {
        Ok(told) => return Ok(told.tell(as_json)),
        Err(error) => error,
    };
    if let Some(failed) = error.downcast_ref::<DoesNotBuild>().filter(|_| !as_json) {
        // What cargo said was passed on already.
        return Err(anyhow::anyhow!("the plugin does not build; cargo says why, above{}", failed.remedy()));
    }
    let refused = error.downcast_ref::<Refused>();
    if !as_json {
        return match refused.map(|refused| refused.reasons.as_slice()) {
            // The detail is the same, in one line.
            Some(reasons @ [_, _, ..]) => {
                let reasons: String = reasons.iter().map(|reason| format!("\n  - {reason}")).collect();
                Err(anyhow::anyhow!("the host refuses this, since{reasons}"))
            }
            _ => Err(error),
        };
    }
    let mut json = json!({ "ok": false, "error": format!("{error:#}") });
    if let Some(refused) = refused {
        json["code"] = json!(refused.code);
        json["reasons"] = json!(refused.reasons);
    }
    Ok(Told { json, text: String::new(), ok: false }.tell(true))
}

/// Progress, for people who wait.
pub fn progress(text: &str) {
    eprintln!("{text}");
}
