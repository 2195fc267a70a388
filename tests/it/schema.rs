//! The database file: its contract, its permissions, and what may be opened.

use std::os::unix::fs::PermissionsExt;

use athena_ledger::simulator::StartSpec;
use athena_ledger::store::{Reader, StoreError};
use rusqlite::Connection;

use crate::world::Book;

/// The columns others rely on; more may come.
const CONTRACT: &[(&str, &str)] = &[
    (
        "query_log",
        "execution_id account_id region started_epoch started_at finished_epoch finished_at principal principal_key \
         principal_kind principal_type team role session service client claimed_by source_ip user_agent workgroup \
         catalog database_name statement_type substatement_type state state_reason scanned_bytes billed_bytes \
         billing_rule price_source cost_usd dpu_count queue_ms execution_ms total_ms reused query_fingerprint \
         query_text attribution before_ledger event_id",
    ),
    (
        "usage_hourly",
        "hour_epoch hour_at account_id region workgroup principal principal_key principal_kind team executions \
         failed cancelled unpriced scanned_bytes billed_bytes cost_usd",
    ),
    (
        "usage_daily",
        "day day_epoch account_id region workgroup principal principal_key principal_kind team client database_name \
         executions failed cancelled unpriced scanned_bytes billed_bytes cost_usd",
    ),
    (
        "event_log",
        "event_id event_epoch event_at event_name account_id region principal principal_key source_ip user_agent \
         client error_code executions",
    ),
    (
        "coverage_hourly",
        "hour_epoch hour_at account_id region status reason events executions finished pending denied gone \
         unattributed unreadable",
    ),
    (
        "shape_daily",
        "day day_epoch query_fingerprint query_text executions failed cancelled unpriced scanned_bytes billed_bytes \
         cost_usd",
    ),
    (
        "running_total_today",
        "day hour_epoch hour_at hour_of_day principal principal_key principal_kind team executions unpriced \
         scanned_bytes billed_bytes cost_usd",
    ),
    ("usual_total_today", "day hour_epoch hour_at hour_of_day cost_usd usual_cost_usd"),
    (
        "top_executions_daily",
        "day day_epoch day_rank principal_rank execution_id account_id region started_epoch started_at principal \
         principal_key principal_kind team client workgroup database_name state scanned_bytes billed_bytes cost_usd \
         total_ms query_fingerprint query_text",
    ),
    (
        "wasted_daily",
        "day day_epoch account_id region workgroup principal principal_key principal_kind team state error executions \
         unpriced scanned_bytes billed_bytes cost_usd total_ms",
    ),
    (
        "ledger_now",
        "as_of_epoch as_of_at timezone walked_to_epoch walked_to_at lag_seconds due_hours complete_hours coverage \
         today today_cost_usd month month_executions month_unpriced month_scanned_bytes month_billed_bytes \
         month_cost_usd month_unattributed_usd month_forecast_usd",
    ),
    (
        "alert_log",
        "alert_id found_epoch found_at rule severity subject name period period_epoch level title channel delivery \
         attempts delivered_epoch delivered_at error",
    ),
];

