//! BatchGetQueryExecution, 50 ids a call; GetQueryExecution for what a batch will not tell.
//!
//! One bad id never loses the others of its batch: a refused or denied batch is halved, unprocessed ids are asked again and
//! then singly. Which error codes unprocessed ids carry is UNVERIFIED, so only the single answer decides.

mod told;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::EngineError;
use crate::aws::Connection;
use crate::aws::fault::{CallError, FaultKind};
use crate::domain::execution::{Answer, ExecutionId};
use crate::domain::scope::Scope;

const BATCH: &str = "athena:BatchGetQueryExecution";
const GET: &str = "athena:GetQueryExecution";
/// Rounds beyond the SDK's own retries, 1 s to 16 s apart.
const ROUNDS: u32 = 5;
/// A denied batch is halved down to this many ids, which are then asked singly: one workgroup that may not be seen
/// (UNVERIFIED: AWS may refuse the whole call for it) costs the others of its batch few calls more.
const DENIED_SINGLY: usize = 8;
/// A batch that fails this often while one of its ids is answered alone is asked one by one.
const BATCH_FAILURES: u32 = 3;
/// Ids that fail one after the other, each through all its rounds: more are not waited for in this lookup.
const SINGLE_FAILURES: usize = 3;

/// Athena of one account and region.
#[derive(Debug)]
pub struct Athena {
    client: aws_sdk_athena::Client,
    scope: Scope,
    batch_unavailable: Mutex<Option<String>>,
    batch_worked: AtomicBool,
}

/// Ids on their way to an answer.
struct Chunk {
    ids: Vec<ExecutionId>,
    /// Left unprocessed before: the next time they are asked singly.
    again: bool,
}

impl Chunk {
    fn halves(self) -> [Self; 2] {
        let Self { mut ids, again } = self;
        let right = ids.split_off(ids.len() / 2);
        [ids, right].map(|ids| Self { ids, again })
    }
}

impl Athena {
    pub fn new(connection: &Connection) -> Self {
        Self {
            client: connection.athena.clone(),
            scope: connection.scope.clone(),
            batch_unavailable: Mutex::default(),
            batch_worked: AtomicBool::new(false),
        }
    }

