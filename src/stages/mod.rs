//! The flow: each stage reads tables and writes the next ones; no stage calls another.
//!
//! A tick may be dropped at any await: every commit stands for itself, and the next tick goes on from the tables.

mod collect;
pub mod connect;
mod deliver;
mod enrich;
mod files;
mod judge;
mod plan;
mod progress;
mod report;

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::scope::Scope;
use crate::domain::window::Window;
use crate::engine::athena::Athena;
use crate::source::lookup_events::LookupEvents;
use crate::source::trail_files::TrailFiles;
use crate::store::{Judged, ScopeId, Store, StoreError};

pub use deliver::{Delivered, deliver, deliver_to};
pub use judge::{digest, digest_is_missing, judge, summed_up};
pub use plan::{HISTORY, readable, windows};
pub use progress::{Progress, Reading};
pub use report::{Failure, Report, ScopeReport, StageError};

/// What the stages work with; built once, at the rim.
#[derive(Debug)]
pub struct Ctx {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub store: Arc<Store>,
    pub scopes: Vec<ScopeCtx>,
    /// What somebody expects to be read: `scopes`, and those that could not be connected.
    pub watched: Vec<Scope>,
    pub stop: CancellationToken,
    pub progress: Arc<Progress>,
}

/// One account and region, connected.
#[derive(Debug)]
pub struct ScopeCtx {
    pub id: ScopeId,
    pub scope: Scope,
    pub source: LookupEvents,
    pub engine: Athena,
}

/// How far the collection of a scope is, as enrichment needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The starts are being read; the number of pages so far.
    Starts(u64),
    /// All starts are stored, the read names are being read.
    Reads(u64),
    Done,
}

/// One pass: collect and enrich side by side in every scope, then rollup, then retention.
/// `asked`: read what is missing of this span; `None` is what is missing up to now.
pub async fn tick(ctx: &Ctx, asked: Option<Window>) -> Result<Report, StoreError> {
    let began = ctx.clock.now();
    let judged = match asked {
        None => Judged::All,
        Some(_) => Judged::Walked(ctx.store.all_walked().await?),
    };
    let scopes = join_all(ctx.scopes.iter().map(|scope| pass(ctx, scope, asked))).await;
    let scopes = scopes.into_iter().collect::<Result<Vec<_>, _>>()?;
    finish(ctx, scopes, began, judged).await
}

/// The same from trail files; Athena is asked about what they name in the scopes of `ctx`.
pub async fn tick_files(ctx: &Ctx, trail: TrailFiles) -> Result<Report, StoreError> {
    let began = ctx.clock.now();
    let judged = Judged::Walked(ctx.store.all_walked().await?);
    let mut scopes = vec![files::collect(ctx, trail).await?];
    let (_, done) = watch::channel(Phase::Done);
    let enriched = join_all(ctx.scopes.iter().map(|scope| {
        let done = done.clone();
        async move {
            let mut report = ScopeReport::new(scope.scope.to_string());
            enrich::enrich(ctx, scope, done, &mut report).await?;
            report.add_traffic(scope.source.take_traffic());
            Ok::<_, StoreError>(report)
        }
    }));
    scopes.extend(enriched.await.into_iter().collect::<Result<Vec<_>, _>>()?);
    finish(ctx, scopes, began, judged).await
}

async fn pass(ctx: &Ctx, scope: &ScopeCtx, asked: Option<Window>) -> Result<ScopeReport, StoreError> {
    let (phase, seen) = watch::channel(Phase::Starts(0));
    let mut collected = ScopeReport::new(scope.scope.to_string());
    let mut enriched = ScopeReport::new(scope.scope.to_string());
    let collect = async {
        let result = collect::collect(ctx, scope, asked, &phase, &mut collected).await;
        phase.send_replace(Phase::Done);
        result
    };
    let (collect, enrich) = tokio::join!(collect, enrich::enrich(ctx, scope, seen, &mut enriched));
    collect.and(enrich)?;
    collected.merge(enriched);
    collected.add_traffic(scope.source.take_traffic());
    Ok(collected)
}

async fn finish(
    ctx: &Ctx,
    scopes: Vec<ScopeReport>,
    began: chrono::DateTime<chrono::Utc>,
    judged: Judged,
) -> Result<Report, StoreError> {
    let now = ctx.clock.now();
    let rolled_up = ctx.store.rollup(now, judged).await?;
    let daily = ctx.store.purged_at().await?.is_none_or(|at| now - at >= chrono::TimeDelta::days(1));
    if daily && !ctx.stop.is_cancelled() {
        ctx.store.purge(now).await?;
        if !ctx.stop.is_cancelled() {
            ctx.store.set_purged_at(now).await?;
        }
    }
    let counts = ctx.store.counts().await?;
    let elapsed = (ctx.clock.now() - began).to_std().unwrap_or_default();
    let report = Report { scopes, rolled_up, counts, elapsed, stopped: ctx.stop.is_cancelled() };
    if !report.stopped {
        ctx.store.ticked(report.ticked(began)).await?;
    }
    Ok(report)
}
