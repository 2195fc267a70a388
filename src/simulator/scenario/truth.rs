//! What a complete account book of the company must say.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::queries::{Ending, Template};
use crate::domain::scope::Scope;
use crate::domain::window::{Window, hour_of};

/// Sums over executions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub executions: u64,
    /// Bytes read, those of failed executions too.
    pub scanned_bytes: u64,
    /// Bytes charged for.
    pub billed_bytes: u64,
    /// At $5 per 2^40 bytes.
    pub cost_nano_usd: u64,
}

/// Everything that happened, whether CloudTrail shows it in time or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    pub total: Sum,
    /// By principal key.
    pub by_principal: BTreeMap<String, Sum>,
    pub by_scope: BTreeMap<Scope, Sum>,
    /// By UTC hour of submission.
    pub by_hour: BTreeMap<DateTime<Utc>, Sum>,
    /// Executions by Athena's final state.
    pub by_state: BTreeMap<&'static str, u64>,
    /// StartQueryExecution events: executions, replays and refused starts.
    pub starts: u64,
    /// Starts that ran nothing: another principal got the id of an earlier one.
    pub replays: u64,
    /// Starts with an errorCode.
    pub refused: u64,
    /// GetQueryExecution and BatchGetQueryExecution events.
    pub reads: u64,
    /// Of the week only.
    pub bad_afternoon: Option<BadAfternoon>,
}

/// Three hours in which one analyst spent more than everybody else in the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAfternoon {
    pub principal: &'static str,
    pub window: Window,
    pub sum: Sum,
}

impl Sum {
    pub(super) fn add(&mut self, template: &Template) {
        self.executions += 1;
        self.scanned_bytes += if template.statistics { template.scanned } else { 0 };
        self.billed_bytes += template.billed;
        self.cost_nano_usd += template.cost_nano_usd;
    }
}

impl Truth {
    /// Counts one execution and its start.
    pub(super) fn add(&mut self, template: &Template, principal: &str, scope: &Scope, at: DateTime<Utc>) {
        self.total.add(template);
        self.by_principal.entry(principal.to_owned()).or_default().add(template);
        self.by_scope.entry(scope.clone()).or_default().add(template);
        self.by_hour.entry(hour_of(at)).or_default().add(template);
        let state = match template.end {
            Ending::Succeeded => "SUCCEEDED",
            Ending::Failed(_) => "FAILED",
            Ending::Cancelled => "CANCELLED",
        };
        *self.by_state.entry(state).or_default() += 1;
        self.starts += 1;
    }
}
