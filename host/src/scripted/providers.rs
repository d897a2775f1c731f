//! Providers as a script has them: a real HTTP server on 127.0.0.1.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use iap_core::manifest::Manifest;
use serde_json::Value;

use super::{
    compare,
    fault::{self, Fault},
};

/// Largest request that is read, in bytes.
const MAX_REQUEST: usize = 32 << 20;
/// Longest silence, unless the server stops before.
const SILENCE: Duration = Duration::from_secs(120);
/// How often a silent connection looks whether the server stops.
const LOOK: Duration = Duration::from_millis(20);

/// An answer of a script, and the requests that get it.
#[derive(Clone, Debug, Default)]
pub struct Scripted {
    /// Line of the script.
    pub line: usize,
    /// Endpoint of the manifest.
    pub endpoint: String,
    /// In capitals.
    pub method: String,
    /// Path below the endpoint's `base_url`; with a query only requests with this one fit, without any do.
    pub path: String,
    /// What the body must have, as JSON.
    pub request: Option<Value>,
    /// Texts that the body must have.
    pub contains: Vec<String>,
    /// How many requests get it; any number if absent.
    pub times: Option<u32>,
    /// Status of the answer.
    pub status: u16,
    /// Headers of the answer.
    pub headers: Vec<(String, String)>,
    /// Body of the answer.
    pub body: Vec<u8>,
    /// Before the answer, on the real clock.
    pub delay: Duration,
    /// What comes in place of the answer.
    pub fault: Option<fault::Answer>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Received {
    /// Endpoint of the manifest.
    pub endpoint: String,
    /// In capitals.
    pub method: String,
    /// Below the endpoint's `base_url`, with the query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// Whether an answer of the script fits.
    pub expected: bool,
}

/// What requests get that no answer of the script fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// Status 501, and the test fails.
    Unexpected,
    /// Status 503: a provider that is away.
    Unavailable,
}

struct Shared {
    script: Vec<Scripted>,
    otherwise: Otherwise,
    fault: Option<Fault>,
    stopping: AtomicBool,
    /// Requests as they came, and how often each answer was given.
    state: Mutex<(Vec<Received>, Vec<u32>)>,
}

/// All providers of a test, until it is dropped.
pub struct Providers {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Providers {
    /// Listens on a free port of 127.0.0.1.
    pub fn start(script: Vec<Scripted>, otherwise: Otherwise, fault: Option<Fault>) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let given = vec![0; script.len()];
        let state = Mutex::new((Vec::new(), given));
        let shared = Arc::new(Shared { script, otherwise, fault, stopping: AtomicBool::new(false), state });
        let accepting = Arc::clone(&shared);
        std::thread::Builder::new().name("providers".to_owned()).spawn(move || {
            for stream in listener.incoming() {
                if accepting.stopping.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), shared) = (stream, Arc::clone(&accepting)) else { continue };
                // A client that goes away is its own affair.
                let serving = std::thread::Builder::new().spawn(move || serve(stream, &shared).ok());
                drop(serving);
            }
        })?;
        Ok(Self { address, shared })
    }

    /// Where each endpoint of a manifest is, in place of its `base_url`.
    pub fn base_urls(&self, manifest: &Manifest) -> BTreeMap<String, String> {
        let address = match self.shared.fault {
            // Nobody listens on port 1 of this machine, and nobody may without privileges.
            Some(Fault::Unreachable) => SocketAddr::from(([127, 0, 0, 1], 1)),
            _ => self.address,
        };
        let names = manifest.endpoints.iter().map(|endpoint| endpoint.name.clone());
        names.map(|name| (name.clone(), format!("http://{address}/{name}"))).collect()
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.state().0.clone()
    }

    /// Answers that were to be given `times` and were given less often: line, wanted, given.
    pub fn missed(&self) -> Vec<(usize, u32, u32)> {
        let state = self.shared.state();
        let answers = self.shared.script.iter().zip(&state.1);
        answers
            .filter_map(|(answer, given)| {
                answer.times.filter(|times| given < times).map(|times| (answer.line, times, *given))
            })
            .collect()
    }
}

