//! `GET /v1/catalog`: what this host offers, at which price, with which permissions.

use std::sync::Arc;

use axum::extract::State;
use iap_core::{
    Credits,
    hosting::Door,
    manifest::{Manifest, Operation, Price, Rate},
};
use serde::{Deserialize, Serialize};

use super::{
    auth::Caller,
    body::{Json, Query, given},
    problem::{Problem, UNAUTHENTICATED},
};
use crate::{
    accounts::{self, Standing},
    app::App,
    catalog::{PackText, Service},
};

/// For whom.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CatalogQuery {
    /// A dbuuid: marks what that database may use. Needs its token or an operator's.
    #[serde(default, deserialize_with = "given")]
    database: Option<String>,
    /// `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    cursor: Option<String>,
    /// Most services in the page: 1 to 500, 100 by default.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500)]
    limit: Option<String>,
}

impl CatalogQuery {
    fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = &self.limit else { return Ok(100) };
        text.parse()
            .ok()
            .filter(|limit| (1..=500).contains(limit))
            .ok_or_else(|| Problem::invalid("limit", "must be a whole number from 1 to 500"))
    }
}

/// The catalog.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CatalogList {
    /// Services by name.
    pub services: Vec<CatalogService>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A vendor.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CatalogVendor {
    /// Its name.
    pub name: String,
    /// `first_party` or `third_party`.
    #[schema(value_type = String, example = "first_party")]
    pub kind: &'static str,
}

/// What a plugin may do.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CatalogPermissions {
    /// Addresses that it may call.
    pub endpoints: Vec<String>,
    /// Bytes that it may keep, for each database and for itself.
    pub store_bytes: u64,
    /// Bytes of documents that it may keep.
    pub blob_bytes: u64,
    /// May work after it has answered.
    pub jobs: bool,
    /// May call databases back.
    pub callback: bool,
    /// Paths below `/hooks/{service}/` where its providers reach it.
    pub hooks: Vec<String>,
}

/// Price of one unit of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CatalogPrice {
    /// The same for all.
    Fixed {
        /// Item.
        item: String,
        /// Credits of one unit.
        #[schema(value_type = String, example = "1")]
        credits: Credits,
    },
    /// By a key, such as the country.
    Table {
        /// Item.
        item: String,
        /// Keys that have a price.
        rows: usize,
        /// The lowest price of one unit.
        #[schema(value_type = String, example = "0.05")]
        lowest: Credits,
        /// The highest price of one unit.
        #[schema(value_type = String, example = "0.3")]
        highest: Credits,
    },
    /// Said by the service for each call, at most the operation's `max_per_call`.
    Variable {
        /// Item.
        item: String,
    },
}

impl From<&Price> for CatalogPrice {
    fn from(price: &Price) -> Self {
        let item = price.item.clone();
        match &price.rate {
            Rate::Fixed(credits) => Self::Fixed { item, credits: *credits },
            Rate::Table { rows, .. } => Self::Table {
                item,
                rows: rows.len(),
                lowest: rows.values().min().copied().unwrap_or_default(),
                highest: rows.values().max().copied().unwrap_or_default(),
            },
            Rate::Variable => Self::Variable { item },
        }
    }
}

/// An operation.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CatalogOperation {
    /// Name in paths.
    pub name: String,
    /// Shown name.
    pub title: String,
    /// May act without charging.
    pub free: bool,
    /// Most credits that one call may cost.
    #[schema(value_type = String, example = "100")]
    pub max_per_call: Credits,
    /// What is charged.
    pub prices: Vec<CatalogPrice>,
}

impl From<&Operation> for CatalogOperation {
    fn from(operation: &Operation) -> Self {
        Self {
            name: operation.name.clone(),
            title: operation.title.clone(),
            free: operation.free,
            max_per_call: operation.max_per_call,
            prices: operation.prices.iter().map(CatalogPrice::from).collect(),
        }
    }
}

/// The release that serves a plugin's service.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CatalogRelease {
    /// Semantic version.
    #[schema(example = "1.2.0")]
    pub version: String,
    /// SHA-256 of the component.
    pub digest: String,
    /// Shown category.
    pub category: String,
    /// Credits that an eligible database is given once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "10")]
    pub trial: Option<Credits>,
    /// Its operations.
    pub operations: Vec<CatalogOperation>,
    /// What it may do.
    pub permissions: CatalogPermissions,
    /// Hosts that data goes to.
    pub data_hosts: Vec<String>,
    /// How long data is kept, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_retention: Option<String>,
    /// `mailto:` or `https:` address of support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support: Option<String>,
    /// Address of the privacy statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privacy: Option<String>,
    /// Address of the terms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
}

impl CatalogRelease {
    fn new(manifest: &Manifest, digest: &str) -> Self {
        let (service, permissions) = (manifest.service.clone(), &manifest.permissions);
        Self {
            version: service.version.to_string(),
            digest: digest.to_owned(),
            category: service.category,
            trial: manifest.trial,
            operations: manifest.operations.iter().map(CatalogOperation::from).collect(),
            permissions: CatalogPermissions {
                endpoints: manifest.endpoints.iter().map(|endpoint| endpoint.base_url.clone()).collect(),
                store_bytes: permissions.store,
                blob_bytes: permissions.blobs,
                jobs: permissions.jobs,
                callback: permissions.callback,
                hooks: manifest.hooks.iter().map(|hook| hook.path.clone()).collect(),
            },
            data_hosts: service.data_hosts,
            data_retention: service.data_retention,
            support: service.support,
            privacy: service.privacy,
            terms: service.terms,
        }
    }
}

