//! A failed call -> what kind of failure it is, and what to do about it.

use std::error::Error;

use aws_sdk_cloudtrail::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// What a failure means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Too many calls for the account's quota, whoever made them. Never a failure: to be looped.
    Throttled,
    /// IAM or an organization's policy refuses the action.
    Denied,
    /// The credentials expired, or are none.
    Credentials,
    /// This machine's clock is off.
    ClockSkew,
    /// AWS found the request itself wrong.
    Invalid,
    /// A page token was refused.
    InvalidToken,
    /// The endpoint does not know the action: a stand-in for AWS.
    UnknownAction,
    /// Broken connection, time-out, a fault on AWS's side, or a body that is not JSON.
    Transient,
}

/// A call that failed.
#[derive(Debug, thiserror::Error)]
#[error("{action} {}", self.said())]
pub struct CallError {
    action: &'static str,
    kind: FaultKind,
    /// AWS's own words, if it said any.
    message: Option<String>,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl CallError {
    /// `action` in IAM's spelling, such as `athena:GetQueryExecution`.
    pub(crate) fn new<E>(action: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let service = match &error {
            SdkError::ServiceError(service) => Some(service.err()),
            _ => None,
        };
        let code = service.and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned();
        let message = service.and_then(ProvideErrorMetadata::message).map(str::to_owned);
        let kind = if has_credentials_error(&error) {
            FaultKind::Credentials
        } else {
            kind(&code, message.as_deref().unwrap_or_default(), status)
        };
        let message = match (code.is_empty(), message) {
            (false, Some(message)) => Some(format!("{code}: {message}")),
            (false, None) => Some(code),
            (true, message) => message,
        };
        // AWS's words are in `message`; below them only a broken connection has more to tell.
        let source = if service.is_some() { None } else { Some(error.into()) };
        Self { action, kind, message, source }
    }

    /// A call that was answered without what it was for.
    pub(super) fn silent(action: &'static str) -> Self {
        Self {
            action,
            kind: FaultKind::Transient,
            message: Some("its answer lacks the account".to_owned()),
            source: None,
        }
    }

    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// AWS's own words.
    pub fn message(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    fn said(&self) -> String {
        let what = match self.kind {
            FaultKind::Throttled => "is throttled",
            FaultKind::Denied => "is denied",
            FaultKind::Credentials => "was refused for its credentials",
            FaultKind::ClockSkew => "was refused for its time",
            FaultKind::Invalid | FaultKind::InvalidToken => "was found invalid",
            FaultKind::UnknownAction => "is not known there",
            FaultKind::Transient => "failed",
        };
        match &self.message {
            Some(message) => format!("{what}: {message}"),
            None => what.to_owned(),
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        Some(match self.kind {
            FaultKind::Denied => {
                let resource = if self.action.starts_with("athena:") { "arn:aws:athena:*:*:workgroup/*" } else { "*" };
                format!(
                    "add to the IAM policy: {{\"Effect\": \"Allow\", \"Action\": \"{}\", \"Resource\": \"{resource}\"}} \
                     (deploy/iam-policy.json has all that is needed)",
                    self.action
                )
            }
            FaultKind::Credentials => {
                "get new credentials (`aws sso login`, a new session) and run it again: it goes on where it ended"
                    .to_owned()
            }
            FaultKind::ClockSkew => "set this machine's clock: AWS refuses requests more than some minutes off".to_owned(),
            FaultKind::Transient => {
                "check the network, HTTPS_PROXY and AWS_ENDPOINT_URL, then run it again: it goes on where it ended".to_owned()
            }
            FaultKind::Invalid | FaultKind::InvalidToken | FaultKind::UnknownAction | FaultKind::Throttled => return None,
        })
    }
}

/// CloudTrail throttles with HTTP 400 and a code, not with 429.
pub(super) fn is_throttling(status: u16, code: &str) -> bool {
    const CODES: [&str; 8] = [
        "ThrottlingException",
        "ThrottledException",
        "Throttling",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
    ];
    let bare = code.rsplit('#').next().unwrap_or(code);
    status == 429 || CODES.contains(&bare.split(':').next().unwrap_or(bare))
}

fn kind(code: &str, message: &str, status: u16) -> FaultKind {
    let late = ["expired", "not yet current", "skew"].iter().any(|word| message.contains(word));
    match code {
        code if is_throttling(status, code) => FaultKind::Throttled,
        // A refusal without a code is a body that is not JSON: a proxy's page, or AWS under load.
        "" => FaultKind::Transient,
        "AccessDeniedException"
        | "AccessDenied"
        | "UnauthorizedOperation"
        | "OperationNotPermittedException" => FaultKind::Denied,
        "RequestExpired" | "RequestTimeTooSkewed" => FaultKind::ClockSkew,
        "InvalidSignatureException" | "SignatureDoesNotMatch" if late => FaultKind::ClockSkew,
        "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "ExpiredTokenException"
        | "ExpiredToken"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "OptInRequired" => FaultKind::Credentials,
        "InvalidNextTokenException" => FaultKind::InvalidToken,
        "UnknownOperationException" | "InvalidAction" => FaultKind::UnknownAction,
        _ if status >= 500 => FaultKind::Transient,
        _ if status == 404 => FaultKind::UnknownAction,
        _ => FaultKind::Invalid,
    }
}

fn has_credentials_error(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<aws_credential_types::provider::error::CredentialsError>() {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_code_not_by_status() {
        for (code, message, status, expected) in [
            ("ThrottlingException", "Rate exceeded", 400, FaultKind::Throttled),
            ("", "", 429, FaultKind::Throttled),
            ("", "<html>", 400, FaultKind::Transient),
            ("InternalServerException", "", 500, FaultKind::Transient),
            ("AccessDeniedException", "no", 400, FaultKind::Denied),
            ("ExpiredTokenException", "expired", 400, FaultKind::Credentials),
            ("InvalidSignatureException", "Signature expired: ...", 400, FaultKind::ClockSkew),
            ("InvalidSignatureException", "does not match", 400, FaultKind::Credentials),
            ("InvalidNextTokenException", "", 400, FaultKind::InvalidToken),
            ("InvalidRequestException", "", 400, FaultKind::Invalid),
        ] {
            assert_eq!(kind(code, message, status), expected, "{code} {status}");
        }
        assert!(is_throttling(400, "com.amazon.coral.availability#ThrottlingException:http://x/"));
    }
}
