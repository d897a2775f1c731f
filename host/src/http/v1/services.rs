//! `PUT /v1/services/{service}`: remote providers, which draw credits by Odoo's own protocol.

use std::{collections::BTreeSet, sync::Arc};

use axum::{extract::State, http::StatusCode};
use iap_core::manifest::Pack;
use iap_store::StoreError;
use serde::{Deserialize, Serialize};

use super::{
    auth::Caller,
    body::{Json, Segments},
    problem::{NAME_TAKEN, Problem},
    values,
};
use crate::{
    app::App,
    catalog::PackText,
    secrets::{bearer_hash, random_hex},
};

/// A service whose provider runs elsewhere.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoteService {
    /// Shown name.
    #[schema(example = "Print at home")]
    pub title: String,
    /// Name of its vendor, recorded if it is new. Whether it is first party is the host's settings' to say.
    #[schema(example = "acme-labs")]
    pub vendor: String,
    /// One unit of credits; `credit` by default.
    #[serde(default)]
    pub unit: Option<String>,
    /// What can be bought.
    #[serde(default)]
    #[schema(required = false)]
    pub packs: Vec<PackText>,
}

impl RemoteService {
    fn check(&self, service: &str) -> Result<(), Problem> {
        values::name(service, 40, false).map_err(|message| Problem::invalid("service", message))?;
        values::name(&self.vendor, 60, true).map_err(|message| Problem::invalid("vendor", message))?;
        values::shown(&self.title, 100).map_err(|message| Problem::invalid("title", message))?;
        values::shown(self.unit.as_deref().unwrap_or("credit"), 30)
            .map_err(|message| Problem::invalid("unit", message))?;
        let mut names = BTreeSet::new();
        for (index, pack) in self.packs.iter().enumerate() {
            let at = |member: &str| format!("packs[{index}]{member}");
            values::shown(&pack.name, 100).map_err(|message| Problem::invalid(&at(".name"), message))?;
            if !names.insert(&pack.name) {
                return Err(Problem::invalid(&at(".name"), format_args!("{:?} is the name of two packs", pack.name)));
            }
            Pack::try_from(pack.clone()).map_err(|message| Problem::invalid(&at(""), message))?;
        }
        Ok(())
    }
}

/// A registered service with its key.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ServiceKey {
    /// Wire name of the service.
    pub service: String,
    /// Service key for `/iap/1/authorize`, shown once; only its hash is kept.
    #[schema(example = "iap_sk_…")]
    pub key: String,
}

/// Register a remote provider, or give it a new key and set what the catalog says of it.
///
/// The old key stops working at once.
#[utoipa::path(put, path = "/v1/services/{service}", tag = "operator", operation_id = "register_service",
    params(("service" = String, Path, description = "Wire name: 1 to 40 of a-z, 0-9 and _, beginning with a letter")),
    request_body = RemoteService,
    responses((status = 200, body = ServiceKey), (status = 201, description = "It is new", body = ServiceKey)))]
pub async fn register(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(service): Segments<String>,
    Json(body): Json<RemoteService>,
) -> Result<(StatusCode, Json<ServiceKey>), Problem> {
    caller.operator()?;
    body.check(&service)?;
    let services = app.store.services();
    let is_new = services.by_name(&service).await?.is_none();
    let key = format!("iap_sk_{}", random_hex::<24>());
    let (now, id) = (app.store.clock().now(), app.store.ids().service());
    let packs = serde_json::to_string(&body.packs).map_err(Problem::host)?;
    let unit = body.unit.as_deref().unwrap_or("credit");
    let named = app.config.vendors.get(&body.vendor).and_then(|vendor| vendor.title.as_deref()).unwrap_or(&body.vendor);
    let statements = vec![
        services.vendor(&body.vendor, named, app.config.vendor_kind(&body.vendor).as_str(), now),
        services.remote(id, &service, &body.title, &body.vendor, unit, &packs, &bearer_hash(&key), now),
    ];
    match app.store.write(statements).await {
        Err(StoreError::Conflict(_)) => {
            let detail = format!(
                "service {service:?} is a plugin's or belongs to another vendor than {:?}; choose another name",
                body.vendor
            );
            return Err(Problem::new(NAME_TAKEN, detail).at("service"));
        }
        done => drop(done?),
    }
    app.catalog.load_remote(&app.store).await.map_err(|error| Problem::host(format!("{error:#}")))?;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(ServiceKey { service, key })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::v1::body::parse;

    fn check(service: &str, body: &str) -> Result<(), (String, Option<String>)> {
        let read = parse::<RemoteService>(body.as_bytes()).and_then(|remote| remote.check(service));
        read.map_err(|problem| (problem.detail.clone(), problem.field.clone()))
    }

    #[test]
    fn a_remote_service_is_checked_member_by_member() {
        let pack = r#"{"name": "Starter Pack", "credits": "10", "price": {"EUR": "0.90"}}"#;
        let body = |packs: &str| format!(r#"{{"title": "Print", "vendor": "acme-labs", "packs": [{packs}]}}"#);
        assert_eq!(check("print", r#"{"title": "Print", "vendor": "acme-labs"}"#), Ok(()));
        assert_eq!(check("print", &body(pack)), Ok(()));
        for (service, body, field) in [
            ("Print", body(pack), "service"),
            ("print", body(&format!("{pack}, {pack}")), "packs[1].name"),
            ("print", body(&pack.replace("\"10\"", "\"0\"")), "packs[0]"),
            ("print", body(&pack.replace("0.90", "0.901")), "packs[0]"),
            ("print", body(&pack.replace("\"10\"", "\"10.0000001\"")), "packs[0].credits"),
            ("print", body(&pack.replace("price", "prices")), "packs[0].prices"),
        ] {
            assert_eq!(check(service, &body).unwrap_err().1.as_deref(), Some(field), "{body}");
        }
    }
}
