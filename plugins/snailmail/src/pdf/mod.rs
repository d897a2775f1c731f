//! Documents: how many pages, of which size, and whether a printer could read them at all.
//!
//! A reader of its own. It looks at what decides a price and a refusal, never at what is on the pages, and it
//! is bounded: whatever a file says of itself, reading it costs a few passes over its bytes.

mod cover;
mod object;
mod pages;
mod reader;
mod stream;
mod winansi;
mod xref;

use std::{borrow::Cow, cell::RefCell, collections::HashMap, rc::Rc};

pub use cover::{Cover, Window};
use object::{Dict, Object};
use reader::{Budget, Reader};
use xref::{Place, Places};

/// Bytes that reading any document may cost, beside twice its own.
const ALLOWANCE: usize = 8 << 20;

/// How often a reference may lead to another.
const MAX_HOPS: usize = 16;

/// Why a document cannot be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It does not begin as one.
    NotPdf,
    /// What is wrong, for the log.
    Damaged(&'static str),
    /// It needs a password, or forbids something.
    Encrypted,
    /// It has no page.
    Empty,
    /// This page (1 for the first) is not A4, upright.
    PageSize(usize),
    /// It is nested, packed or repeated beyond what documents are.
    TooComplex,
    /// The address cannot be written on a cover page.
    Address,
}

/// A document whose objects can be found.
pub struct Document<'a> {
    bytes: &'a [u8],
    budget: Budget,
    places: Places,
    /// Inflated object streams, with where their objects begin.
    streams: RefCell<HashMap<u32, Rc<Inflated>>>,
}

struct Inflated {
    data: Vec<u8>,
    offsets: Vec<usize>,
}

impl<'a> Document<'a> {
    /// Finds its objects.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Problem> {
        let head = bytes.get(..bytes.len().min(1_024)).unwrap_or_default();
        if !head.windows(5).any(|word| word == b"%PDF-") {
            return Err(Problem::NotPdf);
        }
        let tail = bytes.get(bytes.len().saturating_sub(2_048)..).unwrap_or_default();
        if !tail.windows(5).any(|word| word == b"%%EOF") {
            return Err(Problem::Damaged("it has no end"));
        }
        let budget = Budget::new(bytes.len().saturating_mul(2).saturating_add(ALLOWANCE));
        let places = Places::of(bytes, &budget)?;
        if places.trailer.get("Encrypt").is_some_and(|encrypt| *encrypt != Object::Null) {
            return Err(Problem::Encrypted);
        }
        Ok(Self { bytes, budget, places, streams: RefCell::default() })
    }

    /// What wrote it, if it says so.
    pub fn producer(&self) -> Option<String> {
        let info = self.resolve(self.places.trailer.get("Info")?).ok()?;
        let Object::Dict(info) = info else { return None };
        match self.resolve(info.get("Producer")?).ok()? {
            Object::Text(text) => Some(readable(&text)),
            _ => None,
        }
    }

    /// An object by its number; `null` if there is none.
    fn get(&self, number: u32) -> Result<Object, Problem> {
        match self.places.objects.get(&number) {
            Some(Place::Byte(at)) => {
                let mut reader = Reader::new(self.bytes, *at, &self.budget);
                if reader.header()? == number {
                    reader.object()
                } else {
                    Err(Problem::Damaged("an object is not where it should be"))
                }
            }
            Some(Place::Stream(stream, position)) => {
                let stream = self.inflated(*stream)?;
                let at = stream.offsets.get(*position).ok_or(Problem::Damaged("an object stream lacks an object"))?;
                Reader::new(&stream.data, *at, &self.budget).object()
            }
            Some(Place::Free) | None => Ok(Object::Null),
        }
    }

    /// The object that a reference leads to; anything else is itself.
    fn resolve(&self, object: &Object) -> Result<Object, Problem> {
        let mut object = object.clone();
        for _ in 0..MAX_HOPS {
            match object {
                Object::Ref(number, _) => object = self.get(number)?,
                other => return Ok(other),
            }
        }
        Err(Problem::TooComplex)
    }

    /// As [`resolve`](Self::resolve), without copying what is itself: it may be large, and asked for at every page.
    fn resolved<'o>(&self, object: &'o Object) -> Result<Cow<'o, Object>, Problem> {
        match object {
            Object::Ref(..) => self.resolve(object).map(Cow::Owned),
            itself => Ok(Cow::Borrowed(itself)),
        }
    }

    /// A member of a dictionary, resolved; `null` if it has none.
    fn member(&self, dict: &Dict, key: &str) -> Result<Object, Problem> {
        dict.get(key).map_or(Ok(Object::Null), |value| self.resolve(value))
    }

    fn inflated(&self, number: u32) -> Result<Rc<Inflated>, Problem> {
        if let Some(known) = self.streams.borrow().get(&number) {
            return Ok(Rc::clone(known));
        }
        let Some(Place::Byte(at)) = self.places.objects.get(&number) else {
            return Err(Problem::Damaged("an object stream is missing"));
        };
        let (dict, data) = xref::stream_at(self.bytes, *at, &self.budget)?;
        let whole = |key| dict.int(key).and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
        let (count, first) = (whole("N"), whole("First"));
        let mut offsets = Vec::new();
        let mut reader = Reader::new(&data, 0, &self.budget);
        for _ in 0..count {
            reader.number()?;
            offsets.push(first.saturating_add(usize::try_from(reader.number()?).unwrap_or(usize::MAX)));
        }
        let inflated = Rc::new(Inflated { data, offsets });
        self.streams.borrow_mut().insert(number, Rc::clone(&inflated));
        Ok(inflated)
    }

    /// Number and dictionary of the catalog.
    fn catalog(&self) -> Result<(u32, Dict), Problem> {
        match self.places.trailer.get("Root") {
            Some(Object::Ref(number, _)) => match self.get(*number)? {
                Object::Dict(dict) => Ok((*number, dict)),
                _ => Err(Problem::Damaged("its catalog is none")),
            },
            _ => Err(Problem::Damaged("it has no catalog")),
        }
    }
}

/// The letters of a string, however it is spelled; enough to recognise a name.
fn readable(spelling: &[u8]) -> String {
    let hexadecimal = spelling.strip_prefix(b"<").and_then(|text| text.strip_suffix(b">"));
    let bytes = match hexadecimal.and_then(|text| hex::decode(text).ok()) {
        Some(bytes) => bytes,
        None => spelling.to_vec(),
    };
    bytes.into_iter().filter(|byte| byte.is_ascii_graphic() || *byte == b' ').map(char::from).collect()
}

#[cfg(test)]
pub mod samples;
#[cfg(test)]
mod tests;
