//! The checked configuration: domain types, every value possible. The file's shape is in `raw`.

use std::path::PathBuf;

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::domain::principal::PrincipalKind;
use crate::domain::scope::{AccountId, Region};
use crate::domain::sql::QueryTextPolicy;

/// Everything that can be configured, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Days of reports and daily usage are local to this zone; hours are UTC hours.
    pub timezone: Tz,
    pub store: StoreConfig,
    /// Empty: the SDK's own account and region.
    pub scopes: Vec<ScopeConfig>,
    pub collect: CollectConfig,
    // pub pricing: crate::domain::price::Pricing,
    /// The first whose pattern matches a principal's key names it.
    pub principals: Vec<PrincipalMapping>,
    pub retention: Retention,
    pub query_text: QueryTextPolicy,
}

/// Where the database is and who may read it.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    pub path: PathBuf,
    /// Unix permissions of the file, such as `0o640`.
    pub mode: u32,
    /// Name of the group that owns the file; `None` leaves the process's own.
    pub group: Option<String>,
    pub journal: Journal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journal {
    /// Readers in other containers see every committed row.
    Truncate,
    /// Faster, but a reader needs the directory, its `-wal` and `-shm` files and write permission.
    Wal,
}

/// One `[[scope]]`: an account and the regions to read in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeConfig {
    pub name: Option<String>,
    /// Empty: the SDK's own region.
    pub regions: Vec<Region>,
    /// Configured, else taken from `role_arn`, else asked of STS.
    pub account: Option<AccountId>,
    pub profile: Option<String>,
    pub role_arn: Option<String>,
    pub external_id: Option<String>,
}

/// How CloudTrail and Athena are read.
#[derive(Clone, Debug)]
pub struct CollectConfig {
    pub every: TimeDelta,
    /// How late an event may appear: what is younger is read but not yet `walked`.
    pub late: TimeDelta,
    /// LookupEvents calls per second; the account's quota is 2.
    pub lookup_rate: f64,
    /// BatchGetQueryExecution and GetQueryExecution calls per second, each.
    pub batch_rate: f64,
    /// Time for the three read names per tick; `None` is no limit, zero leaves them out.
    pub read_names_budget: Option<TimeDelta>,
    /// How far the first run goes back, at most 90 days.
    pub first_span: TimeDelta,
}

/// One `[[principal]]`: names, kinds and teams of the operator's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalMapping {
    /// Glob on the principal's key: `*` any text, `?` one character.
    pub pattern: String,
    pub name: Option<String>,
    pub kind: Option<PrincipalKind>,
    pub team: Option<String>,
}

/// How long rows are kept; `None` is for ever. Usage is always kept.
#[derive(Clone, Debug)]
pub struct Retention {
    pub read_events: Option<TimeDelta>,
    pub events: Option<TimeDelta>,
    pub executions: Option<TimeDelta>,
    pub query_text: Option<TimeDelta>,
}
