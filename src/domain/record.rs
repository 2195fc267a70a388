//! The shape of a CloudTrail record, as far as the book needs it: every member optional, other members ignored.
//!
//! A member of the wrong type reads as absent, so that one odd member never costs the record.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A CloudTrail record (CloudTrail user guide, "record contents").
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RawRecord {
    #[serde(deserialize_with = "text")]
    pub(super) event_source: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) event_name: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) event_category: Option<String>,
    #[serde(deserialize_with = "text", rename = "eventID")]
    pub(super) event_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) event_time: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) aws_region: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) recipient_account_id: Option<String>,
    #[serde(deserialize_with = "text", rename = "sourceIPAddress")]
    pub(super) source_ip: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) user_agent: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) error_code: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) session_credential_from_console: Option<String>,
    #[serde(deserialize_with = "object")]
    pub(super) user_identity: UserIdentity,
    #[serde(deserialize_with = "object")]
    pub(super) request_parameters: RequestParameters,
    #[serde(deserialize_with = "object")]
    pub(super) response_elements: ResponseElements,
}

/// Who called (CloudTrail user guide, "userIdentity element").
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct UserIdentity {
    #[serde(deserialize_with = "text", rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) principal_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) arn: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) account_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) user_name: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) invoked_by: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) identity_provider: Option<String>,
    #[serde(deserialize_with = "object")]
    pub(super) session_context: SessionContext,
    #[serde(deserialize_with = "object")]
    pub(super) on_behalf_of: OnBehalfOf,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SessionContext {
    #[serde(deserialize_with = "object")]
    pub(super) session_issuer: SessionIssuer,
    #[serde(deserialize_with = "text")]
    pub(super) source_identity: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SessionIssuer {
    #[serde(deserialize_with = "text")]
    pub(super) arn: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) user_name: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct OnBehalfOf {
    #[serde(deserialize_with = "text")]
    pub(super) user_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) identity_store_arn: Option<String>,
}

/// What an Athena call asked for. `queryString` is left out on purpose: it is masked, and not for keeping.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RequestParameters {
    #[serde(deserialize_with = "text")]
    pub(super) work_group: Option<String>,
    #[serde(deserialize_with = "object")]
    pub(super) query_execution_context: QueryExecutionContext,
    #[serde(deserialize_with = "text")]
    pub(super) query_execution_id: Option<String>,
    #[serde(deserialize_with = "texts")]
    pub(super) query_execution_ids: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct QueryExecutionContext {
    #[serde(deserialize_with = "text")]
    pub(super) database: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) catalog: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ResponseElements {
    #[serde(deserialize_with = "text")]
    pub(super) query_execution_id: Option<String>,
}

/// A text that says something; empty is absent.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) if !text.trim().is_empty() => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    })
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Array(values) => {
            values.into_iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    })
}

/// An object, or its default where the record has something else.
fn object<'de, D: Deserializer<'de>, T: Default + for<'a> Deserialize<'a>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        value @ Value::Object(_) => T::deserialize(value).unwrap_or_default(),
        _ => T::default(),
    })
}
