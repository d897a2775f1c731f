//! Reads objects out of bytes, within bounds: however a file is made, reading it ends soon.

use std::cell::Cell;

use super::{
    Problem,
    object::{Dict, Object},
};

/// Deepest nesting of arrays and dictionaries.
const MAX_DEPTH: usize = 32;

/// What an object costs beside its bytes: it takes more room here than in a file.
const OBJECT: usize = 64;

/// What may still be read of a document, in bytes: objects read twice count twice.
#[derive(Debug)]
pub struct Budget(Cell<usize>);

impl Budget {
    /// So many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Cell::new(bytes))
    }

    /// Takes some.
    pub fn take(&self, bytes: usize) -> Result<(), Problem> {
        match self.0.get().checked_sub(bytes) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => Err(Problem::TooComplex),
        }
    }
}

/// A place in bytes.
pub struct Reader<'a> {
    bytes: &'a [u8],
    /// Where it stands.
    pub at: usize,
    budget: &'a Budget,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 12 | b'\r' | b' ')
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

const BAD: Problem = Problem::Damaged("an object cannot be read");

impl<'a> Reader<'a> {
    /// A reader at a place of the bytes.
    pub fn new(bytes: &'a [u8], at: usize, budget: &'a Budget) -> Self {
        Self { bytes, at, budget }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Skips white space and comments.
    pub fn skip_space(&mut self) -> Result<(), Problem> {
        let from = self.at;
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                while self.peek().is_some_and(|byte| !matches!(byte, b'\n' | b'\r')) {
                    self.at += 1;
                }
            } else if is_space(byte) {
                self.at += 1;
            } else {
                break;
            }
        }
        self.budget.take(self.at - from)
    }

    /// Takes a word if it is next.
    pub fn eat(&mut self, word: &str) -> Result<bool, Problem> {
        self.skip_space()?;
        let found = self.rest().starts_with(word.as_bytes());
        if found {
            self.at += word.len();
        }
        Ok(found)
    }

    /// A word without white space and delimiters.
    fn word(&mut self) -> Result<&'a [u8], Problem> {
        let from = self.at;
        while self.peek().is_some_and(|byte| !is_space(byte) && !is_delimiter(byte)) {
            self.at += 1;
        }
        self.budget.take(self.at - from + 1)?;
        Ok(self.bytes.get(from..self.at).unwrap_or_default())
    }

    /// A whole number that cannot be negative.
    pub fn number(&mut self) -> Result<u64, Problem> {
        self.skip_space()?;
        let word = self.word()?;
        std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()).ok_or(BAD)
    }

    /// One object.
    pub fn object(&mut self) -> Result<Object, Problem> {
        self.nested(MAX_DEPTH)
    }

    /// A dictionary, and nothing else.
    pub fn dict(&mut self) -> Result<Dict, Problem> {
        match self.object()? {
            Object::Dict(dict) => Ok(dict),
            _ => Err(BAD),
        }
    }

    fn nested(&mut self, depth: usize) -> Result<Object, Problem> {
        let depth = depth.checked_sub(1).ok_or(Problem::TooComplex)?;
        self.budget.take(OBJECT)?;
        self.skip_space()?;
        match self.peek().ok_or(BAD)? {
            b'/' => {
                self.at += 1;
                Ok(Object::Name(self.word()?.to_vec()))
            }
            b'(' => self.literal(),
            b'<' if self.rest().starts_with(b"<<") => {
                self.at += 2;
                let mut dict = Dict::default();
                while !self.eat(">>")? {
                    let Object::Name(name) = self.nested(depth)? else { return Err(BAD) };
                    dict.0.push((name, self.nested(depth)?));
                }
                Ok(Object::Dict(dict))
            }
            b'<' => self.hexadecimal(),
            b'[' => {
                self.at += 1;
                let mut items = Vec::new();
                while !self.eat("]")? {
                    items.push(self.nested(depth)?);
                }
                Ok(Object::Array(items))
            }
            _ => self.plain(),
        }
    }

    fn literal(&mut self) -> Result<Object, Problem> {
        let from = self.at;
        let mut open = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => self.at += 1,
                b'(' => open += 1,
                b')' => open = open.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return self.text_from(from);
            }
        }
        self.cut_off(from)
    }

    fn hexadecimal(&mut self) -> Result<Object, Problem> {
        let from = self.at;
        let Some(length) = self.rest().iter().position(|byte| *byte == b'>') else {
            self.at = self.bytes.len();
            return self.cut_off(from);
        };
        self.at += length + 1;
        self.text_from(from)
    }

    /// A string without an end. It was walked all the same: whoever goes on elsewhere may meet the next one.
    fn cut_off(&self, from: usize) -> Result<Object, Problem> {
        self.budget.take(self.at.saturating_sub(from))?;
        Err(BAD)
    }

    fn text_from(&self, from: usize) -> Result<Object, Problem> {
        let spelling = self.bytes.get(from..self.at).ok_or(BAD)?;
        self.budget.take(spelling.len())?;
        Ok(Object::Text(spelling.to_vec()))
    }

    /// A number, a reference or a keyword.
    fn plain(&mut self) -> Result<Object, Problem> {
        let word = self.word()?;
        match word {
            b"null" => return Ok(Object::Null),
            b"true" => return Ok(Object::Bool(true)),
            b"false" => return Ok(Object::Bool(false)),
            _ => {}
        }
        let text = std::str::from_utf8(word).map_err(|_| BAD)?;
        let Ok(whole) = text.parse::<i64>() else { return real(text) };
        Ok(self.reference(whole)?.unwrap_or(Object::Int(whole)))
    }

    /// What makes a number the first part of `12 0 R`, if it is one.
    fn reference(&mut self, whole: i64) -> Result<Option<Object>, Problem> {
        let (back, Ok(number)) = (self.at, u32::try_from(whole)) else { return Ok(None) };
        self.skip_space()?;
        let generation = self.word()?;
        let generation = std::str::from_utf8(generation).ok().and_then(|text| text.parse::<u32>().ok());
        if let Some(generation) = generation {
            self.skip_space()?;
            if self.word()? == b"R" {
                return Ok(Some(Object::Ref(number, generation)));
            }
        }
        self.at = back;
        Ok(None)
    }

    /// `12 0 obj`, whose object follows.
    pub fn header(&mut self) -> Result<u32, Problem> {
        let number = u32::try_from(self.number()?).map_err(|_| BAD)?;
        self.number()?;
        if self.eat("obj")? { Ok(number) } else { Err(BAD) }
    }
}

