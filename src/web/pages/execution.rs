//! One execution, and why it cost what it cost.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::super::Book;
use super::super::figures::{duration, price};
use super::super::view::path;
use super::chrome::Kpi;
use super::{Wrong, message};
use crate::domain::execution::ExecutionId;
use crate::domain::price::{BillingRule, Unit};
use crate::report::{bytes, count, dollars, exact_dollars, printable, thousands};
use crate::store::Execution;

#[derive(Template)]
#[template(path = "execution.html")]
struct ExecutionPage {
    id: String,
    executions: Vec<Found>,
}

struct Found {
    kpis: Vec<Kpi>,
    rule: String,
    explained: String,
    arithmetic: String,
    /// Name, value and link.
    facts: Vec<(&'static str, String, String)>,
    text: String,
    sightings: Vec<String>,
}

pub(in super::super) async fn execution(
    State(book): State<Book>,
    Path(id): Path<String>,
) -> Result<Response, Wrong> {
    let unknown = || message(StatusCode::NOT_FOUND, "No such execution", &printable(&id), "");
    let Some(parsed) = ExecutionId::parse(&id) else { return Ok(unknown()) };
    let found = book.read(move |reader| reader.show(&parsed)).await?;
    if found.is_empty() {
        return Ok(unknown());
    }
    let unit = book.config.pricing.unit;
    let page =
        ExecutionPage { id: printable(&id), executions: found.iter().map(|one| told(one, unit)).collect() };
    Ok(Html(page.render()?).into_response())
}

fn told(execution: &Execution, unit: Unit) -> Found {
    let rule = BillingRule::parse(&execution.billing_rule);
    let state = execution.state.clone().unwrap_or_else(|| execution.status.clone());
    let kpis = vec![
        Kpi::new(
            "Cost",
            price(execution.cost_nano_usd),
            execution.price_source.as_deref().unwrap_or_default(),
        ),
        Kpi::new("Scanned", execution.scanned_bytes.map_or_else(|| "–".to_owned(), bytes), ""),
        Kpi::new("Billed", bytes(execution.billed_bytes), ""),
        Kpi::new("State", state, ""),
        Kpi::new(
            "Took",
            execution.total_ms.map_or_else(|| "–".to_owned(), duration),
            "from submission to end",
        ),
    ];
    let mut facts = Vec::new();
    let mut fact = |name, value: &Option<String>, link: String| {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            facts.push((name, printable(value), link));
        }
    };
    let principal = path("/principal?principal=", &execution.principal_key);
    let none = String::new;
    fact("principal", &Some(execution.principal.clone()), principal);
    fact("kind", &Some(execution.principal_kind.clone()), none());
    fact("key", &Some(execution.principal_key.clone()), none());
    fact("team", &execution.team, none());
    fact("role", &execution.role, none());
    fact("session", &execution.session, none());
    fact("service", &execution.service, none());
    fact("client", &execution.client, none());
    fact("user agent", &execution.user_agent, none());
    fact("source address", &execution.source_ip, none());
    fact("scope", &Some(format!("{}/{}", execution.account_id, execution.region)), none());
    fact("workgroup", &execution.workgroup, none());
    fact("catalog", &execution.catalog, none());
    fact("database", &execution.database_name, none());
    fact("statement", &execution.statement_type, none());
    fact("submitted (UTC)", &execution.started_at, none());
    fact("finished (UTC)", &execution.finished_at, none());
    fact("reason", &execution.state_reason, none());
    fact("last answer", &execution.last_answer, none());
    fact("event", &execution.event_id, none());
    let shape =
        execution.query_fingerprint.as_deref().map(|shape| path("/shape/", shape)).unwrap_or_default();
    fact("shape", &execution.query_fingerprint, shape);
    if execution.attribution == "none" {
        facts.push(("attribution", "no start was seen: nobody is charged".to_owned(), none()));
    }
    if execution.before_ledger {
        facts.push(("note", "submitted before the book begins: in no total".to_owned(), none()));
    }
    Found {
        kpis,
        rule: rule.map_or_else(String::new, |rule| rule.as_str().to_owned()),
        explained: rule.map_or_else(String::new, |rule| rule.explain().to_owned()),
        arithmetic: arithmetic(execution, unit),
        facts,
        text: execution.query_text.clone().unwrap_or_else(|| "(text not kept)".to_owned()),
        sightings: execution
            .sightings
            .iter()
            .map(|seen| {
                let seen = [
                    &seen.event_at,
                    " UTC  ",
                    &seen.event_name,
                    " by ",
                    &seen.principal,
                    " (",
                    &seen.client,
                    ")",
                ];
                printable(&seen.concat())
            })
            .collect(),
    }
}

/// How bytes became dollars.
fn arithmetic(execution: &Execution, unit: Unit) -> String {
    let scanned = execution.scanned_bytes.map_or_else(|| "?".to_owned(), thousands);
    let billed = count(execution.billed_bytes, "byte");
    let Some(cost) = execution.cost_nano_usd else {
        return format!("{scanned} bytes scanned; the cost is not known.");
    };
    let (terabyte, words) = match unit {
        Unit::Binary => (1_i128 << 40, "2^40"),
        Unit::Decimal => (1_000_000_000_000, "10^12"),
    };
    let exact = exact_dollars(cost);
    if execution.billed_bytes == 0 || cost == 0 {
        return format!("{scanned} bytes scanned, {billed} billed: {exact}.");
    }
    let a_terabyte = i64::try_from(i128::from(cost) * terabyte / i128::from(execution.billed_bytes));
    let price = dollars(a_terabyte.unwrap_or(i64::MAX));
    let source = execution.price_source.as_deref().map(|source| format!(" ({source})")).unwrap_or_default();
    format!("{scanned} bytes scanned, {billed} billed at {price} per TB of {words} bytes{source}: {exact}.")
}
