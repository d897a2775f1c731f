//! Queues of jobs: each with a due job gets its turn, whatever a claim did not see.

use iap_core::ids::{AccountId, ServiceId};
use iap_store::{
    Statement, Store,
    repositories::{Jobs, NewJob},
};

use crate::world::{World, on_both_engines};

/// A job that has been due for long.
fn job(store: &Store, account: i64) -> Statement {
    let at = store.clock().now();
    Jobs::enqueue(NewJob {
        id: store.ids().job(),
        kind: "plugin",
        service: ServiceId(1),
        account: Some(AccountId(account)),
        call: None,
        name: "work".to_owned(),
        payload: Vec::new(),
        hold: None,
        free: true,
        context: "[]".to_owned(),
        dedupe_key: None,
        order_key: None,
        depth: 0,
        run_at: at.plus_seconds(-60),
        at,
    })
}

async fn due(store: &Store) -> usize {
    store.jobs().due_queues(10).await.unwrap().len()
}

async fn a_queue_whose_turn_was_put_off_is_found(world: World) {
    let store = &world.store;
    // Many due jobs of others are no reason not to look at it.
    let others = (0..50).map(|_| job(store, 1));
    store.write(others.chain([job(store, 2)]).collect()).await.unwrap();
    assert_eq!(due(store).await, 2);
    let put_off = Statement::new("UPDATE job_queue SET next_at = next_at + 3600000 WHERE queue = 2", vec![]);
    store.write(vec![put_off.expecting(1)]).await.unwrap();
    assert_eq!(due(store).await, 1);
    store.write(vec![Jobs::find_forgotten(store.clock().now(), 10)]).await.unwrap();
    assert_eq!(due(store).await, 2);
}

on_both_engines! { a_queue_whose_turn_was_put_off_is_found }

/// Who claims does not delete a queue for which somebody enqueues, and does not wait for that either.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_stays_while_somebody_enqueues() {
    let world = World::postgres().await;
    let store = &world.store;
    let iap_store::Location::Url(url) = &world.location else { unreachable!("it is on PostgreSQL") };
    store.write(vec![job(store, 2)]).await.unwrap();
    store.write(vec![Statement::new("DELETE FROM job", vec![])]).await.unwrap();
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    client
        .batch_execute(
            "BEGIN; INSERT INTO job (id, kind, service_id, account_id, name, payload, free, context, state, run_at, created_at, queue, depth)
             VALUES (77, 'plugin', 1, 2, 'work', '', 1, '[]', 'waiting', 0, 0, 2, 0)",
        )
        .await
        .unwrap();
    for _ in 0..3 {
        world.pass(10_000);
        let turns: Vec<_> = store.jobs().due_queues(10).await.unwrap().into_iter().map(|queue| (queue, 5)).collect();
        assert_eq!(store.jobs().claim(&turns, store.clock().now().plus_seconds(60)).await.unwrap().len(), 0);
    }
    client.batch_execute("COMMIT").await.unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
    world.pass(10_000);
    store.write(vec![Jobs::find_forgotten(store.clock().now(), 10)]).await.unwrap();
    let turns: Vec<_> = store.jobs().due_queues(10).await.unwrap().into_iter().map(|queue| (queue, 5)).collect();
    let claimed = store.jobs().claim(&turns, store.clock().now().plus_seconds(60)).await.unwrap();
    assert_eq!(claimed.len(), 1, "its queue is still there");
}
