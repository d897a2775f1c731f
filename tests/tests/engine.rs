//! PostgreSQL as the second engine: its schema, neutral SQL on it, and what its errors are taken for.

use std::{collections::BTreeMap, path::Path, time::Duration};

use iap_core::{Time, ids::AccountId};
use iap_store::{
    Conflict, Statement, Value,
    postgres::{Failure, Opened, Purpose, Session, open, statements},
    repositories::{Accounts, NaturalKeys, StoreValues},
};
use iap_tests::cluster::{Cluster, Options, shared};
use tokio_postgres::types::Type;

async fn opened() -> Opened {
    open(&shared().fresh_database(), Time(1)).await.expect("it opens")
}

/// Name of the database.
fn name(database: &Opened) -> String {
    database.target.to_string().rsplit_once('/').expect("it has a name").1.to_owned()
}

/// A vendor, a service and the accounts 1 and 2.
async fn with_accounts() -> Opened {
    let database = opened().await;
    let rows = [
        Statement::new(
            "INSERT INTO vendor (name, title, kind, created_at) VALUES ('odoo', 'Odoo', 'first_party', 0)",
            vec![],
        ),
        Statement::new(
            "INSERT INTO service (id, name, title, vendor_name, kind, unit, created_at) VALUES (1, 'sms', 'SMS', 'odoo', 'plugin', 'credit', 0)",
            vec![],
        ),
        account(1),
        account(2),
    ];
    commit(&database, &[&rows]).await.expect("nothing is in the way");
    database
}

fn account(id: i64) -> Statement {
    Statement::new(
        "INSERT INTO account (id, service_id, token_mac, token_sha1, created_at) VALUES (?1, 1, ?2, 's', 0)",
        vec![id.into(), format!("mac {id}").into()],
    )
}

fn event(id: &str) -> Statement {
    Statement::new("INSERT INTO payment_event VALUES (?1, 'paid', 0)", vec![id.into()])
}

/// The fast path: all requests in one transaction.
async fn commit(database: &Opened, requests: &[&[Statement]]) -> Result<Vec<Vec<iap_store::Written>>, Conflict> {
    statements::begin(&database.writers[0].0).await.expect("it begins");
    let done = statements::all(&database.writers[0].0, requests).await.expect("the server is well");
    match done {
        Ok(_) => statements::commit(&database.writers[0].0).await.expect("it commits"),
        Err(_) => statements::rollback(&database.writers[0].0).await.expect("it rolls back"),
    }
    done
}

async fn int(database: &Opened, sql: &'static str) -> i64 {
    let rows = database.reader.read(sql, vec![].as_slice()).await.expect("it reads");
    rows[0].int(0).expect("it is an integer")
}

