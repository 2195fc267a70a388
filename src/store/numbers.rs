//! How closed sets are stored; the views of `schema.sql` say the same.

use crate::domain::event::EventName;
use crate::domain::execution::State;
use crate::domain::price::BillingRule;

pub(super) fn event_number(name: EventName) -> i64 {
    match name {
        EventName::StartQueryExecution => 1,
        EventName::BatchGetQueryExecution => 2,
        EventName::GetQueryRuntimeStatistics => 3,
        EventName::GetQueryExecution => 4,
    }
}

pub(super) fn state_number(state: State) -> i64 {
    match state {
        State::Queued => 1,
        State::Running => 2,
        State::Succeeded => 3,
        State::Failed => 4,
        State::Cancelled => 5,
    }
}

pub(super) fn rule_number(rule: BillingRule) -> i64 {
    match rule {
        BillingRule::Unknown => 0,
        BillingRule::Pending => 1,
        BillingRule::FreeFailed => 2,
        BillingRule::Capacity => 3,
        BillingRule::FreeReused => 4,
        BillingRule::FreeDdl => 5,
        BillingRule::Minimum => 6,
        BillingRule::Scan => 7,
    }
}

/// Only finished executions are priced, and they are in one of three states.
pub(super) fn terminal_state(number: Option<i64>) -> State {
    match number {
        Some(4) => State::Failed,
        Some(5) => State::Cancelled,
        _ => State::Succeeded,
    }
}

pub(super) fn rule_name(number: i64) -> &'static str {
    let all = [
        BillingRule::Unknown,
        BillingRule::Pending,
        BillingRule::FreeFailed,
        BillingRule::Capacity,
        BillingRule::FreeReused,
        BillingRule::FreeDdl,
        BillingRule::Minimum,
    ];
    all.into_iter().find(|rule| rule_number(*rule) == number).unwrap_or(BillingRule::Scan).as_str()
}
