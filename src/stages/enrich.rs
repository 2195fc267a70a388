//! Stage 2: pending executions -> what Athena says they did.

use chrono::TimeDelta;
use tokio::sync::watch;

use super::{Ctx, Phase, ScopeCtx, ScopeReport};
use crate::domain::execution::Answer;
use crate::store::{Due, StoreError};

/// Ids a BatchGetQueryExecution call takes (Athena API reference).
const BATCH: usize = 50;
/// What Athena would not say is asked again after this, this many times in a pass.
const RETRY_AFTER: TimeDelta = TimeDelta::seconds(10);
const RETRIES: u32 = 5;

/// Asks in full batches while collection goes on, and for the rest when it has ended. A failure of Athena ends
/// enrichment of this scope only; what is pending stays pending.
pub(super) async fn enrich(
    ctx: &Ctx,
    scope: &ScopeCtx,
    mut phase: watch::Receiver<Phase>,
    report: &mut ScopeReport,
) -> Result<(), StoreError> {
    let mut retries = 0;
    let mut not_now = false;
    while !ctx.stop.is_cancelled() {
        let seen = *phase.borrow_and_update();
        let due = ctx.store.due(scope.id, ctx.clock.now(), BATCH).await?;
        if !worth_asking(&due, seen) {
            if seen != Phase::Done {
                tokio::select! {
                    // A collection that is gone has ended.
                    _ = phase.changed() => {}
                    () = ctx.stop.cancelled() => {}
                }
                continue;
            }
            if !not_now || retries == RETRIES {
                break;
            }
            (not_now, retries) = (false, retries + 1);
            tokio::select! {
                () = tokio::time::sleep(RETRY_AFTER.to_std().unwrap_or_default()) => {}
                () = ctx.stop.cancelled() => {}
            }
            continue;
        }
        let ids: Vec<_> = due.iter().map(|due| due.id.clone()).collect();
        let answers = tokio::select! {
            answers = scope.engine.lookup(&ids) => answers,
            () = ctx.stop.cancelled() => break,
        };
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                report.fail(error);
                break;
            }
        };
        let mut told: std::collections::HashMap<_, _> = answers.into_iter().collect();
        let answers: Vec<(Due, Answer)> = due
            .into_iter()
            .map(|due| {
                let answer = told.remove(&due.id).unwrap_or_else(|| Answer::NotNow("no answer".to_owned()));
                (due, answer)
            })
            .collect();
        not_now |= answers.iter().any(|(_, answer)| matches!(answer, Answer::NotNow(_)));
        let scope_key = (scope.id, scope.scope.clone());
        let done = ctx.store.answer(scope_key, answers, ctx.clock.now(), RETRY_AFTER).await?;
        ctx.progress.finished(done.finished);
        report.enriched.add(&done);
    }
    report.batch_unavailable = scope.engine.batch_unavailable();
    Ok(())
}

/// Full batches cost least; but once all starts are stored their prices do not wait for the read names.
fn worth_asking(due: &[Due], phase: Phase) -> bool {
    match phase {
        _ if due.is_empty() => false,
        Phase::Starts(_) => due.len() == BATCH,
        Phase::Reads(_) => due.len() == BATCH || due.iter().any(|due| due.started),
        Phase::Done => true,
    }
}
