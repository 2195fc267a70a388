//! What rules see: sums by everything a rule can ask for, and what the kinds need besides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Filter;
use crate::domain::alert::{Period, Span, Subject};
use crate::domain::usage::Measures;

/// What usage is told apart by. Empty text is "not told".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dims {
    pub account: String,
    pub region: String,
    pub workgroup: String,
    pub principal_key: String,
    pub principal: String,
    pub principal_kind: String,
    pub team: String,
    pub client: String,
    pub database: String,
}

impl Dims {
    /// The stable key of a subject and what is shown for it; `None` for what does not have one.
    pub(super) fn subject(&self, subject: Subject) -> Option<(&str, &str)> {
        let same = |text: &'static str| Some((text, text));
        let of = |text| Some((text, text));
        match subject {
            Subject::Everything => same(""),
            Subject::Principal => Some((self.principal_key.as_str(), self.principal.as_str())),
            Subject::PrincipalKind => of(self.principal_kind.as_str()),
            Subject::Team => of(self.team.as_str()),
            Subject::Workgroup => of(self.workgroup.as_str()),
            Subject::Client => of(self.client.as_str()),
            Subject::Database => of(self.database.as_str()),
            Subject::Account => of(self.account.as_str()),
            Subject::Execution | Subject::Query | Subject::Scope => None,
        }
    }
}

/// Sums of one period.
#[derive(Clone, Debug)]
pub struct Cell {
    pub period: Arc<Period>,
    pub dims: Arc<Dims>,
    pub measures: Measures,
}

/// One execution, for rules about single ones.
#[derive(Clone, Debug)]
pub struct ExecutionFact {
    pub id: String,
    pub hour: Arc<Period>,
    pub dims: Arc<Dims>,
    pub measures: Measures,
}

/// Failed executions of one query shape in one period.
#[derive(Clone, Debug)]
pub struct FailureFact {
    pub period: Arc<Period>,
    pub dims: Arc<Dims>,
    pub fingerprint: String,
    /// As far as it may be told.
    pub text: String,
    /// Athena's reason of the latest one, and when that was submitted.
    pub reason: String,
    pub at: DateTime<Utc>,
    pub measures: Measures,
}

/// How well one account and region is seen over the last 26 hours.
#[derive(Clone, Debug)]
pub struct ScopeFact {
    pub name: String,
    pub account: String,
    pub region: String,
    pub due: u64,
    pub complete: u64,
    /// Why the first hour that is not complete is not.
    pub reason: Option<String>,
    /// Up to where starts have been read; `None`: never.
    pub walked_until: Option<DateTime<Utc>>,
    /// Nano-dollars.
    pub cost: u64,
    pub unattributed_cost: u64,
}

/// All that rules see.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Hours, days and months to judge.
    pub cells: Vec<Cell>,
    /// The same hours and days of weeks before, by the period they are compared with.
    pub history: Vec<(Arc<Period>, Cell)>,
    /// Whole and complete ones among those, to tell "nothing ran" from "nothing known": how many there are.
    pub samples: BTreeMap<Arc<Period>, BTreeSet<DateTime<Utc>>>,
    /// The last four weeks before today, summed up, and the days of them of which the book knows something.
    pub recent: Vec<Cell>,
    pub recent_days: u64,
    pub executions: Vec<ExecutionFact>,
    pub failures: Vec<FailureFact>,
    pub scopes: Vec<ScopeFact>,
    /// Today, local: the period of what is found about now.
    pub today: Option<Arc<Period>>,
    /// When alerts began: nothing is told of what ended before.
    pub since: Option<DateTime<Utc>>,
}

/// A subject in a period.
pub(super) struct Group<'a> {
    pub(super) period: &'a Arc<Period>,
    pub(super) key: &'a str,
    pub(super) name: &'a str,
    pub(super) measures: Measures,
}

/// Sums of the admitted cells by period and subject, in order.
pub(super) fn grouped<'a>(
    cells: impl IntoIterator<Item = &'a Cell>,
    span: Span,
    subject: Subject,
    filter: &Filter,
) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<(DateTime<Utc>, &str), Group<'a>> = BTreeMap::new();
    let all = *filter == Filter::default();
    for cell in cells {
        if cell.period.span != span || !(all || filter.admits(&cell.dims)) {
            continue;
        }
        let Some((key, name)) = cell.dims.subject(subject) else { continue };
        let group = groups.entry((cell.period.start, key)).or_insert_with(|| Group {
            period: &cell.period,
            key,
            name,
            measures: Measures::default(),
        });
        group.measures.add(&cell.measures);
    }
    groups.into_values().collect()
}
