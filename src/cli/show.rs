//! `show`: one execution, and why it cost what it cost.

use std::fmt::Write;

use super::failure::{Failure, Outcome};
use super::{Session, out};
use crate::domain::execution::ExecutionId;
use crate::domain::price::BillingRule;
use crate::report::{bytes, exact_dollars, printable, printable_lines, thousands};
use crate::store::{Execution, Reader};

/// A query text longer than this is cut on a terminal; `--json` has it whole.
const SHOWN_TEXT: usize = 4_000;

pub(super) fn show(session: &Session, id: &str) -> Result<Outcome, Failure> {
    let parsed = ExecutionId::parse(id).ok_or_else(|| {
        Failure::usage(
            anyhow::anyhow!("`{}` is no execution id", printable(id)),
            Some("an id has 1 to 128 characters without spaces".to_owned()),
        )
    })?;
    let reader = Reader::open(session.database())?;
    let mut found = reader.show(&parsed)?;
    let similar = if found.is_empty() { reader.similar(&id.to_lowercase())? } else { Vec::new() };
    // The beginning of one id, in any case of letters, is enough.
    if let [only] = similar.as_slice()
        && let Some(only) = ExecutionId::parse(only)
    {
        found = reader.show(&only)?;
    }
    if found.is_empty() {
        let help = match similar.as_slice() {
            [] => "run `athena-ledger collect` first; CloudTrail shows a start after some minutes".to_owned(),
            similar => format!("ids that begin so: {}", similar.join(", ")),
        };
        return Err(Failure::new(anyhow::anyhow!("the book has no execution {parsed}"), Some(help)));
    }
    if session.json {
        out::print_json(&serde_json::json!({ "executions": found }))?;
    } else {
        for execution in &found {
            out::print(&text(execution))?;
        }
    }
    Ok(Outcome::Done)
}

fn text(execution: &Execution) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:>12}  {value}");
        }
    };
    let told = |value: &Option<String>| value.as_deref().map(printable);
    let and = |main: &str, more: Vec<Option<String>>| {
        let more: Vec<String> = more.into_iter().flatten().collect();
        if more.is_empty() { printable(main) } else { format!("{} ({})", printable(main), more.join(", ")) }
    };
    line("execution", Some(execution.execution_id.clone()));
    line("where", Some(format!("{}/{}", execution.account_id, execution.region)));
    let principal = if execution.attribution == "none" {
        "unattributed: no start was seen".to_owned()
    } else {
        and(
            &execution.principal,
            vec![
                Some(execution.principal_kind.clone()),
                told(&execution.team).map(|team| format!("team {team}")),
                told(&execution.role).map(|role| format!("role {role}")),
                told(&execution.session).map(|session| format!("session {session}")),
                told(&execution.service).map(|service| format!("through {service}")),
            ],
        )
    };
    line("principal", Some(principal));
    line("key", (execution.attribution != "none").then(|| printable(&execution.principal_key)));
    line(
        "client",
        execution.client.as_deref().map(|client| {
            let from = told(&execution.source_ip).map(|address| format!("from {address}"));
            and(client, vec![from])
        }),
    );
    line("user agent", told(&execution.user_agent));
    line("workgroup", told(&execution.workgroup));
    line(
        "database",
        execution.database_name.as_deref().map(|database| {
            let catalog = told(&execution.catalog).map(|catalog| format!("catalog {catalog}"));
            and(database, vec![catalog])
        }),
    );
    line(
        "statement",
        execution.statement_type.as_deref().map(|kind| and(kind, vec![told(&execution.substatement_type)])),
    );
    line("submitted", execution.started_at.as_ref().map(|at| format!("{at} UTC")));
    line("finished", execution.finished_at.as_ref().map(|at| format!("{at} UTC")));
    let state = execution.state.clone().unwrap_or_else(|| execution.status.clone());
    line("state", Some(state));
    line("reason", told(&execution.state_reason));
    line("last answer", told(&execution.last_answer));
    line("took", took(execution));
    line(
        "scanned",
        execution.scanned_bytes.map(|scanned| format!("{} ({} bytes)", bytes(scanned), thousands(scanned))),
    );
    line(
        "billed",
        Some(format!("{} ({} bytes)", bytes(execution.billed_bytes), thousands(execution.billed_bytes))),
    );
    line("cost", Some(cost(execution)));
    line(
        "rule",
        BillingRule::parse(&execution.billing_rule)
            .map(|rule| format!("{}: {}", rule.as_str(), rule.explain())),
    );
    line("DPUs", execution.dpu_count.map(|count| count.to_string()));
    line("note", execution.before_ledger.then(|| "submitted before the book begins: in no total".to_owned()));
    line("shape", execution.query_fingerprint.clone());
    for sighting in &execution.sightings {
        let error = told(&sighting.error_code).map(|code| format!(", refused: {code}")).unwrap_or_default();
        let seen = format!(
            "{} by {} ({}){error}",
            sighting.event_name,
            printable(&sighting.principal),
            printable(&sighting.client)
        );
        line("also named", Some(format!("{} UTC  {seen}", sighting.event_at)));
    }
    match &execution.query_text {
        Some(query) => {
            let safe: String = printable_lines(query).lines().map(|line| format!("    {line}\n")).collect();
            let shown: String = safe.chars().take(SHOWN_TEXT).collect();
            let more = if shown.len() < safe.len() { "    … (--json has it whole)\n" } else { "" };
            let _ = write!(text, "\n{shown}{more}");
        }
        None if execution.status == "finished" => text.push_str("\n    (query text is not kept)\n"),
        None => {}
    }
    text
}

fn took(execution: &Execution) -> Option<String> {
    let seconds = |ms: u64| format!("{:.1} s", ms as f64 / 1000.0);
    let parts = [(execution.queue_ms, "queued"), (execution.execution_ms, "executing")];
    let parts: Vec<String> =
        parts.into_iter().filter_map(|(ms, what)| Some(format!("{} {what}", seconds(ms?)))).collect();
    execution.total_ms.map(|total| {
        if parts.is_empty() { seconds(total) } else { format!("{} ({})", seconds(total), parts.join(", ")) }
    })
}

fn cost(execution: &Execution) -> String {
    match (execution.cost_nano_usd, &execution.price_source) {
        (Some(cost), Some(source)) => format!("{} ({source} price)", exact_dollars(cost)),
        (Some(cost), None) => exact_dollars(cost),
        (None, _) if execution.status == "pending" => "not known yet".to_owned(),
        (None, _) => "not known".to_owned(),
    }
}