impl Drop for Providers {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, (Vec<Received>, Vec<u32>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, on the real clock, unless the server stops.
    fn wait(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.stopping.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
        }
    }

    /// Takes a request in, and says what it gets.
    fn choose(&self, mut received: Received) -> (Scripted, Option<fault::Answer>) {
        let mut state = self.state();
        let (seen, given) = &mut *state;
        let fits = |(place, answer): &(usize, &Scripted)| {
            answer.times.is_none_or(|times| given[*place] < times) && answer.fits(&received)
        };
        let chosen = self.script.iter().enumerate().find(fits);
        received.expected = chosen.is_some();
        let answer = match chosen {
            Some((place, answer)) => {
                let answer = answer.clone();
                given[place] += 1;
                answer
            }
            None => self.otherwise.answer(&received),
        };
        seen.push(received);
        let number = u32::try_from(seen.len()).unwrap_or(u32::MAX);
        let fault = self.fault.and_then(|fault| fault.of_request(number)).or(answer.fault);
        (answer, fault)
    }
}

impl Otherwise {
    fn answer(self, received: &Received) -> Scripted {
        let (status, text) = match self {
            Self::Unexpected => (501, format!("no answer fits {} {}", received.method, received.path)),
            Self::Unavailable => (503, "the provider is away".to_owned()),
        };
        Scripted { status, body: text.into_bytes(), ..Scripted::default() }
    }
}

impl Scripted {
    fn fits(&self, received: &Received) -> bool {
        let path = match self.path.contains('?') {
            true => received.path.as_str(),
            false => received.path.split('?').next().unwrap_or_default(),
        };
        if self.endpoint != received.endpoint || self.method != received.method || self.path != path {
            return false;
        }
        let text = String::from_utf8_lossy(&received.body);
        let json = || serde_json::from_slice::<Value>(&received.body).ok();
        self.contains.iter().all(|wanted| text.contains(wanted))
            && self
                .request
                .as_ref()
                .is_none_or(|wanted| json().is_some_and(|body| compare::differences(wanted, &body, false).is_empty()))
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(received) = read(&stream)? else { return Ok(()) };
    let (answer, fault) = shared.choose(received);
    shared.wait(answer.delay);
    let status = answer.status;
    match fault {
        None => write(&mut stream, status, &answer.headers, &answer.body, usize::MAX),
        Some(fault::Answer::HangUp) => Ok(()),
        Some(fault::Answer::Silent) => {
            shared.wait(SILENCE);
            Ok(())
        }
        Some(fault::Answer::Garbage) => write(&mut stream, 200, &[], b"<html>\0\xff\xfe{\"", usize::MAX),
        Some(fault::Answer::Partial) => {
            let body = if answer.body.len() < 2 { b"{\"a\":1}".to_vec() } else { answer.body };
            write(&mut stream, status, &answer.headers, &body, body.len() / 2)
        }
        Some(fault::Answer::Error) => write(&mut stream, 500, &[], b"something went wrong", usize::MAX),
    }
}

/// Writes an answer with at most `most` bytes of its body, and hangs up.
fn write(
    stream: &mut TcpStream,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
    most: usize,
) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body[..body.len().min(most)])?;
    stream.flush()
}

fn read(stream: &TcpStream) -> std::io::Result<Option<Received>> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let (method, target) = (method.to_owned(), target.to_owned());
    let mut headers = Vec::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0).min(MAX_REQUEST)];
    reader.read_exact(&mut body)?;
    // The first segment says which endpoint it is.
    let rest = target.strip_prefix('/').unwrap_or(&target);
    let (endpoint, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    Ok(Some(Received { endpoint: endpoint.to_owned(), method, path: path.to_owned(), headers, body, expected: false }))
}
