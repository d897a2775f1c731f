//! One table of the manifest: takes its members by name and type, and reports those nobody took.

use std::collections::BTreeSet;

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{Source, suggest};

/// Characters of a table's name that every message about it repeats.
const LONGEST_LABEL: usize = 100;

/// A table being read. [`Table::finish`] must end the reading.
pub(super) struct Table<'a, 'i> {
    source: &'a Source<'i>,
    members: &'a DeTable<'i>,
    offset: usize,
    /// How messages name it: `[service]`, `[[operations]] "send"`; empty for the document.
    label: String,
    known: Vec<&'static str>,
}

/// A member's value, with its place.
pub(super) struct Value<'a, 'i, T> {
    pub(super) value: T,
    source: &'a Source<'i>,
    offset: usize,
    /// How messages name it: `[service]: "name"`.
    label: String,
}

impl<T> Value<'_, '_, T> {
    /// Reports what is wrong with the value.
    pub(super) fn error(&self, message: impl std::fmt::Display) {
        self.source.error_at(self.offset, format!("{}: {message}", self.label));
    }
}

impl Value<'_, '_, &str> {
    /// Reports what is wrong with the file that the value names.
    pub(super) fn error_in(&self, file: &str, line: u64, message: impl std::fmt::Display) {
        self.source.error_in(file, line, message.to_string());
    }

    /// Reads a text of some form; reports where it has not.
    pub(super) fn read<U>(&self, read: impl FnOnce(&str) -> Result<U, String>) -> Option<U> {
        read(self.value).map_err(|error| self.error(error)).ok()
    }
}

impl<'a, 'i> Table<'a, 'i> {
    /// The document itself.
    pub(super) fn root(source: &'a Source<'i>, document: &'a Spanned<DeTable<'i>>) -> Self {
        Self { source, members: document.get_ref(), offset: 0, label: String::new(), known: Vec::new() }
    }

    /// Adds the value of `name` to the label, so that messages say which of many tables is meant.
    pub(super) fn named_by(mut self, name: &'static str) -> Self {
        if let Some((_, DeValue::String(text))) = self.member(name) {
            let shown: String = text.chars().take(LONGEST_LABEL).collect();
            self.label = format!("{} {shown:?}", self.label);
        }
        self
    }

    /// The table as a whole, for mistakes found after its reading.
    pub(super) fn place(&self) -> Value<'a, 'i, ()> {
        Value { value: (), source: self.source, offset: self.offset, label: self.label.clone() }
    }

    /// Reports what is wrong with the table as a whole.
    pub(super) fn error(&self, message: impl std::fmt::Display) {
        self.source.error_at(self.offset, self.labelled(message));
    }

    fn labelled(&self, message: impl std::fmt::Display) -> String {
        if self.label.is_empty() { message.to_string() } else { format!("{}: {message}", self.label) }
    }

    fn member(&self, name: &str) -> Option<(usize, &'a DeValue<'i>)> {
        let value: &'a Spanned<DeValue<'i>> = self.members.get(name)?;
        Some((value.span().start, value.get_ref()))
    }

    fn take(&mut self, name: &'static str) -> Option<(usize, &'a DeValue<'i>)> {
        self.known.push(name);
        self.member(name)
    }

    fn value<T>(&self, name: &str, offset: usize, value: T) -> Value<'a, 'i, T> {
        Value { value, source: self.source, offset, label: self.labelled(format_args!("{name:?}")) }
    }

    fn wrong<T>(&self, name: &str, offset: usize, expected: &str) -> Option<T> {
        self.value(name, offset, ()).error(format_args!("must be {expected}"));
        None
    }

    /// Reports that a member is missing, unless it is there and was reported for another reason.
    fn require<T>(&self, name: &'static str, example: &str, found: Option<T>) -> Option<T> {
        if found.is_none() && self.member(name).is_none() {
            self.error(format_args!("{name:?} is missing; add {example}"));
        }
        found
    }

    /// A text that may be absent.
    pub(super) fn text(&mut self, name: &'static str) -> Option<Value<'a, 'i, &'a str>> {
        match self.take(name)? {
            (offset, DeValue::String(text)) => Some(self.value(name, offset, text.as_ref())),
            (offset, DeValue::Integer(_) | DeValue::Float(_)) => self.wrong(name, offset, "in quotes"),
            (offset, _) => self.wrong(name, offset, "a text in quotes"),
        }
    }

    /// A text that must be there; `example` is the value to show where it is not.
    pub(super) fn required_text(&mut self, name: &'static str, example: &str) -> Option<Value<'a, 'i, &'a str>> {
        let found = self.text(name);
        self.require(name, &format!("{name} = {example:?}"), found)
    }

    /// A text of some form that may be absent.
    pub(super) fn optional<U>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<U, String>,
    ) -> Option<U> {
        self.text(name)?.read(read)
    }

    /// A text of some form that must be there.
    pub(super) fn required<U>(
        &mut self,
        name: &'static str,
        example: &str,
        read: impl FnOnce(&str) -> Result<U, String>,
    ) -> Option<U> {
        self.required_text(name, example)?.read(read)
    }

    /// A text of some form that must be there and differ from those `seen` before.
    pub(super) fn unique(
        &mut self,
        name: &'static str,
        example: &str,
        read: impl FnOnce(&str) -> Result<String, String>,
        seen: &mut BTreeSet<String>,
    ) -> Option<String> {
        let value = self.required_text(name, example)?;
        let text = value.read(read)?;
        if !seen.insert(text.clone()) {
            value.error(format_args!("{text:?} is declared twice; rename or remove one"));
        }
        Some(text)
    }

    /// `true` or `false`; `false` where absent.
    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        match self.take(name) {
            None => false,
            Some((_, DeValue::Boolean(value))) => *value,
            Some((offset, _)) => self.wrong(name, offset, "true or false").unwrap_or_default(),
        }
    }

