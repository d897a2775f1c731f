//! The frame of every page: one style, no script.

use axum::{
    http::{HeaderName, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Styles come inline and nothing else loads. `form-action` stays open because the payment form
/// redirects to whatever shop sent the customer, and browsers check redirects against it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' http: https:; \
                      base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = "\
:root{color-scheme:light dark;--bg:#f6f5f9;--card:#fff;--ink:#201c2b;--soft:#6b6578;--line:#e4e1ec;--brand:#714b67;\
--good:#1c7c54;--bad:#b3261e;--warn:#8a5a00;--code:#f1eef6}\
@media(prefers-color-scheme:dark){:root{--bg:#17141d;--card:#211d29;--ink:#ece8f4;--soft:#a49db3;--line:#37313f;\
--brand:#c79fbd;--good:#6fd1a4;--bad:#ff9389;--warn:#e9b95c;--code:#2b2633}}\
*{box-sizing:border-box}\
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,sans-serif}\
main{max-width:62rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}\
main.narrow{max-width:27rem}\
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .25rem}h2{font-size:1.05rem;margin:0 0 .75rem}\
p{margin:.25rem 0}.soft{color:var(--soft)}.small{font-size:.875rem}\
section{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1.25rem;margin-top:1.25rem;overflow-x:auto}\
table{border-collapse:collapse;width:100%;font-size:.9rem}\
th{text-align:left;color:var(--soft);font-weight:600}\
th,td{padding:.45rem .75rem .45rem 0;border-bottom:1px solid var(--line);vertical-align:top}\
tr:last-child td{border-bottom:0}\
code{font:.86em ui-monospace,monospace;background:var(--code);border-radius:.3rem;padding:.1em .35em;overflow-wrap:anywhere}\
.stats{display:flex;flex-wrap:wrap;gap:2rem}.stats b{display:block;font-size:1.5rem;line-height:1.2}\
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}\
.note{border-left:.25rem solid var(--bad);padding:.5rem .75rem;background:var(--code);border-radius:.3rem;margin:0 0 1rem}\
.amount{font-size:2.25rem;font-weight:650;line-height:1.1;margin:.5rem 0}\
label{display:block;font-size:.875rem;color:var(--soft);margin:.9rem 0 .25rem}\
input{width:100%;font:inherit;padding:.6rem .75rem;border:1px solid var(--line);border-radius:.5rem;background:var(--bg);color:var(--ink)}\
.pair{display:grid;grid-template-columns:1fr 1fr;gap:.75rem}\
button,.button{display:block;width:100%;text-align:center;text-decoration:none;font:inherit;font-weight:600;padding:.7rem;border-radius:.5rem;\
border:1px solid var(--brand);background:var(--brand);color:var(--card);cursor:pointer;margin-top:1rem}\
button.quiet{background:none;color:var(--soft);border-color:var(--line);margin-top:.6rem}\
:focus-visible{outline:3px solid var(--brand);outline-offset:2px}";

/// A whole page. `narrow` is for the one column of a payment form.
pub(crate) fn document(status: StatusCode, title: &str, narrow: bool, content: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main class=[narrow.then_some("narrow")] { (content) } }
        }
    };
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (status, headers, Html(page.into_string())).into_response()
}
