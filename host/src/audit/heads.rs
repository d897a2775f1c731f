//! Signs the heads of this host's chains now and then, so that no chain can be written anew without the key.

use std::{collections::HashMap, pin::pin, time::Duration};

use iap_store::{StoreError, ledger::Head, repositories::Chain};

use crate::app::App;

/// How often, if there is something new.
const EVERY: Duration = Duration::from_secs(10);

/// Signs until `stop` resolves, and once more then.
pub async fn serve(app: &App, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let mut signed = HashMap::new();
    loop {
        let stopped = tokio::select! {
            () = &mut stop => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        for stream in app.store.own_streams() {
            if let Err(error) = sign(app, *stream, signed.entry(*stream).or_default()).await {
                tracing::error!(error = %error, "The head of a hash chain was not signed; it is tried again");
            }
        }
        if stopped {
            return;
        }
    }
}

/// Signs the newest batch of a stream, if it is not the one that was signed last: `signed` is its number.
async fn sign(app: &App, stream: i64, signed: &mut i64) -> Result<(), StoreError> {
    let Some(link) = app.store.chain().newest(stream).await?.filter(|link| link.number != *signed) else {
        return Ok(());
    };
    let signed_at = app.store.clock().now().millis();
    let head = Head { stream, number: link.number, hash: link.hash.to_vec(), signed_at };
    let signature = app.keys.sign(&head.message());
    app.store.write(vec![Chain::keep(&head, &app.keys.public_key(), &signature)]).await?;
    *signed = link.number;
    Ok(())
}
