//! *gap*: the collector's own blindness. Due hours of the last 26 that are not complete, starts that have not been
//! read for long, and cost that is nobody's. Told once per scope and local day for each.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Dims, Facts, Rule, ScopeFact};
use crate::domain::alert::{Amount, Finding, Subject};
use crate::domain::usage::Measures;

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Hundredths of a percent of due hours that are complete; below it is told.
    pub complete: u64,
    /// Since the last time starts were read up to.
    pub lag: TimeDelta,
    /// Hundredths of a percent of the cost; above it is told.
    pub unattributed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { complete: 9_000, lag: TimeDelta::hours(4), unattributed: 1_000 }
    }
}

impl Settings {
    pub(super) fn judge(&self, rule: &Rule, facts: &Facts, now: DateTime<Utc>) -> Vec<Finding> {
        let Some(today) = &facts.today else { return Vec::new() };
        let mut findings = Vec::new();
        for scope in facts.scopes.iter().filter(|scope| rule.filter.admits(&dims(scope))) {
            let mut tell = |aspect, value, limit, note| {
                findings.push(Finding {
                    rule: rule.name.clone(),
                    kind: rule.kind(),
                    severity: rule.severity,
                    subject: Subject::Scope,
                    key: scope.name.clone(),
                    name: scope.name.clone(),
                    period: today.as_ref().clone(),
                    aspect,
                    level: 0,
                    value,
                    limit,
                    usual: None,
                    note,
                    measures: Measures::default(),
                });
            };
            let complete = share(scope.complete, scope.due);
            if complete.is_some_and(|complete| complete < self.complete) {
                let value = Amount::Share(complete.unwrap_or(0));
                tell("coverage", value, Amount::Share(self.complete), scope.reason.clone());
            }
            let lag = lag(scope, facts, now);
            if lag > self.lag {
                let seconds = |time: TimeDelta| Amount::Time(time.num_seconds().max(0).unsigned_abs());
                tell("lag", seconds(lag), seconds(self.lag), None);
            }
            let nobodys = share(scope.unattributed_cost, scope.cost);
            if let Some(value) = nobodys.filter(|share| *share > self.unattributed) {
                tell("unattributed", Amount::Share(value), Amount::Share(self.unattributed), None);
            }
        }
        findings
    }
}

fn dims(scope: &ScopeFact) -> Dims {
    Dims { account: scope.account.clone(), region: scope.region.clone(), ..Dims::default() }
}

/// How long starts have not been read; before alerts began nobody waited for them.
fn lag(scope: &ScopeFact, facts: &Facts, now: DateTime<Utc>) -> TimeDelta {
    let read = scope.walked_until.into_iter().chain(facts.since).max();
    read.map_or(TimeDelta::zero(), |read| now - read)
}

/// Hundredths of a percent.
fn share(part: u64, whole: u64) -> Option<u64> {
    u64::try_from(u128::from(part) * 10_000 / u128::from(Some(whole).filter(|whole| *whole > 0)?)).ok()
}
