//! Guests that misbehave: each ends as its own class, within its limits, and harms nobody else.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use iap_core::{
    Credits,
    ids::{AccountId, HoldId, JobId},
    manifest::{Auth, Manifest, SecretName, ValueRef},
};
use iap_runtime::{
    Admission, Backend, Busy, Call, CallGrant, Ended, Engine, EngineOptions, Failure, Fault, HookRequest, Limit,
    Plugin, PluginSpec, Secret, Settings,
    backend::{
        Answer, AuthorizeOptions, Authorized, BlobInfo, BoxFuture, CallbackMessage, CaptureDetails, Denied, HostFault,
        JobOptions, Level, Line, Refusal, Remembered, Scope,
    },
};
use iap_tests::guests;
use serde_json::{Value, json};

/// A host that gives out numbered holds for a credit a unit, and writes down what it was asked.
#[derive(Default)]
struct Scripted {
    holds: AtomicI64,
    said: Mutex<Vec<String>>,
    log: Mutex<Vec<String>>,
    stored: AtomicUsize,
    /// The ledger answers only after this long.
    ledger_delay: Duration,
    /// The ledger is down.
    down: AtomicBool,
    panics: AtomicBool,
}

impl Scripted {
    fn say(&self, what: String) {
        self.said.lock().unwrap().push(what);
    }

    fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    fn logged(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

fn price(lines: &[Line]) -> Result<Credits, Refusal> {
    let units = lines.iter().map(|line| line.units).sum::<u64>();
    match lines.iter().find(|line| !matches!(line.item.as_str(), "unit" | "message")) {
        Some(line) => {
            let message = format!("{} has no price", line.item);
            Err(Refusal { code: "unknown-price".to_owned(), message, details: Vec::new() })
        }
        None => Ok(Credits::whole(i64::try_from(units).unwrap())),
    }
}

/// An answer at once.
fn now<T: Send + 'static, E: Send + 'static>(answer: Result<T, E>) -> Answer<'static, T, E> {
    Box::pin(async move { Ok(answer) })
}

fn none<T: Send + 'static>() -> Answer<'static, T, Denied> {
    now(Err(Denied { code: "not-granted", message: "not in this test".to_owned() }))
}

impl Backend for Scripted {
    fn authorize(&self, lines: Vec<Line>, _: AuthorizeOptions) -> Answer<'_, Authorized, Refusal> {
        Box::pin(async move {
            if !self.ledger_delay.is_zero() {
                tokio::time::sleep(self.ledger_delay).await;
            }
            assert!(!self.panics.load(Ordering::Relaxed), "the ledger panics on purpose");
            if self.down.load(Ordering::Relaxed) {
                return Err(HostFault(anyhow::anyhow!("the ledger is down")));
            }
            Ok(price(&lines).map(|amount| {
                let id = HoldId(self.holds.fetch_add(1, Ordering::Relaxed) + 1);
                self.say(format!("authorize {id} {amount}"));
                Authorized::Hold { id, amount }
            }))
        })
    }

