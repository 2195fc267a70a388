//! The state of the simulated AWS, and how a test or the demo edits it.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::api::{Api, Calls, Seen};
use super::athena::Executions;
use super::execution::{End, Execution, StartSpec};
use super::faults::Faults;
use super::history::{Body, Call, Detail, Recorded, Refused, Trail};
use super::identity::{Actor, Identity};
use super::quota::Bucket;
use super::sts::{Caller, Role, ledger};
use super::{ACCESS_KEY_ID, request};
use crate::clock::Clock;
use crate::domain::scope::{AccountId, Scope};

/// A simulated AWS. Clones share one state; nothing is awaited while it is locked.
#[derive(Clone)]
pub struct World {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

pub(super) struct State {
    pub(super) callers: HashMap<String, Caller>,
    pub(super) roles: HashMap<String, Role>,
    pub(super) trails: HashMap<Scope, Trail>,
    pub(super) executions: HashMap<Scope, Executions>,
    pub(super) buckets: HashMap<(Scope, Api), Bucket>,
    pub(super) faults: Faults,
    pub(super) dice: StdRng,
    /// Ids of what is edited in.
    pub(super) ids: StdRng,
    /// Ids of what requests cause, so that calls do not change the ids of later edits.
    pub(super) request_ids: StdRng,
    pub(super) latency: Duration,
    pub(super) quotas: bool,
    pub(super) calls: Calls,
    pub(super) log: VecDeque<Seen>,
}

impl World {
    /// Empty, with quotas, without latency and faults. The same edits make the same ids.
    pub fn new(clock: Clock) -> Self {
        let state = State {
            callers: HashMap::from([(ACCESS_KEY_ID.to_owned(), ledger())]),
            roles: HashMap::new(),
            trails: HashMap::new(),
            executions: HashMap::new(),
            buckets: HashMap::new(),
            faults: Faults::default(),
            dice: StdRng::seed_from_u64(0),
            ids: StdRng::seed_from_u64(0),
            request_ids: StdRng::seed_from_u64(1),
            latency: Duration::ZERO,
            quotas: true,
            calls: Calls::default(),
            log: VecDeque::new(),
        };
        Self { clock, state: Arc::new(Mutex::new(state)) }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Starts a query: an execution, and its event unless `shown_after` is `None`. Returns the execution's id.
    pub fn start(&self, spec: StartSpec) -> String {
        let mut state = self.lock();
        let id = state.new_id();
        if let Some(after) = spec.shown_after {
            let detail = Detail::Start {
                workgroup: Some(spec.workgroup.clone()),
                database: spec.database.clone(),
                outcome: Ok(id.clone()),
            };
            state.record(&spec.scope, spec.at, after, Arc::clone(&spec.by), detail);
        }
        let scope = spec.scope.clone();
        state.executions.entry(scope).or_default().insert(id.clone(), Execution::new(id.clone(), spec));
        id
    }

    /// Somebody starts with a client token used before: AWS answers the same id and runs nothing.
    pub fn replay(&self, scope: &Scope, id: &str, at: DateTime<Utc>, by: impl Into<Arc<Actor>>) {
        let detail = Detail::Start {
            workgroup: Some("primary".to_owned()),
            database: None,
            outcome: Ok(id.to_owned()),
        };
        self.lock().record(scope, at, TimeDelta::zero(), by.into(), detail);
    }

    /// A start that AWS refused: an event with an errorCode and no execution.
    pub fn refuse_start(
        &self,
        scope: &Scope,
        at: DateTime<Utc>,
        by: impl Into<Arc<Actor>>,
        code: &str,
        message: &str,
    ) {
        let refused = Refused { code: code.to_owned(), message: message.to_owned() };
        let detail =
            Detail::Start { workgroup: Some("primary".to_owned()), database: None, outcome: Err(refused) };
        self.lock().record(scope, at, TimeDelta::zero(), by.into(), detail);
    }

    /// Somebody looked at an execution: a GetQueryExecution event. The id may be anything anybody typed.
    pub fn read(&self, scope: &Scope, at: DateTime<Utc>, by: impl Into<Arc<Actor>>, id: &str) {
        self.lock().record(scope, at, TimeDelta::zero(), by.into(), Detail::Get { id: id.to_owned() });
    }

    /// Somebody looked at several: one BatchGetQueryExecution event.
    pub fn read_batch(&self, scope: &Scope, at: DateTime<Utc>, by: impl Into<Arc<Actor>>, ids: &[String]) {
        self.lock().record(scope, at, TimeDelta::zero(), by.into(), Detail::Batch { ids: ids.to_vec() });
    }

    /// An event whose record is any text at all. Returns its EventId: the record's `eventID` if it has one.
    pub fn add_raw_event(&self, scope: &Scope, name: &str, at: DateTime<Utc>, record: &str) -> String {
        let mut state = self.lock();
        let parsed: Option<serde_json::Value> = serde_json::from_str(record).ok();
        let id = parsed.and_then(|record| record["eventID"].as_str().map(str::to_owned));
        let id = id.unwrap_or_else(|| state.new_id());
        let body = Body::Raw { name: name.to_owned(), record: record.to_owned() };
        let event = Recorded { id: id.clone(), at: at.trunc_subsecs(0), visible_at: at, body };
        state.trails.entry(scope.clone()).or_default().events.push(event);
        id
    }

    /// Ends an execution at `at`, whatever its start said.
    pub fn finish(&self, id: &str, at: DateTime<Utc>, end: End, scanned: u64) {
        let mut state = self.lock();
        let found = state.executions.values_mut().find_map(|executions| executions.get_mut(id));
        if let Some(execution) = found {
            execution.finish(at, end, scanned);
        }
    }

    /// Athena does not know the execution any more.
    pub fn forget(&self, id: &str) {
        self.lock().executions.values_mut().for_each(|executions| drop(executions.remove(id)));
    }

    /// The records of a scope as CloudTrail writes them into files, in the order they were added, late or not.
    pub fn records(&self, scope: &Scope) -> Vec<String> {
        let state = self.lock();
        state
            .trails
            .get(scope)
            .map_or_else(Vec::new, |trail| trail.events.iter().map(|event| event.record(scope)).collect())
    }

    /// Whose calls are signed with `access_key`.
    pub fn add_caller(&self, access_key: &str, identity: Identity) {
        self.lock().callers.insert(access_key.to_owned(), Caller { identity, expires: None });
    }

    /// A role that every caller may assume, with the external id if it asks for one. Returns its ARN.
    pub fn add_role(&self, account: &AccountId, name: &str, external_id: Option<&str>) -> String {
        let arn = format!("arn:aws:iam::{account}:role/{name}");
        let role = Role {
            account: account.clone(),
            name: name.to_owned(),
            external_id: external_id.map(str::to_owned),
        };
        self.lock().roles.insert(arn.clone(), role);
        arn
    }

    /// From now on; the dice start again from the seed.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = self.lock();
        state.dice = StdRng::seed_from_u64(faults.seed);
        state.faults = faults;
    }

