//! The pipeline as its users meet it: passes, spans, faults, retention, files.

use std::io::Write;

use athena_ledger::domain::sql::QueryTextPolicy;
use athena_ledger::domain::window::Window;
use athena_ledger::simulator::{Actor, Api, End, Faults, StartSpec, home};
use athena_ledger::stages::StageError;
use athena_ledger::store::StoreError;
use chrono::TimeDelta;

use crate::world::Book;

const TIB: u64 = 1 << 40;

/// People and services, successes and failures, over the two hours before noon.
fn company(book: &Book) {
    for n in 0..130_i64 {
        let by = Actor::user(["ann", "ben", "cem"][n as usize % 3]).into();
        let end = if n % 11 == 0 { End::Failed("SYNTAX_ERROR: line 1:8".to_owned()) } else { End::Succeeded };
        let at = book.ago(40) - TimeDelta::seconds(n * 29);
        let id = book.world.start(StartSpec { by, end, scanned: (n as u64) << 31, ..StartSpec::at(at) });
        if n % 4 == 0 {
            book.world.read(&home(), at + TimeDelta::seconds(5), Actor::user("poller"), &id);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_pass_asks_athena_nothing_and_changes_nothing() {
    let book = Book::new();
    company(&book);
    book.tick().await;
    let (content, calls) = (book.content(), book.world.calls());
    let again = book.tick().await;
    assert_eq!(again.events_stored, 0);
    assert_eq!(book.world.calls().of(Api::BatchGetQueryExecution), calls.of(Api::BatchGetQueryExecution));
    assert_eq!(book.world.calls().of(Api::GetQueryExecution), calls.of(Api::GetQueryExecution));
    assert_eq!(book.content(), content);
}

#[tokio::test(start_paused = true)]
async fn starts_cost_one_lookup_call_and_one_batch_call_per_fifty() {
    let book = Book::new();
    for n in 0..1_000 {
        book.world.start(StartSpec::at(book.ago(60) - TimeDelta::milliseconds(n * 3_500)));
    }
    let asked = Window { start: book.ago(120), end: book.ago(59) };
    book.pass(Some(asked)).await;
    assert_eq!(book.row("SELECT count(*) FROM query_log WHERE status = 'finished'"), "1000");
    assert_eq!(book.world.calls().of(Api::LookupEvents).total(), 20 + 3);
    assert_eq!(book.world.calls().of(Api::BatchGetQueryExecution).total(), 20);
}

/// What a fault-free book of `company` says after three hours.
async fn fault_free() -> String {
    let book = Book::new();
    company(&book);
    book.live(3).await;
    book.content()
}

#[tokio::test(start_paused = true)]
async fn every_fault_alone_and_all_mixed_end_in_the_same_book() {
    let expected = fault_free().await;
    let p = 0.15;
    let faults = [
        ("throttle", Faults { throttle: p, ..Faults::default() }),
        ("internal error", Faults { internal: p, ..Faults::default() }),
        ("reset", Faults { reset: p, ..Faults::default() }),
        ("garbage body", Faults { garbage: p, ..Faults::default() }),
        ("hang", Faults { hang: 0.05, ..Faults::default() }),
        ("expired token", Faults { expired: 0.05, ..Faults::default() }),
        ("lost page token", Faults { lost_token: p, ..Faults::default() }),
        ("unprocessed ids", Faults { unprocessed: p, ..Faults::default() }),
        ("batch unknown", Faults { batch_unknown: true, ..Faults::default() }),
        (
            "batch denied",
            Faults { denied: vec!["athena:BatchGetQueryExecution".to_owned()], ..Faults::default() },
        ),
        ("mixed", Faults::mixed(0.05, 11)),
    ];
    for (name, fault) in faults {
        let book = Book::new();
        company(&book);
        book.world.set_faults(Faults { seed: 11, ..fault });
        book.live(2).await;
        book.world.set_faults(Faults::default());
        book.live(1).await;
        for (line, wanted) in book.content().lines().zip(expected.lines()) {
            assert_eq!(line, wanted, "after {name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_denied_action_is_named_with_the_policy_line_to_add() {
    let book = Book::new();
    company(&book);
    book.world.set_faults(Faults { denied: vec!["cloudtrail:LookupEvents".to_owned()], ..Faults::default() });
    let report = book.tick().await;
    let failure = report.failures.first().expect("the failure is reported");
    assert!(matches!(failure.error, StageError::Source(_)));
    assert!(failure.error.help().expect("a cure").contains("cloudtrail:LookupEvents"));
}

#[tokio::test(start_paused = true)]
async fn an_athena_outage_delays_no_event() {
    let book = Book::new();
    company(&book);
    let denied = ["athena:BatchGetQueryExecution", "athena:GetQueryExecution"].map(str::to_owned).to_vec();
    book.world.set_faults(Faults { denied, ..Faults::default() });
    book.tick().await;
    assert_eq!(book.row("SELECT count(*) FROM event_log WHERE event_name = 'StartQueryExecution'"), "130");
    assert_eq!(book.row("SELECT status, count(*) FROM query_log GROUP BY 1"), "denied | 130");
    book.world.set_faults(Faults::default());
    book.live(26).await;
    assert_eq!(book.row("SELECT status, count(*) FROM query_log GROUP BY 1"), "finished | 130");
}

#[tokio::test(start_paused = true)]
async fn an_id_athena_never_knew_is_gone_after_three_misses_over_a_day() {
    let book = Book::new();
    let id = book.world.start(StartSpec::at(book.ago(60)));
    book.world.forget(&id);
    book.live(23).await;
    assert_eq!(book.row("SELECT status, billing_rule, cost_usd FROM query_log"), "pending | pending | -");
    book.live(3).await;
    assert_eq!(book.row("SELECT status, billing_rule, cost_usd FROM query_log"), "gone | unknown | -");
    assert_eq!(book.row("SELECT executions, unpriced, cost_usd FROM usage_hourly"), "1 | 1 | -");
}

#[tokio::test(start_paused = true)]
async fn an_id_known_only_from_a_read_name_makes_no_hour_partial() {
    let book = Book::new();
    book.world.read(&home(), book.ago(90), Actor::user("ben"), "typed-by-hand");
    book.tick().await;
    assert_eq!(book.row("SELECT status FROM query_log"), "pending");
    assert_eq!(book.coverage(90), "complete | ");
}

#[tokio::test(start_paused = true)]
async fn an_execution_without_a_start_is_its_own_line() {
    let book = Book::new();
    let at = book.ago(60);
    let id = book.world.start(StartSpec { scanned: TIB, shown_after: None, ..StartSpec::at(at) });
    book.world.read(&home(), book.ago(50), Actor::user("ben"), &id);
    book.tick().await;
    assert_eq!(book.row("SELECT attribution, principal FROM query_log"), "none | unattributed");
    assert_eq!(book.row("SELECT principal, cost_usd FROM usage_hourly"), "unattributed | 5");
    assert_eq!(book.row("SELECT sum(unattributed) FROM coverage_hourly"), "1");
}

#[tokio::test(start_paused = true)]
async fn an_execution_from_before_the_ledger_is_flagged_until_a_backfill_reaches_it() {
    let book = Book::new();
    let id = book.world.start(StartSpec { scanned: TIB, ..StartSpec::at(book.ago(600)) });
    book.world.read(&home(), book.ago(50), Actor::user("ben"), &id);
    book.tick().await;
    assert_eq!(book.row("SELECT before_ledger FROM query_log"), "1");
    assert!(book.rows("SELECT 1 FROM usage_hourly").is_empty());
    book.pass(Window::new(book.ago(700), book.ago(120))).await;
    assert_eq!(book.row("SELECT before_ledger, principal FROM query_log"), "0 | ann");
    assert_eq!(book.row("SELECT principal, cost_usd FROM usage_hourly"), "ann | 5");
}

#[tokio::test(start_paused = true)]
async fn a_budget_cuts_read_names_and_makes_no_hour_partial() {
    let mut book = Book::new();
    book.config.collect.read_names_budget = Some(TimeDelta::seconds(3));
    let id = book.world.start(StartSpec::at(book.ago(90)));
    for n in 0..900 {
        book.world.read(&home(), book.ago(50) - TimeDelta::seconds(n), Actor::user("poller"), &id);
    }
    let report = book.tick().await;
    assert_eq!(report.read_names_cut, 1);
    assert_eq!(book.coverage(90), "complete | ");
    let before = book.world.calls().of(Api::LookupEvents).total();
    book.tick().await;
    assert!(book.world.calls().of(Api::LookupEvents).total() - before <= 4, "what the budget cut is retried");
}

#[tokio::test(start_paused = true)]
async fn privacy_is_applied_before_storing() {
    let secret = "SELECT * FROM people WHERE email = 'jane@acme.example' -- for jane";
    for (policy, kept) in [
        (QueryTextPolicy::Full, secret),
        (QueryTextPolicy::Redacted, "SELECT * FROM people WHERE email = ?"),
        (QueryTextPolicy::None, "-"),
    ] {
        let mut book = Book::new();
        book.config.query_text = policy;
        let end = End::Failed("TYPE_MISMATCH: cannot cast 'jane@acme.example'".to_owned());
        book.world.start(StartSpec { query: secret.to_owned(), end, ..StartSpec::at(book.ago(60)) });
        book.tick().await;
        assert_eq!(book.row("SELECT query_text FROM query_log").trim(), kept, "{policy:?}");
        let file = std::fs::read(&book.config.store.path).expect("the database file");
        let found = memchr::memmem::find(&file, b"jane").is_some();
        assert_eq!(found, policy == QueryTextPolicy::Full, "{policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_price_and_zone_reach_what_is_stored() {
    let mut book = Book::new();
    book.world.start(StartSpec { scanned: TIB, ..StartSpec::at(book.ago(60)) });
    book.world.start(StartSpec { scanned: TIB, ..StartSpec::at(book.ago(100)) });
    book.tick().await;
    let changed = "timezone = 'Pacific/Auckland'\n[[price]]\nregion = 'us-east-1'\nusd_per_tb = '4.00'\n";
    let changed = athena_ledger::config::Config::parse(changed, "test.toml".as_ref()).expect("valid");
    book.config.pricing = changed.pricing;
    book.config.timezone = changed.timezone;
    book.tick().await;
    assert_eq!(book.row("SELECT sum(cost_usd) FROM query_log"), "8");
    assert_eq!(book.row("SELECT sum(cost_usd), min(price_source) FROM query_log"), "8 | override");
    // 10:20 and 11:00 UTC are 23:20 and midnight in Auckland's summer.
    assert_eq!(
        book.rows("SELECT day, cost_usd FROM usage_daily ORDER BY 1"),
        ["2026-11-21 | 4", "2026-11-22 | 4"]
    );
}

#[tokio::test(start_paused = true)]
async fn files_alone_are_partial_and_their_executions_pending_without_a_scope() {
    let mut book = Book::new();
    company(&book);
    let path = book.folder().join("AWSLogs");
    std::fs::create_dir(&path).expect("a folder");
    let records = book.world.records(&home()).join(",");
    let mut gz = flate2::write::GzEncoder::new(
        std::fs::File::create(path.join("trail.json.gz")).expect("a file"),
        flate2::Compression::fast(),
    );
    gz.write_all(format!(r#"{{"Records":[{records}]}}"#).as_bytes()).expect("written");
    gz.finish().expect("finished");
    let scopes = std::mem::take(&mut book.scopes);
    let report = book.read_files(std::slice::from_ref(&path)).await.total();
    assert_eq!(report.executions_new, 130);
    assert_eq!(book.row("SELECT status, count(*) FROM query_log GROUP BY 1"), "pending | 130");
    assert_eq!(book.coverage(90).split(',').next(), Some("partial | files"));
    // The same files again, now with the scope: duplicates, and Athena is asked.
    book.scopes = scopes;
    let again = book.read_files(&[path]).await.total();
    assert_eq!((again.events_stored, again.executions_new), (0, 0));
    assert_eq!(book.row("SELECT status, count(*) FROM query_log GROUP BY 1"), "finished | 130");
    // Reading the event history as well adds nothing and makes the hours complete.
    book.tick().await;
    assert_eq!(book.coverage(90), "complete | ");
    assert_eq!(book.row("SELECT count(*) FROM query_log"), "130");
}

#[tokio::test(start_paused = true)]
async fn an_empty_account_costs_four_calls_and_is_complete() {
    let book = Book::new();
    let report = book.tick().await;
    assert_eq!((report.events_read, report.failures.len()), (0, 0));
    assert_eq!(book.world.calls().of(Api::LookupEvents).total(), 4);
    assert_eq!(book.coverage(90), "complete | ");
}

#[tokio::test(start_paused = true)]
async fn a_span_longer_than_two_hundred_pages_is_walked_in_pieces() {
    let book = Book::new();
    book.world.set_quotas(false);
    for n in 0..10_300 {
        book.world.start(StartSpec::at(book.ago(45) - TimeDelta::milliseconds(n * 400)));
    }
    let asked = Window { start: book.ago(130), end: book.ago(40) };
    let ctx = book.ctx().await;
    let mut pieces = 0;
    {
        let tick = athena_ledger::stages::tick(&ctx, Some(asked));
        tokio::pin!(tick);
        while ctx.progress.read().pages < 203 {
            tokio::select! {
                _ = &mut tick => break,
                () = tokio::time::sleep(std::time::Duration::from_millis(100)) => {}
            }
            pieces = book.rows("SELECT 1 FROM walked WHERE walk = 1").len().max(pieces);
        }
    }
    assert_eq!(pieces, 1, "progress is not durable before the slice ends");
    drop(ctx);
    book.pass(Some(asked)).await;
    assert_eq!(book.row("SELECT count(*) FROM query_log"), "10300");
}

#[tokio::test(start_paused = true)]
async fn what_left_the_event_history_during_a_long_backfill_is_not_walked() {
    let book = Book::new();
    book.world.set_latency(std::time::Duration::from_secs(5));
    let asked = Window { start: book.ago(90 * 24 * 60), end: book.ago(60) };
    book.pass(Some(asked)).await;
    let first: i64 =
        book.row("SELECT min(start) FROM walked WHERE walk = 1").parse().expect("a number of seconds");
    let missed = first - asked.start.timestamp();
    // 90 slices of a day, 5 s each, the oldest one last.
    assert!((440..500).contains(&missed), "{missed}");
}

#[tokio::test(start_paused = true)]
async fn a_second_collector_is_told_and_the_first_goes_on() {
    let book = Book::new();
    let first = book.open().expect("the first opens");
    assert!(matches!(book.open(), Err(StoreError::Taken { .. })));
    drop(first);
    book.open().expect("the lock went with its holder");
}

#[tokio::test(start_paused = true)]
async fn any_text_as_a_record_is_kept_as_unreadable_and_makes_its_hour_partial() {
    let book = Book::new();
    for (n, record) in
        ["", "not json", "[1,2]", r#"{"eventName":"StartQueryExecution"}"#, "\u{1b}[31m"].iter().enumerate()
    {
        book.world.add_raw_event(&home(), "StartQueryExecution", book.ago(90 + n as i64), record);
    }
    book.world.start(StartSpec::at(book.ago(90)));
    let report = book.tick().await;
    assert_eq!(report.unreadable, 5);
    assert_eq!(book.row("SELECT count(*) FROM unreadable"), "5");
    assert_eq!(book.row("SELECT count(*) FROM query_log"), "1");
    assert!(book.coverage(90).contains("unreadable"), "{}", book.coverage(90));
    let again = book.tick().await;
    assert_eq!(
        book.row("SELECT count(*) FROM unreadable"),
        "5",
        "read twice, stored once: {}",
        again.unreadable
    );
}

#[tokio::test(start_paused = true)]
async fn a_first_pass_that_is_interrupted_goes_back_as_far_the_next_time() {
    let mut book = Book::new();
    book.config.collect.first_span = TimeDelta::days(7);
    book.world.start(StartSpec::at(book.ago(6 * 24 * 60)));
    book.world.start(StartSpec::at(book.ago(60)));
    let ctx = book.ctx().await;
    let some_pages = std::time::Duration::from_secs(2);
    let ended = tokio::time::timeout(some_pages, athena_ledger::stages::tick(&ctx, None)).await;
    assert!(ended.is_err(), "two seconds are not enough for a week at this rate");
    drop(ctx);
    assert_eq!(book.row("SELECT count(*) FROM query_log"), "1");
    // A later start of the clock must not move the beginning either.
    book.wait(TimeDelta::hours(3)).await;
    book.tick().await;
    assert_eq!(book.row("SELECT count(*) FROM query_log"), "2");
    assert_eq!(book.row("SELECT count(*) FROM coverage_hourly WHERE status IN ('partial', 'none')"), "0");
    assert_eq!(
        book.row("SELECT count(*) FROM coverage_hourly WHERE status = 'complete'"),
        (7 * 24 + 2).to_string()
    );
}

#[tokio::test(start_paused = true)]
async fn a_changed_zone_is_told_to_readers_until_its_days_are_built() {
    let mut book = Book::new();
    book.world.start(StartSpec { scanned: TIB, ..StartSpec::at(book.ago(60)) });
    book.tick().await;
    assert_eq!(book.reader().timezone().expect("known").as_deref(), Some("UTC"));
    book.config.timezone = chrono_tz::Pacific::Auckland;
    // Opening changes nothing yet: who reads now still sees whole days.
    drop(book.open().expect("the store opens"));
    assert_eq!(book.row("SELECT sum(cost_usd) FROM usage_daily"), "5");
    book.tick().await;
    assert_eq!(book.row("SELECT sum(cost_usd) FROM usage_daily"), "5");
    assert_eq!(book.reader().timezone().expect("known").as_deref(), Some("Pacific/Auckland"));
}
