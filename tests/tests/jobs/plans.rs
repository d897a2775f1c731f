//! Claiming looks at few rows, however many wait.

use std::sync::Arc;

use iap_core::{Time, time::Clock};
use iap_store::Store;
use iap_tests::cluster;

struct At(i64);

impl Clock for At {
    fn now(&self) -> Time {
        Time(self.0)
    }
}

/// 100,000 waiting jobs of 1,000 accounts: most of one, and most not due.
const FILL: [&str; 6] = [
    "INSERT INTO vendor (name, title, kind, created_at) VALUES ('v', 'V', 'first_party', 0)",
    "INSERT INTO service (id, name, title, vendor_name, kind, unit, created_at) VALUES (1, 's', 'S', 'v', 'plugin', 'credit', 0)",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
     INSERT INTO account (id, service_id, token_mac, token_sha1, created_at) SELECT i, 1, 'mac ' || i, 'sha ' || i, 0 FROM n",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
     INSERT INTO job (id, kind, service_id, account_id, name, payload, context, state, run_at, created_at, queue)
     SELECT i, 'plugin', 1, CASE WHEN i % 4 = 0 THEN i % 1000 + 1 ELSE 1 END, 'mark', CAST('{}' AS BLOB), '[]', 'waiting',
            CASE WHEN i % 3 = 0 THEN 500 ELSE 2000000 END, 0, CASE WHEN i % 4 = 0 THEN i % 1000 + 1 ELSE 1 END FROM n",
    "UPDATE job SET state = 'done', ended_at = 900 WHERE id % 10 = 1",
    "ANALYZE",
];

async fn fill(store: &Store, run: impl Fn(&str)) {
    for sql in FILL {
        run(sql);
    }
    assert_eq!(store.job_views().counts().await.expect("it counts").waiting, 90_000);
}

/// Claims as a host does.
async fn claim(store: &Store) {
    let mut accounts = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let due = store.jobs().due_queues(48).await.expect("it looks");
        assert_eq!(due.len(), 48);
        let turns: Vec<_> = due.into_iter().take(12).map(|queue| (queue, 1)).collect();
        let claimed = store.jobs().claim(&turns, Time(1_000_000)).await.expect("it claims");
        assert_eq!(claimed.len(), 12);
        accounts.extend(claimed.iter().map(|job| job.account.expect("each has one")));
    }
    assert_eq!(accounts.len(), 240, "each time it was another's turn");
}

/// The literal of a repository's source that begins so, with values in place of parameters.
fn statement(begins: &str) -> String {
    let source = include_str!("../../../host/store/src/repositories/jobs.rs");
    let literal = source.split('"').find(|literal| literal.starts_with(begins));
    let sql = literal.unwrap_or_else(|| panic!("no statement begins with {begins:?}"));
    (1..=5).rev().fold(sql.to_owned(), |sql, number| sql.replace(&format!("?{number}"), "'1000'"))
}

/// What is asked for each claim, enqueuing, end of a job, or charged call.
const LOOKED_AT: [&str; 10] = [
    "SELECT queue, next_at FROM job_queue",
    "WITH due AS MATERIALIZED",
    "UPDATE job_queue SET served_at",
    "DELETE FROM job_queue",
    "UPDATE job_queue SET next_at",
    "SELECT count(*) FROM (SELECT 1",
    "UPDATE job SET run_at = ?4 WHERE service_id",
    "DELETE FROM job WHERE service_id",
    "UPDATE job SET run_at = CAST",
    "UPDATE job SET run_at = ?2 WHERE id",
];

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_finds_due_jobs_by_its_indexes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("iap.db");
    let store = Store::open(&path, Arc::new(At(1_000))).expect("it opens");
    let connection = rusqlite::Connection::open(&path).expect("it opens");
    fill(&store, |sql| connection.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))).await;
    claim(&store).await;
    for begins in LOOKED_AT {
        let sql = format!("EXPLAIN QUERY PLAN {}", statement(begins));
        let mut plan = connection.prepare(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let rows = plan.query_map([], |row| row.get::<_, String>(3)).expect("it explains");
        let plan: Vec<String> = rows.map(|row| row.expect("it reads")).collect();
        assert!(
            !plan.iter().any(|step| ["SCAN job", "SCAN j", "SCAN o", "SCAN f"].contains(&step.as_str())),
            "{begins}: {plan:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_finds_due_jobs_by_its_indexes() {
    let url = cluster::shared().fresh_database();
    let store = Store::connect(&url, Arc::new(At(1_000))).await.expect("it opens");
    let name = url.split(['/', '?']).nth(3).expect("a database").to_owned();
    let run = |sql: &str| drop(cluster::shared().psql(&name, &sql.replace(" AS BLOB)", " AS BYTEA)")));
    fill(&store, run).await;
    claim(&store).await;
    for begins in LOOKED_AT {
        let sql = statement(begins).replace("/* postgres: ", "").replace(" */", "");
        let plan = cluster::shared().psql(&name, &format!("EXPLAIN {sql}"));
        assert!(!plan.contains("Seq Scan on job "), "{begins}: {plan}");
    }
}
