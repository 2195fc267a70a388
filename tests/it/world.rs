//! The harness: a simulated AWS, a real database in a temporary folder, and simulated time.
//!
//! A test edits the world, ticks, and reads the views. Every tick asserts the laws the test forgot.

use std::sync::Arc;
use std::time::Duration;

use athena_ledger::aws::{Aws, AwsSettings};
use athena_ledger::clock::Clock;
use athena_ledger::config::{Config, ScopeConfig};
use athena_ledger::domain::scope::Scope;
use athena_ledger::domain::window::Window;
use athena_ledger::engine::athena::Athena;
use athena_ledger::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY, World, home};
use athena_ledger::source::lookup_events::LookupEvents;
use athena_ledger::source::trail_files::TrailFiles;
use athena_ledger::stages::{self, Ctx, Progress, Report, ScopeCtx, ScopeReport};
use athena_ledger::store::{Reader, Store, StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A Saturday noon, where simulated time begins.
pub(crate) fn noon() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().expect("a literal instant")
}

/// A book and the AWS it is kept of.
pub(crate) struct Book {
    pub(crate) folder: TempDir,
    pub(crate) clock: Clock,
    pub(crate) world: World,
    pub(crate) config: Config,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) stop: CancellationToken,
}

impl Book {
    /// An empty account at noon; collection goes back two hours at first.
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let clock = Clock::starting_at(noon());
        let mut config = Config::default();
        config.store.path = folder.path().join("ledger.db");
        config.collect.first_span = TimeDelta::hours(2);
        Self {
            world: World::new(clock.clone()),
            clock,
            config,
            scopes: vec![home()],
            stop: CancellationToken::new(),
            folder,
        }
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// An instant this many minutes before noon.
    pub(crate) fn ago(&self, minutes: i64) -> DateTime<Utc> {
        noon() - TimeDelta::minutes(minutes)
    }

    pub(crate) fn open(&self) -> Result<Store, StoreError> {
        Store::open(Arc::new(self.config.clone()), self.stop.clone())
    }

    /// Everything a pass runs in, connected anew as a new process would.
    pub(crate) async fn ctx(&self) -> Ctx {
        let keys = (ACCESS_KEY_ID, SECRET_ACCESS_KEY);
        let (http, clock) = (self.world.http_client(), self.clock.clone());
        let aws = Aws::new(AwsSettings::in_process(&self.config.collect, clock, http, keys, home().region));
        let store = Arc::new(self.open().expect("the store opens"));
        let mut scopes = Vec::new();
        for scope in &self.scopes {
            let config = ScopeConfig { account: Some(scope.account.clone()), ..ScopeConfig::default() };
            let connection = aws.connect(&config, Some(&scope.region)).await.expect("the scope connects");
            scopes.push(ScopeCtx {
                id: store.scope(&connection.scope).await.expect("the scope is stored"),
                scope: connection.scope.clone(),
                source: LookupEvents::new(&connection),
                engine: Athena::new(&connection),
            });
        }
        Ctx {
            watched: self.scopes.clone(),
            config: Arc::new(self.config.clone()),
            clock: self.clock.clone(),
            store,
            scopes,
            stop: self.stop.clone(),
            progress: Arc::new(Progress::default()),
        }
    }

    pub(crate) async fn tick(&self) -> ScopeReport {
        self.pass(None).await.total()
    }

    /// A tick of a service whose only scope is the SDK's own and cannot be connected; returns how many alerts are new.
    pub(crate) async fn unconnected_tick(&self) -> u64 {
        let keys = (ACCESS_KEY_ID, SECRET_ACCESS_KEY);
        let (http, clock) = (self.world.http_client(), self.clock.clone());
        let aws = Aws::new(AwsSettings::in_process(&self.config.collect, clock, http, keys, home().region));
        let (connections, unreachable) = stages::connect::connect(&self.config, &aws).await;
        assert!(connections.is_empty(), "the scope connects");
        let store = Arc::new(self.open().expect("the store opens"));
        let config = Arc::new(self.config.clone());
        let stop = self.stop.clone();
        let ctx =
            stages::connect::context(config, self.clock.clone(), store, connections, &unreachable, stop)
                .await;
        let ctx = ctx.expect("a context");
        stages::tick(&ctx, None).await.expect("the tick ends");
        stages::judge(&ctx).await.expect("judged")
    }

