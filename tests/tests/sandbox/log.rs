//! What guests write to the log.

use std::sync::Arc;

use serde_json::json;

use crate::{
    backend::Scripted,
    support::{hostile, run},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_log_flood_is_cut() {
    let backend = Arc::new(Scripted::default());
    let ended = run(&hostile().await, "flood_log", json!({}), &backend).await;
    let logged = backend.logged();
    assert!(logged.iter().all(|message| message.len() <= 8 << 10));
    assert_eq!(ended.log_bytes, 64 << 10);
    assert_eq!(logged.len(), 9, "eight full messages and the note that the rest is dropped");
}
