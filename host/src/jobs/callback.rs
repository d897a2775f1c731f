//! Callbacks to databases: delivered in order, again and again until the database takes them.

use std::{sync::Arc, time::Duration};

use iap_core::hosting::Door;
use iap_store::repositories::JobRow;
use serde::Deserialize;
use url::Url;

use super::{Outcome, store_failed};
use crate::{accounts, app::App};

const TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
struct Delivery {
    content_type: String,
    json_rpc: bool,
}

pub(super) async fn run(app: &Arc<App>, job: &JobRow) -> Outcome {
    let (Ok(delivery), Ok(url)) = (serde_json::from_str::<Delivery>(&job.context), Url::parse(&job.name)) else {
        return Outcome::Dead("the stored callback is not readable".to_owned());
    };
    // Asked again at the door: the database may have moved since it was enqueued.
    match refused(app, job).await {
        Ok(None) => {}
        Ok(Some(why)) => return Outcome::Dead(why),
        Err(error) => return store_failed(&error),
    }
    match app.engine.deliver(url, &delivery.content_type, job.payload.clone(), TIMEOUT).await {
        Ok(answer) if !(200..300).contains(&answer.status) => again(format!("the database answered {}", answer.status)),
        Ok(answer) if delivery.json_rpc => match serde_json::from_slice::<serde_json::Value>(&answer.body) {
            Ok(body) if body.get("error").is_none() => Outcome::Done(Vec::new()),
            Ok(_) => again("the database answered a JSON-RPC error".to_owned()),
            Err(_) => again("the database did not answer JSON".to_owned()),
        },
        Ok(_) => Outcome::Done(Vec::new()),
        Err(error) if error.code == "private-address" || error.code == "bad-request" => {
            Outcome::Dead(error.to_string())
        }
        Err(error) => again(error.to_string()),
    }
}

async fn refused(app: &App, job: &JobRow) -> Result<Option<String>, iap_store::StoreError> {
    let Some(account) = job.account else { return Ok(Some("it is for no account".to_owned())) };
    let Some(account) = app.store.accounts().get(account).await? else {
        return Ok(Some("its account is gone".to_owned()));
    };
    let Some(service) = app.catalog.by_id(job.service) else { return Ok(Some("its service is gone".to_owned())) };
    let database = match account.database {
        Some(id) => app.store.databases().get(id).await?,
        None => None,
    };
    let hosting = accounts::hosting_of(database.as_ref(), &app.config);
    Ok(accounts::ask(Door::Callback, &service, hosting, Some(&account))
        .refusal()
        .map(|(_, message)| message.to_owned()))
}

fn again(why: String) -> Outcome {
    Outcome::Again { why, after: None }
}
