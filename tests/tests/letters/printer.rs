//! A printer that is down, slow, confused, or goes away after it has taken a letter: posted once, charged once, right in
//! the end.

use iap_tests::host::until;
use serde_json::{Value, json};

use crate::{
    pdf,
    world::{World, letter, letter_of, plain},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_printer_that_is_down_leaves_the_letter_in_the_queue() {
    let world = World::with("10").await;
    for faults in [
        json!({ "status": 503 }),
        json!({ "drop": true }),
        json!({ "garbage": true }),
        json!({ "on": ["token"], "status": 401 }),
        json!({ "on": ["slot"], "status": 500 }),
        json!({ "on": ["upload"], "status": 403 }),
        json!({ "on": ["upload"], "drop": true }),
        json!({ "on": ["create"], "status": 429 }),
        json!({ "on": ["create"], "status": 402 }),
    ] {
        world.printer.faults(faults.clone()).await;
        // No entry: a database leaves the letter as it is, and sends it again.
        assert_eq!(world.print(letter(1)).await, Value::Null, "{faults}");
        assert_eq!(world.stamps().await, ("10".to_owned(), "0".to_owned()), "{faults}");
        world.printer.revoke_tokens().await;
    }
    world.printer.faults(json!({})).await;
    assert_eq!(world.print(letter(1)).await["sent"], true);
    assert_eq!((world.settled().await, world.printer.counts().await), ("9".to_owned(), (1, 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_letter_that_the_printer_took_without_saying_so_is_posted_and_charged_once() {
    let world = World::with("10").await;
    for (number, faults) in [
        // It is lost before, and lost after the printer took it.
        json!({ "on": ["create"], "drop": true, "times": 2 }),
        json!({ "on": ["create"], "after": "drop", "times": 2 }),
        json!({ "on": ["create"], "garbage": true, "times": 3 }),
        json!({ "on": ["create"], "after": "garbage", "times": 3 }),
        json!({ "on": ["create"], "status": 502, "times": 2 }),
    ]
    .into_iter()
    .enumerate()
    {
        let number = number as u64 + 1;
        world.printer.faults(faults.clone()).await;
        assert_eq!(world.print(letter(number)).await, Value::Null, "{faults}");
        assert_eq!(world.stamps().await.1, "1", "its credits stay aside: {faults}");
        // Whoever asks meanwhile posts no second one.
        assert!(matches!(world.print(letter(number)).await, Value::Null | Value::Object(_)), "{faults}");
        assert_eq!(world.settled().await, (10 - number).to_string(), "{faults}");
        let told = world.print(letter(number)).await;
        assert_eq!(told["sent"], true, "{faults}: {told}");
        assert_eq!(world.printer.counts().await, (number, number), "{faults}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_lost_answer_is_made_up_for_at_once() {
    let world = World::with("10").await;
    world.printer.faults(json!({ "on": ["create"], "after": "drop", "times": 1 })).await;
    assert_eq!(world.print(letter(1)).await["sent"], true);
    assert_eq!((world.settled().await, world.printer.counts().await), ("9".to_owned(), (1, 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slow_printer_is_answered_for_in_time() {
    let world = World::with("10").await;
    world.printer.faults(json!({ "on": ["create"], "after": "hang", "times": 2 })).await;
    let began = std::time::Instant::now();
    assert_eq!(world.print(letter(1)).await, Value::Null);
    assert!(began.elapsed().as_millis() < 14_500, "databases of 13.0 wait 15 seconds: {:?}", began.elapsed());
    assert_eq!((world.settled().await, world.printer.counts().await), ("9".to_owned(), (1, 1)));
    assert_eq!(world.print(letter(1)).await["sent"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_letter_of_a_batch_that_is_refused_is_not_charged() {
    let world = World::with("10").await;
    world.printer.faults(json!({ "on": ["create"], "status": 422, "times": 1 })).await;
    let result = world.print_all((1..=3).map(letter).collect(), plain()).await;
    let documents = result["request"]["documents"].as_array().expect("a list").clone();
    let sent = documents.iter().filter(|one| one["sent"] == true).count();
    let refused: Vec<&Value> = documents.iter().filter(|one| one["error"] == "FORMAT_ERROR").collect();
    assert_eq!((sent, refused.len(), &result["total_cost"]), (2, 1, &json!(2)), "{result}");
    assert_eq!((world.settled().await, world.printer.counts().await), ("8".to_owned(), (2, 2)));
    // Mended or not, it may be tried again.
    let id = refused[0]["letter_id"].as_u64().expect("a number");
    assert_eq!(world.print(letter(id)).await["sent"], true);
    until("it is posted", || async { world.printer.counts().await == (3, 3) }).await;
    assert_eq!(world.settled().await, "7");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_batch_only_what_the_printer_may_have_stays_aside() {
    let world = World::with("10").await;
    world.printer.faults(json!({ "hold": true, "refuse_pages": 2, "lose_pages": 3 })).await;
    let of = |pages: usize| letter_of(pages as u64, &pdf::a4(pages, &format!("Letter {pages}")));
    let batch: Vec<Value> = [1, 2, 3].into_iter().map(of).collect();
    let result = world.print_all(batch.clone(), plain()).await;
    let told: Vec<Value> = result["request"]["documents"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| json!([one["letter_id"], one["sent"], one["error"]]))
        .collect();
    // The third is left out: the database keeps it in its queue.
    assert_eq!(told, [json!([1, true, null]), json!([2, false, "FORMAT_ERROR"])], "{result}");
    assert_eq!(result["total_cost"], json!(1));
    assert_eq!(world.stamps().await, ("7.6".to_owned(), "2.4".to_owned()), "1 and 1.4 of 1, 1.2 and 1.4");
    assert_eq!(world.printer.counts().await, (2, 0));
    // The first is posted and charged while nobody knows of the third.
    let letters = world.printer.letters().await;
    let with = |pages: u64| letters.iter().find(|letter| letter["pages"] == pages).expect("the printer has it");
    let id = |pages: u64| with(pages)["id"].as_str().expect("it has one").to_owned();
    let post = async |id: String| while world.printer.advance(&id).await != "sent" {};
    post(id(1)).await;
    until("it is charged", || async { world.stamps().await == ("7.6".to_owned(), "1.4".to_owned()) }).await;
    world.printer.faults(json!({})).await;
    post(id(3)).await;
    assert_eq!((world.settled().await, world.printer.counts().await), ("7.6".to_owned(), (2, 2)));
    // The call says what was taken, and of which letters.
    let calls = world.host.operator().ok("GET", &format!("/v1/accounts/{}/calls", world.account), None).await;
    let call = &calls["items"][0];
    assert_eq!((&call["state"], &call["credits"]), (&json!("captured"), &json!("2.4")), "{call}");
    let lines: Vec<&Value> = call["lines"].as_array().expect("a list").iter().map(|line| &line["credits"]).collect();
    assert_eq!(lines, ["0.8", "0.1", "0.1", "0.8", "0.3", "0.3"], "{call}");
    // Mended, the second goes too; the others are known.
    let result = world.print_all(batch, plain()).await;
    let sent = result["request"]["documents"].as_array().expect("a list");
    assert!(sent.len() == 3 && sent.iter().all(|one| one["sent"] == true), "{result}");
    assert_eq!((world.settled().await, world.printer.counts().await), ("6.4".to_owned(), (3, 3)));
}
