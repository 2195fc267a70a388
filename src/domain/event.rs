//! One CloudTrail record -> [`Record`]: an event of the account book, skipped, or unreadable with a reason.

use chrono::{DateTime, Datelike, NaiveDateTime, SubsecRound, Utc};

use super::client::Client;
use super::execution::ExecutionId;
use super::principal::{Principal, identify};
use super::record::RawRecord;
use super::scope::{AccountId, Region, Scope};

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
    /// The role's name, for one who came through a role.
    pub role: Option<String>,
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

/// What one page or one piece of a file gave.
///
/// `read` = events + unreadable + `skipped` + `own`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    pub read: u64,
    pub events: Vec<Event>,
    pub unreadable: Vec<Unreadable>,
    /// Not Athena, or not one of the four names.
    pub skipped: u64,
    /// Our own calls: counted, never stored.
    pub own: u64,
}

/// Reads one CloudTrail record. `polled`: the scope it was asked of, or that its file's path names; the record's own
/// account and region come first.
pub fn read_record(json: &[u8], polled: Option<&Scope>) -> Record {
    let raw: RawRecord = match serde_json::from_slice::<Map>(json) {
        Ok(Map(raw)) => *raw,
        Err(error) => {
            let reason = match error.classify() {
                serde_json::error::Category::Eof => "the record ends early".to_owned(),
                serde_json::error::Category::Data => "the record is no JSON object".to_owned(),
                _ => format!("the record is no JSON (line {}, column {})", error.line(), error.column()),
            };
            return Record::Unreadable(Unreadable {
                scope: polled.cloned(),
                event_id: None,
                name: None,
                at: None,
                reason,
            });
        }
    };
    let insight = raw.event_category.as_deref() == Some("Insight");
    if insight || raw.event_source.as_deref().is_some_and(|source| source != ATHENA) {
        return Record::Skipped;
    }
    let name = match raw.event_name.as_deref().map(EventName::parse) {
        Some(Some(name)) => Some(name),
        Some(None) => return Record::Skipped,
        None => None,
    };
    let event_id = raw.event_id.as_deref().and_then(EventId::parse);
    let at = raw.event_time.as_deref().and_then(time);
    let scope = scope(&raw, polled);
    let unreadable = |reason: &str| {
        let (scope, event_id) = (scope.clone().or_else(|| polled.cloned()), event_id.clone());
        Record::Unreadable(Unreadable { scope, event_id, name, at, reason: reason.to_owned() })
    };
    if raw.event_source.is_none() {
        return unreadable("no eventSource");
    }
    let Some(name) = name else { return unreadable("no eventName") };
    let Some(id) = event_id.clone() else { return unreadable("no usable eventID") };
    let Some(at) = at else { return unreadable("no usable eventTime") };
    let Some(scope) = scope.clone() else { return unreadable("no account or region") };
    let Some(executions) = executions(&raw, name) else { return unreadable("no usable queryExecutionId") };
    let identified = identify(&raw.user_identity, raw.source_ip.as_deref());
    let console = raw.session_credential_from_console.as_deref() == Some("true");
    let client = Client::of(raw.user_agent.as_deref(), identified.service.as_deref(), console);
    let start = name == EventName::StartQueryExecution;
    let context = raw.request_parameters.query_execution_context;
    Record::Event(Box::new(Event {
        id,
        scope,
        name,
        at,
        principal: identified.principal,
        role: identified.role,
        session: identified.session,
        service: identified.service,
        source_ip: raw.source_ip,
        user_agent: raw.user_agent,
        client,
        error_code: raw.error_code,
        executions,
        workgroup: raw.request_parameters.work_group.filter(|_| start),
        database: context.database.filter(|_| start),
        catalog: context.catalog.filter(|_| start),
    }))
}

const ATHENA: &str = "athena.amazonaws.com";
/// Ids a BatchGetQueryExecution call takes (Athena API reference).
const BATCH: usize = 50;

/// An object and nothing else: serde would read an array as a struct, too.
struct Map(Box<RawRecord>);

impl<'de> serde::Deserialize<'de> for Map {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Map;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Map, A::Error> {
                let raw = serde::Deserialize::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Map(Box::new(raw)))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// The executions a record names; `None` where it must name one and does not.
fn executions(raw: &RawRecord, name: EventName) -> Option<Vec<ExecutionId>> {
    let request = &raw.request_parameters;
    let named: Vec<&str> = match name {
        EventName::StartQueryExecution if raw.error_code.is_some() => return Some(Vec::new()),
        EventName::StartQueryExecution => {
            raw.response_elements.query_execution_id.as_deref().into_iter().collect()
        }
        // The shape of a batch's record is UNVERIFIED: no public one is known.
        EventName::BatchGetQueryExecution => request.query_execution_ids.iter().map(String::as_str).collect(),
        EventName::GetQueryExecution | EventName::GetQueryRuntimeStatistics => {
            request.query_execution_id.as_deref().into_iter().collect()
        }
    };
    let mut ids: Vec<ExecutionId> = named.into_iter().filter_map(ExecutionId::parse).take(BATCH).collect();
    ids.sort();
    ids.dedup();
    // A refused read may carry no usable parameters at all.
    (!ids.is_empty() || raw.error_code.is_some()).then_some(ids)
}

fn scope(raw: &RawRecord, polled: Option<&Scope>) -> Option<Scope> {
    let accounts = [raw.recipient_account_id.as_deref(), raw.user_identity.account_id.as_deref()];
    let account = accounts.into_iter().flatten().find_map(AccountId::parse);
    let region = raw.aws_region.as_deref().and_then(Region::parse);
    Some(Scope {
        account: account.or_else(|| polled.map(|scope| scope.account.clone()))?,
        region: region.or_else(|| polled.map(|scope| scope.region.clone()))?,
    })
}

/// `eventTime` is RFC 3339; exports of other tools also write a space and leave out the zone, which is UTC.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let rfc = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
    let plain = |format| NaiveDateTime::parse_from_str(text, format).map(|at| at.and_utc());
    let at =
        rfc.or_else(|_| plain("%Y-%m-%d %H:%M:%S%.f")).or_else(|_| plain("%Y-%m-%dT%H:%M:%S%.f")).ok()?;
    // Outside these years arithmetic on hours could overflow, and no AWS was or will be there.
    Some(at.trunc_subsecs(0)).filter(|at| (2000..2200).contains(&at.year()))
}

#[cfg(test)]
mod tests;