#[tokio::test]
async fn hosts_that_start_together_migrate_once_and_have_streams_of_their_own() {
    let url = shared().fresh_database();
    let starts: Vec<_> = (0..6)
        .map(|n| {
            tokio::spawn({
                let url = url.clone();
                async move { open(&url, Time(n)).await }
            })
        })
        .collect();
    let mut streams = Vec::new();
    let mut last = None;
    for start in starts {
        let opened = start.await.expect("it does not panic").expect("it opens");
        streams.extend(opened.writers.iter().map(|(_, stream)| *stream));
        last = Some(opened);
    }
    streams.sort_unstable();
    streams.dedup();
    let database = last.expect("six started");
    assert_eq!(streams.len(), 6 * database.writers.len());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/store/migrations/postgres");
    let files = std::fs::read_dir(folder).expect("it is there").count();
    assert_eq!(int(&database, "SELECT count(*) FROM migration").await, i64::try_from(files).expect("few"));
    shared().psql(
        url.rsplit_once('/').expect("it has a name").1,
        &format!("INSERT INTO migration VALUES ({}, 'of_the_future', 0)", files + 1),
    );
    let error = open(&url, Time(1)).await.err().expect("it is refused");
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_opened_is_said() {
    let wrong = |url: &'static str| async move { open(url, Time(1)).await.err().expect("it is refused").to_string() };
    assert!(wrong("postgres://u:secret@/?sslmode=always").await.contains("sslmode=always"));
    let nobody = wrong("postgres://u:secret@127.0.0.1:1/ledger").await;
    assert!(nobody.contains("127.0.0.1:1/ledger") && !nobody.contains("secret"), "{nobody}");
    let missing = open(&shared().url("no_such"), Time(1)).await.err().expect("it is refused").to_string();
    assert!(missing.contains("database \"no_such\" does not exist"), "{missing}");
}

/// Every statement of the repositories is taken by both engines; by PostgreSQL with parameters and columns of the types that
/// neutral values have: `int4` would refuse what does not fit it.
#[tokio::test]
async fn every_neutral_statement_is_understood() {
    let database = opened().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/store/src/repositories");
    let sqlite = sqlite();
    let mut seen = 0;
    for file in std::fs::read_dir(folder).expect("the sources are here") {
        let path = file.expect("it is readable").path();
        for sql in neutral_statements(&std::fs::read_to_string(&path).expect("it is text")) {
            let sql: &'static str = Box::leak(sql.into_boxed_str());
            sqlite.prepare(sql).unwrap_or_else(|error| panic!("{}: {sql}\n{error}", path.display()));
            let prepared = database.writers[0].0.prepare(sql).await;
            let prepared = prepared.unwrap_or_else(|error| panic!("{}: {sql}\n{error:?}", path.display()));
            for ty in prepared.params() {
                let narrow = *ty == Type::INT4 && sql.contains("AS INTEGER)");
                assert!(narrow || [Type::INT8, Type::TEXT, Type::BYTEA].contains(ty), "a parameter is {ty} in {sql}");
            }
            for column in prepared.columns() {
                let known = [Type::INT8, Type::INT4, Type::TEXT, Type::BYTEA, Type::BOOL];
                assert!(known.contains(column.type_()), "column {} is {} in {sql}", column.name(), column.type_());
            }
            seen += 1;
        }
    }
    assert!(seen > 60, "only {seen} statements were found: is the way they are written another?");
}

/// Puts in what the macro `dead!` of the repositories stands for, so that a statement is one literal.
fn with_dead_streams(source: &str) -> String {
    let streams = include_str!("../../host/store/src/repositories/streams.rs");
    let macro_body = streams.split_once("() => {").expect("it has the macro").1;
    let dead = macro_body.split('"').nth(1).expect("it is a literal");
    source.replace("\",\n            dead!(),\n            \"", dead)
}

/// SQL in a source file: string literals that begin as statements do; `select!("…")` with what its macro puts before.
fn neutral_statements(source: &str) -> Vec<String> {
    let source = with_dead_streams(source);
    let (mut found, mut before_clause) = (Vec::new(), String::new());
    let mut rest = source.as_str();
    let mut code = String::new();
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
            continue;
        }
        if first != '"' {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let end = rest[1..].find('"').expect("a literal ends") + 1;
        let literal = &rest[1..end];
        assert!(!literal.ends_with('\\'), "escaped quotes are not understood here: {literal}");
        rest = &rest[end + 1..];
        let before = code.trim_end();
        let prefix = rest.trim_start_matches([',', ' ', '\n']).starts_with("$clause");
        if before.ends_with("concat!(") && prefix {
            before_clause = literal.to_owned();
        } else if before.ends_with("select!(") {
            found.push(format!("{before_clause}{literal}"));
        } else if ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "].iter().any(|verb| literal.starts_with(verb)) {
            found.push(literal.to_owned());
        }
    }
    found
}

/// The schema on SQLite.
fn sqlite() -> rusqlite::Connection {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/store/migrations/sqlite");
    let files = std::fs::read_dir(folder).expect("it is here");
    let mut files: Vec<_> = files.map(|file| file.expect("it is readable").path()).collect();
    files.sort();
    let sqlite = rusqlite::Connection::open_in_memory().expect("it opens");
    for file in files {
        sqlite.execute_batch(&std::fs::read_to_string(file).expect("it is text")).expect("it migrates");
    }
    sqlite
}

