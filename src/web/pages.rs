//! The views, as HTML.

mod chrome;
mod execution;
mod overview;
mod tables;

use askama::Template;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::Book;
use super::figures::{duration, money, price};
use super::view::{Query, View, path};
use crate::report::{bytes, printable, shortened, thousands};
use crate::store::StoreError;
use crate::store::page::Listed;
use chrome::{Fresh, Kpi, Span};
use tables::Row;

pub(super) use chrome::{Ends, coverage as coverage_of, ends};
pub(super) use execution::execution;
pub(super) use overview::{overview, principal};

/// Executions on one page of a list.
const A_PAGE: usize = 50;
/// Characters of a query in a list.
const TEXT: usize = 300;

/// What went wrong, as a page.
pub(super) enum Wrong {
    Store(StoreError),
    Request(String),
    Template(askama::Error),
}

impl From<StoreError> for Wrong {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<askama::Error> for Wrong {
    fn from(error: askama::Error) -> Self {
        Self::Template(error)
    }
}

impl From<crate::config::time::NoInstant> for Wrong {
    fn from(error: crate::config::time::NoInstant) -> Self {
        Self::Request(error.to_string())
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let (status, title, text, help) = match self {
            Self::Request(text) => (StatusCode::BAD_REQUEST, "This cannot be asked", text, None),
            Self::Store(error) => {
                let help = error.help();
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                tracing::warn!("a page could not be read: {error}: {cause}");
                (StatusCode::SERVICE_UNAVAILABLE, "The book cannot be read", error.to_string(), help)
            }
            Self::Template(error) => {
                tracing::error!("a page could not be written: {error}");
                (StatusCode::INTERNAL_SERVER_ERROR, "This page cannot be shown", String::new(), None)
            }
        };
        message(status, title, &text, help.as_deref().unwrap_or_default())
    }
}

pub(super) type Answer = Result<Html<String>, Wrong>;

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    title: &'a str,
    text: &'a str,
    help: &'a str,
}

fn message(status: StatusCode, title: &str, text: &str, help: &str) -> Response {
    match (MessagePage { title, text, help }).render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => status.into_response(),
    }
}

pub(super) async fn nothing() -> Response {
    message(StatusCode::NOT_FOUND, "There is nothing here", "", "")
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    wrong: bool,
    /// Where the reader wanted to go.
    to: &'a str,
}

pub(super) async fn login() -> Response {
    asked_for_token(StatusCode::OK, false, "/")
}

pub(super) fn asked_for_token(status: StatusCode, wrong: bool, to: &str) -> Response {
    match (LoginPage { wrong, to }).render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => status.into_response(),
    }
}

#[derive(Template)]
#[template(path = "api.html")]
struct ApiPage;

pub(super) async fn api() -> Answer {
    Ok(Html(ApiPage.render()?))
}