fn real(text: &str) -> Result<Object, Problem> {
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) if text.starts_with('-') => (-1, digits),
        Some(digits) => (1, digits),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').ok_or(BAD)?;
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || whole.len() > 12 || (whole.is_empty() && fraction.is_empty()) {
        return Err(BAD);
    }
    let part = |text: &str| if text.is_empty() { Ok(0) } else { text.parse::<i64>().map_err(|_| BAD) };
    let thousandths = format!("{fraction:0<3}");
    let value = part(whole)? * 1_000 + part(thousandths.get(..3).unwrap_or_default())?;
    Ok(Object::Real(sign * value, text.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Object, Problem> {
        Reader::new(text.as_bytes(), 0, &Budget::new(10_000)).object()
    }

    #[test]
    fn objects_are_written_as_they_were_read() {
        for text in [
            "null",
            "true",
            "false",
            "0",
            "-7",
            "595.276",
            "/Name",
            "(a (nested) \\) text)",
            "<48656C6C6F>",
            "[1 2 0 R [/A]]",
            "<</Type /Page/Parent 2 0 R/MediaBox [0 0 595 842]>>",
            "[]",
            "<<>>",
        ] {
            let mut out = Vec::new();
            read(text).unwrap().write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn numbers_are_exact_thousandths() {
        for (text, thousandths) in
            [("595.27563", 595_275), ("-.5", -500), ("4.", 4_000), ("+1.25", 1_250), ("842", 842_000), ("0.0", 0)]
        {
            assert_eq!(read(text).unwrap().thousandths(), Some(thousandths), "{text}");
        }
        for text in ["1.2.3", ".", "1e3", "--1", "x", "12345678901234567890.5"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn comments_are_space() {
        assert_eq!(read("% what\n [1%\n2]"), Ok(Object::Array(vec![Object::Int(1), Object::Int(2)])));
    }

    #[test]
    fn what_is_nested_too_deep_is_refused() {
        assert_eq!(read(&"[".repeat(5_000)), Err(Problem::TooComplex));
        assert_eq!(read(&"<</A ".repeat(1_000)), Err(Problem::TooComplex));
        assert!(read(&format!("{}{}", "[".repeat(30), "]".repeat(30))).is_ok());
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        for text in ["", "(", "(a\\", "<48", "[1 2", "<</A", "<</A 1", "<<1 2>>", "/A]"] {
            let object = read(text);
            assert!(object.is_err() || text == "/A]", "{text}: {object:?}");
        }
    }
}
