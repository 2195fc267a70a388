//! `collect`: one pass, from AWS or from trail files.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::args::CollectArgs;
use super::connect;
use super::failure::{Failure, Outcome, chain};
use super::{Session, out, progress};
use crate::aws::Aws;
use crate::clock::Clock;
use crate::config::time::parse_instant;
use crate::domain::window::Window;
use crate::report::{Coverage, count, printable};
use crate::source::trail_files::TrailFiles;
use crate::stages::connect::Unreachable;
use crate::stages::{self, Report, ScopeReport};
use crate::store::{Counts, ScopeId, Store};

pub(super) async fn collect(
    session: Session,
    args: CollectArgs,
    stop: CancellationToken,
) -> Result<Outcome, Failure> {
    let clock = Clock::system();
    let asked = asked(&args, &session, clock.now())?;
    let files =
        if args.files.is_empty() { None } else { Some(TrailFiles::open(&args.files).map_err(file_failure)?) };
    let aws = Aws::new(connect::settings(&session.config, clock.clone()));
    let (connections, unreachable) = tokio::select! {
        connected = stages::connect::connect(&session.config, &aws) => connected,
        () = stop.cancelled() => return Ok(Outcome::Incomplete),
    };
    if files.is_none() && connections.is_empty() {
        return Err(nothing_connected(unreachable));
    }
    let store = Arc::new(Store::open_aside(Arc::clone(&session.config), stop.clone()).await?);
    let ctx =
        stages::connect::context(Arc::clone(&session.config), clock, store, connections, &unreachable, stop)
            .await?;
    let shown = Arc::clone(&ctx.progress);
    let report = match files {
        Some(files) => progress::show(shown, stages::tick_files(&ctx, files)).await?,
        None => progress::show(shown, stages::tick(&ctx, asked)).await?,
    };
    let coverage = if args.files.is_empty() { coverage(&ctx, asked)? } else { Coverage::default() };
    // Files need no credentials: without them, what the files name just stays pending.
    let unreachable = if args.files.is_empty() { unreachable } else { Vec::new() };
    let asked_athena = !ctx.scopes.is_empty();
    tell(&session, report, &unreachable, &coverage, asked_athena)
}

fn asked(args: &CollectArgs, session: &Session, now: DateTime<Utc>) -> Result<Option<Window>, Failure> {
    let parse = |text: &Option<String>| {
        let instant = text.as_deref().map(|text| parse_instant(text, now, session.config.timezone));
        instant.transpose().map_err(|error| Failure::usage(error, None))
    };
    let (since, until) = (parse(&args.since)?, parse(&args.until)?);
    let Some(since) = since else {
        return match until {
            None => Ok(None),
            Some(_) => Err(Failure::usage(
                anyhow::anyhow!("--until without --since"),
                Some("say where to begin as well, such as --since 7d".to_owned()),
            )),
        };
    };
    super::span(since, until.unwrap_or(now), now).map(Some)
}

fn nothing_connected(unreachable: Vec<Unreachable>) -> Failure {
    let mut all = unreachable.into_iter();
    let Some(first) = all.next() else {
        return Failure::new(anyhow::anyhow!("no scope is configured"), None);
    };
    for other in all {
        out::error(&format!("{}: {}", other.name, chain(&other.error, other.error.help().as_deref())));
    }
    let help = first.error.help();
    Failure::new(anyhow::Error::new(first.error).context(format!("cannot use {}", first.name)), help)
}

fn file_failure(error: crate::source::trail_files::FileError) -> Failure {
    let help = error.help();
    Failure::usage(error, help)
}

/// How complete the pass's span is: the asked one, or all since the scope's first walked hour.
pub(super) fn coverage(ctx: &stages::Ctx, asked: Option<Window>) -> Result<Coverage, Failure> {
    let reader = ctx.store.reader()?;
    let now = ctx.clock.now();
    let mut coverage = Coverage::default();
    for scope in &ctx.scopes {
        let first = reader.begins(scope.id)?.unwrap_or(now);
        let window = asked.or_else(|| Window::new(first, now));
        let Some(window) = window.and_then(|window| stages::readable(window, now)) else { continue };
        add(
            &mut coverage,
            &reader,
            scope.id,
            &scope.scope.to_string(),
            window,
            ctx.config.collect.late,
            now,
        )?;
    }
    Ok(coverage)
}

