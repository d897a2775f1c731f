//! Which account a company of a database uses: its own, else the one that is common to all, else none.

use iap_tests::TestHost;
use serde_json::{Value, json};

use crate::support::{balance, field, give, problem, send_as, text, with_echo};

async fn open(host: &TestHost, companies: Option<&[&str]>) -> (String, String) {
    let mut body = json!({ "service": "echo", "database": "db-a" });
    if let Some(companies) = companies {
        body["companies"] = json!(companies);
    }
    let opened = host.operator().ok("POST", "/v1/accounts", Some(&body)).await;
    give(host, &text(&opened["id"]), "10").await;
    (text(&opened["id"]), text(&opened["account_token"]))
}

/// The account that a company is to use, by what the database's list of accounts says.
fn choose(accounts: &[Value], company: &str) -> Option<String> {
    let own = |account: &&Value| account["companies"].as_array().is_some_and(|own| own.contains(&json!(company)));
    let common = |account: &&Value| account.get("companies").is_none();
    let found = accounts.iter().find(own).or_else(|| accounts.iter().find(common));
    found.map(|account| text(&account["id"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_uses_its_own_account_else_the_common_one_else_none() {
    let host = with_echo();
    let operator = host.operator();
    operator.declare("db-a", "on_premise").await;
    let issued = operator.ok("POST", "/v1/databases/db-a/tokens", None).await;
    let admin = text(&issued["token"]);
    let (first, first_token) = open(&host, Some(&["1", "2"])).await;
    let (second, _) = open(&host, Some(&["3"])).await;
    let list = async || {
        let shown = send_as(&host, &admin, "GET", "/v1/databases/db-a", None).await.json();
        shown["accounts"].as_array().expect("a list").clone()
    };
    let accounts = list().await;
    assert_eq!((&accounts[0]["companies"], &accounts[1]["companies"]), (&json!(["1", "2"]), &json!(["3"])));
    assert_eq!(choose(&accounts, "4"), None, "nobody has opened an account for it");
    let (common, _) = open(&host, None).await;
    let accounts = list().await;
    for (company, account) in [("1", &first), ("2", &first), ("3", &second), ("4", &common)] {
        assert_eq!(choose(&accounts, company).as_ref(), Some(account), "{company}");
    }
    let say = async |token: &str, account: &str, company: Option<&str>, quote: bool| {
        let mut body = json!({ "input": { "text": "hi" } });
        if let Some(company) = company {
            body["company"] = json!(company);
        }
        let what = if quote { "quotes" } else { "calls" };
        send_as(&host, token, "POST", &format!("/v1/accounts/{account}/{what}/say"), Some(&body)).await
    };
    for (account, company, allowed) in [
        (&first, Some("1"), true),
        (&first, Some("2"), true),
        (&first, Some("3"), false),
        (&first, Some("4"), false),
        (&second, Some("3"), true),
        (&second, Some("1"), false),
        (&common, Some("1"), true),
        (&common, Some("4"), true),
        // It is the database itself that asks, for none of its companies.
        (&first, None, true),
        (&common, None, true),
    ] {
        for quote in [true, false] {
            let reply = say(&admin, account, company, quote).await;
            if allowed {
                assert_eq!(reply.status, 200, "{account} {company:?}: {}", reply.text);
                continue;
            }
            let (status, code, told) = problem(&reply);
            assert_eq!((status, code.as_str(), field(&reply).as_str()), (403, "wrong-company", "company"));
            assert!(told.contains("use the account of that company, or one that is common to all"), "{told}");
        }
    }
    // Each paid for its own; a refusal cost nobody anything.
    for (account, left) in [(&first, "7"), (&second, "9"), (&common, "7")] {
        assert_eq!(balance(&host, account).await, left);
    }
    // The account's own token is bound by its companies too.
    assert_eq!(say(&first_token, &first, Some("3"), false).await.status, 403);
    let calls = operator.ok("GET", &format!("/v1/accounts/{first}/calls"), None).await;
    let companies: Vec<_> =
        calls["items"].as_array().expect("calls").iter().map(|call| call["company"].clone()).collect();
    assert_eq!(companies, [json!(null), json!("2"), json!("1")]);
    host.verify();
}
