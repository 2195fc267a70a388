//! What goes wrong on demand: one roll of seeded dice per request.

use rand::RngExt;
use rand::rngs::StdRng;

use super::api::Api;
use crate::domain::scope::Scope;

/// What Athena does with an id of a batch that it does not know: UNVERIFIED either way, so both can be had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownIds {
    /// Listed in UnprocessedQueryExecutionIds.
    #[default]
    Unprocessed,
    /// The whole call fails with HTTP 400.
    FailTheCall,
}

/// Probabilities (0.0 to 1.0) of at most one fault per request, and permissions that are missing.
/// They meet LookupEvents and Athena; STS only when `only` names it.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    pub seed: u64,
    /// Restricts the probabilities to one API.
    pub only: Option<Api>,
    /// HTTP 400 ThrottlingException.
    pub throttle: f64,
    /// HTTP 500 InternalServerException.
    pub internal: f64,
    /// The connection breaks before an answer.
    pub reset: f64,
    /// A body that is not JSON, with status 400, 500 or 200.
    pub garbage: f64,
    /// No answer, ever.
    pub hang: f64,
    /// HTTP 400 ExpiredTokenException.
    pub expired: f64,
    /// A good NextToken is refused with InvalidNextTokenException.
    pub lost_token: f64,
    /// Per id of a batch: left unprocessed though known.
    pub unprocessed: f64,
    /// IAM actions refused, such as `athena:BatchGetQueryExecution`.
    pub denied: Vec<String>,
    /// Restricts `denied` to calls of one account and region.
    pub denied_in: Option<Scope>,
    /// Workgroups whose executions may not be seen: the whole call is refused (UNVERIFIED for a batch).
    pub denied_workgroups: Vec<String>,
    /// Executions that every call which names them fails for, with HTTP 500 (UNVERIFIED that AWS ever does).
    pub broken_ids: Vec<String>,
    /// BatchGetQueryExecution does not exist, as in other stand-ins for AWS.
    pub batch_unknown: bool,
    pub unknown_ids: UnknownIds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Throttle,
    Internal,
    Reset,
    Garbage,
    Hang,
    Expired,
    LostToken,
}

impl Faults {
    /// `share` of all calls (and of the ids of batches) fails, in equal parts in every way that passes by itself.
    /// Expired credentials do not.
    pub fn mixed(share: f64, seed: u64) -> Self {
        let each = share / 6.0;
        Self {
            seed,
            throttle: each,
            internal: each,
            reset: each,
            garbage: each,
            hang: each,
            lost_token: each,
            unprocessed: share,
            ..Self::default()
        }
    }

    pub(super) fn denies(&self, api: Api, scope: &Scope) -> bool {
        self.denied.iter().any(|denied| denied == api.action())
            && self.denied_in.as_ref().is_none_or(|only| only == scope)
    }

    /// One draw per request, so that a seed means the same faults whatever the kinds are.
    pub(super) fn roll(&self, api: Api, dice: &mut StdRng) -> Option<Fault> {
        let draw: f64 = dice.random();
        let meant = self.only.map_or(!api.is_sts(), |only| only == api);
        let kinds = [
            (self.throttle, Fault::Throttle),
            (self.internal, Fault::Internal),
            (self.reset, Fault::Reset),
            (self.garbage, Fault::Garbage),
            (self.hang, Fault::Hang),
            (self.expired, Fault::Expired),
            (self.lost_token, Fault::LostToken),
        ];
        let mut upto = 0.0;
        let hit = kinds.into_iter().find(|(probability, _)| {
            upto += probability;
            draw < upto
        });
        hit.map(|(_, fault)| fault).filter(|_| meant)
    }
}
