//! The story: what real databases sent, and what became of it.

use std::time::{Duration, Instant};

use iap_core::Credits;
use iap_store::{
    Location,
    ledger::verify::{Options, verify},
};
use serde_json::{Value, json};

use super::{
    databases::{Recorded, Webhook, balance_17, balance_19, information_19, send_17, send_19, send_one_19, warning_19},
    transcript::Transcript,
    world::World,
};

const SH_DATABASE: &str = "0a9c2a6e-e4dd-11f1-9d4e-02fc00000001";
const SH_TOKEN: &str = "5f0c1d2e3a4b4c5d8e6f7a8b9c0d1e2f";
const ONLINE_TOKEN: &str = "8d7c6b5a49384756a1b2c3d4e5f60718";

/// Tells it; whether everything held.
pub async fn tell(world: &World, t: &mut Transcript) -> anyhow::Result<bool> {
    let webhook = Webhook::listen().await?;
    let (online, premise) = (balance_17().param("dbuuid").to_owned(), balance_19().param("dbuuid").to_owned());
    declare(world, t, &online, &premise).await?;
    odoo_17(world, t, &online, &webhook).await?;
    let bought = odoo_19(world, t, &premise, &webhook).await?;
    reports(t, &webhook, &bought).await;
    super::letter::tell(world, t, &premise).await?;
    hosting(world, t, &online, &premise).await?;
    books(world, t).await?;
    Ok(t.verdict())
}

async fn declare(world: &World, t: &mut Transcript, online: &str, premise: &str) -> anyhow::Result<()> {
    t.chapter("The operator declares three databases");
    for (dbuuid, hosting, country) in
        [(online, "odoo_online", "BE"), (SH_DATABASE, "odoo_sh", "FR"), (premise, "on_premise", "BE")]
    {
        let body = json!({ "hosting": hosting, "edition": "community", "subscription_valid": false, "purpose": "production", "country": country });
        let declared = world.operator("PUT", &format!("/v1/databases/{dbuuid}"), Some(&body)).await?;
        t.check(declared["hosting"] == hosting, &format!("PUT /v1/databases/{dbuuid}  hosting {hosting}"));
    }
    Ok(())
}

/// An Odoo 17 on Odoo Online: opens its account, is given credits, sends.
async fn odoo_17(world: &World, t: &mut Transcript, dbuuid: &str, webhook: &Webhook) -> anyhow::Result<()> {
    t.chapter("An Odoo 17 database (Odoo Online) asks for its balance and sends three SMS, as recorded");
    let before = balance(world, &balance_17()).await?;
    t.check(
        before == Credits::ZERO,
        &format!("POST /iap/1/balance  {before} credits: the account opened at first contact"),
    );
    grant(world, t, dbuuid, "sms", "10").await?;
    let request = send_17().with("webhook_url", json!(webhook.url));
    let answer = world.rpc(&request.path, &request.body).await?;
    let (states, charged) = outcome(t, &answer);
    t.check(states.iter().all(|state| state == "success"), "all three were accepted by the carrier");
    let after = balance(world, &balance_17()).await?;
    t.check(
        Some(after) == Credits::whole(10).checked_sub(charged),
        &format!("balance 10 - {charged} = {after} credits: charged exactly the price"),
    );
    let again = world.rpc(&request.path, &request.body).await?;
    let still = balance(world, &balance_17()).await?;
    t.check(
        again["result"] == answer["result"] && still == after,
        "the same request again (a timeout, a retry): the same answer, no charge, nothing sent twice",
    );
    Ok(())
}

