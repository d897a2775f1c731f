//! What callers and operators see: schemas, settings.

use iap_core::{
    manifest::{Auth, MANIFEST_FILE, Manifest, Operation, ValueRef},
    release::ReleaseFiles,
};
use serde_json::Value;

use super::{Finding, Severity};
use crate::developer::lines::{Places, Step};

/// Looks at schemas.
pub(super) fn look(manifest: &Manifest, files: &ReleaseFiles, places: &Places<'_>) -> Vec<Finding> {
    manifest.operations.iter().flat_map(|operation| schemas(operation, files, places)).collect()
}

fn schemas(operation: &Operation, files: &ReleaseFiles, places: &Places<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut warn = |member: &str, message: String| {
        let path = [Step::Member("operations"), Step::Called(&operation.name), Step::Member(member)];
        findings.push(Finding::at(Severity::Warning, places, &path, message));
    };
    for (member, path) in [("input", &operation.input), ("output", &operation.output)] {
        let Some(path) = path else {
            warn(
                member,
                format!(
                    "operation {:?} has no {member} schema: callers cannot see what it {}; add {member} = \"schemas/….json\"",
                    operation.name,
                    if member == "input" { "takes" } else { "answers" }
                ),
            );
            continue;
        };
        let Some(schema) = files.get(path).and_then(|text| serde_json::from_str::<Value>(text).ok()) else { continue };
        let may_be_object = matches!(schema["type"].as_str(), None | Some("object"));
        if may_be_object && !schema["properties"].is_object() && !has_alternatives(&schema) {
            warn(member, format!("{path} names no \"properties\": it accepts anything and tells callers nothing"));
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let declared = schema["properties"].get(name).is_some() || has_alternatives(&schema);
            if schema["properties"].is_object() && !declared {
                warn(member, format!("{path} requires {name:?}, which its \"properties\" do not describe"));
            }
        }
    }
    findings
}

fn has_alternatives(schema: &Value) -> bool {
    ["oneOf", "anyOf", "allOf", "$ref", "patternProperties", "const", "enum"]
        .iter()
        .any(|word| schema.get(word).is_some())
}

/// Settings that are declared and that neither a credential nor, where `read` says so, the code can use.
pub(super) fn unused_settings(
    manifest: &Manifest,
    (reads_config, uses_keys): (bool, bool),
    places: &Places<'_>,
) -> Vec<Finding> {
    let values: Vec<&ValueRef> =
        manifest.endpoints.iter().filter_map(|endpoint| endpoint.auth.as_ref()).flat_map(Auth::values).collect();
    let mut findings = Vec::new();
    let mut unused = |list: &str, name: &str, interface: &str| {
        let message = format!(
            "{name:?} is declared, but no credential names it and the component does not import iap:service/{interface}; \
             remove it from {MANIFEST_FILE}"
        );
        findings.push(Finding::at(Severity::Warning, places, &[Step::Member(list), Step::Called(name)], message));
    };
    for secret in manifest.secrets.iter().filter(|_| !uses_keys) {
        if !values.iter().any(|value| matches!(value, ValueRef::Secret(name) if *name == secret.name)) {
            unused("secrets", &secret.name, "keys");
        }
    }
    for config in manifest.config.iter().filter(|_| !reads_config) {
        if !values.iter().any(|value| matches!(value, ValueRef::Config(name) if *name == config.name)) {
            unused("config", &config.name, "config");
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[service]\nname = \"x\"\ntitle = \"X\"\nvendor = \"acme\"\nversion = \"1.0.0\"\napi = \"1.0\"\nsummary = \"X.\"\ncategory = \"Other\"\n\
        [[operations]]\nname = \"go\"\ntitle = \"Go\"\nfree = true\ninput = \"schemas/go.json\"\n\
        [[secrets]]\nname = \"key\"\ndescription = \"For requests.\"\n\
        [[secrets]]\nname = \"idle\"\ndescription = \"For nothing.\"\n\
        [[http]]\nname = \"api\"\nbase_url = \"https://api.example.com\"\nmethods = [\"GET\"]\nauth = { bearer = \"secret:key\" }\n";

    fn files(schema: &str) -> (Manifest, ReleaseFiles) {
        let files = ReleaseFiles::default().with("plugin.toml", TEXT).unwrap().with("schemas/go.json", schema).unwrap();
        (Manifest::parse(&files).unwrap(), files)
    }

    #[test]
    fn a_schema_must_tell_something() {
        let (manifest, files) = files(r#"{"type": "object", "required": ["a"], "properties": {"b": {}}}"#);
        let told: Vec<_> = look(&manifest, &files, &Places::of(TEXT)).iter().map(Finding::to_string).collect();
        assert_eq!(
            told,
            [
                "plugin.toml:13:9: warning: schemas/go.json requires \"a\", which its \"properties\" do not describe",
                "plugin.toml:9:1: warning: operation \"go\" has no output schema: callers cannot see what it answers; add \
                 output = \"schemas/….json\"",
            ]
        );
    }

    #[test]
    fn only_objects_have_properties() {
        for (schema, count) in [(r#"{"type": "integer"}"#, 1), (r#"{"type": "object"}"#, 2), ("{}", 2)] {
            let (manifest, files) = files(schema);
            assert_eq!(
                look(&manifest, &files, &Places::of(TEXT)).len(),
                count,
                "{schema}, and no schema of the output"
            );
        }
    }

    #[test]
    fn a_secret_that_nothing_can_use_is_told() {
        let (manifest, _) = files("{}");
        let told = |uses_keys| unused_settings(&manifest, (true, uses_keys), &Places::of(TEXT));
        assert_eq!(told(true), []);
        let [only] = &told(false)[..] else { panic!("one is unused: {:?}", told(false)) };
        assert!(only.to_string().starts_with("plugin.toml:17:1: warning: \"idle\" is declared"), "{only}");
    }
}
