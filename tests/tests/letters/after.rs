//! What happens after a letter was taken: refused, cancelled, told of by webhooks, true ones and others.

use iap_tests::host::until;
use serde_json::{Value, json};

use crate::world::{World, letter, plain};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_letter_that_is_never_posted_gives_its_credits_back() {
    let world = World::with("10").await;
    for (number, faults) in [
        json!({ "fate": "issues" }),
        json!({ "fate": "issues", "no_webhook": true }),
        json!({ "fate": "undeliverable" }),
        json!({ "fate": "undeliverable", "no_webhook": true }),
    ]
    .into_iter()
    .enumerate()
    {
        let number = number as u64 + 1;
        world.printer.faults(faults.clone()).await;
        let first = world.print(letter(number)).await;
        assert_eq!(first["sent"], true, "{faults}");
        assert_eq!(world.stamps().await, ("9".to_owned(), "1".to_owned()), "{faults}");
        assert_eq!(world.settled().await, "10", "{faults}");
    }
    assert_eq!(world.printer.counts().await, (4, 0));
    // A letter that failed may be sent again, and is another one to the printer.
    world.printer.faults(json!({})).await;
    assert_eq!(world.print(letter(1)).await["sent"], true);
    assert_eq!((world.settled().await, world.printer.counts().await), ("9".to_owned(), (5, 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn webhooks_are_believed_if_they_are_signed_and_count_once() {
    // Nobody looks at letters by himself here.
    let world = World::start("10", 3_000).await;
    world.printer.faults(json!({ "webhook_forged": true })).await;
    assert_eq!(world.print(letter(1)).await["sent"], true);
    until("the forged one was answered", || async { !world.printer.webhook_answers().await.is_empty() }).await;
    assert_eq!(world.printer.webhook_answers().await, [403]);
    let news = "SELECT count(*) FROM store_value WHERE key LIKE 'news/%'";
    assert_eq!(world.host.sql(news), ["0"]);
    world.printer.faults(json!({ "webhook_twice": true })).await;
    assert_eq!(world.print(letter(2)).await["sent"], true);
    until("both were answered", || async { world.printer.webhook_answers().await.len() == 3 }).await;
    assert_eq!(world.printer.webhook_answers().await, [403, 200, 200]);
    assert_eq!(world.host.sql(news), ["1"]);
    assert_eq!(world.host.sql("SELECT count(*) FROM store_value WHERE key LIKE 'event/%'"), ["1"]);
    // What the printer told is enough: it need not be asked.
    world.printer.faults(json!({ "on": ["look"], "status": 500 })).await;
    world.host.sql("UPDATE job SET run_at = 0 WHERE state = 'waiting' AND name = 'follow'");
    until("the second letter is charged", || async { world.stamps().await == ("8".to_owned(), "1".to_owned()) }).await;
    world.printer.faults(json!({})).await;
    world.host.sql("UPDATE job SET run_at = 0 WHERE state = 'waiting' AND name = 'follow'");
    assert_eq!(world.settled().await, "8");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_letter_of_a_batch_that_failed_may_be_sent_again_while_another_is_on_its_way() {
    let world = World::with("10").await;
    world.printer.faults(json!({ "hold": true, "fate": "undeliverable" })).await;
    let result = world.print_all(vec![letter(1), letter(2)], plain()).await;
    let id = |n: usize| result["request"]["documents"][n]["send_id"].as_str().expect("it was sent").to_owned();
    assert_eq!(world.stamps().await, ("8".to_owned(), "2".to_owned()));
    let fail = async |id: String| while world.printer.advance(&id).await != "undeliverable" {};
    fail(id(0)).await;
    until("its credits are back", || async { world.stamps().await == ("9".to_owned(), "1".to_owned()) }).await;
    let known = "SELECT count(*) FROM natural_key";
    until("it is forgotten", || async { world.host.sql(known) == ["1"] }).await;
    world.printer.faults(json!({})).await;
    let again = world.print(letter(1)).await;
    assert!(again["sent"] == true && again["send_id"] != id(0), "{again}");
    assert_eq!(world.print(letter(2)).await["send_id"], id(1), "the other is known");
    until("it is charged", || async { world.stamps().await == ("8".to_owned(), "1".to_owned()) }).await;
    fail(id(1)).await;
    assert_eq!((world.settled().await, world.printer.counts().await), ("9".to_owned(), (3, 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_letter_that_nobody_can_follow_is_charged_at_once_and_one_that_nobody_knows_of_may_be_sent_again() {
    let world = World::with("10").await;
    assert_eq!(world.print(letter(9)).await["sent"], true);
    assert_eq!(world.settled().await, "9");
    until("its job ends", || async { world.host.sql("SELECT count(*) FROM job WHERE state <> 'done'") == ["0"] }).await;
    // As many jobs of the account wait as may.
    world.host.sql(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10000)
         INSERT INTO job (id, kind, service_id, account_id, name, payload, free, context, state, run_at, created_at, queue, depth)
         SELECT n, 'plugin', service_id, account_id, 'nothing', x'', 0, '[]', 'waiting', 9000000000000000, 0, queue, 0 FROM n, (SELECT service_id, account_id, queue FROM job LIMIT 1) AS own",
    );
    assert_eq!(world.host.sql("SELECT count(*) FROM job WHERE name = 'nothing'"), ["10000"]);
    let last = "SELECT state || ' ' || credits FROM call ORDER BY id DESC LIMIT 1";
    assert_eq!(world.print(letter(1)).await["sent"], true);
    assert_eq!(
        (world.stamps().await, world.host.sql(last)),
        (("8".to_owned(), "0".to_owned()), vec!["captured 1000000".to_owned()])
    );
    world.printer.faults(json!({ "lose_pages": 1 })).await;
    assert_eq!(world.print(letter(2)).await, Value::Null);
    assert_eq!(
        (world.stamps().await, world.host.sql(last)),
        (("8".to_owned(), "0".to_owned()), vec!["answered 0".to_owned()])
    );
    world.printer.faults(json!({})).await;
    let count = world.printer.counts().await.0;
    assert_eq!(world.print(letter(2)).await["sent"], true);
    assert_eq!(world.printer.counts().await.0, count, "it is the letter that the printer has");
    assert_eq!(world.settled().await, "7");
}
