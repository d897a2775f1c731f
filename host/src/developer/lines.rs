//! Where things stand in `plugin.toml`, for mistakes that are found after it was read.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// One step from a table to what is within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A member.
    Member(&'a str),
    /// The table of a list whose `name`, `item` or `path` is this.
    Called(&'a str),
}

/// The places of a manifest.
pub struct Places<'a> {
    text: &'a str,
    document: Option<Spanned<DeTable<'a>>>,
}

/// A line and a column, both from 1, columns in characters.
pub type Place = (usize, usize);

impl<'a> Places<'a> {
    /// Reads a manifest; where it is no TOML nothing has a place.
    pub fn of(text: &'a str) -> Self {
        Self { text, document: DeTable::parse(text).ok() }
    }

    /// Where the value at a path stands, or the last part of the path that is there.
    pub fn find(&self, path: &[Step<'_>]) -> Option<Place> {
        let mut table = self.document.as_ref()?.get_ref();
        let mut steps = path.iter().peekable();
        let mut found = None;
        while let Some(Step::Member(name)) = steps.next() {
            let Some(value) = table.get(*name) else { break };
            found = Some(value.span().start);
            match (value.get_ref(), steps.peek()) {
                (DeValue::Table(inner), _) => table = inner,
                (DeValue::Array(list), Some(Step::Called(called))) => {
                    steps.next();
                    let is_it = |value: &&Spanned<DeValue<'a>>| is_called(value.get_ref(), called);
                    let Some(element) = list.iter().find(is_it) else { break };
                    found = Some(element.span().start);
                    let DeValue::Table(inner) = element.get_ref() else { break };
                    table = inner;
                }
                _ => break,
            }
        }
        found.map(|offset| self.place(offset))
    }

    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

fn is_called(value: &DeValue<'_>, name: &str) -> bool {
    let DeValue::Table(table) = value else { return false };
    ["name", "item", "path"]
        .iter()
        .any(|key| matches!(table.get(*key).map(Spanned::get_ref), Some(DeValue::String(text)) if text == name))
}

#[cfg(test)]
mod tests {
    use super::{Step::*, *};

    const TEXT: &str = "# Größe\n[service]\nname = \"x\"\n\n[[operations]]\nname = \"a\"\n\n[[operations]]\nname = \"b\"\nmax_per_call = \"1\"\n[[operations.prices]]\nitem = \"part\"\ncredits = \"2\"\n\n[permissions]\nstore = \"1 MiB\"\njobs = true\n";

    #[test]
    fn members_and_elements_have_places() {
        let places = Places::of(TEXT);
        for (path, place) in [
            (&[Member("service"), Member("name")][..], (3, 8)),
            (&[Member("permissions"), Member("jobs")], (17, 8)),
            (&[Member("operations"), Called("b"), Member("max_per_call")], (10, 16)),
            (&[Member("operations"), Called("b"), Member("prices"), Called("part"), Member("credits")], (13, 11)),
        ] {
            assert_eq!(places.find(path), Some(place), "{path:?}");
        }
    }

    #[test]
    fn what_is_missing_is_where_it_should_be() {
        let places = Places::of(TEXT);
        assert_eq!(places.find(&[Member("permissions"), Member("blobs")]), Some((15, 1)));
        assert_eq!(places.find(&[Member("operations"), Called("a"), Member("input")]), Some((5, 1)));
        assert_eq!(places.find(&[Member("http")]), None);
        assert_eq!(Places::of("[").find(&[Member("service")]), None);
    }
}
