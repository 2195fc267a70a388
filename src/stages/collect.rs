//! Stage 1: CloudTrail's event history -> events, pending executions, walked intervals.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::sync::watch;

use super::progress::seconds;
use super::{Ctx, Phase, ScopeCtx, ScopeReport, plan};
use crate::domain::event::EventName;
use crate::domain::window::{Window, hour_of};
use crate::source::lookup_events::{Page, SourceError};
use crate::store::{Origin, StoreError};

/// A slice of event time is read with one request; an empty account costs few calls.
const SLICE: TimeDelta = TimeDelta::hours(24);
/// A slice is cut after this many pages, so that progress is durable (10,000 events).
const PAGES_A_SLICE: u32 = 200;

/// Reads what is missing of one scope. Failures of the source end the pass of this scope and are reported;
/// what was read is kept.
pub(super) async fn collect(
    ctx: &Ctx,
    scope: &ScopeCtx,
    asked: Option<Window>,
    phase: &watch::Sender<Phase>,
    report: &mut ScopeReport,
) -> Result<(), StoreError> {
    let now = ctx.clock.now().trunc_subsecs(0);
    let mut walker = Walker { ctx, scope, phase, settled: now - ctx.config.collect.late, report };
    let reread_at = ctx.store.reread_at(scope.id).await?;
    let reread = asked.is_none() && plan::reread_due(reread_at, now);
    let walked = ctx.store.walked(scope.id, EventName::StartQueryExecution).await?;
    let begins = match asked {
        // A span that is asked for is all that this pass reads.
        Some(asked) => asked.start,
        None => ctx.store.begins(scope.id, hour_of(now - ctx.config.collect.first_span)).await?,
    };
    let windows = plan::windows(&walked, asked, now, begins, reread);
    ctx.progress.plan(&windows);
    for window in &windows {
        if walker.walk(EventName::StartQueryExecution, *window, None).await? != Ended::Read {
            return Ok(());
        }
    }
    if asked.is_none() && (reread || reread_at.is_none()) {
        ctx.store.set_reread_at(scope.id, now).await?;
    }
    phase.send_modify(|phase| *phase = Phase::Reads(0));
    walker.walk_read_names(&windows, now).await
}

struct Walker<'a> {
    ctx: &'a Ctx,
    scope: &'a ScopeCtx,
    phase: &'a watch::Sender<Phase>,
    /// Later events may still be on their way: they are read, but their time is not walked yet.
    settled: DateTime<Utc>,
    report: &'a mut ScopeReport,
}

/// How a walk over a window ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Read,
    OutOfTime,
    /// The stop signal, or a failure that is in the report.
    Stopped,
}

