//! Who asked: CloudTrail's `userIdentity` -> [`Principal`], by the identity ladder. The first rung that holds:
//!
//! 1. IAM Identity Center users, by `onBehalfOf`: key is the identity store and user id.
//! 2. `AWSReservedSSO_*` roles: one principal per person, whatever the permission set: account and session name.
//! 3. `sourceIdentity`, which survives role chaining: one principal per person of the account.
//! 4. Assumed roles with an e-mail address as session name: one principal per person of the account.
//! 5. Assumed roles otherwise: one principal per role, never per session; a service or machine.
//! 6. IAM users, root, federated and directory users: their ARN, or one made of account and name.
//! 7. AWS services: the service that called.
//! 8. Other accounts, web identities, and whatever has an ARN, a principal id or an account; else `unknown`.
//!
//! Never keyed on a random session name, an access key, or LookupEvents' `Username`, which is either.

mod session;

#[cfg(test)]
mod tests;

use super::record::UserIdentity;

/// A person, a service, or not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    User,
    Service,
    Unknown,
}

impl PrincipalKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
            Self::Unknown => "unknown",
        }
    }
}

/// The stable key usage is grouped by; made by the identity ladder only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrincipalKey(String);

impl PrincipalKey {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    pub key: PrincipalKey,
    /// What is shown, before any `[[principal]]` mapping.
    pub name: String,
    pub kind: PrincipalKind,
    /// CloudTrail's `userIdentity.type`, or `None` where the record has none.
    pub identity_type: Option<String>,
}

/// A principal, and what the record says of this one call of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Identified {
    pub principal: Principal,
    /// The role's name, for one who came through a role.
    pub role: Option<String>,
    /// The role session's or federated name.
    pub session: Option<String>,
    /// The AWS service that called on the principal's behalf, or is the principal.
    pub service: Option<String>,
}

/// Names who is behind an identity. `source_ip` may be the DNS name of a service.
pub(super) fn identify(identity: &UserIdentity, source_ip: Option<&str>) -> Identified {
    let service = service(identity, source_ip);
    let session = session_name(identity);
    let role = role_name(identity);
    let rung = rung(identity, role.as_deref(), session.as_deref(), service.as_deref());
    let principal = Principal {
        key: PrincipalKey(rung.key),
        name: rung.name,
        kind: rung.kind,
        identity_type: identity.kind.clone(),
    };
    Identified { principal, role, session, service }
}

struct Rung {
    key: String,
    name: String,
    kind: PrincipalKind,
}

fn rung(identity: &UserIdentity, role: Option<&str>, session: Option<&str>, service: Option<&str>) -> Rung {
    let person = |key: String, name: &str| Rung { key, name: name.to_owned(), kind: PrincipalKind::User };
    let account = account(identity).unwrap_or("unknown");
    if let Some(user) = identity.on_behalf_of.user_id.as_deref() {
        let store = identity.on_behalf_of.identity_store_arn.as_deref().unwrap_or(account);
        return person(format!("{store}/user/{user}"), session.unwrap_or(user));
    }
    if let Some(role) = role {
        let source = identity.session_context.source_identity.as_deref();
        return match (session, source) {
            (Some(session), _) if is_sso_role(role) => person(format!("sso:{account}/{session}"), session),
            (_, Some(source)) => person(format!("source-identity:{account}/{source}"), source),
            (Some(session), _) if session::is_email(session) => {
                person(format!("session:{account}/{session}"), session)
            }
            _ => Rung {
                key: role_arn(identity, account, role),
                name: role.to_owned(),
                kind: PrincipalKind::Service,
            },
        };
    }
    let name = identity.user_name.as_deref();
    match identity.kind.as_deref() {
        Some("IAMUser") => {
            let name =
                name.or_else(|| identity.arn.as_deref().and_then(last_segment)).unwrap_or("unknown user");
            let arn = identity.arn.clone().unwrap_or_else(|| format!("arn:aws:iam::{account}:user/{name}"));
            person(arn, name)
        }
        Some("Root") => person(format!("arn:aws:iam::{account}:root"), "root"),
        Some("FederatedUser") => {
            let name = session.unwrap_or("federated user");
            let issuer = identity.session_context.session_issuer.arn.as_deref();
            let issuer =
                issuer.map_or_else(|| format!("arn:aws:sts::{account}:federated-user"), str::to_owned);
            person(format!("{issuer}/{name}"), name)
        }
        Some("SAMLUser" | "WebIdentityUser") => {
            let name = name.or(session).unwrap_or("web identity");
            let provider = identity.identity_provider.as_deref().unwrap_or("unknown provider");
            person(format!("{provider}/{name}"), name)
        }
        Some("Directory") => {
            let arn = identity.arn.clone();
            let name =
                name.or_else(|| identity.arn.as_deref().and_then(last_segment)).unwrap_or("directory user");
            person(arn.unwrap_or_else(|| format!("directory:{account}/{name}")), name)
        }
        Some("AWSAccount") => {
            let id =
                identity.principal_id.as_deref().and_then(|id| id.split(':').next()).unwrap_or("unknown");
            Rung {
                key: format!("account:{account}/{id}"),
                name: format!("account {account}"),
                kind: PrincipalKind::Unknown,
            }
        }
        // Without a role's name its id is what all its sessions share.
        Some("AssumedRole" | "Role") if identity.arn.is_none() => {
            let id = identity.principal_id.as_deref().and_then(|id| id.split(':').next());
            id.filter(|id| !id.is_empty()).map_or_else(
                || unnamed(identity, name, service),
                |id| Rung { key: id.to_owned(), name: id.to_owned(), kind: PrincipalKind::Service },
            )
        }
        _ => unnamed(identity, name, service),
    }
}

