use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use iap_sdk::{
    http::{Error, Response},
    testing::Host,
};
use serde_json::{Value, json};

use crate::{
    Snailmail,
    pdf::samples::a4,
    print::tests::{letter, request},
    provider::samples::{host, is, taken, with},
};

const LETTER: &str = "/organisations/{config:pingen-organisation}/deliveries/letters/letter-1";

fn sent(host: &Host) -> Value {
    let one = letter(host, 1, &a4(1));
    host.call::<Snailmail>("print", request(&[one], false, false, false)).unwrap()
}

fn run_last(host: &Host) {
    let job = host.jobs().last().unwrap().clone();
    host.run_enqueued::<Snailmail>(&job, 1).unwrap();
}

#[test]
fn a_letter_is_charged_once_it_is_posted() {
    let host = host("10");
    sent(&host);
    host.answer("api", LETTER, is("printing"));
    for delay in [120, 240, 480] {
        run_last(&host);
        assert_eq!((host.held().as_str(), host.captured().len()), ("1", 0));
        assert_eq!(host.jobs().last().unwrap().delay, delay);
    }
    host.answer("api", LETTER, is("sent"));
    run_last(&host);
    let captured = &host.captured()[0];
    assert_eq!((captured.credits.as_str(), captured.reference.as_deref()), ("1", Some("letter-1")));
    let remembered: Value = captured.remembered[0].json().unwrap();
    assert_eq!(remembered, json!({ "sent": true, "send_id": "letter-1", "cost": 1, "pages": 1 }));
    assert_eq!((host.available().as_str(), host.held().as_str()), ("9", "0"));
    assert!(host.run(|| iap_sdk::blobs::stat("blob_0")).is_err(), "its document is gone");
    // The job may run again, after a crash.
    let count = host.jobs().len();
    run_last(&host);
    assert_eq!((host.jobs().len(), host.available().as_str()), (count, "9"));
}

#[test]
fn a_letter_that_fails_after_it_was_accepted_is_not_charged_and_may_be_sent_anew() {
    for status in ["action_required", "invalid", "cancelled", "undeliverable"] {
        let host = host("10");
        sent(&host);
        host.answer("api", LETTER, is(status));
        host.answer("api", &format!("{LETTER}/cancel"), Response::new(202));
        run_last(&host);
        assert_eq!(
            (host.available().as_str(), host.held().as_str(), host.captured().len()),
            ("10", "0", 0),
            "{status}"
        );
        let keys = |host: &Host| -> Vec<Vec<u8>> {
            let posts =
                host.requests().into_iter().filter(|request| request.endpoint == "api" && request.method == "POST");
            posts
                .map(|request| request.headers.into_iter().find(|(name, _)| name == "idempotency-key").unwrap().1)
                .collect()
        };
        sent(&host);
        let keys = keys(&host);
        assert_ne!(keys[0], keys[1], "another letter to the printer");
    }
}

#[test]
fn the_printers_own_news_need_no_question() {
    for (news, credits) in [
        (json!({ "sent": true, "undeliverable": false, "failed": false, "reason": "" }), "9"),
        (json!({ "sent": true, "undeliverable": true, "failed": false, "reason": "moved" }), "9"),
        (json!({ "sent": false, "undeliverable": true, "failed": false, "reason": "moved" }), "10"),
        (json!({ "sent": false, "undeliverable": false, "failed": true, "reason": "font" }), "10"),
    ] {
        let host = host("10");
        sent(&host);
        host.answer("api", &format!("{LETTER}/cancel"), Response::new(202));
        host.run(|| iap_sdk::store::set_json(iap_sdk::store::Scope::Service, "news/letter-1", &news, None)).unwrap();
        run_last(&host);
        assert_eq!((host.available().as_str(), host.held().as_str()), (credits, "0"), "{news}");
    }
}

#[test]
fn a_silent_printer_is_asked_again_until_it_is_given_up() {
    let host = host("10");
    sent(&host);
    host.fail("api", LETTER, Error { sent: true, ..Error::new("timeout", "late") });
    run_last(&host);
    assert_eq!(host.held(), "1");
    host.answer("api", LETTER, is("validating"));
    host.advance(28 * 24 * 3600 - 100);
    run_last(&host);
    assert_eq!(host.held(), "1");
    host.advance(200);
    // What may still be posted is not given up.
    let cancel = format!("{LETTER}/cancel");
    for response in [Response::new(503), Response::new(409), Response::new(404)] {
        host.answer("api", &cancel, response);
        run_last(&host);
        assert_eq!(host.held(), "1");
    }
    host.answer("api", &cancel, Response::new(202));
    run_last(&host);
    assert_eq!((host.available().as_str(), host.held().as_str(), host.captured().len()), ("10", "0", 0));
}

