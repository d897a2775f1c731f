//! `plugin.toml`: what a release declares.
//!
//! [`Manifest::parse`] reads it once, with every mistake named at its line; whoever holds a
//! [`Manifest`] need not check again.

mod config;
mod endpoints;
mod errors;
mod information;
mod limits;
mod model;
mod operations;
mod price_table;
mod routes;
mod schemas;
mod service;
mod source;
mod suggest;
mod table;
mod values;

pub use errors::{ManifestError, ManifestErrors};
pub use model::*;
pub(crate) use values::{show_size, show_span};
pub use values::{size, vendor_name};

use source::Source;
use table::{Table, Value};

use crate::{hosting::VendorKind, release::ReleaseFiles};

/// The manifest's path in a release.
pub const MANIFEST_FILE: &str = "plugin.toml";
/// Largest manifest, in bytes.
pub const MAX_MANIFEST: usize = 256 * 1024;

impl Manifest {
    /// The files of the release with prices by key.
    pub fn price_tables(&self) -> std::collections::BTreeSet<&str> {
        let rates = self.operations.iter().flat_map(|operation| &operation.prices).map(|price| &price.rate);
        rates.filter_map(|rate| if let Rate::Table { file, .. } = rate { Some(file.as_str()) } else { None }).collect()
    }

    /// Reads and checks `plugin.toml`, its price tables and its schemas.
    ///
    /// Collects every error (the first thousand, if there are more); only a file that is no TOML ends with the errors of its syntax.
    pub fn parse(files: &ReleaseFiles) -> Result<Self, ManifestErrors> {
        let Some(text) = files.get(MANIFEST_FILE) else {
            return Err(ManifestErrors::of_release("the release has no plugin.toml; put it at the root of the plugin"));
        };
        if text.len() > MAX_MANIFEST {
            return Err(ManifestErrors::of_release(
                "has more than 256 KiB; move prices and schemas to files of their own",
            ));
        }
        let source = Source::new(MANIFEST_FILE, text);
        let (document, syntax) = toml::de::DeTable::parse_recoverable(text);
        for error in &syntax {
            source.error_at(error.span().map_or(0, |span| span.start), format!("is not TOML: {}", error.message()));
        }
        if !syntax.is_empty() {
            return Err(source.into_errors());
        }
        let mut root = Table::root(&source, &document);
        let manifest = read(&mut root, files);
        root.finish();
        match manifest {
            Some(manifest) if source.is_clean() => Ok(manifest),
            _ => Err(source.into_errors()),
        }
    }

    /// Checks what depends on the vendor: only first-party services answer paths outside
    /// `/iap/s/{service}/`.
    pub fn check_routes_for(&self, kind: VendorKind) -> Result<(), ManifestErrors> {
        routes::check_for(self, kind)
    }

    /// The operation of a name.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.name == name)
    }

    /// The endpoint of a name.
    pub fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.name == name)
    }
}

/// Reads every section, so that all mistakes are found; `None` where one has no sense.
fn read(root: &mut Table<'_, '_>, files: &ReleaseFiles) -> Option<Manifest> {
    let service = root.required_table("service").and_then(service::service);
    let trial = root.table("trial").and_then(service::trial);
    let packs = service::packs(root.tables("packs"));
    let permissions = root.table("permissions").map(limits::permissions).unwrap_or_default();
    let may_keep_blobs = permissions.blobs > 0;
    let (mut operations, operation_names) = operations::operations(root.tables("operations"), files, may_keep_blobs);
    let declared = endpoints::declared(root.tables("config"), root.tables("secrets"));
    let (endpoints, (config, secrets)) = endpoints::endpoints(root.tables("http"), declared);
    let limits = root.table("limits").map(limits::limits).unwrap_or_default();
    let hooks = routes::hooks(root.tables("hooks"));
    let service_name = service.as_ref().map(|service| service.name.as_str());
    let routes = routes::routes(root.tables("routes"), service_name, &operation_names, may_keep_blobs);
    gather_blobs(&mut operations, &routes);
    let account_information = root.table("account_information").map(information::information).unwrap_or_default();
    for operation in operations.iter().filter(|operation| operation.on_unknown == OnUnknown::Ask && !permissions.jobs) {
        root.error(format_args!(
            "[[operations]] {:?}: on_unknown = \"ask\" needs a job of the plugin that asks; add jobs = true to [permissions]",
            operation.name
        ));
    }
    if !root.has("operations") && !root.has("hooks") {
        root.error("the manifest declares nothing to do; add an [[operations]] table");
    }
    Some(Manifest {
        service: service?,
        trial,
        packs,
        operations,
        endpoints,
        config,
        secrets,
        permissions,
        limits,
        hooks,
        routes,
        account_information,
    })
}

/// Every door takes the same blobs out of an operation's input, whatever route named them.
fn gather_blobs(operations: &mut [Operation], routes: &[Route]) {
    for route in routes {
        let Some(operation) = operations.iter_mut().find(|operation| operation.name == route.operation) else {
            continue;
        };
        if !route.blobs.is_empty() {
            operation.max_body = operation.max_body.max(route.max_body);
        }
        for blob in &route.blobs {
            if !operation.blobs.contains(blob) {
                operation.blobs.push(blob.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
