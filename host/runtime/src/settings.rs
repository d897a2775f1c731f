//! What the operator and vendor set for a service on this host, joined with what its manifest declares.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use iap_core::manifest::{self, Auth, Manifest, ValueRef};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use url::Url;

use crate::{Secret, egress::HttpError, secrets::Needles};

/// Settings of a service. Names that the manifest does not declare are ignored, since several
/// releases share them.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// By `[[http]]` name: used in place of the manifest's `base_url`; may be `http:`.
    pub base_urls: BTreeMap<String, String>,
    /// By `[[config]]` name.
    pub config: BTreeMap<String, String>,
    /// By `[[secrets]]` name.
    pub secrets: BTreeMap<String, Secret>,
    /// Public URL below which the service's hooks are, as `https://iap.example.com/hooks/sms`.
    pub hook_base_url: Option<String>,
    /// Declared by the manifest, but not granted on this host.
    pub denied: BTreeSet<Permission>,
}

/// One thing that a manifest may ask for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// The endpoint with this name.
    Http(String),
    /// Signing and verifying with the secret of this name.
    Key(String),
    /// The key-value store.
    Store,
    /// Blobs.
    Blobs,
    /// Jobs.
    Jobs,
    /// Callbacks.
    Callback,
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not a base URL.
    #[error("base_url of endpoint {endpoint:?} {problem}; write it as https://host[:port][/path]")]
    BaseUrl {
        /// Name of the endpoint.
        endpoint: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A credential that no header can carry.
    #[error("the credentials of endpoint {0:?} contain characters that a header cannot carry")]
    Credential(String),
}

/// Settings resolved for one release.
pub(crate) struct Settled {
    endpoints: BTreeMap<String, Endpoint>,
    config: BTreeMap<String, String>,
    keys: BTreeMap<String, Option<Secret>>,
    hooks: BTreeSet<String>,
    hook_base_url: Option<String>,
    denied: BTreeSet<Permission>,
    pub permissions: manifest::Permissions,
    pub needles: std::sync::Arc<Needles>,
}

/// An endpoint that requests may name.
pub(crate) struct Endpoint {
    pub base: Url,
    pub methods: Vec<String>,
    pub credential: Option<Credential>,
    /// The setting that its credentials lack.
    missing: Option<String>,
}

/// What the host adds to a request.
pub(crate) enum Credential {
    Header(HeaderName, HeaderValue),
    Query(String, Secret),
}

impl Credential {
    pub(crate) fn owns_header(&self, name: &HeaderName) -> bool {
        matches!(self, Self::Header(own, _) if own == name)
    }
}

impl Settled {
    pub(crate) fn new(manifest: &Manifest, settings: Settings) -> Result<Self, SettingsError> {
        let declared = manifest.config.iter();
        let config: BTreeMap<_, _> = declared
            .filter_map(|value| {
                let set = settings.config.get(&value.name).or(value.default.as_ref())?;
                Some((value.name.clone(), set.clone()))
            })
            .collect();
        let names = manifest.secrets.iter().map(|secret| secret.name.clone());
        let keys: BTreeMap<_, _> = names.map(|name| (name.clone(), settings.secrets.get(&name).cloned())).collect();
        let mut needles = Needles::default();
        for secret in keys.values().flatten() {
            needles.add(secret.expose());
        }
        let mut endpoints = BTreeMap::new();
        for endpoint in &manifest.endpoints {
            let given = settings.base_urls.get(&endpoint.name);
            let base = base_url(endpoint, given)?;
            let (credential, missing) = match resolve(endpoint, &config, &keys, &mut needles) {
                Ok(credential) => (credential, None),
                Err(Unresolved::Missing(name)) => (None, Some(name)),
                Err(Unresolved::Unusable) => return Err(SettingsError::Credential(endpoint.name.clone())),
            };
            let resolved = Endpoint { base, methods: endpoint.methods.clone(), credential, missing };
            endpoints.insert(endpoint.name.clone(), resolved);
        }
        Ok(Self {
            endpoints,
            config,
            keys,
            hooks: manifest.hooks.iter().map(|hook| hook.path.clone()).collect(),
            hook_base_url: settings.hook_base_url,
            denied: settings.denied,
            permissions: manifest.permissions.clone(),
            needles: std::sync::Arc::new(needles),
        })
    }

    pub(crate) fn denies(&self, permission: &Permission) -> bool {
        self.denied.contains(permission)
    }