#[test]
fn a_letter_that_is_gone_after_four_weeks_is_given_up() {
    let host = host("10");
    sent(&host);
    host.advance(28 * 24 * 3600 + 100);
    host.answer("api", LETTER, Response::new(404)).answer("api", &format!("{LETTER}/cancel"), Response::new(404));
    run_last(&host);
    assert_eq!((host.available().as_str(), host.held().as_str()), ("10", "0"));
}

#[test]
fn a_price_that_is_not_taken_fails_the_job() {
    let host = host("10");
    sent(&host);
    host.answer("api", LETTER, is("sent"));
    host.price_of("letter", "BE", "5");
    let job = host.jobs().last().unwrap().clone();
    let failure = host.run_enqueued::<Snailmail>(&job, 1).unwrap_err();
    assert!(matches!(failure, iap_sdk::Failure::Internal { .. }), "{failure:?}");
    assert!(host.captured().is_empty());
}

fn unprocessable() -> Response {
    let why = "Idempotency-Key: another request had it";
    Response::new(422).with_json(&json!({ "errors": [{ "title": "Unprocessable", "detail": why }] }))
}

fn posted(host: &Host) -> Vec<(Vec<u8>, Value)> {
    let posts = host.requests().into_iter().filter(|request| request.endpoint == "api" && request.method == "POST");
    let parts = posts.map(|request| {
        let key = request.headers.into_iter().find(|(name, _)| name == "idempotency-key").unwrap().1;
        (key, serde_json::from_slice::<Value>(&request.body).unwrap()["data"]["attributes"].clone())
    });
    parts.collect()
}

fn errors(host: &Host, words: &str) -> usize {
    host.logged().iter().filter(|(_, text)| text.contains(words)).count()
}

/// A printer that took a letter, though its answer was lost, and compares what it gets under the same key.
fn comparing() -> Host {
    let (host, count) = (Host::new(), Cell::new(0));
    with(&host, "10", move |_| {
        count.set(count.get() + 1);
        if count.get() == 1 { Err(Error { sent: true, ..Error::new("timeout", "late") }) } else { Ok(unprocessable()) }
    });
    host
}

#[test]
fn what_is_refused_after_it_was_not_answered_is_not_posted_under_another_key() {
    let host = comparing();
    let one = letter(&host, 1, &a4(1));
    let send = || host.call::<Snailmail>("print", request(std::slice::from_ref(&one), false, false, false)).unwrap();
    send();
    for _ in 0..2 {
        run_last(&host);
        assert_eq!((host.held().as_str(), host.captured().len()), ("1", 0), "still not known");
    }
    host.advance(20 * 3600 + 1);
    run_last(&host);
    assert_eq!((host.available().as_str(), host.held().as_str()), ("10", "0"));
    assert_eq!(errors(&host, "whether the printer has letter 1 of call"), 1);
    let count = posted(&host).len();
    let again = host.call::<Snailmail>("print", request(&[letter(&host, 1, &a4(1))], false, false, false)).unwrap();
    let told = &again["request"]["documents"][0];
    assert_eq!((&told["sent"], &told["error"]), (&json!(false), &json!("UNKNOWN_ERROR")));
    assert_eq!((posted(&host).len(), host.available().as_str()), (count, "10"), "it might be the second one");
    let keys: std::collections::BTreeSet<Vec<u8>> = posted(&host).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 1);
}

#[test]
fn a_letter_travels_as_it_was_handed_over_first() {
    let host = Host::new();
    with(&host, "10", |_| Ok(Response::new(502)));
    sent(&host);
    host.config("delivery-product", "registered");
    run_last(&host);
    let posted = posted(&host);
    assert!(posted.len() > 2);
    assert!(posted.iter().all(|(_, letter)| letter["delivery_product"] == "cheap"), "{posted:?}");
}

#[test]
fn after_a_crash_a_refusal_is_no_answer() {
    let host = Host::new();
    with(&host, "10", |_| Ok(unprocessable()));
    let one = letter(&host, 2, &a4(1));
    question(&host, &one).unwrap();
    run_last(&host);
    assert_eq!((host.held().as_str(), host.captured().len()), ("1", 0), "still not known");
    host.advance(20 * 3600 + 1);
    run_last(&host);
    assert_eq!((host.available().as_str(), host.held().as_str()), ("10", "0"));
    assert_eq!(errors(&host, "whether the printer has letter 2 of call"), 1);
    let count = posted(&host).len();
    host.call::<Snailmail>("print", request(&[letter(&host, 2, &a4(1))], false, false, false)).unwrap();
    assert_eq!(posted(&host).len(), count, "not under another key");
}