/// Adds the hours of one scope.
pub(super) fn add(
    coverage: &mut Coverage,
    reader: &crate::store::Reader,
    scope: ScopeId,
    name: &str,
    window: Window,
    late: chrono::TimeDelta,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    for line in reader.coverage(scope, window, late, now)? {
        coverage.add(name, line.hour, line.status, line.reason);
    }
    Ok(())
}

pub(super) fn tell(
    session: &Session,
    report: Report,
    unreachable: &[Unreachable],
    coverage: &Coverage,
    asked_athena: bool,
) -> Result<Outcome, Failure> {
    let (counts, elapsed, stopped) = (report.counts, report.elapsed, report.stopped);
    let total = report.total();
    for scope in unreachable {
        let cause = chain(&scope.error, scope.error.help().as_deref());
        out::error(&format!("{} was not read: {cause}", scope.name));
    }
    for failure in &total.failures {
        let cause = chain(&failure.error, failure.error.help().as_deref());
        out::error(&format!("{}: {cause}", failure.scope));
    }
    let complete = coverage.is_complete() && unreachable.is_empty() && total.failures.is_empty() && !stopped;
    if session.json {
        let mut value = json(&total, &counts);
        value["elapsed_ms"] = json!(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
        value["complete"] = json!(complete);
        value["coverage"] = coverage.json();
        value["failed_scopes"] = json!(unreachable.len() + total.failures.len());
        out::print_json(&value)?;
    } else {
        out::print(&text(&total, &counts, coverage, elapsed, asked_athena))?;
    }
    if stopped {
        out::warning("stopped before the end; run it again to go on from here");
    }
    Ok(match complete {
        true => Outcome::Done,
        false if total.events_read == 0 && !total.failures.is_empty() => Outcome::Failed,
        false => Outcome::Incomplete,
    })
}

/// The keys other programs rely on.
fn json(total: &ScopeReport, counts: &Counts) -> serde_json::Value {
    json!({
        "events_read": total.events_read,
        "events_stored": total.events_stored,
        "duplicates": total.duplicates,
        "skipped": total.skipped,
        "own": total.own,
        "unreadable": total.unreadable,
        "executions_new": total.executions_new,
        "finished": total.enriched.finished,
        "pending": counts.pending,
        "denied": counts.denied,
        "gone": counts.gone,
        "read_names_cut": total.read_names_cut,
        "api_calls": total.api_calls,
        "throttled": total.throttled,
    })
}

fn text(
    total: &ScopeReport,
    counts: &Counts,
    coverage: &Coverage,
    elapsed: std::time::Duration,
    asked_athena: bool,
) -> String {
    let calls: u64 = total.api_calls.values().sum();
    let mut text = format!(
        "Read {} in {:.1} s with {} ({} throttled): {} stored, {} known already, {} not ours to keep, {} our own, {} unreadable.\n",
        count(total.events_read, "event"),
        elapsed.as_secs_f64(),
        count(calls, "call"),
        total.throttled,
        total.events_stored,
        total.duplicates,
        total.skipped,
        total.own,
        total.unreadable,
    );
    text.push_str(&format!(
        "Found {}; Athena told the price of {}. The book holds {}: {} finished, {} pending, {} denied, {} gone.\n",
        count(total.executions_new, "new execution"),
        total.enriched.finished,
        count(counts.executions, "execution"),
        counts.finished,
        counts.pending,
        counts.denied,
        counts.gone,
    ));
    if !asked_athena && counts.pending > 0 {
        text.push_str("No credentials: Athena was not asked. What is pending is asked by the next pass that has some.\n");
    }
    if let Some(reason) = &total.batch_unavailable {
        text.push_str(&format!(
            "BatchGetQueryExecution is not to be had ({}): one call per execution.\n",
            printable(reason)
        ));
    }
    if total.read_names_cut > 0 {
        text.push_str(&format!(
            "The budget for read names ended {} early; starts are not affected.\n",
            count(total.read_names_cut, "walk"),
        ));
    }
    if coverage.complete + coverage.open + coverage.missing.len() as u64 > 0 {
        text.push_str(&format!("Coverage: {}\n", coverage.text()));
    }
    text
}
