//! The pages of a document.

use std::collections::HashSet;

use super::{
    Document, Problem,
    object::{Dict, Object},
    reader::Reader,
    xref::{Place, raw_stream, stream_at},
};

/// Most nodes of a page tree: no provider takes a letter of a thousand pages.
const MAX_NODES: usize = 4_000;

/// Deepest page tree.
const MAX_DEPTH: usize = 40;

/// A4 in thousandths of a point.
const A4: (i64, i64) = (595_276, 841_890);

/// What a page may differ: 2 mm.
const TOLERANCE: i64 = 5_669;

/// What a page has from the nodes above it.
#[derive(Clone, Copy, Debug, Default)]
struct Inherited<'o> {
    media: Option<&'o Object>,
    crop: Option<&'o Object>,
    rotate: Option<&'o Object>,
}

/// Programs with which databases of 15.0 and later write what they send.
const WRITERS: [&str; 3] = ["PyPDF", "pypdf", "Odoo"];

/// Where the text of their cover pages begins, from the left: 118 mm and the padding of its frame.
const COVER_TEXT: &[u8] = b"340.48";

/// Most bytes of a cover page's content.
const MOST_COVER: usize = 20_000;

impl Document<'_> {
    /// Whether its first page is the cover page that databases of 15.0 and later add by themselves. Where it cannot
    /// be told the answer is no: a second cover page is waste, a letter without an address is lost.
    pub fn has_cover(&self) -> bool {
        let writer = self.producer().unwrap_or_default();
        WRITERS.iter().any(|name| writer.contains(name))
            && self.first_content().is_ok_and(|content| {
                content.len() <= MOST_COVER && content.windows(COVER_TEXT.len()).any(|part| part == COVER_TEXT)
            })
    }

    /// What is on the first page.
    fn first_content(&self) -> Result<Vec<u8>, Problem> {
        let (_, catalog) = self.catalog()?;
        let mut node = self.member(&catalog, "Pages")?;
        for _ in 0..MAX_DEPTH {
            let Object::Dict(dict) = node else { break };
            match self.member(&dict, "Kids")? {
                Object::Array(kids) => node = self.resolve(kids.first().ok_or(Problem::Empty)?)?,
                _ => return self.content(&dict),
            }
        }
        Err(Problem::Damaged("it has no first page"))
    }

    fn content(&self, page: &Dict) -> Result<Vec<u8>, Problem> {
        let mut content = Vec::new();
        for number in self.content_parts(page)?.into_iter().take(16) {
            let Some(Place::Byte(at)) = self.places.objects.get(&number) else { continue };
            content.extend(stream_at(self.bytes, *at, &self.budget)?.1);
        }
        Ok(content)
    }

    /// Counts its pages, each of which must be A4, upright, and have its content.
    pub fn pages(&self) -> Result<usize, Problem> {
        let (_, catalog) = self.catalog()?;
        let root = catalog.get("Pages").ok_or(Problem::Damaged("it has no page tree"))?;
        let mut walk = Walk { seen: HashSet::new(), pages: 0 };
        self.visit(root, Inherited::default(), MAX_DEPTH, &mut walk)?;
        if walk.pages == 0 { Err(Problem::Empty) } else { Ok(walk.pages) }
    }

    fn visit(&self, node: &Object, above: Inherited<'_>, depth: usize, walk: &mut Walk) -> Result<(), Problem> {
        let depth = depth.checked_sub(1).ok_or(Problem::TooComplex)?;
        if let Object::Ref(number, _) = node
            && !walk.seen.insert(*number)
        {
            return Err(Problem::Damaged("a page stands in the tree twice"));
        }
        if walk.seen.len() > MAX_NODES || walk.pages > MAX_NODES {
            return Err(Problem::TooComplex);
        }
        let node = self.resolved(node)?;
        let Object::Dict(dict) = &*node else {
            return Err(Problem::Damaged("a page is missing"));
        };
        let here = Inherited {
            media: dict.get("MediaBox").or(above.media),
            crop: dict.get("CropBox").or(above.crop),
            rotate: dict.get("Rotate").or(above.rotate),
        };
        match &*self.resolved(dict.get("Kids").unwrap_or(&Object::Null))? {
            Object::Array(kids) => kids.iter().try_for_each(|kid| self.visit(kid, here, depth, walk)),
            _ if dict.is("Type", "Pages") => Ok(()),
            _ => {
                walk.pages += 1;
                self.check_size(dict, here, walk.pages)?;
                self.check_content(dict)
            }
        }
    }

    fn check_size(&self, page: &Dict, here: Inherited<'_>, number: usize) -> Result<(), Problem> {
        let wrong = Problem::PageSize(number);
        let media = self.size(here.media.ok_or(wrong)?)?.ok_or(wrong)?;
        let (mut width, mut height) = match here.crop {
            Some(crop) => self.size(crop)?.ok_or(wrong)?,
            None => media,
        };
        match &*self.resolved(here.rotate.unwrap_or(&Object::Int(0)))? {
            Object::Int(turn) if turn % 180 == 0 => {}
            Object::Int(turn) if turn % 90 == 0 => std::mem::swap(&mut width, &mut height),
            Object::Null => {}
            _ => return Err(wrong),
        }
        let unit = self.member(page, "UserUnit")?.thousandths().unwrap_or(1_000);
        let scaled = |length: i64| length.checked_mul(unit).map(|length| length / 1_000);
        let is = |length: i64, wanted: i64| scaled(length).is_some_and(|length| (length - wanted).abs() <= TOLERANCE);
        if is(width, A4.0) && is(height, A4.1) { Ok(()) } else { Err(wrong) }
    }

    /// Width and height of a box in thousandths of a point.
    fn size(&self, rectangle: &Object) -> Result<Option<(i64, i64)>, Problem> {
        let rectangle = self.resolved(rectangle)?;
        let Object::Array(corners) = &*rectangle else { return Ok(None) };
        let mut numbers = Vec::new();
        for corner in corners.iter().take(5) {
            numbers.push(self.resolved(corner)?.thousandths());
        }
        Ok(match numbers.as_slice() {
            [Some(left), Some(bottom), Some(right), Some(top)] => {
                let length = |from: i64, to: i64| to.checked_sub(from).and_then(i64::checked_abs);
                length(*left, *right).zip(length(*bottom, *top))
            }
            _ => None,
        })
    }

    /// Numbers of the streams of a page's content.
    fn content_parts(&self, page: &Dict) -> Result<Vec<u32>, Problem> {
        const NONE: Problem = Problem::Damaged("a page's content is none");
        let parts = match page.get("Contents") {
            None | Some(Object::Null) => return Ok(Vec::new()),
            Some(reference @ Object::Ref(number, _)) => match self.places.objects.get(number) {
                // Where the streams are listed apart.
                Some(_) => match self.resolve(reference)? {
                    Object::Array(parts) => parts,
                    _ => vec![reference.clone()],
                },
                None => vec![reference.clone()],
            },
            Some(Object::Array(parts)) => parts.clone(),
            Some(_) => return Err(NONE),
        };
        let number = |part: Object| match part {
            Object::Ref(number, _) => Ok(number),
            _ => Err(NONE),
        };
        parts.into_iter().map(number).collect()
    }

    /// A page's content must be there in full: half a document must not be posted.
    fn check_content(&self, page: &Dict) -> Result<(), Problem> {
        for number in self.content_parts(page)? {
            let Some(Place::Byte(at)) = self.places.objects.get(&number) else {
                return Err(Problem::Damaged("a page's content is missing"));
            };
            let mut reader = Reader::new(self.bytes, *at, &self.budget);
            if reader.header()? != number {
                return Err(Problem::Damaged("a page's content is elsewhere"));
            }
            let dict = reader.dict()?;
            let length = match self.member(&dict, "Length")? {
                Object::Int(length) => Some(length),
                _ => None,
            };
            raw_stream(&mut reader, length, &self.budget)?;
        }
        Ok(())
    }
}

struct Walk {
    seen: HashSet<u32>,
    pages: usize,
}
