//! Browsers that are signed in.

use iap_store::{
    Statement, StoreError,
    repositories::{MemberRow, Sessions},
};
use subtle::ConstantTimeEq;

use super::{
    VendorError,
    codes::{self, Purpose},
};
use crate::{
    app::App,
    mail::texts,
    secrets::{bearer_hash, random_hex},
};

/// Seconds that a browser stays signed in.
pub const LIFETIME: i64 = 12 * 3600;

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Address in lower case.
    pub email: String,
    /// What the browser's forms carry, so that no other site can send one.
    pub form_token: String,
    hash: String,
}

/// Mails a code to sign in with. Whether there is such a member is not told: to others nothing is mailed.
pub async fn ask(app: &App, email: &str, origin: &str) -> Result<(), VendorError> {
    let members = app.store.members().by_email(email).await?;
    if !members.iter().any(|member| member.confirmed_at.is_some()) {
        return Ok(());
    }
    let new = match codes::make(app, Purpose::SignIn, email, origin, codes::LIFETIME).await {
        // To say so would tell that there is such a member.
        Err(VendorError::TooManyCodes) => {
            tracing::warn!(email, "Too many codes were asked for; no more is mailed for a while");
            return Ok(());
        }
        made => made?,
    };
    let minutes = codes::minutes(codes::LIFETIME);
    let mail = app.outbox().put(email, &texts::SignIn { code: &new.code, minutes: &minutes });
    app.store.write(vec![new.record, mail]).await?;
    app.ring_for_mail();
    Ok(())
}

/// Signs in with a mailed code; the secret for the browser's cookie.
pub async fn sign_in(app: &App, email: &str, code: &str) -> Result<String, VendorError> {
    let used = codes::check(app, Purpose::SignIn, email, code).await?;
    let (secret, open) = open(app, email);
    super::commit(app, vec![used, open], || VendorError::WrongCode).await?;
    Ok(secret)
}

/// A new session of somebody whose address was just proven: its secret, and what stores it.
pub fn open(app: &App, email: &str) -> (String, Statement) {
    let (secret, now) = (random_hex::<32>(), app.store.clock().now());
    let open = Sessions::open(&bearer_hash(&secret), email, now.plus_seconds(LIFETIME), now);
    (secret, open)
}

/// The session that a cookie's secret opens.
pub async fn of_secret(app: &App, secret: &str) -> Result<Option<Session>, StoreError> {
    let hash = bearer_hash(secret);
    let email = app.store.sessions().email(&hash, app.store.clock().now()).await?;
    Ok(email.map(|email| Session { email, form_token: app.keys.sign_in("form", &hash), hash }))
}

impl Session {
    /// Whether a form is of this browser.
    pub fn sent(&self, form_token: &str) -> bool {
        self.form_token.as_bytes().ct_eq(form_token.as_bytes()).into()
    }

    /// Signs out.
    pub fn close(&self) -> Statement {
        Sessions::close(&self.hash)
    }

    /// For whom they act: memberships that they have confirmed.
    pub async fn members(&self, app: &App) -> Result<Vec<MemberRow>, StoreError> {
        let mut members = app.store.members().by_email(&self.email).await?;
        members.retain(|member| member.confirmed_at.is_some());
        Ok(members)
    }
}
