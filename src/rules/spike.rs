//! *spike*: an hour or a day far above the subject's own usual.
//!
//! The usual is the median of the same hour (or weekday) in the eight weeks before; far above is more than
//! `deviations` times the scaled median absolute deviation over it, at least twice it, and at least the floor.
//! Silent with fewer than four samples: a book that is young knows no usual.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::facts::grouped;
use super::{Facts, Rule, doublings};
use crate::domain::alert::{Amount, Finding, Measure, Span, Subject};

/// Weeks that are looked at.
pub const WEEKS: i64 = 8;
const FEWEST_SAMPLES: usize = 4;
/// Makes the median absolute deviation comparable with a standard deviation (of a normal distribution).
const SCALE: f64 = 1.4826;

/// By the start of the period that is judged and the subject: what was measured, by when.
type Past<'a> = HashMap<(DateTime<Utc>, &'a str), BTreeMap<DateTime<Utc>, u64>>;

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub subject: Subject,
    pub measure: Measure,
    pub span: Span,
    /// Below this nothing is a spike.
    pub floor: u64,
    pub deviations: f64,
}

impl Settings {
    pub(super) fn judge(&self, rule: &Rule, facts: &Facts) -> Vec<Finding> {
        let past = self.past(rule, facts);
        let mut findings = Vec::new();
        for group in grouped(&facts.cells, self.span, self.subject, &rule.filter) {
            let value = self.measure.of(&group.measures);
            if value < self.floor {
                continue;
            }
            let Some(samples) = facts.samples.get(group.period).filter(|known| known.len() >= FEWEST_SAMPLES)
            else {
                continue;
            };
            let found = past.get(&(group.period.start, group.key));
            // A complete hour without the subject is a sample too: nothing ran.
            let mut values: Vec<f64> = samples
                .iter()
                .map(|at| found.and_then(|found| found.get(at)).copied().unwrap_or(0) as f64)
                .collect();
            let usual = median(&mut values);
            let mut distances: Vec<f64> = values.iter().map(|value| (value - usual).abs()).collect();
            let deviation = SCALE * median(&mut distances);
            let above = (usual + self.deviations * deviation).max(2.0 * usual).max(self.floor as f64);
            let limit = above as u64;
            let Some(level) = doublings(value, limit.max(1)) else { continue };
            findings.push(Finding {
                rule: rule.name.clone(),
                kind: rule.kind(),
                severity: rule.severity,
                subject: self.subject,
                key: group.key.to_owned(),
                name: group.name.to_owned(),
                period: group.period.as_ref().clone(),
                aspect: "",
                level,
                value: Amount::of(self.measure, value),
                limit: Amount::of(self.measure, limit),
                usual: Some(Amount::of(self.measure, usual as u64)),
                note: Some(format!("the median of {} weeks", values.len())),
                measures: group.measures,
            });
        }
        findings
    }

    /// What was measured in the weeks before.
    fn past<'a>(&self, rule: &Rule, facts: &'a Facts) -> Past<'a> {
        let mut past: HashMap<_, BTreeMap<_, u64>> = HashMap::new();
        for (of, cell) in facts.history.iter().filter(|(of, _)| of.span == self.span) {
            let Some((key, _)) = cell.dims.subject(self.subject).filter(|_| rule.filter.admits(&cell.dims))
            else {
                continue;
            };
            let sums = past.entry((of.start, key)).or_default();
            *sums.entry(cell.period.start).or_default() += self.measure.of(&cell.measures);
        }
        past
    }
}

/// 0 of nothing.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle.wrapping_sub(1)), values.get(middle)) {
        (Some(low), Some(high)) if values.len().is_multiple_of(2) => f64::midpoint(*low, *high),
        (_, Some(middle)) => *middle,
        _ => 0.0,
    }
}
