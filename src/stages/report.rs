//! What a pass did, and what went wrong where.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::aws::Traffic;
use crate::engine::EngineError;
use crate::source::lookup_events::SourceError;
use crate::source::trail_files::FileError;
use chrono::{DateTime, Utc};

use crate::store::page::Tick;
use crate::store::{Counts, Enriched, RolledUp};

/// Why a stage ended early in one scope. The others went on.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    File(#[from] FileError),
}

impl StageError {
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Source(error) => error.help(),
            Self::Engine(error) => error.help(),
            Self::File(error) => error.help(),
        }
    }
}

/// A failure and whose it was.
#[derive(Debug)]
pub struct Failure {
    pub scope: String,
    pub error: StageError,
}

/// What one scope, or a set of files, gave.
///
/// `events_read` = `events_stored` + `duplicates` + `skipped` + `own` + `unreadable`.
#[derive(Debug, Default)]
pub struct ScopeReport {
    pub scope: String,
    pub events_read: u64,
    pub events_stored: u64,
    pub duplicates: u64,
    pub skipped: u64,
    /// Our own calls to Athena, seen again in CloudTrail.
    pub own: u64,
    /// Watch this: a record that could not be read may be a start that is missed.
    pub unreadable: u64,
    pub executions_new: u64,
    pub enriched: Enriched,
    /// Windows of read names the budget left unread. They make no hour partial.
    pub read_names_cut: u64,
    /// BatchGetQueryExecution is not to be had, with the reason: every id costs a call of its own.
    pub batch_unavailable: Option<String>,
    pub api_calls: BTreeMap<String, u64>,
    pub throttled: u64,
    pub failures: Vec<Failure>,
}

impl ScopeReport {
    pub fn new(scope: String) -> Self {
        Self { scope, ..Self::default() }
    }

    pub(super) fn fail(&mut self, error: impl Into<StageError>) {
        self.failures.push(Failure { scope: self.scope.clone(), error: error.into() });
    }

    pub(super) fn add_traffic(&mut self, traffic: Traffic) {
        for (api, calls) in traffic.calls {
            *self.api_calls.entry(api).or_default() += calls;
        }
        self.throttled += traffic.throttled;
    }

    /// The law of collection: nothing read is lost without a name.
    pub fn balances(&self) -> bool {
        self.events_read == self.events_stored + self.duplicates + self.skipped + self.own + self.unreadable
    }

    pub fn merge(&mut self, other: Self) {
        self.events_read += other.events_read;
        self.events_stored += other.events_stored;
        self.duplicates += other.duplicates;
        self.skipped += other.skipped;
        self.own += other.own;
        self.unreadable += other.unreadable;
        self.executions_new += other.executions_new;
        self.enriched.add(&other.enriched);
        self.read_names_cut += other.read_names_cut;
        self.batch_unavailable = self.batch_unavailable.take().or(other.batch_unavailable);
        self.add_traffic(Traffic { calls: other.api_calls, throttled: other.throttled });
        self.failures.extend(other.failures);
    }
}

/// What a pass did.
#[derive(Debug)]
pub struct Report {
    pub scopes: Vec<ScopeReport>,
    pub rolled_up: RolledUp,
    /// What the book holds after the pass.
    pub counts: Counts,
    pub elapsed: Duration,
    /// The stop signal came: what was read is kept.
    pub stopped: bool,
}

impl Report {
    /// What is kept of a tick.
    pub(super) fn ticked(&self, began_at: DateTime<Utc>) -> Tick {
        let sum = |count: fn(&ScopeReport) -> u64| self.scopes.iter().map(count).sum();
        let mut api_calls = BTreeMap::new();
        for (api, calls) in self.scopes.iter().flat_map(|scope| &scope.api_calls) {
            *api_calls.entry(api.clone()).or_default() += calls;
        }
        Tick {
            began_at,
            elapsed_ms: u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
            events_read: sum(|scope| scope.events_read),
            finished: sum(|scope| scope.enriched.finished),
            throttled: sum(|scope| scope.throttled),
            failures: sum(|scope| scope.failures.len() as u64),
            api_calls,
        }
    }

    /// All scopes as one.
    pub fn total(self) -> ScopeReport {
        self.scopes.into_iter().fold(ScopeReport::default(), |mut total, scope| {
            total.merge(scope);
            total
        })
    }
}
