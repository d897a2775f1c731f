//! Streams that are needed to read a document: cross-references and objects, inflated within bounds.

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use super::{
    Problem,
    object::{Dict, Object},
    reader::Budget,
};

/// Most bytes that one stream may inflate to.
const MAX_INFLATED: usize = 8 << 20;

/// The decoded bytes of a stream.
pub fn decode(dict: &Dict, raw: &[u8], budget: &Budget) -> Result<Vec<u8>, Problem> {
    let mut bytes = match dict.get("Filter") {
        None => raw.to_vec(),
        Some(Object::Name(name)) if name == b"FlateDecode" || name == b"Fl" => inflate(raw)?,
        Some(Object::Array(filters)) if filters.is_empty() => raw.to_vec(),
        Some(Object::Array(filters)) if *filters == [Object::name("FlateDecode")] => inflate(raw)?,
        Some(_) => return Err(Problem::Damaged("a stream is packed in a way that no document needs here")),
    };
    budget.take(bytes.len())?;
    let parameters = match dict.get("DecodeParms") {
        Some(Object::Dict(parameters)) => Some(parameters),
        Some(Object::Array(all)) => match all.first() {
            Some(Object::Dict(parameters)) => Some(parameters),
            _ => None,
        },
        _ => None,
    };
    if let Some(parameters) = parameters
        && parameters.int("Predictor").is_some_and(|predictor| predictor >= 10)
    {
        bytes = unpredicted(&bytes, parameters)?;
    }
    Ok(bytes)
}

fn inflate(raw: &[u8]) -> Result<Vec<u8>, Problem> {
    decompress_to_vec_zlib_with_limit(raw, MAX_INFLATED).map_err(|error| match error.status {
        miniz_oxide::inflate::TINFLStatus::HasMoreOutput => Problem::TooComplex,
        _ => Problem::Damaged("a stream cannot be inflated"),
    })
}

/// Undoes PNG predictors: each row begins with the one that it used.
fn unpredicted(bytes: &[u8], parameters: &Dict) -> Result<Vec<u8>, Problem> {
    let bad = Problem::Damaged("a stream is not as its predictor says");
    let whole = |key, usual| parameters.int(key).map_or(Ok(usual), |number| usize::try_from(number).map_err(|_| bad));
    let (columns, colours, bits) = (whole("Columns", 1)?, whole("Colors", 1)?, whole("BitsPerComponent", 8)?);
    if bits != 8 || colours != 1 || !(1..=64).contains(&columns) {
        return Err(bad);
    }
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut above = vec![0_u8; columns];
    for row in bytes.chunks_exact(columns + 1) {
        let Some((kind, row)) = row.split_first() else { break };
        let (mut left, mut corner) = (0_u8, 0_u8);
        for (byte, up) in row.iter().zip(above.iter_mut()) {
            let guess = match kind {
                0 => 0,
                1 => left,
                2 => *up,
                3 => u8::midpoint(left, *up),
                4 => paeth(left, *up, corner),
                _ => return Err(bad),
            };
            corner = *up;
            left = byte.wrapping_add(guess);
            *up = left;
            out.push(left);
        }
    }
    Ok(out)
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let estimate = i16::from(left) + i16::from(up) - i16::from(corner);
    let distance = |value: u8| (estimate - i16::from(value)).abs();
    if distance(left) <= distance(up) && distance(left) <= distance(corner) {
        left
    } else if distance(up) <= distance(corner) {
        up
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    use miniz_oxide::deflate::compress_to_vec_zlib;

    use super::*;

    fn flate() -> Dict {
        Dict(vec![(b"Filter".to_vec(), Object::name("FlateDecode"))])
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        let bomb = compress_to_vec_zlib(&vec![0; MAX_INFLATED + 1], 6);
        assert!(bomb.len() < 20_000);
        assert_eq!(decode(&flate(), &bomb, &Budget::new(usize::MAX)), Err(Problem::TooComplex));
        let fits = compress_to_vec_zlib(&vec![0; 1_000], 6);
        assert_eq!(decode(&flate(), &fits, &Budget::new(999)), Err(Problem::TooComplex));
        assert_eq!(decode(&flate(), &fits, &Budget::new(1_000)).map(|bytes| bytes.len()), Ok(1_000));
    }

    #[test]
    fn rows_are_told_by_the_one_above() {
        let mut dict = flate();
        dict.set(
            "DecodeParms",
            Object::Dict(Dict(vec![(b"Predictor".to_vec(), Object::Int(12)), (b"Columns".to_vec(), Object::Int(3))])),
        );
        let rows = [2, 1, 2, 3, 2, 1, 1, 1, 1, 5, 1, 1];
        let packed = compress_to_vec_zlib(&rows, 6);
        assert_eq!(decode(&dict, &packed, &Budget::new(1_000)), Ok(vec![1, 2, 3, 2, 3, 4, 5, 6, 7]));
    }

    #[test]
    fn garbage_is_damaged() {
        assert!(matches!(decode(&flate(), b"not zlib", &Budget::new(1_000)), Err(Problem::Damaged(_))));
        let lzw = Dict(vec![(b"Filter".to_vec(), Object::name("LZWDecode"))]);
        assert!(matches!(decode(&lzw, b"", &Budget::new(1_000)), Err(Problem::Damaged(_))));
    }
}