#[derive(Template)]
#[template(path = "queries.html")]
struct QueriesPage {
    state: Fresh,
    span: Span,
    kept: Vec<(String, String)>,
    text: String,
    state_chosen: String,
    states: [&'static str; 5],
    csv: String,
    json: String,
    rows: Vec<QueryRow>,
    next: String,
}

struct QueryRow {
    link: String,
    at: String,
    principal_link: String,
    principal: String,
    client: String,
    place: String,
    state: String,
    scanned: String,
    cost: String,
    text: String,
}

pub(super) async fn queries(State(book): State<Book>, Parameters(query): Parameters<Query>) -> Answer {
    let Ends { now, zone, fresh: state } = ends(&book).await?;
    let view = View::parse(query, now, zone)?;
    let asked = view.clone();
    let listing =
        book.read(move |reader| reader.executions(asked.window, &asked.search, asked.cursor, A_PAGE)).await?;
    let row = |one: &Listed| QueryRow {
        link: path("/execution/", &one.execution_id),
        at: one.started_at.clone(),
        principal_link: view
            .link("/principal", &[("principal", &one.principal_key), ("q", ""), ("state", "")]),
        principal: printable(&one.principal),
        client: printable(&one.client),
        place: [&one.workgroup, &one.database].map(|text| printable(text)).join(" / "),
        state: if one.before_ledger {
            format!("{}, before the book: in no total", one.state)
        } else {
            one.state.clone()
        },
        scanned: one.scanned_bytes.map_or_else(|| "–".to_owned(), bytes),
        cost: price(one.cost_nano_usd),
        text: query_text(one.query_text.as_deref()),
    };
    let next = listing
        .next
        .map_or_else(String::new, |(at, id)| view.link("/queries", &[("before", &format!("{at}-{id}"))]));
    let page = QueriesPage {
        state,
        span: Span::new(&view, "/queries", now),
        kept: view.kept(&["q", "state"]),
        text: view.given("q").unwrap_or_default().to_owned(),
        state_chosen: view.given("state").unwrap_or_default().to_owned(),
        states: ["SUCCEEDED", "FAILED", "CANCELLED", "RUNNING", "QUEUED"],
        csv: view.link("/queries.csv", &[]),
        json: view.link("/api/queries", &[("limit", "1000")]),
        rows: listing.executions.iter().map(row).collect(),
        next,
    };
    Ok(Html(page.render()?))
}

fn query_text(text: Option<&str>) -> String {
    text.map_or_else(|| "(text not kept)".to_owned(), |text| shortened(&printable(text), TEXT))
}

#[derive(Template)]
#[template(path = "shape.html")]
struct ShapePage {
    fingerprint: String,
    state: Fresh,
    span: Span,
    kpis: Vec<Kpi>,
    text: String,
    principals: Vec<Row>,
    all: String,
}

pub(super) async fn shape(
    State(book): State<Book>,
    Path(fingerprint): Path<String>,
    Parameters(query): Parameters<Query>,
) -> Result<Response, Wrong> {
    let Ends { now, zone, fresh: state } = ends(&book).await?;
    let view = View::parse(query, now, zone)?;
    let window = view.window;
    let wanted = fingerprint.clone();
    let Some(found) = book.read(move |reader| reader.shape(&wanted, window)).await? else {
        let text = format!("The book knows no query shape {}.", printable(&fingerprint));
        return Ok(message(StatusCode::NOT_FOUND, "No such shape", &text, ""));
    };
    let measures = found.measures;
    let note = if found.cut { "of 30,000 executions of 1,000 texts at most: there are more" } else { "" };
    let texts = if found.texts > 1_000 { "over 1,000".to_owned() } else { thousands(found.texts) };
    let kpis = vec![
        Kpi::new("Cost", money(&measures), note),
        Kpi::new("Each", price(each(&measures)), "on average"),
        Kpi::new("Executions", thousands(measures.executions), &failed(&measures)),
        Kpi::new("Scanned", bytes(measures.scanned_bytes), ""),
        Kpi::new("Texts", texts, "that differ in literals only"),
    ];
    let row = |(key, name, measures): &(String, String, _)| {
        Row::new(printable(name), view.link("/principal", &[("principal", key)]), measures, 0)
    };
    let path = path("/shape/", &found.fingerprint);
    let page = ShapePage {
        state,
        // Who runs it is told of everybody.
        span: Span { chips: Vec::new(), ..Span::new(&view, &path, now) },
        kpis,
        text: found.text.clone().unwrap_or_else(|| "(text not kept)".to_owned()),
        principals: found.principals.iter().take(A_PAGE).map(row).collect(),
        all: view.link("/queries", &[("shape", &found.fingerprint)]),
        fingerprint: found.fingerprint,
    };
    Ok(Html(page.render()?).into_response())
}

/// The average cost of the priced ones.
fn each(measures: &crate::domain::usage::Measures) -> Option<i64> {
    let priced = i64::try_from(measures.executions.saturating_sub(measures.unpriced)).ok()?;
    measures.cost.checked_div(priced)
}

fn failed(measures: &crate::domain::usage::Measures) -> String {
    format!("{} failed, {} cancelled", thousands(measures.failed), thousands(measures.cancelled))
}

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    rows: Vec<AlertLine>,
}

struct AlertLine {
    at: String,
    severity: String,
    title: String,
    channel: String,
    delivery: String,
}

pub(super) async fn alerts(State(book): State<Book>) -> Answer {
    let found = book.read(|reader| reader.alerts(200)).await?;
    let rows = found.into_iter().map(|row| AlertLine {
        at: row.found_at.format("%Y-%m-%d %H:%M").to_string(),
        severity: row.severity,
        title: printable(&row.title),
        channel: row.channel.as_deref().map(printable).unwrap_or_default(),
        delivery: match row.error {
            Some(error) if row.delivery != "delivered" => format!("{} ({})", row.delivery, printable(&error)),
            _ => row.delivery,
        },
    });
    Ok(Html(AlertsPage { rows: rows.collect() }.render()?))
}

#[derive(Template)]
#[template(path = "coverage.html")]
struct CoveragePage {
    state: Fresh,
    span: Span,
    /// Where the look began, if not at the span's beginning.
    cut: String,
    scopes: Vec<ScopeCoverage>,
    ticks: Vec<[String; 7]>,
}

struct ScopeCoverage {
    name: String,
    text: String,
    missing: Vec<(String, String, String)>,
}

pub(super) async fn coverage(State(book): State<Book>, Parameters(query): Parameters<Query>) -> Answer {
    let Ends { now, zone, fresh: state } = ends(&book).await?;
    let view = View::parse(query, now, zone)?;
    let found = coverage_of(&book, view.window, now).await?;
    let at = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M").to_string();
    let since = at(found.looked_at.start);
    let cut = if found.looked_at.start > view.window.start { since } else { String::new() };
    let scopes = found.scopes.into_iter().map(|(name, coverage)| ScopeCoverage {
        text: coverage.text().lines().next().unwrap_or_default().to_owned(),
        missing: coverage
            .spans()
            .into_iter()
            .rev()
            .take(100)
            .map(|(_, window, what)| (at(window.start), at(window.end), what))
            .collect(),
        name,
    });
    let ticks = found.ticks.iter().map(|tick| {
        [
            at(tick.began_at),
            duration(tick.elapsed_ms),
            thousands(tick.events_read),
            thousands(tick.finished),
            thousands(tick.api_calls.values().sum()),
            thousands(tick.throttled),
            thousands(tick.failures),
        ]
    });
    let page = CoveragePage {
        state,
        span: Span::new(&view, "/coverage", now),
        cut,
        scopes: scopes.collect(),
        ticks: ticks.collect(),
    };
    Ok(Html(page.render()?))
}
