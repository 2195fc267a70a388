//! From a request to a reply: identity, faults, quotas, permissions, then the operation.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use serde_json::Value;

use super::api::{Api, Fate, Seen};
use super::faults::Fault;
use super::history::{Call, Detail};
use super::identity::{Actor, Identity};
use super::quota::{self, Bucket};
use super::request::{Refusal, Reply, Request};
use super::sts::{self, ledger};
use super::world::State;
use super::{athena, lookup};
use crate::domain::scope::{Region, Scope};

/// Athena's own calls show up in the event history after this long (AWS: about five minutes on average).
const RECORDED_AFTER: TimeDelta = TimeDelta::minutes(5);
/// The request log keeps the newest.
const LOG: usize = 100_000;

/// Who asks, and where.
struct Asker {
    identity: Identity,
    access_key: String,
    scope: Scope,
}

impl State {
    pub(super) fn answer(&mut self, request: &Request, now: DateTime<Utc>) -> Reply {
        let api = request.api();
        let request_id = self.new_request_id();
        let (fate, reply) = self.decide(api, request, now, &request_id);
        self.calls.count(api, fate);
        if self.log.len() == LOG {
            self.log.pop_front();
        }
        self.log.push_back(Seen {
            at: now,
            api,
            region: request.credential().map(|(_, region)| region.to_owned()).unwrap_or_default(),
            ids: request.json().map_or(0, |body| athena::ids(&body).len()),
            answered: fate == Fate::Answered,
        });
        reply
    }

    fn decide(&mut self, api: Api, request: &Request, now: DateTime<Utc>, request_id: &str) -> (Fate, Reply) {
        let refuse = |fate, refusal| (fate, Reply::refusal(api, refusal, request_id.to_owned()));
        let asker = match self.asker(request, now) {
            Ok(asker) => asker,
            Err(refusal) => return refuse(Fate::Refused, refusal),
        };
        match self.faults.roll(api, &mut self.dice) {
            None => {}
            Some(Fault::Hang) => return (Fate::Faulted, Reply::Hang),
            Some(Fault::Reset) => return (Fate::Faulted, Reply::Reset),
            Some(Fault::Throttle) => return refuse(Fate::Throttled, Refusal::throttled()),
            Some(Fault::Internal) => return refuse(Fate::Faulted, Refusal::internal()),
            Some(Fault::Expired) => return refuse(Fate::Faulted, expired()),
            Some(Fault::Garbage) => {
                let status = [400, 500, 200].get(self.dice.random_range(0..3_usize)).copied().unwrap_or(500);
                return (Fate::Faulted, Reply::garbage(status, request_id.to_owned()));
            }
            Some(Fault::LostToken) if has_token(request) => {
                return refuse(Fate::Faulted, lookup::bad_token());
            }
            Some(Fault::LostToken) => {}
        }
        if !self.within_quota(api, &asker.scope, now) {
            return refuse(Fate::Throttled, Refusal::throttled());
        }
        match self.operate(api, request, &asker, now, request_id) {
            Ok(reply) => (Fate::Answered, reply),
            Err(refusal) => refuse(Fate::Refused, refusal),
        }
    }

    /// A key that AWS could not have issued stands for the default caller, so that `test` works as elsewhere.
    fn asker(&self, request: &Request, now: DateTime<Utc>) -> Result<Asker, Refusal> {
        let missing = || Refusal::new("MissingAuthenticationTokenException", "Missing Authentication Token");
        let (key, region) = request.credential().ok_or_else(missing)?;
        let issued_by_aws = key.starts_with("AKIA") || key.starts_with("ASIA");
        let caller = match self.callers.get(key) {
            Some(caller) => caller.clone(),
            None if !issued_by_aws => ledger(),
            None => {
                let text = "The security token included in the request is invalid.";
                return Err(Refusal::new("UnrecognizedClientException", text));
            }
        };
        if caller.expires.is_some_and(|expires| expires <= now) {
            return Err(expired());
        }
        let region = Region::parse(region).ok_or_else(missing)?;
        let scope = Scope { account: caller.identity.account(), region };
        Ok(Asker { identity: caller.identity, access_key: key.to_owned(), scope })
    }

    fn within_quota(&mut self, api: Api, scope: &Scope, now: DateTime<Utc>) -> bool {
        let Some((rate, burst)) = quota::of(api).filter(|_| self.quotas) else { return true };
        let bucket = self.buckets.entry((scope.clone(), api));
        bucket.or_insert_with(|| Bucket::new(rate, burst, now)).take(now)
    }

