//! Idempotency keys of calls whose hold expires: free again where nothing was done and nobody heard of it.

use iap_core::{
    Credits,
    ids::{CallId, HoldId},
    ledger::{Authorize, Command},
    time::Clock as _,
};
use iap_store::{
    Post,
    repositories::{CallState, Calls, NewCall},
};

use crate::world::{ACCOUNT, World, on_both_engines};

on_both_engines! {
    a_call_that_nobody_heard_of_frees_its_key
}

/// Begins a call with a hold for so many milliseconds, in one commit.
async fn begin(world: &World, key: &str, ttl: i64) -> (CallId, HoldId) {
    let (call, hold) = (world.store.ids().call(), world.store.ids().hold());
    let new = NewCall {
        id: call,
        account: ACCOUNT,
        release: None,
        operation: "send".to_owned(),
        door: "rest",
        company: None,
        lines: "[]".to_owned(),
        description: String::new(),
        idempotency: Some((key.to_owned(), "{}".to_owned())),
        at: world.clock.now(),
    };
    let ask = Authorize { hold, amount: Credits::whole(2), ttl, company: None };
    let mut post = Post::new(ACCOUNT, Command::Authorize(ask)).with(move |_| vec![Calls::begin(new.clone())]);
    post.call = Some(call);
    world.store.post(post).await.expect("there are credits");
    (call, hold)
}

/// As the sweeper does.
async fn expire(world: &World, (call, hold): (CallId, HoldId)) {
    let now = world.clock.now();
    let post = Post::new(ACCOUNT, Command::ExpireHold { hold });
    let end =
        move |_: &iap_store::Posted| vec![Calls::expire(call, CallState::Failed, Some("expired".to_owned()), now)];
    world.store.post(post.with(end)).await.expect("its time is up");
}

async fn a_call_that_nobody_heard_of_frees_its_key(world: World) {
    world.gift(ACCOUNT, 20).await;
    let short = begin(&world, "short", 60_000).await;
    let unheard = begin(&world, "unheard", 300_000).await;
    let queued = begin(&world, "queued", 300_000).await;
    let taken = begin(&world, "taken", 300_000).await;
    let now = world.clock.now();
    world.store.write(vec![Calls::end(queued.0, CallState::Queued, None, Some(b"1".to_vec()), now)]).await.unwrap();
    let some = Command::Capture { hold: taken.1, amount: Credits::whole(1), last: false };
    let record = move |_: &iap_store::Posted| {
        vec![Calls::captured(taken.0, "[]".to_owned(), Credits::whole(1), None, None, now)]
    };
    world.store.post(Post::new(ACCOUNT, some).with(record)).await.unwrap();
    world.pass(60_000);
    expire(&world, short).await;
    world.pass(240_000);
    for one in [unheard, queued, taken] {
        expire(&world, one).await;
    }
    let found =
        async |key: &str| world.store.calls().by_key(ACCOUNT, key).await.unwrap().map(|row| (row.id, row.state));
    assert_eq!(found("short").await, Some((short.0, CallState::Failed)), "it may run still");
    assert_eq!(found("unheard").await, None);
    assert_eq!(found("queued").await, Some((queued.0, CallState::Failed)), "it has answered");
    assert_eq!(found("taken").await, Some((taken.0, CallState::Partial)), "it took credits");
    let (again, _) = begin(&world, "unheard", 300_000).await;
    assert_eq!(found("unheard").await, Some((again, CallState::Running)));
    world.verify().await;
}
