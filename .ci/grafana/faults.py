"""Faults to put into a dashboard, and what the check must say of each."""


def sql(title, old, new, letter=0):
    """Changes a panel's SQL, both copies of it."""

    def put_in(panels, _):
        target = panels[title]["targets"][letter]
        assert old in target["queryText"], f"{title}: no {old}"
        target["queryText"] = target["rawQueryText"] = target["queryText"].replace(old, new)

    return put_in


def field(title, change):
    return lambda panels, _: change(panels[title])


def whole(change):
    return lambda _, dashboard: change(dashboard)


DAILY, TOP, SPAN = "Daily cost by principal", "Most expensive executions", "Cost in span"
FAULTS = [
    # What the plugin would do in silence.
    (r"begins with an integer", sql(SPAN, "iif(COUNT(*) = 0, 0.0, SUM(cost_usd))", "0")),
    (r"begins with an integer, which cuts", sql("Services", "SUM(cost) AS cost", "iif(place = 1, 0, SUM(cost)) AS cost")),
    (r"is in milliseconds", sql(DAILY, "SELECT day_epoch AS time", "SELECT day_epoch * 1000 AS time")),
    (r"is no time to the plugin", sql(TOP, "started_epoch AS started", "started_at AS started")),
    (r"time column .* is not selected", sql(TOP, "started_epoch AS started", "started_epoch")),
    (r"not sorted by time", sql("People and services", "ORDER BY 1", "ORDER BY 1 DESC")),
    (r"two values at one time", sql(DAILY, "FROM used\nGROUP BY 1, 2\n", "FROM used GROUP BY 1, 2, cost\n")),
    (r"not replaced", sql(TOP, "day_epoch < $__to / 1000", "$__timeFilter(day_epoch)")),
    (r"not replaced", sql(TOP, "${team:sqlstring}", "${team:singlequote}")),
    (r"no variable owner", sql(TOP, "${team:sqlstring}", "${owner:sqlstring}")),
    (r"near|syntax|incomplete", sql(TOP, "IN (${principal:sqlstring})", "IN (${principal:sqlstring}")),
    (r"queryText differs", field(SPAN, lambda p: p["targets"][0].update(queryText="SELECT 1.0 AS cost"))),
    (r"views only", sql("Month to date", "CROSS JOIN usage_daily", "CROSS JOIN usage_daily, usage_day")),
    (r"a hostile value chose", sql("Executions and scanned", "IN (${team:sqlstring})", "NOT IN (${team:sqlstring}, 'x')")),
    # What nobody would see on the page.
    (r"Cost in span: differs from report", sql(SPAN, "SUM(cost_usd)", "SUM(cost_usd) * 1.001")),
    (r"Executions.*differs from report", sql("Executions and scanned", "TOTAL(executions)", "TOTAL(executions) - 1")),
    (r"differs from report", sql("Cost by database", "FROM usage_daily", "FROM (SELECT * FROM usage_daily LIMIT 50)")),
    (r"differs from report", sql("Against the previous span", "2 * since - until AND", "since - 86400 AND")),
    (r"Daily cost by principal, by day: differs", sql(DAILY, "day_epoch AS time", "day_epoch - 86400 AS time")),
    (r"Today's running cost .*: differs", sql("Today's running cost by principal", "FROM running_total_today\nWHERE",
                                             "FROM running_total_today\nWHERE principal_kind = 'user' AND")),
    (r"nothing is priced, yet", sql("People", "SUM(cost) AS cost", "TOTAL(cost) AS cost")),
    (r"no rows", sql("Coverage", "FROM coverage_hourly\nWHERE", "FROM coverage_hourly\nWHERE status = 'green' AND")),
    # What would look wrong.
    (r"overlaps", field(TOP, lambda p: p["gridPos"].update(y=1))),
    (r"wider than the page", field(TOP, lambda p: p["gridPos"].update(x=1))),
    (r"override for took, which is not there", sql(TOP, "AS took", "AS duration")),
    (r"no column principal for the names", sql("Today's running cost by principal", "time, principal,", "time,")),
    (r"xField client is not selected", field("Cost by workgroup", lambda p: p["options"].update(xField="client"))),
    (r"is none of", field(TOP, lambda p: p.update(type="heatmap"))),
    (r"wants the query type time series", field(DAILY, lambda p: p["targets"][0].update(queryType="table"))),
    (r"do not agree", field("Forecast of the month", lambda p: p.update(description="The month so far."))),
    (r"words are", field(TOP, lambda p: p.update(title="Most expensive users"))),
    (r"not the data source DS", field(TOP, lambda p: p["targets"][0].update(datasource={"type": "mysql", "uid": "x"}))),
    (r"not multi-value", whole(lambda d: d["templating"]["list"][2].update(multi=False))),
    (r"wants schemaVersion 39", whole(lambda d: d.update(timezone="browser"))),
]
