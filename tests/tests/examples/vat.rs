//! `examples/vat-check`: charged when the register answers, and only then.

use serde_json::{Value, json};

use crate::world::{World, credits};

fn number(country: &str, number: &str) -> Value {
    json!({ "country": country, "number": number })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_charged_once() {
    let world = World::start();
    let (odoo, account) = world.customer("vat_check", "1").await;
    let reply = world.call_once("a", &account, "check", &number("BE", "BE 0477.472.701")).await.json();
    let output = &reply["output"];
    assert_eq!((&output["valid"], &output["name"]), (&json!(true), &json!("COMPANY 0477472701")), "{reply}");
    assert_eq!(output["address"], json!("MAIN STREET 1\n1000 BE"));
    assert!(output["checked_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{reply}");
    assert_eq!((&reply["credits"], &reply["balance"]), (&json!("0.05"), &json!("0.95")));
    assert_eq!(reply["lines"][0]["item"], json!("check"));
    // The same request again is the same answer, for nothing.
    let again = world.call_once("a", &account, "check", &number("BE", "BE 0477.472.701")).await.json();
    assert_eq!((&again["call_id"], &again["output"], &again["balance"]), (&reply["call_id"], output, &json!("0.95")));
    assert_eq!(world.register.total().await, 1);
    // A number that is not registered is an answer; so is one without a published name.
    let unknown = world.call(&account, "check", &number("BE", "0477472700")).await.json();
    assert_eq!((&unknown["output"]["valid"], unknown["output"].get("name")), (&json!(false), None), "{unknown}");
    let silent = odoo.call("vat_check", "check", number("DE", "123456789")).await;
    assert_eq!((&silent["result"]["valid"], silent["result"].get("name")), (&json!(true), None), "{silent}");
    assert_eq!(world.credits(&account).await, credits("0.85", "0"));
    // Greece has two names.
    world.call(&account, "check", &number("GR", "GR 094014201")).await;
    let asked = world.register.send("GET", "/received", None).await["checks"][3].clone();
    assert_eq!((&asked["country"], &asked["number"]), (&json!("EL"), &json!("094014201")));
    world.host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_register_does_not_answer_is_free() {
    let world = World::start();
    let (odoo, account) = world.customer("vat_check", "0.1").await;
    let good = number("BE", "0477472701");
    for (faults, input) in [
        (json!({ "status": 503 }), &good),
        (json!({ "status": 500 }), &good),
        (json!({ "garbage": true }), &good),
        (json!({ "half": true }), &good),
        (json!({ "drop": true }), &good),
        (json!({}), &number("BE", "301")),
        (json!({}), &number("BE", "600")),
        (json!({}), &number("BE", "302")),
        (json!({}), &number("BE", "401")),
    ] {
        world.register.faults(faults.clone()).await;
        let reply = world.call(&account, "check", input).await;
        let problem = reply.json();
        assert_eq!(
            (reply.status, &problem["code"]),
            (503, &json!("provider-unavailable")),
            "{faults} {input}: {problem}"
        );
        assert_eq!(world.credits(&account).await, credits("0.1", "0"), "{faults} {input}");
    }
    world.register.faults(json!({ "status": 503 })).await;
    assert_eq!(world.retry_after(&account, "check", &good).await.as_deref(), Some("60"));
    assert!(odoo.call("vat_check", "check", good.clone()).await.get("error").is_some());
    world.register.faults(json!({})).await;
    assert_eq!(world.call(&account, "check", &good).await.json()["balance"], json!("0.05"));
    world.host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_input_and_too_few_credits_cost_nothing() {
    let world = World::start();
    let (_, account) = world.customer("vat_check", "0.09").await;
    for (input, field) in [
        (json!({}), "input.country"),
        (json!({ "country": "BE" }), "input.number"),
        (json!({ "country": "BE", "number": 477 }), "input.number"),
        (number("US", "0477472701"), "input.number"),
        (number("BE", "?"), "input.number"),
        (number("BE", ""), "input.number"),
        (number("BE", &"9".repeat(100_000)), "input.number"),
        (json!("BE0477472701"), "input"),
        (json!(null), "input"),
    ] {
        let reply = world.call(&account, "check", &input).await;
        let problem = reply.json();
        assert_eq!((reply.status, problem["field"].as_str()), (422, Some(field)), "{problem}");
    }
    assert_eq!(world.credits(&account).await, credits("0.09", "0"));
    assert_eq!(world.call(&account, "check", &number("BE", "0477472701")).await.status, 200);
    let asked = world.register.total().await;
    let poor = world.call(&account, "check", &number("BE", "0477472701")).await;
    assert_eq!((poor.status, &poor.json()["needed"]), (402, &json!("0.05")), "{}", poor.text);
    assert_eq!(world.register.total().await, asked, "who cannot pay does not ask");
    let quote = world
        .host
        .operator()
        .ok(
            "POST",
            &format!("/v1/accounts/{account}/quotes/check"),
            Some(&json!({ "input": number("BE", "0477472701") })),
        )
        .await;
    assert_eq!(quote["credits"], json!("0.05"));
    world.host.verify();
}
