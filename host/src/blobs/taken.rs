//! Documents taken out of an input at the door: the plugin gets where they are, not what they are.

use axum::body::Bytes;
use iap_core::natural_keys::unescaped;
use iap_store::Store;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::{json, value::RawValue};

use super::{
    documents::Documents,
    measured::{Measured, NoBase64},
};
use crate::http::upload::Room;

/// Most documents of one request.
pub const MOST_DOCUMENTS: usize = 1_000;

/// Why documents cannot be taken out of an input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TakeError {
    /// The input is not JSON.
    #[error("the input is not JSON: {0}")]
    NotJson(String),
    /// More than [`MOST_DOCUMENTS`].
    #[error("the request has more than {MOST_DOCUMENTS} documents; send fewer at once")]
    TooMany,
}

/// An input without its documents, and these.
#[derive(Debug, Default)]
pub struct Taken {
    /// The input with nothing where documents were.
    text: Vec<u8>,
    /// Places in `text`, rising, with the JSON that stood there.
    holes: Vec<(usize, Bytes)>,
    room: Option<Room>,
}

impl Taken {
    /// Takes what `pointers` lead to out of a JSON text. `room` is what its body takes of the host's memory.
    pub fn out_of(input: &Bytes, pointers: &[String], room: Option<Room>) -> Result<Self, TakeError> {
        if pointers.is_empty() {
            return Ok(Self { text: input.to_vec(), holes: Vec::new(), room });
        }
        let paths: Vec<Vec<String>> =
            pointers.iter().map(|pointer| pointer.split('/').skip(1).map(unescaped).collect()).collect();
        let paths: Vec<&[String]> = paths.iter().map(Vec::as_slice).collect();
        let root: &RawValue = serde_json::from_slice(input).map_err(not_json)?;
        let mut taken = Self { room, ..Self::default() };
        taken.copy(input, root, &paths)?;
        Ok(taken)
    }

    /// Copies a value, without what the paths lead to in it.
    fn copy(&mut self, input: &Bytes, raw: &RawValue, paths: &[&[String]]) -> Result<(), TakeError> {
        let text = raw.get();
        if paths.is_empty() {
            self.text.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        if paths.iter().any(|path| path.is_empty()) {
            return self.take(input, text);
        }
        match text.as_bytes().first() {
            Some(b'{') => self.copy_members(input, text, paths),
            Some(b'[') => self.copy_elements(input, text, paths),
            _ => self.copy(input, raw, &[]),
        }
    }

    fn take(&mut self, input: &Bytes, text: &str) -> Result<(), TakeError> {
        if matches!(text, "null" | "false") {
            self.text.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        if self.holes.len() == MOST_DOCUMENTS {
            return Err(TakeError::TooMany);
        }
        self.holes.push((self.text.len(), input.slice_ref(text.as_bytes())));
        Ok(())
    }

    fn copy_members(&mut self, input: &Bytes, text: &str, paths: &[&[String]]) -> Result<(), TakeError> {
        let members = serde_json::Deserializer::from_str(text).deserialize_map(Members).map_err(not_json)?;
        self.text.push(b'{');
        for (number, (name, value)) in members.into_iter().enumerate() {
            if number != 0 {
                self.text.push(b',');
            }
            self.text.extend_from_slice(name.get().as_bytes());
            self.text.push(b':');
            let name: String = serde_json::from_str(name.get()).map_err(not_json)?;
            self.copy(input, value, &below(paths, |first| *first == name))?;
        }
        self.text.push(b'}');
        Ok(())
    }

    fn copy_elements(&mut self, input: &Bytes, text: &str, paths: &[&[String]]) -> Result<(), TakeError> {
        let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(not_json)?;
        self.text.push(b'[');
        for (number, element) in elements.into_iter().enumerate() {
            if number != 0 {
                self.text.push(b',');
            }
            let here = number.to_string();
            self.copy(input, element, &below(paths, |first| first == "*" || *first == here))?;
        }
        self.text.push(b']');
        Ok(())
    }

    /// The input with `null` in place of documents: enough to know who calls.
    pub fn without_documents(&self) -> Vec<u8> {
        self.filled(|_| "null".to_owned())
    }

    fn filled(&self, mut with: impl FnMut(usize) -> String) -> Vec<u8> {
        let mut filled = Vec::with_capacity(self.text.len() + self.holes.len() * 200);
        let mut copied = 0;
        for (number, (place, _)) in self.holes.iter().enumerate() {
            filled.extend_from_slice(&self.text[copied..*place]);
            filled.extend_from_slice(with(number).as_bytes());
            copied = *place;
        }
        filled.extend_from_slice(&self.text[copied..]);
        filled
    }

    /// The input for the plugin, and the documents to store. Of a caller who may not use the service nothing is
    /// looked at. Decoding takes a while for large documents: not for a thread that serves others.
    fn measured(self, store: &Store, may_store: bool) -> (Vec<u8>, Documents) {
        let mut waiting = Vec::new();
        let mut describe = |raw: &Bytes| {
            if !may_store {
                return json!({ "blob": null, "size": raw.len().saturating_sub(2), "error": "not-stored" });
            }
            if raw.first() != Some(&b'"') {
                return json!({ "blob": null, "size": raw.len(), "error": "not-base64" });
            }
            match Measured::of(raw) {
                Err(NoBase64(characters)) => json!({ "blob": null, "size": characters, "error": "not-base64" }),
                Ok(measured) => {
                    let id = store.ids().blob();
                    let described = json!({
                        "blob": id, "size": measured.size, "sha256": measured.sha256, "content_type": measured.content_type,
                    });
                    waiting.push((id, measured));
                    described
                }
            }
        };
        let described: Vec<String> = self.holes.iter().map(|(_, raw)| describe(raw).to_string()).collect();
        let input = self.filled(|number| described[number].clone());
        (input, Documents::new(waiting, self.room))
    }
}

/// [`Taken::measured`], on a thread of its own if there are documents.
pub async fn measure(store: &Store, taken: Taken, may_store: bool) -> (Vec<u8>, Documents) {
    if taken.holes.is_empty() {
        return taken.measured(store, may_store);
    }
    let store = store.clone();
    let measured = tokio::task::spawn_blocking(move || taken.measured(&store, may_store)).await;
    // It does not panic; an empty input is refused as what it is.
    measured.unwrap_or_default()
}

fn not_json(error: serde_json::Error) -> TakeError {
    TakeError::NotJson(error.to_string())
}

/// What is left of the paths that go on through a member or element.
fn below<'a>(paths: &[&'a [String]], fits: impl Fn(&String) -> bool) -> Vec<&'a [String]> {
    paths.iter().filter_map(|path| path.split_first()).filter(|(first, _)| fits(first)).map(|(_, rest)| rest).collect()
}

