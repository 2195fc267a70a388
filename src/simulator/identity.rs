//! Who calls, and what CloudTrail writes about them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::account;
use crate::domain::scope::AccountId;

/// The shapes of `userIdentity` that the company needs; [`Identity::Raw`] is for all others.
#[derive(Clone, Debug, PartialEq)]
pub enum Identity {
    User {
        account: AccountId,
        name: String,
    },
    /// `path` begins and ends with a slash; the session ARN does not show it.
    Role {
        account: AccountId,
        path: String,
        role: String,
        session: String,
    },
    /// An AWS service in its own name: no ARN, no account.
    Service {
        name: String,
    },
    /// `userIdentity` as given.
    Raw(Value),
}

impl Identity {
    /// As sts:GetCallerIdentity says it.
    pub fn arn(&self) -> String {
        match self {
            Self::User { account, name } => format!("arn:aws:iam::{account}:user/{name}"),
            Self::Role { account, role, session, .. } => {
                format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
            }
            Self::Service { name } => name.clone(),
            Self::Raw(value) => value["arn"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// The account the caller belongs to.
    pub(super) fn account(&self) -> AccountId {
        match self {
            Self::User { account, .. } | Self::Role { account, .. } => account.clone(),
            Self::Service { .. } => account(),
            Self::Raw(value) => {
                value["accountId"].as_str().and_then(AccountId::parse).unwrap_or_else(account)
            }
        }
    }

    /// STS's UserId, also `principalId` of the record.
    pub(super) fn principal_id(&self) -> String {
        match self {
            Self::User { name, .. } => format!("AIDA{}", id_part(name)),
            Self::Role { role, session, .. } => format!("AROA{}:{session}", id_part(role)),
            Self::Service { name } => name.clone(),
            Self::Raw(value) => value["principalId"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// `Username` of LookupEvents: a user's name, or a role's *session* name.
    pub(super) fn username(&self) -> Option<String> {
        match self {
            Self::User { name, .. } => Some(name.clone()),
            Self::Role { session, .. } => Some(session.clone()),
            Self::Service { .. } => None,
            Self::Raw(value) => value["userName"].as_str().map(str::to_owned),
        }
    }

    fn json(&self, access_key: &str) -> Value {
        match self {
            Self::User { account, name } => json!({
                "type": "IAMUser",
                "principalId": self.principal_id(),
                "arn": self.arn(),
                "accountId": account.as_str(),
                "accessKeyId": access_key,
                "userName": name,
            }),
            Self::Role { account, path, role, .. } => json!({
                "type": "AssumedRole",
                "principalId": self.principal_id(),
                "arn": self.arn(),
                "accountId": account.as_str(),
                "accessKeyId": access_key,
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": format!("AROA{}", id_part(role)),
                        "arn": format!("arn:aws:iam::{account}:role{path}{role}"),
                        "accountId": account.as_str(),
                        "userName": role,
                    },
                    "attributes": { "mfaAuthenticated": "false" },
                },
            }),
            Self::Service { name } => json!({ "type": "AWSService", "invokedBy": name }),
            Self::Raw(value) => value.clone(),
        }
    }
}

/// An identity and where it calls from.
#[derive(Clone, Debug, PartialEq)]
pub struct Actor {
    pub identity: Identity,
    pub access_key: String,
    pub user_agent: String,
    pub source_ip: String,
    /// The AWS service that calls on the identity's behalf.
    pub invoked_by: Option<String>,
    /// `sessionCredentialFromConsole`.
    pub console: bool,
}

impl Actor {
    /// An actor with a botocore user agent, an address of the documentation range and a key of its own.
    pub fn new(identity: Identity) -> Self {
        let prefix = if matches!(identity, Identity::User { .. }) { "AKIA" } else { "ASIA" };
        Self {
            access_key: format!("{prefix}{}", id_part(&identity.arn())),
            identity,
            user_agent: "Botocore/1.44.5 ua/2.1 os/linux#6.8 md/arch#x86_64 lang/python#3.12.7".to_owned(),
            source_ip: "198.51.100.7".to_owned(),
            invoked_by: None,
            console: false,
        }
    }

    /// An IAM user of the simulated account.
    pub fn user(name: &str) -> Self {
        Self::new(Identity::User { account: account(), name: name.to_owned() })
    }

    /// A session of a role of the simulated account.
    pub fn role(role: &str, session: &str) -> Self {
        Self::role_under("/", role, session)
    }

    /// The same, with the role's IAM path.
    pub fn role_under(path: &str, role: &str, session: &str) -> Self {
        let (path, role, session) = (path.to_owned(), role.to_owned(), session.to_owned());
        Self::new(Identity::Role { account: account(), path, role, session })
    }

    /// A person who came through IAM Identity Center, in the Athena console.
    pub fn person(permission_set: &str, email: &str) -> Self {
        let role = format!("AWSReservedSSO_{permission_set}_{}", id_part(permission_set).to_lowercase());
        let mut actor = Self::role_under("/aws-reserved/sso.amazonaws.com/", &role, email);
        actor.console = true;
        actor.agent(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/142.0.0.0 Safari/537.36",
        )
    }

    #[must_use]
    pub fn agent(mut self, user_agent: &str) -> Self {
        user_agent.clone_into(&mut self.user_agent);
        self
    }

    #[must_use]
    pub fn from_address(mut self, source_ip: &str) -> Self {
        source_ip.clone_into(&mut self.source_ip);
        self
    }

    /// Calls through an AWS service such as `glue.amazonaws.com`.
    #[must_use]
    pub fn through(mut self, service: &str) -> Self {
        self.invoked_by = Some(service.to_owned());
        self.from_address(service).agent(service)
    }

    pub(super) fn user_identity(&self) -> Value {
        let mut value = self.identity.json(&self.access_key);
        if let (Some(service), Some(members)) = (&self.invoked_by, value.as_object_mut()) {
            members.insert("invokedBy".to_owned(), json!(service));
        }
        value
    }
}

impl From<Identity> for Arc<Actor> {
    fn from(identity: Identity) -> Self {
        Self::new(Actor::new(identity))
    }
}

/// Sixteen characters of AWS's id alphabet, the same for the same text.
fn id_part(text: &str) -> String {
    const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const FNV_PRIME: u64 = 0x0100_0000_01b3;
    let hash = text.bytes().fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
    format!("{hash:016X}")
}
