use proptest::prelude::*;

use super::{
    samples::{a4, classic, modern, sized},
    *,
};

fn pages(bytes: &[u8]) -> Result<usize, Problem> {
    Document::open(bytes)?.pages()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn pages_are_counted_in_old_and_new_documents() {
    for count in [1, 2, 7, 300] {
        assert_eq!(pages(&a4(count)), Ok(count));
        assert_eq!(pages(&modern(count)), Ok(count), "{count}");
    }
}

#[test]
fn what_a_database_recorded_is_one_page() {
    let capture = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\nxref\n0 4\n0000000000 65535 f \n0000000009 00000 n \n0000000052 00000 n \n0000000101 00000 n \ntrailer<</Size 4/Root 1 0 R>>\nstartxref\n165\n%%EOF\n";
    assert_eq!(pages(capture), Ok(1));
}

#[test]
fn pages_must_be_a4_and_upright() {
    for (media, more) in [
        ("[0 0 595 842]", ""),
        ("[0 0 596.5 840]", ""),
        ("[10 10 605.28 851.89]", ""),
        ("[0 0 842 595]", "/Rotate 90"),
        ("[595 842 0 0]", "/Rotate 180"),
        ("[0 0 700 900]", "/CropBox[0 0 595 842]"),
        ("[0 0 297.64 420.94]", "/UserUnit 2"),
    ] {
        assert_eq!(pages(&sized(2, media, more)), Ok(2), "{media} {more}");
    }
    for (media, more) in [
        ("[0 0 612 792]", ""),
        ("[0 0 842 595]", ""),
        ("[0 0 595 842]", "/Rotate 90"),
        ("[0 0 595 842]", "/Rotate 45"),
        ("[0 0 595 842]", "/UserUnit 2"),
        ("[0 0 595 842]", "/CropBox[0 0 595 400]"),
        ("[0 0 595]", ""),
        ("[0 0 9999999999 9999999999]", "/UserUnit 999999999999"),
        ("null", ""),
    ] {
        assert_eq!(pages(&sized(2, media, more)), Err(Problem::PageSize(1)), "{media} {more}");
    }
}

#[test]
fn other_things_than_documents_are_refused() {
    assert_eq!(pages(b""), Err(Problem::NotPdf));
    assert_eq!(pages(b"GIF89a"), Err(Problem::NotPdf));
    assert_eq!(pages(b"%PDF-1.4\n%%EOF"), Err(Problem::Damaged("it has no catalog")));
    assert_eq!(pages(&a4(0)), Err(Problem::Empty));
    let whole = a4(3);
    for cut in [whole.len() / 4, whole.len() / 2, whole.len() - 6] {
        assert!(matches!(pages(&whole[..cut]), Err(Problem::Damaged(_))), "{cut}");
    }
    let locked = text(&whole).replace("/Root 1 0 R", "/Root 1 0 R/Encrypt 9 0 R");
    assert_eq!(pages(locked.as_bytes()), Err(Problem::Encrypted));
}

#[test]
fn wrong_cross_references_are_searched_for() {
    let good = text(&a4(3));
    for (what, with) in [("startxref\n", "startxref\n9"), ("xref\n0", "xxxx\n0"), ("/Size 11", "/Size 11/Prev 77")] {
        let wrong = good.replace(what, with);
        assert_ne!(wrong, good);
        assert_eq!(pages(wrong.as_bytes()), Ok(3), "{what}");
    }
    let mut shifted = b"%PDF-1.4\njunk that moves everything\n".to_vec();
    shifted.extend(a4(3));
    assert_eq!(pages(&shifted), Ok(3));
    // The same where objects are in a stream.
    let mut new = modern(4);
    let at = new.windows(9).rposition(|word| word == b"startxref").unwrap();
    new.truncate(at);
    new.extend(b"startxref\n1\n%%EOF\n");
    assert_eq!(pages(&new), Ok(4));
}

#[test]
fn a_page_without_its_content_is_damaged() {
    let lost = text(&a4(2)).replace("/Contents 8 0 R", "/Contents 99 0 R");
    assert_eq!(pages(lost.as_bytes()), Err(Problem::Damaged("a page's content is missing")));
}

#[test]
fn trees_that_do_not_end_end() {
    let object = |text: &str| text.to_owned();
    let circle = classic(&[object("<</Type/Catalog/Pages 2 0 R>>"), object("<</Type/Pages/Kids[2 0 R]>>")], "");
    assert_eq!(pages(&circle), Err(Problem::Damaged("a page stands in the tree twice")));
    let echo = classic(&[object("<</Type/Catalog/Pages 2 0 R>>"), object("3 0 R"), object("2 0 R")], "");
    assert_eq!(pages(&echo), Err(Problem::TooComplex));
    let mut deep = vec![object("<</Type/Catalog/Pages 2 0 R>>")];
    deep.extend((3..300).map(|kid| format!("<</Type/Pages/Kids[{kid} 0 R]>>")));
    assert_eq!(pages(&classic(&deep, "")), Err(Problem::TooComplex));
    let wide = format!("<</Type/Pages/Kids[{}]>>", "<</Type/Page/MediaBox[0 0 595 842]>>".repeat(5_000));
    assert_eq!(pages(&classic(&[object("<</Type/Catalog/Pages 2 0 R>>"), wide], "")), Err(Problem::TooComplex));
    let nested = format!("<</Type/Pages/Kids{}", "[".repeat(100_000));
    assert_eq!(pages(&classic(&[object("<</Type/Catalog/Pages 2 0 R>>"), nested], "")), Err(Problem::TooComplex));
}

#[test]
fn a_file_may_not_make_the_reader_go_over_it_again_and_again() {
    // Thousands of pages that all are one long object under another number.
    let mut out = b"%PDF-1.4\n".to_vec();
    let filler = "/X (".to_owned() + &"y".repeat(200_000) + ")";
    let mut table = String::new();
    let numbers: Vec<u32> = (3..3_003).collect();
    let kids: Vec<String> = numbers.iter().map(|number| format!("{number} 0 R")).collect();
    let at = out.len();
    out.extend(b"1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n");
    table.push_str(&format!("1 1\n{at:010} 00000 n \n"));
    let at = out.len();
    out.extend(
        format!("2 0 obj\n<</Type/Pages/MediaBox[0 0 595 842]{filler}/Kids[{}]>>\nendobj\n", kids.join(" ")).bytes(),
    );
    table.push_str(&format!("2 1\n{at:010} 00000 n \n"));
    for number in numbers {
        let at = out.len();
        out.extend(format!("{number} 0 obj {} 0 R endobj\n", number + 3_000).bytes());
        table.push_str(&format!("{number} 1\n{at:010} 00000 n \n"));
    }
    for number in 6_003..9_003 {
        let at = out.len();
        out.extend(
            format!("{number} 0 obj <</Type/Page{}>> endobj\n", &filler[..filler.len().min(200_004)])
                .bytes()
                .take(60_000),
        );
        table.push_str(&format!("{number} 1\n{at:010} 00000 n \n"));
        if out.len() > 8 << 20 {
            break;
        }
    }
    let start = out.len();
    out.extend(format!("xref\n{table}trailer\n<</Size 9003/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n").bytes());
    // Strings that do not end, wherever one looks; and a long box above many nodes.
    let open = |text: &str| format!("%PDF-1.4\n{}\n%%EOF", text.repeat(8_000_000 / text.len())).into_bytes();
    let kids: String = (3..3_900).map(|kid| format!("{kid} 0 R ")).collect();
    let long = "()".repeat(40_000);
    let mut boxes = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        format!("<</Type/Pages/MediaBox[{long}]/CropBox[{long}]/Kids[{kids}]>>"),
    ];
    boxes.extend((3..3_900).map(|_| "<</Type/Pages>>".to_owned()));
    for (document, problem) in [
        (out, None),
        (open("trailer("), Some(Problem::TooComplex)),
        (open("trailer<"), Some(Problem::TooComplex)),
        (open("trailer(\\"), Some(Problem::TooComplex)),
        (classic(&boxes, ""), Some(Problem::Empty)),
    ] {
        let began = std::time::Instant::now();
        let found = pages(&document).unwrap_err();
        assert_eq!(problem.unwrap_or(found), found);
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{found:?}: {:?}", began.elapsed());
    }
}