    /// Why every id costs a call of its own, if it does: BatchGetQueryExecution is denied or not known.
    pub fn batch_unavailable(&self) -> Option<String> {
        self.batch_unavailable.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What Athena says of up to 50 executions, in any order. Ids without an answer are to be asked again; an error
    /// means that none was answered.
    pub async fn lookup(&self, ids: &[ExecutionId]) -> Result<Vec<(ExecutionId, Answer)>, EngineError> {
        let mut answers = Vec::with_capacity(ids.len());
        match self.ask(ids, &mut answers).await {
            Err(error) if answers.is_empty() => Err(error),
            _ => Ok(answers),
        }
    }

    async fn ask(
        &self,
        ids: &[ExecutionId],
        answers: &mut Vec<(ExecutionId, Answer)>,
    ) -> Result<(), EngineError> {
        let mut singles = Vec::new();
        let mut work = vec![Chunk { ids: ids.to_vec(), again: false }];
        let mut denied = None;
        while let Some(chunk) = work.pop() {
            if self.batch_unavailable().is_some() {
                singles.extend(chunk.ids);
                continue;
            }
            match self.batch(&chunk.ids).await? {
                Told::Answers(told) => {
                    let missing: Vec<ExecutionId> = chunk
                        .ids
                        .into_iter()
                        .filter(|id| !told.iter().any(|(known, _)| known == id))
                        .collect();
                    answers.extend(told);
                    match missing.as_slice() {
                        [] => {}
                        _ if chunk.again => singles.extend(missing),
                        _ => work.push(Chunk { ids: missing, again: true }),
                    }
                }
                Told::Refused if chunk.ids.len() > 1 => work.extend(chunk.halves()),
                Told::Denied(error) => {
                    denied = Some(error);
                    if chunk.ids.len() > DENIED_SINGLY {
                        work.extend(chunk.halves());
                    } else {
                        singles.extend(chunk.ids);
                    }
                }
                Told::Refused | Told::Singly => singles.extend(chunk.ids),
            }
        }
        if let Some(error) = denied.filter(|_| !self.batch_worked.load(Ordering::Relaxed)) {
            self.give_up_batches(&error);
        }
        let (mut failures, mut failed) = (0, None);
        for id in singles {
            match self.get(&id).await {
                Ok(answer) => answers.push((id, answer)),
                Err(error) => {
                    failures += 1;
                    failed = Some(error);
                    if failures == SINGLE_FAILURES {
                        break;
                    }
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// What GetQueryExecution says of one execution.
    pub async fn get(&self, id: &ExecutionId) -> Result<Answer, EngineError> {
        let mut rounds = 0;
        loop {
            let sent = self.client.get_query_execution().query_execution_id(id.as_str()).send().await;
            let error = match sent {
                Ok(answer) => {
                    return Ok(answer.query_execution.map_or_else(
                        || Answer::NotNow("an empty answer".to_owned()),
                        |told| told::answer(id, told),
                    ));
                }
                Err(error) => CallError::new(GET, error),
            };
            match error.kind() {
                FaultKind::Throttled => {}
                FaultKind::Invalid => return Ok(refused(&error)),
                FaultKind::Denied => return Ok(Answer::Denied(error.to_string())),
                FaultKind::Transient if rounds < ROUNDS => {
                    tokio::time::sleep(Duration::from_secs(1 << rounds)).await;
                    rounds += 1;
                }
                _ => return Err(self.failed(error)),
            }
        }
    }

    async fn batch(&self, ids: &[ExecutionId]) -> Result<Told, EngineError> {
        let mut rounds = 0;
        loop {
            let names = ids.iter().map(|id| id.as_str().to_owned()).collect();
            let sent =
                self.client.batch_get_query_execution().set_query_execution_ids(Some(names)).send().await;
            let error = match sent {
                Ok(answer) => {
                    self.batch_worked.store(true, Ordering::Relaxed);
                    let told = answer.query_executions.unwrap_or_default().into_iter();
                    // Answers to ids that were not asked are nobody's.
                    return Ok(Told::Answers(
                        told.filter_map(|told| {
                            let id = ids.iter().find(|id| Some(id.as_str()) == told.query_execution_id())?;
                            Some((id.clone(), told::answer(id, told)))
                        })
                        .collect(),
                    ));
                }
                Err(error) => CallError::new(BATCH, error),
            };
            match error.kind() {
                FaultKind::Throttled => {}
                FaultKind::Invalid => return Ok(Told::Refused),
                FaultKind::Denied => return Ok(Told::Denied(error)),
                FaultKind::UnknownAction => return Ok(self.give_up_batches(&error)),
                FaultKind::Transient if rounds < ROUNDS => {
                    rounds += 1;
                    if rounds >= BATCH_FAILURES
                        && let Some(id) = self.answered_singly(ids).await
                    {
                        // Some id of it is what fails, for ever; or the action: some stand-ins for AWS answer one
                        // they do not have with HTTP 500.
                        let works = self.batch_worked.load(Ordering::Relaxed) || self.batch_answers(id).await;
                        return Ok(if works { Told::Singly } else { self.give_up_batches(&error) });
                    }
                    tokio::time::sleep(Duration::from_secs(1 << (rounds - 1))).await;
                }
                _ => return Err(self.failed(error)),
            }
        }
    }

    /// One of a few of these that is answered when it is asked alone.
    async fn answered_singly<'a>(&self, ids: &'a [ExecutionId]) -> Option<&'a ExecutionId> {
        for id in [ids.first(), ids.get(ids.len() / 2), ids.last()].into_iter().flatten() {
            if self.client.get_query_execution().query_execution_id(id.as_str()).send().await.is_ok() {
                return Some(id);
            }
        }
        None
    }

    async fn batch_answers(&self, id: &ExecutionId) -> bool {
        self.client.batch_get_query_execution().query_execution_ids(id.as_str()).send().await.is_ok()
    }

    fn give_up_batches(&self, error: &CallError) -> Told {
        tracing::warn!(scope = %self.scope, "{error}: asking one by one");
        *self.batch_unavailable.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        Told::Singly
    }

    fn failed(&self, source: CallError) -> EngineError {
        EngineError { scope: self.scope.clone(), source }
    }
}

/// How a batch was answered.
enum Told {
    Answers(Vec<(ExecutionId, Answer)>),
    /// The whole call, because of some id in it.
    Refused,
    /// The whole call, because of the action or of some workgroup in it.
    Denied(CallError),
    /// Each id is to be asked by itself.
    Singly,
}

/// InvalidRequestException for one id. That an unknown or expired id says "not found" is UNVERIFIED; any other
/// refusal is asked again.
fn refused(error: &CallError) -> Answer {
    let said = error.message();
    if said.contains("not found") || said.contains("does not exist") {
        Answer::NotFound
    } else {
        Answer::NotNow(error.to_string())
    }
}
