//! `report`: who used what.

use chrono::TimeDelta;

use super::args::{Format, ReportArgs};
use super::failure::{Failure, Outcome};
use super::{Session, collect, out};
use crate::clock::Clock;
use crate::config::time::parse_instant;
use crate::domain::alert::{Message, Period};
use crate::domain::coverage::{Status, is_due};
use crate::domain::day::local_day;
use crate::domain::price::Unit;
use crate::domain::scope::Scope;
use crate::domain::usage::Measures;
use crate::domain::window::{Window, hours_of};
use crate::report::alert::text;
use crate::report::{Coverage, UsageReport};
use crate::stages;
use crate::store::{Reader, ScopeId};

/// The span of a report that names none.
const DEFAULT_SPAN: TimeDelta = TimeDelta::days(7);

pub(super) fn report(session: &Session, args: &ReportArgs, clock: &Clock) -> Result<Outcome, Failure> {
    let now = clock.now();
    let parse = |text: &Option<String>| {
        let instant = text.as_deref().map(|text| parse_instant(text, now, session.config.timezone));
        instant.transpose().map_err(|error| Failure::usage(error, None))
    };
    let until = parse(&args.until)?.unwrap_or(now);
    let since = parse(&args.since)?.unwrap_or(until - DEFAULT_SPAN);
    let window = Window::new(since, until).ok_or_else(|| super::empty_span(since, until))?;
    let reader = Reader::open(session.database())?;
    let report = usage(session, &reader, window, args, clock)?;
    let complete = report.coverage.is_complete();
    match args.format {
        Format::Table if session.json => out::print_json(&report.json())?,
        Format::Table => out::print_report(&report)?,
        Format::Json => out::print_json(&report.json())?,
        Format::Csv => out::print(&report.csv())?,
        Format::Html => out::print(&report.html().map_err(|error| Failure::new(error, None))?)?,
    }
    Ok(if complete { Outcome::Done } else { Outcome::Incomplete })
}

/// `report --digest`: a day as the daily digest tells it.
pub(super) fn digest(session: &Session, args: &ReportArgs, clock: &Clock) -> Result<Outcome, Failure> {
    let (now, zone) = (clock.now(), session.config.timezone);
    let date = match &args.since {
        None => local_day(now, zone) - TimeDelta::days(1),
        Some(text) => {
            let at = parse_instant(text, now, zone).map_err(|error| Failure::usage(error, None))?;
            local_day(at, zone)
        }
    };
    let reader = Reader::open(session.database())?;
    let digest = stages::summed_up(&reader, &session.config, Period::day(date, zone), now)?;
    if session.json {
        out::print_json(&serde_json::json!(digest))?;
    } else {
        out::print(&text(&Message::Digest(digest)))?;
    }
    Ok(Outcome::Done)
}

/// Everything the report says, read in one go.
pub(super) fn usage(
    session: &Session,
    reader: &Reader,
    window: Window,
    args: &ReportArgs,
    clock: &Clock,
) -> Result<UsageReport, Failure> {
    let config = &session.config;
    if let Some(built) = reader.timezone()?.filter(|built| built != config.timezone.name()) {
        return Err(Failure::new(
            anyhow::anyhow!(
                "the days of this book are of {built}, the config's are of {}",
                config.timezone.name()
            ),
            Some("run `athena-ledger collect` once: it builds the days again".to_owned()),
        ));
    }
    let all = reader.scopes()?;
    let chosen = match &args.scope {
        None => None,
        Some(text) => Some(choose(text, &all, session)?),
    };
    let ids: Option<Vec<ScopeId>> = chosen.as_ref().map(|chosen| chosen.iter().map(|(id, _)| *id).collect());
    let by = args.by.0;
    let mut lines = reader.usage(window, by, ids.as_deref(), config.timezone)?;
    let sum = |lines: &[crate::domain::usage::UsageLine]| {
        lines.iter().fold(Measures::default(), |mut total, line| {
            total.add(&line.measures);
            total
        })
    };
    let total = sum(&lines);
    let mut others = None;
    // Hours and days are a course of time: cutting it would hide part of it.
    if !by.is_time() && lines.len() > args.top {
        let rest = lines.split_off(args.top);
        others = Some((rest.len(), sum(&rest)));
    }
    let (mut coverage, late) = (Coverage::default(), config.collect.late);
    for (id, scope) in chosen.as_ref().unwrap_or(&all) {
        // A scope that the config names no more owes nothing after it was last read.
        let until = if config.expects(scope) { None } else { reader.walked_until(*id)? };
        let owed = until.map_or(Some(window), |until| Window::new(window.start, window.end.min(until)));
        let Some(owed) = owed else { continue };
        collect::add(&mut coverage, reader, *id, &scope.to_string(), owed, late, clock.now())?;
    }
    // A scope that no pass could even connect to is not in the book: its hours are missing all the same.
    for scope in config.named_scopes().filter(|scope| chosen.is_none() && all.iter().all(|(_, s)| s != scope))
    {
        for hour in hours_of(window).filter(|hour| is_due(*hour + TimeDelta::hours(1), late, clock.now())) {
            coverage.add(&scope.to_string(), hour, Status::None, None);
        }
    }
    Ok(UsageReport {
        window,
        by,
        lines,
        others,
        total,
        coverage,
        tb: match config.pricing.unit {
            Unit::Binary => "2^40 bytes",
            Unit::Decimal => "10^12 bytes",
        },
        zone: (config.timezone != chrono_tz::UTC).then(|| config.timezone.name().to_owned()),
        adjustments: reader.adjustments(window, ids.as_deref())?,
    })
}

/// A scope by its configured name, account, region, or `account/region`.
fn choose(text: &str, all: &[(ScopeId, Scope)], session: &Session) -> Result<Vec<(ScopeId, Scope)>, Failure> {
    let named = session.config.scopes.iter().find(|scope| scope.name.as_deref() == Some(text));
    let matches = |scope: &Scope| match named {
        Some(named) => {
            named.account.as_ref().is_none_or(|account| *account == scope.account)
                && (named.regions.is_empty() || named.regions.contains(&scope.region))
        }
        None => scope.account.as_str() == text || scope.region.as_str() == text || scope.to_string() == text,
    };
    let chosen: Vec<_> = all.iter().filter(|(_, scope)| matches(scope)).cloned().collect();
    if chosen.is_empty() {
        let known: Vec<String> = all.iter().map(|(_, scope)| scope.to_string()).collect();
        let help = if known.is_empty() {
            "the book is empty: run `athena-ledger collect` first".to_owned()
        } else {
            format!("the book has {}", known.join(", "))
        };
        return Err(Failure::usage(anyhow::anyhow!("no scope `{text}` in this book"), Some(help)));
    }
    Ok(chosen)
}
