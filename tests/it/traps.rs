//! The traps a naive collector falls into, each through the whole pipeline.

use std::sync::Arc;

use athena_ledger::domain::scope::{Region, Scope};
use athena_ledger::simulator::{Actor, Api, End, Faults, StartSpec, UnknownIds, account, home};
use chrono::TimeDelta;

use crate::world::Book;

const MIB: u64 = 1 << 20;
const TIB: u64 = 1 << 40;

/// `n` queries, one a second, ending `minutes` before noon.
fn busy(book: &Book, n: i64, minutes: i64) -> Vec<String> {
    (0..n).map(|i| book.world.start(StartSpec::at(book.ago(minutes) - TimeDelta::seconds(i)))).collect()
}

fn executions(book: &Book) -> String {
    book.row("SELECT count(*) FROM query_log")
}

#[tokio::test(start_paused = true)]
async fn trap_01_the_end_of_a_walk_is_frozen_before_its_first_page() {
    let book = Book::new();
    busy(&book, 180, 90);
    book.tick().await;
    assert_eq!(executions(&book), "180");
    assert_eq!(book.coverage(90), "complete | ");
    assert_eq!(book.world.calls().of(Api::LookupEvents).total(), 4 + 3, "a restarted walk would cost more");
}

#[tokio::test(start_paused = true)]
async fn trap_02_every_event_name_is_a_walk_of_its_own() {
    let book = Book::new();
    let id = busy(&book, 1, 60).remove(0);
    book.world.read(&home(), book.ago(50), Actor::user("ben"), &id);
    book.world.read_batch(&home(), book.ago(40), Actor::user("ben"), std::slice::from_ref(&id));
    book.tick().await;
    assert_eq!(
        book.rows("SELECT event_name FROM event_log ORDER BY event_epoch"),
        ["StartQueryExecution", "GetQueryExecution", "BatchGetQueryExecution"]
    );
}

#[tokio::test(start_paused = true)]
async fn trap_03_events_that_arrive_late_are_found_by_the_next_pass() {
    let book = Book::new();
    let late = StartSpec { shown_after: Some(TimeDelta::minutes(25)), ..StartSpec::at(book.ago(10)) };
    book.world.start(late);
    book.tick().await;
    assert_eq!(executions(&book), "0");
    book.wait(TimeDelta::hours(1)).await;
    book.tick().await;
    assert_eq!(executions(&book), "1");
}

#[tokio::test(start_paused = true)]
async fn trap_03_events_that_arrive_hours_late_are_found_by_the_daily_second_reading() {
    let book = Book::new();
    book.world.start(StartSpec { shown_after: Some(TimeDelta::hours(9)), ..StartSpec::at(book.ago(60)) });
    book.live(20).await;
    assert_eq!(executions(&book), "0");
    book.live(6).await;
    assert_eq!(executions(&book), "1");
    assert_eq!(book.row("SELECT events FROM lateness"), "1");
}

#[tokio::test(start_paused = true)]
async fn trap_04_a_walk_that_breaks_off_leaves_its_old_end_to_be_read() {
    let book = Book::new();
    busy(&book, 180, 60);
    let ctx = book.ctx().await;
    // Stopped between pages: the newest are stored, the older ones are not.
    let stop = book.stop.clone();
    let tick = athena_ledger::stages::tick(&ctx, None);
    let stopper = async {
        while ctx.progress.read().pages < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        stop.cancel();
    };
    let (report, ()) = tokio::join!(tick, stopper);
    assert!(report.expect("a stopped tick is no error").stopped);
    drop(ctx);
    let stored: u32 = executions(&book).parse().expect("a number");
    assert!((50..180).contains(&stored), "{stored}");
    assert!(book.rows("SELECT 1 FROM walked").is_empty());
    let book = Book { stop: Default::default(), ..book };
    book.tick().await;
    assert_eq!(executions(&book), "180");
}

