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

use crate::support::{Rest, assert_settled, consumed, number};

/// A host that serves the guest, whose only endpoint is at `target`.
fn host(target: &str) -> TestHost {
    TestHost::with(&Settings {
        plugins: vec!["iap-example-echo", "iap-guest-hostile"],
        tables: format!("[services.hostile.base_urls]\ntarget = {target:?}\n"),
        without_simulators: true,
        ..Settings::default()
    })
}

/// What an operation answers and takes.
enum End {
    /// The result of the operation and the credits taken.
    Says(Value, i64),
    /// The text that Odoo shows, which is the problem's detail too; the state of the call's row, if it got one, and
    /// the credits taken.
    Fails(&'static str, Option<&'static str>, i64),
}

fn ends() -> Vec<(&'static str, End)> {
    use End::{Fails, Says};
    let cpu = "the plugin computed longer than its limit; nothing was charged";
    let memory = "the plugin needs more memory than its limit; nothing was charged";
    vec![
        ("loop_forever", Fails(cpu, None, 0)),
        ("memory_copy_storm", Fails(cpu, None, 0)),
        ("authorize_then_loop", Fails(cpu, Some("failed"), 0)),
        ("panic", Fails("on purpose; nothing was charged", None, 0)),
        ("authorize_then_panic", Fails("while credits are held; nothing was charged", Some("failed"), 0)),
        ("capture_then_panic", Fails("after the capture; what was delivered before stays charged", Some("partial"), 1)),
        ("allocate", Fails(memory, None, 0)),
        ("huge_output", Fails(memory, None, 0)),
        ("deep_recursion", Fails("the plugin failed: wasm trap: out of bounds memory access; nothing was charged", None, 0)),
        ("flood_log", Says(json!({ "messages": 10_000, "bytes_each": 24_576 }), 0)),
        ("big_store", Says(json!({ "written": 1, "code": "over-quota" }), 0)),
        ("no_hold_http", Says(json!({ "code": "no-hold" }), 0)),
        ("undeclared_endpoint", Says(json!({ "code": "unknown-endpoint" }), 0)),
        ("wrong_line", Says(json!({ "code": "unknown-price" }), 0)),
        ("over_max", Says(json!({ "code": "over-max-per-call" }), 0)),
        ("many_holds", Says(json!({ "obtained": 1000, "code": "ok" }), 0)),
        ("handle_leak", Says(json!({ "obtained": 64, "code": "too-many-holds" }), 0)),
        ("double_capture", Says(json!({ "first": "ok", "second": "hold-ended" }), 1)),
        ("capture_too_much", Says(json!({ "code": "exceeds-hold" }), 0)),
    ]
}

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
    assert_eq!((reply.status, &reply.json()["code"]), (502, &json!("service-failed")), "{operation}: {}", reply.text);
    Err(reply.json()["detail"].as_str().expect("a text").to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_misdeed_is_named_at_both_doors_and_costs_what_was_captured() {
    let host = host("http://127.0.0.1:1");
    let odoo = host.database_with_credits("hostile", "1000").await;
    let account = host.operator().account(&odoo.dbuuid, "hostile").await;
    let rest = Rest::of(&host);
    let mut taken = 0;
    for (operation, end) in ends() {
        for door in ["odoo", "rest"] {
            let calls = number(&host, "SELECT count(*) FROM call");
            let began = Instant::now();
            let seen = if door == "odoo" { by_odoo(&odoo, operation).await } else { by_rest(&rest, &account, operation).await };
            assert!(began.elapsed() < Duration::from_secs(20), "{operation} took {:?}", began.elapsed());
            let what = format!("{operation} by {door}: {seen:?}");
            match &end {
                End::Says(value, credits) => {
                    assert_eq!(seen.as_ref(), Ok(value), "{what}");
                    taken += credits;
                }
                End::Fails(text, state, credits) => {
                    assert!(seen.as_ref().is_err_and(|error| error.ends_with(text)), "{what}");
                    assert_eq!(number(&host, "SELECT count(*) FROM call") - calls, i64::from(state.is_some()), "{what}");
                    if let Some(state) = state {
                        assert_eq!(host.sql("SELECT state FROM call ORDER BY id DESC LIMIT 1"), [*state], "{what}");
                    }
                    taken += credits;
                }
            }
            assert_eq!(consumed(&host), taken * 1_000_000, "{what}");
            assert_eq!(host.sql("SELECT available || ' ' || held FROM balance"), [format!("{} 0", (1000 - taken) * 1_000_000)], "{what}");
        }
    }
    assert!(host.log().len() < 8 << 20, "the log has {} bytes", host.log().len());
    assert_settled(&host);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn neighbours_of_guests_that_loop_are_served() {
    let host = host("http://127.0.0.1:1");
    let (mallory, alice) = (host.database_with_credits("hostile", "10").await, host.database_with_credits("echo", "100").await);
    let loops: Vec<_> = (0..8)
        .map(|n| {
            let mallory = mallory.clone();
            tokio::spawn(async move { by_odoo(&mallory, if n % 2 == 0 { "loop_forever" } else { "authorize_then_loop" }).await })
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
        assert!(error.starts_with("the plugin computed longer") || error.starts_with("the plugin took longer"), "{error}");
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
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
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
            assert_eq!(answer["result"], json!({ "code": "private-address", "captured": null, "sent": false }), "{target}");
        }
        assert_eq!(consumed(&host), 0);
        assert_settled(&host);
    }
}
