"""Writes athena-ledger.json: Grafana wants each SQL text twice, and nobody should keep two copies alike by hand.

usage: generate.py [--check]     (--check: only fail if the file is not what this script writes)
"""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from parts import (BARS, COST, DAYS, FILTERS, HOURS, ONE_LINE, PLUGIN, POINTS, USED, by_name, by_ref, chosen, distinct, legend,
                   panel, panels, ranked, stat, steps, table, target, variable)  # noqa: E402

# ------------------------------------------------------------------------------------------------ what it costs

stat("Cost in span (USD, local days)", (0, 0, 5, 4), f"SELECT {COST}\n{USED}",
     "Of all days that the span touches, without taxes and credits. Executions without a price are not in it: they are "
     "counted under Unpriced.", "currencyUSD", decimals=2)

stat("Against the previous span (USD, whole UTC hours)", (5, 0, 5, 4), f"""
WITH span AS (
  SELECT $__from / 3600000 * 3600 AS since, min($__to / 1000, walked_to_epoch) / 3600 * 3600 AS until FROM ledger_now
), used AS (
  SELECT TOTAL(cost_usd) FILTER (WHERE hour_epoch >= since) AS cost,
    SUM(cost_usd) FILTER (WHERE hour_epoch < since) AS before
  FROM span JOIN usage_hourly ON hour_epoch >= 2 * since - until AND hour_epoch < until
  WHERE {chosen()}
)
SELECT cost / nullif(before, 0) - 1 AS change, before AS previous
FROM span, used
WHERE since < until AND EXISTS (
  SELECT 1 FROM coverage_hourly WHERE hour_epoch <= 2 * since - until AND status <> 'none')
UNION ALL SELECT NULL, NULL
LIMIT 1""", "The span up to the newest hour read, against as many hours just before it. Unknown when the book does not "
     "reach back that far.", "currencyUSD",
     overrides=[by_name("change", unit="percentunit", decimals=1), by_name("previous", decimals=2)])

stat("Month to date (USD, local month)", (10, 0, 4, 4), f"""
SELECT {COST}
FROM ledger_now CROSS JOIN usage_daily
WHERE day_epoch > CAST(strftime('%s', month || '-01') AS INTEGER) - 86400 AND day >= month || '-01'
  AND {chosen()}""", "The month of the book, whatever the span.", "currencyUSD", decimals=2)

stat("Forecast of the month (USD, everybody)", (14, 0, 5, 4), "SELECT month_forecast_usd AS cost FROM ledger_now",
     "The month so far, and for its rest the average day of the last four weeks. Unknown with fewer than 3 days in the "
     "book.", "currencyUSD", decimals=2)

stat("Today (USD, local day of the book)", (19, 0, 5, 4), f"""
SELECT {COST}
FROM ledger_now CROSS JOIN usage_daily
WHERE day_epoch > as_of_epoch - 180000 AND day = today
  AND {chosen()}""", "Today is the day of the last rollup, not of the clock on the wall: a collector that stopped "
     "yesterday shows yesterday. No time filter.", "currencyUSD", decimals=2)

# ------------------------------------------------------------------------------------------ whether to believe it

stat("Newest event time read", (0, 4, 4, 4), "SELECT walked_to_epoch * 1000 AS \"read up to\" FROM ledger_now",
     "How far all accounts and regions have been read.", "dateTimeFromNow")
stat("Behind at the last rollup (s)", (4, 4, 4, 4), "SELECT lag_seconds AS lag FROM ledger_now",
     "From the newest event time read to the last rollup; CloudTrail itself is some minutes late. It stands still when "
     "nothing runs: the panel to its left does not.", "s", steps(("green", None), ("orange", 7200), ("red", 14400)))
stat("Coverage, last 26 h (due hours)", (8, 4, 4, 4), "SELECT coverage FROM ledger_now",
     "Unknown with no due hour.", "percentunit", steps(("red", None), ("orange", 0.9), ("green", 1)), decimals=1)
