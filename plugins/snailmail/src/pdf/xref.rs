//! Where the objects of a document are: its cross-references, or a look through the whole file where they are wrong.

use std::collections::{BTreeMap, HashSet};

use super::{
    Problem,
    object::{Dict, Object},
    reader::{Budget, Reader},
    stream,
};

/// Most objects of a document.
const MAX_OBJECTS: usize = 300_000;

/// Most sections: each time a document was changed added one.
const MAX_SECTIONS: usize = 200;

/// How much of the end of a file is searched for where it begins.
const TAIL: usize = 2_048;

/// Where an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this byte.
    Byte(usize),
    /// In this object stream, at this position.
    Stream(u32, usize),
    /// Nowhere any more.
    Free,
}

/// All places, and the trailer that counts.
#[derive(Debug, Default)]
pub struct Places {
    /// By number of the object.
    pub objects: BTreeMap<u32, Place>,
    /// Of the newest section.
    pub trailer: Dict,
    /// Where the newest section begins; nothing if the places were searched for.
    pub newest: Option<usize>,
    /// Whether that section is a stream.
    pub in_stream: bool,
}

const BAD: Problem = Problem::Damaged("the cross-references cannot be read");

impl Places {
    /// Reads them; searches for them if they are wrong.
    pub fn of(bytes: &[u8], budget: &Budget) -> Result<Self, Problem> {
        match Self::read(bytes, budget) {
            Ok(places) if places.has_root(bytes, budget) => Ok(places),
            Err(Problem::TooComplex) => Err(Problem::TooComplex),
            Ok(_) | Err(_) => Self::search(bytes, budget),
        }
    }

    /// Whether the catalog is where it is said to be.
    fn has_root(&self, bytes: &[u8], budget: &Budget) -> bool {
        let Some(Object::Ref(number, _)) = self.trailer.get("Root") else { return false };
        match self.objects.get(number) {
            Some(Place::Byte(at)) => Reader::new(bytes, *at, budget).header() == Ok(*number),
            Some(Place::Stream(..)) => true,
            Some(Place::Free) | None => false,
        }
    }

    fn add(&mut self, number: u32, place: Place) -> Result<(), Problem> {
        // Newer sections come first, and win.
        self.objects.entry(number).or_insert(place);
        if self.objects.len() > MAX_OBJECTS { Err(Problem::TooComplex) } else { Ok(()) }
    }

    fn read(bytes: &[u8], budget: &Budget) -> Result<Self, Problem> {
        let tail = bytes.len().saturating_sub(TAIL);
        let end = bytes.get(tail..).unwrap_or_default();
        let marker = end.windows(9).rposition(|word| word == b"startxref").ok_or(BAD)?;
        let mut reader = Reader::new(bytes, tail + marker + 9, budget);
        let first = usize::try_from(reader.number()?).map_err(|_| BAD)?;
        let mut places = Self { newest: Some(first), ..Self::default() };
        let (mut seen, mut next) = (HashSet::new(), vec![first]);
        while let Some(at) = next.pop() {
            if !seen.insert(at) {
                continue;
            }
            if seen.len() > MAX_SECTIONS || bytes.len() <= at {
                return Err(BAD);
            }
            let mut reader = Reader::new(bytes, at, budget);
            let is_table = reader.eat("xref")?;
            let dict = if is_table { places.table(&mut reader)? } else { places.stream(bytes, at, budget)? };
            let place = |key| dict.int(key).and_then(|at| usize::try_from(at).ok());
            // Those of a hybrid file's stream come before those of the section before.
            next.extend(place("Prev"));
            next.extend(place("XRefStm"));
            if at == first {
                (places.trailer, places.in_stream) = (dict, !is_table);
            }
        }
        Ok(places)
    }