    pub(crate) fn endpoint(&self, name: &str) -> Result<&Endpoint, HttpError> {
        let error = |code, message| HttpError { code, message, sent: false };
        let Some(endpoint) = self.endpoints.get(name) else {
            return Err(error("not-declared", format!("endpoint {name:?} has no [[http]] table in plugin.toml")));
        };
        if self.denies(&Permission::Http(name.to_owned())) {
            return Err(error(
                "not-granted",
                format!("the operator has not granted endpoint {name:?} to this service"),
            ));
        }
        match &endpoint.missing {
            Some(setting) => {
                Err(error("not-granted", format!("endpoint {name:?} needs {setting}, which is not set on this host")))
            }
            None => Ok(endpoint),
        }
    }

    /// A declared secret: the outer `None` if it is not declared, the inner if it is not set.
    pub(crate) fn key(&self, name: &str) -> Option<Option<&Secret>> {
        self.keys.get(name).map(Option::as_ref)
    }

    pub(crate) fn config(&self, name: &str) -> Option<&str> {
        self.config.get(name).map(String::as_str)
    }

    pub(crate) fn hook_url(&self, path: &str) -> Option<String> {
        let base = self.hook_base_url.as_deref()?.trim_end_matches('/');
        self.hooks.contains(path).then(|| format!("{base}/{path}"))
    }