stat("Coverage of the span (due hours)", (12, 4, 4, 4), f"""
WITH span AS (
  SELECT $__from / 3600000 AS since, min($__to / 1000 + 3599, strftime('%s', 'now') - 1800) / 3600 AS until
), known AS (
  SELECT SUM(status = 'complete') AS complete, COUNT(DISTINCT account_id || region) AS scopes
  FROM coverage_hourly
  WHERE {HOURS}
)
SELECT min(1.0, complete * 1.0 / nullif(scopes * (until - since), 0)) AS coverage
FROM span, known""", "Hours before the book began, and since the collector stopped, count as missing.", "percentunit",
     steps(("red", None), ("orange", 0.9), ("green", 1)), decimals=1)
stat("Executions and scanned (local days)", (16, 4, 4, 4),
     f"SELECT TOTAL(executions) AS executions, TOTAL(scanned_bytes) AS scanned\n{USED}",
     "1 TiB is 2^40 bytes.", overrides=[by_name("scanned", unit="bytes"), by_name("executions", unit="none")])
stat("Unpriced executions (local days)", (20, 4, 4, 4), f"SELECT TOTAL(unpriced) AS executions\n{USED}",
     "Their cost is unknown (running, denied, gone, or a region without a known price), and in no sum of this page.",
     "none", steps(("green", None), ("orange", 1)))

# -------------------------------------------------------------------------------------------------------- by day

panel("timeseries", "Daily cost by principal (USD, local days)", (0, 8, 14, 10), [target(f"""
WITH used AS (
  SELECT day_epoch, principal, SUM(cost_usd) AS cost
  {USED.replace(chr(10), chr(10) + '  ')}
  GROUP BY 1, 2
), top AS (
  SELECT principal FROM used GROUP BY 1 ORDER BY TOTAL(cost) DESC, 1 LIMIT 10
)
SELECT day_epoch AS time, iif(principal IN (SELECT principal FROM top), principal, '(other)') AS principal,
  SUM(cost) AS cost
FROM used
GROUP BY 1, 2
ORDER BY 1""", "time", True), target(f"""
SELECT day_epoch AS time, SUM(unpriced) AS unpriced
{USED}
GROUP BY 1
HAVING SUM(unpriced) > 0
ORDER BY 1""", "time", True, "B")],
      "The ten highest of the span, and all others as one. Points on the right axis: executions without a price.",
      legend("sum"), {"unit": "currencyUSD", "decimals": 2, "displayName": "${__field.labels.principal}"}, BARS,
      [by_ref("B", displayName="unpriced executions", **POINTS)])

panel("timeseries", "Today's running cost by principal (USD, local day of the book)", (14, 8, 10, 10), [target(f"""
SELECT hour_epoch AS time, principal, cost_usd AS cost
FROM running_total_today
WHERE {chosen('kind', 'principal', 'team')}
ORDER BY 1""", "time", True), target("""
SELECT hour_epoch AS time, usual_cost_usd AS usual
FROM usual_total_today
WHERE usual_cost_usd IS NOT NULL
ORDER BY 1""", "time", True, "B")],
      "Cost since local midnight, at the end of each hour, up to the newest hour read; the 50 highest principals, and all "
      "others as one. Dashed: the usual day of everybody, the median of the last four same weekdays. Today is the day of "
      "the last rollup, not of the clock on the wall, so the SQL has no time filter: with a collector that stopped before "
      "today, the curve is outside the axis. Unpriced executions are not in it.",
      legend("lastNotNull"), {"unit": "currencyUSD", "decimals": 2, "displayName": "${__field.labels.principal}"},
      {"drawStyle": "line", "lineInterpolation": "stepAfter", "lineWidth": 1, "fillOpacity": 35, "showPoints": "never",
       "stacking": {"mode": "normal", "group": "A"}},
      [by_ref("B", displayName="usual day, everybody", custom__stacking={"mode": "none"}, custom__fillOpacity=0,
              custom__lineWidth=2, custom__lineStyle={"fill": "dash", "dash": [8, 6]},
              color={"mode": "fixed", "fixedColor": "text"})])
panels[-1]["timeFrom"] = "now/d"

# ------------------------------------------------------------------------------------- people and services apart

