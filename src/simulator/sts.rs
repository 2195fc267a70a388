//! STS: who am I, and credentials for a role, possibly in another account.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::identity::{Actor, Identity};
use super::request::{Refusal, Request, escaped};
use crate::domain::scope::AccountId;

/// A role that may be assumed.
#[derive(Clone, Debug)]
pub(super) struct Role {
    pub(super) account: AccountId,
    pub(super) name: String,
    pub(super) external_id: Option<String>,
}

/// Whose key it is, and until when.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) identity: Identity,
    pub(super) expires: Option<DateTime<Utc>>,
}

pub(super) fn caller_identity(identity: &Identity, request_id: &str) -> String {
    let (arn, id) = (escaped(&identity.arn()), escaped(&identity.principal_id()));
    let account = identity.account();
    envelope(
        "GetCallerIdentity",
        &format!("<Arn>{arn}</Arn><UserId>{id}</UserId><Account>{account}</Account>"),
        request_id,
    )
}

/// The new caller and its answer; `secret` makes its access key.
pub(super) fn assume_role(
    role: Option<&Role>,
    who: &Identity,
    request: &Request,
    now: DateTime<Utc>,
    secret: &str,
    request_id: &str,
) -> Result<(String, Caller, String), Refusal> {
    let asked = request.form("RoleArn").unwrap_or_default();
    let session = request.form("RoleSessionName").filter(|name| !name.is_empty());
    let session = session.ok_or_else(|| Refusal::new("ValidationError", "RoleSessionName is missing."))?;
    let role = role
        .filter(|role| role.external_id.is_none() || role.external_id == request.form("ExternalId"))
        .ok_or_else(|| {
            let who = who.arn();
            let text =
                format!("User: {who} is not authorized to perform: sts:AssumeRole on resource: {asked}");
            Refusal::new("AccessDenied", text)
        })?;
    let seconds = request.form("DurationSeconds").and_then(|text| text.parse().ok()).unwrap_or(3_600);
    let expires = now + TimeDelta::try_seconds(seconds).unwrap_or(TimeDelta::hours(1));
    let identity = Identity::Role {
        account: role.account.clone(),
        path: "/".to_owned(),
        role: role.name.clone(),
        session,
    };
    let key = format!("ASIA{}", secret.replace('-', "").to_uppercase().get(..16).unwrap_or_default());
    let body = format!(
        "<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>simulated</SecretAccessKey>\
         <SessionToken>simulated</SessionToken><Expiration>{}</Expiration></Credentials>\
         <AssumedRoleUser><Arn>{}</Arn><AssumedRoleId>{}</AssumedRoleId></AssumedRoleUser>",
        expires.to_rfc3339_opts(SecondsFormat::Secs, true),
        escaped(&identity.arn()),
        escaped(&identity.principal_id()),
    );
    let answer = envelope("AssumeRole", &body, request_id);
    Ok((key, Caller { identity, expires: Some(expires) }, answer))
}

/// The default caller, before anybody adds another.
pub(super) fn ledger() -> Caller {
    Caller { identity: Actor::role("athena-ledger", "collector").identity, expires: None }
}

fn envelope(action: &str, result: &str, request_id: &str) -> String {
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
    )
}
