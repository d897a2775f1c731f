use std::{cell::RefCell, rc::Rc};

use iap_sdk::{
    http::{Error, Response},
    testing::Host,
};
use serde_json::{Value, json};

use super::*;
use crate::{
    Snailmail,
    pdf::samples::{a4, sized},
    provider::samples::{host, taken, with},
};

/// A document as the host gives it to the plugin.
pub fn blob(host: &Host, bytes: &[u8]) -> Value {
    let info = host.run(|| blobs::put("application/pdf", bytes, 86_400)).unwrap();
    let sha256: String = hex::encode(sha2::Sha256::digest(bytes));
    json!({ "blob": info.id, "size": info.size, "sha256": sha256, "content_type": "application/pdf" })
}

use sha2::Digest;

/// A letter to Bob.
pub fn letter(host: &Host, id: u64, bytes: &[u8]) -> Value {
    json!({
        "letter_id": id, "res_model": "account.move", "res_id": 6,
        "contact_address": "Bob\nMain 1\n1000 Bruxelles\nBelgium",
        "address": { "name": "Bob", "street": "Main 1", "street2": false, "zip": "1000", "state": false, "city": "Bruxelles", "country_code": "BE" },
        "return_address": { "name": "My Company", "street": false, "street2": false, "zip": false, "state": false, "city": false, "country_code": false },
        "company_logo": "iVBOR", "pdf_bin": blob(host, bytes), "pages": false,
    })
}

/// A request as databases send them.
pub fn request(documents: &[Value], color: bool, cover: bool, duplex: bool) -> Value {
    json!({
        "account_token": "x", "dbuuid": "y", "documents": documents, "batch": true,
        "options": { "color": color, "cover": cover, "duplex": duplex, "currency_name": "EUR" },
    })
}

fn print_all(host: &Host, documents: &[Value]) -> Value {
    host.call::<Snailmail>("print", request(documents, false, false, false)).unwrap()
}

fn documents(answer: &Value) -> Vec<Value> {
    answer["request"]["documents"].as_array().unwrap().clone()
}

fn error(answer: &Value) -> String {
    documents(answer)[0]["error"].as_str().unwrap_or("none").to_owned()
}

fn created(host: &Host) -> Vec<Value> {
    let posts = host.requests().into_iter().filter(|request| request.endpoint == "api" && request.method == "POST");
    posts.map(|request| serde_json::from_slice::<Value>(&request.body).unwrap()["data"]["attributes"].clone()).collect()
}

#[test]
fn a_letter_is_handed_over_and_its_credits_are_kept() {
    let host = host("10");
    let answer = print_all(&host, &[letter(&host, 7, &a4(2))]);
    assert_eq!(
        answer,
        json!({
            "request_code": 200, "total_cost": 1.2, "credit_error": false,
            "request": { "options": {}, "documents": [{
                "letter_id": 7, "res_model": "account.move", "res_id": 6,
                "sent": true, "send_id": "letter-1", "cost": 1.2, "pages": 2,
            }]},
        })
    );
    assert_eq!((host.available().as_str(), host.held().as_str(), host.captured().len()), ("8.8", "1.2", 0));
    let jobs = host.jobs();
    assert_eq!((jobs.len(), jobs[0].name.as_str(), jobs[0].delay), (1, "follow", 60));
    assert!(jobs[0].hold.is_some());
    let steps: Vec<String> = host
        .requests()
        .iter()
        .map(|request| format!("{} {} {}", request.method, request.endpoint, request.path))
        .collect();
    assert_eq!(
        steps,
        [
            "POST identity /auth/access-tokens",
            "GET api /file-upload",
            "PUT upload /b/x?sig=1",
            "POST api /organisations/{config:pingen-organisation}/deliveries/letters",
        ]
    );
    assert_eq!(
        created(&host),
        [json!({
            "file_original_name": "letter.pdf", "file_url": "https://storage.test/b/x?sig=1", "file_url_signature": "$2y$10$x",
            "address_position": "right", "auto_send": true, "delivery_product": "cheap", "print_mode": "simplex",
            "print_spectrum": "grayscale",
        })]
    );
}

