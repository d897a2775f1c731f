//! Price tables: CSV files of `key,credits`.

use std::{collections::BTreeMap, sync::Arc};

use csv::{ReaderBuilder, StringRecord, Trim};

use super::{Value, suggest, values::positive_credits};
use crate::{Credits, release::ReleaseFiles};

/// Longest key, in characters.
const MAX_KEY: usize = 100;

/// Credits of one unit, by key.
type Rows = Arc<BTreeMap<String, Credits>>;

/// The price tables of a release, each read once however many prices name it.
pub(super) struct PriceTables<'a> {
    files: &'a ReleaseFiles,
    read: BTreeMap<String, Option<Rows>>,
}

impl<'a> PriceTables<'a> {
    pub(super) fn new(files: &'a ReleaseFiles) -> Self {
        Self { files, read: BTreeMap::new() }
    }

    /// The table that a price names; every wrong line of it is reported.
    pub(super) fn rows(&mut self, file: &Value<'_, '_, &str>) -> Option<Rows> {
        let path = file.value;
        let Some(text) = self.files.get(path) else {
            let remedy =
                suggest::remedy(path, self.files.iter().map(|(path, _)| path).filter(|path| path.ends_with(".csv")));
            file.error(format_args!("{path:?} is no file of the release; {remedy}"));
            return None;
        };
        let read = || match rows(text) {
            Ok(rows) => Some(Arc::new(rows)),
            Err(mistakes) => {
                mistakes.into_iter().for_each(|(line, message)| file.error_in(path, line, message));
                None
            }
        };
        self.read.entry(path.to_owned()).or_insert_with(read).clone()
    }
}

/// Rows of a table, or every mistake with its line.
fn rows(text: &str) -> Result<BTreeMap<String, Credits>, Vec<(u64, String)>> {
    let mut records = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes())
        .into_records();
    match records.next() {
        Some(Ok(header)) if header.iter().eq(["key", "credits"]) => {}
        _ => return Err(vec![(1, "the first line must be the header \"key,credits\"".to_owned())]),
    }
    let mut rows: BTreeMap<String, (Credits, u64)> = BTreeMap::new();
    let mut mistakes = Vec::new();
    let mut lines = Lines::new(text);
    for record in records {
        let (position, read) = match &record {
            Ok(record) => (record.position(), row(record)),
            Err(error) => (error.position(), Err(format!("is not CSV: {error}"))),
        };
        let line = lines.at(position.map_or(0, |position| position.byte()));
        match read {
            Err(message) => mistakes.push((line, message)),
            Ok((key, credits)) => match rows.get(&key) {
                Some((_, first)) => {
                    mistakes.push((line, format!("the key {key:?} stands on line {first} already; remove one")))
                }
                None => drop(rows.insert(key, (credits, line))),
            },
        }
    }
    if rows.is_empty() && mistakes.is_empty() {
        mistakes.push((1, "the table has no rows; add one, as \"BE,0.7\"".to_owned()));
    }
    if mistakes.is_empty() {
        Ok(rows.into_iter().map(|(key, (credits, _))| (key, credits)).collect())
    } else {
        Err(mistakes)
    }
}

/// Counts lines up to the record at a byte offset, which never falls. The reader's own count stops
/// before blank lines.
struct Lines<'a> {
    rest: &'a [u8],
    passed: u64,
    line: u64,
}

impl<'a> Lines<'a> {
    const fn new(text: &'a str) -> Self {
        Self { rest: text.as_bytes(), passed: 0, line: 1 }
    }

    fn at(&mut self, byte: u64) -> u64 {
        while let [first, rest @ ..] = self.rest
            && (self.passed < byte || matches!(first, b'\n' | b'\r'))
        {
            self.line += u64::from(*first == b'\n');
            self.passed += 1;
            self.rest = rest;
        }
        self.line
    }
}

fn row(record: &StringRecord) -> Result<(String, Credits), String> {
    let mut cells = record.iter();
    let (Some(key), Some(credits), None) = (cells.next(), cells.next(), cells.next()) else {
        return Err(format!("has {} columns; write two, key and credits", record.len()));
    };
    if key.is_empty() || key.chars().count() > MAX_KEY || key.chars().any(char::is_control) {
        return Err(format!("the key must be 1 to {MAX_KEY} visible characters; write one, as a country code"));
    }
    if credits.is_empty() {
        return Err(format!("the key {key:?} has no credits; write its price, or remove the line"));
    }
    let credits = positive_credits(credits).map_err(|error| format!("credits of {key:?}: {error}"))?;
    Ok((key.to_owned(), credits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown: Vec<String> = match rows(text) {
            Ok(rows) => rows.iter().map(|(key, credits)| format!("{key} {credits}")).collect(),
            Err(mistakes) => mistakes.iter().map(|(line, message)| format!("{line}: {message}")).collect(),
        };
        assert_eq!(shown.join("\n"), expected, "{text}");
    }

    #[test]
    fn a_table_is_keys_and_credits() {
        check("key,credits\nBE,0.7\nFR,0.65\n", "BE 0.7\nFR 0.65");
        check("\u{feff}key,credits\r\n\"BE\", 0.700000\r\n\r\nFR , 1", "BE 0.7\nFR 1");
    }

    #[test]
    fn every_wrong_line_is_named() {
        check(
            "key,credits\nBE,0.7\n\nBE,0.8\nFR,-1\nDE,0.0000001\nIT,\n,1\nES,1,2\nLU\nNL,0\nUS,1e3\n",
            "4: the key \"BE\" stands on line 2 already; remove one\n\
             5: credits of \"FR\": \"-1\" must be above zero\n\
             6: credits of \"DE\": \"0.0000001\" has more than 6 decimals\n\
             7: the key \"IT\" has no credits; write its price, or remove the line\n\
             8: the key must be 1 to 100 visible characters; write one, as a country code\n\
             9: has 3 columns; write two, key and credits\n\
             10: has 1 columns; write two, key and credits\n\
             11: credits of \"NL\": \"0\" must be above zero\n\
             12: credits of \"US\": \"1e3\" is not a decimal number such as \"12.5\"",
        );
    }

    #[test]
    fn a_header_and_a_row_are_required() {
        for text in ["", "BE,0.7\n", "credits,key\n", "key,credits,note\nBE,1,x\n", "Key,Credits\nBE,1\n"] {
            check(text, "1: the first line must be the header \"key,credits\"");
        }
        check("key,credits\n", "1: the table has no rows; add one, as \"BE,0.7\"");
    }
}
