//! What a release costs to run.

use std::time::Duration;

use iap_host::scripted::{MeasureOptions, Measured, measure};
use iap_tests::guests;

use crate::support::{ASKER, ECHO, SMS};

async fn measured(package: &str) -> Measured {
    measure(guests::component(package).to_vec(), MeasureOptions::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_has_its_fuel_memory_and_time() {
    let measured = measured(ECHO).await;
    assert!(0 < measured.compile_micros && 0 < measured.cold_start_micros);
    let [say] = measured.operations.as_slice() else { panic!("{measured:?}") };
    let (quote, handle) = (say.quote.as_ref().unwrap(), say.handle.as_ref().unwrap());
    assert_eq!((quote.outcome.as_str(), quote.lines, handle.outcome.as_str()), ("answered", 1, "answered"));
    assert!(quote.fuel < handle.fuel && 1_000 < quote.fuel.unwrap(), "{measured:?}");
    assert!(65_536 <= handle.peak_memory && 0 < handle.wall_micros);
    // The same work is the same fuel.
    let again = self::measured(ECHO).await;
    assert_eq!(again.operations[0].handle.as_ref().unwrap().fuel, handle.fuel);
    let text = serde_json::to_string(&measured).unwrap();
    assert_eq!(serde_json::from_str::<Measured>(&text).unwrap(), measured);
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_are_away_and_examples_may_be_composed_or_missing() {
    let sms = measured(SMS).await;
    let send = sms.operations.iter().find(|operation| operation.operation == "send_v3").unwrap();
    let handle = send.handle.as_ref().unwrap();
    assert_eq!((handle.outcome.as_str(), handle.http_requests), ("answered", 1), "{sms:?}");
    let asker = measured(ASKER).await;
    assert!(asker.operations.iter().all(|operation| !operation.has_example && operation.handle.is_none()));
    assert_eq!(asker.cold_start_micros, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_time_is_left_for_is_told() {
    let options = MeasureOptions { time: Duration::ZERO };
    let measured = measure(guests::component(ECHO).to_vec(), options).await.unwrap();
    assert_eq!(measured.operations[0].handle.as_ref().unwrap().outcome, "not-run");
    assert!(measure(b"no component".to_vec(), options).await.is_err());
}