#[test]
fn options_are_the_printers_and_make_the_price() {
    for (color, duplex, left, expected, price) in [
        (true, false, false, ["right", "simplex", "color"], 2.4),
        (false, true, true, ["left", "duplex", "grayscale"], 1.4),
        (true, true, false, ["right", "duplex", "color"], 2.2),
    ] {
        let host = host("10");
        let mut one = letter(&host, 1, &a4(4));
        if left {
            one["rightaddress"] = json!(0);
        }
        let answer = host.call::<Snailmail>("print", request(&[one], color, false, duplex)).unwrap();
        assert_eq!(answer["total_cost"], json!(price));
        let made = &created(&host)[0];
        assert_eq!([&made["address_position"], &made["print_mode"], &made["print_spectrum"]], expected);
    }
}

#[test]
fn a_bare_document_gets_the_cover_page_that_it_was_to_have() {
    for (duplex, pages, price) in [(false, 3, 1.4), (true, 4, 1.4)] {
        let host = host("10");
        let one = letter(&host, 1, &a4(2));
        let answer = host.call::<Snailmail>("print", request(&[one], false, true, duplex)).unwrap();
        assert_eq!(documents(&answer)[0]["pages"], pages);
        assert_eq!(answer["total_cost"], json!(price));
        let put = host.requests().into_iter().find(|request| request.method == "PUT").unwrap();
        assert_eq!(crate::pdf::Document::open(&put.body).unwrap().pages(), Ok(pages));
    }
    // What a database of 15.0 or later sends has one already.
    let host = host("10");
    let one = letter(&host, 1, include_bytes!("../../samples/odoo-19-cover.pdf"));
    let answer = host.call::<Snailmail>("print", request(&[one], false, true, false)).unwrap();
    assert_eq!(documents(&answer)[0]["pages"], 2);
}

#[test]
fn what_cannot_be_posted_is_said_and_not_charged() {
    let host = host("10");
    let good = a4(1);
    let address = |change: &dyn Fn(&mut Value)| {
        let mut one = letter(&host, 1, &good);
        change(&mut one);
        print_all(&host, &[one])
    };
    for (member, expected) in [
        ("name", "MISSING_REQUIRED_FIELDS"),
        ("zip", "MISSING_REQUIRED_FIELDS"),
        ("country_code", "MISSING_REQUIRED_FIELDS"),
    ] {
        let answer = address(&|one| one["address"][member] = json!(false));
        assert_eq!(error(&answer), expected, "{member}");
    }
    let answer = address(&|one| one["address"] = json!(false));
    assert_eq!(documents(&answer)[0]["failure_reason"], "The address lacks: name, street, zip, city, country.");
    for country in ["KP", "AQ", "ZZ"] {
        let answer = address(&|one| one["address"]["country_code"] = json!(country));
        assert_eq!(error(&answer), "NO_PRICE_AVAILABLE", "{country}");
    }
    for pdf in [json!(false), json!({ "blob": null, "size": 9, "error": "not-base64" }), json!("JVBERi0=")] {
        let answer = address(&|one| one["pdf_bin"] = pdf.clone());
        assert_eq!(error(&answer), "FORMAT_ERROR", "{pdf}");
    }
    let locked = String::from_utf8_lossy(&good).replace("/Root 1 0 R", "/Root 1 0 R/Encrypt 9 0 R").into_bytes();
    for (bytes, reason) in [
        (b"GIF89a".to_vec(), "The document is not a PDF."),
        (good[..good.len() / 2].to_vec(), "The document is damaged."),
        (locked, "The document is encrypted."),
        (a4(0), "The document has no pages."),
        (sized(2, "[0 0 612 792]", ""), "Page 1 is not A4 in portrait."),
        (a4(321), "The letter has 321 pages; one to this country may have 320."),
    ] {
        let answer = print_all(&host, &[letter(&host, 1, &bytes)]);
        let told = &documents(&answer)[0];
        assert_eq!((error(&answer).as_str(), told["failure_reason"].as_str()), ("FORMAT_ERROR", Some(reason)));
        assert_eq!((told["sent"].clone(), answer["total_cost"].clone()), (json!(false), json!(0)));
    }
    assert_eq!((host.available().as_str(), host.requests().len()), ("10", 0));
}