    /// How long every answer takes.
    pub fn set_latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// Whether AWS's rate quotas hold.
    pub fn set_quotas(&self, on: bool) {
        self.lock().quotas = on;
    }

    pub fn calls(&self) -> Calls {
        self.lock().calls.clone()
    }

    /// The newest requests, oldest first.
    pub fn requests(&self) -> Vec<Seen> {
        self.lock().log.iter().cloned().collect()
    }

    /// Answers after the latency.
    pub(super) async fn exchange(&self, request: &request::Request) -> request::Reply {
        let latency = self.lock().latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let now = self.now();
        self.lock().answer(request, now)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without the state: SDK clients hold a world, and print what they hold.
impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl State {
    fn new_id(&mut self) -> String {
        uuid(&mut self.ids)
    }

    pub(super) fn new_request_id(&mut self) -> String {
        uuid(&mut self.request_ids)
    }

    fn record(
        &mut self,
        scope: &Scope,
        at: DateTime<Utc>,
        shown_after: TimeDelta,
        by: Arc<Actor>,
        detail: Detail,
    ) {
        let call = Call { by, request_id: self.new_id(), detail };
        let id = self.new_id();
        self.record_call(scope, at, shown_after, call, id);
    }

    pub(super) fn record_call(
        &mut self,
        scope: &Scope,
        at: DateTime<Utc>,
        shown_after: TimeDelta,
        call: Call,
        id: String,
    ) {
        let event =
            Recorded { id, at: at.trunc_subsecs(0), visible_at: at + shown_after, body: Body::Call(call) };
        self.trails.entry(scope.clone()).or_default().events.push(event);
    }
}

fn uuid(rng: &mut StdRng) -> String {
    let hex = format!("{:032x}", rng.random::<u128>());
    let part = |from, to| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}
