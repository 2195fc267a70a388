//! Stage 1 from trail files: the same tables, no credentials.

use super::{Ctx, ScopeReport};
use crate::source::trail_files::TrailFiles;
use crate::store::{Origin, StoreError};

/// Reads every file. One that cannot be read is reported and stops no other.
pub(super) async fn collect(ctx: &Ctx, trail: TrailFiles) -> Result<ScopeReport, StoreError> {
    let mut report = ScopeReport::new("files".to_owned());
    ctx.progress.plan_amount(trail.bytes());
    let mut trail = Some(trail);
    while let Some(mut files) = trail.take().filter(|_| !ctx.stop.is_cancelled()) {
        let read = tokio::task::spawn_blocking(move || files.next_batch().map(|batch| (batch, files)));
        // A panic in there would be a bug; it ends the reading as a cancelled runtime does.
        let Ok(Some((batch, files))) = read.await else { break };
        trail = Some(files);
        match batch {
            Ok((batch, ended)) => {
                report.events_read += batch.read;
                report.skipped += batch.skipped;
                let read = batch.read;
                let applied = ctx.store.apply(batch, Origin::Files, ctx.clock.now()).await?;
                report.events_stored += applied.stored;
                report.duplicates += applied.duplicates;
                report.unreadable += applied.unreadable;
                report.executions_new += applied.executions_new;
                ctx.progress.page(read, applied.executions_new, ended);
            }
            Err(error) => report.fail(error),
        }
    }
    Ok(report)
}
