//! Form bodies, kept as the ordered pairs they are.

use url::form_urlencoded;

/// The fields of one form-encoded body, in the order sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Parses a body. Form encoding has no invalid input, so this cannot fail.
    pub(crate) fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The first value of `name`, unless it is missing or empty: both providers treat them alike.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// All pairs, in order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The pairs in a stable order: two forms that mean the same compare equal.
    pub(crate) fn sorted(mut self) -> Self {
        self.0.sort();
        self
    }

    /// The map behind `name[key]=value` pairs, in the order sent.
    pub(crate) fn map(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        let opening = format!("{name}[");
        self.pairs().filter_map(move |(key, value)| Some((key.strip_prefix(&opening)?.strip_suffix(']')?, value)))
    }
}