    fn operate(
        &mut self,
        api: Api,
        request: &Request,
        asker: &Asker,
        now: DateTime<Utc>,
        request_id: &str,
    ) -> Result<Reply, Refusal> {
        let who = asker.identity.arn();
        if api == Api::GetQueryResults || self.faults.denies(api, &asker.scope) {
            return Err(Refusal::denied(&who, api.action(), "*"));
        }
        match api {
            Api::LookupEvents => {
                let (body, secret) = (request.json()?, self.new_request_id());
                let trail = self.trails.entry(asker.scope.clone()).or_default();
                let answer = lookup::lookup(trail, &asker.scope, body, now, secret)?;
                Ok(Reply::json(&answer, request_id.to_owned()))
            }
            Api::BatchGetQueryExecution | Api::GetQueryExecution => {
                self.athena(api, request, asker, now, request_id)
            }
            Api::GetCallerIdentity => {
                Ok(Reply::xml(sts::caller_identity(&asker.identity, request_id), request_id.to_owned()))
            }
            Api::AssumeRole => {
                let secret = self.new_request_id();
                let role = request.form("RoleArn").and_then(|arn| self.roles.get(&arn));
                let (key, caller, answer) =
                    sts::assume_role(role, &asker.identity, request, now, &secret, request_id)?;
                self.callers.insert(key, caller);
                Ok(Reply::xml(answer, request_id.to_owned()))
            }
            Api::GetQueryResults | Api::Other => Err(unknown_operation(400)),
        }
    }

    /// Answers, and records the call as CloudTrail would.
    fn athena(
        &mut self,
        api: Api,
        request: &Request,
        asker: &Asker,
        now: DateTime<Utc>,
        request_id: &str,
    ) -> Result<Reply, Refusal> {
        if api == Api::BatchGetQueryExecution && self.faults.batch_unknown {
            return Err(unknown_operation(404));
        }
        let (body, who) = (request.json()?, asker.identity.arn());
        let executions = self.executions.entry(asker.scope.clone()).or_default();
        let ids = athena::ids(&body);
        let (answer, detail) = if api == Api::BatchGetQueryExecution {
            let answer = athena::batch(executions, &body, &self.faults, &mut self.dice, &who, now)?;
            (answer, Detail::Batch { ids })
        } else {
            let answer = athena::get(executions, &body, &self.faults, &who, now)?;
            (answer, Detail::Get { id: ids.concat() })
        };
        let by = Actor {
            access_key: asker.access_key.clone(),
            ..Actor::new(asker.identity.clone()).agent(&request.user_agent).from_address(&request.source_ip)
        };
        let call = Call { by: Arc::new(by), request_id: request_id.to_owned(), detail };
        let event_id = self.new_request_id();
        self.record_call(&asker.scope, now, RECORDED_AFTER, call, event_id);
        Ok(Reply::json(&answer, request_id.to_owned()))
    }
}

fn has_token(request: &Request) -> bool {
    request.json().is_ok_and(|body| body.get("NextToken").is_some_and(Value::is_string))
}

fn expired() -> Refusal {
    Refusal::new("ExpiredTokenException", "The security token included in the request is expired")
}

fn unknown_operation(status: u16) -> Refusal {
    Refusal { status, ..Refusal::new("UnknownOperationException", "The operation is not known here.") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::clock::Clock;
    use crate::simulator::World;
    use crate::simulator::request::{Reply, Request};

    fn body() -> impl Strategy<Value = Vec<u8>> {
        let member = prop_oneof![
            Just("null".to_owned()),
            Just("[]".to_owned()),
            Just("[{}]".to_owned()),
            Just("\"\u{20ac}\"".to_owned()),
            any::<f64>().prop_map(|number| format!("{number:e}")),
            any::<i64>().prop_map(|number| number.to_string()),
        ];
        let names = prop::sample::select(vec![
            "StartTime",
            "EndTime",
            "MaxResults",
            "NextToken",
            "LookupAttributes",
            "EventCategory",
            "QueryExecutionIds",
            "QueryExecutionId",
        ]);
        let json = prop::collection::btree_map(names, member, 0..6).prop_map(|members| {
            let text: Vec<String> =
                members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            format!("{{{}}}", text.join(",")).into_bytes()
        });
        let form =
            "Action=(AssumeRole|GetCallerIdentity)(&RoleArn=[%+a-f0-9é]{0,9})?(&RoleSessionName=.{0,9})?";
        prop_oneof![json, form.prop_map(String::into_bytes), any::<Vec<u8>>()]
    }

    proptest! {
        #[test]
        fn whatever_is_asked_gets_an_answer(
            body in body(),
            target in prop::option::of("(CloudTrail_20131101.LookupEvents|AmazonAthena.(Batch)?GetQueryExecution|.{0,9})"),
            credential in prop_oneof![Just("Credential=test/20261121/us-east-1/x/aws4_request".to_owned()), ".{0,40}"],
        ) {
            let world = World::new(Clock::system());
            let request = Request { target, authorization: Some(credential), body, ..Request::default() };
            let now = world.now();
            let reply = world.lock().answer(&request, now);
            prop_assert!(matches!(reply, Reply::Answer { status: 200..=404, .. }), "{:?}", reply);
        }
    }
}