#[test]
fn after_a_crash_a_letter_whose_document_is_gone_is_named() {
    let host = host("10");
    let one = letter(&host, 11, &a4(1));
    host.advance(24 * 3600 + 1);
    question(&host, &one).unwrap();
    assert_eq!((host.available().as_str(), host.held().as_str(), host.jobs().len()), ("10", "0", 0));
    assert_eq!(errors(&host, "whether the printer has letter 11 of call"), 1);
}

#[test]
fn what_was_never_answered_for_is_handed_over_until_it_is() {
    let works = Rc::new(RefCell::new(false));
    let open = Rc::clone(&works);
    let host = Host::new();
    with(&host, "10", move |_| match *open.borrow() {
        true => Ok(taken("letter-1")),
        false => Ok(Response::new(502).with_body("<html>")),
    });
    sent(&host);
    run_last(&host);
    assert_eq!((host.held().as_str(), host.captured().len()), ("1", 0));
    *works.borrow_mut() = true;
    host.answer("api", LETTER, is("accepted"));
    run_last(&host);
    host.answer("api", LETTER, is("sent"));
    run_last(&host);
    assert_eq!((host.available().as_str(), host.held().as_str()), ("9", "0"));
    let keys: std::collections::BTreeSet<Vec<u8>> = host
        .requests()
        .into_iter()
        .filter(|request| request.endpoint == "api" && request.method == "POST")
        .map(|request| request.headers.into_iter().find(|(name, _)| name == "idempotency-key").unwrap().1)
        .collect();
    assert_eq!(keys.len(), 1, "one letter, however often");
}

#[test]
fn what_nobody_can_say_in_time_goes_back() {
    let host = Host::new();
    with(&host, "10", |_| Err(Error { sent: true, ..Error::new("timeout", "late") }));
    sent(&host);
    host.advance(20 * 3600 + 1);
    run_last(&host);
    assert_eq!((host.available().as_str(), host.held().as_str()), ("10", "0"));
}

/// Has the plugin asked about a hold as a host leaves it that died while a letter was handed over.
fn question(host: &Host, document: &Value) -> Result<(), iap_sdk::Failure> {
    let hold = host.run(|| {
        let lines = [iap_sdk::Line::new("page, black", 10)];
        iap_sdk::billing::authorize(&lines).unwrap().keep(86_400, &[]).unwrap()
    });
    let key = format!("{}:{}", document["letter_id"], document["pdf_bin"]["sha256"].as_str().unwrap());
    let input = request(std::slice::from_ref(document), false, false, false);
    let payload = json!({ "operation": "print", "input": input, "natural_keys": [key], "hold": hold });
    let job = iap_sdk::testing::Enqueued {
        id: "q".into(),
        name: "reconcile".into(),
        payload: serde_json::to_vec(&payload).unwrap(),
        delay: 0,
        dedupe_key: None,
        hold: Some(hold),
    };
    host.run_enqueued::<Snailmail>(&job, 1)
}

#[test]
fn after_a_crash_the_letter_is_handed_over_again_and_followed_like_any_other() {
    for (status, credits, captured) in [("sent", "9", 1), ("invalid", "10", 0), ("undeliverable", "10", 0)] {
        let host = host("10");
        let one = letter(&host, 1, &a4(1));
        question(&host, &one).unwrap();
        assert!(posted(&host).is_empty(), "its job does it");
        assert_eq!((host.held().as_str(), host.jobs().last().unwrap().delay), ("1", 0));
        host.answer("api", LETTER, is("validating"));
        host.answer("api", &format!("{LETTER}/cancel"), Response::new(202));
        run_last(&host);
        assert_eq!((host.held().as_str(), host.captured().len(), posted(&host).len()), ("1", 0, 1), "{status}");
        host.answer("api", LETTER, is(status));
        run_last(&host);
        assert_eq!((host.available().as_str(), host.held().as_str()), (credits, "0"), "{status}");
        assert_eq!(host.captured().len(), captured, "{status}");
    }
}

#[test]
fn after_a_crash_what_was_never_handed_over_goes_back() {
    let host = host("10");
    let mut one = letter(&host, 1, &a4(1));
    one["address"]["city"] = json!(false);
    question(&host, &one).unwrap();
    assert_eq!((host.available().as_str(), host.held().as_str(), host.jobs().len()), ("10", "0", 0));
}

#[test]
fn letters_of_a_batch_end_each_by_itself() {
    let host = host("10");
    let letters = [letter(&host, 1, &a4(1)), letter(&host, 2, &a4(1))];
    host.call::<Snailmail>("print", request(&letters, false, false, false)).unwrap();
    assert_eq!((host.held().as_str(), host.jobs().len()), ("2", 2));
    host.answer("api", LETTER, is("sent"));
    host.run_enqueued::<Snailmail>(&host.jobs()[0], 1).unwrap();
    assert_eq!((host.available().as_str(), host.held().as_str(), host.captured().len()), ("8", "1", 1));
}
