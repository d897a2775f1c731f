//! What a good upload's inspection says.

use iap_tests::guests;

use crate::support::{CUSTOM, Judged, append, echo, inspector, judge, release_with};

async fn of(package: &str) -> iap_host::publish::inspect::Inspection {
    let judged: Judged = judge(&inspector(), guests::component(package)).await;
    judged.unwrap_or_else(|reasons| panic!("{package} is good: {reasons:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inspection_says_what_a_release_is() {
    let echo = of("iap-example-echo").await;
    let component = guests::component("iap-example-echo");
    assert_eq!(echo.size, component.len() as u64);
    assert_eq!(echo.class, "small");
    assert_eq!(echo.declared.service, "echo");
    assert!(echo.imports.contains(&"billing".to_owned()), "{:?}", echo.imports);
    assert_eq!(echo.exports, ["iap:service/plugin@1.0.0"]);
    let (release, manifest) = guests::release("iap-example-echo");
    assert_eq!(echo.imports, release.imports.into_iter().collect::<Vec<_>>());
    assert_eq!(echo.declared.version, manifest.service.version.to_string());
    assert_eq!(echo.operations.len(), manifest.operations.len());
    assert_eq!(echo.files["plugin.toml"].lines().next().map(str::is_empty), Some(false));
    assert!(10_000 < echo.code.size, "{:?}", echo.code);
    assert!(0 < echo.code.compile_micros && 0 < echo.code.cold_start_micros, "{:?}", echo.code);
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_endpoints_and_packs_are_told() {
    let sms = of("iap-plugin-sms").await;
    let (_, manifest) = guests::release("iap-plugin-sms");
    assert_eq!(sms.packs.len(), manifest.packs.len());
    assert_eq!(sms.declared.endpoints.len(), manifest.endpoints.len());
    assert!(!sms.declared.routes.is_empty());
    let operation = sms.operations.iter().find(|operation| !operation.prices.is_empty()).expect("messages cost");
    let price = &operation.prices[0];
    assert!(100 < price.rows && price.lowest < price.highest && !price.variable, "{price:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_guest_of_ours_is_accepted() {
    let inspector = inspector();
    for (name, component) in guests::GUESTS {
        let judged = judge(&inspector, component).await;
        assert!(judged.is_ok(), "{name}: {judged:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_strange_but_harmless_is_accepted() {
    let inspector = inspector();
    let empty_module = [0, b'a', b's', b'm', 1, 0, 0, 0];
    assert!(judge(&inspector, &release_with(&empty_module)).await.is_ok());
    let mut noted = echo();
    append(&mut noted, CUSTOM, b"\x04note and a remark");
    assert!(judge(&inspector, &noted).await.is_ok());
}
