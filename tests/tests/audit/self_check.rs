//! The self-check of a serving host: what was tampered with stops its account, and only that.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use iap_core::ids::AccountId;
use iap_tests::{
    Odoo, TestHost, cluster,
    host::{Settings, binary},
    odoo::hex32,
};

use super::world::{Engine, tamper_database, tamper_file};

struct Served {
    host: TestHost,
    /// Of PostgreSQL.
    database: Option<String>,
}

impl Served {
    fn start(engine: Engine) -> Self {
        let url = (engine == Engine::Postgres).then(|| cluster::shared().fresh_database());
        let toml = url.iter().map(|url| format!("database_url = \"{url}\"\n")).collect();
        let host = TestHost::with(&Settings { toml, ..Settings::default() });
        Self { host, database: url.and_then(|url| url.rsplit('/').next().map(str::to_owned)) }
    }

    fn tamper(&self, sql: &str) {
        match &self.database {
            None => tamper_file(&self.host.data_dir().join("iap.db"), sql),
            Some(database) => tamper_database(database, sql),
        }
    }

    async fn violations(&self) -> u64 {
        let request = self.host.client().get(format!("{}/metrics", self.host.url()));
        let metrics = iap_tests::http::try_send(request).await.expect("the host answers").text;
        let line = metrics.lines().find(|line| line.starts_with("ledger_invariant_violations_total "));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("no metric:\n{metrics}"))
    }

    async fn until_violations(&self, count: u64) {
        let began = Instant::now();
        while self.violations().await < count {
            assert!(began.elapsed() < Duration::from_secs(60), "nothing is found; the log:\n{}", self.host.log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert_eq!(self.violations().await, count);
    }

    /// `iap ledger resume`.
    fn resume(&self, account: AccountId) -> (bool, String) {
        let mut command = Command::new(binary());
        command.args(["ledger", "resume", &account.to_string(), "--data-dir"]).arg(self.host.data_dir());
        if let Some(database) = &self.database {
            command.env("IAP_DATABASE_URL", cluster::shared().url(database));
        }
        let output = command.output().expect("it runs");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    async fn send(&self, odoo: &Odoo) -> String {
        odoo.send("+32475000001", &hex32()).await
    }
}

async fn tampering_stops_the_account(engine: Engine) {
    let served = Served::start(engine);
    let operator = served.host.operator();
    let mut databases = Vec::new();
    for _ in 0..3 {
        let odoo = served.host.database_with_credits("sms", "10").await;
        assert_eq!(served.send(&odoo).await, "success");
        let account: AccountId = operator.account(&odoo.dbuuid, "sms").await.parse().expect("an id");
        databases.push((odoo, account));
    }
    let [(first, balance), (second, grant), (third, _)] = &databases[..] else { panic!("three were made") };
    // Each has been looked at once, so that postings must explain what comes.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(served.violations().await, 0, "{}", served.host.log());

    served.tamper(&format!("UPDATE balance SET available = available + 1000000 WHERE account_id = {}", balance.0));
    served.until_violations(1).await;
    assert_ne!(served.send(first).await, "success");
    let rest = operator
        .send(
            "POST",
            &format!("/v1/accounts/{balance}/grants"),
            Some(&serde_json::json!({ "credits": "1", "reason": "more" })),
        )
        .await;
    assert!(rest.status >= 400 && rest.text.contains("stopped"), "{}", rest.text);
    assert!(served.host.log().contains("available is stored as 10, its grants make 9"), "{}", served.host.log());

    // Sums that fit are not enough: no posting explains it.
    served.tamper(&format!(
        "UPDATE balance SET available = available + 2000000 WHERE account_id = {0};
         UPDATE credit_grant SET available = available + 2000000, amount = amount + 2000000 WHERE account_id = {0}",
        grant.0
    ));
    served.until_violations(2).await;
    assert_ne!(served.send(second).await, "success");
    assert_eq!(served.send(third).await, "success", "others go on");
    assert_eq!(served.violations().await, 2);

    let mut served = served;
    if engine == Engine::Sqlite {
        served.host.kill();
    }
    // Stopping the account wrote its balance as the host had it in memory; the second one's grant is still wrong.
    let (done, said) = served.resume(*balance);
    assert!(done, "{said}");
    let (done, said) = served.resume(*grant);
    assert!(!done && said.contains("is still not consistent"), "{said}");
    if engine == Engine::Sqlite {
        served.host.restart();
    }
    let (first, second) = (first.clone(), second.clone());
    assert_eq!(served.send(&first).await, "success", "posting goes on");
    assert_ne!(served.send(&second).await, "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn tampering_stops_the_account_on_sqlite() {
    tampering_stops_the_account(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tampering_stops_the_account_on_postgres() {
    tampering_stops_the_account(Engine::Postgres).await;
}
