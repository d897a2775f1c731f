//! Exports: a journal that hledger reads and balances, and CSV.

use std::{path::Path, process::Command};

use iap_core::Time;
use iap_host::audit::export::{Format, Span, export};
use iap_store::Location;

use super::world::{Engine, ledger};

const ALL: Span = Span { from: Time(i64::MIN), before: Time::NEVER };

async fn exported(location: &Location, format: Format, span: Span) -> String {
    let mut bytes = Vec::new();
    let lines = export(location, format, span, &mut bytes, |_| {}).await.expect("it is written");
    let text = String::from_utf8(bytes).expect("text");
    if format == Format::Csv {
        assert_eq!(u64::try_from(text.lines().count()).expect("few"), lines + 1);
    }
    text
}

/// What hledger answers.
fn hledger(file: &Path, args: &[&str]) -> String {
    let output = Command::new("hledger").arg("-f").arg(file).args(args).output().unwrap_or_else(|error| {
        panic!("this test needs hledger, which does not start ({error}): apt-get install hledger")
    });
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "hledger {args:?}:\n{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

async fn hledger_balances_it(engine: Engine) {
    let ledger = ledger(engine).await;
    let journal = exported(&ledger.location(), Format::Journal, ALL).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("iap.journal");
    std::fs::write(&file, &journal).expect("the folder is writable");
    hledger(&file, &["check"]);
    assert!(journal.contains("\n    ; reason: it came late, twice\n"), "{journal}");
    let balance = |account: &str| hledger(&file, &["balance", "--no-total", "--format", "%(total)", account]);
    let sum = |account: &str| hledger(&file, &["balance", "--depth=1", account]);
    assert!(balance("credits:.*:issued").contains("120.000000 sms"), "{}", balance("credits:.*:issued"));
    assert!(balance("credits:.*:held").contains("-7.000000 sms"), "{}", balance("credits:.*:held"));
    assert!(balance("money:vendor:acme:payouts").contains("-2.00 EUR"), "{}", balance("money:vendor"));
    assert!(balance("money:service:sms:processor_fees").contains("0.29 EUR"), "{}", balance("money:service"));
    let all = sum("");
    assert!(all.trim_end().ends_with('0'), "everything comes to nothing:\n{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hledger_reads_and_balances_the_journal_of_sqlite() {
    hledger_balances_it(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hledger_reads_and_balances_the_journal_of_postgres() {
    hledger_balances_it(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_has_readable_names_and_days_bound_it() {
    let ledger = ledger(Engine::Sqlite).await;
    let csv = exported(&ledger.location(), Format::Csv, ALL).await;
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some("entry,n,at,kind,service,account,vendor,grant,hold,asset,debit,credit,amount,reason")
    );
    let first = lines.next().expect("a posting");
    assert!(first.contains(",2030-01-01T00:00:01.5Z,grant,sms,acc_"), "{first}");
    assert!(first.ends_with(",credits,issued,available,100,"), "{first}");
    assert!(csv.contains(",pay_out,,,acme,,,EUR,vendor_payable,payouts,2.00"), "{csv}");
    assert!(
        csv.lines().any(|line| line.contains(",refund_use,") && line.ends_with(",\"it came late, twice\"")),
        "{csv}"
    );
    let before = Span { from: Time(0), before: Time(1_893_456_000_000) };
    assert_eq!(exported(&ledger.location(), Format::Csv, before).await.lines().count(), 1);
}