    fn capture(&self, hold: HoldId, lines: Vec<Line>, _: CaptureDetails) -> Answer<'_, Credits, Refusal> {
        let answer = price(&lines);
        self.say(format!("capture {hold}"));
        now(answer)
    }

    fn release(&self, hold: HoldId) -> BoxFuture<'_, Result<(), HostFault>> {
        self.say(format!("release {hold}"));
        Box::pin(async { Ok(()) })
    }

    fn keep(&self, _: HoldId, _: u32, _: Vec<Remembered>) -> Answer<'_, (), Refusal> {
        now(Ok(()))
    }

    fn resume(&self, _: HoldId) -> Answer<'_, Credits, Refusal> {
        now(Ok(Credits::whole(1)))
    }

    fn balance(&self) -> BoxFuture<'_, Result<Credits, HostFault>> {
        Box::pin(async { Ok(Credits::whole(50)) })
    }

    fn store_get(&self, _: Scope, _: String) -> Answer<'_, Option<Vec<u8>>, Denied> {
        now(Ok(None))
    }

    fn store_set(&self, _: Scope, _: String, value: Vec<u8>, _: Option<u32>) -> Answer<'_, (), Denied> {
        let bytes = self.stored.fetch_add(value.len(), Ordering::Relaxed) + value.len();
        let full = Denied { code: "over-quota", message: "64 KiB".to_owned() };
        now(if bytes <= 64 << 10 { Ok(()) } else { Err(full) })
    }

    fn store_compare_and_set(
        &self,
        _: Scope,
        _: String,
        _: Option<Vec<u8>>,
        _: Option<Vec<u8>>,
        _: Option<u32>,
    ) -> Answer<'_, bool, Denied> {
        none()
    }

    fn store_delete(&self, _: Scope, _: String) -> Answer<'_, (), Denied> {
        none()
    }

    fn store_list(&self, _: Scope, _: String, _: String, _: u32) -> Answer<'_, Vec<String>, Denied> {
        none()
    }

    fn blob_put(&self, _: String, _: Vec<u8>, _: u32) -> Answer<'_, BlobInfo, Denied> {
        none()
    }

    fn blob_stat(&self, _: String) -> Answer<'_, BlobInfo, Denied> {
        none()
    }

    fn blob_read(&self, _: String, _: u64, _: u32) -> Answer<'_, Vec<u8>, Denied> {
        none()
    }

    fn blob_delete(&self, _: String) -> Answer<'_, (), Denied> {
        none()
    }

    fn enqueue(&self, _: String, _: Vec<u8>, _: JobOptions) -> Answer<'_, JobId, Denied> {
        none()
    }

    fn callback(&self, _: CallbackMessage) -> Answer<'_, JobId, Denied> {
        none()
    }

    fn now(&self) -> u64 {
        assert!(!self.panics.load(Ordering::Relaxed), "the clock panics on purpose");
        u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
    }

    fn random(&self, buffer: &mut [u8]) {
        buffer.fill(4);
    }

    fn log(&self, _: Level, message: &str) {
        self.log.lock().unwrap().push(message.to_owned());
    }
}

/// One engine for all tests: they are each other's neighbours.
fn engine() -> Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(options(&["127.0.0.0/8"])).unwrap()).clone()
}

fn options(allow: &[&str]) -> EngineOptions {
    let networks = allow.iter().map(|network| network.parse().unwrap());
    EngineOptions {
        egress: iap_runtime::EgressPolicy::allowing(networks),
        // Guests are compiled once for all tests.
        cache_dir: Some(concat!(env!("CARGO_TARGET_TMPDIR"), "/sandbox").into()),
        ..EngineOptions::default()
    }
}

async fn load(engine: &Arc<Engine>, package: &str, manifest: Manifest, settings: Settings) -> Arc<Plugin> {
    let (release, _) = guests::release(package);
    iap_runtime::release::check_imports(&release.imports, &manifest).unwrap();
    let spec = PluginSpec { manifest, settings, class: release.class };
    engine.load(guests::component(package).to_vec(), spec).await.unwrap()
}

const HOSTILE: &str = "iap-guest-hostile";
const ECHO: &str = "iap-example-echo";

async fn hostile() -> Arc<Plugin> {
    load(&engine(), HOSTILE, guests::release(HOSTILE).1, Settings::default()).await
}

async fn echo() -> Arc<Plugin> {
    load(&engine(), ECHO, guests::release(ECHO).1, Settings::default()).await
}

/// The hostile guest with `target` at `base_url`, with a bearer token that it must not see.
async fn visiting(engine: &Arc<Engine>, base_url: String) -> Arc<Plugin> {
    let (_, mut manifest) = guests::release(HOSTILE);
    manifest.secrets.push(SecretName { name: "token".to_owned(), description: String::new() });
    manifest.endpoints[0].auth = Some(Auth::Bearer(ValueRef::Secret("token".to_owned())));
    let settings = Settings {
        base_urls: BTreeMap::from([("target".to_owned(), base_url)]),
        secrets: BTreeMap::from([("token".to_owned(), Secret::new("correct-horse"))]),
        ..Settings::default()
    };
    load(engine, HOSTILE, manifest, settings).await
}

