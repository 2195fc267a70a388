//! Numbers -> text: tables for people, JSON for programs. Pure; knows no terminal.
//!
//! Every text from a record is other people's text: [`printable`] keeps it from moving the cursor.

pub mod alert;
mod export;

use std::fmt::Write;

use bytesize::ByteSize;
use chrono::{DateTime, Utc};
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Value, json};

use crate::domain::coverage::Status;
use crate::domain::usage::{Dimension, Measures, UsageLine};
use crate::domain::window::Window;

/// What every total leaves out (the Athena price list bills these apart).
pub const NOT_COUNTED: &str =
    "Spark sessions, DPU-hours of provisioned capacity, and the S3, Glue, Lambda and KMS requests of queries";

/// Everything a usage report says.
#[derive(Clone, Debug)]
pub struct UsageReport {
    pub window: Window,
    pub by: Dimension,
    /// Shown lines.
    pub lines: Vec<UsageLine>,
    /// Lines beyond `--top`, summed.
    pub others: Option<(usize, Measures)>,
    pub total: Measures,
    pub coverage: Coverage,
    /// What a TB is: `2^40 bytes` or `10^12 bytes`.
    pub tb: &'static str,
    /// Name of the zone of local days, unless it is UTC, in which AWS bills.
    pub zone: Option<String>,
    /// Found after retention froze their hour: in no total.
    pub adjustments: u64,
}

/// How complete a span is.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    pub complete: u64,
    pub open: u64,
    /// Hours that are partial or were never walked: scope, hour, status, reason; in order.
    pub missing: Vec<(String, DateTime<Utc>, Status, Option<String>)>,
}

impl Coverage {
    /// Every due hour is complete.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    pub fn add(&mut self, scope: &str, hour: DateTime<Utc>, status: Status, reason: Option<String>) {
        match status {
            Status::Complete => self.complete += 1,
            Status::Open => self.open += 1,
            Status::Partial | Status::None => self.missing.push((scope.to_owned(), hour, status, reason)),
        }
    }

    /// Neighbouring hours of a scope with the same status and reason as one span, oldest first.
    pub fn spans(&self) -> Vec<(String, Window, String)> {
        let mut spans: Vec<(String, Window, String)> = Vec::new();
        for (scope, hour, status, reason) in &self.missing {
            let end = *hour + chrono::TimeDelta::hours(1);
            let what = match (status, reason) {
                (Status::None, _) => "not walked".to_owned(),
                (_, Some(reason)) => format!("partial: {reason}"),
                (_, None) => "partial".to_owned(),
            };
            match spans.last_mut() {
                Some((last, window, same)) if last == scope && window.end == *hour && *same == what => {
                    window.end = end;
                }
                _ => spans.push((scope.clone(), Window { start: *hour, end }, what)),
            }
        }
        spans
    }

    /// The lines about completeness at the end of every report.
    pub fn text(&self) -> String {
        const SHOWN: usize = 8;
        let due = self.complete + self.missing.len() as u64;
        let mut text = match (due, self.missing.len()) {
            (0, _) => "no hour of this span is due yet".to_owned(),
            (_, 0) => format!("all {due} due hours complete"),
            (_, _) => format!("{} of {due} due hours complete", self.complete),
        };
        if self.open > 0 {
            let _ = write!(text, ", {} not yet due", self.open);
        }
        if !self.missing.is_empty() {
            let _ = write!(text, "; {} not complete:", self.missing.len());
        }
        let spans = self.spans();
        for (scope, window, what) in spans.iter().take(SHOWN) {
            let (start, end) = (window.start.format("%Y-%m-%d %H:%M"), window.end.format("%Y-%m-%d %H:%M"));
            let _ = write!(text, "\n  {scope}  {start} to {end}  {what}");
        }
        if spans.len() > SHOWN {
            let _ = write!(text, "\n  and {} more; see the view coverage_hourly", spans.len() - SHOWN);
        }
        text
    }

    pub fn json(&self) -> Value {
        let missing = self.spans().into_iter().map(|(scope, window, what)| {
            json!({"scope": scope, "since": window.start, "until": window.end, "what": what})
        });
        json!({
            "complete": self.complete,
            "due": self.complete + self.missing.len() as u64,
            "open": self.open,
            "missing": missing.collect::<Vec<_>>(),
        })
    }
}