/// An Odoo 19 on-premise: sends what it has credits for, runs out, buys, sends again.
async fn odoo_19(world: &World, t: &mut Transcript, dbuuid: &str, webhook: &Webhook) -> anyhow::Result<String> {
    t.chapter("An Odoo 19 database (on-premise) sends until its credits run out");
    let information = information_19();
    let known = world.rpc(&information.path, &information.body).await?;
    let token = balance_19().param("account_token").to_owned();
    t.check(
        known["result"][token.as_str()]["registered"] == "registered",
        "POST /iap/1/get-accounts-information  opens its accounts and says they are registered",
    );
    let warning = warning_19();
    let heard = world.rpc(&warning.path, &warning.body).await?;
    let (threshold, emails) = (&warning.body["params"]["warning_threshold"], &warning.body["params"]["warning_emails"]);
    let admin = emails[0]["email"].as_str().unwrap_or_default();
    t.check(
        heard["result"] == true,
        &format!("POST /iap/1/update-warning-email-alerts  below {threshold} credits, {admin} wants a mail"),
    );
    grant(world, t, dbuuid, "sms", "5").await?;
    let request = send_19().with("webhook_url", json!(webhook.url));
    let answer = world.rpc(&request.path, &request.body).await?;
    let (states, charged) = outcome(t, &answer);
    t.check(states.len() == 5 && charged == Credits::whole(5), "five messages, five credits");
    let request = send_one_19().with("webhook_url", json!(webhook.url));
    let answer = world.rpc(&request.path, &request.body).await?;
    let (states, charged) = outcome(t, &answer);
    t.check(
        states == ["insufficient_credit"] && charged.is_zero(),
        "the sixth is refused for credits, in the state that Odoo shows with a buy link",
    );
    let subjects = mails(world, admin).await?;
    t.check(subjects.len() == 1, &format!("mail to {admin}: {}", subjects.join(", ")));

    t.chapter("Its user buys a pack, and sends again");
    buy(world, t, dbuuid, &token).await?;
    let answer = world.rpc(&request.path, &request.body).await?;
    let (states, _) = outcome(t, &answer);
    t.check(states == ["success"], "the same message, sent again from Odoo, goes out");
    Ok(request.body["params"]["messages"][0]["numbers"][0]["uuid"].as_str().unwrap_or_default().to_owned())
}

async fn buy(world: &World, t: &mut Transcript, dbuuid: &str, token: &str) -> anyhow::Result<()> {
    let page = format!("{}/iap/1/credit?dbuuid={dbuuid}&service_name=sms&account_token={token}&credit=1", world.url());
    let shown = world.send("GET", &page, None, None).await?;
    t.check(
        shown.status == 200 && shown.text.contains("Starter Pack"),
        "GET /iap/1/credit  the buy page shows the packs",
    );
    let fields = [("service_name", "sms"), ("account_token", token), ("dbuuid", dbuuid), ("pack", "Starter Pack")];
    let ordered = world.form(&format!("{}/iap/1/credit", world.url()), &fields).await?;
    let checkout = ordered.location.unwrap_or_default();
    t.check(
        ordered.status == 303 && checkout.starts_with(world.card()),
        "POST /iap/1/credit  an order, and off to the card processor",
    );
    let paid = world.form(&checkout, &[]).await?;
    let back = paid.location.unwrap_or_default();
    t.check(
        paid.status == 303 && back.starts_with(world.url()),
        "the customer pays with a card; the processor's signed webhook grants the credits",
    );
    let done = world.send("GET", &back, None, None).await?;
    let after = balance(world, &balance_19()).await?;
    t.check(
        done.status == 200 && after == Credits::whole(10),
        &format!("back on the host's page; the balance is {after} credits"),
    );
    Ok(())
}

