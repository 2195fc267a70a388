//! athena:BatchGetQueryExecution and athena:GetQueryExecution.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Map, Value, json};

use super::execution::Execution;
use super::faults::{Faults, UnknownIds};
use super::request::Refusal;

/// The executions of one scope, by id.
pub(super) type Executions = HashMap<String, Execution>;

/// Up to this many ids a batch.
const BATCH: usize = 50;

/// The ids a request names: what CloudTrail records.
pub(super) fn ids(request: &Map<String, Value>) -> Vec<String> {
    match (request.get("QueryExecutionIds"), request.get("QueryExecutionId")) {
        (Some(Value::Array(ids)), _) => ids.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        (_, Some(Value::String(id))) => vec![id.clone()],
        _ => Vec::new(),
    }
}

pub(super) fn get(
    executions: &Executions,
    request: &Map<String, Value>,
    faults: &Faults,
    who: &str,
    now: DateTime<Utc>,
) -> Result<Value, Refusal> {
    let ids = ids(request);
    let [id] = ids.as_slice() else {
        return Err(Refusal::new("InvalidRequestException", "QueryExecutionId is required"));
    };
    check_ids(&ids)?;
    let execution = known(executions, id, now).ok_or_else(|| not_found(id))?;
    check(execution, id, faults, who, "athena:GetQueryExecution")?;
    Ok(json!({ "QueryExecution": execution.json(now) }))
}

pub(super) fn batch(
    executions: &Executions,
    request: &Map<String, Value>,
    faults: &Faults,
    dice: &mut StdRng,
    who: &str,
    now: DateTime<Utc>,
) -> Result<Value, Refusal> {
    let ids = ids(request);
    if ids.is_empty() || ids.len() > BATCH {
        let message = format!("QueryExecutionIds must hold 1 to {BATCH} ids, not {}", ids.len());
        return Err(Refusal::new("InvalidRequestException", message));
    }
    check_ids(&ids)?;
    let (mut found, mut unprocessed) = (Vec::new(), Vec::new());
    for id in &ids {
        let unlucky = faults.unprocessed > 0.0 && dice.random::<f64>() < faults.unprocessed;
        match known(executions, id, now) {
            // The codes are this model's own: AWS publishes none (unverified).
            Some(_) if unlucky => unprocessed.push(json!({
                "QueryExecutionId": id,
                "ErrorCode": "INTERNAL_FAILURE",
                "ErrorMessage": "Please try again",
            })),
            Some(execution) => {
                check(execution, id, faults, who, "athena:BatchGetQueryExecution")?;
                found.push(execution.json(now));
            }
            None if faults.unknown_ids == UnknownIds::FailTheCall => return Err(not_found(id)),
            None => unprocessed.push(json!({
                "QueryExecutionId": id,
                "ErrorCode": "INVALID_INPUT",
                "ErrorMessage": not_found(id).message,
            })),
        }
    }
    Ok(json!({ "QueryExecutions": found, "UnprocessedQueryExecutionIds": unprocessed }))
}

fn known<'a>(executions: &'a Executions, id: &str, now: DateTime<Utc>) -> Option<&'a Execution> {
    executions.get(id).filter(|execution| execution.is_known(now))
}

fn not_found(id: &str) -> Refusal {
    Refusal::new("InvalidRequestException", format!("QueryExecution {id} was not found"))
}

/// The API's pattern: 1 to 128 characters without white space.
fn check_ids(ids: &[String]) -> Result<(), Refusal> {
    let bad = |id: &&String| !(1..=128).contains(&id.chars().count()) || id.contains(char::is_whitespace);
    match ids.iter().find(bad) {
        Some(_) => Err(Refusal::new("InvalidRequestException", "A QueryExecutionId is not valid")),
        None => Ok(()),
    }
}

fn check(
    execution: &Execution,
    id: &String,
    faults: &Faults,
    who: &str,
    action: &str,
) -> Result<(), Refusal> {
    if faults.broken_ids.contains(id) {
        return Err(Refusal::internal());
    }
    let workgroup = execution.workgroup();
    if faults.denied_workgroups.iter().any(|denied| denied == workgroup) {
        return Err(Refusal::denied(who, action, &format!("workgroup/{workgroup}")));
    }
    Ok(())
}
