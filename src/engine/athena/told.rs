//! The SDK's QueryExecution -> ours. Every member may be absent.

use aws_sdk_athena::types::{QueryExecution as Sdk, StatementType};
use chrono::{DateTime, Utc};

use crate::domain::execution::{Answer, ExecutionId, QueryExecution, State};
use crate::domain::sql::is_mask;

pub(super) fn answer(id: &ExecutionId, told: Sdk) -> Answer {
    let status =
        told.status.unwrap_or_else(|| aws_sdk_athena::types::QueryExecutionStatus::builder().build());
    let Some(state) = status.state.as_ref().and_then(|state| State::parse(state.as_str())) else {
        let named = status.state.map_or("none".to_owned(), |state| state.as_str().to_owned());
        return Answer::NotNow(format!("Athena reports the state {named}"));
    };
    let statistics = told.statistics;
    let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
    let of = |read: fn(&aws_sdk_athena::types::QueryExecutionStatistics) -> Option<i64>| {
        number(statistics.as_ref().and_then(read))
    };
    let reused = statistics
        .as_ref()
        .and_then(|statistics| statistics.result_reuse_information.as_ref())
        .is_some_and(|reuse| reuse.reused_previous_result);
    let context = told.query_execution_context;
    let (catalog, database) = context.map_or((None, None), |context| (context.catalog, context.database));
    let reason =
        status.state_change_reason.or_else(|| status.athena_error.and_then(|error| error.error_message));
    Answer::Known(Box::new(QueryExecution {
        id: id.clone(),
        state,
        state_reason: reason,
        submitted_at: status.submission_date_time.and_then(|at| time(&at)),
        completed_at: status.completion_date_time.and_then(|at| time(&at)),
        workgroup: told.work_group,
        catalog,
        database,
        statement_type: told.statement_type.as_ref().map(StatementType::as_str).map(str::to_owned),
        substatement_type: told.substatement_type,
        query: told.query.filter(|text| !is_mask(text)),
        scanned_bytes: of(|statistics| statistics.data_scanned_in_bytes),
        dpu_count: statistics.as_ref().and_then(|statistics| statistics.dpu_count),
        queue_ms: of(|statistics| statistics.query_queue_time_in_millis),
        execution_ms: of(|statistics| statistics.engine_execution_time_in_millis),
        total_ms: of(|statistics| statistics.total_execution_time_in_millis),
        reused,
    }))
}

fn time(at: &aws_sdk_athena::primitives::DateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at.secs(), 0)
}
