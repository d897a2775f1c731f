//! What happens after a letter was taken: refused, cancelled, told of by webhooks, true ones and others.

use iap_tests::host::until;
use serde_json::json;

use crate::world::{World, letter};

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
