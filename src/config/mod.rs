//! The checked configuration: domain types, every value possible. The file's shape is in `raw`.
//!
//! Read once, at the start; nothing below asks the environment again.

mod checked;
mod page;
mod raw;
mod telling;
mod wrong;

pub mod env;
pub mod secret;
pub mod span;
pub mod time;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;

use crate::domain::price::Pricing;
use crate::domain::principal::PrincipalKind;
use crate::domain::scope::{AccountId, Region, Scope};
use crate::domain::sql::QueryTextPolicy;
use crate::rules::Rule;
use secret::Source;

/// Everything that can be configured, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Days of reports and daily usage are local to this zone; hours are UTC hours.
    pub timezone: Tz,
    pub store: StoreConfig,
    /// Empty: the SDK's own account and region.
    pub scopes: Vec<ScopeConfig>,
    pub collect: CollectConfig,
    pub pricing: Pricing,
    /// The first whose pattern matches a principal's key names it.
    pub principals: Vec<PrincipalMapping>,
    pub retention: Retention,
    pub query_text: QueryTextPolicy,
    pub rules: Vec<Rule>,
    pub channels: Vec<ChannelConfig>,
    pub alerts: AlertsConfig,
    pub digest: Option<DigestConfig>,
    pub page: PageConfig,
}

/// `[page]`: where the embedded page listens.
#[derive(Clone, Debug)]
pub struct PageConfig {
    /// `None`: `run` serves no page.
    pub listen: Option<SocketAddr>,
    /// Names by which the page may be asked for, beside addresses and localhost.
    pub hosts: Vec<String>,
    /// What a reader must know. Needed for anything but loopback.
    pub token: Option<Source>,
}

/// One `[[channel]]`: where alerts go.
#[derive(Clone, Debug)]
pub struct ChannelConfig {
    pub name: String,
    pub kind: ChannelKind,
    /// A Slack webhook's URL is a secret as a whole.
    pub url: Source,
    /// Signs a webhook's messages.
    pub secret: Option<Source>,
    /// Sent with every message of a webhook.
    pub headers: Vec<(String, Source)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    Slack,
    Webhook,
}

/// What alerts tell.
#[derive(Clone, Debug)]
pub struct AlertsConfig {
    /// What of a query's SQL leaves the house; never more than is stored.
    pub query_text: QueryTextPolicy,
    /// Address of a page that shows more, without its last slash.
    pub page: Option<String>,
}

/// The daily summary.
#[derive(Clone, Debug)]
pub struct DigestConfig {
    /// Local to `timezone`.
    pub at: NaiveTime,
    /// Empty: all.
    pub channels: Vec<String>,
}

/// Where the database is and who may read it.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Relative to the working directory.
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

impl ScopeConfig {
    /// The account, as far as the configuration tells it: by itself, or in the role's ARN.
    pub fn named_account(&self) -> Option<AccountId> {
        let of_role = || self.role_arn.as_deref()?.split(':').nth(4).and_then(AccountId::parse);
        self.account.clone().or_else(of_role)
    }
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    pub read_events: Option<TimeDelta>,
    pub events: Option<TimeDelta>,
    pub executions: Option<TimeDelta>,
    pub query_text: Option<TimeDelta>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            timezone: Tz::UTC,
            store: StoreConfig {
                path: PathBuf::from("athena-ledger.db"),
                mode: 0o600,
                group: None,
                journal: Journal::Truncate,
            },
            scopes: Vec::new(),
            collect: CollectConfig {
                every: TimeDelta::hours(1),
                late: TimeDelta::minutes(30),
                lookup_rate: 1.5,
                batch_rate: 2.0,
                read_names_budget: Some(TimeDelta::seconds(60)),
                first_span: TimeDelta::days(7),
            },
            pricing: Pricing::default(),
            principals: Vec::new(),
            retention: Retention {
                read_events: Some(TimeDelta::days(3)),
                events: Some(TimeDelta::days(400)),
                executions: None,
                query_text: Some(TimeDelta::days(400)),
            },
            query_text: QueryTextPolicy::Full,
            rules: Rule::defaults(Pricing::default().unit.terabyte()),
            channels: Vec::new(),
            alerts: AlertsConfig { query_text: QueryTextPolicy::Redacted, page: None },
            digest: None,
            page: PageConfig { listen: Some(PAGE), hosts: Vec::new(), token: None },
        }
    }
}

/// Where the page listens unless told otherwise.
pub const PAGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9747);

impl Config {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// The scopes whose account and regions are configured.
    pub fn named_scopes(&self) -> impl Iterator<Item = Scope> {
        self.scopes.iter().flat_map(|scope| {
            scope.named_account().into_iter().flat_map(|account| {
                scope
                    .regions
                    .iter()
                    .map(move |region| Scope { account: account.clone(), region: region.clone() })
            })
        })
    }

    /// Whether some configured scope is, or may turn out to be, this one.
    pub fn expects(&self, scope: &Scope) -> bool {
        let may_be = |config: &ScopeConfig| {
            config.named_account().is_none_or(|account| account == scope.account)
                && (config.regions.is_empty() || config.regions.contains(&scope.region))
        };
        self.scopes.is_empty() || self.scopes.iter().any(may_be)
    }

    /// The channels a rule or the digest names; all of them if it names none.
    pub fn channels_of(&self, named: &[String]) -> Vec<String> {
        let all = self.channels.iter().map(|channel| channel.name.clone());
        all.filter(|name| named.is_empty() || named.contains(name)).collect()
    }

    /// Checks the text of a file; `path` is for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let raw: raw::Raw = toml::from_str(text).map_err(|error| raw::explain(&error, text, path))?;
        checked::check(raw).map_err(|wrong| wrong.in_file(text, path))
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the config file {}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}:{line}:{column}: {message}", path.display())]
    Wrong { path: PathBuf, line: usize, column: usize, message: String, help: Option<String> },
}

impl ConfigError {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unreadable { .. } => Some(
                "--config or $ATHENA_LEDGER_CONFIG names it; without either ./athena-ledger.toml is optional"
                    .to_owned(),
            ),
            Self::Wrong { help, .. } => help.clone(),
        }
    }
}
