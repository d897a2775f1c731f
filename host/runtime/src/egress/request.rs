//! From what a guest asks for to a request that may leave. Pure: no I/O.
//!
//! **Order matters:** the guest's bytes are searched for secrets *before* the host adds credentials,
//! so a finding always means that the guest has a secret it must not have.

use std::time::Duration;

use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use url::Url;

use super::HttpError;
use crate::settings::{Credential, Endpoint, Settled};

const MAX_PATH: usize = 8 << 10;
const MAX_HEADERS: usize = 64;
const MAX_HEADER_BYTES: usize = 16 << 10;
const MAX_BODY: usize = 16 << 20;

/// Headers that belong to the connection, say where a request goes and where its body ends, or have the answer
/// compressed: it could not be searched for secrets.
const RESERVED: &[&str] = &[
    "host",
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "accept-encoding",
];

/// A request that passed every check, with credentials.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub url: Url,
    pub method: Method,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub timeout: Duration,
    /// Whether the method is one that changes something.
    pub effects: bool,
}

/// What the guest asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub endpoint: String,
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub timeout_ms: Option<String>,
}

/// Checks a request and adds credentials. `remaining` is the longest it may take.
pub(crate) fn prepare(settings: &Settled, asked: Asked, remaining: Duration) -> Result<Prepared, HttpError> {
    let endpoint = settings.endpoint(&asked.endpoint)?;
    if !endpoint.methods.contains(&asked.method) {
        let declared = endpoint.methods.join(", ");
        return Err(refused(
            "not-declared",
            format!("method {:?} is not among those of endpoint {:?}: {declared}", asked.method, asked.endpoint),
        ));
    }
    let method = Method::from_bytes(asked.method.as_bytes())
        .map_err(|_| refused("bad-request", format!("method {:?} is not an HTTP method", asked.method)))?;
    let timeout = timeout(asked.timeout_ms.as_deref(), remaining)?;
    if asked.body.len() > MAX_BODY {
        return Err(refused("too-large", format!("body: {} bytes are more than {MAX_BODY}", asked.body.len())));
    }
    let path = settings.substitute(&asked.path)?;
    let mut url = below(&endpoint.base, &path)?;
    if let Some(Credential::Query(name, _)) = &endpoint.credential
        && url.query_pairs().any(|(given, _)| given == name.as_str())
    {
        return Err(refused(
            "bad-request",
            format!("path: query parameter {name:?} is set by the host from the endpoint's auth"),
        ));
    }
    let mut headers = headers(&asked.headers, endpoint)?;

    let needles = &settings.needles;
    let leak = needles.are_in(asked.path.as_bytes())
        || needles.are_in(&asked.body)
        || asked.headers.iter().any(|(name, value)| needles.are_in(name.as_bytes()) || needles.are_in(value));
    if leak {
        return Err(refused(
            "bad-request",
            "the request contains the value of a secret; leave credentials to the host".to_owned(),
        ));
    }

    inject(endpoint, &mut url, &mut headers);
    let effects = !matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
    Ok(Prepared { url, method, headers, body: asked.body, timeout, effects })
}

fn refused(code: &'static str, message: String) -> HttpError {
    HttpError { code, message, sent: false }
}

fn timeout(given: Option<&str>, remaining: Duration) -> Result<Duration, HttpError> {
    let asked = match given {
        None => Duration::from_secs(30),
        Some(text) => match text.parse() {
            Ok(millis @ 1..) => Duration::from_millis(millis),
            _ => {
                return Err(refused(
                    "bad-request",
                    format!("options.timeout_ms: {text:?} is not a number of milliseconds, at least 1"),
                ));
            }
        },
    };
    Ok(asked.min(remaining))
}

/// The URL of `path` below `base`, or a refusal if it would lead anywhere else.
fn below(base: &Url, path: &str) -> Result<Url, HttpError> {
    let bad = |why: &str| refused("bad-request", format!("path: {why}"));
    if path.len() > MAX_PATH {
        return Err(bad("is longer than 8 KiB"));
    }
    if !path.starts_with('/') || path.starts_with("//") {
        return Err(bad("begin it with one \"/\", without scheme or host"));
    }
    if path.bytes().any(|byte| !(0x21..=0x7e).contains(&byte) || matches!(byte, b'\\' | b'#')) {
        return Err(bad("percent-encode spaces, control characters, \"\\\", \"#\" and everything beyond ASCII"));
    }
    let (segments, query) = path.split_once('?').map_or((path, None), |(segments, query)| (segments, Some(query)));
    let decoded = percent_decoded(segments).ok_or_else(|| bad("has a \"%\" without two hexadecimal digits"))?;
    if decoded.split(['/', '\\']).any(|segment| segment == "." || segment == "..") {
        return Err(bad("may not contain \".\" or \"..\" segments, also encoded"));
    }
    let mut url = base.clone();
    let prefix = base.path().trim_end_matches('/');
    url.set_path(&format!("{prefix}{segments}"));
    url.set_query(query);
    // The parser has the last word: what it made of the path must still be what was asked for.
    let stays =
        url.origin() == base.origin() && url.path().strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
    if !stays || url.username() != "" || url.password().is_some() {
        return Err(bad("leads outside the endpoint's base_url"));
    }
    Ok(url)
}

