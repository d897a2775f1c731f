//! From a manifest to its part of the report.

use std::collections::BTreeSet;

use iap_core::manifest::{Manifest, Operation, Price, Rate, ValueRef};

use super::report::{Declared, EndpointReport, Inspection, OperationReport, PriceReport};

/// Fills in what the manifest says, and warns of what it declares in vain.
pub(super) fn describe(inspection: &mut Inspection, manifest: &Manifest, imports: &BTreeSet<String>) {
    inspection.declared = declared(manifest);
    inspection.operations = manifest.operations.iter().map(operation).collect();
    inspection.packs = manifest.packs.iter().map(Into::into).collect();
    inspection.imports = imports.iter().cloned().collect();
    inspection.warnings.extend(warnings(manifest, imports));
}

fn declared(manifest: &Manifest) -> Declared {
    let (service, permissions) = (&manifest.service, &manifest.permissions);
    Declared {
        service: service.name.clone(),
        version: service.version.to_string(),
        vendor: service.vendor.clone(),
        api: service.api.clone(),
        endpoints: manifest
            .endpoints
            .iter()
            .map(|endpoint| EndpointReport {
                name: endpoint.name.clone(),
                base_url: endpoint.base_url.clone(),
                methods: endpoint.methods.clone(),
            })
            .collect(),
        data_hosts: service.data_hosts.clone(),
        store: permissions.store,
        blobs: permissions.blobs,
        jobs: permissions.jobs,
        callback: permissions.callback,
        config: manifest.config.iter().map(|value| value.name.clone()).collect(),
        secrets: manifest.secrets.iter().map(|secret| secret.name.clone()).collect(),
        hooks: manifest.hooks.iter().map(|hook| hook.path.clone()).collect(),
        routes: manifest.routes.iter().map(|route| route.path.clone()).collect(),
        memory: manifest.limits.memory,
        trial: manifest.trial,
    }
}

fn operation(operation: &Operation) -> OperationReport {
    OperationReport {
        name: operation.name.clone(),
        title: operation.title.clone(),
        free: operation.free,
        max_per_call: operation.max_per_call,
        prices: operation.prices.iter().map(price).collect(),
        measured: None,
    }
}

fn price(price: &Price) -> PriceReport {
    let (lowest, highest, rows) = match &price.rate {
        Rate::Fixed(credits) => (Some(*credits), Some(*credits), 0),
        Rate::Table { rows, .. } => (rows.values().min().copied(), rows.values().max().copied(), rows.len()),
        Rate::Variable => (None, None, 0),
    };
    PriceReport {
        item: price.item.clone(),
        lowest,
        highest,
        variable: price.rate == Rate::Variable,
        rows: u64::try_from(rows).unwrap_or(u64::MAX),
    }
}

/// What is declared and not used. Which of several endpoints is unused cannot be seen in the code.
fn warnings(manifest: &Manifest, imports: &BTreeSet<String>) -> Vec<String> {
    let permissions = &manifest.permissions;
    // The host adds credentials by itself, so a secret may be used without any import.
    let injected = |name: &str| {
        let values =
            manifest.endpoints.iter().filter_map(|endpoint| endpoint.auth.as_ref()).flat_map(|auth| auth.values());
        values.into_iter().any(|value| matches!(value, ValueRef::Secret(secret) if secret == name))
    };
    let signing = manifest.secrets.iter().any(|secret| !injected(&secret.name));
    let unused = [
        ("http", !manifest.endpoints.is_empty(), "[[http]] endpoints"),
        ("keys", signing, "[[secrets]] that no endpoint uses"),
        ("store", 0 < permissions.store, "[permissions] store"),
        ("blobs", 0 < permissions.blobs, "[permissions] blobs"),
        ("jobs", permissions.jobs, "[permissions] jobs"),
        ("callback", permissions.callback, "[permissions] callback"),
    ];
    let mut warnings: Vec<String> = unused
        .into_iter()
        .filter(|(interface, declared, _)| *declared && !imports.contains(*interface))
        .map(|(interface, _, what)| {
            format!("plugin.toml declares {what}, but the code does not import iap:service/{interface}: remove what is not needed")
        })
        .collect();
    if !imports.contains("billing") && manifest.operations.iter().any(|operation| !operation.prices.is_empty()) {
        warnings.push("the code does not import iap:service/billing, so no call of it is ever charged".to_owned());
    }
    warnings
}
