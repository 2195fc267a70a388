"""What the dashboard shows, from top to bottom. A row is (height, [(width of 12, chart), ...])."""
from viz import BYTES, COUNT, PERCENT, USD, USD4, bars, before, heat, number, over, rows, sql_metric
from viz import sums, where

DAY, HOUR = "local_day", "hour_epoch"
PEOPLE = [where("principal_kind", "==", "user")]
OTHERS = [where("principal_kind", "IN", ["service", "unknown"])]
# One row a day for each kind reads better as three colours that never change than as a palette.
COLOURS = {
    "user": "#2F6DB5", "People": "#2F6DB5", "service": "#E08A1E", "Services": "#E08A1E", "unknown": "#8A8F98",
    "complete": "#3C9D5D", "partial": "#E0B21E", "open": "#9FB8D1", "none": "#C8463C",
    "today": "#2F6DB5", "Today": "#2F6DB5", "usual": "#8A8F98", "Usual day": "#8A8F98",
    "Others": "#B8BDC6", "other": "#B8BDC6",
}
MONEY = {"cost": USD}

ROWS = [
    (20, [
        (3, number("cost_in_span", "Cost in the span (USD)", "usage_daily", DAY, "cost", USD, "local days")),
        (2, number("cost_today", "Cost today (USD)", "ledger_now", None, "today_cost_now", USD, "local day, everybody")),
        (2, number("cost_month", "Cost this month (USD)", "ledger_now", None, "month_cost_now", USD, "so far, everybody")),
        (3, number("forecast", "Forecast of the month (USD)", "ledger_now", None, "month_forecast_now", USD,
                   "at the average day of the last four weeks")),
        (2, number("coverage_now", "Coverage, last 26 h", "ledger_now", None, "coverage_now", PERCENT,
                   "of the hours due are complete")),
    ]),
    (22, [
        (4, before("cost_before", "Cost against the span before (USD, local days)", "usage_daily", DAY, "cost", USD)),
        (8, rows("freshness", "How fresh and how complete the book is", "ledger_now", None,
                  ["as_of_at", "walked_to_at", "lag_seconds", "timezone", "due_hours", "complete_hours",
                   "month_executions", "month_unpriced"], "as_of_at", 10,
                  {"lag_seconds": ",d", "month_executions": COUNT, "month_unpriced": COUNT},
                  {"show_cell_bars": False})),
    ]),
    (50, [
        (12, over("daily_by_principal", "Cost by day and principal (USD, local days, the ten dearest)", "usage_daily",
                  DAY, DAY, ["cost"], ["principal"], "P1D", top=10)),
    ]),
    (46, [
        (7, over("today_by_principal", "Today's running total by principal (USD, hours of the local day)",
                 "running_total_today", None, "hour_of_day", ["cost"], ["principal"], viz="echarts_area",
                 categories=True, options={"stack": "Stack", "opacity": 0.4, "seriesType": "line"})),
        (5, over("today_against_usual", "Today's running total and the usual day (USD, hours of the local day)",
                 "usual_total_today", None, "hour_of_day", ["today", "usual"], viz="echarts_timeseries_line",
                 categories=True, options={"seriesType": "line"})),
    ]),
    (46, [
        (4, bars("people", "People: cost by principal (USD, local days)", "usage_daily", DAY, "principal",
                 sql_metric("People", "SUM(cost_usd)"), filters=PEOPLE)),
        (4, bars("services", "Services: cost by principal (USD, local days)", "usage_daily", DAY, "principal",
                 sql_metric("Services", "SUM(cost_usd)"), filters=OTHERS)),
        (4, over("daily_by_kind", "Cost by day and kind (USD, local days)", "usage_daily", DAY, DAY, ["cost"],
                 ["principal_kind"], "P1D")),
    ]),
    (28, [
        (12, sums("by_kind", "By kind (local days)", "usage_daily", DAY, ["principal_kind"],
                  ["executions_sum", "failed_sum", "cancelled_sum", "unpriced_sum", "scanned", "billed", "cost"],
                  "cost", 10, {"cost": USD}, {"show_cell_bars": False})),
    ]),
    (40, [
        (4, bars("by_workgroup", "Cost by workgroup (USD, local days)", "usage_daily", DAY, "workgroup", "cost")),
        (4, bars("by_client", "Cost by client (USD, local days)", "usage_daily", DAY, "client", "cost")),
        (4, bars("by_database", "Cost by database (USD, local days)", "usage_daily", DAY, "database_name", "cost")),
    ]),
    (60, [
        (12, rows("top_executions", "Most expensive executions (USD, top 25)", "top_executions_daily", DAY,
                  ["started_at", "principal", "workgroup", "database_name", "scanned_bytes", "cost_usd", "state",
                   "query_text"], "cost_usd", 25, {"scanned_bytes": BYTES, "cost_usd": USD},
                  filters=[where("day_rank", "<=", 100)], about="Of the 100 most expensive ones of each local day.")),
    ]),
    (60, [
        (12, sums("shapes", "Most repeated query shapes and what they cost (USD, local days, all principals, top 25)",
                  "shape_daily", DAY, ["query"],
                  ["executions_sum", "failed_sum", "scanned", "cost", "cost_each"], "executions_sum", 25,
                  {"scanned": BYTES, "cost": USD, "cost_each": USD4})),
    ]),
    (42, [
        (12, heat("hour_weekday", "Cost by hour and weekday (USD, UTC)", "usage_hourly", HOUR, "hour_of_day",
                  "weekday", "cost")),
    ]),
    (50, [
        (7, sums("wasted", "Failed and cancelled: what was wasted (local days)", "wasted_daily", DAY,
                 ["state", "error", "principal"], ["executions_sum", "scanned", "hours", "cost"], "executions_sum", 100,
                 {"scanned": BYTES, "cost": USD})),
        (5, sums("unattributed", "Unattributed by workgroup: no start was seen (local days)", "usage_daily", DAY,
                 ["workgroup"], ["executions_sum", "scanned", "cost"], "executions_sum", 50,
                 {"scanned": BYTES, "cost": USD}, {"show_cell_bars": False},
                 filters=[where("principal_key", "==", "unattributed")])),
    ]),
    (70, [
        (12, rows("recent", "Recent queries (newest 200)", "query_log", "started_epoch",
                  ["started_at", "principal", "principal_kind", "client", "workgroup", "database_name", "state",
                   "scanned_bytes", "cost_usd", "billing_rule", "total_ms", "query_text"], "started_epoch", 200,
                  {"scanned_bytes": BYTES, "cost_usd": USD4, "total_ms": "DURATION"}, {"page_length": 20})),
    ]),
    (40, [
        (7, over("coverage", "Coverage: hours of each day by status (UTC, all scopes)", "coverage_hourly", HOUR, HOUR,
                 ["hours"], ["status"], "P1D", form=COUNT)),
        (5, sums("coverage_reasons", "Hours by status and reason (UTC)", "coverage_hourly", HOUR,
                 ["status", "reason"], ["hours", "executions_sum", "first", "last"], "hours", 50, {},
                 {"show_cell_bars": False})),
    ]),
]

# name, column, and the views that do not have it
FILTERS = [("kind", "Kind", "principal_kind"), ("principal", "Principal", "principal"), ("team", "Team", "team"),
           ("workgroup", "Workgroup", "workgroup")]
EVERYBODY = {"ledger_now", "usual_total_today", "shape_daily", "coverage_hourly"}
NO_WORKGROUP = EVERYBODY | {"running_total_today"}