#[tokio::test(start_paused = true)]
async fn trap_05_boundary_seconds_are_read_twice_and_counted_once() {
    let book = Book::new();
    busy(&book, 3, 20);
    book.tick().await;
    let again = book.tick().await;
    assert_eq!((again.events_stored, again.duplicates), (0, 3));
    assert_eq!(executions(&book), "3");
    assert_eq!(book.row("SELECT sum(executions) FROM usage_hourly"), "3");
}

#[tokio::test(start_paused = true)]
async fn trap_06_throttling_is_http_400_and_never_ends_a_pass() {
    let book = Book::new();
    busy(&book, 120, 90);
    book.world.set_faults(Faults { throttle: 0.7, seed: 3, ..Faults::default() });
    let report = book.tick().await;
    assert!(report.throttled > 5, "{}", report.throttled);
    assert!(report.failures.is_empty());
    assert_eq!(executions(&book), "120");
    assert_eq!(book.coverage(90), "complete | ");
}

#[tokio::test(start_paused = true)]
async fn trap_07_four_walks_share_one_limiter_and_are_never_throttled() {
    let book = Book::new();
    let ids = busy(&book, 200, 60);
    for id in &ids {
        book.world.read(&home(), book.ago(30), Actor::user("ben"), id);
    }
    let began = tokio::time::Instant::now();
    let report = book.tick().await;
    let calls = book.world.calls().of(Api::LookupEvents).total();
    assert_eq!(report.throttled, 0);
    let least = (calls - 1) as f64 / book.config.collect.lookup_rate;
    assert!(began.elapsed().as_secs_f64() >= least, "{calls} calls in {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn trap_08_who_looks_at_a_query_is_never_charged_for_it() {
    let book = Book::new();
    let id = book.world.start(StartSpec { scanned: TIB, ..StartSpec::at(book.ago(60)) });
    // The observer looked before the start became visible, and again after.
    for minutes in [59, 58, 20] {
        book.world.read(&home(), book.ago(minutes), Actor::user("observer"), &id);
    }
    book.tick().await;
    assert_eq!(book.rows("SELECT principal, cost_usd FROM usage_hourly"), ["ann | 5"]);
}

#[tokio::test(start_paused = true)]
async fn trap_08_a_replayed_start_does_not_change_the_runner() {
    let book = Book::new();
    let id = book.world.start(StartSpec { scanned: TIB, ..StartSpec::at(book.ago(60)) });
    book.world.replay(&home(), &id, book.ago(59), Actor::user("replayer"));
    book.tick().await;
    assert_eq!(book.rows("SELECT principal, attribution FROM query_log"), ["ann | start_event"]);
}

#[tokio::test(start_paused = true)]
async fn trap_09_our_own_calls_are_counted_and_teach_nothing() {
    let book = Book::new();
    busy(&book, 120, 60);
    book.live(3).await;
    let events = book.row("SELECT count(*) FROM event_log");
    let asked = book.world.calls().of(Api::BatchGetQueryExecution).total();
    let later = book.live(3).await;
    assert_eq!(book.row("SELECT count(*) FROM event_log"), events);
    assert_eq!(
        book.world.calls().of(Api::BatchGetQueryExecution).total(),
        asked,
        "enrichment feeds on itself"
    );
    assert_eq!(later.executions_new, 0);
    assert_eq!(book.row("SELECT count(*) FROM event_log WHERE principal LIKE '%athena-ledger%'"), "0");
}

#[tokio::test(start_paused = true)]
async fn trap_10_the_text_comes_from_athena_never_from_cloudtrail() {
    let book = Book::new();
    book.world.start(StartSpec { query: "SELECT 'secret'".to_owned(), ..StartSpec::at(book.ago(60)) });
    book.world.start(StartSpec { query: "***OMITTED***".to_owned(), ..StartSpec::at(book.ago(61)) });
    book.tick().await;
    assert_eq!(
        book.rows("SELECT query_text FROM query_log ORDER BY started_epoch"),
        ["-", "SELECT 'secret'"]
    );
    assert_eq!(book.row("SELECT count(*) FROM query WHERE text LIKE '%OMITTED%'"), "0");
}

#[tokio::test(start_paused = true)]
async fn trap_11_a_refused_start_has_no_execution() {
    let book = Book::new();
    book.world.refuse_start(
        &home(),
        book.ago(90),
        Actor::user("ann"),
        "TooManyRequestsException",
        "slow down",
    );
    let report = book.tick().await;
    assert_eq!(report.unreadable, 0);
    assert_eq!(executions(&book), "0");
    assert_eq!(book.row("SELECT error_code, executions FROM event_log"), "TooManyRequestsException | 0");
    assert_eq!(book.coverage(90), "complete | ");
}

#[tokio::test(start_paused = true)]
async fn trap_12_the_workgroup_is_top_level_in_the_record() {
    let book = Book::new();
    let spec = StartSpec { workgroup: "etl".to_owned(), end: End::Never, ..StartSpec::at(book.ago(60)) };
    let id = book.world.start(spec);
    book.world.forget(&id);
    book.tick().await;
    assert_eq!(book.row("SELECT workgroup, status FROM query_log"), "etl | pending");
}

#[tokio::test(start_paused = true)]
async fn trap_13_a_running_query_is_asked_until_it_is_terminal() {
    let book = Book::new();
    let id = book.world.start(StartSpec { end: End::Never, ..StartSpec::at(book.ago(60)) });
    book.live(2).await;
    assert_eq!(book.row("SELECT state, billing_rule, cost_usd FROM query_log"), "RUNNING | pending | -");
    assert_eq!(book.coverage(60), "partial | 1 pending");
    book.world.finish(&id, book.clock.now(), End::Succeeded, TIB);
    book.live(2).await;
    assert_eq!(book.row("SELECT state, billing_rule, cost_usd FROM query_log"), "SUCCEEDED | scan | 5");
    assert_eq!(book.row("SELECT cost_usd FROM usage_hourly"), "5");
    assert_eq!(book.coverage(60), "complete | ");
}

#[tokio::test(start_paused = true)]
async fn trap_13_running_may_go_back_to_queued() {
    let book = Book::new();
    let at = book.ago(1);
    book.world.start(StartSpec {
        requeued: true,
        run: TimeDelta::minutes(20),
        scanned: TIB,
        ..StartSpec::at(at)
    });
    book.live(2).await;
    assert_eq!(book.row("SELECT state, cost_usd FROM query_log"), "SUCCEEDED | 5");
}

#[tokio::test(start_paused = true)]
async fn trap_14_what_athena_has_forgotten_is_gone_without_being_asked() {
    let mut book = Book::new();
    book.config.collect.first_span = TimeDelta::days(60);
    for days in [40, 50, 59] {
        book.world.start(StartSpec::at(book.ago(days * 24 * 60)));
    }
    book.tick().await;
    assert_eq!(book.rows("SELECT status, count(*) FROM query_log GROUP BY 1"), ["finished | 1", "gone | 2"]);
    assert_eq!(book.world.calls().of(Api::BatchGetQueryExecution).total(), 1);
    assert_eq!(book.coverage(50 * 24 * 60), "partial | 1 gone");
    book.live(2).await;
    assert_eq!(book.world.calls().of(Api::BatchGetQueryExecution).total(), 1, "gone is asked again");
}

#[tokio::test(start_paused = true)]
async fn trap_15_one_bad_id_loses_no_other_of_its_batch() {
    for unknown_ids in [UnknownIds::Unprocessed, UnknownIds::FailTheCall] {
        let book = Book::new();
        book.world.set_faults(Faults { unknown_ids, ..Faults::default() });
        let ids = busy(&book, 49, 60);
        book.world.forget(&ids[17]);
        book.world.read(&home(), book.ago(60), Actor::user("ann"), "typed-by-hand");
        book.tick().await;
        assert_eq!(
            book.rows("SELECT status, count(*) FROM query_log GROUP BY 1"),
            ["finished | 48", "pending | 2"],
            "{unknown_ids:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn trap_15_ids_left_unprocessed_are_asked_again() {
    let book = Book::new();
    busy(&book, 100, 60);
    book.world.set_faults(Faults { unprocessed: 0.4, seed: 5, ..Faults::default() });
    book.tick().await;
    assert_eq!(book.rows("SELECT status, count(*) FROM query_log GROUP BY 1"), ["finished | 100"]);
}

/// What one execution costs, and by which rule.
async fn priced(spec: impl FnOnce(StartSpec) -> StartSpec) -> String {
    let book = Book::new();
    book.world.start(spec(StartSpec::at(book.ago(60))));
    book.tick().await;
    book.row("SELECT billing_rule, billed_bytes, cost_usd FROM query_log")
}

#[tokio::test(start_paused = true)]
async fn trap_16_a_ctas_reported_as_ddl_costs_what_it_scans() {
    let ctas =
        priced(|spec| StartSpec { statement: ("DDL", "CREATE_TABLE_AS_SELECT"), scanned: TIB, ..spec });
    assert_eq!(ctas.await, format!("scan | {TIB} | 5"));
    let ddl = priced(|spec| StartSpec { statement: ("DDL", "CREATE_TABLE"), ..spec });
    assert_eq!(ddl.await, "free_ddl | 0 | 0");
}

#[tokio::test(start_paused = true)]
async fn trap_17_failed_is_free_and_cancelled_is_not() {
    let failed = priced(|spec| StartSpec { end: End::Failed("no".to_owned()), scanned: TIB, ..spec });
    assert_eq!(failed.await, "free_failed | 0 | 0");
    let cancelled = priced(|spec| StartSpec { end: End::Cancelled, scanned: TIB, ..spec });
    assert_eq!(cancelled.await, format!("scan | {TIB} | 5"));
}

#[tokio::test(start_paused = true)]
async fn trap_18_small_scans_cost_ten_megabytes_and_others_round_up_to_one() {
    assert_eq!(
        priced(|spec| StartSpec { scanned: 1, ..spec }).await,
        format!("minimum | {} | 0.000047684", 10 * MIB)
    );
    let billed = priced(|spec| StartSpec { scanned: 10 * MIB + 1, ..spec }).await;
    assert_eq!(billed, format!("scan | {} | 0.000052452", 11 * MIB));
}

#[tokio::test(start_paused = true)]
async fn trap_19_regions_have_prices_of_their_own_and_an_unknown_one_has_none() {
    let mut book = Book::new();
    for region in ["sa-east-1", "xx-nowhere-1"] {
        let scope = Scope { account: account(), region: Region::parse(region).expect("a region code") };
        book.world.start(StartSpec { scope: scope.clone(), scanned: TIB, ..StartSpec::at(book.ago(60)) });
        book.scopes.push(scope);
    }
    book.tick().await;
    assert_eq!(
        book.rows("SELECT region, cost_usd, executions - unpriced FROM usage_hourly ORDER BY region"),
        ["sa-east-1 | 9 | 1", "xx-nowhere-1 | - | 0"]
    );
}

#[tokio::test(start_paused = true)]
async fn trap_20_capacity_workgroups_are_not_priced_per_terabyte() {
    let mut book = Book::new();
    let text = "[[capacity]]\nworkgroup = 'reserved'\n";
    book.config.pricing =
        athena_ledger::config::Config::parse(text, "test.toml".as_ref()).expect("valid").pricing;
    for workgroup in ["reserved", "primary"] {
        let spec = StartSpec::at(book.ago(60));
        book.world.start(StartSpec {
            workgroup: workgroup.to_owned(),
            scanned: TIB,
            dpus: Some(24.0),
            ..spec
        });
    }
    book.tick().await;
    assert_eq!(
        book.rows("SELECT workgroup, billing_rule, cost_usd, dpu_count FROM query_log ORDER BY 1"),
        ["primary | scan | 5 | 24", "reserved | capacity | 0 | 24"]
    );
}

#[tokio::test(start_paused = true)]
async fn trap_21_random_session_names_are_one_principal_and_people_are_one_each() {
    let book = Book::new();
    for n in 0..5 {
        let session = format!("botocore-session-17951{n}0042");
        let by = Arc::new(Actor::role("etl-runner", &session));
        book.world.start(StartSpec { by, ..StartSpec::at(book.ago(60 + n)) });
        for set in ["Analyst", "PowerUser"] {
            let by = Arc::new(Actor::person(set, "bea@acme.example"));
            book.world.start(StartSpec { by, ..StartSpec::at(book.ago(60 + n)) });
        }
    }
    book.tick().await;
    assert_eq!(
        book.rows("SELECT principal, principal_kind, sum(executions) FROM usage_daily GROUP BY principal_key ORDER BY 1"),
        ["bea@acme.example | user | 10", "etl-runner | service | 5"]
    );
}

#[tokio::test(start_paused = true)]
async fn trap_22_identities_of_every_shape_are_somebody() {
    let book = Book::new();
    let identities = [
        "{}",
        r#"{"accountId":"111122223333","invokedBy":"AWS Internal"}"#,
        r#"{"type":"AWSService","invokedBy":"glue.amazonaws.com"}"#,
        r#"{"type":"IdentityCenterUser","onBehalfOf":{"userId":"u-1","identityStoreArn":"arn:aws:identitystore::111122223333:identitystore/d-1"}}"#,
        r#"{"type":"Unknown","principalId":"Anonymous"}"#,
        r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/R/s","sessionContext":{"sessionIssuer":{}}}"#,
        r#"{"type":"IAMUser","userName":"zoe","accountId":"111122223333","accessKeyId":""}"#,
        r#"{"type":42,"arn":null}"#,
    ];
    for (n, identity) in identities.iter().enumerate() {
        let record = format!(
            r#"{{"userIdentity":{identity},"eventTime":"{}","eventSource":"athena.amazonaws.com",
                "eventName":"StartQueryExecution","awsRegion":"us-east-1","eventID":"shape-{n}",
                "responseElements":{{"queryExecutionId":"execution-{n}"}}}}"#,
            book.ago(60).format("%Y-%m-%dT%H:%M:%SZ")
        );
        book.world.add_raw_event(&home(), "StartQueryExecution", book.ago(60), &record);
    }
    let report = book.tick().await;
    assert_eq!(report.unreadable, 0);
    assert_eq!(executions(&book), identities.len().to_string());
    assert_eq!(book.row("SELECT count(*) FROM query_log WHERE principal = '' OR principal_key = ''"), "0");
}

#[tokio::test(start_paused = true)]
async fn trap_23_every_region_is_read_and_one_that_fails_stops_no_other() {
    let mut book = Book::new();
    for region in ["eu-west-1", "ap-southeast-1"] {
        let scope = Scope { account: account(), region: Region::parse(region).expect("a region code") };
        book.world.start(StartSpec { scope: scope.clone(), ..StartSpec::at(book.ago(60)) });
        book.scopes.push(scope);
    }
    busy(&book, 1, 60);
    let denied = vec!["cloudtrail:LookupEvents".to_owned()];
    book.world.set_faults(Faults { denied, denied_in: Some(book.scopes[1].clone()), ..Faults::default() });
    let report = book.tick().await;
    let failed: Vec<&str> = report.failures.iter().map(|failure| failure.scope.as_str()).collect();
    assert_eq!(failed, ["111122223333/eu-west-1"]);
    let regions = "SELECT region, count(*), sum(state = 'SUCCEEDED') FROM query_log GROUP BY 1";
    assert_eq!(book.rows(regions), ["ap-southeast-1 | 1 | 1", "us-east-1 | 1 | 1"]);
    book.world.set_faults(Faults::default());
    book.tick().await;
    assert_eq!(book.rows(regions), ["ap-southeast-1 | 1 | 1", "eu-west-1 | 1 | 1", "us-east-1 | 1 | 1"]);
}