    /// A list of texts; empty where absent.
    pub(super) fn texts(&mut self, name: &'static str) -> Vec<Value<'a, 'i, &'a str>> {
        let Some((offset, value)) = self.take(name) else {
            return Vec::new();
        };
        let DeValue::Array(elements) = value else {
            return self.wrong(name, offset, "a list of texts in quotes, in [ ]").unwrap_or_default();
        };
        let text = |element: &'a Spanned<DeValue<'i>>| match element.get_ref() {
            DeValue::String(text) => Some(self.value(name, element.span().start, text.as_ref())),
            _ => self.wrong(name, element.span().start, "a list of texts in quotes, in [ ]"),
        };
        elements.iter().filter_map(text).collect()
    }

    /// Whether a member is written, of whatever type.
    pub(super) fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    /// Whether a member is written as a table.
    pub(super) fn has_table(&self, name: &str) -> bool {
        matches!(self.member(name), Some((_, DeValue::Table(_))))
    }

    /// A table that may be absent.
    pub(super) fn table(&mut self, name: &'static str) -> Option<Table<'a, 'i>> {
        match self.take(name)? {
            (offset, DeValue::Table(members)) => Some(self.inner(offset, members, self.inner_label(name))),
            (offset, _) if self.label.is_empty() => self.wrong(name, offset, &format!("one table, headed [{name}]")),
            (offset, _) => self.wrong(name, offset, "a table in { }"),
        }
    }

    /// A table that must be there.
    pub(super) fn required_table(&mut self, name: &'static str) -> Option<Table<'a, 'i>> {
        let found = self.table(name);
        self.require(name, &format!("a table headed [{name}]"), found)
    }

    /// Any number of tables, headed `[[name]]` or `[[path.name]]`.
    pub(super) fn tables(&mut self, name: &'static str) -> Vec<Table<'a, 'i>> {
        let heading = match self.label.strip_prefix("[[").and_then(|label| label.split_once("]]")) {
            Some((outer, _)) => format!("[[{outer}.{name}]]"),
            None => format!("[[{name}]]"),
        };
        let Some((offset, value)) = self.take(name) else {
            return Vec::new();
        };
        let DeValue::Array(elements) = value else {
            return self
                .wrong(name, offset, &format!("any number of tables, each headed {heading}"))
                .unwrap_or_default();
        };
        let table = |element: &'a Spanned<DeValue<'i>>| match element.get_ref() {
            DeValue::Table(members) => Some(self.inner(element.span().start, members, heading.clone())),
            _ => self.wrong(name, element.span().start, &format!("any number of tables, each headed {heading}")),
        };
        elements.iter().filter_map(table).collect()
    }

    /// All members with their names, for tables whose names are free.
    pub(super) fn entries(self) -> Vec<(Value<'a, 'i, &'a str>, Option<&'a str>)> {
        let entry = |(name, value): (&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>)| {
            let text = match value.get_ref() {
                DeValue::String(text) => Some(text.as_ref()),
                _ => self.wrong(name.get_ref(), value.span().start, "a text in quotes"),
            };
            (self.value(name.get_ref(), value.span().start, name.get_ref().as_ref()), text)
        };
        self.members.iter().map(entry).collect()
    }

    fn inner(&self, offset: usize, members: &'a DeTable<'i>, label: String) -> Table<'a, 'i> {
        Table { source: self.source, members, offset, label, known: Vec::new() }
    }

    fn inner_label(&self, name: &str) -> String {
        if self.label.is_empty() { format!("[{name}]") } else { format!("{}: {name:?}", self.label) }
    }

    /// Reports members that nobody asked for.
    pub(super) fn finish(self) {
        for (name, _) in self.members.iter() {
            let text = name.get_ref().as_ref();
            if !self.known.contains(&text) {
                let remedy = suggest::remedy(text, self.known.iter().copied());
                self.source
                    .error_at(name.span().start, self.labelled(format_args!("unknown member {text:?}; {remedy}")));
            }
        }
    }
}
