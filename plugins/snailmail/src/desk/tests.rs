use iap_sdk::{http::Response, prelude::*};
use serde_json::json;

use crate::{
    Snailmail,
    pdf::samples::a4,
    print::tests::{letter, request},
    provider::samples::{host, is},
    records,
};

const LETTER: &str = "/organisations/{config:pingen-organisation}/deliveries/letters/letter-1";

fn with_letter() -> iap_sdk::testing::Host {
    let host = host("10");
    let one = letter(&host, 1, &a4(1));
    host.call::<Snailmail>("print", request(&[one], false, false, false)).unwrap();
    host
}

#[test]
fn a_letter_can_be_asked_for_and_cancelled() {
    let host = with_letter();
    let which = json!({ "send_id": "letter-1" });
    host.answer("api", LETTER, is("printing"));
    assert_eq!(
        host.call::<Snailmail>("status", &which).unwrap(),
        json!({ "send_id": "letter-1", "state": "accepted" })
    );
    host.answer("api", &format!("{LETTER}/cancel"), Response::new(202));
    assert_eq!(host.call::<Snailmail>("cancel", &which).unwrap()["state"], "cancelling");
    host.answer("api", &format!("{LETTER}/cancel"), Response::new(409));
    assert!(matches!(host.call::<Snailmail>("cancel", &which), Err(Failure::Refused(_))));
    host.answer("api", &format!("{LETTER}/cancel"), Response::new(500));
    assert!(matches!(host.call::<Snailmail>("cancel", &which), Err(Failure::ProviderUnavailable { .. })));
    host.run(|| records::add_news("letter-1", |news| (news.undeliverable, news.reason) = (true, "moved".into())))
        .unwrap();
    assert_eq!(
        host.call::<Snailmail>("status", &which).unwrap(),
        json!({ "send_id": "letter-1", "state": "undeliverable", "reason": "moved" })
    );
}

#[test]
fn letters_of_others_are_nobodys_business() {
    let host = with_letter();
    host.run(|| records::accepted("somebody", "letter-2"));
    for id in ["letter-2", "letter-3", "../letter-1", ""] {
        for operation in ["status", "cancel"] {
            let answer = host.call::<Snailmail>(operation, json!({ "send_id": id }));
            assert_eq!(answer, Err(Failure::refused("This account has no such letter.")), "{operation} {id}");
        }
    }
}
