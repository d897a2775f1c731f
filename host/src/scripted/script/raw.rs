//! A script as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// A text with its place.
pub(super) type Text = Spanned<String>;
/// A value with its place.
pub(super) type Given = Spanned<toml::Value>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    #[serde(default)]
    pub test: Vec<Spanned<Test>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    pub name: Text,
    pub operation: Option<Text>,
    pub quote: Option<Text>,
    pub job: Option<Text>,
    pub hook: Option<Spanned<Hook>>,
    pub input: Option<Given>,
    pub credits: Option<Text>,
    pub max_credits: Option<Text>,
    pub company: Option<String>,
    pub callback_url: Option<String>,
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    pub standing: Option<String>,
    pub now: Option<Given>,
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    #[serde(default)]
    pub repeats: Vec<Repeat>,
    #[serde(default)]
    pub provider: Vec<Spanned<Provider>>,
    #[serde(default)]
    pub then: Vec<Spanned<Then>>,
    pub expect: Option<Spanned<Expect>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Then {
    pub operation: Option<Text>,
    pub quote: Option<Text>,
    pub job: Option<Text>,
    pub hook: Option<Spanned<Hook>>,
    pub input: Option<Given>,
    pub run_jobs: Option<Spanned<bool>>,
    pub advance: Option<Text>,
    pub expect: Option<Spanned<Expect>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hook {
    pub path: String,
    pub method: Option<String>,
    #[serde(default)]
    pub query: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub json: Option<Given>,
    pub text: Option<String>,
    pub sign: Option<Sign>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sign {
    pub header: String,
    #[serde(default)]
    pub prefix: String,
    pub key: String,
    pub algorithm: Text,
    pub encoding: Option<Text>,
    pub text: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Repeat {
    pub key: String,
    pub answer: Given,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    pub endpoint: Text,
    pub method: Text,
    pub path: Text,
    pub request: Option<Given>,
    #[serde(default)]
    pub contains: Vec<String>,
    pub times: Option<u32>,
    pub status: Option<Spanned<u16>>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub json: Option<Given>,
    pub text: Option<String>,
    pub delay: Option<Text>,
    pub fault: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub output: Option<Given>,
    #[serde(default)]
    pub exactly: bool,
    pub failure: Option<String>,
    pub message: Option<String>,
    pub lines: Option<Given>,
    pub status: Option<u16>,
    pub captured: Option<Text>,
    pub held: Option<Text>,
    pub jobs: Option<Vec<String>>,
    pub dead: Option<Vec<String>>,
    pub callbacks: Option<Given>,
    pub logs: Option<Vec<String>>,
    pub requests: Option<u32>,
    pub partial: Option<bool>,
}