panel("timeseries", "People and services (USD, local days)", (0, 18, 8, 9), target(f"""
SELECT day_epoch AS time, SUM(cost_usd) FILTER (WHERE principal_kind = 'user') AS people,
  SUM(cost_usd) FILTER (WHERE principal_kind = 'service') AS services,
  SUM(cost_usd) FILTER (WHERE principal_kind = 'unknown') AS unknown
{USED}
GROUP BY 1
ORDER BY 1""", "time", True), "A person, an AWS service or machine role, or neither to tell.",
      {**legend("sum"), "legend": {**legend("sum")["legend"], "placement": "bottom"}}, {"unit": "currencyUSD", "decimals": 2}, BARS,
      [by_name("people", color={"mode": "fixed", "fixedColor": "blue"}),
       by_name("services", color={"mode": "fixed", "fixedColor": "orange"}),
       by_name("unknown", color={"mode": "fixed", "fixedColor": "purple"})])


def gauge(color):
    # fieldMinMax: the bar's full length is the highest cost, not the highest number of the table.
    return by_name("cost", unit="currencyUSD", decimals=2, min=0, fieldMinMax=True, custom__width=135,
                   custom__cellOptions={"type": "gauge", "mode": "basic"}, color={"mode": "fixed", "fixedColor": color})


SUM = by_name("cost", unit="currencyUSD", decimals=2, custom__width=100)
LINE = ("executions", "unpriced", "scanned")
table("People (USD, local days)", (8, 18, 8, 9), ranked("principal", "principal", "\n  AND principal_kind <> 'service'", 100),
      LINE, "Persons and principals of unknown kind, the 100 highest by cost; cost is empty where nothing has a price.",
      extra=[gauge("blue")])
table("Services (USD, local days)", (16, 18, 8, 9), ranked("principal", "principal", "\n  AND principal_kind = 'service'", 100),
      LINE, "AWS services and machine roles, the 100 highest by cost; cost is empty where nothing has a price.",
      extra=[gauge("orange")])

# --------------------------------------------------------------------------------------------------- what it is for

for n, (name, column) in enumerate((("workgroup", "workgroup"), ("client", "client"), ("database", "database_name"))):
    sql = ranked("name", f"coalesce({column}, '(none)')", "", 15).split("\nSELECT iif(")[0]
    panel("barchart", f"Cost by {name} (USD, local days)", (8 * n, 27, 8, 9), target(f"""
{sql}
SELECT iif(place <= 15, name, '(other)') || iif(SUM(unpriced) > 0, ' (' || SUM(unpriced) || ' unpriced)', '')
    AS {name}, SUM(cost) AS cost
FROM placed
GROUP BY min(place, 16)
ORDER BY min(place, 16)"""), "The 15 highest, and all others as one. Executions without a price stand in the name.",
          {"orientation": "horizontal", "xField": name, "showValue": "auto", "stacking": "none", "groupWidth": 0.7,
           "barWidth": 0.85, "fullHighlight": False, "xTickLabelMaxLength": 28,
           "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
           "tooltip": {"mode": "single", "sort": "none"}},
          {"unit": "currencyUSD", "decimals": 2, "min": 0}, {"fillOpacity": 80, "lineWidth": 0})

# ------------------------------------------------------------------------------------------------ what to mend first

table("Most expensive executions (USD)", (0, 36, 24, 10), f"""
SELECT started_epoch AS started, principal, principal_kind AS kind, workgroup, database_name AS "database", client, state,
  cost_usd AS cost, scanned_bytes AS scanned, total_ms AS took, {ONE_LINE} AS query, region, execution_id AS execution
FROM top_executions_daily
WHERE {DAYS}
  AND {chosen()}
ORDER BY cost_usd DESC, started_epoch
LIMIT 100""", ("started", "principal", "kind", "workgroup", "database", "client", "state", "cost", "scanned", "took", "query",
               "region", "execution"),
      "The 100 highest of the span, of the 100 highest of each local day and the 10 highest of each principal's day: with "
      "a filter by team or workgroup, some below those ranks are missing.", "started")

