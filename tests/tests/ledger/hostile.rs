//! A guest that misbehaves on request, through the doors: it is named, pays for what it took, and harms nobody.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use iap_tests::{Odoo, Settings, TestHost, odoo::error_of};
use serde_json::{Value, json};

use crate::support::{Rest, assert_settled, consumed};

/// A host that serves the guest, whose only endpoint is at `target`.
fn host(target: &str) -> TestHost {
    TestHost::with(&Settings {
        plugins: vec!["iap-example-echo", "iap-guest-hostile"],
        tables: format!("[services.hostile.base_urls]\ntarget = {target:?}\n"),
        without_simulators: true,
        ..Settings::default()
    })
}

/// What an operation answers, as JSON, or as the end of the text that Odoo shows and the problem's detail says; the
/// state of its call's row, if it is given one; the credits it takes.
type Misdeed = (&'static str, &'static [&'static str], Option<&'static str>, i64);

/// Processor time on an idle machine; on a busy one the clock is first.
const TIME: &[&str] = &[
    "the plugin computed longer than its limit; nothing was charged",
    "the plugin took longer than its time limit; nothing was charged",
];
const MEMORY: &[&str] = &["the plugin needs more memory than its limit; nothing was charged"];

const MISDEEDS: &[Misdeed] = &[
    ("loop_forever", TIME, None, 0),
    ("memory_copy_storm", TIME, None, 0),
    ("authorize_then_loop", TIME, Some("failed"), 0),
    ("panic", &["on purpose; nothing was charged"], None, 0),
    ("authorize_then_panic", &["while credits are held; nothing was charged"], Some("failed"), 0),
    ("capture_then_panic", &["after the capture; what was delivered before stays charged"], Some("partial"), 1),
    ("allocate", MEMORY, None, 0),
    ("huge_output", MEMORY, None, 0),
    // A guest's own stack is in its memory; only its host frames are on the engine's.
    ("deep_recursion", &["the plugin failed: wasm trap: out of bounds memory access; nothing was charged"], None, 0),
    ("flood_log", &[r#"{"bytes_each":24576,"messages":10000}"#], None, 0),
    ("big_store", &[r#"{"code":"over-quota","written":1}"#], None, 0),
    ("no_hold_http", &[r#"{"code":"no-hold"}"#], None, 0),
    ("undeclared_endpoint", &[r#"{"code":"not-declared"}"#], Some("answered"), 0),
    ("wrong_line", &[r#"{"code":"unknown-price"}"#], None, 0),
    ("over_max", &[r#"{"code":"over-max-per-call"}"#], None, 0),
    // Two thousand commits: on a slow disk its time is over first.
    ("many_holds", &[r#"{"code":"ok","obtained":1000}"#, TIME[1]], None, 0),
    ("handle_leak", &[r#"{"code":"too-many-holds","obtained":64}"#], Some("answered"), 0),
    ("double_capture", &[r#"{"first":"ok","second":"hold-ended"}"#], Some("captured"), 1),
    ("capture_too_much", &[r#"{"code":"exceeds-hold"}"#], Some("answered"), 0),
];

/// By Odoo's door: the result, or the text of the error.
async fn by_odoo(odoo: &Odoo, operation: &str) -> Result<Value, String> {
    let answer = odoo.call("hostile", operation, json!({})).await;
    if answer.get("error").is_none() {
        return Ok(answer["result"].clone());
    }
    let (class, message) = error_of(&answer);
    assert_eq!(class, "UserError", "{operation}: {message}");
    Err(message)
}

/// By REST: the output, or the detail of the problem.
async fn by_rest(rest: &Rest, account: &str, operation: &str) -> Result<Value, String> {
    let reply = rest.post(&format!("/v1/accounts/{account}/calls/{operation}"), &json!({ "input": {} }), None).await;
    if reply.status == 200 {
        return Ok(reply.json()["output"].clone());
    }
    let problem = reply.json();
    let detail = problem["detail"].as_str().expect("a text").to_owned();
    let code = if detail.ends_with("stays charged") { "partial" } else { "service-failed" };
    assert_eq!((reply.status, problem["code"].as_str()), (502, Some(code)), "{operation}: {}", reply.text);
    Err(detail)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_misdeed_is_named_at_both_doors_and_costs_what_was_captured() {
    let host = host("http://127.0.0.1:1");
    let odoo = host.database_with_credits("hostile", "1000").await;
    let account = host.operator().account(&odoo.dbuuid, "hostile").await;
    let rest = Rest::of(&host);
    let mut taken = 0;
    for (operation, ends, state, credits) in MISDEEDS {
        for door in ["odoo", "rest"] {
            let began = Instant::now();
            let seen = if door == "odoo" {
                by_odoo(&odoo, operation).await
            } else {
                by_rest(&rest, &account, operation).await
            };
            let seen = seen.map_or_else(|text| text, |output| output.to_string());
            let what = format!("{operation} by {door} after {:?}: {seen}", began.elapsed());
            assert!(began.elapsed() < Duration::from_secs(20), "{what}");
            assert!(ends.iter().any(|end| seen.ends_with(end)), "{what}");
            if let Some(state) = state {
                assert_eq!(host.sql("SELECT state FROM call ORDER BY id DESC LIMIT 1"), [*state], "{what}");
            }
            taken += credits;
            assert_eq!(consumed(&host), taken * 1_000_000, "{what}");
            let left = format!("{} 0", (1000 - taken) * 1_000_000);
            assert_eq!(host.sql("SELECT available || ' ' || held FROM balance"), [left], "{what}");
        }
    }
    assert!(host.log().len() < 8 << 20, "the log has {} bytes", host.log().len());
    assert_settled(&host);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn neighbours_of_guests_that_loop_are_served() {
    let host = host("http://127.0.0.1:1");
    let (mallory, alice) =
        (host.database_with_credits("hostile", "10").await, host.database_with_credits("echo", "100").await);
    let loops: Vec<_> = (0..8)
        .map(|n| {
            let mallory = mallory.clone();
            tokio::spawn(async move {
                by_odoo(&mallory, if n % 2 == 0 { "loop_forever" } else { "authorize_then_loop" }).await
            })
        })
        .collect();
    let mut served_meanwhile = 0;
    for _ in 0..50 {
        let began = Instant::now();
        let answer = alice.call("echo", "say", json!({ "text": "hi" })).await;
        assert_eq!(answer["result"]["length"], 2, "{answer}");
        assert!(began.elapsed() < Duration::from_secs(3), "a neighbour waited {:?}", began.elapsed());
        served_meanwhile += u32::from(!loops.iter().all(tokio::task::JoinHandle::is_finished));
    }
    assert!(served_meanwhile > 0);
    for end in loops {
        let error = end.await.expect("it is answered").expect_err("it never ends by itself");
        assert!(
            error.starts_with("the plugin computed longer") || error.starts_with("the plugin took longer"),
            "{error}"
        );
    }
    assert_eq!((mallory.balance("hostile").await, alice.balance("echo").await), (json!(10.0), json!(50.0)));
    assert_settled(&host);
}

/// A site with a secret and a page that redirects to it; how often the secret was asked for.
fn site() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it has an address"));
    let secrets = Arc::new(AtomicU64::new(0));
    let (counter, base) = (Arc::clone(&secrets), url.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut request = Vec::new();
            let mut buffer = [0; 1024];
            while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(read) if 0 < read => request.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            let (status, body) = if request.starts_with(b"GET /secret ") {
                counter.fetch_add(1, Ordering::Relaxed);
                ("200 OK".to_owned(), "secret")
            } else if request.starts_with(b"GET /moved ") {
                (format!("302 Found\r\nLocation: {base}/secret"), "moved")
            } else {
                ("200 OK".to_owned(), "fine")
            };
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    (url, secrets)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_reaches_its_endpoint_with_a_hold_and_is_not_led_elsewhere() {
    let (url, secrets) = site();
    let host = host(&url);
    let odoo = host.database_with_credits("hostile", "10").await;
    let answer = odoo.call("hostile", "hold_and_http", json!({ "path": "/page" })).await;
    assert_eq!(answer["result"], json!({ "code": "ok", "status": 200, "text": "fine", "captured": "1" }));
    let answer = odoo.call("hostile", "hold_and_http", json!({ "path": "/moved", "capture": false })).await;
    assert_eq!(answer["result"], json!({ "code": "ok", "status": 302, "text": "moved", "captured": null }));
    assert_eq!(secrets.load(Ordering::Relaxed), 0, "the redirect was followed");
    assert_eq!(consumed(&host), 1_000_000);
    assert_settled(&host);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_does_not_reach_the_private_network() {
    for target in ["http://10.255.255.1", "http://[fd00::1]:80", "http://169.254.169.254"] {
        let host = host(target);
        let odoo = host.database_with_credits("hostile", "10").await;
        for method in ["GET", "POST"] {
            let input = json!({ "path": "/", "method": method, "capture": false });
            let answer = odoo.call("hostile", "hold_and_http", input).await;
            assert_eq!(
                answer["result"],
                json!({ "code": "private-address", "captured": null, "sent": false }),
                "{target}"
            );
        }
        assert_eq!(consumed(&host), 0);
        assert_settled(&host);
    }
}