    /// Puts config values in the place of `{config:name}`, each as one path segment.
    pub(crate) fn substitute(&self, path: &str) -> Result<String, HttpError> {
        let mut out = String::with_capacity(path.len());
        let mut rest = path;
        while let Some((before, after)) = rest.split_once("{config:") {
            let named = after.split_once('}').and_then(|(name, after)| Some((self.config(name)?, after)));
            let Some((value, after)) = named else {
                let message =
                    "path: {config:…} must name a value that plugin.toml declares and the operator has set".to_owned();
                return Err(HttpError { code: "bad-request", message, sent: false });
            };
            out.push_str(before);
            out.push_str(&as_segment(value));
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// Everything but unreserved characters percent-encoded, so that a value cannot add a segment.
fn as_segment(value: &str) -> String {
    value.bytes().fold(String::with_capacity(value.len()), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                let digit = |n: u8| char::from(b"0123456789ABCDEF"[usize::from(n)]);
                out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
        out
    })
}

fn base_url(endpoint: &manifest::Endpoint, given: Option<&String>) -> Result<Url, SettingsError> {
    let error = |problem| SettingsError::BaseUrl { endpoint: endpoint.name.clone(), problem };
    let url = Url::parse(given.unwrap_or(&endpoint.base_url)).map_err(|_| error("is not a URL"))?;
    match url.scheme() {
        "https" => {}
        // Only an operator may choose to send in the clear: to a simulator, or inside a network.
        "http" if given.is_some() => {}
        "http" => return Err(error("is not encrypted")),
        _ => return Err(error("has another scheme than https")),
    }
    if !url.has_host() {
        return Err(error("has no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(error("has credentials in it; use auth"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(error("has a query or fragment"));
    }
    Ok(url)
}

enum Unresolved {
    Missing(String),
    Unusable,
}

fn resolve(
    endpoint: &manifest::Endpoint,
    config: &BTreeMap<String, String>,
    keys: &BTreeMap<String, Option<Secret>>,
    needles: &mut Needles,
) -> Result<Option<Credential>, Unresolved> {
    let value = |reference: &ValueRef| match reference {
        ValueRef::Config(name) => {
            config.get(name).cloned().ok_or_else(|| Unresolved::Missing(format!("config {name:?}")))
        }
        ValueRef::Secret(name) => match keys.get(name) {
            Some(Some(secret)) => Ok(secret.expose().to_owned()),
            _ => Err(Unresolved::Missing(format!("secret {name:?}"))),
        },
    };
    let header = |name: HeaderName, text: &str| {
        let mut value = HeaderValue::from_str(text).map_err(|_| Unresolved::Unusable)?;
        value.set_sensitive(true);
        Ok(Some(Credential::Header(name, value)))
    };
    match &endpoint.auth {
        None => Ok(None),
        Some(Auth::Basic(user, password)) => {
            let encoded = STANDARD.encode(format!("{}:{}", value(user)?, value(password)?));
            needles.add(&encoded);
            header(AUTHORIZATION, &format!("Basic {encoded}"))
        }
        Some(Auth::Bearer(token)) => header(AUTHORIZATION, &format!("Bearer {}", value(token)?)),
        Some(Auth::Header(name, reference)) => {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Unresolved::Unusable)?;
            header(name, &value(reference)?)
        }
        Some(Auth::Query(name, reference)) => Ok(Some(Credential::Query(name.clone(), Secret::new(value(reference)?)))),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use iap_core::manifest::{ConfigValue, Limits, SecretName, Service};

    use super::*;

    pub(crate) fn setting(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    /// A manifest with one config value (`account`), one secret (`token`) and one hook (`status`).
    pub(crate) fn manifest() -> Manifest {
        Manifest {
            service: Service {
                name: "echo".to_owned(),
                title: "Echo".to_owned(),
                vendor: "odoo".to_owned(),
                version: "1.0.0".parse().unwrap(),
                api: "1.0".to_owned(),
                summary: "Echoes.".to_owned(),
                category: "Tests".to_owned(),
                unit: "credit".to_owned(),
                support: None,
                privacy: None,
                terms: None,
                data_retention: None,
                data_hosts: vec![],
                breakage: iap_core::ledger::Breakage::Host,
                credits_expire: None,
            },
            trial: None,
            packs: vec![],
            operations: vec![],
            endpoints: vec![],
            config: vec![ConfigValue {
                name: "account".to_owned(),
                description: String::new(),
                ty: iap_core::manifest::ConfigType::Text,
                default: None,
                required: false,
            }],
            secrets: vec![SecretName { name: "token".to_owned(), description: String::new() }],
            permissions: manifest::Permissions::default(),
            limits: Limits { memory: 32 << 20, time: Duration::from_secs(10), job_time: Duration::from_secs(60) },
            hooks: vec![iap_core::manifest::Hook { path: "status".to_owned(), once: None }],
            routes: vec![],
            account_information: BTreeMap::new(),
        }
    }

    fn with_endpoint(base_url: &str, auth: Option<Auth>) -> Manifest {
        let endpoint = manifest::Endpoint {
            name: "carrier".to_owned(),
            base_url: base_url.to_owned(),
            methods: vec!["POST".to_owned()],
            auth,
        };
        Manifest { endpoints: vec![endpoint], ..manifest() }
    }

    #[test]
    fn only_the_operator_may_send_in_the_clear() {
        let plain = with_endpoint("http://api.example.com", None);
        assert!(matches!(Settled::new(&plain, Settings::default()), Err(SettingsError::BaseUrl { .. })));
        let secure = with_endpoint("https://api.example.com", None);
        let base_urls = BTreeMap::from([setting("carrier", "http://127.0.0.1:8099/sim")]);
        let settled = Settled::new(&secure, Settings { base_urls, ..Settings::default() }).unwrap();
        assert_eq!(settled.endpoint("carrier").map(|e| e.base.as_str()).ok(), Some("http://127.0.0.1:8099/sim"));
        for wrong in ["ftp://x", "https://u:p@x", "https://x/?a=b", "x", "https://x/#y"] {
            let base_urls = BTreeMap::from([setting("carrier", wrong)]);
            assert!(Settled::new(&secure, Settings { base_urls, ..Settings::default() }).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_endpoint_without_its_secret_or_grant_says_which() {
        let bearer = Auth::Bearer(ValueRef::Secret("token".to_owned()));
        let manifest = with_endpoint("https://api.example.com", Some(bearer));
        let settled = Settled::new(&manifest, Settings::default()).unwrap();
        let error = settled.endpoint("carrier").map(|_| ()).unwrap_err();
        assert_eq!(error.code, "not-granted");
        assert!(error.message.contains("secret \"token\""), "{}", error.message);
        let denied = BTreeSet::from([Permission::Http("carrier".to_owned())]);
        let settled =
            Settled::new(&with_endpoint("https://x.example", None), Settings { denied, ..Settings::default() })
                .unwrap();
        assert_eq!(settled.endpoint("carrier").map(|_| ()).unwrap_err().code, "not-granted");
    }

    #[test]
    fn a_hook_url_is_known_for_declared_hooks_only() {
        let hook_base_url = Some("https://iap.example.com/hooks/echo/".to_owned());
        let settled = Settled::new(&manifest(), Settings { hook_base_url, ..Settings::default() }).unwrap();
        assert_eq!(settled.hook_url("status").as_deref(), Some("https://iap.example.com/hooks/echo/status"));
        assert_eq!(settled.hook_url("other"), None);
        assert_eq!(settled.config("token"), None);
    }
}
