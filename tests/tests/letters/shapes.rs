//! Letters as databases and programs send them.

use iap_tests::host::until;
use serde_json::{Value, json};

use crate::{
    pdf,
    world::{World, letter, letter_of, plain},
};

fn recorded(file: &str) -> Value {
    let path = format!("{}/fixtures/odoo/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the fixture is there");
    let mut recorded: Value = serde_json::from_str(&text).expect("it is JSON");
    recorded["body"]["params"].take()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_recorded_letter_is_posted_once_and_charged_when_it_is() {
    let world = World::with("10").await;
    let mut params = recorded("v19/019-iap_snailmail_1_print.json");
    params["account_token"] = json!(world.odoo.token);
    params["dbuuid"] = json!(world.odoo.dbuuid);
    let result = world.odoo.result("/iap/snailmail/1/print", &params).await;
    let id = result["request"]["documents"][0]["send_id"].as_str().expect("it was sent").to_owned();
    assert_eq!(
        result,
        json!({
            "request_code": 200, "total_cost": 1.2, "credit_error": false,
            "request": { "options": {}, "documents": [{
                "letter_id": 1, "res_model": "res.partner", "res_id": 6, "sent": true, "send_id": id, "cost": 1.2, "pages": 1,
            }]},
        })
    );
    assert_eq!(world.settled().await, "8.8");
    let letters = world.printer.letters().await;
    assert_eq!(letters.len(), 1);
    for (member, value) in
        [("print_mode", "duplex"), ("print_spectrum", "color"), ("address_position", "right"), ("status", "sent")]
    {
        assert_eq!(letters[0][member], value, "{member}");
    }
    // The cron sends it again, days later: the same answer, for nothing.
    let again = world.odoo.result("/iap/snailmail/1/print", &params).await;
    assert_eq!((&again["request"], &again["total_cost"]), (&result["request"], &json!(0)));
    assert_eq!((world.printer.counts().await, world.settled().await), ((1, 1), "8.8".to_owned()));
    let calls = world.host.operator().ok("GET", &format!("/v1/accounts/{}/calls", world.account), None).await;
    let charged: Vec<&Value> =
        calls["items"].as_array().expect("a list").iter().filter(|call| call["credits"] == "1.2").collect();
    assert_eq!((charged.len(), &charged[0]["state"]), (1, &json!("captured")), "{calls}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn letters_of_an_old_database_come_together_and_get_their_cover_page() {
    let world = World::with("20").await;
    let options = json!({ "color": false, "cover": true, "duplex": true, "currency_name": "EUR" });
    let mut german = letter_of(2, &pdf::a4(3, "Mahnung"));
    german["rightaddress"] = json!(0);
    german["address"]["country_code"] = json!("DE");
    let result = world.print_all(vec![letter(1), german, letter(3)], options).await;
    let documents = result["request"]["documents"].as_array().expect("a list").clone();
    let told: Vec<Value> =
        documents.iter().map(|one| json!([one["letter_id"], one["sent"], one["pages"], one["cost"]])).collect();
    // Cover page, empty page, and the document; two pages a sheet.
    assert_eq!(told, [json!([1, true, 3, 1.3]), json!([2, true, 5, 1.6]), json!([3, true, 3, 1.3])]);
    assert_eq!(world.settled().await, "15.8");
    let letters = world.printer.letters().await;
    let mut positions: Vec<&str> = letters.iter().filter_map(|one| one["address_position"].as_str()).collect();
    positions.sort_unstable();
    assert_eq!((letters.len(), positions), (3, vec!["left", "right", "right"]));
    let file = world.printer.file(documents[0]["send_id"].as_str().expect("an id")).await;
    let text = String::from_utf8_lossy(&file);
    assert!(text.contains("334.488 661.311 Td <426f62> Tj"), "Bob is where the window is");
    assert!(text.contains("(Letter 1 0)"), "and the document behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_program_prints_asks_and_cancels() {
    let world = World::with("10").await;
    world.printer.faults(json!({ "hold": true })).await;
    let operator = world.host.operator();
    let call = async |operation: &str, input: Value| {
        let path = format!("/v1/accounts/{}/calls/{operation}", world.account);
        operator.send("POST", &path, Some(&json!({ "input": input }))).await
    };
    let quoted = operator
        .ok(
            "POST",
            &format!("/v1/accounts/{}/quotes/print", world.account),
            Some(&json!({ "input": { "documents": [letter(1)], "options": plain() } })),
        )
        .await;
    assert_eq!(quoted["credits"], "1", "{quoted}");
    let printed = call("print", json!({ "documents": [letter(1)], "options": plain() })).await;
    assert_eq!(printed.status, 200, "{}", printed.text);
    let id = printed.json()["output"]["request"]["documents"][0]["send_id"].as_str().expect("it was sent").to_owned();
    let which = json!({ "send_id": id });
    assert_eq!(call("status", which.clone()).await.json()["output"]["state"], "accepted");
    assert_eq!(call("cancel", which.clone()).await.json()["output"]["state"], "cancelling");
    // Its credits go back when the printer says that it was cancelled.
    assert_eq!(world.settled().await, "10");
    assert_eq!(call("status", which.clone()).await.json()["output"]["state"], "failed");
    assert_eq!(world.printer.counts().await, (1, 0));
    let stranger = world.host.database_with_credits("snailmail", "1").await;
    let account = operator.account(&stranger.dbuuid, "snailmail").await;
    let path = format!("/v1/accounts/{account}/calls/cancel");
    let refused = operator.send("POST", &path, Some(&json!({ "input": which }))).await;
    assert_ne!(refused.status, 200, "{}", refused.text);
    // One that is being printed cannot be cancelled.
    let printed = call("print", json!({ "documents": [letter(2)], "options": plain() })).await.json();
    let id = printed["output"]["request"]["documents"][0]["send_id"].as_str().expect("it was sent").to_owned();
    until("it is accepted", || async { world.printer.letters().await[1]["status"] == "accepted" }).await;
    assert_eq!(world.printer.advance(&id).await, "printing");
    let late = call("cancel", json!({ "send_id": id })).await;
    assert_ne!(late.status, 200, "{}", late.text);
    assert_eq!(world.printer.advance(&id).await, "sent");
    assert_eq!(world.settled().await, "9");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_that_the_printer_has_forgotten_is_replaced() {
    let world = World::with("10").await;
    assert_eq!(world.print(letter(1)).await["sent"], true);
    world.printer.revoke_tokens().await;
    assert_eq!(world.print(letter(2)).await["sent"], true);
    assert_eq!(world.settled().await, "8");
}
