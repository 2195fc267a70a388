//! A usage report as a file: CSV for spreadsheets, HTML to mail around.

use askama::Template;

use super::{NOT_COUNTED, UsageReport, bytes, dollars, printable, spreadsheet_text, thousands};
use crate::domain::usage::Measures;

impl UsageReport {
    /// One line per group, the rest as `others`; exact numbers, costs in dollars and empty where not known.
    pub fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let head = [
            self.by.as_str(),
            "key",
            "kind",
            "team",
            "executions",
            "failed",
            "cancelled",
            "unpriced",
            "scanned_bytes",
            "billed_bytes",
            "cost_usd",
        ];
        // Writing to memory cannot fail.
        let _ = writer.write_record(head);
        let mut row = |words: [&str; 4], measures: &Measures| {
            let cost = match measures.unpriced == measures.executions && measures.executions > 0 {
                true => String::new(),
                false => format!("{:.9}", measures.cost as f64 / 1e9),
            };
            let numbers = [
                measures.executions,
                measures.failed,
                measures.cancelled,
                measures.unpriced,
                measures.scanned_bytes,
                measures.billed_bytes,
            ];
            let cells =
                words.into_iter().map(spreadsheet_text).chain(numbers.map(|number| number.to_string()));
            let _ = writer.write_record(cells.chain([cost]));
        };
        for line in &self.lines {
            let text = |part: &Option<String>| part.clone().unwrap_or_default();
            row([&line.label, &text(&line.key), &text(&line.kind), &text(&line.team)], &line.measures);
        }
        if let Some((groups, measures)) = &self.others {
            row([&format!("{groups} others"), "", "", ""], measures);
        }
        String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
    }

    /// One file that needs no other, in light and dark, with a bar for each group.
    pub fn html(&self) -> Result<String, askama::Error> {
        let at = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M").to_string();
        let highest = self.lines.iter().map(|line| line.measures.cost).max().unwrap_or_default().max(1);
        let mut rows: Vec<HtmlRow> = self
            .lines
            .iter()
            .map(|line| {
                let more = [&line.kind, &line.team].into_iter().flatten().map(|text| printable(text));
                HtmlRow {
                    label: if line.label.is_empty() {
                        "(not told)".to_owned()
                    } else {
                        printable(&line.label)
                    },
                    more: more.collect::<Vec<_>>().join(", "),
                    ..HtmlRow::new(&line.measures, highest)
                }
            })
            .collect();
        if let Some((groups, measures)) = &self.others {
            rows.push(HtmlRow {
                label: format!("{groups} others"),
                percent: 0,
                ..HtmlRow::new(measures, highest)
            });
        }
        let page = HtmlReport {
            by: self.by.as_str(),
            since: at(self.window.start),
            until: at(self.window.end),
            zone: self.zone.clone().unwrap_or_default(),
            total: HtmlRow::new(&self.total, highest),
            unpriced: self.total.unpriced,
            rows,
            coverage: self.coverage.text(),
            complete: self.coverage.is_complete(),
            adjustments: self.adjustments,
            tb: self.tb,
        };
        page.render()
    }
}

#[derive(Template)]
#[template(path = "report.html")]
struct HtmlReport {
    by: &'static str,
    since: String,
    until: String,
    zone: String,
    total: HtmlRow,
    unpriced: u64,
    rows: Vec<HtmlRow>,
    coverage: String,
    complete: bool,
    adjustments: u64,
    tb: &'static str,
}

#[derive(Default)]
struct HtmlRow {
    label: String,
    more: String,
    percent: u64,
    executions: String,
    failed: String,
    scanned: String,
    billed: String,
    cost: String,
}

impl HtmlRow {
    fn new(measures: &Measures, highest: i64) -> Self {
        let cost = match measures.unpriced {
            0 => dollars(measures.cost),
            all if all == measures.executions => "unknown".to_owned(),
            _ => format!("{}+", dollars(measures.cost)),
        };
        Self {
            percent: u64::try_from(measures.cost.max(0) * 100 / highest.max(1)).unwrap_or(0),
            executions: thousands(measures.executions),
            failed: thousands(measures.failed),
            scanned: bytes(measures.scanned_bytes),
            billed: bytes(measures.billed_bytes),
            cost,
            ..Self::default()
        }
    }
}
