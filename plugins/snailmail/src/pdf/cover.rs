//! A cover page in front of a document that has none: the address where the envelope's window is.
//!
//! The document is not written anew. The page is added behind its bytes, as PDF allows, with a page tree that
//! has it first.

use super::{
    Document, Problem,
    object::{Dict, Object},
    winansi,
    xref::Place,
};

/// On which side of the envelope the address shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// 22 mm from the left edge.
    Left,
    /// 118 mm from the left edge, where databases put it.
    Right,
}

/// The page to add.
#[derive(Clone, Copy, Debug)]
pub struct Cover<'a> {
    /// The recipient, line by line.
    pub address: &'a str,
    /// Where.
    pub window: Window,
    /// Whether an empty page follows, so that nothing is printed on its back.
    pub blank: bool,
}

/// Thousandths of a point, by millimetres.
const RIGHT: i64 = 334_488; // 118
const LEFT: i64 = 62_362; // 22
const BELOW_TOP: i64 = 170_079; // 60
const PAGE_HEIGHT: i64 = 841_890; // 297
const WIDTH: i64 = 242_362; // 85.5
const HEIGHT: i64 = 72_283; // 25.5

/// Sizes of the font that are tried, in tenths of a point.
const SIZES: [i64; 9] = [105, 100, 95, 90, 85, 80, 75, 70, 65];

impl Cover<'_> {
    /// The page's content.
    fn content(&self) -> Result<Vec<u8>, Problem> {
        let lines: Vec<Vec<u8>> = self
            .address
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| winansi::encode(line).ok_or(Problem::Address))
            .collect::<Result<_, _>>()?;
        let count = i64::try_from(lines.len()).map_err(|_| Problem::Address)?;
        let widest = i64::from(lines.iter().map(|line| winansi::width(line)).max().ok_or(Problem::Address)?);
        // Lines are 1.2 times as high as the font.
        let fits = |size: &&i64| **size * count * 120 <= HEIGHT && widest * **size <= WIDTH * 10;
        let size = SIZES.iter().find(fits).ok_or(Problem::Address)?;
        let left = match self.window {
            Window::Left => LEFT,
            Window::Right => RIGHT,
        };
        let (left, top) = (points(left), points(PAGE_HEIGHT - BELOW_TOP - size * 100));
        let mut content =
            format!("BT /F1 {} Tf {} TL {left} {top} Td", points(size * 100), points(size * 120)).into_bytes();
        for (position, line) in lines.iter().enumerate() {
            if position > 0 {
                content.extend(b" T*");
            }
            content.extend(b" <");
            content.extend(hex::encode(line).bytes());
            content.extend(b"> Tj");
        }
        content.extend(b" ET");
        Ok(content)
    }
}

fn points(thousandths: i64) -> String {
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

fn dict<const N: usize>(members: [(&str, Object); N]) -> Dict {
    Dict(members.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), value)).collect())
}

fn page(parent: u32) -> Dict {
    let corner = |thousandths| Object::Real(thousandths, points(thousandths).into_bytes());
    let media = vec![Object::Int(0), Object::Int(0), corner(595_276), corner(841_890)];
    dict([("Type", Object::name("Page")), ("Parent", Object::Ref(parent, 0)), ("MediaBox", Object::Array(media))])
}

/// What is added behind a document.
struct Addition {
    out: Vec<u8>,
    /// Numbers and places of its objects.
    places: Vec<(u32, Place)>,
}

impl Addition {
    fn object(&mut self, number: u32, generation: u32, object: &Object, stream: Option<&[u8]>) {
        self.places.push((number, Place::Byte(self.out.len())));
        self.out.extend(format!("{number} {generation} obj\n").bytes());
        object.write(&mut self.out);
        if let Some(stream) = stream {
            self.out.extend(b"\nstream\n");
            self.out.extend(stream);
            self.out.extend(b"\nendstream");
        }
        self.out.extend(b"\nendobj\n");
    }
}

