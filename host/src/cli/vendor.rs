//! `iap vendor`: signing up, and who acts for a vendor.

use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use iap_host::developer::{
    client::{Client, Refused},
    login::Home,
    signing::Key,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    session::Host,
    told::{self, Told, progress},
};

/// Sign up as a vendor, and say who acts for it.
#[derive(clap::Subcommand)]
pub enum Vendor {
    /// Sign up: a code is mailed to you, which you type here or give to `iap vendor confirm`.
    SignUp(SignUp),
    /// Confirm an address with the code that was mailed there, after signing up or being invited.
    Confirm(Confirm),
    /// Show a vendor: whether it is approved, and where it is paid.
    Show(Show),
    /// Show, invite or remove members.
    #[command(subcommand)]
    Members(Members),
    /// Show, register or revoke keys that sign releases.
    #[command(subcommand)]
    Keys(Keys),
}

/// Which vendor on which host.
#[derive(clap::Args, Clone, Debug)]
pub struct Common {
    #[command(flatten)]
    host: Host,
    /// The vendor [default: that of your login].
    #[arg(long, value_name = "NAME")]
    vendor: Option<String>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Sign up as a vendor.
#[derive(clap::Args)]
pub struct SignUp {
    #[command(flatten)]
    host: Host,
    /// Name in manifests, as `acme`.
    name: String,
    /// Shown name.
    #[arg(long)]
    title: String,
    /// Your address: you become its first owner.
    #[arg(long)]
    email: String,
    /// Who it is in law.
    #[arg(long)]
    organisation: String,
    /// ISO 3166-1 code, as `BE`.
    #[arg(long)]
    country: String,
    /// With its country's prefix, as `BE0477472701`.
    #[arg(long)]
    vat_number: Option<String>,
    /// Version of the host's terms that you have read and accept.
    #[arg(long, value_name = "VERSION")]
    accept_terms: String,
    /// One JSON object; nothing is asked.
    #[arg(long)]
    json: bool,
}

/// Confirm an address.
#[derive(clap::Args)]
pub struct Confirm {
    #[command(flatten)]
    host: Host,
    /// The vendor.
    vendor: String,
    /// Your address.
    #[arg(long)]
    email: String,
    /// The eight digits that were mailed.
    code: String,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Show a vendor.
#[derive(clap::Args)]
pub struct Show {
    #[command(flatten)]
    common: Common,
}

/// Members.
#[derive(clap::Subcommand)]
pub enum Members {
    /// Show them.
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Invite somebody: a code is mailed there.
    Add {
        #[command(flatten)]
        common: Common,
        /// Where to.
        email: String,
        /// `owner`: all; `developer`: releases, config and secrets; `finance`: money.
        #[arg(long, default_value = "developer")]
        role: String,
        /// For an owner or finance member: the code that is mailed to you when you leave it out.
        #[arg(long)]
        code: Option<String>,
    },
    /// Remove somebody; its tokens open nothing any more.
    Remove {
        #[command(flatten)]
        common: Common,
        /// The member's id, as the list shows it.
        id: String,
    },
}

/// Keys.
#[derive(clap::Subcommand)]
pub enum Keys {
    /// Show them.
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Register one.
    Add {
        #[command(flatten)]
        common: Common,
        /// In hexadecimal [default: the key of this machine].
        public_key: Option<String>,
        /// What to call it.
        #[arg(long, default_value = "registered with iap vendor keys add")]
        title: String,
    },
    /// Revoke one: what it signs from here on is refused.
    Revoke {
        #[command(flatten)]
        common: Common,
        /// In hexadecimal.
        public_key: String,
    },
}

impl Vendor {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = super::runtime()?;
        let (json, done) = match self {
            Self::SignUp(sign_up) => (sign_up.json, runtime.block_on(sign_up.run())),
            Self::Confirm(confirm) => (confirm.json, runtime.block_on(confirm.run())),
            Self::Show(show) => (show.common.json, runtime.block_on(show.run())),
            Self::Members(members) => (members.common().json, runtime.block_on(members.run())),
            Self::Keys(keys) => (keys.common().json, runtime.block_on(keys.run())),
        };
        told::tell(json, done)
    }
}

impl SignUp {
    async fn run(&self) -> anyhow::Result<Told> {
        let client = self.host.open()?;
        let mut body = json!({
            "name": self.name, "title": self.title, "email": self.email, "organisation": self.organisation,
            "country": self.country, "terms_version": self.accept_terms, "terms_accepted": true,
        });
        if let Some(number) = &self.vat_number {
            body["vat_number"] = json!(number);
        }
        let mut answer = client.send(Method::POST, "/v1/vendors", Some(&body)).await?;
        if answer["state"] == "unconfirmed" && !self.json && std::io::stdin().is_terminal() {
            let code =
                asked(&format!("Type the code that was mailed to {} (or nothing, to do it later): ", self.email))?;
            if !code.is_empty() {
                let path = format!("/v1/vendors/{}/confirm", self.name);
                let body = json!({ "email": self.email, "code": code });
                answer = client.send(Method::POST, &path, Some(&body)).await?;
            }
        }
        Ok(standing(&answer, &self.host.host, &self.email))
    }
}

impl Confirm {
    async fn run(&self) -> anyhow::Result<Told> {
        let body = json!({ "email": self.email, "code": self.code });
        let path = format!("/v1/vendors/{}/confirm", self.vendor);
        let answer = self.host.open()?.send(Method::POST, &path, Some(&body)).await?;
        Ok(standing(&answer, &self.host.host, &self.email))
    }
}

/// Where a sign-up stands, and what is next.
fn standing(answer: &Value, host: &str, email: &str) -> Told {
    let (vendor, state) = (answer["vendor"].as_str().unwrap_or_default(), answer["state"].as_str().unwrap_or_default());
    let next = match state {
        "unconfirmed" => {
            format!("Next: iap vendor confirm {vendor} --email {email} --host {host} CODE (the code was mailed)")
        }
        "waiting" => "Next: the operator of the host looks at it and mails you".to_owned(),
        "approved" => format!("Next: iap login --host {host}"),
        _ => "Ask the operator of the host why".to_owned(),
    };
    Told::well(
        json!({ "ok": true, "vendor": vendor, "state": state, "host": host }),
        format!("{vendor}: {state}\n{next}"),
    )
}

/// Asks the person at the terminal.
fn asked(question: &str) -> anyhow::Result<String> {
    eprint!("{question}");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read what was typed")?;
    Ok(line.trim().to_owned())
}

impl Show {
    async fn run(&self) -> anyhow::Result<Told> {
        let session = self.common.host.member().await?;
        let vendor = session.vendor(self.common.vendor.as_deref())?;
        let answer = session.client.get(&format!("/v1/vendors/{vendor}")).await?;
        let mut json = answer.clone();
        json["ok"] = json!(true);
        Ok(Told::well(json, facts(&answer)))
    }
}

/// Members of an object, one a line.
fn facts(answer: &Value) -> String {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Object(parts) => parts.values().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    };
    let members = answer.as_object().into_iter().flatten();
    members
        .map(|(name, value)| format!("{:<20} {}", name.replace('_', " "), shown(value)))
        .collect::<Vec<_>>()
        .join("\n")
}

