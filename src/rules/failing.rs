//! *failing*: many failed executions of one query shape, with Athena's reason.

use std::collections::BTreeMap;

use super::{Facts, FailureFact, Rule, doublings};
use crate::domain::alert::{Amount, Finding, Span, Subject};
use crate::domain::usage::Measures;

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// An hour or a day.
    pub span: Span,
    /// Failed executions.
    pub limit: u64,
}

impl Settings {
    pub(super) fn judge(&self, rule: &Rule, facts: &Facts) -> Vec<Finding> {
        let mut shapes: BTreeMap<_, (&FailureFact, Measures)> = BTreeMap::new();
        let admitted = facts
            .failures
            .iter()
            .filter(|failure| failure.period.span == self.span && rule.filter.admits(&failure.dims));
        for failure in admitted {
            let key = (failure.period.start, failure.fingerprint.as_str());
            let (latest, measures) = shapes.entry(key).or_insert((failure, Measures::default()));
            measures.add(&failure.measures);
            if failure.at > latest.at {
                *latest = failure;
            }
        }
        let findings = shapes.into_values().filter_map(|(failure, measures)| {
            let level = doublings(measures.failed, self.limit)?;
            Some(Finding {
                rule: rule.name.clone(),
                kind: rule.kind(),
                severity: rule.severity,
                subject: Subject::Query,
                key: failure.fingerprint.clone(),
                name: failure.text.clone(),
                period: failure.period.as_ref().clone(),
                aspect: "",
                level,
                value: Amount::Failed(measures.failed),
                limit: Amount::Failed(self.limit),
                usual: None,
                note: Some(failure.reason.clone()).filter(|reason| !reason.is_empty()),
                measures,
            })
        });
        findings.collect()
    }
}