/// Services, and identities without a type or of one we do not know.
fn unnamed(identity: &UserIdentity, name: Option<&str>, service: Option<&str>) -> Rung {
    if let Some(service) = service.filter(|_| identity.arn.is_none()) {
        return Rung { key: service.to_owned(), name: service.to_owned(), kind: PrincipalKind::Service };
    }
    let id = identity.principal_id.as_deref().filter(|id| *id != "Anonymous");
    let account = identity.account_id.as_deref().map(|account| format!("account:{account}"));
    let key = identity
        .arn
        .clone()
        .or_else(|| id.map(str::to_owned))
        .or(account)
        .unwrap_or_else(|| "unknown".to_owned());
    let shown = name.or_else(|| identity.arn.as_deref().and_then(last_segment)).unwrap_or(&key).to_owned();
    Rung { key, name: shown, kind: PrincipalKind::Unknown }
}

/// The service behind a call: `invokedBy`, or a source address that is a name. Athena's own downstream calls carry
/// its name and the caller's identity: they say nothing about who asked.
fn service(identity: &UserIdentity, source_ip: Option<&str>) -> Option<String> {
    let is_service = |name: &str| name.ends_with(".amazonaws.com") || name == "AWS Internal";
    let invoked = identity.invoked_by.as_deref();
    let named = invoked.or_else(|| source_ip.filter(|address| is_service(address)));
    let nobody_else = identity.arn.is_none() && identity.principal_id.is_none();
    let told = named.filter(|name| nobody_else || *name != "athena.amazonaws.com").map(str::to_owned);
    told.or_else(|| session::service_of(role_name(identity).as_deref(), session_name(identity).as_deref()))
}

fn account(identity: &UserIdentity) -> Option<&str> {
    let of_arn = || identity.arn.as_deref()?.split(':').nth(4).filter(|account| !account.is_empty());
    identity.account_id.as_deref().or_else(of_arn)
}

/// The role behind an identity: its issuer's name, or the middle of `arn:aws:sts::acct:assumed-role/ROLE/SESSION`.
fn role_name(identity: &UserIdentity) -> Option<String> {
    let arn = identity.arn.as_deref().unwrap_or_default();
    let assumed = arn.split_once(":assumed-role/").and_then(|(_, rest)| rest.split('/').next());
    let issuer = &identity.session_context.session_issuer;
    let issued = issuer.arn.as_deref().filter(|arn| arn.contains(":role/")).and_then(last_segment);
    let direct = arn.contains(":role/").then(|| last_segment(arn)).flatten();
    let is_role = matches!(identity.kind.as_deref(), Some("AssumedRole" | "Role"));
    let named = issuer.user_name.as_deref().filter(|_| is_role);
    issued.or(assumed).or(direct).or(named).filter(|name| !name.is_empty()).map(str::to_owned)
}

/// One key per role, with its path where the record has it.
fn role_arn(identity: &UserIdentity, account: &str, role: &str) -> String {
    let arns = [identity.session_context.session_issuer.arn.as_deref(), identity.arn.as_deref()];
    let told = arns.into_iter().flatten().find(|arn| arn.contains(":role/"));
    // `aws`, `aws-us-gov` or `aws-cn`, as the session's own ARN has it.
    let partition =
        identity.arn.as_deref().and_then(|arn| arn.split(':').nth(1)).filter(|part| part.starts_with("aws"));
    let partition = partition.unwrap_or("aws");
    told.map_or_else(|| format!("arn:{partition}:iam::{account}:role/{role}"), str::to_owned)
}

fn session_name(identity: &UserIdentity) -> Option<String> {
    let arn = identity.arn.as_deref().unwrap_or_default();
    let named = [":assumed-role/", ":federated-user/"]
        .iter()
        .find(|part| arn.contains(**part))
        .and_then(|_| last_segment(arn));
    // A principal id may hold several colons: `acct:aws:ec2-instance:i-...`.
    let of_id = || identity.principal_id.as_deref().and_then(|id| id.rsplit_once(':')).map(|(_, name)| name);
    named.or_else(of_id).filter(|name| !name.is_empty()).map(str::to_owned)
}

fn last_segment(arn: &str) -> Option<&str> {
    arn.rsplit(['/', ':']).next().filter(|segment| !segment.is_empty())
}

fn is_sso_role(role: &str) -> bool {
    role.starts_with("AWSReservedSSO_")
}

/// Our own identity, as sts:GetCallerIdentity tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    arn: String,
    principal: PrincipalKey,
}

impl CallerIdentity {
    /// From the ARN that STS answers; `None` when it is none.
    pub fn parse(arn: &str) -> Option<Self> {
        let account_id = arn.split(':').nth(4)?.to_owned();
        let kind = if arn.contains(":assumed-role/") { "AssumedRole" } else { "IAMUser" };
        let identity = UserIdentity {
            kind: Some(kind.to_owned()),
            arn: Some(arn.to_owned()),
            account_id: Some(account_id),
            ..UserIdentity::default()
        };
        let principal = identify(&identity, None).principal.key;
        Some(Self { arn: arn.to_owned(), principal })
    }

    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Whether a principal is us. STS leaves out the path of a role, so roles compare by account and name.
    pub fn is(&self, principal: &Principal) -> bool {
        let ends = |key: &str| {
            let (head, tail) = key.split_once(":role/")?;
            Some((head.to_owned(), tail.rsplit('/').next()?.to_owned()))
        };
        let (ours, theirs) = (self.principal.as_str(), principal.key.as_str());
        ours == theirs || ends(ours).is_some_and(|role| Some(role) == ends(theirs))
    }
}
