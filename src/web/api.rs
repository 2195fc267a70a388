//! The same as JSON and CSV. The page `/api` documents it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::pages::{Wrong, book_ends, coverage_of};
use super::view::{Query, View};
use super::{Book, figures};
use crate::domain::execution::ExecutionId;
use crate::domain::usage::{Dimension, Measures};
use crate::store::StoreError;
use crate::store::page::{Bucket, Listed};

const LIMIT: usize = 100;
const MOST: usize = 1_000;
const MOST_CSV: usize = 10_000;

/// What went wrong, as JSON.
pub(super) struct Refused(Wrong);

impl<E: Into<Wrong>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, error) = match self.0 {
            Wrong::Request(text) => (StatusCode::BAD_REQUEST, text),
            Wrong::Store(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            Wrong::Template(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        };
        (status, Json(json!({ "error": error }))).into_response()
    }
}

type Answer = Result<Json<Value>, Refused>;

fn not_found(what: &str) -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": format!("the book has no such {what}") }))).into_response()
}

pub(super) async fn now(State(book): State<Book>) -> Answer {
    let (now, today) = book.read(|reader| Ok((reader.now()?, reader.today(50)?))).await?;
    Ok(Json(json!({ "book": now, "today": today })))
}

pub(super) async fn usage(State(book): State<Book>, Parameters(query): Parameters<Query>) -> Answer {
    let by = query.get("by").cloned().unwrap_or_else(|| "principal".to_owned());
    let now = book_ends(&book).await?;
    let view = View::parse(query, now, book.config.timezone)?;
    let (window, selection, zone) = (view.window, view.search.selection.clone(), view.zone);
    let cells = book.read(move |reader| reader.cells(window, &selection, zone)).await?;
    let lines: Vec<Value> = match by.as_str() {
        "day" => {
            let mut days: BTreeMap<Bucket, Measures> = BTreeMap::new();
            cells.cells.iter().for_each(|cell| days.entry(cell.bucket).or_default().add(&cell.measures));
            let name = |bucket: Bucket| match bucket {
                Bucket::Day(date) => date.to_string(),
                Bucket::Month(first) => first.format("%Y-%m").to_string(),
            };
            days.into_iter().map(|(bucket, sums)| with(json!({ "label": name(bucket) }), &sums)).collect()
        }
        other => {
            let known = [
                Dimension::Principal,
                Dimension::Kind,
                Dimension::Team,
                Dimension::Workgroup,
                Dimension::Client,
                Dimension::Database,
            ];
            let Some(by) = known.into_iter().find(|by| by.as_str() == other) else {
                let known = known.map(Dimension::as_str).join(", ");
                return Err(Wrong::Request(format!("`by` is {known} or day")).into());
            };
            let groups = figures::groups(&cells, by);
            let line = |group: &figures::Group| {
                let mut line = json!({ "label": group.label });
                if by == Dimension::Principal {
                    line["key"] = json!(group.key);
                    line["kind"] = json!(group.kind);
                }
                with(line, &group.measures)
            };
            groups.iter().map(line).collect()
        }
    };
    Ok(Json(json!({
        "since": window.start,
        "until": window.end,
        "timezone": zone.name(),
        "by": by,
        "total": with(json!({}), &figures::total(&cells)),
        "lines": lines,
    })))
}

fn with(mut line: Value, measures: &Measures) -> Value {
    let Measures { executions, failed, cancelled, unpriced, scanned_bytes, billed_bytes, cost } = *measures;
    let cost = Some(cost).filter(|_| unpriced == 0 || unpriced < executions);
    for (name, value) in [
        ("executions", json!(executions)),
        ("failed", json!(failed)),
        ("cancelled", json!(cancelled)),
        ("unpriced", json!(unpriced)),
        ("scanned_bytes", json!(scanned_bytes)),
        ("billed_bytes", json!(billed_bytes)),
        ("cost_nano_usd", json!(cost)),
    ] {
        line[name] = value;
    }
    line
}

pub(super) async fn queries(State(book): State<Book>, Parameters(query): Parameters<Query>) -> Answer {
    let wanted = query.get("limit").and_then(|text| text.parse().ok()).unwrap_or(LIMIT).clamp(1, MOST);
    let now = book_ends(&book).await?;
    let view = View::parse(query, now, book.config.timezone)?;
    let asked = view.clone();
    let found =
        book.read(move |reader| reader.executions(asked.window, &asked.search, asked.cursor, wanted)).await?;
    let next = found.next.map(|(at, row)| format!("{at}-{row}"));
    Ok(Json(json!({
        "since": view.window.start,
        "until": view.window.end,
        "executions": found.executions,
        "next": next,
    })))
}