#[tokio::test(start_paused = true)]
async fn the_views_have_the_columns_of_the_contract_and_none_is_called_user() {
    let book = Book::new();
    drop(book.open().expect("the store opens"));
    let connection = Connection::open(&book.config.store.path).expect("the database opens");
    for (view, columns) in CONTRACT {
        let select = connection.prepare(&format!("SELECT * FROM {view}")).expect("the view is valid");
        let names: Vec<&str> = select.column_names().collect();
        for column in columns.split_whitespace() {
            assert!(names.contains(&column), "{view} lacks {column}");
        }
        assert!(!names.contains(&"user"), "{view}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_table_is_strict_and_vacuumed_as_it_goes() {
    let book = Book::new();
    drop(book.open().expect("the store opens"));
    let lax =
        "SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'";
    assert!(book.rows(lax).is_empty(), "{:?}", book.rows(lax));
    assert_eq!(book.row("PRAGMA auto_vacuum"), "2");
    assert_eq!(book.row("PRAGMA journal_mode"), "delete", "a reader's own view; never wal");
}

#[tokio::test(start_paused = true)]
async fn times_are_text_with_a_space_and_epochs_are_integers() {
    let book = Book::new();
    book.world.start(StartSpec::at(book.ago(60)));
    book.tick().await;
    let sql = "SELECT started_at, typeof(started_epoch), typeof(cost_usd) FROM query_log";
    assert_eq!(book.row(sql), "2026-11-21 11:00:00 | integer | real");
}

#[tokio::test(start_paused = true)]
async fn the_file_is_for_its_owner_alone_unless_told_otherwise() {
    let mut book = Book::new();
    let mode = |book: &Book| {
        std::fs::metadata(&book.config.store.path).expect("the file is there").permissions().mode() & 0o777
    };
    drop(book.open().expect("the store opens"));
    assert_eq!(mode(&book), 0o600);
    book.config.store.mode = 0o640;
    drop(book.open().expect("the store opens"));
    assert_eq!(mode(&book), 0o640);
}

#[tokio::test(start_paused = true)]
async fn other_files_are_refused_and_left_as_they_are() {
    let book = Book::new();
    let path = &book.config.store.path;
    std::fs::write(path, b"this is no database, but somebody's notes\n".repeat(100)).expect("written");
    let before = std::fs::read(path).expect("readable");
    assert!(matches!(book.open(), Err(StoreError::NotADatabase { .. })));
    assert_eq!(std::fs::read(path).expect("readable"), before);
    std::fs::remove_file(path).expect("removable");
    let other = Connection::open(path).expect("a database of another program");
    other.execute_batch("CREATE TABLE mine (id INTEGER)").expect("created");
    drop(other);
    assert!(matches!(book.open(), Err(StoreError::NotADatabase { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_newer_database_is_refused_by_readers_and_writers() {
    let book = Book::new();
    drop(book.open().expect("the store opens"));
    let path = &book.config.store.path;
    Connection::open(path).and_then(|c| c.pragma_update(None, "user_version", 99)).expect("changed");
    assert!(matches!(book.open(), Err(StoreError::Newer { found: 99, .. })));
    assert!(matches!(Reader::open(path), Err(StoreError::Newer { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_backup_is_whole_private_and_never_overwrites() {
    let book = Book::new();
    book.world.start(StartSpec::at(book.ago(60)));
    book.tick().await;
    let copy = book.folder().join("copy.db");
    let writer = book.open().expect("a writer holds the book meanwhile");
    book.reader().backup(&copy).expect("the copy is made");
    drop(writer);
    assert!(matches!(book.reader().backup(&copy), Err(StoreError::Exists { .. })));
    let mode = std::fs::metadata(&copy).expect("the copy is there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let copied = Reader::open(&copy).expect("the copy opens");
    assert_eq!(copied.stock().expect("counted").counts.executions, 1);
    assert!(copied.laws().expect("checked").iter().all(|law| law.off_by == 0));
}

#[tokio::test(start_paused = true)]
async fn a_missing_file_is_not_made_by_a_reader() {
    let book = Book::new();
    assert!(matches!(Reader::open(&book.config.store.path), Err(StoreError::Missing { .. })));
    assert!(!book.config.store.path.exists());
}

/// The schema of version 1, as it was released.
const VERSION_1: &str = include_str!("schema-1.sql");

#[tokio::test(start_paused = true)]
async fn an_older_database_is_kept_as_a_backup_and_brought_to_the_present_schema() {
    let (old, new) = (Book::new(), Book::new());
    let connection = Connection::open(&old.config.store.path).expect("the file is made");
    let script = format!("{VERSION_1}; PRAGMA application_id = 0x4174686c; PRAGMA user_version = 1;");
    connection.execute_batch(&script).expect("version 1");
    let row = "INSERT INTO scope VALUES (1, '111122223333', 'us-east-1', NULL);
               INSERT INTO execution (id, scope_id, execution_id, status) VALUES (1, 1, 'kept', 0);";
    connection.execute_batch(row).expect("a row");
    drop(connection);
    let error = Reader::open(&old.config.store.path).expect_err("a reader changes nothing");
    assert!(matches!(error, StoreError::Older { found: 1, .. }), "{error:?}");
    drop(old.open().expect("migrated"));
    drop(new.open().expect("created"));
    let tables = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY 1, 2";
    assert_eq!(old.rows(tables), new.rows(tables));
    assert_eq!(old.row("SELECT execution_id FROM query_log"), "kept");
    let backup = old.folder().join("ledger.db.schema-1.backup");
    let mode = std::fs::metadata(&backup).expect("a backup").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "it holds what the database holds");
    let version: i64 = Connection::open(&backup)
        .expect("the backup opens")
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .expect("a version");
    assert_eq!(version, 1);
}
