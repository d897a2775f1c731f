use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;
use crate::prelude::*;

struct Texts;

impl Service for Texts {
    fn operations() -> Operations {
        Operations::new()
            .on("send", send)
            .quote("send", quote_send)
            .on("send_without_hold", |_: &Call, (): ()| Ok(http::Request::get("carrier", "/x").send()?.status))
            .on("queue", queue)
            .on("panic", |_: &Call, (): ()| -> Result<(), Failure> {
                let _hold = billing::authorize(&[Line::new("call", 1)])?;
                panic!("on purpose")
            })
            .job("deliver", deliver)
            .hook("status", status)
    }
}

crate::register_service!(Texts);

#[derive(Serialize, Deserialize)]
struct Text {
    number: String,
    parts: u64,
}

fn send(call: &Call, text: Text) -> Result<String, Failure> {
    if let Some(before) = call.remembered(&text.number) {
        return before.json();
    }
    let hold = billing::authorize(&[Line::new("part", text.parts).key("FR").note("text")])?;
    let response = http::Request::post("carrier", "/send").query(&[("v", "1")]).form(&[("To", &text.number)]).send()?;
    let delivered = [Line::new("part", 1).key("FR")];
    let details = Capture::new().reference("SM1").cost("0.01 USD").remember(&text.number, "sent");
    hold.capture_with(&delivered, details)?;
    Ok(response.json()?)
}

fn quote_send(_call: &Call, text: Text) -> Result<Vec<Line>, Failure> {
    assert!(billing::authorize(&[Line::new("part", 1).key("FR")]).is_err(), "a quote has no effects");
    Ok(vec![Line::new("part", text.parts).key("FR")])
}

fn queue(call: &Call, (): ()) -> Result<String, Failure> {
    let hold = billing::authorize(&[Line::new("call", 2)])?;
    let id = hold.keep(60, &[])?;
    let options = jobs::Options::new().delay(5).dedupe_key("one").hold(&id);
    jobs::enqueue_with("deliver", &json!({ "to": call.callback_url() }), options)?;
    Ok(id)
}

fn deliver(job: &Job, payload: Value) -> Result<(), Failure> {
    let hold = billing::resume(job.hold.as_deref().ok_or_else(|| Failure::internal("no hold"))?)?;
    assert_eq!(hold.capture().unwrap_err().code, "invalid-line");
    hold.capture_lines(&[Line::new("call", 1)])?;
    let url = payload["to"].as_str().unwrap_or_default();
    callback::post(callback::Message::json(job.account_ref(), url, &json!({ "done": true })).order("texts"))?;
    Ok(())
}