#[test]
fn one_bad_letter_does_not_keep_the_others() {
    let host = host("10");
    let mut bad = letter(&host, 2, &a4(1));
    bad["address"]["city"] = json!(false);
    let answer = print_all(&host, &[letter(&host, 1, &a4(1)), bad, letter(&host, 3, &a4(1))]);
    let told: Vec<Value> = documents(&answer).iter().map(|one| json!([one["letter_id"], one["sent"]])).collect();
    assert_eq!(told, [json!([1, true]), json!([2, false]), json!([3, true])]);
    assert_eq!((host.held().as_str(), answer["total_cost"].clone()), ("2", json!(2)));
}

#[test]
fn credits_that_run_out_send_the_first_letters() {
    let host = host("2.5");
    let letters: Vec<Value> = (1..=4).map(|id| letter(&host, id, &a4(1))).collect();
    let answer = print_all(&host, &letters);
    let told: Vec<Value> = documents(&answer).iter().map(|one| json!([one["sent"], one["error"]])).collect();
    let (sent, refused) = (json!([true, null]), json!([false, "CREDIT_ERROR"]));
    assert_eq!(told, [sent.clone(), sent, refused.clone(), refused]);
    assert_eq!((answer["credit_error"].clone(), answer["total_cost"].clone()), (json!(true), json!(2)));
    assert_eq!((host.available().as_str(), host.held().as_str(), created(&host).len()), ("0.5", "2", 2));
    let none = crate::provider::samples::host("0.9");
    let answer = print_all(&none, &[letter(&none, 1, &a4(1))]);
    assert_eq!((error(&answer).as_str(), none.requests().len()), ("CREDIT_ERROR", 0));
}

#[test]
fn who_may_not_spend_is_told_so_before_anything_is_read() {
    for standing in ["account-disabled", "account-suspended", "hosting-refused"] {
        let host = host("10");
        host.standing(standing);
        let mut one = letter(&host, 1, &a4(1));
        one["pdf_bin"]["blob"] = json!("none");
        let answer = print_all(&host, &[one]);
        assert_eq!(
            (error(&answer).as_str(), answer["credit_error"].clone()),
            ("TRIAL_ERROR", json!(true)),
            "{standing}"
        );
        assert!(host.requests().is_empty());
    }
}

#[test]
fn the_same_letter_twice_in_a_request_is_sent_once() {
    let host = host("10");
    let one = letter(&host, 1, &a4(1));
    let answer = print_all(&host, &[one.clone(), one]);
    let told = documents(&answer);
    assert_eq!((told.len(), &told[0]), (2, &told[1]));
    assert_eq!((created(&host).len(), host.held().as_str()), (1, "1"));
}

#[test]
fn a_repeat_is_answered_as_before_and_an_open_one_is_left_in_the_queue() {
    let host = host("10");
    let one = letter(&host, 1, &a4(1));
    let key = format!("1:{}", one["pdf_bin"]["sha256"].as_str().unwrap());
    let ask = |answer: &Value, door: &str| {
        let input = request(std::slice::from_ref(&one), false, false, false);
        let call = Call {
            context: Context {
                account_ref: "account".into(),
                standing: "active".into(),
                properties: vec![("door".into(), door.into())],
                ..Context::default()
            },
            operation: "print".into(),
            input: serde_json::to_vec(&input).unwrap(),
            repeats: vec![Remembered::new(key.as_str(), answer)],
        };
        let printed = host.run(|| print(&call, serde_json::from_value(input.clone()).unwrap()).unwrap());
        serde_json::to_value(printed).unwrap()
    };
    let answer = ask(&json!({ "sent": true, "send_id": "letter-9", "cost": 1, "pages": 1 }), "odoo");
    assert_eq!((documents(&answer)[0]["send_id"].clone(), answer["total_cost"].clone()), (json!("letter-9"), json!(0)));
    assert!(documents(&ask(&json!({ "pending": true }), "odoo")).is_empty());
    assert_eq!(error(&ask(&json!({ "pending": true }), "rest")), "UNKNOWN_ERROR");
    assert!(host.requests().is_empty() && host.available() == "10");
}

#[test]
fn a_printer_that_is_not_there_moves_nothing() {
    let gone = |_: &iap_sdk::http::Request| Err(Error::new("unreachable", "no"));
    let host = Host::new();
    with(&host, "10", gone);
    let answer = print_all(&host, &[letter(&host, 1, &a4(1))]);
    assert!(documents(&answer).is_empty(), "it stays in the database's queue");
    assert_eq!((host.available().as_str(), host.held().as_str(), host.jobs().len()), ("10", "0", 0));
    host.property("door", "rest");
    assert_eq!(error(&print_all(&host, &[letter(&host, 1, &a4(1))])), "UNKNOWN_ERROR");
}