impl Document<'_> {
    /// The document with a cover page, and how many pages that makes.
    pub fn with_cover(&self, cover: &Cover<'_>) -> Result<(Vec<u8>, usize), Problem> {
        const BAD: Problem = Problem::Damaged("its page tree cannot be added to");
        let pages = self.pages()?;
        let content = cover.content()?;
        let (Some(Object::Ref(root, root_generation)), (_, mut catalog)) =
            (self.places.trailer.get("Root"), self.catalog()?)
        else {
            return Err(BAD);
        };
        let Some(Object::Ref(tree, generation)) = catalog.get("Pages").cloned() else { return Err(BAD) };
        let Object::Dict(mut old_tree) = self.get(tree)? else { return Err(BAD) };
        let last = self.places.objects.keys().next_back().copied().unwrap_or(0);
        let announced = self.places.trailer.int("Size").and_then(|size| u32::try_from(size).ok()).unwrap_or(0);
        let first = last.checked_add(1).ok_or(BAD)?.max(announced);
        let [new_tree, front, text, font, empty, end] = [0, 1, 2, 3, 4, 5].map(|offset| first.saturating_add(offset));
        if end == u32::MAX {
            return Err(BAD);
        }
        catalog.set("Pages", Object::Ref(new_tree, 0));
        old_tree.set("Parent", Object::Ref(new_tree, 0));
        let mut kids = vec![Object::Ref(front, 0)];
        kids.extend(cover.blank.then_some(Object::Ref(empty, 0)));
        let total = pages + kids.len();
        kids.push(Object::Ref(tree, generation));
        let count = Object::Int(i64::try_from(total).map_err(|_| BAD)?);
        let tree_dict = dict([("Type", Object::name("Pages")), ("Kids", Object::Array(kids)), ("Count", count)]);
        let fonts = dict([("F1", Object::Ref(font, 0))]);
        let mut front_page = page(new_tree);
        front_page.set("Contents", Object::Ref(text, 0));
        front_page.set("Resources", Object::Dict(dict([("Font", Object::Dict(fonts))])));
        let length = Object::Int(i64::try_from(content.len()).map_err(|_| BAD)?);
        let font_dict = dict([
            ("Type", Object::name("Font")),
            ("Subtype", Object::name("Type1")),
            ("BaseFont", Object::name("Helvetica")),
            ("Encoding", Object::name("WinAnsiEncoding")),
        ]);

        let mut added = Addition { out: self.bytes.to_vec(), places: Vec::new() };
        added.out.extend(b"\n");
        added.object(*root, *root_generation, &Object::Dict(catalog), None);
        added.object(tree, generation, &Object::Dict(old_tree), None);
        added.object(new_tree, 0, &Object::Dict(tree_dict), None);
        added.object(front, 0, &Object::Dict(front_page), None);
        added.object(text, 0, &Object::Dict(dict([("Length", length)])), Some(&content));
        added.object(font, 0, &Object::Dict(font_dict), None);
        if cover.blank {
            added.object(empty, 0, &Object::Dict(page(new_tree)), None);
        }
        self.finish(added, end).map(|bytes| (bytes, total))
    }

    /// Cross-references in the form that the document has; where its own were wrong, of all its objects.
    fn finish(&self, mut added: Addition, own: u32) -> Result<Vec<u8>, Problem> {
        const BAD: Problem = Problem::Damaged("its objects cannot be listed");
        let whole = |number: usize| i64::try_from(number).map(Object::Int).map_err(|_| BAD);
        let mut trailer = Dict::default();
        for key in ["Root", "Info", "ID"] {
            if let Some(value) = self.places.trailer.get(key) {
                trailer.set(key, value.clone());
            }
        }
        trailer.set("Size", Object::Int(i64::from(own) + 1));
        match self.places.newest {
            Some(at) => trailer.set("Prev", whole(at)?),
            None => {
                let new: Vec<u32> = added.places.iter().map(|(number, _)| *number).collect();
                let old = self.places.objects.iter().filter(|(number, _)| !new.contains(number));
                added.places.extend(old.map(|(number, place)| (*number, *place)));
            }
        }
        let start = added.out.len();
        if self.places.newest.is_some() && !self.places.in_stream {
            added.out.extend(b"xref\n");
            for (number, place) in &added.places {
                let Place::Byte(at) = place else { return Err(BAD) };
                added.out.extend(format!("{number} 1\n{at:010} 00000 n \n").bytes());
            }
            added.out.extend(b"trailer\n");
            Object::Dict(trailer).write(&mut added.out);
        } else {
            added.places.push((own, Place::Byte(start)));
            added.places.sort_by_key(|(number, _)| *number);
            let (mut rows, mut index) = (Vec::new(), Vec::new());
            for (number, place) in &added.places {
                let (kind, one, two) = match place {
                    Place::Byte(at) => (1_u8, u32::try_from(*at).map_err(|_| BAD)?, 0),
                    Place::Stream(stream, position) => (2, *stream, u16::try_from(*position).map_err(|_| BAD)?),
                    Place::Free => (0, 0, 0),
                };
                index.extend([Object::Int(i64::from(*number)), Object::Int(1)]);
                rows.push(kind);
                rows.extend(one.to_be_bytes());
                rows.extend(two.to_be_bytes());
            }
            trailer.set("Type", Object::name("XRef"));
            trailer.set("W", Object::Array(vec![Object::Int(1), Object::Int(4), Object::Int(2)]));
            trailer.set("Index", Object::Array(index));
            trailer.set("Length", whole(rows.len())?);
            added.object(own, 0, &Object::Dict(trailer), Some(&rows));
        }
        added.out.extend(format!("\nstartxref\n{start}\n%%EOF\n").bytes());
        Ok(added.out)
    }
}