/// Tables and columns are those of SQLite, in their order: `INSERT INTO t VALUES` means the same on both. Only a
/// host that shares its database must ask whether a commit went through.
#[tokio::test]
async fn the_schema_is_that_of_sqlite() {
    let sqlite = sqlite();
    let mut statement = sqlite
        .prepare(
            "SELECT t.name, c.name, c.type, CASE WHEN c.\"notnull\" OR c.pk > 0 THEN 1 ELSE 0 END FROM sqlite_schema t JOIN pragma_table_info(t.name) c
             WHERE t.type = 'table' ORDER BY t.name, c.cid",
        )
        .expect("it is SQL");
    let wanted = statement.query_map([], |row| {
        let ty: String = row.get(2)?;
        Ok((
            row.get(0)?,
            (
                row.get(1)?,
                ty.replace("INTEGER", "bigint").replace("BLOB", "bytea").replace("TEXT", "text"),
                row.get(3)?,
            ),
        ))
    });
    let mut tables: BTreeMap<String, Vec<(String, String, i64)>> = BTreeMap::new();
    for row in wanted.expect("it reads") {
        let (table, column) = row.expect("it reads");
        tables.entry(table).or_default().push(column);
    }
    let database = opened().await;
    let sql = "SELECT table_name, column_name, data_type, CASE WHEN is_nullable = 'NO' THEN 1 ELSE 0 END FROM information_schema.columns
               WHERE table_schema = 'public' AND table_name <> 'migration' AND is_generated = 'NEVER' AND (table_name, column_name) <> ('stream', 'commits') ORDER BY table_name, ordinal_position";
    let mut found: BTreeMap<String, Vec<(String, String, i64)>> = BTreeMap::new();
    for row in database.reader.read(sql, &[]).await.expect("it reads") {
        let text = |column| row.text(column).expect("it is a text");
        found.entry(text(0)).or_default().push((text(1), text(2), row.int(3).expect("it is an integer")));
    }
    for (table, columns) in &tables {
        assert_eq!(found.get(table), Some(columns), "{table}");
    }
    assert_eq!(found.len(), tables.len(), "no table more");
}

/// A conflict is told by the name of the constraint, so every unique one must have its table and columns as name.
#[tokio::test]
async fn unique_constraints_are_named_by_their_columns() {
    let database = opened().await;
    let sql = "SELECT c.relname, t.relname || ': ' || (SELECT string_agg(a.attname, ', ' ORDER BY k.place)
                   FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, place) JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum)
               FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
               JOIN pg_namespace n ON n.oid = t.relnamespace
               WHERE n.nspname = 'public' AND i.indisunique AND i.indexprs IS NULL";
    let rows = database.reader.read(sql, &[]).await.expect("it reads");
    assert!(rows.len() > 25, "{} are too few", rows.len());
    for row in rows {
        assert_eq!(row.text(0), row.text(1));
    }
}

#[tokio::test]
async fn a_batch_goes_in_at_once_and_a_conflict_says_which_and_why() {
    let database = with_accounts().await;
    let first = [event("evt_1"), event("evt_2")];
    let changed = Statement::new(
        "UPDATE account SET enabled = 0 WHERE service_id = 1 RETURNING id, token_mac, companies",
        vec![],
    );
    let done = commit(&database, &[&first, &[changed]]).await.expect("nothing is in the way");
    assert_eq!((done[0][0].affected, done[0][1].affected, done[1][0].affected), (1, 1, 2));
    assert_eq!(done[1][0].rows[1].0, [Value::Int(2), Value::from("mac 2"), Value::Null]);

    let conflict =
        commit(&database, &[&[event("evt_3")], &[event("evt_4"), event("evt_1")]]).await.expect_err("it is taken");
    assert_eq!(
        conflict,
        Conflict { statement: 1, constraint: "UNIQUE constraint failed: payment_event.id".to_owned() }
    );
    assert_eq!(int(&database, "SELECT count(*) FROM payment_event").await, 2, "the whole batch was rolled back");

    let none = Statement::new("UPDATE account SET enabled = 1 WHERE id = 3", vec![]).expecting(1);
    let conflict = commit(&database, &[&[none]]).await.expect_err("there is no such row");
    assert_eq!(conflict, Conflict { statement: 0, constraint: String::new() });
}

