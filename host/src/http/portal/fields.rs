//! Fields of a query or form. Lenient: links come from many versions of Odoo, and a page that explains
//! helps more than a refusal to read.

use url::form_urlencoded;

/// The fields, in the order sent.
#[derive(Clone, Debug)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Of a query string, as `RawQuery` gives it.
    pub(super) fn of_query(query: Option<&str>) -> Self {
        Self::of_body(query.unwrap_or_default().as_bytes())
    }

    /// Of a form. Form encoding has no invalid input.
    pub(super) fn of_body(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The first value of a field that is not blank, trimmed.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.trim()).find(|value| !value.is_empty())
    }

    /// Whether a field is set, as `1`, `True` (Python's spelling) or `on` (a browser's).
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| ["1", "true", "on"].contains(&value.to_ascii_lowercase().as_str()))
    }
}

/// A path with a query, values encoded.
pub(super) fn link(path: &str, fields: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    format!("{path}?{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_odoo_and_browsers_write_them() {
        let fields = Fields::of_query(Some(
            "credit=12.0&trial=True&hashed=1&empty=&empty=x&account_token=abc%2Bdef&warn_me=on&no=0",
        ));
        assert_eq!(fields.get("credit"), Some("12.0"));
        assert_eq!(fields.get("account_token"), Some("abc+def"));
        assert_eq!(fields.get("empty"), Some("x"));
        assert_eq!(fields.get("missing"), None);
        assert_eq!(
            ["trial", "hashed", "warn_me", "no", "missing"].map(|name| fields.is_set(name)),
            [true, true, true, false, false]
        );
    }

    #[test]
    fn links_encode_what_they_carry() {
        assert_eq!(link("/iap/1/credit", &[("a", "x&y=z"), ("b", "1 2")]), "/iap/1/credit?a=x%26y%3Dz&b=1+2");
    }
}