/// Decodes twice, for servers that do so as well.
fn percent_decoded(text: &str) -> Option<String> {
    decode_once(text, true).and_then(|once| decode_once(&once, false))
}

fn decode_once(text: &str, strict: bool) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.filter(|pair| byte == b'%' && pair.bytes().all(|digit| digit.is_ascii_hexdigit())) {
            Some(pair) => {
                out.push(u8::from_str_radix(pair, 16).ok()?);
                at += 3;
            }
            None if byte == b'%' && strict => return None,
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

fn headers(asked: &[(String, Vec<u8>)], endpoint: &Endpoint) -> Result<HeaderMap, HttpError> {
    let bad = |name: &str, why: &str| refused("bad-request", format!("headers: {name:?} {why}"));
    let bytes: usize = asked.iter().map(|(name, value)| name.len() + value.len()).sum();
    if asked.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        return Err(refused(
            "too-large",
            format!("headers: at most {MAX_HEADERS} with {MAX_HEADER_BYTES} bytes in all"),
        ));
    }
    let mut map = HeaderMap::with_capacity(asked.len());
    for (name, value) in asked {
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(name, "is not a header name"))?;
        let value = HeaderValue::from_bytes(value).map_err(|_| bad(name, "has a value with control characters"))?;
        if RESERVED.contains(&header.as_str()) || header.as_str().starts_with("proxy-") {
            return Err(bad(name, "is set by the host alone"));
        }
        if endpoint.credential.as_ref().is_some_and(|credential| credential.owns_header(&header)) {
            return Err(bad(name, "is set by the host from the endpoint's auth"));
        }
        map.append(header, value);
    }
    Ok(map)
}

