//! Pages by cursor, as JSON or CSV.

use std::str::FromStr;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    body::{Json, Query, given},
    problem::{BAD_REQUEST, Problem},
};

/// Items of a page where nobody says.
const USUAL: i64 = 50;
/// Most items of a page.
const MOST: i64 = 500;

/// Which page.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    pub cursor: Option<String>,
    /// Most items (of postings: entries) in the page: 1 to 500, 50 by default.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500)]
    pub limit: Option<String>,
}

impl PageQuery {
    /// Where the page begins, if not at the beginning.
    pub fn cursor<Id: FromStr>(&self) -> Result<Option<Id>, Problem> {
        let wrong = |text: &String| {
            let detail = format!(
                "\"cursor\": {text:?} is no cursor of this list; send the next_cursor of the page before, unchanged"
            );
            Problem::new(BAD_REQUEST, detail).at("cursor")
        };
        self.cursor.as_ref().map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }

    /// Most items.
    pub fn limit(&self) -> Result<i64, Problem> {
        let Some(text) = &self.limit else { return Ok(USUAL) };
        let wrong = || {
            Problem::new(BAD_REQUEST, format!("\"limit\": {text:?} must be a whole number from 1 to {MOST}"))
                .at("limit")
        };
        text.parse().ok().filter(|limit| (1..=MOST).contains(limit)).ok_or_else(wrong)
    }
}

/// The state that a list is asked for, if any: one of those that there are.
pub fn state<'q>(asked: Option<&'q String>, known: &[&str]) -> Result<Option<&'q str>, Problem> {
    match asked.map(String::as_str) {
        Some(state) if !known.contains(&state) => {
            Err(Problem::invalid("state", format!("must be one of {}", known.join(", "))))
        }
        asked => Ok(asked),
    }
}

/// A page of a list.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// Its items.
    pub items: Vec<T>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// From up to `limit` + 1 items: the one too many tells that there is a next page.
    pub fn of(mut items: Vec<T>, limit: i64, id: impl FnOnce(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = limit < items.len();
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(id);
        Self { items, next_cursor }
    }
}

/// An item that has a form as a row of CSV.
pub trait Listed {
    /// Names of the columns.
    const COLUMNS: &'static [&'static str];
    /// Their values.
    fn row(&self) -> Vec<String>;
}

/// How a list is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    csv: bool,
    uri: Uri,
}

impl<S: Send + Sync> FromRequestParts<S> for Wanted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self { csv: wants_csv(&parts.headers), uri: parts.uri.clone() })
    }
}

/// CSV only where it is named: `*/*` is JSON.
fn wants_csv(headers: &HeaderMap) -> bool {
    let types = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let mut named = types.map(|kind| kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase());
    named.find(|kind| kind == "text/csv" || kind == "application/json").is_some_and(|kind| kind == "text/csv")
}

impl Wanted {
    /// A page in the form that is wanted. CSV has its next page in the header `Link`.
    pub fn answer<T: Listed + Serialize>(&self, page: Page<T>) -> Result<Response, Problem> {
        if !self.csv {
            return Ok(Json(page).into_response());
        }
        let body = csv(&page.items).map_err(Problem::host)?;
        let mut response = ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], body).into_response();
        if let Some(link) = page.next_cursor.and_then(|cursor| self.next(&cursor)) {
            response.headers_mut().insert(header::LINK, link);
        }
        Ok(response)
    }

    fn next(&self, cursor: &str) -> Option<HeaderValue> {
        let kept =
            url::form_urlencoded::parse(self.uri.query().unwrap_or("").as_bytes()).filter(|(name, _)| name != "cursor");
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .append_pair("cursor", cursor)
            .finish();
        HeaderValue::from_str(&format!("<{}?{query}>; rel=\"next\"", self.uri.path())).ok()
    }
}

fn csv<T: Listed>(items: &[T]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(T::COLUMNS)?;
    for item in items {
        writer.write_record(item.row().into_iter().map(harmless))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// A spreadsheet takes a cell that begins like this for a formula; a caller may have written it.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

/// The query of a list, read before anything is looked up.
pub type InQuery = Query<PageQuery>;

#[cfg(test)]
mod tests {
    use iap_core::ids::CallId;

    use super::*;

    fn query(cursor: Option<&str>, limit: Option<&str>) -> PageQuery {
        PageQuery { cursor: cursor.map(str::to_owned), limit: limit.map(str::to_owned) }
    }

    #[test]
    fn a_cursor_is_an_id_of_the_list() {
        assert_eq!(query(Some("call_1x8"), None).cursor::<CallId>().unwrap(), Some("call_1x8".parse().unwrap()));
        assert_eq!(query(None, None).cursor::<CallId>().unwrap(), None);
        let problem = query(Some("grant_1"), None).cursor::<CallId>().unwrap_err();
        assert_eq!((problem.status, problem.field.as_deref()), (400, Some("cursor")));
    }

    #[test]
    fn a_limit_is_bounded() {
        assert_eq!(query(None, None).limit().unwrap(), 50);
        assert_eq!(query(None, Some("500")).limit().unwrap(), 500);
        for wrong in ["0", "501", "-1", "ten", ""] {
            let problem = query(None, Some(wrong)).limit().unwrap_err();
            assert_eq!(problem.detail, format!("\"limit\": {wrong:?} must be a whole number from 1 to 500"));
        }
    }

    #[test]
    fn the_item_too_many_tells_of_a_next_page() {
        let page = Page::of(vec![9, 8, 7], 2, ToString::to_string);
        assert_eq!((page.items, page.next_cursor.as_deref()), (vec![9, 8], Some("8")));
        let page = Page::of(vec![9, 8], 2, ToString::to_string);
        assert_eq!((page.items, page.next_cursor), (vec![9, 8], None));
    }

    #[test]
    fn csv_is_given_to_who_names_it_first() {
        for (accept, csv) in [
            ("text/csv", true),
            ("TEXT/CSV; header=present", true),
            ("text/csv, application/json", true),
            ("application/json, text/csv", false),
            ("*/*", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(wants_csv(&headers), csv, "{accept}");
        }
    }

    #[test]
    fn cells_are_no_formulas() {
        for (cell, written) in [("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("1.5", "1.5"), ("a=b", "a=b"), ("", "")]
        {
            assert_eq!(harmless(cell.to_owned()), written);
        }
    }

    #[test]
    fn csv_quotes_what_needs_it_and_links_the_next_page() {
        struct Item(&'static str);
        impl Listed for Item {
            const COLUMNS: &'static [&'static str] = &["id", "text"];
            fn row(&self) -> Vec<String> {
                vec!["1".to_owned(), self.0.to_owned()]
            }
        }
        assert_eq!(csv(&[Item("a,\"b\"")]).unwrap(), b"id,text\n1,\"a,\"\"b\"\"\"\n");
        let wanted = Wanted { csv: true, uri: "/v1/accounts/acc_1/calls?cursor=call_9&limit=2".parse().unwrap() };
        assert_eq!(wanted.next("call_7").unwrap(), "</v1/accounts/acc_1/calls?limit=2&cursor=call_7>; rel=\"next\"");
    }
}