    fn table(&mut self, reader: &mut Reader<'_>) -> Result<Dict, Problem> {
        while !reader.eat("trailer")? {
            let (first, count) = (reader.number()?, reader.number()?);
            for number in first..first.checked_add(count).ok_or(BAD)? {
                let number = u32::try_from(number).map_err(|_| BAD)?;
                let at = usize::try_from(reader.number()?).map_err(|_| BAD)?;
                reader.number()?;
                let place = match (reader.eat("n")?, at) {
                    (true, at) if at > 0 => Place::Byte(at),
                    (true, _) => Place::Free,
                    (false, _) if reader.eat("f")? => Place::Free,
                    (false, _) => return Err(BAD),
                };
                self.add(number, place)?;
            }
        }
        reader.dict()
    }

    fn stream(&mut self, bytes: &[u8], at: usize, budget: &Budget) -> Result<Dict, Problem> {
        let (dict, data) = stream_at(bytes, at, budget)?;
        if !dict.is("Type", "XRef") {
            return Err(BAD);
        }
        let widths = match dict.get("W") {
            Some(Object::Array(widths)) => match widths.as_slice() {
                [Object::Int(a), Object::Int(b), Object::Int(c)] => [*a, *b, *c],
                _ => return Err(BAD),
            },
            _ => return Err(BAD),
        };
        let [a, b, c] = widths.map(|width| usize::try_from(width).unwrap_or(9));
        if a > 8 || b > 8 || c > 8 || a + b + c == 0 {
            return Err(BAD);
        }
        let size = dict.int("Size").ok_or(BAD)?;
        let index = match dict.get("Index") {
            Some(Object::Array(index)) => index.clone(),
            _ => vec![Object::Int(0), Object::Int(size)],
        };
        let mut rows = data.chunks_exact(a + b + c);
        for section in index.chunks_exact(2) {
            let [Object::Int(first), Object::Int(count)] = section else { return Err(BAD) };
            for number in *first..first.checked_add(*count).ok_or(BAD)? {
                // Fewer rows than announced: the rest is not there.
                let Some(row) = rows.next() else { break };
                let field = |from: usize, width: usize| {
                    row.get(from..from + width)
                        .unwrap_or_default()
                        .iter()
                        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
                };
                let kind = if a == 0 { 1 } else { field(0, a) };
                let (one, two) = (field(a, b), field(a + b, c));
                let place = match kind {
                    1 => Place::Byte(usize::try_from(one).map_err(|_| BAD)?),
                    2 => Place::Stream(u32::try_from(one).map_err(|_| BAD)?, usize::try_from(two).map_err(|_| BAD)?),
                    _ => Place::Free,
                };
                self.add(u32::try_from(number).map_err(|_| BAD)?, place)?;
            }
        }
        Ok(dict)
    }

    /// Looks for every `12 0 obj`; of those with one number the last counts, as it was written last.
    fn search(bytes: &[u8], budget: &Budget) -> Result<Self, Problem> {
        budget.take(bytes.len())?;
        let mut places = Self::default();
        for (at, byte) in bytes.iter().enumerate() {
            // One comparison for most bytes: there are millions.
            if *byte == b'o'
                && bytes.get(at..at + 3) == Some(b"obj")
                && let Some((number, start)) = header_before(bytes, at)
            {
                places.objects.insert(number, Place::Byte(start));
                if places.objects.len() > MAX_OBJECTS {
                    return Err(Problem::TooComplex);
                }
            }
            if *byte == b't' && bytes.get(at..at + 7) == Some(b"trailer") {
                match Reader::new(bytes, at + 7, budget).dict() {
                    Ok(dict) if dict.get("Root").is_some() => places.trailer = dict,
                    Err(Problem::TooComplex) => return Err(Problem::TooComplex),
                    Ok(_) | Err(_) => {}
                }
            }
        }
        places.search_streams(bytes, budget)?;
        if places.trailer.get("Root").is_none() {
            return Err(Problem::Damaged("it has no catalog"));
        }
        Ok(places)
    }

