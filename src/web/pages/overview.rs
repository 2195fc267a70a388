//! The overview, of everything or of one principal.

use askama::Template;
use axum::extract::{Query as Parameters, State};
use axum::response::Html;
use chrono::{DateTime, TimeDelta, Utc};

use super::super::Book;
use super::super::figures::{self, Course, change, money};
use super::super::view::{Query, View};
use super::chrome::{Ends, Fresh, Kpi, Span, ends};
use super::tables::{
    HeatRow, ShapeRow, Table, TopRow, WastedRow, heat_rows, kind_name, shape_row, tables, top_row, wasted_row,
};
use super::{Answer, failed};
use crate::domain::selection::Selection;
use crate::domain::usage::Measures;
use crate::domain::window::Window;
use crate::report::{bytes, count, dollars, printable, thousands};
use crate::store::page::{BookNow, Cells, Found, Today, TopExecution, TopShape, Wasted};
use crate::store::{Reader, StoreError};

/// Principals with a colour of their own.
const LINES: usize = 10;
const TOP: usize = 15;
/// Weekdays and hours of a selection are those of this many last days: more would be read row by row.
const HEAT_OF_SELECTION: TimeDelta = TimeDelta::days(14);

/// Everything an overview is drawn from.
pub(in super::super) struct Overview {
    pub(in super::super) cells: Cells,
    before: Option<Measures>,
    now: Option<BookNow>,
    today: Today,
    top: Found<TopExecution>,
    shapes: Found<TopShape>,
    /// `None`: not told of a selection of a client or database.
    heat: Option<[[i64; 24]; 7]>,
    heat_cut: bool,
    wasted: Found<Wasted>,
}

/// Reads it: the heart of the page, and what its bench measures.
pub(in super::super) fn read(
    reader: &Reader,
    view: &View,
    now: DateTime<Utc>,
) -> Result<Overview, StoreError> {
    let (window, selection, stretch) = (view.window, &view.search.selection, view.stretch());
    let cells = reader.cells(window, selection, view.zone)?;
    let reach = reader.first_day()?;
    // As long a span before it, up to the same time of its last day.
    let ended = window.end.min(now);
    let length = window.duration();
    let before = Window::new(window.start - length, ended - length)
        .filter(|before| reach.is_some_and(|first| first <= before.start))
        .map(|before| reader.cells(before, selection, view.zone))
        .transpose()?
        .map(|cells| figures::total(&cells));
    let heat_cut = !selection.is_everything() && length > HEAT_OF_SELECTION;
    let of_heat =
        if heat_cut { Window { start: ended - HEAT_OF_SELECTION, end: window.end } } else { window };
    let heat = reader.hours(of_heat, selection)?.map(|hours| figures::heat(&hours, view.zone));
    Ok(Overview {
        cells,
        before,
        now: reader.now()?,
        today: if selection.is_everything() { reader.today(LINES)? } else { Today::default() },
        top: reader.top_executions(stretch, selection, TOP)?,
        shapes: reader.top_shapes(stretch, selection, TOP)?,
        heat,
        heat_cut,
        wasted: reader.wasted(stretch, selection)?,
    })
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    heading: String,
    identity: Vec<String>,
    state: Fresh,
    span: Span,
    kpis: Vec<Kpi>,
    empty: bool,
    grain: &'static str,
    zone: String,
    course: Course,
    course_rows: Vec<Numbers>,
    today: Today,
    /// Whether the usual day is known.
    usual: bool,
    today_rows: Vec<Numbers>,
    tables: Vec<Table>,
    top: Vec<TopRow>,
    top_note: &'static str,
    shapes: Vec<ShapeRow>,
    shapes_note: &'static str,
    heat: Vec<HeatRow>,
    heat_note: &'static str,
    wasted: Vec<WastedRow>,
    wasted_note: &'static str,
}

/// A head, and what is drawn and what is written of each cell.
type Numbers = (String, Vec<(String, String)>);

pub(in super::super) async fn overview(
    State(book): State<Book>,
    Parameters(query): Parameters<Query>,
) -> Answer {
    shown(book, query, "/").await
}

pub(in super::super) async fn principal(
    State(book): State<Book>,
    Parameters(query): Parameters<Query>,
) -> Answer {
    shown(book, query, "/principal").await
}

async fn shown(book: Book, query: Query, at: &str) -> Answer {
    let Ends { now, zone, fresh: state } = ends(&book).await?;
    let view = View::parse(query, now, zone)?;
    let asked = view.clone();
    let found = book.read(move |reader| read(reader, &asked, now)).await?;
    let page = page(&view, found, state, at, now);
    Ok(Html(page.render()?))
}

