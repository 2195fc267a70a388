//! `[retention]`: what goes, what stays, and that no total changes.

use athena_ledger::domain::scope::{AccountId, Scope};
use athena_ledger::simulator::{Actor, End, StartSpec, home};
use chrono::TimeDelta;
use rusqlite::Connection;

use crate::world::Book;

const TIB: u64 = 1 << 40;

/// Twelve days of a TiB every six hours, of which executions are kept for five.
async fn twelve_days() -> Book {
    let mut book = Book::new();
    book.config.collect.first_span = TimeDelta::days(12);
    book.config.retention.executions = Some(TimeDelta::days(5));
    for n in 0..40 {
        book.world.start(StartSpec { scanned: TIB, ..StartSpec::at(book.ago(n * 6 * 60 + 60)) });
    }
    book.tick().await;
    book
}

const TOTALS: &str = "SELECT sum(executions), sum(cost_usd) FROM usage_daily";

#[tokio::test(start_paused = true)]
async fn purged_executions_leave_their_totals_and_what_comes_later_is_an_adjustment() {
    let book = twelve_days().await;
    let late = book.ago(10 * 24 * 60);
    assert_eq!(book.row(TOTALS), "40 | 200");
    let kept: u32 = book.row("SELECT count(*) FROM query_log").parse().expect("a number");
    assert!((20..=24).contains(&kept), "{kept}");
    let hours = book.rows("SELECT * FROM usage_hourly");
    // A start of a purged day turns up in a trail file.
    book.world.start(StartSpec { scanned: TIB, ..StartSpec::at(late) });
    let record = book.world.records(&home()).pop().expect("the newest record");
    let file = book.folder().join("late.json");
    std::fs::write(&file, format!(r#"{{"Records":[{record}]}}"#)).expect("the file is written");
    book.read_files(&[file]).await;
    book.live(26).await;
    assert_eq!(book.row(TOTALS), "40 | 200");
    assert_eq!(book.rows("SELECT * FROM usage_hourly"), hours);
    assert_eq!(book.row("SELECT executions, cost_usd FROM adjustment_hourly"), "1 | 5");
}

#[tokio::test(start_paused = true)]
async fn read_events_and_texts_go_after_their_time_and_prices_stay() {
    let mut book = Book::new();
    book.config.retention.read_events = Some(TimeDelta::days(1));
    book.config.retention.query_text = Some(TimeDelta::days(1));
    for n in 0..130 {
        let id = book.world.start(StartSpec::at(book.ago(60) - TimeDelta::seconds(n)));
        book.world.read(&home(), book.ago(50), Actor::user("reader"), &id);
    }
    book.tick().await;
    let cost = book.row("SELECT sum(cost_usd) FROM query_log");
    book.live(72).await;
    assert_eq!(book.row("SELECT count(*) FROM event_log WHERE event_name <> 'StartQueryExecution'"), "0");
    assert_eq!(book.row("SELECT count(*) FROM event_execution"), "0");
    assert_eq!(
        book.row("SELECT count(*), count(query_text), count(query_fingerprint) FROM query_log"),
        "130 | 0 | 130"
    );
    assert_eq!(book.row("SELECT sum(cost_usd) FROM query_log"), cost);
}

#[tokio::test(start_paused = true)]
async fn a_purge_that_was_stopped_goes_on_the_next_time() {
    let book = twelve_days().await;
    let sql = Connection::open(&book.config.store.path).expect("the database opens");
    // What a purge that was killed after its first transaction leaves behind: frozen, but still there.
    let frozen = "(SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'frozen_before')";
    sql.execute_batch(&format!(
        "INSERT INTO execution (scope_id, execution_id, status, state, submitted, start_at, cost, billed_bytes, billing_rule)
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)
             SELECT 1, 'left-' || i, 1, 3, {frozen} - i, {frozen} - i, 1, 1, 7 FROM n;
         INSERT INTO meta SELECT 'purging', '-9223372036854775808 ' || max(id) FROM execution;"
    ))
    .expect("prepared");
    drop(sql);
    book.live(26).await;
    assert_eq!(book.row("SELECT count(*) FROM query_log WHERE execution_id LIKE 'left-%'"), "0");
    assert_eq!(book.rows("SELECT * FROM adjustment_hourly"), [""; 0]);
    assert_eq!(book.row(TOTALS), "40 | 200");
    assert_eq!(book.row("PRAGMA freelist_count"), "0", "the file shrinks");
}

#[tokio::test(start_paused = true)]
async fn another_time_zone_over_the_frozen_edge_loses_no_total() {
    for zone in ["Asia/Tokyo", "America/New_York", "Asia/Kolkata", "UTC"] {
        let mut book = twelve_days().await;
        book.config.timezone = zone.parse().expect("an IANA name");
        book.tick().await;
        assert_eq!(book.row(TOTALS), "40 | 200", "{zone}");
        book.config.timezone = chrono_tz::UTC;
        book.live(50).await;
        assert_eq!(book.row(TOTALS), "40 | 200", "{zone} and back");
        let month = "SELECT sum(executions) FROM usage_month";
        assert_eq!(book.row(month), "40", "{zone} and back");
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_will_ever_answer_does_not_hold_up_retention() {
    let mut book = Book::new();
    book.config.retention.executions = Some(TimeDelta::days(5));
    let foreign = Scope { account: AccountId::parse("999988887777").expect("an account"), ..home() };
    book.world.start(StartSpec { scope: foreign.clone(), ..StartSpec::at(book.ago(60 * 24 * 60)) });
    let record = book.world.records(&foreign).pop().expect("the record");
    let file = book.folder().join("foreign.json");
    std::fs::write(&file, format!(r#"{{"Records":[{record}]}}"#)).expect("the file is written");
    book.read_files(&[file]).await;
    assert_eq!(book.row("SELECT count(*) FROM query_log"), "0");
    assert_eq!(book.row("SELECT count(*) FROM ask"), "0");
    assert_eq!(book.row(TOTALS), "1 | -");
}

#[tokio::test(start_paused = true)]
async fn who_looks_at_a_purged_execution_again_adds_nothing() {
    let book = twelve_days().await;
    let purged = book.rows("SELECT executions FROM usage_daily").len();
    let id = book.world.start(StartSpec {
        scanned: TIB,
        shown_after: None,
        ..StartSpec::at(book.ago(9 * 24 * 60))
    });
    book.world.read(&home(), book.ago(30), Actor::user("curious"), &id);
    book.live(30).await;
    assert_eq!(book.row(&format!("SELECT before_ledger FROM query_log WHERE execution_id = '{id}'")), "1");
    assert_eq!(book.rows("SELECT * FROM adjustment_hourly"), [""; 0]);
    assert_eq!(book.row(TOTALS), "40 | 200");
    assert_eq!(book.rows("SELECT executions FROM usage_daily").len(), purged);
}

#[tokio::test(start_paused = true)]
async fn addresses_reasons_and_alerts_go_with_what_they_belong_to() {
    let mut book = Book::new();
    book.config.retention.read_events = Some(TimeDelta::days(1));
    book.config.retention.events = Some(TimeDelta::days(1));
    book.config.retention.query_text = Some(TimeDelta::days(1));
    let end = End::Failed("TYPE_MISMATCH: cannot cast 'jane@corp.example'".to_owned());
    let jane = Actor::role("analyst", "jane").from_address("203.0.113.7");
    let query = "SELECT 'jane@corp.example'".to_owned();
    book.world.start(StartSpec { query, end, by: jane.into(), ..StartSpec::at(book.ago(60)) });
    book.tick().await;
    let sql = Connection::open(&book.config.store.path).expect("the database opens");
    sql.execute_batch(
        "INSERT INTO alert VALUES (1, 'a', 's', 1, 1795000000, 'r', 'info', 'all', '', 'hour', 1795000000, 't', '{\"sql\":\"jane@corp\"}');
         INSERT INTO outbox (channel, alert, owed_at, next_at) VALUES ('c', 1, 1795000000, 1795000000);",
    )
    .expect("prepared");
    drop(sql);
    book.live(9 * 24).await;
    assert_eq!(
        book.row("SELECT state_reason, workgroup, client FROM query_log"),
        "TYPE_MISMATCH: [redacted] | primary | boto3"
    );
    let file = std::fs::read(&book.config.store.path).expect("the database file");
    // Not even in pages that are free.
    for personal in [&b"jane@corp"[..], b"203.0.113.7", b"'jane@"] {
        assert!(memchr::memmem::find(&file, personal).is_none(), "{}", String::from_utf8_lossy(personal));
    }
}
