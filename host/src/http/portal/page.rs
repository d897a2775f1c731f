//! The frame of every page: one stylesheet, no script, strict headers.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};

const STYLE: &str = include_str!("iap.css");

/// Where the stylesheet is. The version changes with its content, so that it may be cached for a year.
fn style_address() -> String {
    format!("/static/iap.css?v={:x}", fnv1a(STYLE.as_bytes()))
}

const fn fnv1a(bytes: &[u8]) -> u32 {
    let (mut hash, mut index) = (0x811c_9dc5_u32, 0);
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u32).wrapping_mul(0x0100_0193);
        index += 1;
    }
    hash
}

/// `GET /static/iap.css`
pub(super) async fn stylesheet() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, STYLE).into_response()
}

/// A page to answer with.
pub(crate) struct Page<'a> {
    title: &'a str,
    content: Markup,
    status: StatusCode,
    checkout: Option<String>,
    services: Option<String>,
    refresh: Option<String>,
    of_vendors: bool,
}

impl<'a> Page<'a> {
    pub(crate) fn new(title: &'a str, content: Markup) -> Self {
        Self {
            title,
            content,
            status: StatusCode::OK,
            checkout: None,
            services: None,
            refresh: None,
            of_vendors: false,
        }
    }

    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Its form leads to this origin: browsers check redirects of forms too.
    pub(super) fn leads_to(mut self, origin: Option<String>) -> Self {
        self.checkout = origin;
        self
    }

    /// Where "My Services" leads for who holds a token; to the catalog without.
    pub(super) fn my_services(mut self, link: String) -> Self {
        self.services = Some(link);
        self
    }

    /// One for vendors: they are led to their own page.
    pub(super) fn of_vendors(self) -> Self {
        Self { of_vendors: true, ..self }
    }

    /// The value of `<meta http-equiv="refresh">`: `5` or `0; url=…`.
    pub(super) fn refresh(mut self, refresh: String) -> Self {
        self.refresh = Some(refresh);
        self
    }
}

impl IntoResponse for Page<'_> {
    fn into_response(self) -> Response {
        let markup = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex";
                    @if let Some(refresh) = &self.refresh { meta http-equiv="refresh" content=(refresh); }
                    title { (self.title) " · In-App Purchases" }
                    link rel="stylesheet" href=(style_address());
                }
                body {
                    header.top {
                        a.brand href="/" { span.mark aria-hidden="true" {} "In-App Purchases" }
                        nav {
                            @if self.of_vendors { a href="/vendors" { "Vendors" } }
                            @else { a href=(self.services.as_deref().unwrap_or("/iap/services")) { "My Services" } }
                        }
                    }
                    main { (self.content) }
                }
            }
        };
        let mut headers = HeaderMap::new();
        let mut set = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
        set(header::CACHE_CONTROL, "no-store");
        set(header::REFERRER_POLICY, "no-referrer");
        set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        if let Ok(policy) = HeaderValue::from_str(&policy(self.checkout.as_deref())) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        (self.status, headers, Html(markup.into_string())).into_response()
    }
}

fn policy(checkout: Option<&str>) -> String {
    let checkout = checkout.map(|origin| format!(" {origin}")).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'{checkout}; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// A friendly error page: what happened, and what to do about it.
pub fn error_page(status: StatusCode, title: &str, text: &str, remedy: &str) -> Response {
    let content = html! {
        div.narrow {
            p.code { (status.as_u16()) }
            h1 { (title) }
            p.lead { (text) }
            p { (remedy) }
            p { a href="/" { "To the front page" } }
        }
    };
    Page::new(title, content).status(status).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_lead_to_this_host_and_the_payment_page_only() {
        assert_eq!(
            policy(Some("https://checkout.stripe.com")),
            "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self' https://checkout.stripe.com; \
             base-uri 'none'; frame-ancestors 'none'"
        );
        assert!(policy(None).contains("form-action 'self'; "));
    }

    #[tokio::test]
    async fn an_error_page_escapes_what_it_was_told() {
        let response = error_page(
            StatusCode::NOT_FOUND,
            "Page not found",
            "Nothing at /<script>alert(1)</script>.",
            "Check the address.",
        );
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()[header::REFERRER_POLICY], "no-referrer");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("Nothing at /&lt;script&gt;alert(1)&lt;/script&gt;."), "{body}");
        assert!(body.contains("Check the address."), "{body}");
    }
}
