//! Who looks at a page, and forms that come from it.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use iap_store::repositories::{MemberRow, VendorRow};
use maud::{Markup, html};

use super::super::{
    fields::{Fields, link},
    problem::Problem,
};
use crate::{
    app::App,
    vendors::{
        self, Scope,
        sessions::{self, LIFETIME, Session},
    },
};

const COOKIE: &str = "iap_session";

/// Somebody who is signed in.
pub(super) struct SignedIn(pub(super) Session);

/// A page instead of the one that was asked for: the sign-in, or a problem.
pub(super) enum Instead {
    SignIn(String),
    Problem(Problem),
}

impl IntoResponse for Instead {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn(next) => Redirect::to(&link("/vendors/sign-in", &[("next", &next)])).into_response(),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

impl<E: Into<Problem>> From<E> for Instead {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

async fn session(parts: &Parts, app: &App) -> Result<Option<Session>, Instead> {
    match secret(&parts.headers) {
        Some(secret) => Ok(sessions::of_secret(app, secret).await?),
        None => Ok(None),
    }
}

fn secret(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = Instead;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Instead> {
        let next = || Instead::SignIn(parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default());
        session(parts, app).await?.map(Self).ok_or_else(next)
    }
}

/// A form of somebody who need not be signed in.
pub(super) struct Form(pub(super) Fields);

impl FromRequest<Arc<App>> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let site = request.headers().get("sec-fetch-site").and_then(|site| site.to_str().ok());
        if site.is_some_and(|site| !["same-origin", "none"].contains(&site)) {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "This form is of another site",
                "Another site sent it, so nothing was done.",
                "Open the page on this host and send its form.",
            ));
        }
        let body = Bytes::from_request(request, app).await.map_err(|_| {
            Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The form is too large",
                "It was not read.",
                "Go back and write less.",
            )
        })?;
        Ok(Self(Fields::of_body(&body)))
    }
}

/// A form of somebody who is signed in.
pub(super) struct SignedForm {
    pub(super) session: Session,
    pub(super) fields: Fields,
}

impl FromRequest<Arc<App>> for SignedForm {
    type Rejection = Instead;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Instead> {
        let (parts, body) = request.into_parts();
        let found = session(&parts, app).await?;
        let Form(fields) = Form::from_request(Request::from_parts(parts, body), app).await?;
        let session = found.ok_or_else(|| Instead::SignIn("/vendors".to_owned()))?;
        if !session.sent(fields.get("form_token").unwrap_or_default()) {
            return Err(Instead::Problem(Problem::new(
                StatusCode::FORBIDDEN,
                "This form is too old",
                "You have signed in anew since it was shown, so nothing was done.",
                "Go back, reload the page and send it again.",
            )));
        }
        Ok(Self { session, fields })
    }
}

/// What forms of somebody who is signed in carry along.
pub(super) fn hidden(session: &Session, vendor: &str) -> Markup {
    html! {
        input type="hidden" name="form_token" value=(session.form_token);
        input type="hidden" name="vendor" value=(vendor);
    }
}

/// Somebody who acts for a vendor.
pub(super) struct Acting {
    pub(super) session: Session,
    pub(super) member: MemberRow,
    pub(super) vendor: VendorRow,
}

impl Acting {
    /// For the vendor that the fields name; for the first of theirs if they name none. None if there is no such.
    pub(super) async fn find(app: &App, session: Session, fields: &Fields) -> Result<Option<Self>, Problem> {
        let members = session.members(app).await?;
        let named = fields.get("vendor");
        let member = members.into_iter().find(|member| named.is_none_or(|named| member.vendor == named));
        let Some(member) = member else { return Ok(None) };
        let vendor = vendors::find(app, &member.vendor).await?;
        Ok(Some(Self { session, member, vendor }))
    }

    /// The same; refuses whose role has not the scope.
    pub(super) async fn with(app: &App, form: SignedForm, scope: Scope) -> Result<(Self, Fields), Problem> {
        let SignedForm { session, fields } = form;
        let acting = Self::find(app, session, &fields).await?;
        let acting = acting.filter(|acting| scope.fits(&acting.member.role)).ok_or_else(not_yours)?;
        Ok((acting, fields))
    }

    pub(super) fn may(&self, scope: Scope) -> bool {
        scope.fits(&self.member.role)
    }

    /// The vendor's page, with what was just done.
    pub(super) fn back(&self, done: &str) -> Redirect {
        Redirect::to(&link("/vendors", &[("vendor", self.vendor.name.as_str()), ("done", done)]))
    }
}

pub(super) fn not_yours() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "This is not for your role",
        "You do not act for this vendor, or your role does not include this. Nothing was done.",
        "Ask an owner of the vendor.",
    )
}

/// Signs a browser in, and leads on.
pub(super) fn signed_in(app: &App, secret: &str, to: &str) -> Response {
    with_cookie(app, &format!("{secret}; Max-Age={LIFETIME}"), to)
}

/// Signs a browser out.
pub(super) fn signed_out(app: &App) -> Response {
    with_cookie(app, "; Max-Age=0", "/vendors/sign-in")
}

fn with_cookie(app: &App, value: &str, to: &str) -> Response {
    let secure = if app.public_url.starts_with("https:") { "; Secure" } else { "" };
    let mut response = Redirect::to(to).into_response();
    // What it is made of is hexadecimal.
    if let Ok(cookie) = HeaderValue::from_str(&format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax{secure}")) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Where a form leads: a page of this host for vendors, whatever it was told.
pub(super) fn next(fields: &Fields) -> &str {
    let own = |next: &&str| {
        let path = next.split('?').next().unwrap_or_default();
        (path == "/login/device" || path == "/vendors" || path.starts_with("/vendors/"))
            && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
    };
    fields.get("next").filter(own).unwrap_or("/vendors")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; iap_session=secret; c=d"));
        assert_eq!(secret(&headers), Some("secret"));
        headers.insert(header::COOKIE, HeaderValue::from_static("x_iap_session=secret"));
        assert_eq!(secret(&headers), None);
    }

    #[test]
    fn a_form_leads_nowhere_else() {
        let next = |to: &str| {
            let query = link("", &[("next", to)]);
            next(&Fields::of_query(query.strip_prefix('?'))).to_owned()
        };
        assert_eq!(next("/login/device?user_code=BCDF-GHJK"), "/login/device?user_code=BCDF-GHJK");
        assert_eq!(next("/vendors/payout?vendor=acme"), "/vendors/payout?vendor=acme");
        for other in
            ["https://evil.example", "//evil.example", "/\\evil.example", "/vendors\\..", "/iap", "/vendorsx", ""]
        {
            assert_eq!(next(other), "/vendors", "{other}");
        }
    }
}
