//! Athena executions: what a start asks for, and what Athena says of it at a given moment.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::home;
use super::identity::Actor;
use crate::domain::scope::Scope;

/// How an execution ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Succeeded,
    /// With Athena's reason.
    Failed(String),
    Cancelled,
    /// Runs for ever, until `World::finish`.
    Never,
}

/// A query somebody starts. `StartSpec { scanned: 1 << 40, ..StartSpec::at(t) }` says only what matters.
#[derive(Clone, Debug)]
pub struct StartSpec {
    pub scope: Scope,
    pub at: DateTime<Utc>,
    pub by: Arc<Actor>,
    pub query: String,
    /// StatementType and SubstatementType.
    pub statement: (&'static str, &'static str),
    pub workgroup: String,
    /// `None`: Athena answers without a QueryExecutionContext.
    pub database: Option<String>,
    /// Bytes.
    pub scanned: u64,
    pub end: End,
    pub queue: TimeDelta,
    pub run: TimeDelta,
    /// RUNNING goes back to QUEUED once.
    pub requeued: bool,
    /// Answered from a previous result.
    pub reused: bool,
    /// `false`: Athena answers without Statistics.
    pub statistics: bool,
    pub dpus: Option<f64>,
    /// CloudTrail shows the start this long after it; `None`: never.
    pub shown_after: Option<TimeDelta>,
}

impl StartSpec {
    /// A successful SELECT of one second that scans nothing, by the user `ann`, shown at once.
    pub fn at(at: DateTime<Utc>) -> Self {
        Self {
            scope: home(),
            at,
            by: Arc::new(Actor::user("ann")),
            query: "SELECT 1".to_owned(),
            statement: ("DML", "SELECT"),
            workgroup: "primary".to_owned(),
            database: Some("default".to_owned()),
            scanned: 0,
            end: End::Succeeded,
            queue: TimeDelta::milliseconds(150),
            run: TimeDelta::seconds(1),
            requeued: false,
            reused: false,
            statistics: true,
            dpus: None,
            shown_after: Some(TimeDelta::zero()),
        }
    }
}

/// An execution as Athena keeps it.
#[derive(Debug)]
pub(super) struct Execution {
    id: String,
    spec: StartSpec,
    /// When it ended, once it did; set apart from `spec` so that a test can end what would run for ever.
    ended: Option<DateTime<Utc>>,
}

/// Athena keeps an execution this long.
const KEPT: TimeDelta = TimeDelta::days(45);
/// How long an execution waits when it goes back to the queue.
const REQUEUE: TimeDelta = TimeDelta::seconds(10);

impl Execution {
    pub(super) fn new(id: String, spec: StartSpec) -> Self {
        let extra = if spec.requeued { REQUEUE } else { TimeDelta::zero() };
        let ended = (spec.end != End::Never).then(|| spec.at + spec.queue + spec.run + extra);
        Self { id, spec, ended }
    }

    pub(super) fn finish(&mut self, at: DateTime<Utc>, end: End, scanned: u64) {
        self.ended = Some(at);
        self.spec.end = end;
        self.spec.scanned = scanned;
    }

    /// Not started yet, or forgotten.
    pub(super) fn is_known(&self, now: DateTime<Utc>) -> bool {
        self.spec.at <= now && now - self.spec.at < KEPT
    }

    pub(super) fn workgroup(&self) -> &str {
        &self.spec.workgroup
    }

    /// Athena's `QueryExecution`.
    pub(super) fn json(&self, now: DateTime<Utc>) -> Value {
        let spec = &self.spec;
        let mut answer = json!({
            "QueryExecutionId": self.id,
            "Query": spec.query,
            "StatementType": spec.statement.0,
            "SubstatementType": spec.statement.1,
            "WorkGroup": spec.workgroup,
            "EngineVersion": {
                "SelectedEngineVersion": "AUTO",
                "EffectiveEngineVersion": "Athena engine version 3",
            },
            "ResultConfiguration": { "OutputLocation": format!("s3://query-results/{}.csv", self.id) },
            "ResultReuseConfiguration": { "ResultReuseByAgeConfiguration": { "Enabled": spec.reused } },
            "Status": self.status(now),
        });
        if let Some(database) = &spec.database {
            answer["QueryExecutionContext"] = json!({ "Database": database, "Catalog": "awsdatacatalog" });
        }
        if spec.statistics {
            answer["Statistics"] = self.statistics(now);
        }
        answer
    }

    fn ended_by(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.ended.filter(|ended| *ended <= now)
    }

    fn state(&self, now: DateTime<Utc>) -> &'static str {
        let spec = &self.spec;
        let passed = now - spec.at;
        let back = spec.queue + spec.run / 2;
        match (&spec.end, self.ended_by(now)) {
            (End::Succeeded, Some(_)) => "SUCCEEDED",
            (End::Failed(_), Some(_)) => "FAILED",
            (End::Cancelled, Some(_)) => "CANCELLED",
            _ if passed < spec.queue => "QUEUED",
            _ if spec.requeued && back <= passed && passed < back + REQUEUE => "QUEUED",
            _ => "RUNNING",
        }
    }

    fn status(&self, now: DateTime<Utc>) -> Value {
        let mut status = json!({ "State": self.state(now), "SubmissionDateTime": epoch(self.spec.at) });
        let Some(ended) = self.ended_by(now) else { return status };
        status["CompletionDateTime"] = json!(epoch(ended));
        match &self.spec.end {
            End::Failed(reason) => {
                status["StateChangeReason"] = json!(reason);
                status["AthenaError"] = json!({
                    "ErrorCategory": 2, "ErrorType": 1301, "Retryable": false, "ErrorMessage": reason,
                });
            }
            End::Cancelled => status["StateChangeReason"] = json!("Query cancelled by user"),
            End::Succeeded | End::Never => {}
        }
        status
    }

    /// A running execution shows half of its bytes: nobody may take them for final.
    fn statistics(&self, now: DateTime<Utc>) -> Value {
        let spec = &self.spec;
        let ended = self.ended_by(now);
        let scanned = match self.state(now) {
            "QUEUED" => 0,
            "RUNNING" => spec.scanned / 2,
            _ => spec.scanned,
        };
        let total = (ended.unwrap_or(now) - spec.at).num_milliseconds().max(0);
        let queue = spec.queue.num_milliseconds().clamp(0, total);
        let mut statistics = json!({
            "DataScannedInBytes": scanned,
            "TotalExecutionTimeInMillis": total,
            "QueryQueueTimeInMillis": queue,
            "EngineExecutionTimeInMillis": total - queue,
            "ServiceProcessingTimeInMillis": 0,
            "ResultReuseInformation": { "ReusedPreviousResult": spec.reused && ended.is_some() },
        });
        if let Some(dpus) = spec.dpus {
            statistics["DpuCount"] = json!(dpus);
        }
        statistics
    }
}

/// Seconds with milliseconds, as Athena answers.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact in a double")]
fn epoch(at: DateTime<Utc>) -> f64 {
    at.timestamp_millis() as f64 / 1000.0
}
