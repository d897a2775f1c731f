//! Claims due mails and sends them, a few at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use iap_store::{
    EngineKind, Statement, StoreError,
    repositories::{MailRow, Mails},
};
use tokio::task::JoinSet;

use super::{LEASE_SECONDS, MOST_ATTEMPTS, Outcome, named, transport::CONNECTIONS, upkeep};
use crate::{app::App, jobs};

/// How often the outbox is looked at when nothing rings.
const LOOK: Duration = Duration::from_secs(1);
/// How long mails may go on being sent when the host stops.
const STOPPING: Duration = Duration::from_secs(5);
/// Seconds until a mail is looked at again by a host that cannot send any.
const WITHOUT_SERVER: i64 = 3_600;

/// Mails that this process sent, and tries that failed.
static SENT: AtomicU64 = AtomicU64::new(0);
static FAILED: AtomicU64 = AtomicU64::new(0);

/// Mails that this process sent, and its tries that failed.
pub fn totals() -> (u64, u64) {
    (SENT.load(Ordering::Relaxed), FAILED.load(Ordering::Relaxed))
}

/// Sends mails until `stop` resolves; then lets those end that are being sent, for a while.
pub async fn serve(app: Arc<App>, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    let upkeep = tokio::spawn(upkeep::serve(Arc::clone(&app)));
    // A SQLite file has one host: what an earlier one was sending is sent again at once.
    if app.store.engine() == EngineKind::Sqlite
        && let Err(error) = app.store.write(vec![Mails::take_over(app.store.clock().now())]).await
    {
        tracing::error!(error = %error, "Mails that an earlier stop had cut off wait for the end of their claim");
    }
    let mut sending = JoinSet::new();
    loop {
        while sending.try_join_next().is_some() {}
        let free = usize::try_from(CONNECTIONS).unwrap_or(1).saturating_sub(sending.len());
        if 0 < free {
            let lease = app.store.clock().now().plus_seconds(LEASE_SECONDS);
            match app.store.mails().claim(free, lease).await {
                Ok(mails) if !mails.is_empty() => {
                    for mail in mails {
                        let app = Arc::clone(&app);
                        sending.spawn(async move { one(&app, mail).await });
                    }
                    continue;
                }
                Ok(_) => {}
                Err(error) => tracing::error!(error = %error, "Mails could not be claimed"),
            }
        }
        tokio::select! {
            () = &mut stop => break,
            () = app.mail_bell.notified() => {}
            Some(_) = sending.join_next() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    upkeep.abort();
    let all = async { while sending.join_next().await.is_some() {} };
    drop(tokio::time::timeout(STOPPING, all).await);
}

async fn one(app: &App, mail: MailRow) {
    let statement = match &app.mailer {
        Some(mailer) => ended(app, &mail, mailer.send(&mail).await),
        None => without_server(app, &mail),
    };
    match app.store.write(vec![statement]).await {
        Ok(_) => {}
        Err(StoreError::Conflict(_)) => {
            tracing::warn!("The claim of {} was over before its try was: it may be sent twice", named(&mail));
        }
        // The claim ends by itself, and it is sent again.
        Err(error) => tracing::error!(error = %error, "How a try to send {} ended was not stored", named(&mail)),
    }
}

fn ended(app: &App, mail: &MailRow, outcome: Outcome) -> Statement {
    let now = app.store.clock().now();
    let why = match outcome {
        Outcome::Sent => {
            SENT.fetch_add(1, Ordering::Relaxed);
            tracing::info!("Sent {}", named(mail));
            return Mails::sent(mail.id, mail.attempts, now);
        }
        Outcome::Again(why) if mail.attempts < MOST_ATTEMPTS => {
            FAILED.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(attempts = mail.attempts, why, "{} could not be sent; it is tried again", named(mail));
            let at = now.plus_millis(jobs::back_off(mail.attempts, jobs::random()));
            return Mails::again(mail.id, mail.attempts, at, &why);
        }
        Outcome::Again(why) | Outcome::Dead(why) => why,
    };
    FAILED.fetch_add(1, Ordering::Relaxed);
    tracing::error!(attempts = mail.attempts, why, "{} is given up; `iap mail retry` tries it again", named(mail));
    Mails::dead(mail.id, mail.attempts, now, &why)
}

/// No settings `[mail]`: it waits until there are some. Who tries a host out reads it in the log.
fn without_server(app: &App, mail: &MailRow) -> Statement {
    let now = app.store.clock().now();
    if app.config.dev {
        tracing::info!("Mail to {}: {}\n{}", mail.recipient, mail.subject, mail.body);
        return Mails::sent(mail.id, mail.attempts, now);
    }
    tracing::warn!("{} waits: this host has no settings [mail]", named(mail));
    Mails::put_off(mail.id, mail.attempts, now.plus_seconds(WITHOUT_SERVER), "this host has no settings [mail]")
}
