//! A scripted printer for tests.

use std::{cell::RefCell, rc::Rc};

use iap_sdk::{
    http::{Error, Request, Response},
    testing::Host,
};
use serde_json::json;

/// Where documents go.
pub const STORAGE: &str = "https://storage.test";

/// How the printer answers a letter.
pub type Create = Rc<RefCell<dyn FnMut(&Request) -> Result<Response, Error>>>;

/// An answer to a letter that was taken.
pub fn taken(id: &str) -> Response {
    Response::new(201)
        .with_json(&json!({ "data": { "id": id, "type": "letters", "attributes": { "status": "validating" } } }))
}

/// An answer to a look at a letter.
pub fn is(status: &str) -> Response {
    Response::new(200)
        .with_json(&json!({ "data": { "id": "x", "type": "letters", "attributes": { "status": status } } }))
}

/// A host with prices, credits and a printer that takes every letter as `letter-1`, `letter-2`, …
pub fn host(credits: &str) -> Host {
    let host = Host::new();
    let count = RefCell::new(0);
    with(&host, credits, move |_| {
        *count.borrow_mut() += 1;
        Ok(taken(&format!("letter-{}", count.borrow())))
    });
    host
}

/// Sets prices, credits and a printer that answers letters as it is told; everything else goes well.
pub fn with(host: &Host, credits: &str, create: impl FnMut(&Request) -> Result<Response, Error> + 'static) {
    host.credits(credits).max_per_call("2500");
    for line in include_str!("../../prices/letter.csv").lines().skip(1) {
        let (country, price) = line.split_once(',').expect("two columns");
        host.price_of("letter", country, price);
    }
    host.price("page, black", "0.1").price("page, colour", "0.3").price("sheet", "0.1");
    host.config("upload-origin", STORAGE).config("first-look", "60").secret("pingen-webhook-secret", "webhook secret");
    host.free("cancel").free("status");
    let create: Create = Rc::new(RefCell::new(create));
    host.respond(move |request| answer(request, &create));
}

fn answer(request: &Request, create: &Create) -> Result<Response, Error> {
    let token = request.headers.iter().find(|(name, _)| name == "authorization");
    match (request.endpoint.as_str(), request.method.as_str()) {
        ("identity", "POST") => {
            Ok(Response::new(200).with_json(&json!({ "access_token": "t", "expires_in": 43_200, "token_type": "Bearer" })))
        }
        ("upload", "PUT") => {
            assert!(token.is_none(), "a storage takes one proof only");
            Ok(Response::new(201))
        }
        ("api", "GET") if request.path == "/file-upload" => Ok(Response::new(200).with_json(&json!({
            "data": { "type": "file_uploads", "attributes": { "url": format!("{STORAGE}/b/x?sig=1"), "url_signature": "$2y$10$x" } },
        }))),
        ("api", "POST") => {
            assert!(token.is_some_and(|(_, value)| value == b"Bearer t"));
            (create.borrow_mut())(request)
        }
        (endpoint, method) => panic!("nothing answers {method} {endpoint} {}", request.path),
    }
}