/// A service of the catalog.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CatalogService {
    /// Wire name.
    #[schema(example = "sms")]
    pub name: String,
    /// Shown name.
    pub title: String,
    /// One sentence; empty for a remote provider.
    pub summary: String,
    /// `plugin` runs on this host; `remote` is called at its provider, who draws credits here.
    #[schema(value_type = String, example = "plugin")]
    pub kind: &'static str,
    /// Its vendor.
    pub vendor: CatalogVendor,
    /// One unit of credits.
    #[schema(example = "credit")]
    pub unit: String,
    /// What can be bought.
    pub packs: Vec<PackText>,
    /// The release that serves it; absent for a remote provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<CatalogRelease>,
    /// When it ends, RFC 3339, if its vendor gave it up: nothing is sold any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
    /// Whether the database that was asked for may use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usable: Option<bool>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl CatalogService {
    fn new(service: &Service, standing: Option<Standing>) -> Self {
        let usable = standing.as_ref().map(|standing| standing.refusal().is_none());
        let reason = standing.as_ref().and_then(|standing| standing.refusal().map(|(_, message)| message.to_owned()));
        Self {
            name: service.name.clone(),
            title: service.title.clone(),
            summary: service.summary.clone(),
            kind: if service.release.is_some() { "plugin" } else { "remote" },
            vendor: CatalogVendor { name: service.vendor.clone(), kind: service.vendor_kind.as_str() },
            unit: service.unit.clone(),
            packs: service.packs.iter().map(PackText::from).collect(),
            release: service.release.as_ref().map(|release| CatalogRelease::new(release.manifest(), &release.digest)),
            ends_at: service.status.ends_at.map(crate::clock::rfc3339),
            usable,
            reason,
        }
    }
}

/// Services with their prices, packs and permissions, a page at a time.
#[utoipa::path(get, path = "/v1/catalog", tag = "public", operation_id = "get_catalog", params(CatalogQuery), security((), ("bearer" = [])),
    responses((status = 200, body = CatalogList)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Option<Caller>,
    Query(query): Query<CatalogQuery>,
) -> Result<Json<CatalogList>, Problem> {
    let hosting = match &query.database {
        None => None,
        Some(dbuuid) => {
            let missing = || {
                Problem::new(
                    UNAUTHENTICATED,
                    "what a database may use is told to the database and the operator; send the database's token (iap_db_…) or an operator's (iap_op_…)",
                )
            };
            let row = app.store.databases().by_dbuuid(dbuuid).await?;
            caller.ok_or_else(missing)?.database(row.as_ref().map(|row| row.id))?;
            Some(accounts::hosting_of(row.as_ref(), &app.config))
        }
    };
    let (services, limit) = (app.catalog.services(), query.limit()?);
    let from = query.cursor.as_deref().map_or(0, |after| services.partition_point(|service| *service.name <= *after));
    let shown = &services[from..services.len().min(from + limit)];
    let more = from + limit < services.len();
    let next_cursor = shown.last().filter(|_| more).map(|service| service.name.clone());
    let marked = shown.iter().map(|service| {
        let standing = hosting.map(|hosting| accounts::ask(Door::CatalogListing, service, hosting, None));
        CatalogService::new(service, standing)
    });
    Ok(Json(CatalogList { services: marked.collect(), next_cursor }))
}

#[cfg(test)]
mod tests {
    use iap_core::{hosting::Hosting, hosting::VendorKind, ids::ServiceId};

    use super::*;

    fn service(vendor_kind: VendorKind) -> Service {
        Service {
            id: ServiceId(1),
            name: "print".to_owned(),
            title: "Print".to_owned(),
            summary: String::new(),
            vendor: "acme".to_owned(),
            vendor_kind,
            unit: "page".to_owned(),
            packs: Vec::new(),
            category: String::new(),
            release: None,
            status: crate::catalog::Status::default(),
        }
    }

    #[test]
    fn a_price_table_is_told_by_its_range() {
        let rows = [("BE", 50_000), ("FR", 70_000), ("US", 30_000)]
            .map(|(key, micros)| (key.to_owned(), Credits::from_micros(micros)));
        let rate = Rate::Table { file: "prices.csv".to_owned(), rows: Arc::new(rows.into()) };
        let shown = CatalogPrice::from(&Price { item: "part".to_owned(), rate });
        assert_eq!(
            serde_json::to_value(shown).unwrap(),
            serde_json::json!({"kind": "table", "item": "part", "rows": 3, "lowest": "0.03", "highest": "0.07"})
        );
    }

    #[test]
    fn a_service_is_marked_only_for_a_database() {
        let service = service(VendorKind::ThirdParty);
        let unmarked = CatalogService::new(&service, None);
        assert_eq!((unmarked.usable, unmarked.reason, unmarked.kind), (None, None, "remote"));
        let mark =
            |hosting| CatalogService::new(&service, Some(accounts::ask(Door::CatalogListing, &service, hosting, None)));
        assert_eq!(mark(Hosting::OnPremise).usable, Some(true));
        let refused = mark(Hosting::OdooOnline);
        assert_eq!(refused.usable, Some(false));
        assert!(refused.reason.unwrap().contains("first-party services only"));
    }
}
