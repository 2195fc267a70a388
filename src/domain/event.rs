//! One CloudTrail record -> [`Record`]: an event of the account book, skipped, or unreadable with a reason.

use chrono::{DateTime, Utc};

use super::client::Client;
use super::execution::ExecutionId;
use super::principal::Principal;
use super::scope::Scope;

/// CloudTrail's `eventID`: unique per event, and what events are deduplicated by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(String);

impl EventId {
    /// 1 to 128 characters without white space.
    pub fn parse(text: &str) -> Option<Self> {
        let ok = (1..=128).contains(&text.chars().count())
            && !text.chars().any(|c| c.is_whitespace() || c.is_control());
        ok.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The four event names that carry execution ids. Only the first says who *ran* a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventName {
    StartQueryExecution,
    BatchGetQueryExecution,
    GetQueryRuntimeStatistics,
    GetQueryExecution,
}

impl EventName {
    /// In the order they are walked: the starts first, the noisiest read name last.
    pub const ALL: [Self; 4] = [
        Self::StartQueryExecution,
        Self::BatchGetQueryExecution,
        Self::GetQueryRuntimeStatistics,
        Self::GetQueryExecution,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartQueryExecution => "StartQueryExecution",
            Self::BatchGetQueryExecution => "BatchGetQueryExecution",
            Self::GetQueryRuntimeStatistics => "GetQueryRuntimeStatistics",
            Self::GetQueryExecution => "GetQueryExecution",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }

    /// A name that only says who looked at an execution.
    pub fn is_read(self) -> bool {
        self != Self::StartQueryExecution
    }
}

/// An Athena event of the four names.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: EventId,
    pub scope: Scope,
    pub name: EventName,
    /// CloudTrail's `eventTime`, one-second resolution.
    pub at: DateTime<Utc>,
    pub principal: Principal,
    /// Role session name, source identity or federated name, as the record has it.
    pub session: Option<String>,
    /// The AWS service that made the call on somebody's behalf, such as `glue.amazonaws.com`.
    pub service: Option<String>,
    /// An address, a DNS name or `AWS Internal`; never parsed as an IP.
    pub source_ip: Option<String>,
    /// Caller-supplied text.
    pub user_agent: Option<String>,
    pub client: Client,
    /// Set when AWS refused the call. A refused start has no execution.
    pub error_code: Option<String>,
    /// The executions it names: one for most names, up to 50 for BatchGetQueryExecution, none for a refused start.
    pub executions: Vec<ExecutionId>,
    /// Of a start only: requestParameters.workGroup and queryExecutionContext.
    pub workgroup: Option<String>,
    pub database: Option<String>,
    pub catalog: Option<String>,
}

impl Event {
    /// True for a successful StartQueryExecution, the only event that says who ran a query.
    pub fn sets_runner(&self) -> bool {
        self.name == EventName::StartQueryExecution && self.error_code.is_none()
    }
}

/// A record that could not be read: kept with its reason, and it makes its hour partial when it was a start.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreadable {
    pub scope: Option<Scope>,
    pub event_id: Option<EventId>,
    pub name: Option<EventName>,
    pub at: Option<DateTime<Utc>>,
    /// What is wrong with it, without the record's own text.
    pub reason: String,
}

/// What one CloudTrail record is to us.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    Event(Box<Event>),
    /// Not Athena, or not one of the four names.
    Skipped,
    Unreadable(Unreadable),
}
