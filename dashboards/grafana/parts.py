"""The pieces of a dashboard: queries, panels, variables, in the words of Grafana's classic model."""

PLUGIN = "frser-sqlite-datasource"
SOURCE = {"type": PLUGIN, "uid": "${DS}"}

# All is '*', so that it means "no filter" rather than the list the page knew when it was opened: a principal that
# turns up later is counted at once.
FILTERS = {"kind": "principal_kind", "principal": "principal", "team": "coalesce(team, '(none)')",
           "workgroup": "coalesce(workgroup, '(none)')"}


def chosen(*names):
    tests = [f"('*' IN (${{{n}:sqlstring}}) OR {FILTERS[n]} IN (${{{n}:sqlstring}}))" for n in names or FILTERS]
    return "\n  AND ".join(tests)


# A day or an hour counts when the span touches it: rollups cannot be cut finer.
DAYS = "day_epoch > $__from / 1000 - 86400 AND day_epoch < $__to / 1000"
HOURS = "hour_epoch > $__from / 1000 - 3600 AND hour_epoch < $__to / 1000"
ONE_LINE = "substr(replace(replace(query_text, char(13), ''), char(10), ' '), 1, 500)"

panels = []


def target(sql, time=None, series=False, ref="A"):
    sql = sql.strip()
    return {"refId": ref, "datasource": SOURCE, "queryType": "time series" if series else "table",
            "rawQueryText": sql, "queryText": sql, "timeColumns": [time] if time else []}


def by_name(name, **properties):
    listed = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": listed}


def by_ref(ref, **properties):
    return {**by_name("", **properties), "matcher": {"id": "byFrameRefID", "options": ref}}


def panel(kind, title, at, targets, text="", options=None, defaults=None, custom=None, overrides=()):
    x, y, w, h = at
    targets = targets if isinstance(targets, list) else [targets]
    sql = " ".join(t["queryText"] for t in targets)
    idle = [name for name in FILTERS if f"${{{name}:" not in sql]
    if idle:
        text = f"{text} Filters without effect here: {', '.join(idle)}.".strip()
    panels.append({
        "id": len(panels) + 1, "type": kind, "title": title, "description": text, "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": w, "h": h}, "targets": targets, "options": options or {},
        "fieldConfig": {"defaults": {"noValue": "unknown", **(defaults or {}), "custom": custom or {}},
                        "overrides": list(overrides)}})


def steps(*pairs):
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in pairs]}


PLAIN = {"color": {"mode": "fixed", "fixedColor": "text"}}


def stat(title, at, sql, text="", unit="short", thresholds=None, overrides=(), decimals=None):
    defaults = {"unit": unit, **({"thresholds": thresholds, "color": {"mode": "thresholds"}} if thresholds else PLAIN)}
    if decimals is not None:
        defaults["decimals"] = decimals
    options = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "value",
               "graphMode": "none", "justifyMode": "auto", "textMode": "auto", "orientation": "auto"}
    panel("stat", title, at, target(sql), text, options, defaults, None, overrides)


def legend(calc):
    return {"legend": {"displayMode": "table", "placement": "right", "showLegend": True, "calcs": [calc],
                       "sortBy": {"sum": "Total", "lastNotNull": "Last *"}[calc], "sortDesc": True},
            "tooltip": {"mode": "multi", "sort": "desc"}}


BARS = {"drawStyle": "bars", "fillOpacity": 85, "lineWidth": 0, "barAlignment": 1, "barWidthFactor": 0.85,
        "stacking": {"mode": "normal", "group": "A"}}
POINTS = {"custom__drawStyle": "points", "custom__pointSize": 8, "custom__stacking": {"mode": "none"},
          "custom__axisPlacement": "right", "unit": "short", "decimals": 0,
          "color": {"mode": "fixed", "fixedColor": "purple"}}
TABLE = {"showHeader": True, "cellHeight": "sm"}
UNITS = {"cost": "currencyUSD", "cost per execution": "currencyUSD", "scanned": "bytes", "took": "ms"}
WIDTHS = {"started": 155, "hour": 155, "principal": 180, "kind": 70, "state": 105, "cost": 90, "scanned": 85, "took": 80,
          "executions": 85, "unpriced": 80, "failed": 70, "client": 125, "workgroup": 95, "database": 90, "region": 90,
          "execution": 110, "billing rule": 95, "statement": 90, "cost per execution": 140}
CONSOLE = "https://${__data.fields.region}.console.aws.amazon.com/athena/home?region=${__data.fields.region}" \
          "#/query-editor/history/${__value.raw}"


def table(title, at, sql, columns, text="", time=None, extra=()):
    overrides = list(extra)
    for name in columns:
        properties = {}
        if name in UNITS:
            properties["unit"] = UNITS[name]
        if name in WIDTHS:
            properties["custom__width"] = WIDTHS[name]
        if name == "execution":
            properties["links"] = [{"title": "Open in the Athena console", "url": CONSOLE, "targetBlank": True}]
        if name in ("query", "reason"):
            properties["custom__inspect"] = True
            properties["custom__minWidth"] = 300
        if name == "unpriced":
            properties["thresholds"] = steps(("text", None), ("orange", 1))
            properties["custom__cellOptions"] = {"type": "color-text"}
        if properties:
            overrides.append(by_name(name, **properties))
    panel("table", title, at, target(sql, time), text, TABLE, {"noValue": ""}, {"filterable": True}, overrides)


def ranked(name, expression, where, top):
    """The highest by cost, and one line for all others. A line with nothing priced has cost NULL: unknown, not $0."""
    return f"""
WITH used AS (
  SELECT {expression} AS name, SUM(cost_usd) AS cost, SUM(executions) AS executions, SUM(unpriced) AS unpriced,
    SUM(scanned_bytes) AS scanned
  FROM usage_daily
  WHERE {DAYS}
  AND {chosen()}{where}
  GROUP BY 1
), placed AS (
  SELECT *, row_number() OVER (ORDER BY cost DESC, executions DESC, name) AS place FROM used
)
SELECT iif(place <= {top}, name, '(other)') AS "{name}", SUM(cost) AS cost, SUM(executions) AS executions,
  SUM(unpriced) AS unpriced, SUM(scanned) AS scanned
FROM placed
GROUP BY min(place, {top + 1})
ORDER BY min(place, {top + 1})"""


USED = f"FROM usage_daily\nWHERE {DAYS}\n  AND {chosen()}"
# No executions cost $0; executions of which none has a price cost an unknown sum.
COST = "iif(COUNT(*) = 0, 0.0, SUM(cost_usd)) AS cost"


def variable(name, label, sql):
    return {"name": name, "label": label, "type": "query", "datasource": SOURCE, "query": sql,
            "refresh": 1, "multi": True, "includeAll": True, "allValue": "'*'", "sort": 0, "hide": 0, "regex": "",
            "current": {"text": ["All"], "value": ["$__all"]}, "options": [], "skipUrlSync": False}


def distinct(expression):
    return f"SELECT DISTINCT {expression} FROM usage_daily ORDER BY 1"
