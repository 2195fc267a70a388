//! One run of a query, as Athena tells it.

use std::fmt;

use chrono::{DateTime, Utc};

/// Athena's `QueryExecutionId`: 1 to 128 characters, none of them white space (the API's own rule).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionId(String);

impl ExecutionId {
    pub fn parse(text: &str) -> Option<Self> {
        let ok = (1..=128).contains(&text.chars().count())
            && !text.chars().any(|c| c.is_whitespace() || c.is_control());
        ok.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Athena's state of an execution. RUNNING may go back to QUEUED; the last three are terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl State {
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// The spelling of the Athena API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Also `CANCELED`, which other AWS services write.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "QUEUED" => Self::Queued,
            "RUNNING" => Self::Running,
            "SUCCEEDED" => Self::Succeeded,
            "FAILED" => Self::Failed,
            "CANCELLED" | "CANCELED" => Self::Cancelled,
            _ => return None,
        })
    }
}

/// What Athena knows of an execution. All but id and state may be absent from an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryExecution {
    pub id: ExecutionId,
    pub state: State,
    /// Athena's reason for the state, mostly of a failure; other people's text.
    pub state_reason: Option<String>,
    pub submitted_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub workgroup: Option<String>,
    pub catalog: Option<String>,
    pub database: Option<String>,
    /// `DDL`, `DML` or `UTILITY`. Never decides a price alone: a CTAS may be reported as DDL.
    pub statement_type: Option<String>,
    pub substatement_type: Option<String>,
    /// The SQL text as Athena returns it.
    pub query: Option<String>,
    /// `DataScannedInBytes`; bytes.
    pub scanned_bytes: Option<u64>,
    /// Present when Athena says how many DPUs ran the query.
    pub dpu_count: Option<f64>,
    pub queue_ms: Option<u64>,
    pub execution_ms: Option<u64>,
    pub total_ms: Option<u64>,
    /// Answered from a previous result.
    pub reused: bool,
}

/// What Athena answered for one id.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Known(Box<QueryExecution>),
    /// Athena does not know the id (any more).
    NotFound,
    /// Our credentials may not see this execution; the reason names the missing permission.
    Denied(String),
    /// Athena would not say this time: throttled or faulty for this id only. To be asked again.
    NotNow(String),
}
