//! The pages, as somebody with a browser and no script uses them.

use crate::{
    browser::hidden,
    support::{ALL, KEY, world},
};

const ANN: &str = "ann@acme.example";

const SIGN_UP: [(&str, &str); 7] = [
    ("title", "Acme & Söhne"),
    ("name", "acme"),
    ("email", ANN),
    ("organisation", "Acme BV"),
    ("country", "BE"),
    ("vat_number", ""),
    ("terms_accepted", "1"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_signs_up_by_page_and_sees_what_to_do_next() {
    let world = world("").await;
    let mut browser = world.browser();
    let page = browser.get("/vendors/sign-up").await;
    assert!(page.text.contains("Belgium") && !page.text.contains("<script"), "{}", page.text);
    let mut wrong = SIGN_UP;
    wrong[1].1 = "Acme!";
    let shown = browser.send(&page, "/vendors/sign-up", &wrong).await;
    assert_eq!(shown.status, 422);
    for kept in ["aria-invalid=\"true\"", "value=\"Acme &amp; Söhne\"", "value=\"BE\" selected", "must be 1 to 60 of"]
    {
        assert!(shown.text.contains(kept), "{kept} is missing: {}", shown.text);
    }
    let page = browser.send(&shown, "/vendors/sign-up", &SIGN_UP).await;
    assert!(page.text.contains("Confirm your address") && page.text.contains(ANN), "{}", page.text);
    let again = browser.send(&page, "/vendors/confirm", &[("vendor", "acme"), ("email", ANN), ("code", "12")]).await;
    assert_eq!(again.status, 422);
    assert!(again.text.contains("The code is wrong") && browser.cookie.is_none(), "{}", again.text);
    let code = world.code(ANN, 1).await;
    let page = browser.send(&again, "/vendors/confirm", &[("vendor", "acme"), ("email", ANN), ("code", &code)]).await;
    assert!(page.text.contains("Waiting for approval"), "{}", page.text);
    assert!(page.text.contains("Your address is confirmed, and you are signed in"), "{}", page.text);
    world.host.operator().ok("POST", "/v1/vendors/acme/approve", None).await;
    let page = browser.get("/vendors").await;
    for text in ["Acme &amp; Söhne", "iap login --host", "payout details", "None yet. Releases are signed"] {
        assert!(page.text.contains(text), "{text} is missing: {}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_manages_the_vendor_by_page() {
    let world = world("vendor_signup = \"open\"\n").await;
    world.sign_up("acme", ANN).await;
    let token = world.token(ANN, &ALL).await;
    let mut browser = world.browser();
    let page = browser.sign_in(&world, ANN).await;
    for part in ["iap_session=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"] {
        assert!(browser.set_cookie.contains(part), "{part}: {}", browser.set_cookie);
    }
    assert!(!browser.set_cookie.contains("Secure"), "this host is http: {}", browser.set_cookie);
    let page = browser.send(&page, "/vendors/members", &[("email", "bob@acme.example"), ("role", "finance")]).await;
    assert!(page.text.contains("Say once more who you are"), "{}", page.text);
    let code = world.code(ANN, 4).await;
    let wrong = browser.send(&page, "/vendors/members", &[("code", "1")]).await;
    assert!(wrong.status == 422 && wrong.text.contains("The code is wrong"), "{}", wrong.text);
    let page = browser.send(&wrong, "/vendors/members", &[("code", &code)]).await;
    assert!(page.text.contains("invited, not confirmed yet"), "{}", page.text);
    assert!(world.mail(ANN, 5).await.contains("bob@acme.example"), "the owner is told");
    let page = browser.send(&page, "/vendors/keys", &[("title", "laptop"), ("public_key", KEY)]).await;
    assert!(page.text.contains(KEY), "{}", page.text);
    assert!(world.mail(ANN, 6).await.contains(KEY), "the owner is told");
    let page = browser.send(&page, "/vendors/keys/revoke", &[]).await;
    assert!(page.text.contains("The key is revoked"), "{}", page.text);
    let page = browser.send(&page, "/vendors/tokens/revoke", &[]).await;
    assert!(page.text.contains("The token is revoked"), "{}", page.text);
    assert_eq!(world.send_as(&token, "GET", "/v1/vendors/acme", None).await.status, 401);
    // The only owner.
    let refused = browser.send(&page, "/vendors/members/remove", &[]).await;
    assert_eq!(refused.status, 409, "{}", refused.text);

    let page = browser.get("/vendors/payout?vendor=acme").await;
    let mails = world.mails(ANN).await.len();
    let page = browser.send(&page, "/vendors/payout/code", &[]).await;
    let code = world.code(ANN, mails + 1).await;
    let iban = ("iban", "be68 5390 0754 7034");
    let wrong = browser.send(&page, "/vendors/payout", &[iban, ("currency", "EURO"), ("code", &code)]).await;
    assert!(wrong.status == 422 && wrong.text.contains("value=\"be68 5390 0754 7034\""), "{}", wrong.text);
    let page = browser.send(&wrong, "/vendors/payout", &[iban, ("currency", "EUR"), ("code", &code)]).await;
    assert!(page.text.contains("BE… 7034") && page.text.contains("nothing is paid out before"), "{}", page.text);
    assert!(!page.text.contains("5390"), "{}", page.text);

    let left = browser.send(&page, "/vendors/sign-out", &[]).await;
    assert!(left.text.contains("Mail me a code") && browser.cookie.is_none(), "{}", left.text);
    assert_eq!(world.host.sql("SELECT count(*) FROM session"), ["1"], "the other browser stays signed in");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_site_sends_a_form() {
    let world = world("vendor_signup = \"open\"\n").await;
    world.sign_up("acme", ANN).await;
    let mut browser = world.browser();
    let page = browser.sign_in(&world, ANN).await;
    let mut fields = hidden(&page.text, "/vendors/members");
    fields.extend([("email", "eve@evil.example"), ("role", "owner")].map(|(n, v)| (n.to_owned(), v.to_owned())));
    let foreign = browser.post("/vendors/members", &fields, &[("Sec-Fetch-Site", "cross-site")]).await;
    assert_eq!(foreign.status, 403, "{}", foreign.text);
    let without: Vec<_> = fields.iter().filter(|(name, _)| name != "form_token").cloned().collect();
    assert_eq!(browser.post("/vendors/members", &without, &[]).await.status, 403);
    let mut other = world.browser();
    let others = other.sign_in(&world, ANN).await;
    let mut mixed = without.clone();
    mixed.extend(hidden(&others.text, "/vendors/members"));
    assert_eq!(browser.post("/vendors/members", &mixed, &[]).await.status, 403, "another browser's form");
    assert_eq!(world.host.sql("SELECT count(*) FROM vendor_member"), ["1"]);
    assert_eq!(browser.post("/vendors/members", &fields, &[("Sec-Fetch-Site", "same-origin")]).await.status, 200);
    // Who is not signed in is led to where one signs in.
    browser.cookie = Some("iap_session=0000".to_owned());
    let led = browser.post("/vendors/members", &fields, &[]).await;
    assert_eq!(led.location.as_deref(), Some("/vendors/sign-in?next=%2Fvendors"));
    let away = world.browser().get("/vendors/sign-in?next=https%3A%2F%2Fevil.example").await;
    assert!(away.text.contains("name=\"next\" value=\"/vendors\""), "{}", away.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_mailed_nothing_and_learn_nothing() {
    let world = world("").await;
    let mut browser = world.browser();
    let page = browser.get("/vendors").await;
    assert!(page.text.contains("Sign in"), "{}", page.text);
    let page = browser.send(&page, "/vendors/sign-in", &[("email", "nobody@x.example")]).await;
    assert!(page.text.contains("acts for a vendor here, a code is on its way"), "{}", page.text);
    let page = browser.send(&page, "/vendors/sign-in/code", &[("code", "12345678")]).await;
    assert!(page.status == 422 && browser.cookie.is_none(), "{}", page.text);
    assert_eq!(world.host.sql("SELECT count(*) FROM mail"), ["0"]);
}