impl UsageReport {
    /// For people. `width`: columns of the terminal, if there is one.
    pub fn text(&self, width: Option<u16>) -> String {
        let mut text = format!(
            "Athena usage by {}, {} to {} UTC\n\n",
            self.by.as_str(),
            self.window.start.format("%Y-%m-%d %H:%M"),
            self.window.end.format("%Y-%m-%d %H:%M"),
        );
        if self.total.executions == 0 {
            text.push_str("No execution in this span.\n");
        } else {
            text.push_str(&self.table(width));
            text.push('\n');
        }
        let _ = write!(text, "\nCoverage: {}", self.coverage.text());
        if self.total.unpriced > 0 {
            let _ = write!(
                text,
                "\nUnpriced: {} (pending, denied, gone, or no list price): the cost above is too low by theirs",
                count(self.total.unpriced, "execution"),
            );
        }
        if self.adjustments > 0 {
            let found = count(self.adjustments, "execution");
            let _ = write!(
                text,
                "\nAdjustments: {found} found after retention froze their hours, in no total above"
            );
        }
        let _ = write!(text, "\nPrices: list prices per TB of {}, before taxes and credits", self.tb);
        if let Some(zone) = &self.zone {
            let _ = write!(text, "; days are of {zone}, AWS bills days of UTC");
        }
        let _ = writeln!(text, "\nNot counted: {NOT_COUNTED}.");
        text
    }

    fn table(&self, width: Option<u16>) -> String {
        let principals = self.by == Dimension::Principal;
        let mut header = vec![self.by.as_str()];
        header.extend(principals.then_some(["kind", "team"]).into_iter().flatten());
        header.extend(["executions", "failed", "cancelled", "scanned", "billed", "cost", "share"]);
        let mut table = new_table(width);
        table.set_header(header);
        let mut row = |label: &str, kind: &str, team: &str, measures: &Measures| {
            let mut cells = vec![Cell::new(label)];
            if principals {
                cells.extend([Cell::new(kind), Cell::new(team)]);
            }
            let numbers = [
                thousands(measures.executions),
                thousands(measures.failed),
                thousands(measures.cancelled),
                bytes(measures.scanned_bytes),
                bytes(measures.billed_bytes),
                cost(measures),
                share(measures.cost, self.total.cost),
            ];
            cells.extend(numbers.into_iter().map(|text| Cell::new(text).set_alignment(CellAlignment::Right)));
            table.add_row(cells);
        };
        for line in &self.lines {
            let label = if line.label.is_empty() { "(not told)" } else { &line.label };
            let text = |part: &Option<String>| part.as_deref().map(printable).unwrap_or_default();
            row(&shortened(&printable(label), 60), &text(&line.kind), &text(&line.team), &line.measures);
        }
        if let Some((groups, measures)) = &self.others {
            row(&format!("{groups} more"), "", "", measures);
        }
        row("total", "", "", &self.total);
        table.trim_fmt()
    }

    /// For programs. Money as exact nano-dollars and as dollars.
    pub fn json(&self) -> Value {
        let lines: Vec<Value> = self
            .lines
            .iter()
            .map(|line| {
                let mut value = measures_json(&line.measures);
                value[self.by.as_str()] = json!(line.label);
                if let Some(key) = &line.key {
                    value["key"] = json!(key);
                }
                if self.by == Dimension::Principal {
                    value["kind"] = json!(line.kind);
                    value["team"] = json!(line.team);
                }
                value
            })
            .collect();
        json!({
            "since": self.window.start,
            "until": self.window.end,
            "by": self.by.as_str(),
            "lines": lines,
            "others": self.others.as_ref().map(|(groups, measures)| {
                let mut value = measures_json(measures);
                value["groups"] = json!(groups);
                value
            }),
            "total": measures_json(&self.total),
            "coverage": self.coverage.json(),
            "complete": self.coverage.is_complete(),
            "adjustments": self.adjustments,
            "tb": self.tb,
            "timezone": self.zone.as_deref().unwrap_or("UTC"),
            "not_counted": NOT_COUNTED,
        })
    }
}

fn measures_json(measures: &Measures) -> Value {
    let priced = measures.unpriced < measures.executions || measures.executions == 0;
    json!({
        "executions": measures.executions,
        "failed": measures.failed,
        "cancelled": measures.cancelled,
        "unpriced": measures.unpriced,
        "scanned_bytes": measures.scanned_bytes,
        "billed_bytes": measures.billed_bytes,
        "cost_nano_usd": priced.then_some(measures.cost),
        "cost_usd": priced.then(|| measures.cost as f64 / 1e9),
    })
}

