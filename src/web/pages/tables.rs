//! The tables of an overview.

use super::super::figures::{Group, duration, groups, money, price};
use super::super::view::{View, path};
use super::query_text;
use crate::domain::usage::{Dimension, Measures};
use crate::report::{bytes, dollars, printable, thousands};
use crate::store::page::{Cells, TopExecution, TopShape, Wasted};

/// Rows of a table; the rest is one line.
const ROWS: usize = 12;

/// A weekday.
pub(super) struct HeatRow {
    pub(super) day: &'static str,
    pub(super) cells: Vec<HeatCell>,
}

/// An hour of a weekday: the step of its colour, and what is said and written of it.
pub(super) struct HeatCell {
    pub(super) step: usize,
    pub(super) said: String,
    pub(super) written: String,
}

pub(super) struct Table {
    pub(super) title: &'static str,
    pub(super) note: &'static str,
    pub(super) head: &'static str,
    pub(super) rows: Vec<Row>,
}

/// A group in a table.
pub(super) struct Row {
    pub(super) label: String,
    pub(super) link: String,
    pub(super) percent: u64,
    pub(super) cost: String,
    pub(super) scanned: String,
    pub(super) executions: String,
}

impl Row {
    pub(super) fn new(label: String, link: String, measures: &Measures, percent: u64) -> Self {
        Self {
            label: if label.is_empty() { "(not told)".to_owned() } else { label },
            link,
            percent,
            cost: money(measures),
            scanned: bytes(measures.scanned_bytes),
            executions: thousands(measures.executions),
        }
    }
}

pub(super) struct TopRow {
    pub(super) link: String,
    pub(super) at: String,
    pub(super) principal: String,
    pub(super) workgroup: String,
    pub(super) state: String,
    pub(super) scanned: String,
    pub(super) cost: String,
    pub(super) text: String,
}

pub(super) struct ShapeRow {
    pub(super) link: String,
    pub(super) text: String,
    pub(super) executions: String,
    pub(super) failed: String,
    pub(super) scanned: String,
    pub(super) cost: String,
    pub(super) each: String,
}

pub(super) struct WastedRow {
    pub(super) link: String,
    pub(super) state: String,
    pub(super) error: String,
    pub(super) executions: String,
    pub(super) scanned: String,
    pub(super) time: String,
    pub(super) cost: String,
}

pub(super) fn tables(view: &View, cells: &Cells) -> Vec<Table> {
    let principals = groups(cells, Dimension::Principal);
    let of_kind =
        |kind: &str| principals.iter().filter(|group| group.kind == kind).cloned().collect::<Vec<_>>();
    let mut tables = Vec::new();
    let mut add = |title, note, head, parameter: &str, groups: Vec<Group>| {
        if !groups.is_empty() {
            tables.push(Table { title, note, head, rows: rows(view, parameter, &groups) });
        }
    };
    if view.search.selection.principal.is_none() {
        add("People", "", "principal", "principal", of_kind("user"));
        add("Services", "AWS services and machine roles", "principal", "principal", of_kind("service"));
        let unknown = principals.iter().filter(|group| group.kind != "user" && group.kind != "service");
        add("Unattributed and unknown", "", "principal", "principal", unknown.cloned().collect());
        let teams = groups(cells, Dimension::Team);
        // One line without a name would say nothing.
        add("Teams", "", "team", "team", if teams.len() > 1 { teams } else { Vec::new() });
    }
    add("Workgroups", "", "workgroup", "workgroup", groups(cells, Dimension::Workgroup));
    add("Clients", "which program asked", "client", "client", groups(cells, Dimension::Client));
    add("Databases", "", "database", "database", groups(cells, Dimension::Database));
    tables
}

