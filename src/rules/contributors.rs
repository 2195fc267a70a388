//! Who made up what a rule found.

use std::collections::BTreeMap;

use super::{Facts, Rule};
use crate::domain::alert::{Amount, Finding, Measure, Part};
use crate::domain::usage::Measures;

/// The principals behind a finding, largest first, and what everything measures in its period, with those that the
/// rule's filter leaves out. Findings that are not sums over usage have none.
pub fn contributors(facts: &Facts, rule: &Rule, finding: &Finding) -> (Vec<Part>, Option<u64>) {
    let measure = match finding.value {
        Amount::Scanned(_) => Measure::Scanned,
        Amount::Cost(_) => Measure::Cost,
        Amount::Executions(_) => Measure::Executions,
        Amount::Failed(_) => Measure::Failed,
        Amount::Share(_) | Amount::Time(_) => return (Vec::new(), None),
    };
    let mut principals: BTreeMap<&str, (&str, Measures)> = BTreeMap::new();
    let mut total = Measures::default();
    let same_period = |span, start| span == finding.period.span && start == finding.period.start;
    for cell in facts.cells.iter().filter(|cell| same_period(cell.period.span, cell.period.start)) {
        total.add(&cell.measures);
        let of_subject = cell.dims.subject(finding.subject).is_some_and(|(key, _)| key == finding.key);
        if of_subject && rule.filter.admits(&cell.dims) {
            let key = cell.dims.principal_key.as_str();
            principals
                .entry(key)
                .or_insert((&cell.dims.principal, Measures::default()))
                .1
                .add(&cell.measures);
        }
    }
    for fact in facts.executions.iter().filter(|fact| fact.id == finding.key) {
        principals.insert(&fact.dims.principal_key, (&fact.dims.principal, fact.measures));
    }
    let of_query = facts.failures.iter().filter(|fact| {
        fact.fingerprint == finding.key
            && same_period(fact.period.span, fact.period.start)
            && rule.filter.admits(&fact.dims)
    });
    for fact in of_query {
        let key = fact.dims.principal_key.as_str();
        principals.entry(key).or_insert((&fact.dims.principal, Measures::default())).1.add(&fact.measures);
    }
    let mut parts: Vec<Part> =
        principals.into_iter().map(|(key, (name, measures))| part(name, key, &measures)).collect();
    parts.sort_by_key(|part| std::cmp::Reverse((value(measure, part), part.cost)));
    (parts, Some(measure.of(&total)).filter(|total| *total > 0))
}

/// Measures under a name.
pub fn part(label: &str, key: &str, measures: &Measures) -> Part {
    Part {
        label: label.to_owned(),
        key: key.to_owned(),
        executions: measures.executions,
        failed: measures.failed,
        unpriced: measures.unpriced,
        scanned_bytes: measures.scanned_bytes,
        cost: measures.cost,
    }
}

fn value(measure: Measure, part: &Part) -> u64 {
    match measure {
        Measure::Scanned => part.scanned_bytes,
        Measure::Cost => u64::try_from(part.cost).unwrap_or(0),
        Measure::Executions => part.executions,
        Measure::Failed => part.failed,
    }
}