#[test]
fn many_small_objects_are_too_many() {
    let object = |text: String| classic(&["<</Type/Catalog/Pages 2 0 R>>".to_owned(), text], "");
    for filler in ["1 ".repeat(3_900_000), "/ ".repeat(3_900_000), "[]".repeat(3_900_000)] {
        let document = object(format!("<</Type/Pages/Kids[]/X[{filler}]>>"));
        assert_eq!(pages(&document), Err(Problem::TooComplex));
    }
    let many: String = (1..400_000).map(|number| format!("{number} 0 obj\n<<>>\n")).collect();
    let document = format!("%PDF-1.4\n{many}trailer<</Root 1 0 R>>\n%%EOF");
    assert_eq!(pages(document.as_bytes()), Err(Problem::TooComplex));
}

#[test]
fn a_huge_table_is_not_believed() {
    let wrong = text(&a4(1)).replace("xref\n0 7", "xref\n0 4000000000");
    assert_eq!(pages(wrong.as_bytes()), Ok(1), "searched for instead");
}

#[test]
fn a_cover_page_comes_first() {
    for document in [a4(2), modern(2)] {
        for (blank, count) in [(false, 3), (true, 4)] {
            let opened = Document::open(&document).unwrap();
            let cover = Cover { address: "Bob\nMain 1\n1000 Bruxelles\nBelgium", window: Window::Right, blank };
            let (bytes, total) = opened.with_cover(&cover).unwrap();
            assert_eq!(total, count);
            assert!(bytes.starts_with(&document), "nothing of it is changed");
            assert_eq!(pages(&bytes), Ok(count));
            assert!(text(&bytes).contains("BT /F1 10.500 Tf 12.600 TL 334.488 661.311 Td <426f62> Tj T*"));
            // What was added can be added to.
            let again = Document::open(&bytes).unwrap();
            let left = Cover { window: Window::Left, blank: false, ..cover };
            assert_eq!(again.with_cover(&left).unwrap().1, count + 1);
        }
    }
}

