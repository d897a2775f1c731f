//! The story's letter: handed over, printed, and charged when it is posted.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{databases::letter_19, story::grant, transcript::Transcript, world::World};

/// Tells it, for the database that is on-premise.
pub async fn tell(world: &World, t: &mut Transcript, dbuuid: &str) -> anyhow::Result<()> {
    t.chapter("The Odoo 19 database has a letter printed and posted");
    let request = letter_19();
    let broke = world.rpc(&request.path, &request.body).await?;
    t.check(
        outcome(&broke)["error"] == "CREDIT_ERROR",
        "POST /iap/snailmail/1/print  without credits: CREDIT_ERROR, which Odoo shows with a buy link",
    );
    grant(world, t, dbuuid, "snailmail", "5").await?;
    let answer = world.rpc(&request.path, &request.body).await?;
    let letter = outcome(&answer);
    let (id, cost) = (letter["send_id"].as_str().unwrap_or("?").to_owned(), letter["cost"].clone());
    t.check(
        letter["sent"] == true && letter["letter_id"] == 1,
        &format!("one page in colour, on both sides, to Belgium: sent as {id} for {cost} stamps"),
    );
    let again = world.rpc(&request.path, &request.body).await?;
    t.check(
        outcome(&again)["send_id"] == json!(id),
        "the same letter again (a timeout, a cron): the same answer, one letter",
    );
    let (mut shown, until) = (Value::Null, Instant::now() + Duration::from_secs(20));
    while Instant::now() < until {
        shown = account(world, dbuuid).await?;
        if shown["held"] == "0" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    t.check(
        shown["held"] == "0" && shown["available"] == "3.8",
        &format!("the printer posts it; now its credits are taken: {} stamps are left of 5", shown["available"]),
    );
    let outbox = world.send("GET", &format!("{}/outbox", world.printer()), None, None).await?.json();
    t.check(
        outbox["total"] == 1 && outbox["posted"] == 1,
        &format!("the printer took {} letter and posted {}", outbox["total"], outbox["posted"]),
    );
    Ok(())
}

fn outcome(answer: &Value) -> Value {
    answer["result"]["request"]["documents"][0].clone()
}

async fn account(world: &World, dbuuid: &str) -> anyhow::Result<Value> {
    let database = world.operator("GET", &format!("/v1/databases/{dbuuid}"), None).await?;
    let accounts = database["accounts"].as_array().cloned().unwrap_or_default();
    Ok(accounts.into_iter().find(|account| account["service"] == "snailmail").unwrap_or(Value::Null))
}
