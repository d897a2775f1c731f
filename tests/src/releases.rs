//! Releases of guests with other versions, prices and names than those that they were built with.

use std::collections::BTreeMap;

use iap_runtime::release::read_release;
use serde_json::Value;

use crate::{Reply, guests, http};

/// Text files of a release, by path.
pub type Files = BTreeMap<String, String>;

/// The component of a guest with edited files.
///
/// # Panics
///
/// The guest is no release.
pub fn edited(package: &str, edit: impl FnOnce(&mut Files)) -> Vec<u8> {
    let component = guests::component(package);
    let release = read_release(component).expect("the guest is a release");
    let mut files: Files = serde_json::from_slice(&release.files).expect("it carries its files");
    edit(&mut files);
    iap_guest_build::with_release(component, &files).expect("the guest is a component")
}

/// Replaces texts in a file; each must be there.
///
/// # Panics
///
/// One is not.
pub fn replace(files: &mut Files, path: &str, pairs: &[(&str, &str)]) {
    let text = files.get_mut(path).unwrap_or_else(|| panic!("no file {path}"));
    for (from, to) in pairs {
        assert!(text.contains(from), "{path} does not say {from:?}:\n{text}");
        *text = text.replace(from, to);
    }
}

/// Uploads a component; whatever it answers.
///
/// # Panics
///
/// There is no answer.
pub async fn upload(
    client: &reqwest::Client,
    host: &str,
    service: &str,
    token: &str,
    signed: Option<(&str, &str)>,
    component: Vec<u8>,
) -> Reply {
    let mut request = client
        .post(format!("{host}/v1/services/{service}/releases"))
        .header("Authorization", format!("Bearer {token}"))
        .header("Content-Type", "application/wasm")
        .timeout(std::time::Duration::from_secs(600))
        .body(component);
    if let Some((key, signature)) = signed {
        request = request.header("IAP-Key", key).header("IAP-Signature", signature);
    }
    http::try_send(request).await.expect("the host answers")
}

/// Reasons of a refused release.
///
/// # Panics
///
/// It was not refused for reasons.
pub fn reasons(reply: &Reply) -> Vec<String> {
    let body = reply.json();
    assert_eq!((reply.status, &body["code"]), (422, &Value::from("release-refused")), "{}", reply.text);
    let reasons = body["reasons"].as_array().cloned().unwrap_or_default();
    reasons.iter().map(|reason| reason.as_str().expect("a text").to_owned()).collect()
}