impl Walker<'_> {
    /// Reads the three names that only say who looked, as long as their budget lasts; what it cuts is counted
    /// and never retried.
    async fn walk_read_names(&mut self, windows: &[Window], now: DateTime<Utc>) -> Result<(), StoreError> {
        let budget = self.ctx.config.collect.read_names_budget;
        if budget == Some(TimeDelta::zero()) {
            return Ok(());
        }
        let deadline = budget.map(|budget| self.ctx.clock.now() + budget);
        for name in EventName::ALL.into_iter().filter(|name| name.is_read()) {
            let walked = self.ctx.store.walked(self.scope.id, name).await?;
            for window in windows.iter().flat_map(|window| walked.missing(*window).into_iter().rev()) {
                let in_time = deadline.is_none_or(|deadline| self.ctx.clock.now() < deadline);
                let ended = if in_time { self.walk(name, window, deadline).await? } else { Ended::OutOfTime };
                match ended {
                    Ended::Read => {}
                    Ended::OutOfTime => {
                        self.report.read_names_cut += 1;
                        if let Some(window) =
                            Window::new(window.start, window.end.min(now - self.ctx.config.collect.late))
                        {
                            self.ctx.store.give_up(self.scope.id, name, window).await?;
                        }
                    }
                    Ended::Stopped => return Ok(()),
                }
            }
        }
        Ok(())
    }

    /// Reads one window, newest slice first.
    async fn walk(
        &mut self,
        name: EventName,
        window: Window,
        deadline: Option<DateTime<Utc>>,
    ) -> Result<Ended, StoreError> {
        for slice in window.slices_newest_first(SLICE) {
            let mut rest = Some(slice);
            while let Some(slice) = rest.take() {
                match self.read_slice(name, slice, deadline).await? {
                    SliceEnd::Read => {}
                    SliceEnd::Cut(older) => rest = Some(older),
                    SliceEnd::Ended(ended) => return Ok(ended),
                }
            }
        }
        Ok(Ended::Read)
    }

    async fn read_slice(
        &mut self,
        name: EventName,
        slice: Window,
        deadline: Option<DateTime<Utc>>,
    ) -> Result<SliceEnd, StoreError> {
        let mut pages = self.scope.source.slice(name, slice);
        let mut read = 0;
        let mut reached = slice.end;
        loop {
            if self.ctx.stop.is_cancelled() {
                return Ok(SliceEnd::Ended(Ended::Stopped));
            }
            if deadline.is_some_and(|deadline| self.ctx.clock.now() >= deadline) {
                return Ok(SliceEnd::Ended(Ended::OutOfTime));
            }
            let next = tokio::select! {
                next = pages.next() => next,
                () = self.ctx.stop.cancelled() => return Ok(SliceEnd::Ended(Ended::Stopped)),
            };
            let page = match next {
                Ok(Some(page)) => page,
                Ok(None) => return Ok(SliceEnd::Read),
                Err(error) => return Ok(self.failed(error)),
            };
            read += 1;
            // Newest first: everything from the page's oldest second on has been read, but for that second itself.
            let cut = page
                .oldest
                .map(|oldest| oldest + TimeDelta::seconds(1))
                .filter(|at| read >= PAGES_A_SLICE && !page.last && slice.start < *at && *at < slice.end);
            let last = page.last;
            let walked = if last { Some(slice) } else { cut.map(|start| Window { start, ..slice }) };
            let now_at =
                if last { slice.start } else { page.oldest.unwrap_or(reached).clamp(slice.start, reached) };
            let done = Window::new(now_at, reached).map_or(0, seconds);
            reached = now_at;
            self.store(name, page, walked, done).await?;
            match cut.and_then(|at| Window::new(slice.start, at)) {
                Some(older) => return Ok(SliceEnd::Cut(older)),
                None if last => return Ok(SliceEnd::Read),
                None => {}
            }
        }
    }

    fn failed(&mut self, error: SourceError) -> SliceEnd {
        self.report.fail(error);
        SliceEnd::Ended(Ended::Stopped)
    }

    /// Commit 1.
    async fn store(
        &mut self,
        name: EventName,
        page: Page,
        walked: Option<Window>,
        done: u64,
    ) -> Result<(), StoreError> {
        let batch = page.batch;
        // A long backfill: what has left the event history since the pass began was not read.
        let walked = walked
            .and_then(|window| plan::readable(window, self.ctx.clock.now()))
            .and_then(|window| Window::new(window.start, window.end.min(self.settled)));
        self.report.events_read += batch.read;
        self.report.skipped += batch.skipped;
        self.report.own += batch.own;
        let read = batch.read;
        let origin = Origin::Lookup { scope: self.scope.id, name, walked };
        let applied = self.ctx.store.apply(batch, origin, self.ctx.clock.now()).await?;
        self.report.events_stored += applied.stored;
        self.report.duplicates += applied.duplicates;
        self.report.unreadable += applied.unreadable;
        self.report.executions_new += applied.executions_new;
        let planned = if name == EventName::StartQueryExecution { done } else { 0 };
        self.ctx.progress.page(read, applied.executions_new, planned);
        self.phase.send_modify(|phase| match phase {
            Phase::Starts(pages) | Phase::Reads(pages) => *pages += 1,
            Phase::Done => {}
        });
        Ok(())
    }
}

enum SliceEnd {
    Read,
    /// The older part is still to be read.
    Cut(Window),
    Ended(Ended),
}
