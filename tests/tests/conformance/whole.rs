//! A batch is stored whole or not at all, the first one of a connection too.

use iap_core::Credits;
use iap_store::{PostError, Statement};

use crate::world::{ACCOUNT, World, open};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_batch_of_a_connection_is_one_transaction() {
    let world = World::postgres().await;
    world.gift(ACCOUNT, 10).await;
    let alter = |sql| Statement::new(sql, vec![]);
    let bounds = alter("ALTER TABLE balance ADD CONSTRAINT nothing_held CHECK (held = 0)");
    world.store.write(vec![bounds]).await.unwrap();
    // Nothing is prepared on its connection yet, and one of the statements is refused.
    let fresh = open(&world.location, &world.clock).await;
    let error = crate::world::authorize(&fresh, ACCOUNT, 1).await.unwrap_err();
    assert!(matches!(error, PostError::Storage(_)), "{error}");
    let rows = world.store.read("SELECT id FROM hold", vec![]).await.unwrap();
    assert!(rows.is_empty(), "the hold was stored without its account's balance");
    world.verify().await;
    world.store.write(vec![alter("ALTER TABLE balance DROP CONSTRAINT nothing_held")]).await.unwrap();
    let hold = crate::world::authorize(&fresh, ACCOUNT, 1).await.unwrap();
    let posted = world.capture(ACCOUNT, hold, 1).await.unwrap();
    assert_eq!(posted.available, Credits::whole(9));
    world.verify().await;
}
