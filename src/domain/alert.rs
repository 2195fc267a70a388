//! What a rule found, and what is told about it: once per rule, subject, period and level.

use chrono::{DateTime, Months, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::day::local_midnight;
use super::sql::content_hash;
use super::usage::Measures;

/// How loud an alert is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    #[default]
    Warning,
    Critical,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What is added up over a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Bytes.
    Scanned,
    /// Nano-dollars of the priced executions.
    Cost,
    Executions,
    Failed,
}

impl Measure {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scanned => "scanned",
            Self::Cost => "cost",
            Self::Executions => "executions",
            Self::Failed => "failed",
        }
    }

    pub fn of(self, measures: &Measures) -> u64 {
        match self {
            Self::Scanned => measures.scanned_bytes,
            Self::Cost => u64::try_from(measures.cost).unwrap_or(0),
            Self::Executions => measures.executions,
            Self::Failed => measures.failed,
        }
    }
}

/// Whose measure is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Everything,
    Principal,
    PrincipalKind,
    Team,
    Workgroup,
    Client,
    Database,
    Account,
    Execution,
    /// Of the kind `failing`: a query's shape.
    Query,
    /// Of the kind `gap`: an account and region.
    Scope,
}

impl Subject {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Principal => "principal",
            Self::PrincipalKind => "principal_kind",
            Self::Team => "team",
            Self::Workgroup => "workgroup",
            Self::Client => "client",
            Self::Database => "database",
            Self::Account => "account",
            Self::Execution => "execution",
            Self::Query => "query",
            Self::Scope => "scope",
        }
    }
}

/// How long measures are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Span {
    /// Of UTC.
    Hour,
    /// Of the configured zone, as are months.
    Day,
    Month,
}

impl Span {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// One hour, day or month.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Period {
    pub span: Span,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// `2026-11-20 13:00 UTC`, `2026-11-20`, `2026-11`.
    pub name: String,
}

impl Period {
    /// An hour of UTC; `start` is a full one.
    pub fn hour(start: DateTime<Utc>) -> Self {
        let name = start.format("%Y-%m-%d %H:00 UTC").to_string();
        Self { span: Span::Hour, start, end: start + TimeDelta::hours(1), name }
    }

    /// A local day.
    pub fn day(date: NaiveDate, zone: Tz) -> Self {
        let end = local_midnight(date + TimeDelta::days(1), zone);
        Self { span: Span::Day, start: local_midnight(date, zone), end, name: date.to_string() }
    }

    /// The local month that begins at `first`.
    pub fn month(first: NaiveDate, zone: Tz) -> Self {
        let name = first.format("%Y-%m").to_string();
        let end = local_midnight(first + Months::new(1), zone);
        Self { span: Span::Month, start: local_midnight(first, zone), end, name }
    }
}

/// What a rule found, before anything is looked up about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub rule: String,
    pub kind: &'static str,
    pub severity: Severity,
    pub subject: Subject,
    /// Stable: of a principal its key, of an execution its id; empty for everything.
    pub key: String,
    /// Shown.
    pub name: String,
    pub period: Period,
    /// Which of several things one rule looks at, such as `forecast`; empty for most.
    pub aspect: &'static str,
    /// 0, and one more for every doubling or further step.
    pub level: u32,
    pub value: Amount,
    pub limit: Amount,
    /// Of a spike: what it is compared with.
    pub usual: Option<Amount>,
    /// What else there is to say, in our own words, or Athena's reason.
    pub note: Option<String>,
    /// Of the subject in the period.
    pub measures: Measures,
}

impl Finding {
    /// What is alerted once, whatever the level.
    pub fn series(&self) -> String {
        let parts = [
            self.rule.as_str(),
            self.subject.as_str(),
            &self.key,
            self.period.span.as_str(),
            &self.period.name,
            self.aspect,
        ];
        // As JSON: no key can imitate the border between two parts.
        serde_json::json!(parts).to_string()
    }
}

/// A number and what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "measure", content = "value", rename_all = "lowercase")]
pub enum Amount {
    /// Bytes.
    Scanned(u64),
    /// Nano-dollars.
    Cost(u64),
    Executions(u64),
    Failed(u64),
    /// Hundredths of a percent.
    Share(u64),
    /// Seconds.
    Time(u64),
}

impl Amount {
    pub fn of(measure: Measure, value: u64) -> Self {
        match measure {
            Measure::Scanned => Self::Scanned(value),
            Measure::Cost => Self::Cost(value),
            Measure::Executions => Self::Executions(value),
            Measure::Failed => Self::Failed(value),
        }
    }
}

/// What is told: stored, and rendered by every channel in its own way. Its JSON is the generic webhook's `data`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Stable over restarts and the same in every delivery.
    pub id: String,
    pub rule: String,
    pub kind: String,
    pub severity: Severity,
    pub subject: Subject,
    pub key: String,
    pub name: String,
    pub period: Period,
    #[serde(default)]
    pub aspect: String,
    pub level: u32,
    pub value: Amount,
    pub limit: Amount,
    pub usual: Option<Amount>,
    pub note: Option<String>,
    pub executions: u64,
    /// Executions whose cost is not known: the numbers are too low by theirs.
    pub unpriced: u64,
    /// Nano-dollars of the priced ones.
    pub cost: i64,
    pub scanned_bytes: u64,
    /// Hundredths of a percent of everything's value in the period.
    pub share: Option<u64>,
    pub top_principals: Vec<Part>,
    pub top_queries: Vec<Part>,
    /// How complete the period is, in words.
    pub coverage: String,
    /// To a page that shows more.
    pub link: Option<String>,
}

/// One of those who made up a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// A principal's name, or a query's text as far as it may be told.
    pub label: String,
    /// A principal's key, or a query's fingerprint.
    pub key: String,
    pub executions: u64,
    pub failed: u64,
    pub unpriced: u64,
    pub scanned_bytes: u64,
    /// Nano-dollars of the priced ones.
    pub cost: i64,
}

/// 32 hexadecimal digits that stand for one finding for ever.
pub fn alert_id(series: &str, level: u32) -> String {
    content_hash(&format!("{series}#{level}")).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is owed to a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Message {
    Alert(Alert),
    Digest(Digest),
    /// Asked for by hand.
    Test {
        id: String,
    },
}

impl Message {
    pub fn id(&self) -> &str {
        match self {
            Self::Alert(alert) => &alert.id,
            Self::Digest(digest) => &digest.id,
            Self::Test { id } => id,
        }
    }

    /// As the webhook's `type` has it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Alert(_) => "alert",
            Self::Digest(_) => "digest",
            Self::Test { .. } => "test",
        }
    }
}

/// One local day, summed up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    pub id: String,
    pub period: Period,
    pub total: Part,
    /// The same day a week before.
    pub week_before: Part,
    pub principals: Vec<Part>,
    pub kinds: Vec<Part>,
    pub queries: Vec<Part>,
    /// Executions without a start: nobody's.
    pub unattributed: Part,
    pub coverage: String,
    pub link: Option<String>,
}