/// Subjects of the mails that came to an address, once there are any.
async fn mails(world: &World, to: &str) -> anyhow::Result<Vec<String>> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let inbox = world.send("GET", &format!("{}/inbox?to={to}", world.mail()), None, None).await?.json();
        let mails = inbox["mails"].as_array().cloned().unwrap_or_default();
        if !mails.is_empty() || until < Instant::now() {
            return Ok(mails.iter().filter_map(|mail| mail["subject"].as_str().map(str::to_owned)).collect());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn reports(t: &mut Transcript, webhook: &Webhook, uuid: &str) {
    t.chapter("The carrier reports delivery, the host tells the database's webhook");
    let until = Instant::now() + Duration::from_secs(10);
    while !webhook.statuses(uuid).contains(&"delivered".to_owned()) && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let statuses = webhook.statuses(uuid);
    t.check(statuses == ["sent", "delivered"], &format!("POST {}  {uuid}: {}", webhook.url, statuses.join(", then ")));
}

async fn hosting(world: &World, t: &mut Transcript, online: &str, premise: &str) -> anyhow::Result<()> {
    t.chapter("A third-party service: allowed on-premise, refused on Odoo Online, credits needed everywhere");
    let say = |token: &str, dbuuid: &str| json!({ "jsonrpc": "2.0", "method": "call", "id": "1", "params": { "account_token": token, "dbuuid": dbuuid, "text": "hello" } });
    let refused = world.rpc("/iap/s/echo/say", &say(ONLINE_TOKEN, online)).await?;
    t.check(error_class(&refused) == "AccessError", &format!("Odoo Online: {}", error_message(&refused)));
    let asked = world.rpc("/iap/s/echo/say", &say(SH_TOKEN, SH_DATABASE)).await?;
    t.check(error_class(&asked) == "AccessError", &format!("Odoo.sh, first use: {}", error_message(&asked)));
    let token = "00aa11bb22cc33dd44ee55ff66778899";
    let broke = world.rpc("/iap/s/echo/say", &say(token, premise)).await?;
    let dialog: Value = serde_json::from_str(&error_message(&broke)).unwrap_or(Value::Null);
    t.check(
        error_class(&broke) == "InsufficientCreditError",
        &format!(
            "on-premise, without credits: Odoo opens its buy dialog at {}",
            dialog["base_url"].as_str().unwrap_or("?")
        ),
    );
    grant(world, t, premise, "echo", "1").await?;
    let said = world.rpc("/iap/s/echo/say", &say(token, premise)).await?;
    t.check(said["result"]["text"] == "hello", "on-premise, with a credit: it answers");
    Ok(())
}

async fn books(world: &World, t: &mut Transcript) -> anyhow::Result<()> {
    t.chapter("The books");
    let location = Location::File(world.data_dir().join("iap.db"));
    let report = verify(&location, Options::default(), |_, _| {}).await?;
    t.check(
        report.is_clean(),
        &format!(
            "iap ledger verify: {} postings, {} grants, {} holds ({} live); every balance is what its postings make",
            report.postings, report.grants, report.holds, report.live_holds
        ),
    );
    let received = world.send("GET", &format!("{}/received", world.carrier()), None, None).await?.json();
    t.check(
        received["total"] == 9,
        &format!("the carrier received {} messages: none lost, none twice", received["total"]),
    );
    Ok(())
}

async fn balance(world: &World, request: &Recorded) -> anyhow::Result<Credits> {
    let answer = world.rpc(&request.path, &request.body).await?;
    Ok(Credits::from_wire_number(&answer["result"].to_string())?)
}

pub(super) async fn grant(
    world: &World,
    t: &mut Transcript,
    dbuuid: &str,
    service: &str,
    credits: &str,
) -> anyhow::Result<()> {
    let database = world.operator("GET", &format!("/v1/databases/{dbuuid}"), None).await?;
    let accounts = database["accounts"].as_array().cloned().unwrap_or_default();
    let account = accounts
        .iter()
        .find(|account| account["service"] == service)
        .and_then(|account| account["id"].as_str())
        .unwrap_or("missing")
        .to_owned();
    let body = json!({ "credits": credits, "reason": "welcome" });
    let granted = world.operator("POST", &format!("/v1/accounts/{account}/grants"), Some(&body)).await;
    t.check(granted.is_ok(), &format!("POST /v1/accounts/{account}/grants  {credits} credits"));
    granted.map(drop)
}

/// Prints the states of an SMS answer; states and the sum charged.
fn outcome(t: &Transcript, answer: &Value) -> (Vec<String>, Credits) {
    let items = answer["result"].as_array().cloned().unwrap_or_default();
    let mut sum = Credits::ZERO;
    let mut states = Vec::new();
    for item in &items {
        let credit = Credits::from_wire_number(&item["credit"].to_string()).unwrap_or_default();
        sum = sum.checked_add(credit).unwrap_or(Credits::MAX);
        let state = item["state"].as_str().unwrap_or("?").to_owned();
        t.say(&format!("  {}  {state:<20} {credit} credits", item["uuid"].as_str().unwrap_or("?")));
        states.push(state);
    }
    if items.is_empty() {
        t.say(&format!("  {answer}"));
    }
    (states, sum)
}

fn error_class(answer: &Value) -> String {
    answer["error"]["data"]["name"].as_str().and_then(|name| name.rsplit('.').next()).unwrap_or("no error").to_owned()
}

fn error_message(answer: &Value) -> String {
    answer["error"]["data"]["message"].as_str().unwrap_or_default().to_owned()
}