#[tokio::test]
async fn one_by_one_a_conflict_undoes_its_own_request_alone() {
    let database = with_accounts().await;
    let session = &database.writers[0].0;
    let refused = |statement: Statement| async move {
        let request = [event("undone"), statement];
        statements::all_or_none(session, &request)
            .await
            .expect("the server is well")
            .expect_err("it is refused")
            .constraint
    };
    let plain = |sql| Statement::new(sql, vec![]);
    statements::begin(session).await.expect("it begins");
    statements::all_or_none(session, &[event("evt_1")]).await.expect("it is well").expect("nothing is in the way");
    assert_eq!(refused(event("evt_1")).await, "UNIQUE constraint failed: payment_event.id");
    assert!(refused(account(1)).await.contains("account.id"));
    let mac = "INSERT INTO account (id, service_id, token_mac, token_sha1, created_at) VALUES (9, 1, 'mac 1', 's', 0)";
    assert_eq!(refused(plain(mac)).await, "UNIQUE constraint failed: account.service_id, account.token_mac");
    assert!(
        refused(plain("INSERT INTO balance (account_id, available) VALUES (1, -1)"))
            .await
            .starts_with("CHECK constraint failed")
    );
    assert!(
        refused(plain("INSERT INTO balance (account_id) VALUES (77)"))
            .await
            .starts_with("FOREIGN KEY constraint failed")
    );
    assert_eq!(refused(plain("UPDATE vendor SET title = NULL")).await, "NOT NULL constraint failed: vendor.title");
    assert_eq!(refused(plain("UPDATE account SET enabled = 1 WHERE id = 3").expecting(1)).await, "");
    // What PostgreSQL cannot store is its sender's trouble, not its neighbours'.
    assert!(refused(event("evt\0")).await.contains("invalid byte sequence"));
    statements::all_or_none(session, &[event("evt_2")]).await.expect("it is well").expect("nothing is in the way");
    statements::commit(session).await.expect("it commits");
    assert_eq!(int(&database, "SELECT count(*) FROM payment_event").await, 2);
}

#[tokio::test]
async fn history_is_neither_changed_nor_deleted() {
    let database = opened().await;
    let session = &database.writers[0].0;
    let plain = |sql| [Statement::new(sql, vec![])];
    let rows = [
        "INSERT INTO posting (entry_id, n, kind, account_id, debit, credit, amount, at) VALUES (1, 0, 1, 1, 1, 2, 5, 0)",
        "INSERT INTO posting_batch VALUES (1, 1, 1, 1, 1, 0, '', '')",
        "INSERT INTO hold (id, account_id, entry_id, last_entry, amount, state, parts, created_at, expires_at, ended_at) VALUES (1, 1, 1, 1, 5, 'released', '[]', 0, 0, 0)",
    ]
    .map(|sql| Statement::new(sql, vec![]));
    commit(&database, &[&rows]).await.expect("nothing is in the way");
    statements::begin(session).await.expect("it begins");
    for (sql, words) in [
        ("UPDATE posting SET amount = 6", "postings are append-only"),
        ("DELETE FROM posting", "postings are append-only"),
        ("TRUNCATE posting", "postings are append-only"),
        ("UPDATE posting_batch SET hash = 'x'", "batches of postings are append-only"),
        ("DELETE FROM posting_batch", "batches of postings are append-only"),
        ("TRUNCATE posting_batch", "batches of postings are append-only"),
        ("UPDATE hold SET state = 'captured'", "a hold ends exactly once"),
    ] {
        let refused = statements::all_or_none(session, &plain(sql)).await.expect("it is well");
        assert_eq!(refused.expect_err("it is refused").constraint, words, "{sql}");
    }
    let given_back = plain("UPDATE hold SET last_entry = 2");
    statements::all_or_none(session, &given_back).await.expect("it is well").expect("that is allowed");
    statements::commit(session).await.expect("it commits");
}

