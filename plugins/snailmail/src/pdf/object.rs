//! PDF objects, read and written.

/// One object. Strings and reals keep their spelling, so that what is written again is what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a point, in thousandths, and its spelling.
    Real(i64, Vec<u8>),
    /// A name without its slash, as it is spelled.
    Name(Vec<u8>),
    /// A string with its delimiters, as it is spelled.
    Text(Vec<u8>),
    /// `[…]`
    Array(Vec<Object>),
    /// `<<…>>`
    Dict(Dict),
    /// `12 0 R`
    Ref(u32, u32),
}

/// A dictionary, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dict(pub Vec<(Vec<u8>, Object)>);

impl Dict {
    /// The value of a key; the last one counts.
    pub fn get(&self, key: &str) -> Option<&Object> {
        self.0.iter().rev().find(|(name, _)| name == key.as_bytes()).map(|(_, value)| value)
    }

    /// Sets a key.
    pub fn set(&mut self, key: &str, value: Object) {
        self.0.retain(|(name, _)| name != key.as_bytes());
        self.0.push((key.as_bytes().to_vec(), value));
    }

    /// A whole number that stands here itself.
    pub fn int(&self, key: &str) -> Option<i64> {
        match self.get(key) {
            Some(Object::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// Whether the key has this name.
    pub fn is(&self, key: &str, name: &str) -> bool {
        matches!(self.get(key), Some(Object::Name(value)) if value == name.as_bytes())
    }
}

impl Object {
    /// A name.
    pub fn name(name: &str) -> Self {
        Self::Name(name.as_bytes().to_vec())
    }

    /// A number in thousandths.
    pub fn thousandths(&self) -> Option<i64> {
        match self {
            Self::Int(whole) => whole.checked_mul(1_000),
            Self::Real(thousandths, _) => Some(*thousandths),
            _ => None,
        }
    }

    /// Writes the object.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend(b"null"),
            Self::Bool(true) => out.extend(b"true"),
            Self::Bool(false) => out.extend(b"false"),
            Self::Int(number) => out.extend(number.to_string().bytes()),
            Self::Real(_, spelling) | Self::Text(spelling) => out.extend(spelling),
            Self::Name(name) => {
                out.push(b'/');
                out.extend(name);
            }
            Self::Array(items) => {
                out.push(b'[');
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        out.push(b' ');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Dict(dict) => {
                out.extend(b"<<");
                for (name, value) in &dict.0 {
                    out.push(b'/');
                    out.extend(name);
                    out.push(b' ');
                    value.write(out);
                }
                out.extend(b">>");
            }
            Self::Ref(number, generation) => out.extend(format!("{number} {generation} R").bytes()),
        }
    }
}