fn rows(view: &View, parameter: &str, groups: &[Group]) -> Vec<Row> {
    let mut rows: Vec<Row> = groups
        .iter()
        .take(ROWS)
        .map(|group| {
            let at = if parameter == "principal" { "/principal" } else { "/" };
            let link =
                if group.key.is_empty() { String::new() } else { view.link(at, &[(parameter, &group.key)]) };
            Row::new(printable(&group.label), link, &group.measures, group.percent)
        })
        .collect();
    let rest = groups.get(ROWS..).unwrap_or_default();
    if !rest.is_empty() {
        let mut sum = Measures::default();
        rest.iter().for_each(|group| sum.add(&group.measures));
        rows.push(Row::new(format!("{} others", rest.len()), String::new(), &sum, 0));
    }
    rows
}

pub(super) fn top_row(top: &TopExecution) -> TopRow {
    TopRow {
        link: path("/execution/", &top.execution_id),
        at: top.started_at.clone(),
        principal: printable(&top.principal),
        workgroup: printable(&top.workgroup),
        state: top.state.clone(),
        scanned: bytes(top.scanned_bytes),
        cost: dollars(top.cost_nano_usd),
        text: query_text(top.query_text.as_deref()),
    }
}

pub(super) fn shape_row(view: &View, shape: &TopShape) -> ShapeRow {
    let measures = &shape.measures;
    let each = i64::try_from(measures.executions.max(1)).map_or(0, |count| measures.cost / count);
    ShapeRow {
        link: shape
            .fingerprint
            .as_deref()
            .map(|shape| view.link(&path("/shape/", shape), &[]))
            .unwrap_or_default(),
        text: match (&shape.fingerprint, &shape.text) {
            (None, _) => "all other shapes".to_owned(),
            (Some(_), text) => query_text(text.as_deref()),
        },
        executions: thousands(measures.executions),
        failed: thousands(measures.failed),
        scanned: bytes(measures.scanned_bytes),
        cost: money(measures),
        each: price(Some(each)),
    }
}

pub(super) fn heat_rows(heat: &[[i64; 24]; 7]) -> Vec<HeatRow> {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let highest = heat.iter().flatten().copied().max().unwrap_or_default().max(1);
    // Steps of the square root: a bad hour must not make all others look alike.
    let step = |value: i64| match value {
        ..=0 => 0,
        value => 1 + ((value as f64 / highest as f64).sqrt() * 5.99) as usize,
    };
    DAYS.into_iter()
        .zip(heat)
        .map(|(day, hours)| {
            let cells = hours.iter().enumerate().map(|(hour, value)| {
                let written = if *value > 0 { short(*value) } else { String::new() };
                let said = format!("{day} {hour}:00 {}", dollars(*value));
                HeatCell { step: step(*value).min(6), said, written }
            });
            HeatRow { day, cells: cells.collect() }
        })
        .collect()
}

pub(super) fn kind_name(kind: &str) -> &'static str {
    match kind {
        "user" => "A person",
        "service" => "A service",
        _ => "Of unknown kind",
    }
}

/// Dollars in three characters or so.
fn short(nano: i64) -> String {
    let dollars = nano as f64 / 1e9;
    match dollars {
        // The colour says that there was something.
        ..0.05 => String::new(),
        0.05..10.0 => format!("{dollars:.1}"),
        10.0..10_000.0 => format!("{dollars:.0}"),
        _ => format!("{:.0}k", dollars / 1e3),
    }
}

pub(super) fn wasted_row(view: &View, wasted: &Wasted) -> WastedRow {
    let measures = Measures {
        executions: wasted.executions,
        unpriced: wasted.unpriced,
        cost: wasted.cost_nano_usd,
        ..Measures::default()
    };
    WastedRow {
        link: view.link("/queries", &[("state", &wasted.state), ("q", &wasted.error)]),
        state: wasted.state.clone(),
        error: if wasted.error.is_empty() { "(no code)".to_owned() } else { printable(&wasted.error) },
        executions: thousands(wasted.executions),
        scanned: bytes(wasted.scanned_bytes),
        time: duration(wasted.total_ms),
        cost: money(&measures),
    }
}
