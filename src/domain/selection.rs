//! What somebody looks at: a part of the book, named as people name it.

/// Only what matches all that is given; the default is everything. Texts match whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Selection {
    /// A principal's key.
    pub principal: Option<String>,
    /// `user`, `service` or `unknown`.
    pub kind: Option<String>,
    pub team: Option<String>,
    pub workgroup: Option<String>,
    pub client: Option<String>,
    pub database: Option<String>,
    pub account: Option<String>,
    pub region: Option<String>,
}

impl Selection {
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// One more condition, for single executions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    pub selection: Selection,
    /// `SUCCEEDED`, `FAILED`, ...
    pub state: Option<String>,
    /// A query shape's fingerprint.
    pub shape: Option<String>,
    /// Part of the query's text or of Athena's reason, in any case of letters.
    pub text: Option<String>,
}