/// Up to 10,000 rows; text that a spreadsheet would run as a formula gets an apostrophe before it.
pub(super) async fn queries_csv(
    State(book): State<Book>,
    Parameters(query): Parameters<Query>,
) -> Result<Response, Refused> {
    let now = book_ends(&book).await?;
    let view = View::parse(query, now, book.config.timezone)?;
    let found = book
        .read(move |reader| {
            let mut all = Vec::new();
            let mut cursor = view.cursor;
            while all.len() < MOST_CSV {
                let page = reader.executions(view.window, &view.search, cursor, MOST)?;
                all.extend(page.executions);
                cursor = page.next;
                // One stretch without a match is looked over, as on the page.
                if cursor.is_none() || all.is_empty() {
                    break;
                }
            }
            all.truncate(MOST_CSV);
            Ok::<_, StoreError>(all)
        })
        .await?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"athena-queries.csv\""),
    ];
    Ok((headers, csv(&found)).into_response())
}

fn csv(found: &[Listed]) -> String {
    const HEAD: [&str; 18] = [
        "execution_id",
        "account_id",
        "region",
        "started_at",
        "principal",
        "principal_key",
        "principal_kind",
        "client",
        "workgroup",
        "database",
        "state",
        "scanned_bytes",
        "billed_bytes",
        "billing_rule",
        "cost_usd",
        "total_ms",
        "query_fingerprint",
        "query_text",
    ];
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record(HEAD);
    let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    for one in found {
        let cost = one.cost_nano_usd.map(|cost| format!("{:.9}", cost as f64 / 1e9)).unwrap_or_default();
        let _ = writer.write_record([
            one.execution_id.clone(),
            one.account_id.clone(),
            one.region.clone(),
            one.started_at.clone(),
            plain(&one.principal),
            plain(&one.principal_key),
            one.principal_kind.clone(),
            plain(&one.client),
            plain(&one.workgroup),
            plain(&one.database),
            one.state.clone(),
            number(one.scanned_bytes),
            one.billed_bytes.to_string(),
            one.billing_rule.clone(),
            cost,
            number(one.total_ms),
            one.query_fingerprint.clone().unwrap_or_default(),
            plain(one.query_text.as_deref().unwrap_or_default()),
        ]);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// Text, and to a spreadsheet no more than that.
fn plain(text: &str) -> String {
    crate::report::spreadsheet_text(text)
}

pub(super) async fn execution(State(book): State<Book>, Path(id): Path<String>) -> Result<Response, Refused> {
    let Some(id) = ExecutionId::parse(&id) else { return Ok(not_found("execution")) };
    let found = book.read(move |reader| reader.show(&id)).await?;
    if found.is_empty() {
        return Ok(not_found("execution"));
    }
    Ok(Json(json!({ "executions": found })).into_response())
}

pub(super) async fn shape(
    State(book): State<Book>,
    Path(fingerprint): Path<String>,
    Parameters(query): Parameters<Query>,
) -> Result<Response, Refused> {
    let now = book_ends(&book).await?;
    let view = View::parse(query, now, book.config.timezone)?;
    let window = view.window;
    let Some(found) = book.read(move |reader| reader.shape(&fingerprint, window)).await? else {
        return Ok(not_found("shape"));
    };
    let principals = found
        .principals
        .iter()
        .map(|(key, name, measures)| with(json!({ "key": key, "label": name }), measures));
    Ok(Json(json!({
        "fingerprint": found.fingerprint,
        "text": found.text,
        "texts": found.texts,
        "cut": found.cut,
        "total": with(json!({}), &found.measures),
        "principals": principals.collect::<Vec<_>>(),
    }))
    .into_response())
}

pub(super) async fn alerts(State(book): State<Book>) -> Answer {
    let rows = book.read(|reader| reader.alerts(MOST)).await?;
    let row = |row: &crate::store::AlertRow| {
        json!({
            "alert_id": row.id,
            "found_at": row.found_at,
            "severity": row.severity,
            "title": row.title,
            "channel": row.channel,
            "delivery": row.delivery,
            "attempts": row.attempts,
            "error": row.error,
        })
    };
    Ok(Json(json!({ "alerts": rows.iter().map(row).collect::<Vec<_>>() })))
}

pub(super) async fn coverage(State(book): State<Book>, Parameters(query): Parameters<Query>) -> Answer {
    let now = book_ends(&book).await?;
    let view = View::parse(query, now, book.config.timezone)?;
    let (scopes, _) = coverage_of(&book, view.window, now).await?;
    let scopes: BTreeMap<String, Value> =
        scopes.into_iter().map(|(name, coverage)| (name, coverage.json())).collect();
    Ok(Json(json!({ "since": view.window.start, "until": view.window.end, "scopes": scopes })))
}
