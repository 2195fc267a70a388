//! The calls the simulated AWS knows, and how it counts them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// An operation of the simulated AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    LookupEvents,
    BatchGetQueryExecution,
    GetQueryExecution,
    /// Always denied: nobody may read results here.
    GetQueryResults,
    GetCallerIdentity,
    AssumeRole,
    /// Whatever else was asked.
    Other,
}

impl Api {
    /// From the `x-amz-target` header of the JSON services.
    pub(super) fn of_target(target: &str) -> Self {
        match target.rsplit_once('.') {
            Some((service, "LookupEvents")) if service.ends_with("CloudTrail_20131101") => Self::LookupEvents,
            Some(("AmazonAthena", "BatchGetQueryExecution")) => Self::BatchGetQueryExecution,
            Some(("AmazonAthena", "GetQueryExecution")) => Self::GetQueryExecution,
            Some(("AmazonAthena", "GetQueryResults")) => Self::GetQueryResults,
            _ => Self::Other,
        }
    }

    /// The IAM action it needs.
    pub fn action(self) -> &'static str {
        match self {
            Self::LookupEvents => "cloudtrail:LookupEvents",
            Self::BatchGetQueryExecution => "athena:BatchGetQueryExecution",
            Self::GetQueryExecution => "athena:GetQueryExecution",
            Self::GetQueryResults => "athena:GetQueryResults",
            Self::GetCallerIdentity => "sts:GetCallerIdentity",
            Self::AssumeRole => "sts:AssumeRole",
            Self::Other => "*:*",
        }
    }

    pub(super) fn is_sts(self) -> bool {
        matches!(self, Self::GetCallerIdentity | Self::AssumeRole)
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Answered,
    Throttled,
    Refused,
    Faulted,
}

/// How often one API was called, by what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub answered: u64,
    /// By a quota or by a fault.
    pub throttled: u64,
    /// Answered with an error that AWS declares: denied, invalid, unknown.
    pub refused: u64,
    /// Hung, reset, garbage, an internal error, or an expired token.
    pub faulted: u64,
}

impl Count {
    pub fn total(self) -> u64 {
        self.answered + self.throttled + self.refused + self.faulted
    }
}

/// All calls so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls(BTreeMap<Api, Count>);

impl Calls {
    pub fn of(&self, api: Api) -> Count {
        self.0.get(&api).copied().unwrap_or_default()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Api, Count)> + '_ {
        self.0.iter().map(|(api, count)| (*api, *count))
    }

    pub(super) fn count(&mut self, api: Api, fate: Fate) {
        let count = self.0.entry(api).or_default();
        match fate {
            Fate::Answered => count.answered += 1,
            Fate::Throttled => count.throttled += 1,
            Fate::Refused => count.refused += 1,
            Fate::Faulted => count.faulted += 1,
        }
    }
}

/// One request of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub at: DateTime<Utc>,
    pub api: Api,
    /// The region it was signed for; empty when it was not signed.
    pub region: String,
    /// Execution ids it asked for.
    pub ids: usize,
    pub answered: bool,
}