    /// Objects in object streams, and the trailer if it is in a stream.
    fn search_streams(&mut self, bytes: &[u8], budget: &Budget) -> Result<(), Problem> {
        let found: Vec<(u32, usize)> = self
            .objects
            .iter()
            .filter_map(|(number, place)| match place {
                Place::Byte(at) => Some((*number, *at)),
                Place::Stream(..) | Place::Free => None,
            })
            .collect();
        let mut inner = Vec::new();
        for (number, at) in found {
            let mut reader = Reader::new(bytes, at, budget);
            if reader.header().is_err() || !reader.rest().starts_with(b"<<") && !reader.eat("<<")? {
                continue;
            }
            let head = reader.rest().get(..200.min(reader.rest().len())).unwrap_or_default();
            budget.take(2 * head.len())?;
            let says = |word: &[u8]| head.windows(word.len()).any(|part| part == word);
            if says(b"ObjStm") {
                let (dict, data) = stream_at(bytes, at, budget)?;
                let count = usize::try_from(dict.int("N").unwrap_or(0)).unwrap_or(0);
                let mut numbers = Reader::new(&data, 0, budget);
                for position in 0..count.min(MAX_OBJECTS) {
                    let inside = u32::try_from(numbers.number()?).map_err(|_| BAD)?;
                    numbers.number()?;
                    inner.push((inside, Place::Stream(number, position)));
                }
            } else if says(b"XRef") && self.trailer.get("Root").is_none() {
                let (dict, _) = stream_at(bytes, at, budget)?;
                self.trailer = dict;
            }
        }
        for (number, place) in inner {
            self.add(number, place)?;
        }
        Ok(())
    }
}

/// Number and start of the object whose word `obj` is at a place, if it is one.
fn header_before(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let head = bytes.get(at.saturating_sub(24)..at)?;
    let head = head.strip_suffix(b" ").or_else(|| head.strip_suffix(b"\n"))?;
    let digits = |part: &[u8]| part.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let generation = digits(head);
    let rest = head.get(..head.len() - generation)?;
    let rest = rest.strip_suffix(b" ").filter(|_| generation > 0)?;
    let count = digits(rest);
    let number = std::str::from_utf8(rest.get(rest.len() - count..)?).ok()?.parse().ok()?;
    Some((number, at - 1 - generation - 1 - count))
}

/// Dictionary and decoded bytes of the stream that begins at a place as `12 0 obj`.
pub fn stream_at(bytes: &[u8], at: usize, budget: &Budget) -> Result<(Dict, Vec<u8>), Problem> {
    let mut reader = Reader::new(bytes, at, budget);
    reader.header()?;
    let dict = reader.dict()?;
    let raw = raw_stream(&mut reader, dict.int("Length"), budget)?;
    let data = stream::decode(&dict, raw, budget)?;
    Ok((dict, data))
}

/// The bytes of a stream whose dictionary was just read: as long as it says, or to its end if that is wrong.
pub fn raw_stream<'a>(reader: &mut Reader<'a>, length: Option<i64>, budget: &Budget) -> Result<&'a [u8], Problem> {
    const CUT: Problem = Problem::Damaged("a stream is cut off");
    if !reader.eat("stream")? {
        return Err(CUT);
    }
    let rest = reader.rest();
    let rest = rest
        .strip_prefix(b"\r\n")
        .or_else(|| rest.strip_prefix(b"\n"))
        .or_else(|| rest.strip_prefix(b"\r"))
        .unwrap_or(rest);
    if let Some(length) = length.and_then(|length| usize::try_from(length).ok())
        && let Some((data, after)) = rest.split_at_checked(length)
    {
        let after = after.get(..after.len().min(12)).unwrap_or_default();
        if after.trim_ascii_start().starts_with(b"endstream") {
            return Ok(data);
        }
    }
    let end = rest.windows(9).position(|word| word == b"endstream");
    budget.take(end.unwrap_or(rest.len()))?;
    end.and_then(|end| rest.get(..end)).ok_or(CUT)
}