#[test]
fn a_letter_that_may_have_arrived_is_handed_over_again_with_the_same_key() {
    let keys: Rc<RefCell<Vec<Vec<u8>>>> = Rc::default();
    let seen = Rc::clone(&keys);
    let host = Host::new();
    with(&host, "10", move |request| {
        let key = request.headers.iter().find(|(name, _)| name == "idempotency-key").unwrap().1.clone();
        seen.borrow_mut().push(key);
        match seen.borrow().len() {
            1 => Err(Error { sent: true, ..Error::new("timeout", "late") }),
            _ => Ok(taken("letter-1")),
        }
    });
    let answer = print_all(&host, &[letter(&host, 1, &a4(1))]);
    assert_eq!(documents(&answer)[0]["send_id"], "letter-1");
    let keys = keys.borrow();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
    assert!(keys[0].starts_with(b"iap-") && keys[0].len() <= 64);
}

#[test]
fn what_the_printer_never_answers_for_is_followed() {
    let host = Host::new();
    with(&host, "10", |_| Ok(Response::new(201).with_body("<html>")));
    let answer = print_all(&host, &[letter(&host, 1, &a4(1))]);
    assert!(documents(&answer).is_empty());
    assert_eq!((host.held().as_str(), host.jobs().len()), ("1", 1));
}

#[test]
fn what_the_printer_refuses_is_not_charged_and_is_another_letter_next_time() {
    let keys: Rc<RefCell<Vec<Vec<u8>>>> = Rc::default();
    let seen = Rc::clone(&keys);
    let host = Host::new();
    with(&host, "10", move |request| {
        seen.borrow_mut().push(request.headers.iter().find(|(name, _)| name == "idempotency-key").unwrap().1.clone());
        Ok(Response::new(422).with_json(&json!({ "errors": [{ "title": "Unprocessable", "detail": "No address" }] })))
    });
    for _ in 0..2 {
        let answer = print_all(&host, &[letter(&host, 1, &a4(1))]);
        assert_eq!(error(&answer), "FORMAT_ERROR");
        assert_eq!((host.available().as_str(), host.held().as_str(), host.jobs().len()), ("10", "0", 0));
    }
    assert_ne!(keys.borrow()[0], keys.borrow()[1]);
}

#[test]
fn more_letters_than_go_at_once_stay_in_the_queue() {
    let host = host("100");
    let letters: Vec<Value> = (0..20).map(|id| letter(&host, id, &a4(1))).collect();
    let answer = print_all(&host, &letters);
    assert_eq!((documents(&answer).len(), created(&host).len()), (16, 16));
    assert!(host.requests().len() <= 64, "as many as a call may send");
}

#[test]
fn a_database_without_letters_is_answered() {
    let host = host("10");
    for input in [
        json!({}),
        json!({ "documents": [], "options": { "color": false, "cover": false, "duplex": false, "currency_name": false } }),
    ] {
        let answer = host.call::<Snailmail>("print", input).unwrap();
        assert_eq!(
            answer,
            json!({ "request_code": 200, "total_cost": 0, "credit_error": false, "request": { "documents": [], "options": {} } })
        );
    }
    assert!(matches!(
        host.call::<Snailmail>("print", request(&[json!({ "letter_id": false, "address": letter(&host, 1, &a4(1))["address"], "pdf_bin": blob(&host, &a4(1)) })], false, false, false)),
        Err(Failure::BadRequest { field, .. }) if field == "documents[0].letter_id"
    ));
}

#[test]
fn a_quote_has_the_lines_of_the_letter() {
    let host = host("0");
    let one = letter(&host, 1, &a4(3));
    let lines = host.quote::<Snailmail>("print", request(&[one], true, false, true)).unwrap();
    let lines: Vec<(&str, &str, u64)> =
        lines.iter().map(|line| (line.item.as_str(), line.key.as_str(), line.units)).collect();
    assert_eq!(lines, [("letter", "BE", 1), ("page, colour", "", 3), ("sheet", "", 2)]);
}
