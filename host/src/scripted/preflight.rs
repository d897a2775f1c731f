//! Whether a script fits the manifest: what it names must be there.

use iap_core::manifest::Manifest;

use super::script::{Action, ScriptError, Test};

/// Refuses a test that names what `plugin.toml` does not declare.
pub(super) fn check(test: &Test, manifest: &Manifest) -> Result<(), ScriptError> {
    let error = |line: usize, what: &str, name: &str, known: Vec<&str>| {
        let known =
            if known.is_empty() { "it declares none".to_owned() } else { format!("write one of {}", known.join(", ")) };
        Err(ScriptError {
            file: test.file.clone(),
            line,
            message: format!("plugin.toml has no {what} {name:?}; {known}"),
        })
    };
    for step in &test.steps {
        match &step.action {
            Action::Call { operation, .. } | Action::Quote { operation, .. }
                if manifest.operation(operation).is_none() =>
            {
                let known = manifest.operations.iter().map(|operation| operation.name.as_str()).collect();
                return error(step.line, "operation", operation, known);
            }
            Action::Hook(hook) if manifest.hooks.iter().all(|declared| declared.path != hook.path) => {
                return error(
                    step.line,
                    "hook",
                    &hook.path,
                    manifest.hooks.iter().map(|hook| hook.path.as_str()).collect(),
                );
            }
            _ => {}
        }
    }
    for answer in &test.providers {
        if manifest.endpoint(&answer.endpoint).is_none() {
            let known = manifest.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
            return error(answer.line, "[[http]]", &answer.endpoint, known);
        }
    }
    for (name, value) in &test.config {
        let Some(declared) = manifest.config.iter().find(|declared| declared.name == *name) else {
            let known = manifest.config.iter().map(|value| value.name.as_str()).collect();
            return error(test.line, "[[config]]", name, known);
        };
        if let Err(what) = declared.ty.check(value) {
            let message = format!("config {name:?} {what}");
            return Err(ScriptError { file: test.file.clone(), line: test.line, message });
        }
    }
    let secrets: Vec<&str> = manifest.secrets.iter().map(|secret| secret.name.as_str()).collect();
    if let Some(name) = test.secrets.keys().find(|name| !secrets.contains(&name.as_str())) {
        return error(test.line, "[[secrets]]", name, secrets);
    }
    Ok(())
}
