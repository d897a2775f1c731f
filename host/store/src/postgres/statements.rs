//! Sets of neutral statements within an open transaction.
//!
//! The server answers in order, so everything is sent before the first answer is awaited: many requests cost
//! about one round trip. What goes wrong on that way says only that something did; then the caller rolls back
//! and takes the requests one by one, each under a savepoint of its own ([`all_or_none`]).

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use futures_util::future::{MaybeDone, maybe_done};
use tokio_postgres::Error;

use super::{
    errors::{Failure, classify, classify_commit},
    session::Session,
};
use crate::{Conflict, Expect, Statement, Written};

/// Begins a transaction, whatever level the server's settings have.
pub const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Begins a transaction at the level `READ COMMITTED`.
pub async fn begin(session: &Session) -> Result<(), Failure> {
    plain(session, BEGIN).await
}

/// Commits. Only for a transaction in which nothing failed: PostgreSQL answers a commit of a failed one
/// without an error, and rolls back.
pub async fn commit(session: &Session) -> Result<(), Failure> {
    let commit = session.prepare("COMMIT").await.map_err(|error| classify(&error))?;
    session.run(&commit, &[]).await.map(drop).map_err(|error| classify_commit(&error))
}

/// Rolls back; harmless where there is no transaction.
pub async fn rollback(session: &Session) -> Result<(), Failure> {
    // Not prepared: a failed transaction refuses to prepare.
    session.client().batch_execute("ROLLBACK").await.map_err(|error| classify(&error))
}

/// Undoes what failed under the savepoint of [`all_or_none`]; the transaction goes on.
pub async fn undo(session: &Session) -> Result<(), Failure> {
    plain(session, "ROLLBACK TO SAVEPOINT one; RELEASE SAVEPOINT one").await
}

async fn plain(session: &Session, sql: &'static str) -> Result<(), Failure> {
    session.client().batch_execute(sql).await.map_err(|error| classify(&error))
}

/// Runs all statements of all requests in one go. After a conflict (told with the statement's place within its
/// request) or a failure the transaction must be rolled back.
pub async fn all(session: &Session, requests: &[&[Statement]]) -> Result<Result<Vec<Vec<Written>>, Conflict>, Failure> {
    let mut answers = send(session, requests.iter().copied().flatten().collect()).await?.into_iter();
    let mut done = Vec::with_capacity(requests.len());
    for request in requests {
        match judge(request, &mut answers)? {
            Ok(written) => done.push(written),
            Err(conflict) => return Ok(Err(conflict)),
        }
    }
    Ok(Ok(done))
}

/// Runs the statements of one request under a savepoint: a conflict undoes them alone, and the transaction goes on.
pub async fn all_or_none(
    session: &Session,
    statements: &[Statement],
) -> Result<Result<Vec<Written>, Conflict>, Failure> {
    plain(session, "SAVEPOINT one").await?;
    let mut answers = send(session, statements.iter().collect()).await?.into_iter();
    let judged = judge(statements, &mut answers)?;
    let end = if judged.is_ok() { "RELEASE SAVEPOINT one" } else { "ROLLBACK TO SAVEPOINT one; RELEASE SAVEPOINT one" };
    plain(session, end).await?;
    Ok(judged)
}

/// What became of one request. The first statement that did not do as it should decides: those after it only
/// say that the transaction had failed.
fn judge(
    statements: &[Statement],
    answers: &mut impl Iterator<Item = Result<Written, Error>>,
) -> Result<Result<Vec<Written>, Conflict>, Failure> {
    let mut done = Vec::with_capacity(statements.len());
    for (index, (statement, answer)) in statements.iter().zip(answers).enumerate() {
        match answer.map_err(|error| classify(&error)) {
            Ok(written) => match statement.expect {
                Expect::Rows(rows) if rows != written.affected => {
                    return Ok(Err(Conflict { statement: index, constraint: String::new() }));
                }
                Expect::Any | Expect::Rows(_) => done.push(written),
            },
            Err(Failure::Conflict(constraint)) => return Ok(Err(Conflict { statement: index, constraint })),
            Err(failure) => return Err(failure),
        }
    }
    Ok(Ok(done))
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<Written, Error>> + Send + 'a>>;

/// Sends all, then awaits all. An answer for each statement, in order.
async fn send<'a>(
    session: &'a Session,
    statements: Vec<&'a Statement>,
) -> Result<Vec<Result<Written, Error>>, Failure> {
    let mut running: Vec<MaybeDone<Running<'a>>> = Vec::new();
    for statement in statements {
        let prepared = session.prepare(statement.sql).await.map_err(|error| classify(&error))?;
        running.push(maybe_done(Box::pin(async move { session.run(&prepared, &statement.params).await })));
    }
    // A statement is sent when it is first polled.
    poll_fn(|context| {
        for one in &mut running {
            // Its answer is taken below, whether it is here already or not.
            let _ = Pin::new(one).poll(context);
        }
        Poll::Ready(())
    })
    .await;
    let mut answers = Vec::with_capacity(running.len());
    for mut one in running {
        Pin::new(&mut one).await;
        answers.push(Pin::new(&mut one).take_output().expect("it was awaited to its end"));
    }
    Ok(answers)
}