#[tokio::test]
async fn what_repositories_write_does_the_same() {
    let database = with_accounts().await;
    let keys = ["a".to_owned(), "ü".to_owned()];
    let claim = |call| NaturalKeys::claim(AccountId(1), &keys, iap_core::ids::CallId(call), Time(5), Time(50));
    commit(&database, &[&[claim(1)]]).await.expect("they are free");
    let conflict = commit(&database, &[&[claim(2)]]).await.expect_err("they are taken");
    assert_eq!(conflict.constraint, "");

    let service = iap_core::ids::ServiceId(1);
    let set = |key, value: &[u8]| StoreValues::set(service, 0, key, value.to_vec(), Time::NEVER);
    commit(&database, &[&[set("b", b"12345"), set("ü", b"1"), set("B", b"1"), set("b", b"12")]])
        .await
        .expect("they go in");
    assert_eq!(int(&database, "SELECT bytes FROM store_usage").await, (1 + 5 - 5 + 2) + (2 + 1) + (1 + 1));
    let listed = database.reader.read("SELECT key FROM store_value ORDER BY key", &[]).await.expect("it reads");
    let listed: Vec<_> = listed.iter().map(|row| row.text(0).expect("it is a text")).collect();
    assert_eq!(listed, ["B", "b", "ü"], "by bytes");
    commit(&database, &[&[StoreValues::delete(service, 0, "b"), StoreValues::delete(service, 0, "ü")]])
        .await
        .expect("they go");
    assert_eq!(int(&database, "SELECT bytes FROM store_usage").await, 2);

    let origin = || Accounts::origin(AccountId(1), "https://a.example", Time(1));
    let done = commit(&database, &[&[origin(), origin()]]).await.expect("twice is once");
    assert_eq!((done[0][0].affected, done[0][1].affected), (1, 0));
}

#[tokio::test]
async fn a_reader_refuses_to_write_and_outlives_its_connection() {
    let database = opened().await;
    let error = database.reader.read("INSERT INTO payment_event VALUES ('x', 'y', 0) RETURNING 1", &[]).await;
    assert!(error.expect_err("it may not").to_string().contains("read-only"));
    for _ in 0..8 {
        let gone = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        shared().psql(&name(&database), gone);
        assert_eq!(int(&database, "SELECT count(*) FROM stream").await, 2);
    }
}

async fn terminate(database: &Opened, session: &Session) {
    let pid: i32 = session.client().query_one("SELECT pg_backend_pid()", &[]).await.expect("it answers").get(0);
    shared().psql(&name(database), &format!("SELECT pg_terminate_backend({pid})"));
}

#[tokio::test]
async fn a_lost_connection_is_told_from_a_lost_commit() {
    let database = opened().await;
    statements::begin(&database.writers[0].0).await.expect("it begins");
    terminate(&database, &database.writers[0].0).await;
    let lost = statements::all(&database.writers[0].0, &[&[event("evt_1")]]).await.expect_err("it is gone");
    assert!(matches!(lost, Failure::Lost(_)) && lost.may_pass(), "{lost:?}");

    let session = database.target.connect(Purpose::Writing).await.expect("it connects again");
    // So that what ends the second transaction is prepared, and only sent.
    statements::begin(&session).await.expect("it begins");
    statements::commit(&session).await.expect("it commits");
    statements::begin(&session).await.expect("it begins");
    statements::all(&session, &[&[event("evt_1")]]).await.expect("it is well").expect("nothing is in the way");
    terminate(&database, &session).await;
    let unknown = statements::commit(&session).await.expect_err("it is gone");
    assert!(matches!(unknown, Failure::Unknown(_)) && !unknown.may_pass(), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_there_after_a_crash() {
    let cluster: Cluster = Options::default().setting("synchronous_commit", "off").start();
    let database = open(&cluster.fresh_database(), Time(1)).await.expect("it opens");
    let level = database.writers[0].0.client().query_one("SHOW synchronous_commit", &[]).await.expect("it answers");
    assert_eq!(level.get::<_, String>(0), "on", "whatever the server's default");
    for n in 0..20 {
        commit(&database, &[&[event(&format!("evt_{n}"))]]).await.expect("it goes in");
    }
    assert_eq!(int(&database, "SELECT count(*) FROM payment_event").await, 20);
    cluster.kill();
    let lost = statements::begin(&database.writers[0].0).await.expect_err("it is gone");
    assert!(matches!(lost, Failure::Lost(_)), "{lost:?}");
    let reading = tokio::spawn(async move { int(&database, "SELECT count(*) FROM payment_event").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    tokio::task::block_in_place(|| cluster.restart());
    assert_eq!(reading.await.expect("it waits for the server"), 20);
}
