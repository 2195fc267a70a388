//! What is worth telling somebody: pure checks, (rule, facts, now) -> findings. One file per kind.
//!
//! A rule says what it sees and how far above its limit it is; that the same thing is told once only is the store's.

pub mod budget;
pub mod failing;
pub mod gap;
pub mod spike;
pub mod threshold;

mod contributors;
mod facts;

#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::alert::{Finding, Severity, Span, Subject};
pub use contributors::{contributors, part};
pub use facts::{Cell, Dims, ExecutionFact, Facts, FailureFact, ScopeFact};

/// Late data judges periods again that ended at most this long ago.
pub const JUDGED_AGAIN: TimeDelta = TimeDelta::hours(26);

/// One `[[rule]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub name: String,
    pub check: Check,
    pub filter: Filter,
    pub severity: Severity,
    /// Names of channels; empty: all of them.
    pub channels: Vec<String>,
}

/// The kinds of rules, each with settings of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    Threshold(threshold::Settings),
    Budget(budget::Settings),
    Spike(spike::Settings),
    Failing(failing::Settings),
    Gap(gap::Settings),
}

/// Globs; what is not given matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// On the principal's key or name.
    pub principal: Option<String>,
    pub principal_kind: Option<String>,
    pub team: Option<String>,
    pub workgroup: Option<String>,
    pub client: Option<String>,
    pub database: Option<String>,
    pub account: Option<String>,
    pub region: Option<String>,
}

impl Filter {
    /// Whether usage with these properties counts for the rule.
    pub fn admits(&self, dims: &Dims) -> bool {
        let fits = |glob: &Option<String>, value: &str| {
            glob.as_ref().is_none_or(|glob| wildmatch::WildMatch::new(glob).matches(value))
        };
        (fits(&self.principal, &dims.principal_key) || fits(&self.principal, &dims.principal))
            && fits(&self.principal_kind, &dims.principal_kind)
            && fits(&self.team, &dims.team)
            && fits(&self.workgroup, &dims.workgroup)
            && fits(&self.client, &dims.client)
            && fits(&self.database, &dims.database)
            && fits(&self.account, &dims.account)
            && fits(&self.region, &dims.region)
    }

    /// Uses what hourly rollups do not tell.
    pub fn needs_executions(&self) -> bool {
        self.client.is_some() || self.database.is_some()
    }
}

impl Rule {
    /// The built-in rules: the hour's total with those who made it up, and the collector's own blindness.
    pub fn defaults(terabyte: u64) -> Vec<Self> {
        let rule = |name: &str, check| Self {
            name: name.to_owned(),
            check,
            filter: Filter::default(),
            severity: Severity::Warning,
            channels: Vec::new(),
        };
        let busy = threshold::Settings {
            subject: Subject::Everything,
            measure: crate::domain::alert::Measure::Scanned,
            span: Span::Hour,
            limit: 5 * terabyte,
        };
        vec![
            rule("busy hour", Check::Threshold(busy)),
            rule("blind spot", Check::Gap(gap::Settings::default())),
        ]
    }

    pub fn kind(&self) -> &'static str {
        match self.check {
            Check::Threshold(_) => "threshold",
            Check::Budget(_) => "budget",
            Check::Spike(_) => "spike",
            Check::Failing(_) => "failing",
            Check::Gap(_) => "gap",
        }
    }

    fn judge(&self, facts: &Facts, now: DateTime<Utc>) -> Vec<Finding> {
        match &self.check {
            Check::Threshold(settings) => settings.judge(self, facts),
            Check::Budget(settings) => settings.judge(self, facts, now),
            Check::Spike(settings) => settings.judge(self, facts),
            Check::Failing(settings) => settings.judge(self, facts),
            Check::Gap(settings) => settings.judge(self, facts, now),
        }
    }
}

/// Everything the rules find in the facts.
pub fn evaluate(rules: &[Rule], facts: &Facts, now: DateTime<Utc>) -> Vec<Finding> {
    rules.iter().flat_map(|rule| rule.judge(facts, now)).collect()
}

/// How often `limit` doubled fits under `value`; `None` below the limit.
fn doublings(value: u64, limit: u64) -> Option<u32> {
    let times = value.checked_div(limit)?;
    times.checked_ilog2()
}
