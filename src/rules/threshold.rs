//! *threshold*: a measure over a limit. A value that has doubled since is a level of its own.

use super::facts::grouped;
use super::{Facts, Rule, doublings};
use crate::domain::alert::{Amount, Finding, Measure, Period, Span, Subject};
use crate::domain::usage::Measures;

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub subject: Subject,
    pub measure: Measure,
    pub span: Span,
    /// Bytes, nano-dollars or a count, as the measure has it; at least 1.
    pub limit: u64,
}

impl Settings {
    pub(super) fn judge(&self, rule: &Rule, facts: &Facts) -> Vec<Finding> {
        if self.subject == Subject::Execution {
            let found = facts.executions.iter().filter(|execution| rule.filter.admits(&execution.dims));
            return found
                .filter_map(|e| self.finding(rule, &e.hour, (&e.id, &e.id), e.measures))
                .map(|finding| Finding { level: 0, ..finding })
                .collect();
        }
        grouped(&facts.cells, self.span, self.subject, &rule.filter)
            .iter()
            .filter_map(|group| self.finding(rule, group.period, (group.key, group.name), group.measures))
            .collect()
    }

    fn finding(
        &self,
        rule: &Rule,
        period: &Period,
        (key, name): (&str, &str),
        measures: Measures,
    ) -> Option<Finding> {
        let value = self.measure.of(&measures);
        let level = doublings(value, self.limit)?;
        Some(Finding {
            rule: rule.name.clone(),
            kind: rule.kind(),
            severity: rule.severity,
            subject: self.subject,
            key: key.to_owned(),
            name: name.to_owned(),
            period: period.clone(),
            aspect: "",
            level,
            value: Amount::of(self.measure, value),
            limit: Amount::of(self.measure, self.limit),
            usual: None,
            note: None,
            measures,
        })
    }
}
