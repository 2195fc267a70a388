//! A request and a reply, whichever wire they came over.

use serde_json::{Map, Value, json};

use super::api::Api;

/// What the simulated AWS looks at in an HTTP request.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub(super) target: Option<String>,
    pub(super) authorization: Option<String>,
    /// What CloudTrail logs: SDKs put the long form with `app/...` into `x-amz-user-agent`, botocore has only the plain header.
    pub(super) user_agent: String,
    pub(super) source_ip: String,
    pub(super) body: Vec<u8>,
}

/// What the wire is to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reply {
    Answer {
        status: u16,
        content_type: &'static str,
        request_id: String,
        body: String,
    },
    /// Break the connection.
    Reset,
    /// Never answer.
    Hang,
}

/// An error as AWS declares it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Refusal {
    /// HTTP 400.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into() }
    }

    pub(super) fn throttled() -> Self {
        Self::new("ThrottlingException", "Rate exceeded")
    }

    pub(super) fn internal() -> Self {
        Self { status: 500, code: "InternalServerException", message: "Internal server error".to_owned() }
    }

    /// In IAM's wording.
    pub(super) fn denied(who: &str, action: &str, resource: &str) -> Self {
        let message = format!(
            "User: {who} is not authorized to perform: {action} on resource: {resource} \
             because no identity-based policy allows the {action} action"
        );
        Self::new("AccessDeniedException", message)
    }

    fn into_json(self, api: Api) -> Value {
        let mut body = json!({ "__type": self.code });
        // Athena's model spells the member with a capital and adds a code of its own.
        if matches!(api, Api::BatchGetQueryExecution | Api::GetQueryExecution)
            && self.code == "InvalidRequestException"
        {
            body["Message"] = json!(self.message);
            body["AthenaErrorCode"] = json!("INVALID_INPUT");
        } else {
            body["message"] = json!(self.message);
        }
        body
    }
}

impl Request {
    /// `header` looks a header up by its lower-case name.
    pub(super) fn new(header: impl Fn(&str) -> Option<String>, source_ip: String, body: Vec<u8>) -> Self {
        Self {
            target: header("x-amz-target"),
            authorization: header("authorization"),
            user_agent: header("x-amz-user-agent").or_else(|| header("user-agent")).unwrap_or_default(),
            source_ip,
            body,
        }
    }

    pub(super) fn api(&self) -> Api {
        match (&self.target, self.form("Action").as_deref()) {
            (Some(target), _) => Api::of_target(target),
            (None, Some("GetCallerIdentity")) => Api::GetCallerIdentity,
            (None, Some("AssumeRole")) => Api::AssumeRole,
            (None, _) => Api::Other,
        }
    }

    /// Access key and region of the SigV4 credential scope: `Credential=KEY/date/region/service/aws4_request`.
    pub(super) fn credential(&self) -> Option<(&str, &str)> {
        let (_, credential) = self.authorization.as_deref()?.split_once("Credential=")?;
        let mut parts = credential.split([',', ' ']).next()?.split('/');
        let key = parts.next().filter(|key| !key.is_empty())?;
        Some((key, parts.nth(1)?))
    }

    /// The body of the JSON services.
    pub(super) fn json(&self) -> Result<Map<String, Value>, Refusal> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(members)) => Ok(members),
            _ => Err(Refusal::new("SerializationException", "The request body is no JSON object.")),
        }
    }

    /// A member of the query protocol's form.
    pub(super) fn form(&self, name: &str) -> Option<String> {
        let body = std::str::from_utf8(&self.body).ok()?;
        body.split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, v)| decoded(v))
    }
}

impl Reply {
    pub(super) fn json(value: &Value, request_id: String) -> Self {
        Self::Answer { status: 200, content_type: JSON, request_id, body: value.to_string() }
    }

    pub(super) fn xml(body: String, request_id: String) -> Self {
        Self::Answer { status: 200, content_type: XML, request_id, body }
    }

    /// In the format of the API's protocol.
    pub(super) fn refusal(api: Api, refusal: Refusal, request_id: String) -> Self {
        let Refusal { status, code, message } = refusal.clone();
        if !api.is_sts() {
            let body = refusal.into_json(api).to_string();
            return Self::Answer { status, content_type: JSON, request_id, body };
        }
        // STS has its own spellings, and HTTP 403 for whom it does not trust.
        let (code, status) = match code {
            "AccessDeniedException" | "AccessDenied" => ("AccessDenied", 403),
            "UnrecognizedClientException" => ("InvalidClientTokenId", 403),
            "ExpiredTokenException" => ("ExpiredToken", 403),
            "MissingAuthenticationTokenException" => ("MissingAuthenticationToken", 403),
            "ThrottlingException" => ("Throttling", 400),
            other => (other, status),
        };
        let message = escaped(&message);
        let body = format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
             <Code>{code}</Code><Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        );
        Self::Answer { status, content_type: XML, request_id, body }
    }

    /// What a broken proxy says.
    pub(super) fn garbage(status: u16, request_id: String) -> Self {
        let body = "<html><body>Service Unavailable</body></html>".to_owned();
        Self::Answer { status, content_type: "text/html", request_id, body }
    }
}

const JSON: &str = "application/x-amz-json-1.1";
const XML: &str = "text/xml";

/// Text for an XML element.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Undoes form encoding; what is not valid stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = tail;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
