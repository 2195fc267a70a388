//! Who asked: CloudTrail's `userIdentity` -> [`Principal`], the identity ladder.

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
    /// The role's name, for a principal that came through a role.
    pub role: Option<String>,
}