table("Most repeated query shapes (USD, local days)", (0, 46, 24, 10), f"""
WITH used AS (
  SELECT query_fingerprint, max(query_text) AS query_text, SUM(executions) AS executions, SUM(failed) AS failed,
    SUM(unpriced) AS unpriced, SUM(cost_usd) AS cost, SUM(scanned_bytes) AS scanned
  FROM shape_daily
  WHERE {DAYS}
  GROUP BY 1
), placed AS (
  SELECT *, row_number() OVER (ORDER BY query_fingerprint IS NULL, executions DESC, cost DESC, query_fingerprint) AS place
  FROM used
)
SELECT SUM(executions) AS executions, SUM(cost) AS cost, SUM(cost) / nullif(SUM(executions) - SUM(unpriced), 0)
    AS "cost per execution", SUM(unpriced) AS unpriced, SUM(failed) AS failed, SUM(scanned) AS scanned,
  iif(place <= 50 AND query_fingerprint IS NOT NULL, {ONE_LINE}, '(all other shapes)') AS query,
  iif(place <= 50, query_fingerprint, NULL) AS shape
FROM placed
GROUP BY iif(query_fingerprint IS NULL, 51, min(place, 51))
ORDER BY iif(query_fingerprint IS NULL, 51, min(place, 51))""",
      ("executions", "cost per execution", "unpriced", "failed", "scanned", "query"),
      "A shape is a query without its literals and comments, shown by one of its texts; the 50 run most often, and all "
      "others as one.", extra=[by_name("shape", custom__width=150), SUM])

table("Cost by hour and weekday (USD, UTC)", (0, 56, 24, 9), f"""
WITH used AS (
  SELECT hour_epoch, SUM(cost_usd) AS cost
  FROM usage_hourly
  WHERE {HOURS}
  AND {chosen()}
  GROUP BY 1
), placed AS (
  SELECT (hour_epoch / 86400 + 3) % 7 AS weekday, hour_epoch % 86400 / 3600 AS hour, cost FROM used
)
SELECT CASE weekday WHEN 0 THEN '1 Mon' WHEN 1 THEN '2 Tue' WHEN 2 THEN '3 Wed' WHEN 3 THEN '4 Thu' WHEN 4 THEN '5 Fri'
    WHEN 5 THEN '6 Sat' ELSE '7 Sun' END AS weekday,
""" + ",\n".join(f"  SUM(cost) FILTER (WHERE hour = {hour}) AS \"{hour:02}\"" for hour in range(24)) + """
FROM placed
GROUP BY 1
ORDER BY 1""", ("weekday",), "The sum over the span, UTC hours and weekdays. Empty: no execution with a price.",
      extra=[by_name("weekday", custom__cellOptions={"type": "auto"}, custom__width=80)])
panels[-1]["fieldConfig"]["defaults"] |= {
    "unit": "currencyUSD", "decimals": 2, "min": 0, "color": {"mode": "continuous-GrYlRd"},
    "custom": {"cellOptions": {"type": "color-background", "mode": "basic"}, "align": "center", "minWidth": 58}}

# ------------------------------------------------------------------------------------------------ what came of nothing

table("Failed and cancelled (USD, local days)", (0, 65, 15, 10), f"""
SELECT state, coalesce(error, '(no code)') AS error, principal, SUM(executions) AS executions, SUM(scanned_bytes) AS scanned,
  SUM(total_ms) AS took, SUM(cost_usd) AS cost
FROM wasted_daily
WHERE {DAYS}
  AND {chosen()}
GROUP BY 1, 2, 3
ORDER BY TOTAL(cost_usd) DESC, 4 DESC
LIMIT 200""", ("state", "principal", "executions", "scanned", "took"),
      "Executions that ended without a result: what they scanned, how long they took, and what was billed for it. Failed "
      "ones are free, cancelled ones are billed for what they had scanned. The 200 highest.",
      extra=[SUM])

panel("timeseries", "Unattributed (executions; USD on the right; local days)", (15, 65, 9, 10), target(f"""
SELECT day_epoch AS time, TOTAL(executions) FILTER (WHERE principal_key = 'unattributed') AS executions,
  TOTAL(unpriced) FILTER (WHERE principal_key = 'unattributed') AS unpriced,
  SUM(cost_usd) FILTER (WHERE principal_key = 'unattributed') AS cost
{USED}
GROUP BY 1
ORDER BY 1""", "time", True), "Executions whose start was not seen: nobody is charged with them. Cost of the priced ones.",
      {**legend("sum"), "legend": {**legend("sum")["legend"], "placement": "bottom"}}, {"unit": "none"},
      {**BARS, "stacking": {"mode": "none"}},
      [by_name("cost", unit="currencyUSD", custom__axisPlacement="right", custom__drawStyle="line", custom__lineWidth=2,
               custom__fillOpacity=0, custom__showPoints="always")])

# ------------------------------------------------------------------------------------------------------- the records