/// Members of an object as they are written, in their order, also where a name comes twice.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(&'de RawValue, &'de RawValue)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(input: &str, pointers: &[&str]) -> Result<(String, Vec<String>), TakeError> {
        let pointers: Vec<String> = pointers.iter().map(|pointer| (*pointer).to_owned()).collect();
        let taken = Taken::out_of(&Bytes::from(input.to_owned()), &pointers, None)?;
        let holes = taken.holes.iter().map(|(_, raw)| String::from_utf8(raw.to_vec()).unwrap()).collect();
        Ok((String::from_utf8(taken.without_documents()).unwrap(), holes))
    }

    #[test]
    fn documents_leave_and_the_rest_stays_as_it_was_written() {
        let input = r#" {"n": 1.50, "documents": [ {"id": 7, "pdf": "aGk=", "x": {"pdf": "no"}}, {"pdf": false}, {"pdf":null}, {"id": 2}, 5 ], "pdf": "no" , "big": 123456789012345678901 } "#;
        let (rest, holes) = taken(input, &["/documents/*/pdf"]).unwrap();
        assert_eq!(holes, ["\"aGk=\""]);
        assert_eq!(
            rest,
            r#"{"n":1.50,"documents":[{"id":7,"pdf":null,"x":{"pdf": "no"}},{"pdf":false},{"pdf":null},{"id":2},5],"pdf":"no","big":123456789012345678901}"#
        );
    }

    #[test]
    fn pointers_follow_indexes_and_escapes_and_several_lead_to_one_place_once() {
        let input = r#"{"a/b": ["x", "y"], "cover": {"a": "z"}, "e": {}, "l": []}"#;
        let (rest, holes) = taken(input, &["/a~1b/1", "/a~1b/*", "/cover", "/cover/a", "/e/x", "/l/*"]).unwrap();
        assert_eq!(holes, ["\"x\"", "\"y\"", r#"{"a": "z"}"#]);
        assert_eq!(rest, r#"{"a/b":[null,null],"cover":null,"e":{},"l":[]}"#);
        assert_eq!(taken("[\"a\"]", &["/a"]).unwrap(), ("[\"a\"]".to_owned(), Vec::new()));
    }

    #[test]
    fn what_is_no_json_or_too_much_is_refused() {
        assert!(matches!(taken("{\"a\"", &["/a"]), Err(TakeError::NotJson(_))));
        let many = |count: usize| format!("[{}\"\"]", "\"\",".repeat(count - 1));
        assert_eq!(taken(&many(MOST_DOCUMENTS), &["/*"]).unwrap().1.len(), MOST_DOCUMENTS);
        assert_eq!(taken(&many(MOST_DOCUMENTS + 1), &["/*"]), Err(TakeError::TooMany));
    }
}
