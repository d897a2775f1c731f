//! Documents for tests.

use miniz_oxide::deflate::compress_to_vec_zlib;

/// An A4 document with this many pages and a classic table.
pub fn a4(pages: usize) -> Vec<u8> {
    sized(pages, "[0 0 595.28 841.89]", "")
}

/// A document of pages with this box and further members.
pub fn sized(pages: usize, media: &str, more: &str) -> Vec<u8> {
    let kids: Vec<String> = (0..pages).map(|page| format!("{} 0 R", 5 + 2 * page)).collect();
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        format!("<</Type/Pages/Count {pages}/Kids[{}]/MediaBox {media}>>", kids.join(" ")),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_owned(),
        "<</Producer(Qt 4.8.7)>>".to_owned(),
    ];
    for page in 0..pages {
        let text = format!("BT /F1 24 Tf 72 720 Td (Page {}) Tj ET", page + 1);
        objects.push(format!(
            "<</Type/Page/Parent 2 0 R/Contents {} 0 R/Resources<</Font<</F1 3 0 R>>>>{more}>>",
            6 + 2 * page
        ));
        objects.push(format!("<</Length {}>>stream\n{text}\nendstream", text.len()));
    }
    classic(&objects, "/Info 4 0 R")
}

/// Objects 1, 2, … behind each other, with a table.
pub fn classic(objects: &[String], more: &str) -> Vec<u8> {
    let mut out = b"%PDF-1.4\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (position, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", out.len()));
        out.extend(format!("{} 0 obj\n{object}\nendobj\n", position + 1).bytes());
    }
    let start = out.len();
    out.extend(table.bytes());
    out.extend(
        format!("trailer\n<</Size {}/Root 1 0 R{more}>>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1).bytes(),
    );
    out
}

/// An A4 document as newer programs write it: objects in a stream, cross-references in another, with a predictor.
pub fn modern(pages: usize) -> Vec<u8> {
    let mut inner: Vec<(usize, String)> = vec![(1, "<</Type/Catalog/Pages 2 0 R>>".to_owned())];
    let kids: Vec<String> = (0..pages).map(|page| format!("{} 0 R", 10 + page)).collect();
    inner.push((2, format!("<</Type/Pages/Count {pages}/Kids[{}]>>", kids.join(" "))));
    for page in 0..pages {
        inner.push((10 + page, "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>".to_owned()));
    }
    let (mut head, mut body) = (String::new(), String::new());
    for (number, text) in &inner {
        head.push_str(&format!("{number} {} ", body.len()));
        body.push_str(text);
        body.push(' ');
    }
    let packed = compress_to_vec_zlib(format!("{head}{body}").as_bytes(), 6);
    let mut out = b"%PDF-1.5\n".to_vec();
    let content = out.len();
    out.extend(b"4 0 obj\n<</Length 2>>stream\nq\n\nendstream\nendobj\n");
    let stream = out.len();
    out.extend(
        format!(
            "3 0 obj\n<</Type/ObjStm/N {}/First {}/Filter/FlateDecode/Length {}>>stream\n",
            inner.len(),
            head.len(),
            packed.len()
        )
        .bytes(),
    );
    out.extend(&packed);
    out.extend(b"\nendstream\nendobj\n");
    let xref = out.len();
    let size = 10 + pages;
    let mut rows: Vec<[u8; 5]> = vec![[0; 5]; size];
    let row = |kind: u8, one: usize, two: usize| {
        let one = u16::try_from(one).unwrap().to_be_bytes();
        let two = u16::try_from(two).unwrap().to_be_bytes();
        [kind, one[0], one[1], two[0], two[1]]
    };
    for (position, (number, _)) in inner.iter().enumerate() {
        rows[*number] = row(2, 3, position);
    }
    rows[3] = row(1, stream, 0);
    rows[4] = row(1, content, 0);
    rows[5] = row(1, xref, 0);
    let (mut predicted, mut above) = (Vec::new(), [0_u8; 5]);
    for row in rows {
        predicted.push(2);
        predicted.extend(row.iter().zip(above).map(|(byte, up)| byte.wrapping_sub(up)));
        above = row;
    }
    let packed = compress_to_vec_zlib(&predicted, 6);
    out.extend(
        format!(
            "5 0 obj\n<</Type/XRef/Size {size}/W[1 2 2]/Root 1 0 R/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 5>>/Length {}>>stream\n",
            packed.len()
        )
        .bytes(),
    );
    out.extend(&packed);
    out.extend(format!("\nendstream\nendobj\nstartxref\n{xref}\n%%EOF\n").bytes());
    out
}