impl Members {
    fn common(&self) -> &Common {
        let (Self::List { common } | Self::Add { common, .. } | Self::Remove { common, .. }) = self;
        common
    }

    async fn run(&self) -> anyhow::Result<Told> {
        let common = self.common();
        let session = common.host.member().await?;
        let vendor = session.vendor(common.vendor.as_deref())?;
        let path = format!("/v1/vendors/{vendor}/members");
        match self {
            Self::List { .. } => {
                let answer = session.client.get(&path).await?;
                Ok(listed(&answer, &["id", "role", "email", "confirmed_at"]))
            }
            Self::Add { email, role, code, .. } => {
                let mut body = json!({ "email": email, "role": role });
                if let Some(code) = code {
                    body["code"] = json!(code);
                }
                let member = match session.client.send(Method::POST, &path, Some(&body)).await {
                    Err(error) if code.is_none() && is_code_missing(&error) => {
                        body["code"] = json!(mailed_code(&session.client, &vendor, common.json).await?);
                        session.client.send(Method::POST, &path, Some(&body)).await?
                    }
                    done => done?,
                };
                let host = &common.host.host;
                let text = format!(
                    "Invited {email} to {vendor} as {role}. A code was mailed there; it is confirmed with\n  \
                     iap vendor confirm {vendor} --email {email} --host {host} CODE"
                );
                Ok(Told::well(json!({ "ok": true, "member": member }), text))
            }
            Self::Remove { id, .. } => {
                session.client.send(Method::DELETE, &format!("{path}/{id}"), None).await?;
                Ok(Told::well(json!({ "ok": true, "id": id }), format!("Removed {id} from {vendor}")))
            }
        }
    }
}