#[test]
fn a_document_whose_references_were_wrong_gets_right_ones() {
    let mut new = modern(2);
    let at = new.windows(9).rposition(|word| word == b"startxref").unwrap();
    new.truncate(at);
    new.extend(b"startxref\n1\n%%EOF\n");
    let cover = Cover { address: "Bob", window: Window::Right, blank: false };
    let (bytes, _) = Document::open(&new).unwrap().with_cover(&cover).unwrap();
    let opened = Document::open(&bytes).unwrap();
    assert!(opened.places.newest.is_some(), "read, not searched for");
    assert_eq!(opened.pages(), Ok(3));
}

#[test]
fn an_address_must_fit_the_window() {
    let document = a4(1);
    let opened = Document::open(&document).unwrap();
    let with = |address: &str| opened.with_cover(&Cover { address, window: Window::Left, blank: false }).map(|_| ());
    assert_eq!(with("A\nB\nC\nD\nE\nF\nG"), Ok(()));
    assert_eq!(with(&"W".repeat(40)), Err(Problem::Address));
    assert_eq!(with(&"line\n".repeat(12)), Err(Problem::Address));
    assert_eq!(with(""), Err(Problem::Address));
    assert_eq!(with("Иван"), Err(Problem::Address));
}

#[test]
fn the_writer_of_a_document_is_known() {
    let document = a4(1);
    assert_eq!(Document::open(&document).unwrap().producer().as_deref(), Some("(Qt 4.8.7)"));
    let other = text(&document).replace("(Qt 4.8.7)", "<5079504446>");
    assert_eq!(Document::open(other.as_bytes()).unwrap().producer().as_deref(), Some("PyPDF"));
}

#[test]
fn a_cover_page_that_a_database_made_is_seen() {
    // Made by Odoo 19's own code from a document of one page.
    for (document, count, has_cover) in [
        (&include_bytes!("../../samples/odoo-19-cover.pdf")[..], 2, true),
        (&include_bytes!("../../samples/odoo-19-cover-duplex.pdf")[..], 3, true),
        (&include_bytes!("../../samples/odoo-19.pdf")[..], 1, false),
    ] {
        let opened = Document::open(document).unwrap();
        assert_eq!((opened.pages(), opened.has_cover()), (Ok(count), has_cover));
    }
    let wkhtmltopdf = a4(2);
    assert!(!Document::open(&wkhtmltopdf).unwrap().has_cover());
    // What another program wrote is not believed to have one.
    let other = text(include_bytes!("../../samples/odoo-19-cover.pdf")).replace("(Odoo)", "(Abcd)");
    assert!(!Document::open(other.as_bytes()).unwrap().has_cover());
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut document = b"%PDF-1.4\n".to_vec();
        document.extend(bytes);
        document.extend(b"\n%%EOF");
        let _ = pages(&document);
    }

    #[test]
    fn no_change_of_a_document_makes_the_reader_panic(at in 0_usize..2_000, byte in any::<u8>(), new in any::<bool>()) {
        let mut document = if new { modern(3) } else { a4(3) };
        let length = document.len();
        document[at % length] = byte;
        if let Ok(opened) = Document::open(&document) {
            let _ = opened.pages();
            drop(opened.with_cover(&Cover { address: "Bob", window: Window::Right, blank: true }));
        }
    }
}
