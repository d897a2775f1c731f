use std::{cell::RefCell, rc::Rc};

use iap_sdk::{
    http::{Request, Response},
    testing::Host,
};
use serde_json::json;

use super::*;

fn posting() -> Posting {
    let manner = Manner { colour: false, duplex: false, left: false };
    Posting { idempotency_key: "iap-1".into(), manner, product: "cheap".into() }
}

fn post(host: &Host) -> Vec<Outcome> {
    host.run(|| {
        // The host lets nothing out without a hold.
        let _hold = billing::authorize(&[Line::new("sheet", 1)]).unwrap();
        post_all(&[posting()], |_| Ok(b"%PDF".to_vec()), Deadline::within(10_000))
    })
}

fn count(host: &Host, endpoint: &str, path: &str) -> usize {
    host.requests().iter().filter(|request| request.endpoint == endpoint && request.path == path).count()
}

#[test]
fn a_token_is_kept_until_shortly_before_its_end() {
    let host = samples::host("10");
    assert!(matches!(post(&host)[0], Outcome::Accepted { .. }));
    assert!(matches!(post(&host)[0], Outcome::Accepted { .. }));
    assert_eq!(count(&host, "identity", "/auth/access-tokens"), 1);
    host.advance(43_200 - 300 + 1);
    post(&host);
    assert_eq!(count(&host, "identity", "/auth/access-tokens"), 2);
    let form = host.requests()[0].body.clone();
    assert_eq!(form, b"grant_type=client_credentials&scope=letter", "the host adds who it is");
}

#[test]
fn a_token_that_is_refused_is_replaced_once() {
    let host = samples::host("10");
    host.answer("api", "/file-upload", Response::new(401));
    assert_eq!(post(&host), [Outcome::NotSent]);
    assert_eq!((count(&host, "identity", "/auth/access-tokens"), count(&host, "api", "/file-upload")), (2, 2));
}

#[test]
fn nothing_leaves_without_a_token_or_a_place() {
    let host = samples::host("10");
    host.answer("identity", "/auth/access-tokens", Response::new(401).with_json(&json!({ "error": "invalid_client" })));
    assert_eq!(post(&host), [Outcome::NotSent]);
    assert!(host.logged().iter().any(|(_, text)| text.contains("pingen-client-secret")));
    let host = samples::host("10");
    host.config("upload-origin", "https://elsewhere.test");
    assert_eq!(post(&host), [Outcome::NotSent]);
    assert!(
        host.logged().iter().any(|(_, text)| text.contains("https://storage.test") && text.contains("upload-origin"))
    );
    assert_eq!(count(&host, "upload", "/b/x?sig=1"), 0);
}

#[test]
fn big_documents_leave_in_turns() {
    let largest = Rc::new(RefCell::new(0));
    let host = samples::host("10");
    let outcomes = host.run(|| {
        let _hold = billing::authorize(&[Line::new("sheet", 1)]).unwrap();
        let postings = vec![posting(); 4];
        let document = |_| {
            *largest.borrow_mut() += 1;
            Ok(vec![0; 7 << 20])
        };
        post_all(&postings, document, Deadline::within(10_000))
    });
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Accepted { .. })));
    assert_eq!(*largest.borrow(), 4);
}

#[test]
fn a_document_that_is_gone_is_not_posted() {
    let host = samples::host("10");
    let outcomes = host.run(|| {
        let _hold = billing::authorize(&[Line::new("sheet", 1)]).unwrap();
        post_all(&[posting()], |_| Err("gone".into()), Deadline::within(10_000))
    });
    assert_eq!(outcomes, [Outcome::NotSent]);
    let made: Vec<Request> = host.requests().into_iter().filter(|request| request.method != "GET").collect();
    assert_eq!(made.len(), 1, "the token alone");
}
