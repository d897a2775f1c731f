//! Documents.

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// An A4 document of so many pages, each with a text.
pub fn a4(pages: usize, text: &str) -> Vec<u8> {
    sized(pages, text, "595.28 841.89")
}

/// A document of pages of another size.
pub fn sized(pages: usize, text: &str, size: &str) -> Vec<u8> {
    let kids: Vec<String> = (0..pages).map(|page| format!("{} 0 R", 4 + 2 * page)).collect();
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        format!("<</Type/Pages/Count {pages}/Kids[{}]/MediaBox[0 0 {size}]>>", kids.join(" ")),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_owned(),
    ];
    for page in 0..pages {
        let content = format!("BT /F1 12 Tf 72 700 Td ({text} {page}) Tj ET");
        objects
            .push(format!("<</Type/Page/Parent 2 0 R/Contents {} 0 R/Resources<</Font<</F1 3 0 R>>>>>>", 5 + 2 * page));
        objects.push(format!("<</Length {}>>stream\n{content}\nendstream", content.len()));
    }
    written(&objects)
}

/// Objects 1, 2, … with their table.
pub fn written(objects: &[String]) -> Vec<u8> {
    let mut out = String::from("%PDF-1.4\n");
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (position, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", out.len()));
        out.push_str(&format!("{} 0 obj\n{object}\nendobj\n", position + 1));
    }
    let start = out.len();
    out.push_str(&format!("{table}trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1));
    out.into_bytes()
}

/// As a request carries it.
pub fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}