fn inject(endpoint: &Endpoint, url: &mut Url, headers: &mut HeaderMap) {
    match &endpoint.credential {
        None => {}
        Some(Credential::Header(name, value)) => {
            headers.insert(name.clone(), value.clone());
        }
        Some(Credential::Query(name, value)) => {
            url.query_pairs_mut().append_pair(name, value.expose());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use iap_core::manifest::{self, Auth, ValueRef};

    use super::*;
    use crate::{
        Secret, Settings,
        settings::tests::{manifest, setting},
    };

    fn settled(auth: Option<Auth>) -> Settled {
        let mut manifest = manifest();
        manifest.endpoints = vec![manifest::Endpoint {
            name: "carrier".to_owned(),
            base_url: "https://api.example.com/2010".to_owned(),
            methods: vec!["POST".to_owned(), "GET".to_owned()],
            auth,
        }];
        let settings = Settings {
            config: BTreeMap::from([setting("account", "AC/1")]),
            secrets: BTreeMap::from([("token".to_owned(), Secret::new("hunter22"))]),
            ..Settings::default()
        };
        Settled::new(&manifest, settings).unwrap()
    }

    fn post(path: &str) -> Asked {
        Asked { endpoint: "carrier".to_owned(), method: "POST".to_owned(), path: path.to_owned(), ..Asked::default() }
    }

    fn ask(asked: Asked) -> Result<Prepared, HttpError> {
        prepare(&settled(None), asked, Duration::from_secs(9))
    }

    #[test]
    fn a_path_goes_below_the_base_url() {
        for (path, url) in [
            ("/Messages.json", "https://api.example.com/2010/Messages.json"),
            ("/a?b=c&d=%2F..", "https://api.example.com/2010/a?b=c&d=%2F.."),
            ("/{config:account}/x", "https://api.example.com/2010/AC%2F1/x"),
            ("/a:b@evil.example/", "https://api.example.com/2010/a:b@evil.example/"),
            ("/", "https://api.example.com/2010/"),
            ("/...", "https://api.example.com/2010/..."),
        ] {
            assert_eq!(ask(post(path)).unwrap().url.as_str(), url, "{path}");
        }
    }

    #[test]
    fn a_path_that_would_lead_elsewhere_is_refused() {
        for path in [
            "",
            "x",
            "//evil.example/",
            "https://evil.example/",
            "@evil.example/",
            "/..",
            "/../x",
            "/a/../../x",
            "/%2e%2e/x",
            "/%2E./x",
            "/..%2fx",
            "/..%5cx",
            "/%252e%252e/x",
            "/\\evil.example",
            "/a#b",
            "/a b",
            "/a\r\nHost: x",
            "/é",
            "/%",
            "/%zz",
            "/{config:token}",
            "/{config:nothing}",
        ] {
            assert_eq!(
                ask(post(path)).map(|prepared| prepared.url.to_string()).unwrap_err().code,
                "bad-request",
                "{path}"
            );
        }
    }

    #[test]
    fn only_declared_endpoints_and_methods_are_reached() {
        let elsewhere = Asked { endpoint: "other".to_owned(), ..post("/") };
        assert_eq!(ask(elsewhere).unwrap_err().code, "not-declared");
        let delete = Asked { method: "DELETE".to_owned(), ..post("/") };
        assert_eq!(ask(delete).unwrap_err().code, "not-declared");
        let lower = Asked { method: "post".to_owned(), ..post("/") };
        assert_eq!(ask(lower).unwrap_err().code, "not-declared");
        assert!(!ask(Asked { method: "GET".to_owned(), ..post("/") }).unwrap().effects);
        assert!(ask(post("/")).unwrap().effects);
    }

    #[test]
    fn headers_of_the_connection_are_the_hosts() {
        for name in ["Host", "connection", "Transfer-Encoding", "Content-Length", "Proxy-Authorization", "a b", ""] {
            let asked = Asked { headers: vec![(name.to_owned(), b"x".to_vec())], ..post("/") };
            assert_eq!(ask(asked).unwrap_err().code, "bad-request", "{name}");
        }
        let smuggled = Asked { headers: vec![("X-A".to_owned(), b"a\r\nHost: evil".to_vec())], ..post("/") };
        assert_eq!(ask(smuggled).unwrap_err().code, "bad-request");
        let kept = Asked { headers: vec![("Content-Type".to_owned(), b"text/plain".to_vec())], ..post("/") };
        assert_eq!(ask(kept).unwrap().headers["content-type"], "text/plain");
    }

    #[test]
    fn credentials_are_added_and_never_come_from_the_guest() {
        let token = ValueRef::Secret("token".to_owned());
        let basic = settled(Some(Auth::Basic(ValueRef::Config("account".to_owned()), token.clone())));
        let prepared = prepare(&basic, post("/"), Duration::from_secs(1)).unwrap();
        assert_eq!(prepared.headers["authorization"], "Basic QUMvMTpodW50ZXIyMg==");
        assert!(prepared.headers["authorization"].is_sensitive());
        let own = Asked { headers: vec![("Authorization".to_owned(), b"Bearer x".to_vec())], ..post("/") };
        assert_eq!(prepare(&basic, own, Duration::from_secs(1)).unwrap_err().code, "bad-request");

        let query = settled(Some(Auth::Query("key".to_owned(), token)));
        let prepared = prepare(&query, post("/x?a=1"), Duration::from_secs(1)).unwrap();
        assert_eq!(prepared.url.query(), Some("a=1&key=hunter22"));
        assert_eq!(prepare(&query, post("/x?k%65y=mine"), Duration::from_secs(1)).unwrap_err().code, "bad-request");
    }

    #[test]
    fn a_guest_that_has_a_secret_is_stopped() {
        for asked in [
            post("/hunter22"),
            Asked { body: b"{\"t\":\"hunter22\"}".to_vec(), ..post("/") },
            Asked { headers: vec![("X-T".to_owned(), b"hunter22".to_vec())], ..post("/") },
        ] {
            assert!(ask(asked).unwrap_err().message.contains("secret"));
        }
    }

    #[test]
    fn a_timeout_is_at_most_the_remaining_time() {
        let with =
            |text: &str| ask(Asked { timeout_ms: Some(text.to_owned()), ..post("/") }).map(|prepared| prepared.timeout);
        assert_eq!(with("500").unwrap(), Duration::from_millis(500));
        assert_eq!(with("60000").unwrap(), Duration::from_secs(9));
        for text in ["0", "-1", "1.5", "x"] {
            assert_eq!(with(text).unwrap_err().code, "bad-request", "{text}");
        }
    }
}
