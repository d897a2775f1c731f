//! Letters that cannot be sent: the code that the database knows, nothing charged, nothing printed.

use serde_json::{Value, json};

use crate::{
    pdf,
    world::{World, letter, letter_of, plain},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn addresses_and_documents_are_checked_before_anything_is_spent() {
    let world = World::with("10").await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut one = letter(1);
        change(&mut one);
        one
    };
    let objects = |more: &[&str]| {
        let mut all = vec!["<</Type/Catalog/Pages 2 0 R>>".to_owned()];
        all.extend(more.iter().map(|object| (*object).to_owned()));
        pdf::written(&all)
    };
    let good = pdf::a4(2, "x");
    let bomb =
        std::fs::read(format!("{}/fixtures/pdf/bomb.pdf", env!("CARGO_MANIFEST_DIR"))).expect("the fixture is there");
    let many: String = (1..500_000).map(|number| format!("{number} 0 obj\n<<>>\n")).collect();
    let many = format!("%PDF-1.4\n{many}trailer<</Root 1 0 R>>\n%%EOF");
    let nested = format!("<</Type/Pages/Kids{}", "[".repeat(500_000));
    let huge = String::from_utf8(good.clone())
        .expect("ASCII")
        .replace("xref\n0 8", "xref\n0 4294967295")
        .replace("trailer", "trail");
    for (what, document, code) in [
        ("no city", with(&|one| one["address"]["city"] = json!(false)), "MISSING_REQUIRED_FIELDS"),
        ("blank name", with(&|one| one["address"]["name"] = json!("  ")), "MISSING_REQUIRED_FIELDS"),
        ("no country", with(&|one| one["address"]["country_code"] = json!(false)), "MISSING_REQUIRED_FIELDS"),
        ("no price", with(&|one| one["address"]["country_code"] = json!("KP")), "NO_PRICE_AVAILABLE"),
        ("no document", with(&|one| one["pdf_bin"] = json!(false)), "FORMAT_ERROR"),
        ("not base64", with(&|one| one["pdf_bin"] = json!("%PDF-1.4 !")), "FORMAT_ERROR"),
        ("no PDF", letter_of(1, b"GIF89a"), "FORMAT_ERROR"),
        ("cut off", letter_of(1, &good[..good.len() / 2]), "FORMAT_ERROR"),
        ("US letter", letter_of(1, &pdf::sized(1, "x", "612 792")), "FORMAT_ERROR"),
        ("no pages", letter_of(1, &pdf::a4(0, "x")), "FORMAT_ERROR"),
        ("too many pages", letter_of(1, &pdf::a4(321, "x")), "FORMAT_ERROR"),
        ("circle", letter_of(1, &objects(&["<</Type/Pages/Kids[2 0 R]>>"])), "FORMAT_ERROR"),
        ("nested", letter_of(1, &objects(&[&nested])), "FORMAT_ERROR"),
        ("bomb", letter_of(1, &bomb), "FORMAT_ERROR"),
        (
            "numbers",
            letter_of(1, &objects(&[&format!("<</Type/Pages/Kids[{}]>>", "1 ".repeat(3_900_000))])),
            "FORMAT_ERROR",
        ),
        ("objects", letter_of(1, many.as_bytes()), "FORMAT_ERROR"),
        ("huge table", letter_of(1, huge.as_bytes()), "FORMAT_ERROR"),
        (
            "zeros",
            letter_of(1, &[b"%PDF-1.4\n".as_slice(), &vec![b'0'; 7_000_000], b"\n%%EOF"].concat()),
            "FORMAT_ERROR",
        ),
    ] {
        let began = std::time::Instant::now();
        let told = world.print(document).await;
        assert_eq!(
            (told["error"].as_str(), told["sent"].as_bool(), told["letter_id"].as_u64()),
            (Some(code), Some(false), Some(1)),
            "{what}: {told}"
        );
        assert!(began.elapsed().as_secs() < 10, "{what}");
    }
    assert_eq!((world.stamps().await, world.printer.counts().await), (("10".to_owned(), "0".to_owned()), (0, 0)));
    // Fourteen pages are the most for one country, and not too many for another.
    let mut dutch = letter_of(2, &pdf::a4(15, "x"));
    dutch["address"]["country_code"] = json!("NL");
    assert_eq!(world.print(dutch.clone()).await["error"], "FORMAT_ERROR");
    dutch["address"]["country_code"] = json!("BE");
    assert_eq!(world.print(dutch).await["sent"], true);
    assert_eq!(world.settled().await, "6.2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn credits_that_run_out_send_the_first_letters_of_a_batch() {
    let world = World::with("2.5").await;
    let result = world.print_all((1..=4).map(letter).collect(), plain()).await;
    let documents = result["request"]["documents"].as_array().expect("a list");
    let told: Vec<Value> = documents.iter().map(|one| json!([one["letter_id"], one["sent"], one["error"]])).collect();
    assert_eq!(
        told,
        [
            json!([1, true, null]),
            json!([2, true, null]),
            json!([3, false, "CREDIT_ERROR"]),
            json!([4, false, "CREDIT_ERROR"])
        ]
    );
    assert_eq!((&result["credit_error"], &result["total_cost"]), (&json!(true), &json!(2)));
    assert_eq!((world.settled().await, world.printer.counts().await), ("0.5".to_owned(), (2, 2)));
    // The user buys stamps, and the cron sends what is left.
    world.host.operator().grant(&world.odoo, "snailmail", "5").await;
    let result = world.print_all((1..=4).map(letter).collect(), plain()).await;
    assert!(
        result["request"]["documents"].as_array().expect("a list").iter().all(|one| one["sent"] == true),
        "{result}"
    );
    assert_eq!((world.settled().await, world.printer.counts().await), ("3.5".to_owned(), (4, 4)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_has_no_stamps_or_is_disabled_is_told_so() {
    let world = World::with("0").await;
    let result = world.print_all(vec![letter(1)], plain()).await;
    assert_eq!(
        (&result["credit_error"], &result["request"]["documents"][0]["error"]),
        (&json!(true), &json!("CREDIT_ERROR"))
    );
    let disabled = world.odoo.with_token(&format!("{}+disabled", world.odoo.token));
    let mut params = world.params(vec![letter(1)], plain());
    params["account_token"] = json!(disabled.token);
    let result = disabled.result("/iap/snailmail/1/print", &params).await;
    assert_eq!(result["request"]["documents"][0]["error"], "TRIAL_ERROR", "{result}");
    assert_eq!(world.printer.counts().await, (0, 0));
    let empty = world
        .print_all(Vec::new(), json!({ "color": false, "cover": false, "duplex": false, "currency_name": false }))
        .await;
    assert_eq!(empty["request"]["documents"], json!([]));
}
