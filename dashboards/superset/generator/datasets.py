"""One dataset for each view the dashboard reads; the columns are those of schema.sql."""
import sqlite3

# A span is whole UTC days, a row a local day that begins at `day_epoch`. The instant 13 hours into a local day is
# within the UTC day of the same date from UTC-10 to UTC+13, so the span finds the right local days.
LOCAL_DAY = ("local_day", "Day (local)", "day_epoch + 46800")
# From the integers: an hour of text would be written for every row first.
HOUR_OF_DAY = ("hour_of_day", "Hour (UTC)", "printf('%02d', hour_epoch / 3600 % 24)")
WEEKDAY = ("weekday", "Weekday (UTC)", "CASE (hour_epoch / 86400 + 4) % 7 WHEN 1 THEN '1 Mon' WHEN 2 THEN '2 Tue' "
           "WHEN 3 THEN '3 Wed' WHEN 4 THEN '4 Thu' WHEN 5 THEN '5 Fri' WHEN 6 THEN '6 Sat' ELSE '7 Sun' END")

# Wide texts push numbers out of sight.
ONE_LINE = ("query", "Query", "substr(replace(replace(query_text, char(10), ' '), char(13), ''), 1, 160)")

COST = ("cost", "Cost", "SUM(cost_usd)", "$,.2f")
EXECUTIONS = ("executions_sum", "Executions", "SUM(executions)", ",d")
FAILED = ("failed_sum", "Failed", "SUM(failed)", ",d")
CANCELLED = ("cancelled_sum", "Cancelled", "SUM(cancelled)", ",d")
UNPRICED = ("unpriced_sum", "Not priced", "SUM(unpriced)", ",d")
SCANNED = ("scanned", "Scanned", "SUM(scanned_bytes)", "MEMORY_BINARY")
BILLED = ("billed", "Billed", "SUM(billed_bytes)", "MEMORY_BINARY")
USAGE = [COST, EXECUTIONS, FAILED, CANCELLED, UNPRICED, SCANNED, BILLED]


def now(column, label, form):
    return (column.removesuffix("_usd") + "_now", label, f"MAX({column})", form)


# view: its time column, columns of our own, metrics
DATASETS = {
    "usage_daily": ("local_day", [LOCAL_DAY], USAGE),
    "usage_hourly": ("hour_epoch", [HOUR_OF_DAY, WEEKDAY], USAGE),
    "shape_daily": ("local_day", [LOCAL_DAY, ONE_LINE], [
        *USAGE, ("cost_each", "Cost each", "SUM(cost_usd) / SUM(executions - unpriced)", "$,.4f"),
        ("days", "Days", "COUNT(DISTINCT day)", ",d")]),
    "top_executions_daily": ("local_day", [LOCAL_DAY], [("cost", "Cost", "SUM(cost_usd)", "$,.2f")]),
    "wasted_daily": ("local_day", [LOCAL_DAY], [
        EXECUTIONS, SCANNED, BILLED, COST, ("hours", "Hours", "SUM(total_ms) / 3600000.0", ",.2f")]),
    "running_total_today": (None, [], [("cost", "Cost", "SUM(cost_usd)", "$,.2f")]),
    "usual_total_today": (None, [], [("today", "Today", "SUM(cost_usd)", "$,.2f"),
                                     ("usual", "Usual day", "SUM(usual_cost_usd)", "$,.2f")]),
    "ledger_now": (None, [], [
        now("today_cost_usd", "Cost today", "$,.2f"), now("month_cost_usd", "Cost this month", "$,.2f"),
        now("month_forecast_usd", "Forecast", "$,.2f"), now("coverage", "Coverage", ".1%"),
        now("as_of_at", "As of", None)]),
    "coverage_hourly": ("hour_epoch", [], [
        ("hours", "Hours", "COUNT(*)", ",d"), EXECUTIONS, ("first", "First (UTC)", "MIN(hour_at)", None),
        ("last", "Last (UTC)", "MAX(hour_at)", None)]),
    "query_log": ("started_epoch", [], [("executions_count", "Executions", "COUNT(*)", ",d"), COST]),
}

NAMES = {
    "principal_kind": "Kind", "started_at": "Started (UTC)", "database_name": "Database", "cost_usd": "Cost",
    "scanned_bytes": "Scanned", "billed_bytes": "Billed", "query_text": "Query", "total_ms": "Took",
    "billing_rule": "Billed as", "query_fingerprint": "Shape", "as_of_at": "As of (UTC)",
    "walked_to_at": "Read up to (UTC)", "lag_seconds": "Behind", "timezone": "Days are local to",
    "due_hours": "Hours due (last 26)", "complete_hours": "Complete", "hour_of_day": "Hour of the day",
    "month_executions": "Executions this month", "month_unpriced": "of these not priced",
}
WHOLE = {"executions", "failed", "cancelled", "unpriced", "events", "finished", "pending", "denied", "gone", "reused",
         "unattributed", "unreadable", "day_rank", "principal_rank", "before_ledger", "hour_of_day", "lag_seconds",
         "due_hours", "complete_hours", "month_executions", "month_unpriced"}


def type_of(column):
    if column in WHOLE or column.endswith(("_epoch", "_bytes", "_ms")):
        return "INTEGER"
    return "REAL" if column.endswith("_usd") or column in ("coverage", "dpu_count") else "TEXT"


def column(name, label, kind, epoch, expression=None):
    found = {"column_name": name, "verbose_name": label, "is_dttm": epoch, "is_active": True, "type": kind,
             "groupby": True, "filterable": True, "expression": expression, "extra": {}}
    return {**found, "python_date_format": "epoch_s"} if epoch else found


def dataset(view, schema, uuid_of):
    time, own, metrics = DATASETS[view]
    book = sqlite3.connect(":memory:")
    book.executescript(schema)
    taken = {name for name, *_ in own}
    found = [row[1] for row in book.execute(f"PRAGMA table_info({view})") if row[1] not in taken]
    columns = [column(name, NAMES.get(name, name.removesuffix("_at").replace("_", " ").capitalize()),
                      type_of(name), name == time) for name in found]
    columns += [column(name, label, "INTEGER" if name == time else "TEXT", name == time, expression)
                for name, label, expression in own]
    return {
        "table_name": view, "main_dttm_col": time, "description": None, "default_endpoint": None, "offset": 0,
        "cache_timeout": None, "schema": None, "sql": None, "params": None, "template_params": None,
        "filter_select_enabled": True, "fetch_values_predicate": None, "extra": None, "normalize_columns": False,
        "always_filter_main_dttm": False, "uuid": uuid_of("dataset", view),
        "metrics": [{"metric_name": name, "verbose_name": label, "metric_type": None, "expression": expression,
                     "d3format": form, "extra": {}} for name, label, expression, form in metrics],
        "columns": columns, "version": "1.0.0", "database_uuid": "5f0c8f6e-3a0b-5c53-9d0a-8f6f0b6f0a01",
    }