/// Whether the host wants a code that it mails.
fn is_code_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| refused.detail.starts_with("\"code\":"))
}

/// Has a code mailed, and asks for it.
async fn mailed_code(client: &Client, vendor: &str, json: bool) -> anyhow::Result<String> {
    let sent = client.send(Method::POST, &format!("/v1/vendors/{vendor}/reauthenticate"), None).await?;
    let email = sent["email"].as_str().unwrap_or("you");
    if !json && std::io::stdin().is_terminal() {
        let code = asked(&format!("Type the code that was mailed to {email}: "))?;
        if !code.is_empty() {
            return Ok(code);
        }
    }
    bail!("a code was mailed to {email}; run this again with --code CODE")
}

impl Keys {
    fn common(&self) -> &Common {
        let (Self::List { common } | Self::Add { common, .. } | Self::Revoke { common, .. }) = self;
        common
    }

    async fn run(&self) -> anyhow::Result<Told> {
        let common = self.common();
        let session = common.host.member().await?;
        let vendor = session.vendor(common.vendor.as_deref())?;
        let path = format!("/v1/vendors/{vendor}/keys");
        match self {
            Self::List { .. } => {
                let answer = session.client.get(&path).await?;
                Ok(listed(&answer, &["public_key", "title", "created_at", "revoked_at"]))
            }
            Self::Add { public_key, title, .. } => {
                let public_key = match public_key {
                    Some(key) => key.clone(),
                    None => {
                        let (key, is_new) = Key::load(&Home::find()?)?;
                        if is_new {
                            progress("Made a key that signs your releases; it stays on this machine");
                        }
                        key.public()
                    }
                };
                let body = json!({ "public_key": public_key, "title": title });
                let key = session.client.send(Method::POST, &path, Some(&body)).await?;
                Ok(Told::well(json!({ "ok": true, "key": key }), format!("Registered {public_key} for {vendor}")))
            }
            Self::Revoke { public_key, .. } => {
                if public_key.is_empty() || !public_key.bytes().all(|b| b.is_ascii_hexdigit()) {
                    bail!("a key is written in hexadecimal, as `iap vendor keys list` shows it");
                }
                session.client.send(Method::DELETE, &format!("{path}/{public_key}"), None).await?;
                let text = format!("Revoked {public_key}: what it signs from here on is refused");
                Ok(Told::well(json!({ "ok": true, "public_key": public_key }), text))
            }
        }
    }
}

/// A list of the host's, some members of each, one a line.
fn listed(answer: &Value, members: &[&str]) -> Told {
    let line =
        |item: &Value| members.iter().map(|name| item[*name].as_str().unwrap_or("-")).collect::<Vec<_>>().join("  ");
    let lines: Vec<String> = answer["items"].as_array().into_iter().flatten().map(line).collect();
    let text = if lines.is_empty() { "None".to_owned() } else { lines.join("\n") };
    Told::well(json!({ "ok": true, "items": answer["items"] }), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_up_says_what_is_next() {
        let of =
            |state: &str| standing(&json!({ "vendor": "acme", "state": state }), "https://h", "ann@acme.example").text;
        assert!(of("unconfirmed").contains("iap vendor confirm acme --email ann@acme.example --host https://h CODE"));
        assert!(of("waiting").contains("operator"));
        assert!(of("approved").contains("iap login --host https://h"));
    }

    #[test]
    fn a_missing_code_is_told_from_a_wrong_one() {
        let missing = |detail: &str| {
            let (code, detail) = ("invalid".to_owned(), detail.to_owned());
            is_code_missing(&Refused { status: 422, code, detail, reasons: Vec::new() }.into())
        };
        assert!(missing("\"code\": inviting with the role \"owner\" takes a code"));
        assert!(!missing("\"email\": is no address") && !missing("the code is wrong, was used, or is too old"));
    }

    #[test]
    fn lists_are_one_a_line() {
        let told = listed(
            &json!({ "items": [{ "id": "1", "role": "owner", "email": "a@b" }] }),
            &["id", "role", "email", "confirmed_at"],
        );
        assert_eq!(told.text, "1  owner  a@b  -");
        assert_eq!(
            facts(&json!({ "state": "approved", "payout": { "currency": "EUR", "iban": "BE… 7034" } })),
            "payout               EUR BE… 7034\nstate                approved"
        );
    }
}
