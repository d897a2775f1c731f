//! Paths of services: `[[routes]]` of their releases, and `/iap/s/{service}/{operation}` of every service.

use std::sync::Arc;

use axum::{extract::Request, extract::State, response::Response};
use iap_core::{hosting::Door, manifest::Route};

use super::{
    envelope::{Envelope, failure, success},
    errors::Wrong,
    params::Params,
};
use crate::{
    accounts::{Contact, Met, Standing},
    app::App,
    blobs, calls,
    catalog::Service,
};

/// Answers a path by the service that owns it, or with an error that Odoo can read.
pub async fn service_path(State(app): State<Arc<App>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let Some((service, route)) = owner(&app, &path) else {
        let (id, wrong) = match Envelope::read(&app.bodies, request.into_body(), super::envelope::MAX_BODY).await {
            Ok(envelope) => (
                envelope.id,
                Wrong::user(format!(
                    "no service answers {path} on this host; check the endpoint in the system parameters, or ask the operator to add the service"
                )),
            ),
            Err(broken) => broken,
        };
        return failure(&id, &wrong);
    };
    let max_body = usize::try_from(route.max_body).unwrap_or(usize::MAX);
    // What any of its routes names: all doors of an operation give its plugin the same.
    let manifest = service.release.as_ref().map(|release| release.manifest());
    let operation = manifest.and_then(|manifest| manifest.operation(&route.operation));
    let blobs = operation.map_or(&[][..], |operation| &operation.blobs);
    let envelope = match Envelope::read_with(&app.bodies, request.into_body(), max_body, blobs).await {
        Ok(envelope) => envelope,
        Err((id, wrong)) => return failure(&id, &wrong),
    };
    let id = envelope.id.clone();
    match call(&app, &service, &route, envelope).await {
        Ok(output) => success(&id, &output),
        Err(wrong) => failure(&id, &wrong),
    }
}

fn owner(app: &App, path: &str) -> Option<(Arc<Service>, Route)> {
    if let Some(routed) = app.catalog.route(path) {
        return Some((routed.service, routed.route));
    }
    let (service, operation) = path.strip_prefix("/iap/s/")?.split_once('/')?;
    let service = app.catalog.service(service)?;
    // Accounts that stay in an older major version have operations that the newest has no more.
    let line = app.catalog.line(&service.name)?;
    let releases = line.faces.values().filter_map(|face| face.release.as_ref());
    let max_body = releases.filter_map(|release| Some(release.manifest().operation(operation)?.max_body)).max()?;
    let route = Route {
        path: path.to_owned(),
        operation: operation.to_owned(),
        account: Some("account_token".to_owned()),
        database: None,
        callback: None,
        max_body,
        blobs: Vec::new(),
    };
    Some((service, route))
}

async fn call(app: &Arc<App>, service: &Arc<Service>, route: &Route, envelope: Envelope) -> Result<String, Wrong> {
    let params = Params(&envelope.params);
    let met = match &route.account {
        Some(member) => meet(app, service, route, &params, member).await?,
        None => Met { account: None, database: None, standing: Standing::Active },
    };
    let callback_url = match &route.callback {
        Some(member) => params.text(member)?.map(str::to_owned),
        None => None,
    };
    let (input, documents) = blobs::measure(&app.store, envelope.taken, met.standing.refusal().is_none()).await;
    // The path as the account's own release declares it.
    let serving = app.catalog.serving(service, met.account.as_ref());
    let own = serving.release.as_ref().and_then(|own| own.manifest().routes.iter().find(|own| own.path == route.path));
    let request = calls::Request {
        service: Arc::clone(service),
        operation: own.unwrap_or(route).operation.clone(),
        input,
        documents,
        met,
        door: "odoo",
        company: None,
        max_credits: None,
        idempotency: None,
        callback_url,
    };
    let answer = calls::run(Arc::clone(app), request)
        .await
        .map_err(|error| Wrong::from_call(error, &service.name, &app.public_url))?;
    app.bell.notify_one();
    // The plugin's output is JSON by the runtime's word only: what Odoo gets must be.
    match serde_json::from_slice::<&serde_json::value::RawValue>(&answer.output) {
        Ok(output) => Ok(output.get().to_owned()),
        Err(_) => Err(Wrong::user(format!(
            "service {} answered something that is not JSON; its vendor can see why",
            service.name
        ))),
    }
}

async fn meet(app: &App, service: &Service, route: &Route, params: &Params<'_>, member: &str) -> Result<Met, Wrong> {
    let dbuuid = match &route.database {
        Some(name) => params.dbuuid_at(name)?,
        None => None,
    };
    let dbuuid = match dbuuid {
        Some(dbuuid) => Some(dbuuid),
        None => params.dbuuid()?,
    };
    let contact = Contact { token: params.token(member)?, dbuuid, door: Door::ServicePath };
    contact.meet(&app.store, &app.keys, &app.config, service).await.map_err(Wrong::from_contact)
}