table("Recent queries (newest 200 of the span)", (0, 75, 24, 12), f"""
SELECT started_epoch AS started, principal, principal_kind AS kind, workgroup, database_name AS "database", client,
  statement_type AS statement, coalesce(state, status) AS state, cost_usd AS cost, scanned_bytes AS scanned,
  total_ms AS took, billing_rule AS "billing rule", {ONE_LINE} AS query, region, execution_id AS execution
FROM query_log
WHERE started_epoch >= $__from / 1000 AND started_epoch < $__to / 1000
  AND {chosen()}
ORDER BY started_epoch DESC
LIMIT 200""", ("started", "principal", "kind", "workgroup", "database", "client", "statement", "state", "cost", "scanned",
               "took", "billing rule", "query", "region", "execution"),
      "Who ran what, where, for how much (USD). An empty cost is unknown.", "started")

STATUSES = {"complete": "green", "partial": "orange", "none": "red", "open": "blue"}
panel("timeseries", "Coverage (hours of each UTC day, all accounts and regions)", (0, 87, 12, 9), target(f"""
SELECT $__unixEpochGroupSeconds(hour_epoch, 86400) AS time, """ + ", ".join(
    f"SUM(status = '{name}') AS \"{name}\"" for name in STATUSES) + f"""
FROM coverage_hourly
WHERE {HOURS}
GROUP BY 1
ORDER BY 1""", "time", True), "complete: read, and every execution answered. partial: due, but something is missing. none: not "
      "read. open: not yet due.", {**legend("sum"), "legend": {**legend("sum")["legend"], "placement": "bottom"}},
      {"unit": "none", "decimals": 0}, BARS,
      [by_name(name, color={"mode": "fixed", "fixedColor": color}) for name, color in STATUSES.items()])
table("Hours that are not complete (UTC)", (12, 87, 12, 9), f"""
SELECT hour_epoch AS hour, account_id AS account, region, status, reason, executions, pending, denied, gone, unreadable
FROM coverage_hourly
WHERE {HOURS} AND status <> 'complete'
ORDER BY hour_epoch DESC
LIMIT 200""", ("hour", "region", "executions", "reason"), "The newest 200.", "hour")

# ------------------------------------------------------------------------------------------------------ the dashboard

dashboard = {
    "uid": "athena-ledger", "title": "Athena ledger", "tags": ["athena", "cost"], "schemaVersion": 39, "version": 1,
    "description": "Who used Amazon Athena, what for, and what it cost, from the book of athena-ledger. Days are local to "
                   "the book's time zone, hours are UTC.",
    "timezone": "utc", "editable": True, "graphTooltip": 1, "refresh": "5m", "time": {"from": "now-30d/d", "to": "now"},
    "timepicker": {"refresh_intervals": ["1m", "5m", "15m", "1h"], "quick_ranges": [
        {"display": "Today so far", "from": "now/d", "to": "now"},
        *({"display": f"Last {n} days", "from": f"now-{n}d/d", "to": "now"} for n in (2, 7, 30, 90, 365)),
        {"display": "This month so far", "from": "now/M", "to": "now"},
        {"display": "Previous month", "from": "now-1M/M", "to": "now-1M/M"}]},
    "annotations": {"list": []}, "links": [],
    "templating": {"list": [
        {"name": "DS", "label": "Book", "type": "datasource", "query": PLUGIN, "refresh": 1, "regex": "", "hide": 0,
         "current": {"text": "athena-ledger", "value": "athena-ledger"}, "options": [], "multi": False,
         "includeAll": False, "skipUrlSync": False},
        variable("kind", "Kind", "SELECT 'people' AS __text, 'user' AS __value\nUNION ALL SELECT 'services', 'service'\n"
                                 "UNION ALL SELECT 'unknown', 'unknown'"),
        variable("principal", "Principal", distinct("principal")),
        variable("team", "Team", distinct(FILTERS["team"])),
        variable("workgroup", "Workgroup", distinct(FILTERS["workgroup"]))]},
    "panels": panels}

file = Path(__file__).with_name("athena-ledger.json")
text = json.dumps(dashboard, indent=1) + "\n"
if sys.argv[1:] == ["--check"]:
    sys.exit(0 if file.read_text() == text else f"{file.name} is not what {Path(__file__).name} writes: run it")
file.write_text(text)
