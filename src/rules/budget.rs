//! *budget*: month to date at 50, 80 and 100% (then at every doubling), and a forecast above 100%.
//!
//! The forecast is what the month has cost so far, and for the time that is left the average day of the last four
//! weeks of which the book knows something, at least three days of them.

use chrono::{DateTime, Utc};

use super::facts::grouped;
use super::{Facts, Rule, doublings};
use crate::domain::alert::{Amount, Finding, Measure, Severity, Span, Subject};

/// Percent of the limit that are told of.
const STEPS: [u64; 3] = [50, 80, 100];
/// Days a forecast needs.
const FEWEST_DAYS: u64 = 3;

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub subject: Subject,
    pub measure: Measure,
    /// Of the month.
    pub limit: u64,
}

impl Settings {
    pub(super) fn judge(&self, rule: &Rule, facts: &Facts, now: DateTime<Utc>) -> Vec<Finding> {
        let recent = grouped(&facts.recent, Span::Day, self.subject, &rule.filter);
        let days = facts.recent_days;
        let mut findings = Vec::new();
        for group in grouped(&facts.cells, Span::Month, self.subject, &rule.filter) {
            let value = self.measure.of(&group.measures);
            let finding = |aspect, level, value, note, severity| Finding {
                rule: rule.name.clone(),
                kind: rule.kind(),
                severity,
                subject: self.subject,
                key: group.key.to_owned(),
                name: group.name.to_owned(),
                period: group.period.as_ref().clone(),
                aspect,
                level,
                value: Amount::of(self.measure, value),
                limit: Amount::of(self.measure, self.limit),
                usual: None,
                note,
                measures: group.measures,
            };
            if let Some((level, percent)) = self.level(value) {
                let severity =
                    if percent < 100 { rule.severity.min(Severity::Warning) } else { rule.severity };
                findings.push(finding("", level, value, Some(format!("{percent}% of the budget")), severity));
            }
            if value >= self.limit || days < FEWEST_DAYS {
                continue;
            }
            let same = recent.iter().find(|recent| recent.key == group.key);
            let spent = same.map_or(0, |recent| self.measure.of(&recent.measures));
            let left = (group.period.end - now).num_seconds().max(0).unsigned_abs();
            let rest = u128::from(spent) * u128::from(left) / (86_400 * u128::from(days));
            let forecast = u64::try_from(u128::from(value) + rest).unwrap_or(u64::MAX);
            if forecast >= self.limit {
                let note = format!("forecast for the month's end, from the average of {days} days");
                findings.push(finding("forecast", 0, forecast, Some(note), rule.severity));
            }
        }
        findings
    }

    /// The highest step that is reached, and its percentage.
    fn level(&self, value: u64) -> Option<(u32, u64)> {
        if let Some(more) = doublings(value, self.limit) {
            return Some((STEPS.len() as u32 - 1 + more, 100 << more.min(56)));
        }
        let reached =
            |percent: &u64| u128::from(value) * 100 >= u128::from(self.limit) * u128::from(*percent);
        let index = STEPS.iter().rposition(reached)?;
        Some((index as u32, STEPS.get(index).copied()?))
    }
}
