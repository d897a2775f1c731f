//! `iap plugin check`.

use std::process::ExitCode;

use iap_host::developer::{
    build::shown_size,
    check::{Checked, Facts, check},
    project::Project,
};
use serde_json::json;

use super::Source;
use crate::cli::told::{self, Told};

/// Look for mistakes. What was built last is checked too, if there is something; exits with 1 if there are mistakes.
#[derive(clap::Args)]
pub struct Check {
    #[command(flatten)]
    source: Source,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        told::tell(self.json, self.look())
    }

    fn look(&self) -> anyhow::Result<Told> {
        let project = self.source.project()?;
        let component = match &self.source.component {
            // With mistakes in plugin.toml there is no release to add to it.
            Some(_) if project.manifest().is_ok() => {
                let component = self.source.component(&project)?;
                Some((component.path, component.bytes))
            }
            Some(_) => None,
            None => built_last(&project),
        };
        let component = component.as_ref().map(|(path, bytes)| (path.as_path(), bytes.as_slice()));
        let checked = crate::cli::runtime()?.block_on(check(&project, component));
        Ok(report(&checked))
    }
}

/// The component that lies in its place, if one does.
fn built_last(project: &Project) -> Option<(std::path::PathBuf, Vec<u8>)> {
    let path = project.component_path(&project.manifest().ok()?);
    let bytes = std::fs::read(&path).ok()?;
    Some((path, bytes))
}

/// What was found, for people and programs.
pub fn report(checked: &Checked) -> Told {
    let (errors, warnings) = (checked.errors(), checked.warnings());
    let mut text = String::new();
    for finding in &checked.findings {
        line(&mut text, &finding.to_string());
    }
    if let Some(facts) = &checked.facts {
        line(&mut text, &describe(facts));
    }
    for unchecked in &checked.unchecked {
        line(&mut text, &format!("Not checked: {unchecked}"));
    }
    let counted = |count: usize, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    line(&mut text, &format!("{}, {}", counted(errors, "mistake"), counted(warnings, "warning")));
    let json = json!({
        "ok": errors == 0, "errors": errors, "warnings": warnings, "findings": checked.findings,
        "component": checked.facts, "unchecked": checked.unchecked,
    });
    Told { json, text, ok: errors == 0 }
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn describe(facts: &Facts) -> String {
    let imports = if facts.imports.is_empty() { "nothing".to_owned() } else { facts.imports.join(", ") };
    let mut text = format!("The component has {} and imports {imports}", shown_size(facts.size));
    if let (Some(compile), Some(start)) = (facts.compile_ms, facts.cold_start_us) {
        text.push_str(&format!("; compiled in {compile} ms, started in {start} µs"));
    }
    text
}