fn page(view: &View, found: Overview, state: Fresh, at: &str, now: DateTime<Utc>) -> OverviewPage {
    let cells = &found.cells;
    let total = figures::total(cells);
    let mut course = figures::course(cells, LINES);
    course.series.iter_mut().for_each(|(name, _)| *name = printable(name));
    let who = view.search.selection.principal.as_ref();
    let known = who.and_then(|key| cells.principals.values().find(|who| who.key == *key));
    let heading = match (known, who) {
        (Some(who), _) => printable(&who.name),
        (None, Some(key)) => printable(key),
        (None, None) => "Athena usage".to_owned(),
    };
    let identity = known.map_or_else(Vec::new, |who| {
        let team =
            if who.team.is_empty() { String::new() } else { format!(", team {}", printable(&who.team)) };
        vec![format!("{}{team} · {}", kind_name(&who.kind), printable(&who.key))]
    });
    OverviewPage {
        heading,
        identity,
        state,
        span: Span::new(view, at, now),
        kpis: kpis(view, &found, &total),
        empty: cells.cells.is_empty(),
        grain: if course.buckets.first().is_some_and(|name| name.len() == 7) { "month" } else { "day" },
        zone: if view.zone == chrono_tz::UTC {
            "UTC".to_owned()
        } else {
            format!("{} time", view.zone.name())
        },
        course_rows: course_rows(&course),
        course,
        usual: is_usual(&found.today),
        today_rows: today_rows(&found.today),
        tables: tables(view, cells),
        top_note: top_note(view, found.top.cut),
        top: found.top.rows.iter().map(top_row).collect(),
        shapes_note: shapes_note(view, found.shapes.cut),
        shapes: found.shapes.rows.iter().map(|shape| shape_row(view, shape)).collect(),
        heat: found.heat.as_ref().map(heat_rows).unwrap_or_default(),
        heat_note: if found.heat_cut { ", the last 14 days" } else { "" },
        wasted_note: if found.wasted.cut { CUT } else { "" },
        wasted: found.wasted.rows.iter().map(|wasted| wasted_row(view, wasted)).collect(),
        today: found.today,
    }
}

const CUT: &str = ", of the newest 30,000 executions";

/// What a list of the most expensive may leave out.
fn top_note(view: &View, cut: bool) -> &'static str {
    let selection = &view.search.selection;
    match (view.stretch().days, &selection.principal) {
        (None, _) => {
            if cut {
                CUT
            } else {
                ""
            }
        }
        (Some(_), Some(_)) => ", of the 10 of each day",
        (Some(_), None) if !selection.is_everything() => ", of the 100 of each day that all have",
        (Some(_), None) => "",
    }
}

fn shapes_note(view: &View, cut: bool) -> &'static str {
    let of_rollups = view.stretch().days.is_some() && view.search.selection.is_everything();
    match (of_rollups, cut) {
        (true, _) => "; of each day the 100 that cost and the 100 that ran most, the others together",
        (false, true) => CUT,
        (false, false) => "",
    }
}

fn kpis(view: &View, found: &Overview, total: &Measures) -> Vec<Kpi> {
    let unknown = total.unpriced > 0 && total.unpriced == total.executions;
    let against = match found.before.filter(|_| !unknown) {
        Some(before) => match change(total.cost, before.cost) {
            Some(change) => format!("{change} against {} before", dollars(before.cost)),
            None => "nothing in the span before".to_owned(),
        },
        None if unknown => String::new(),
        None => "the book does not reach to the span before".to_owned(),
    };
    let mut kpis = vec![
        Kpi::new("Cost of the span", money(total), &against),
        Kpi::new("Scanned", bytes(total.scanned_bytes), &format!("{} billed", bytes(total.billed_bytes))),
        Kpi::new("Executions", thousands(total.executions), &failed(total)),
    ];
    if total.unpriced > 0 {
        let note = "running, denied, forgotten or no list price: the cost is higher";
        kpis.push(Kpi::new("Not priced", count(total.unpriced, "execution"), note));
    }
    let usd = |value: f64| format!("${value:.2}");
    // Never $0 for what is not known.
    let sum = |value: f64, executions: u64, unpriced: u64| match unpriced {
        0 => usd(value),
        all if all == executions => "unknown".to_owned(),
        _ => format!("{}+", usd(value)),
    };
    if let Some(now) = found.now.as_ref().filter(|_| view.search.selection == Selection::default()) {
        let forecast = now.month_forecast_usd.map_or_else(
            || "no forecast: fewer than 3 days are known".to_owned(),
            |forecast| format!("heading for {}", usd(forecast)),
        );
        let today = sum(now.today_cost_usd, now.today_executions, now.today_unpriced);
        kpis.push(Kpi::new("Today", today, &now.today));
        let month = sum(now.month_cost_usd, now.month_executions, now.month_unpriced);
        kpis.push(Kpi::new("Month to date", month, &forecast));
    }
    let nobodys: Measures = found.cells.cells.iter().filter(|cell| cell.principal == 0).fold(
        Measures::default(),
        |mut sum, cell| {
            sum.add(&cell.measures);
            sum
        },
    );
    let note = format!("{} that nobody was seen to start", count(nobodys.executions, "execution"));
    kpis.push(Kpi::new("Unattributed", money(&nobodys), &note));
    kpis
}

fn course_rows(course: &Course) -> Vec<Numbers> {
    let row = |(at, name): (usize, &String)| {
        let values = course.series.iter().map(|(_, line)| line.get(at).copied().unwrap_or_default());
        (name.clone(), values.map(|value| (format!("{:.4}", value as f64 / 1e9), dollars(value))).collect())
    };
    course.buckets.iter().enumerate().map(row).collect()
}

fn is_usual(today: &Today) -> bool {
    today.usual_usd.iter().any(Option::is_some)
}

fn today_rows(today: &Today) -> Vec<Numbers> {
    let told = |value: Option<f64>| {
        value.map_or_else(
            || (String::new(), "–".to_owned()),
            |usd| (format!("{usd:.4}"), format!("${usd:.2}")),
        )
    };
    let row = |(at, hour): (usize, &String)| {
        let values = today.principals.iter().map(|(_, line)| line.get(at).copied());
        let total = today.total_usd.get(at).copied().flatten();
        let usual = today.usual_usd.get(at).filter(|_| is_usual(today)).copied();
        (hour.clone(), values.chain([total]).chain(usual).map(told).collect())
    };
    today.hours.iter().enumerate().map(row).collect()
}