    pub(crate) async fn pass(&self, asked: Option<Window>) -> Report {
        let report = stages::tick(&self.ctx().await, asked).await.expect("the tick ends");
        self.assert_laws(&report);
        report
    }

    pub(crate) async fn read_files(&self, paths: &[std::path::PathBuf]) -> Report {
        let files = TrailFiles::open(paths).expect("the files are there");
        let report = stages::tick_files(&self.ctx().await, files).await.expect("the tick ends");
        self.assert_laws(&report);
        report
    }

    /// Lets simulated time pass.
    pub(crate) async fn wait(&self, time: TimeDelta) {
        tokio::time::sleep(time.to_std().expect("time goes forward")).await;
    }

    /// Ticks every hour for `hours`, as the service would.
    pub(crate) async fn live(&self, hours: u32) -> ScopeReport {
        let mut total = ScopeReport::default();
        for _ in 0..hours {
            let next = tokio::time::Instant::now() + Duration::from_secs(3600);
            total.merge(self.tick().await);
            tokio::time::sleep_until(next).await;
        }
        total
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(&self.config.store.path).expect("the database opens")
    }

    /// Conservation: nothing read is lost without a name, and the tables agree with each other.
    pub(crate) fn assert_laws(&self, report: &Report) {
        for scope in &report.scopes {
            assert!(scope.balances(), "events read and accounted for differ: {scope:?}");
        }
        let counts = report.counts;
        assert_eq!(counts.executions, counts.pending + counts.finished + counts.denied + counts.gone);
        for law in self.reader().laws().expect("the laws are read") {
            assert_eq!(law.off_by, 0, "broken law: {}", law.says);
        }
    }

    /// Rows of a query, each value as text, `-` for NULL.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        let connection = Connection::open(&self.config.store.path).expect("the database opens");
        let mut select = connection.prepare(sql).expect("the query is valid");
        let columns = select.column_count();
        let rows = select.query_map([], |row| {
            let values: Vec<String> = (0..columns)
                .map(|column| match row.get_ref(column).expect("the column exists") {
                    rusqlite::types::ValueRef::Null => "-".to_owned(),
                    rusqlite::types::ValueRef::Integer(value) => value.to_string(),
                    rusqlite::types::ValueRef::Real(value) => value.to_string(),
                    rusqlite::types::ValueRef::Text(value) => String::from_utf8_lossy(value).into_owned(),
                    rusqlite::types::ValueRef::Blob(value) => format!("{value:02x?}"),
                })
                .collect();
            Ok(values.join(" | "))
        });
        rows.expect("the query runs").map(|row| row.expect("the row is read")).collect()
    }

    /// The one row of a query.
    pub(crate) fn row(&self, sql: &str) -> String {
        let rows = self.rows(sql);
        assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
        rows.into_iter().next().unwrap_or_default()
    }

    /// The status and reason of the hour that lies `minutes` before noon.
    pub(crate) fn coverage(&self, minutes: i64) -> String {
        let hour = self.ago(minutes).timestamp().div_euclid(3600) * 3600;
        self.row(&format!(
            "SELECT status, coalesce(reason, '') FROM coverage_hourly WHERE hour_epoch = {hour}"
        ))
    }

    /// Everything readers can see, in an order of its own: two books of the same truth are equal.
    pub(crate) fn content(&self) -> String {
        ["query_log", "event_log", "usage_hourly", "usage_daily", "coverage_hourly"]
            .iter()
            .map(|view| {
                let mut rows = self.rows(&format!("SELECT * FROM {view}"));
                rows.sort();
                format!("{view}\n{}\n", rows.join("\n"))
            })
            .collect()
    }
}
