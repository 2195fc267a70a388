//! CloudTrail's event history of one scope: calls, rendered as records when asked for.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::identity::Actor;
use crate::domain::scope::Scope;

/// One walk through a trail: the pages that follow its first are cut from what that one found.
#[derive(Debug)]
pub(super) struct Walk {
    /// The request that began it, without a token.
    pub(super) request: Map<String, Value>,
    pub(super) began: DateTime<Utc>,
    /// Positions in the trail, newest event first.
    pub(super) found: Vec<u32>,
}

/// The events of one account and region, and the walks through them.
#[derive(Debug, Default)]
pub(super) struct Trail {
    pub(super) events: Vec<Recorded>,
    /// Pages under way, by the secret part of their tokens.
    pub(super) walks: HashMap<String, Walk>,
}

/// One event. Its record is made on demand, so that hundreds of thousands fit in memory.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) id: String,
    /// Whole seconds.
    pub(super) at: DateTime<Utc>,
    /// LookupEvents does not know it before.
    pub(super) visible_at: DateTime<Utc>,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    Call(Call),
    /// Bytes of a test's choice.
    Raw {
        name: String,
        record: String,
    },
}

/// An Athena call as CloudTrail sees it.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) by: Arc<Actor>,
    pub(super) request_id: String,
    pub(super) detail: Detail,
}

#[derive(Debug)]
pub(super) enum Detail {
    Start {
        workgroup: Option<String>,
        database: Option<String>,
        outcome: Result<String, Refused>,
    },
    Get {
        id: String,
    },
    /// By analogy with the single call; no public record was found (unverified).
    Batch {
        ids: Vec<String>,
    },
}

/// Why a start has no execution.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) code: String,
    pub(super) message: String,
}

impl Recorded {
    pub(super) fn name(&self) -> &str {
        match &self.body {
            Body::Call(call) => call.name(),
            Body::Raw { name, .. } => name,
        }
    }

    pub(super) fn read_only(&self) -> bool {
        self.name() != "StartQueryExecution"
    }

    pub(super) fn by(&self) -> Option<&Actor> {
        match &self.body {
            Body::Call(call) => Some(&call.by),
            Body::Raw { .. } => None,
        }
    }

    /// The `CloudTrailEvent` string.
    pub(super) fn record(&self, scope: &Scope) -> String {
        match &self.body {
            Body::Call(call) => call.record(self, scope).to_string(),
            Body::Raw { record, .. } => record.clone(),
        }
    }

    /// What LookupEvents lists.
    pub(super) fn listed(&self, scope: &Scope) -> Value {
        let mut listed = json!({
            "EventId": self.id,
            "EventName": self.name(),
            "ReadOnly": self.read_only().to_string(),
            "EventTime": self.at.timestamp(),
            "EventSource": "athena.amazonaws.com",
            "Resources": [],
            "CloudTrailEvent": self.record(scope),
        });
        if let (Some(by), Some(members)) = (self.by(), listed.as_object_mut()) {
            members.insert("AccessKeyId".to_owned(), json!(by.access_key));
            if let Some(username) = by.identity.username() {
                members.insert("Username".to_owned(), json!(username));
            }
        }
        listed
    }
}

impl Call {
    fn name(&self) -> &'static str {
        match self.detail {
            Detail::Start { .. } => "StartQueryExecution",
            Detail::Get { .. } => "GetQueryExecution",
            Detail::Batch { .. } => "BatchGetQueryExecution",
        }
    }

    fn record(&self, event: &Recorded, scope: &Scope) -> Value {
        let (parameters, response) = self.parameters();
        let mut record = json!({
            "eventVersion": "1.11",
            "userIdentity": self.by.user_identity(),
            "eventTime": event.at.to_rfc3339_opts(SecondsFormat::Secs, true),
            "eventSource": "athena.amazonaws.com",
            "eventName": self.name(),
            "awsRegion": scope.region.as_str(),
            "sourceIPAddress": self.by.source_ip,
            "userAgent": self.by.user_agent,
            "requestParameters": parameters,
            "responseElements": response,
            "requestID": self.request_id,
            "eventID": event.id,
            "readOnly": event.read_only(),
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": scope.account.as_str(),
            "eventCategory": "Management",
            "tlsDetails": {
                "tlsVersion": "TLSv1.3",
                "cipherSuite": "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader": format!("athena.{}.amazonaws.com", scope.region),
            },
        });
        if let Some(members) = record.as_object_mut() {
            if let Detail::Start { outcome: Err(refused), .. } = &self.detail {
                members.insert("errorCode".to_owned(), json!(refused.code));
                members.insert("errorMessage".to_owned(), json!(refused.message));
            }
            if self.by.console {
                members.insert("sessionCredentialFromConsole".to_owned(), json!("true"));
            }
        }
        record
    }

    /// requestParameters and responseElements.
    fn parameters(&self) -> (Value, Value) {
        match &self.detail {
            Detail::Get { id } => (json!({ "queryExecutionId": id }), Value::Null),
            Detail::Batch { ids } => (json!({ "queryExecutionIds": ids }), Value::Null),
            Detail::Start { workgroup, database, outcome } => {
                let mut parameters = json!({
                    "queryString": "***OMITTED***",
                    "clientRequestToken": self.request_id,
                });
                if let Some(members) = parameters.as_object_mut() {
                    if let Some(workgroup) = workgroup {
                        members.insert("workGroup".to_owned(), json!(workgroup));
                    }
                    if let Some(database) = database {
                        let context = json!({ "database": database, "catalog": "AwsDataCatalog" });
                        members.insert("queryExecutionContext".to_owned(), context);
                    }
                }
                let response = outcome.as_ref().map_or(Value::Null, |id| json!({ "queryExecutionId": id }));
                (parameters, response)
            }
        }
    }
}