fn call(operation: &str, input: &Value) -> Call {
    Call { operation: operation.to_owned(), input: input.to_string().into_bytes(), ..Call::default() }
}

fn within(time: Duration) -> CallGrant {
    CallGrant { time, ..CallGrant::default() }
}

async fn run(plugin: &Arc<Plugin>, operation: &str, input: Value, backend: &Arc<Scripted>) -> Ended<Vec<u8>> {
    plugin.handle(call(operation, &input), backend.clone(), within(Duration::from_secs(20))).await
}

fn answer(ended: &Ended<Vec<u8>>) -> Value {
    serde_json::from_slice(ended.result.as_ref().expect("no fault").as_ref().expect("no failure")).unwrap()
}

fn class<T>(ended: &Ended<T>) -> &'static str {
    match &ended.result {
        Ok(Ok(_)) => "answered",
        Ok(Err(_)) => "failed",
        Err(fault) => fault.class(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_guest_is_answered_and_charged_once() {
    let backend = Arc::new(Scripted::default());
    let ended = run(&echo().await, "say", json!({ "text": "héllo" }), &backend).await;
    assert_eq!(answer(&ended), json!({ "text": "héllo", "length": 5 }));
    assert_eq!(backend.said(), ["authorize hold_1 1", "capture hold_1"]);
    assert!(ended.captured && ended.open_holds.is_empty() && !ended.sent);

    let quoted = echo().await.quote(call("say", &json!({ "text": "" })), backend.clone(), CallGrant::default()).await;
    let lines = quoted.result.unwrap().unwrap();
    assert_eq!((lines[0].item.as_str(), lines[0].units), ("message", 1));
    assert_eq!(backend.said().len(), 2, "a quote has no effects");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_misbehaviour_ends_as_its_class_and_leaves_a_neighbour_unharmed() {
    let hostile = hostile().await;
    let echo = echo().await;
    for (operation, input, expected) in [
        ("panic", json!({}), "guest-fault"),
        ("loop_forever", json!({}), "limit-cpu"),
        ("memory_copy_storm", json!({}), "limit-cpu"),
        ("allocate", json!({}), "limit-memory"),
        // A guest's own stack, in its memory, ends before that of the machine.
        ("deep_recursion", json!({}), "guest-fault"),
        ("huge_output", json!({}), "limit-memory"),
        ("huge_output", json!({ "bytes": 5 << 20 }), "limit-output"),
        ("authorize_then_panic", json!({}), "guest-fault"),
        ("authorize_then_loop", json!({}), "limit-cpu"),
        ("capture_then_panic", json!({}), "guest-fault"),
        ("flood_log", json!({}), "answered"),
        ("spin_ms", json!({ "ms": 20 }), "answered"),
        ("big_store", json!({}), "answered"),
        ("many_holds", json!({}), "answered"),
        ("no_such_operation", json!({}), "failed"),
    ] {
        let backend = Arc::new(Scripted::default());
        let ended = run(&hostile, operation, input.clone(), &backend).await;
        assert_eq!(class(&ended), expected, "{operation} {input}: {:?}", ended.result);
        assert!(ended.peak_memory <= 32 << 20, "{operation}: {} bytes", ended.peak_memory);
        let neighbour = run(&echo, "say", json!({ "text": "hi" }), &backend).await;
        assert_eq!(answer(&neighbour)["text"], "hi", "after {operation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_trap_leaves_open_is_reported_to_be_settled() {
    let hostile = hostile().await;
    let backend = Arc::new(Scripted::default());
    let ended = run(&hostile, "authorize_then_panic", json!({}), &backend).await;
    assert_eq!((ended.open_holds, ended.captured), (vec![HoldId(1)], false));
    let ended = run(&hostile, "authorize_then_loop", json!({}), &backend).await;
    assert_eq!((ended.open_holds, ended.captured), (vec![HoldId(2)], false));
    let ended = run(&hostile, "capture_then_panic", json!({}), &backend).await;
    assert_eq!((ended.open_holds, ended.captured), (vec![], true));
    // A trap runs no destructor, so nothing was released by itself.
    assert_eq!(backend.said(), ["authorize hold_1 1", "authorize hold_2 1", "authorize hold_3 1", "capture hold_3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_told_in_the_guests_words() {
    let backend = Arc::new(Scripted::default());
    let ended = run(&hostile().await, "panic", json!({}), &backend).await;
    let Err(Fault::Guest(message)) = ended.result else { panic!("{:?}", ended.result) };
    assert!(message.contains("on purpose"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_the_ledger_reach_the_guest_by_name() {
    let hostile = hostile().await;
    let backend = Arc::new(Scripted::default());
    let ended = run(&hostile, "wrong_line", json!({}), &backend).await;
    assert_eq!(answer(&ended)["code"], "unknown-price");
    let ended = run(&hostile, "double_capture", json!({}), &backend).await;
    assert_eq!(answer(&ended), json!({ "first": "ok", "second": "hold-ended" }));
    let ended = run(&hostile, "handle_leak", json!({}), &backend).await;
    assert_eq!(answer(&ended), json!({ "obtained": 64, "code": "too-many-holds" }));
    let ended = run(&hostile, "big_store", json!({}), &backend).await;
    assert_eq!(answer(&ended), json!({ "written": 2, "code": "over-quota" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_flood_is_cut() {
    let backend = Arc::new(Scripted::default());
    let ended = run(&hostile().await, "flood_log", json!({}), &backend).await;
    let logged = backend.logged();
    assert!(logged.iter().all(|message| message.len() <= 8 << 10));
    assert_eq!(ended.log_bytes, 64 << 10);
    assert_eq!(logged.len(), 9, "eight full messages and the note that the rest is dropped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_step_under_way_when_time_runs_out_is_still_known() {
    let backend = Arc::new(Scripted { ledger_delay: Duration::from_millis(400), ..Scripted::default() });
    let short = within(Duration::from_millis(100));
    let ended = hostile().await.handle(call("authorize_then_loop", &json!({})), backend.clone(), short).await;
    assert_eq!(ended.result, Err(Fault::Limit(Limit::WallClock)));
    assert_eq!(ended.open_holds, [HoldId(1)], "the hold that came too late has to be settled too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_host_is_not_the_plugins() {
    let hostile = hostile().await;
    let backend = Arc::new(Scripted::default());
    backend.down.store(true, Ordering::Relaxed);
    let ended = run(&hostile, "authorize_then_panic", json!({}), &backend).await;
    assert_eq!(ended.result, Err(Fault::Host("the ledger is down".to_owned())));
    backend.panics.store(true, Ordering::Relaxed);
    for operation in ["authorize_then_panic", "spin_ms"] {
        let ended = run(&hostile, operation, json!({ "ms": 0 }), &backend).await;
        assert_eq!(class(&ended), "host-fault", "{operation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_hold_nothing_leaves() {
    let server = Server::start();
    let plugin = visiting(&engine(), server.url("")).await;
    let backend = Arc::new(Scripted::default());
    let ended = run(&plugin, "no_hold_http", json!({}), &backend).await;
    assert_eq!(answer(&ended)["code"], "no-hold");
    assert_eq!(server.requests(), 0);
    // The same operation, declared free.
    let free = CallGrant { free: true, ..within(Duration::from_secs(20)) };
    let ended = plugin.handle(call("no_hold_http", &json!({})), backend.clone(), free).await;
    assert_eq!((answer(&ended)["code"].as_str(), server.requests()), (Some("ok"), 1));
    // A hook never sends, and this guest declares none.
    let hook = plugin.on_request(HookRequest::default(), backend, free).await;
    assert_eq!(hook.result.unwrap().unwrap().status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_declared_endpoints_are_reached() {
    let backend = Arc::new(Scripted::default());
    let ended = run(&hostile().await, "undeclared_endpoint", json!({}), &backend).await;
    assert_eq!(answer(&ended)["code"], "not-declared");
    assert_eq!(backend.said().last().map(String::as_str), Some("release hold_1"), "a dropped hold is released");
}

async fn visit(plugin: &Arc<Plugin>, path: &str) -> Value {
    let ended = run(plugin, "hold_and_http", json!({ "path": path }), &Arc::new(Scripted::default())).await;
    answer(&ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_refused_unless_the_operator_lists_them() {
    let server = Server::start();
    let closed = Engine::new(options(&[])).unwrap();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"] {
        let plugin = visiting(&closed, format!("http://{host}:{}", server.port)).await;
        let seen = visit(&plugin, "/ok").await;
        assert_eq!((&seen["code"], &seen["sent"]), (&json!("private-address"), &json!(false)), "{host}");
    }
    assert_eq!(server.requests(), 0);
    let plugin = visiting(&engine(), server.url("")).await;
    assert_eq!(visit(&plugin, "/ok").await["status"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_answered_and_not_followed() {
    let server = Server::start();
    let plugin = visiting(&engine(), server.url("/base")).await;
    assert_eq!(visit(&plugin, "/redirect").await["status"], 302);
    assert_eq!(server.requests(), 1);
    assert_eq!(visit(&plugin, "/../ok").await["code"], "bad-request");
    assert_eq!(server.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_reaches_the_provider_and_never_the_guest() {
    let server = Server::start();
    let plugin = visiting(&engine(), server.url("")).await;
    let seen = visit(&plugin, "/echo-authorization").await;
    assert_eq!(server.last_authorization().as_deref(), Some("Bearer correct-horse"));
    assert_eq!(seen["text"], "you sent Bearer *************");
    assert_eq!(visit(&plugin, "/?t=correct-horse").await["code"], "bad-request", "a guest that has it is stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_is_bounded_while_it_streams() {
    let server = Server::start();
    let plugin = visiting(&engine(), server.url("")).await;
    assert_eq!(visit(&plugin, "/endless").await["code"], "too-large");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_an_answer_is_marked_as_unknown() {
    let server = Server::start();
    let plugin = visiting(&engine(), server.url("")).await;
    let ask = async |method: &str, path: &str| {
        let input = json!({ "path": path, "method": method, "capture": false });
        let backend = Arc::new(Scripted::default());
        plugin.handle(call("hold_and_http", &input), backend, within(Duration::from_secs(1))).await
    };
    let ended = ask("POST", "/silent").await;
    let seen = answer(&ended);
    assert_eq!((&seen["code"], &seen["sent"]), (&json!("timeout"), &json!(true)));
    assert!(ended.sent && ended.unanswered);
    let ended = ask("POST", "/ok").await;
    assert!(ended.sent && !ended.unanswered);
    assert_eq!(ended.http_requests, 1);
    let ended = ask("GET", "/silent").await;
    assert!(!ended.sent && !ended.unanswered, "GET changes nothing");
    // A port where nobody listens.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let plugin = visiting(&engine(), format!("http://127.0.0.1:{nobody}")).await;
    let input = json!({ "path": "/", "method": "POST", "capture": false });
    let ended = run(&plugin, "hold_and_http", input, &Arc::new(Scripted::default())).await;
    assert_eq!(answer(&ended)["code"], "unreachable");
    assert!(!ended.sent && !ended.unanswered);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_cannot_take_the_room_of_others() {
    let admission = Admission { host: 8, plugin: 8, account: 1, queue: 8, wait: Duration::from_millis(50) };
    let engine = Engine::new(EngineOptions { admission, ..options(&[]) }).unwrap();
    let plugin = load(&engine, HOSTILE, guests::release(HOSTILE).1, Settings::default()).await;
    let backend = Arc::new(Scripted::default());
    let of = |account| CallGrant { account: Some(AccountId(account)), ..within(Duration::from_secs(5)) };
    let greedy = plugin.handle(call("loop_forever", &json!({})), backend.clone(), of(1));
    let second = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let refused = plugin.handle(call("spin_ms", &json!({ "ms": 0 })), backend.clone(), of(1)).await;
        let other = plugin.handle(call("spin_ms", &json!({ "ms": 0 })), backend.clone(), of(2)).await;
        (refused, other)
    };
    let (greedy, (refused, other)) = tokio::join!(greedy, second);
    assert_eq!(class(&greedy), "limit-cpu");
    assert_eq!(refused.result, Err(Fault::Busy(Busy::Account)));
    assert_eq!(class(&other), "answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_calls_run_beside_guests_that_spin() {
    let hostile = hostile().await;
    let echo = echo().await;
    let backend = Arc::new(Scripted::default());
    let spinners: Vec<_> = (0..6)
        .map(|_| {
            let (hostile, backend) = (hostile.clone(), backend.clone());
            tokio::spawn(async move { run(&hostile, "loop_forever", json!({}), &backend).await })
        })
        .collect();
    let slowest = AtomicU64::new(0);
    for n in 0..100 {
        let began = Instant::now();
        let ended = run(&echo, "say", json!({ "text": n.to_string() }), &backend).await;
        assert_eq!(answer(&ended)["text"], n.to_string());
        slowest.fetch_max(u64::try_from(began.elapsed().as_millis()).unwrap(), Ordering::Relaxed);
    }
    // Without turns, a light call would wait for whole seconds of spinning.
    assert!(slowest.into_inner() < 1_000, "a light call is never held up for long");
    for spinner in spinners {
        assert_eq!(class(&spinner.await.unwrap()), "limit-cpu");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_code_is_kept_and_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let options = || EngineOptions {
        cache_dir: Some(directory.path().to_owned()),
        cache_key: [7; 32],
        ..EngineOptions::default()
    };
    for _ in 0..2 {
        let engine = Engine::new(options()).unwrap();
        let plugin = load(&engine, ECHO, guests::release(ECHO).1, Settings::default()).await;
        let ended = run(&plugin, "say", json!({ "text": "x" }), &Arc::new(Scripted::default())).await;
        assert_eq!(class(&ended), "answered");
        let entry = std::fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path();
        // The second engine meets a damaged entry and compiles again.
        let mut bytes = std::fs::read(&entry).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&entry, bytes).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guest_got_wrong_is_a_failure_and_no_fault() {
    let backend = Arc::new(Scripted::default());
    let ended = run(&echo().await, "say", json!({ "txt": 1 }), &backend).await;
    assert!(matches!(ended.result, Ok(Err(Failure::BadRequest { .. }))), "{:?}", ended.result);
    assert!(backend.said().is_empty());
}

/// A provider that misbehaves by path, on a thread for each connection.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Option<String>>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let server = Self { port, seen: seen.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), seen) = (stream, seen.clone()) else { return };
                // A client that goes away is no failure of the test.
                std::thread::spawn(move || serve(stream, &seen).ok());
            }
        });
        server
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    fn last_authorization(&self) -> Option<String> {
        self.seen.lock().unwrap().last().cloned().flatten()
    }
}

fn serve(mut stream: std::net::TcpStream, seen: &Mutex<Vec<Option<String>>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let authorization = head.lines().find_map(|line| line.strip_prefix("authorization: ")).map(str::to_owned);
    seen.lock().unwrap().push(authorization.clone());
    let mut respond = |status: &str, body: &str| {
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    };
    match path.as_str() {
        "/base/redirect" => respond("302 Found\r\nlocation: /ok", ""),
        "/echo-authorization" => respond("200 OK", &format!("you sent {}", authorization.unwrap_or_default())),
        "/silent" => {
            std::thread::sleep(Duration::from_secs(30));
            Ok(())
        }
        "/endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            loop {
                stream.write_all(&[b'x'; 4096])?;
            }
        }
        _ => respond("200 OK", "ok"),
    }
}
