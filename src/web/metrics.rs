//! `/metrics` for Prometheus and `/healthz`. Every number is of the book as its last rollup left it, so a scrape in the
//! middle of a tick sees the tick before.

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::Book;
use super::figures;
use crate::domain::selection::Selection;
use crate::domain::usage::{Dimension, Measures};
use crate::domain::window::Window;
use crate::store::page::{BookNow, Cells, Traffic};
use crate::store::{Reader, StoreError};

/// Workgroups and principals that have a series of their own.
const SERIES: usize = 20;
/// A book that is older than this is not healthy: two ticks and some patience.
const STALE: chrono::TimeDelta = chrono::TimeDelta::hours(3);

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Whose {
    account: String,
    region: String,
    principal_kind: String,
    workgroup: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Principal {
    principal: String,
    principal_kind: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Place {
    account: String,
    region: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ApiName {
    api: String,
}

/// What a scrape tells.
struct Told {
    now: Option<BookNow>,
    totals: Vec<([String; 4], Measures)>,
    today: Cells,
    walked_to: Vec<(String, String, DateTime<Utc>)>,
    traffic: Traffic,
    last_tick: Option<(DateTime<Utc>, u64)>,
    owed: u64,
    given_up: u64,
}

fn read(reader: &Reader, zone: chrono_tz::Tz) -> Result<Told, StoreError> {
    let now = reader.now()?;
    let today = match &now {
        Some(now) => {
            let zone = now.timezone.parse().unwrap_or(zone);
            let date = crate::domain::day::local_day(now.as_of, zone);
            let start = crate::domain::day::local_midnight(date, zone);
            let end = crate::domain::day::local_midnight(date + chrono::TimeDelta::days(1), zone);
            match Window::new(start, end) {
                Some(window) => reader.cells(window, &Selection::default(), zone)?,
                None => Cells::default(),
            }
        }
        None => Cells::default(),
    };
    let last = reader.ticks(1)?;
    let (owed, given_up) = reader.outbox()?;
    Ok(Told {
        now,
        totals: reader.totals()?,
        today,
        walked_to: reader.walked_to()?,
        traffic: reader.traffic()?,
        last_tick: last.first().map(|tick| (tick.began_at, tick.elapsed_ms)),
        owed,
        given_up,
    })
}

/// What was told last, and of which state of the book.
#[derive(Debug, Default)]
pub(super) struct Last(Mutex<Option<(Known, String)>>);

/// Changes with every tick that came to its end, and with deliveries; not in the middle of a tick.
type Known = (Option<DateTime<Utc>>, Option<DateTime<Utc>>, (u64, u64));

fn state(reader: &Reader) -> Result<Known, StoreError> {
    let last = reader.ticks(1)?;
    Ok((reader.rolled_up_at()?, last.first().map(|tick| tick.began_at), reader.outbox()?))
}

pub(super) async fn metrics(State(book): State<Book>) -> Response {
    let zone = book.config.timezone;
    let last = Arc::clone(&book.told);
    let told = book.read(move |reader| {
        let state = state(reader)?;
        let known = last.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, text)) = known.filter(|(known, _)| *known == state) {
            return Ok(text);
        }
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &registry(&read(reader, zone)?));
        *last.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((state, text.clone()));
        Ok(text)
    });
    match told.await {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

fn registry(told: &Told) -> Registry {
    let mut registry = Registry::with_prefix("athena_ledger");
    usage(told, &mut registry);
    book(told, &mut registry);
    ticks(told, &mut registry);
    registry
}

type FloatCounter = Counter<f64, AtomicU64>;
type FloatGauge = Gauge<f64, AtomicU64>;

/// Usage since the book began, and of today by principal.
fn usage(told: &Told, registry: &mut Registry) {
    let executions = Family::<Whose, Counter>::default();
    let failed = Family::<Whose, Counter>::default();
    let unpriced = Family::<Whose, Gauge>::default();
    let scanned = Family::<Whose, Counter>::default();
    let billed = Family::<Whose, Counter>::default();
    let cost = Family::<Whose, FloatCounter>::default();
    let mut cost_of: std::collections::HashMap<&str, i64> = std::collections::HashMap::new();
    for (labels, measures) in &told.totals {
        *cost_of.entry(labels[3].as_str()).or_default() += measures.cost;
    }
    let mut by_cost: Vec<(&str, i64)> = cost_of.into_iter().collect();
    by_cost.sort_by_key(|(name, cost)| (std::cmp::Reverse(*cost), *name));
    let shown: Vec<&str> = by_cost.into_iter().take(SERIES).map(|(name, _)| name).collect();
    for ([account, region, kind, workgroup], measures) in &told.totals {
        let workgroup = if shown.contains(&workgroup.as_str()) { workgroup.as_str() } else { "other" };
        let labels = Whose {
            account: account.clone(),
            region: region.clone(),
            principal_kind: kind.clone(),
            workgroup: workgroup.to_owned(),
        };
        executions.get_or_create(&labels).inc_by(measures.executions);
        failed.get_or_create(&labels).inc_by(measures.failed);
        unpriced.get_or_create(&labels).inc_by(i64::try_from(measures.unpriced).unwrap_or(i64::MAX));
        scanned.get_or_create(&labels).inc_by(measures.scanned_bytes);
        billed.get_or_create(&labels).inc_by(measures.billed_bytes);
        cost.get_or_create(&labels).inc_by(measures.cost.max(0) as f64 / 1e9);
    }
    registry.register("executions", "Executions in the book", executions);
    registry.register("failed", "Executions that failed", failed);
    registry.register("unpriced", "Executions whose cost is not known", unpriced);
    registry.register_with_unit("scanned", "Bytes scanned", Unit::Bytes, scanned);
    registry.register_with_unit("billed", "Bytes billed", Unit::Bytes, billed);
    registry.register_with_unit("cost", "Cost of the priced executions", Unit::Other("usd".to_owned()), cost);
    let today = Family::<Principal, FloatGauge>::default();
    let groups = figures::groups(&told.today, Dimension::Principal);
    for (at, group) in groups.iter().enumerate() {
        let shown = at < SERIES;
        let labels = Principal {
            principal: if shown { group.label.clone() } else { "other".to_owned() },
            principal_kind: if shown { group.kind.clone() } else { String::new() },
        };
        today.get_or_create(&labels).inc_by(group.measures.cost as f64 / 1e9);
    }
    let help = "Cost since local midnight, of the highest principals";
    registry.register_with_unit("today_cost", help, Unit::Other("usd".to_owned()), today);
}

/// How far the book reaches and how complete it is.
fn book(told: &Told, registry: &mut Registry) {
    let gauge = |value: f64| {
        let gauge = FloatGauge::default();
        gauge.set(value);
        gauge
    };
    let walked = Family::<Place, Gauge<i64, AtomicI64>>::default();
    for (account, region, at) in &told.walked_to {
        let place = Place { account: account.clone(), region: region.clone() };
        walked.get_or_create(&place).set(at.timestamp());
    }
    let help = "Up to when starts were read (Unix time)";
    registry.register("walked_to_timestamp_seconds", help, walked);
    if let Some(now) = &told.now {
        let as_of = now.as_of.timestamp() as f64;
        registry.register("as_of_timestamp_seconds", "When usage was last brought up to date", gauge(as_of));
        let help = "Due hours of the last 26, of all scopes";
        registry.register("coverage_due_hours", help, gauge(now.due_hours as f64));
        let help = "Those of them that are complete";
        registry.register("coverage_complete_hours", help, gauge(now.complete_hours as f64));
        let usd = || Unit::Other("usd".to_owned());
        registry.register_with_unit("month_cost", "Month to date", usd(), gauge(now.month_cost_usd));
        if let Some(forecast) = now.month_forecast_usd {
            registry.register_with_unit("month_forecast", "Forecast of the month", usd(), gauge(forecast));
        }
    }
    registry.register("outbox_waiting", "Deliveries of alerts that are owed", gauge(told.owed as f64));
    registry.register(
        "outbox_given_up",
        "Deliveries of alerts that were given up",
        gauge(told.given_up as f64),
    );
}

fn ticks(told: &Told, registry: &mut Registry) {
    let counter = |value: u64| {
        let counter = Counter::<u64, AtomicU64>::default();
        counter.inc_by(value);
        counter
    };
    let calls = Family::<ApiName, Counter>::default();
    for (api, count) in &told.traffic.calls {
        calls.get_or_create(&ApiName { api: api.clone() }).inc_by(*count);
    }
    registry.register("api_calls", "Calls to AWS", calls);
    registry.register("throttled_calls", "Calls that AWS throttled", counter(told.traffic.throttled));
    registry.register(
        "scope_failures",
        "Scopes that a tick could not read to their end",
        counter(told.traffic.failures),
    );
    registry.register("ticks", "Ticks that came to their end", counter(told.traffic.ticks));
    if let Some((began, elapsed)) = told.last_tick {
        let seconds = FloatGauge::default();
        seconds.set(elapsed as f64 / 1e3);
        registry.register_with_unit("tick_duration", "How long the last tick took", Unit::Seconds, seconds);
        let at = Gauge::<i64, AtomicI64>::default();
        at.set(began.timestamp());
        registry.register("tick_began_timestamp_seconds", "When the last tick began", at);
    }
}

/// 200 while the book is fresh, 503 when it is stale or cannot be read. Says no more than that: it asks for no token.
pub(super) async fn healthz(State(book): State<Book>) -> Response {
    let now = book.clock.now();
    let (status, said) = match book.read(|reader| reader.rolled_up_at()).await {
        Ok(Some(at)) if now - at <= STALE => (StatusCode::OK, "ok".to_owned()),
        Ok(Some(at)) => {
            let mut said = String::new();
            let _ = write!(said, "stale: as of {} UTC", at.format("%Y-%m-%d %H:%M"));
            (StatusCode::SERVICE_UNAVAILABLE, said)
        }
        Ok(None) => (StatusCode::SERVICE_UNAVAILABLE, "nothing was collected yet".to_owned()),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be read".to_owned()),
    };
    (status, format!("{said}\n")).into_response()
}