fn status(request: &HookRequest) -> HookResponse {
    let signature = from_hex(request.header("X-Signature").unwrap_or_default());
    let signed = request.url.as_bytes();
    match keys::verify("token", keys::Algorithm::HmacSha1, signed, &signature) {
        Ok(true) => HookResponse::ok().with_text("thanks"),
        _ => HookResponse::new(403),
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

fn host() -> Host {
    let host = Host::new();
    host.credits("10").price_of("part", "FR", "0.5").price("call", "2");
    host.answer("carrier", "/send", Response::new(201).with_json("queued"));
    host
}

#[test]
fn delivered_lines_are_taken_and_the_rest_returns() {
    let host = host();
    let answer = host.call::<Texts>("send", json!({ "number": "+33", "parts": 3 }));
    assert_eq!(answer, Ok(json!("queued")));
    assert_eq!((host.available().as_str(), host.held().as_str()), ("9.5", "0"));
    let captured = &host.captured()[0];
    assert_eq!((captured.credits.as_str(), captured.reference.as_deref()), ("0.5", Some("SM1")));
    assert_eq!(host.requests()[0].path, "/send?v=1");
    assert_eq!(host.requests()[0].body, b"To=%2B33");
}

#[test]
fn a_repeat_gets_the_first_answer_for_nothing() {
    let host = host();
    let text = json!({ "number": "+33", "parts": 1 });
    host.call::<Texts>("send", &text).unwrap();
    assert_eq!(host.call::<Texts>("send", &text), Ok(json!("sent")));
    assert_eq!(host.captured().len(), 1);
}

#[test]
fn a_natural_key_of_the_plugin_is_answered_by_authorize() {
    let host = host();
    host.remember("hash", "first answer").run(|| {
        let options = Authorize::new().natural_key("hash");
        let Ok(Outcome::Answered(answer)) = billing::authorize_with(&[Line::new("call", 1)], options) else {
            panic!("the answer is known");
        };
        assert_eq!(answer.json::<String>().unwrap(), "first answer");
    });
    assert_eq!(host.available(), "10");
}

#[test]
fn no_hold_no_effect() {
    let host = host();
    host.answer("carrier", "/x", Response::new(200));
    let refused = host.call::<Texts>("send_without_hold", ()).unwrap_err();
    assert!(refused.to_string().contains("no-hold"), "{refused}");
    assert!(host.requests().is_empty());
    assert_eq!(host.free("send_without_hold").call::<Texts>("send_without_hold", ()), Ok(json!(200)));
}

#[test]
fn a_poor_account_is_told_so() {
    let host = host();
    host.credits("0.4");
    let text = json!({ "number": "+33", "parts": 1 });
    assert_eq!(host.call::<Texts>("send", text), Err(Failure::InsufficientCredit));
    host.run(|| {
        let refusal = billing::authorize(&[Line::new("call", 1)]).unwrap_err();
        assert_eq!((refusal.detail("needed"), refusal.detail("available")), (Some("2"), Some("0.4")));
    });
}

#[test]
fn refusals_have_their_codes() {
    let host = host();
    let code = |lines: &[Line]| host.run(|| billing::authorize(lines).unwrap_err().code);
    assert_eq!(code(&[Line::new("part", 1)]), "unknown-price");
    assert_eq!(code(&[Line::new("call", 0)]), "invalid-line");
    assert_eq!(code(&[]), "invalid-line");
    host.max_per_call("3");
    assert_eq!(code(&[Line::new("call", 2)]), "over-max-per-call");
    host.standing("account-suspended");
    assert_eq!(code(&[Line::new("call", 1)]), "account-suspended");
}

#[test]
fn a_hold_ends_once() {
    let host = host();
    host.run(|| {
        let hold = billing::authorize(&[Line::new("call", 1)]).unwrap();
        assert_eq!(hold.amount(), "2");
        assert_eq!(hold.capture_lines(&[Line::new("call", 2)]).unwrap_err().code, "exceeds-hold");
        assert_eq!(hold.capture().unwrap(), "2");
        assert_eq!(hold.capture().unwrap_err().code, "hold-ended");
    });
    assert_eq!(host.available(), "8");
}

#[test]
fn a_hold_expires() {
    let host = host();
    host.run(|| {
        let options = Authorize::new().ttl(30).description("soon over");
        let Ok(Outcome::Hold(hold)) = billing::authorize_with(&[Line::new("call", 1)], options) else {
            panic!("there are credits");
        };
        host.advance(30);
        assert_eq!(host.available(), "10");
        assert!(hold.capture().is_err());
    });
    assert_eq!(host.available(), "10");
}

#[test]
fn what_is_not_captured_returns_even_after_a_panic() {
    let host = host();
    let call = std::panic::AssertUnwindSafe(|| host.call::<Texts>("panic", ()));
    assert!(std::panic::catch_unwind(call).is_err());
    assert_eq!((host.available().as_str(), host.held().as_str()), ("10", "0"));
}

#[test]
fn a_kept_hold_is_captured_by_the_job() {
    let host = host();
    host.property("callback_url", "https://db.example/done");
    host.call::<Texts>("queue", ()).unwrap();
    host.call::<Texts>("queue", ()).unwrap();
    assert_eq!(host.held(), "8", "both calls kept their hold");
    let [job] = host.jobs().try_into().expect("the second job has the first one's key");
    assert_eq!(host.run_enqueued::<Texts>(&job, 1), Ok(()));
    assert_eq!((host.available().as_str(), host.held().as_str()), ("4", "4"));
    assert_eq!(host.callbacks()[0].url, "https://db.example/done");
    assert_eq!(host.run_enqueued::<Texts>(&job, 2).unwrap_err().to_string().split(':').next(), Some("hold-ended"));
}

#[test]
fn quotes_have_no_effects() {
    let host = host();
    let lines = host.quote::<Texts>("send", json!({ "number": "+33", "parts": 3 })).unwrap();
    assert_eq!(lines, [Line::new("part", 3).key("FR")]);
    assert!(matches!(host.quote::<Texts>("queue", ()), Err(Failure::Other { code, .. }) if code == "no-quote"));
}

#[test]
fn a_hook_believes_what_is_signed() {
    let host = host();
    // RFC 2202's second case, with the URL in the place of its data.
    host.secret("token", "Jefe");
    let mut request = HookRequest::new("POST", "status");
    request.url = "what do ya want for nothing?".into();
    let right = request.clone().with_header("x-signature", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    assert_eq!(host.request::<Texts>(right).status, 200);
    let wrong = request.with_header("x-signature", "00fcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    assert_eq!(host.request::<Texts>(wrong).status, 403);
    assert_eq!(host.request::<Texts>(HookRequest::new("POST", "elsewhere")).status, 404);
}

#[test]
fn names_that_nobody_knows_are_refused() {
    let host = host();
    assert!(matches!(host.call::<Texts>("fly", ()), Err(Failure::Refused(reason)) if reason.contains("`fly`")));
    assert!(matches!(host.run_job::<Texts>("fly", ()), Err(Failure::Refused(_))));
    let wrong = host.call::<Texts>("send", json!({ "number": "+33", "parts": "x" })).unwrap_err();
    assert!(matches!(wrong, Failure::BadRequest { field, .. } if field == "parts"));
}

#[test]
fn stored_values_expire_and_are_swapped_only_as_expected() {
    let host = host();
    host.run(|| {
        store::set_json(Scope::Service, "a/1", &7, Some(10)).unwrap();
        store::set(Scope::Service, "a/2", b"x", None).unwrap();
        assert_eq!(store::get_json::<u8>(Scope::Service, "a/1"), Ok(Some(7)));
        assert_eq!(store::get(Scope::Database, "a/1"), Ok(None));
        assert_eq!(store::list(Scope::Service, "a/", "a/1", 10).unwrap(), ["a/2"]);
        assert_eq!(store::compare_and_set(Scope::Service, "a/2", None, Some(b"y"), None), Ok(false));
        assert_eq!(store::compare_and_set(Scope::Service, "a/2", Some(b"x"), None, None), Ok(true));
        host.advance(10);
        assert_eq!(store::list(Scope::Service, "", "", 10).unwrap(), Vec::<String>::new());
    });
}

#[test]
fn blobs_are_read_in_ranges() {
    host().run(|| {
        let info = blobs::put("text/plain", b"0123456789", 60).unwrap();
        assert_eq!(blobs::read(&info.id, 8, 5).unwrap(), b"89");
        assert_eq!(blobs::read(&info.id, 11, 1).unwrap_err().code, "bad-range");
        blobs::delete(&info.id).unwrap();
        assert_eq!(blobs::stat(&info.id).unwrap_err().code, "unknown-blob");
    });
}

#[test]
fn requests_may_be_answered_by_a_closure() {
    let host = host();
    host.fail("carrier", "/down", http::Error { sent: true, ..http::Error::new("timeout", "no answer") });
    host.respond(|request| Ok(Response::new(200).with_body(request.path.clone())));
    host.run(|| {
        let _hold = billing::authorize(&[Line::new("call", 1)]).unwrap();
        let answers = http::send_many(vec![
            http::Request::get("carrier", "/a"),
            http::Request::get("carrier", "/down").timeout_ms(10),
        ]);
        assert_eq!(answers[0].as_ref().unwrap().text(), "/a");
        assert!(answers[1].as_ref().unwrap_err().sent);
        log::warn!("{} of {}", 1, answers.len());
    });
    assert_eq!(host.logged(), [(Level::Warn, "1 of 2".into())]);
}