/// A borderless table that fits a terminal, or is as wide as it needs to be.
pub fn new_table(width: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    match width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.max(60)),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table
}

fn cost(measures: &Measures) -> String {
    match (measures.executions, measures.unpriced) {
        (all, unpriced) if all > 0 && all == unpriced => "unpriced".to_owned(),
        (_, 0) => dollars(measures.cost),
        _ => format!("{}+", dollars(measures.cost)),
    }
}

fn share(part: i64, whole: i64) -> String {
    if whole <= 0 { String::new() } else { format!("{:.1}%", part as f64 * 100.0 / whole as f64) }
}

/// Nano-dollars as dollars and cents, half up; what is more than nothing never shows as nothing.
pub fn dollars(nano: i64) -> String {
    if (1..5_000_000).contains(&nano) {
        return "<$0.01".to_owned();
    }
    let cents = (i128::from(nano) + 5_000_000).div_euclid(10_000_000);
    let sign = if cents < 0 { "-" } else { "" };
    let whole = u64::try_from(cents.unsigned_abs() / 100).unwrap_or(u64::MAX);
    format!("{sign}${}.{:02}", thousands(whole), cents.unsigned_abs() % 100)
}

/// Nano-dollars to the last digit that says something, for one execution.
pub fn exact_dollars(nano: i64) -> String {
    let text = format!("{}.{:09}", nano / 1_000_000_000, (nano % 1_000_000_000).abs());
    let kept = text.trim_end_matches('0').len().max(text.find('.').unwrap_or(0) + 3);
    format!("${}", text.get(..kept).unwrap_or(&text))
}

/// Bytes in binary units.
pub fn bytes(value: u64) -> String {
    ByteSize::b(value).display().iec().to_string()
}

/// `1 execution`, `2,000 executions`.
pub fn count(value: u64, what: &str) -> String {
    format!("{} {what}{}", thousands(value), if value == 1 { "" } else { "s" })
}

/// Digits in groups of three.
pub fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Other people's text on one line: control characters and marks that reorder text become `\u{fffd}`.
pub fn printable(text: &str) -> String {
    let unsafe_mark = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let spaced = text.split_whitespace().collect::<Vec<_>>().join(" ");
    spaced.chars().map(|c| if unsafe_mark(c) { '\u{fffd}' } else { c }).collect()
}

/// Other people's text of several lines: each is `printable`, and keeps its indentation.
pub fn printable_lines(text: &str) -> String {
    let line = |line: &str| {
        let indent = line.len() - line.trim_start().len();
        format!("{}{}", " ".repeat(indent), printable(line))
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Other people's text for a spreadsheet: what it would run as a formula gets an apostrophe before it.
pub fn spreadsheet_text(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// At most `longest` characters, the last one an ellipsis if something is left out.
pub fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_rounded_half_up_and_never_shows_something_as_nothing() {
        for (nano, text) in [
            (0, "$0.00"),
            (1, "<$0.01"),
            (47_684, "<$0.01"),
            (5_000_000, "$0.01"),
            (1_234_565_000_000, "$1,234.57"),
            (1_234_564_999_999, "$1,234.56"),
            (i64::MAX, "$9,223,372,036.85"),
        ] {
            assert_eq!(dollars(nano), text);
        }
        assert_eq!(exact_dollars(47_684), "$0.000047684");
        assert_eq!(exact_dollars(5_000_000_000), "$5.00");
    }

    #[test]
    fn other_peoples_text_cannot_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[31mred\nline\u{202e}x"), "a\u{fffd}[31mred line\u{fffd}x");
        assert_eq!(shortened("abcdef", 4), "abc…");
    }

    #[test]
    fn neighbouring_hours_with_the_same_gap_are_told_as_one() {
        let hour = |n| DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(n);
        let mut coverage = Coverage::default();
        coverage.add("a", hour(0), Status::Complete, None);
        for n in 1..4 {
            coverage.add("a", hour(n), Status::None, None);
        }
        coverage.add("a", hour(4), Status::Partial, Some("1 gone".to_owned()));
        coverage.add("a", hour(5), Status::Open, None);
        insta::assert_snapshot!(coverage.text(), @r"
        1 of 5 due hours complete, 1 not yet due; 4 not complete:
          a  1970-01-01 01:00 to 1970-01-01 04:00  not walked
          a  1970-01-01 04:00 to 1970-01-01 05:00  partial: 1 gone
        ");
    }
}
