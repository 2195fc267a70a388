"""Runs every panel of a Grafana dashboard as frser-sqlite-datasource would, and compares its sums with `report`.

usage: check.py DASHBOARD_JSON DATABASE BINARY [--self-test] [--times]

No Grafana is needed: the plugin's documented rules are stated again here. The span ends at the book's last rollup, so
that an old file is as good as a new one. --self-test: puts faults into copies and sees that each is found.
"""

import copy
import json
import re
import sqlite3
import sys
import time
from datetime import datetime
from pathlib import Path

sys.dont_write_bytecode = True
from totals import compare  # noqa: E402

PLUGIN = "frser-sqlite-datasource"
KINDS = {"stat", "timeseries", "barchart", "table"}
HOSTILE = "O'Brien \"; DROP VIEW query_log; -- ${kind} \\' 100%"
DAY = 86400
# Panels (and the letter of the query) that may be empty, with the reason.
MAY_BE_EMPTY = {
    ("Daily cost by principal", "B"): "everything may have a price",
    ("Today's running cost by principal", "A"): "nothing may have run today",
    ("Today's running cost by principal", "B"): "two same weekdays must be in the book",
    ("Hours that are not complete", "A"): "all may be",
}
# A value of the variable may have run nothing of that kind.
MAY_BE_EMPTY_IF_FILTERED = {"Daily", "Today's", "People", "Services", "Cost by", "Most expensive", "Failed", "Unattributed",
                            "Recent"}


def name_of(panel):
    return panel["title"].split(" (")[0]


def quoted(values):
    """Grafana's format `sqlstring`."""
    return ",".join("'" + str(v).replace("'", "''") + "'" for v in values)


class Book:
    """A database as the plugin sees it: read-only, one span, one choice of variables."""

    def __init__(self, connection, days=30, until=None):
        self.connection = connection
        connection.execute("PRAGMA query_only = 1")
        until = until or self.one("SELECT as_of_epoch FROM ledger_now")
        self.since, self.until = (until - days * DAY) // DAY * DAY, until
        self.chosen = {}
        self.seconds = {}
        # The views as empty tables: a query that reads anything else does not find it.
        self.views = sqlite3.connect(":memory:")
        for (view,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall():
            columns = [f'"{d[0]}"' for d in connection.execute(f"SELECT * FROM {view} LIMIT 0").description]
            self.views.execute(f"CREATE TABLE {view} ({', '.join(columns)})")

    def one(self, sql):
        return self.connection.execute(sql).fetchone()[0]

    def render(self, sql, faults, where):
        """Grafana's variables, then the plugin's times and its only macro."""
        values = {name: quoted(chosen) if isinstance(chosen, list) else chosen for name, chosen in self.chosen.items()}

        def macro(match):
            arguments = [a.strip() for a in match[2].split(",")]
            if match[1] != "unixEpochGroupSeconds" or len(arguments) != 2 or not arguments[1].isdigit():
                return match[0]
            return f"cast(({arguments[0]} / {arguments[1]}) as int) * {arguments[1]}"

        # Pieces, so that a value is never searched for variables again.
        pieces = re.split(r"\$\{(\w+):sqlstring\}", sql)
        for n in range(0, len(pieces), 2):
            piece = pieces[n].replace("$__from", str(self.since * 1000)).replace("$__to", str(self.until * 1000))
            piece = re.sub(r"\$__(\w+)\(([^)]*)\)", macro, piece)
            if left := re.findall(r"\$[\w{][^\s,)']*|\[\[\w+", piece):
                faults.append(f"{where}: not replaced: {left}")
            pieces[n] = piece
        for n in range(1, len(pieces), 2):
            if pieces[n] not in values:
                faults.append(f"{where}: no variable {pieces[n]}")
            pieces[n] = values.get(pieces[n], "''")
        return "".join(pieces)

    def run(self, sql, faults, where):
        sql = self.render(sql, faults, where)
        try:
            self.views.execute("EXPLAIN " + sql)
            started = time.perf_counter()
            cursor = self.connection.execute(sql)
            rows = cursor.fetchall()
            self.seconds[where] = max(self.seconds.get(where, 0), time.perf_counter() - started)
        except (sqlite3.Error, sqlite3.Warning) as error:
            why = " (views only)" if "no such table" in str(error) else ""
            faults.append(f"{where}: {error}{why}")
            return [], []
        return [d[0] for d in cursor.description], rows


def as_seconds(value):
    """A time column's value, as the plugin takes it; text with a space would become nothing, without an error."""
    if isinstance(value, str):
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value):
            return None
        return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
    return value


def check_columns(where, names, rows, target, faults):
    times = target.get("timeColumns") or []
    for time_column in times:
        if time_column not in names:
            faults.append(f"{where}: time column {time_column} is not selected")
    if len(set(names)) < len(names):
        faults.append(f"{where}: a column name twice: {names}")
    for index, name in enumerate(names):
        values = [row[index] for row in rows if row[index] is not None]
        if name in times:
            seconds = [as_seconds(v) for v in values]
            if None in seconds:
                faults.append(f"{where}: {name} is no time to the plugin: {values[0]!r}")
            elif seconds and max(seconds) > 1e11:
                faults.append(f"{where}: {name} is in milliseconds, the plugin takes seconds")
        elif values:
            # The first value decides the type of the whole column.
            if isinstance(values[0], int) and any(isinstance(v, float) for v in values):
                faults.append(f"{where}: {name} begins with an integer, which cuts later fractions")
            if len({isinstance(v, str) for v in values}) > 1:
                faults.append(f"{where}: {name} holds text and numbers")
            if re.search(r"cost|usd|previous", name) and not all(isinstance(v, float) for v in values):
                faults.append(f"{where}: {name} is money and begins with an integer or is text")
    if target.get("queryType") == "time series":
        index = next((i for i, name in enumerate(names) if name in times), None)
        if index is None:
            faults.append(f"{where}: a time series without a time column")
            return
        order = [as_seconds(row[index]) for row in rows]
        if None in order or order != sorted(order):
            faults.append(f"{where}: not sorted by time")
        labels = [i for i, name in enumerate(names) if i != index and any(isinstance(row[i], str) for row in rows)]
        if any(row[i] is None for row in rows for i in labels):
            faults.append(f"{where}: a series without a name")
        keys = [(row[index], *(row[i] for i in labels)) for row in rows]
        if len(set(keys)) < len(keys):
            faults.append(f"{where}: one series has two values at one time")


def check_form(dashboard, faults):
    """What can be told without a database."""
    variables = {v["name"]: v for v in dashboard["templating"]["list"]}
    if dashboard.get("schemaVersion") != 39 or dashboard.get("timezone") != "utc" or not dashboard.get("uid"):
        faults.append("dashboard: wants schemaVersion 39, timezone utc and a uid")
    if variables.get("DS", {}).get("type") != "datasource" or variables["DS"].get("query") != PLUGIN:
        faults.append("dashboard: no variable DS for the data source")
    ids, cells = set(), {}
    for panel in dashboard["panels"]:
        title = name_of(panel)
        if panel["type"] not in KINDS:
            faults.append(f"{title}: {panel['type']} is none of {sorted(KINDS)}")
        if panel["id"] in ids:
            faults.append(f"{title}: id {panel['id']} is another's")
        ids.add(panel["id"])
        if re.search(r"\b(users?|jobs?|spend)\b", f"{panel['title']} {panel['description']}", re.I):
            faults.append(f"{title}: words are execution, principal, cost")
        at = panel["gridPos"]
        if at["x"] + at["w"] > 24:
            faults.append(f"{title}: wider than the page")
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            if cells.setdefault(cell, panel["id"]) != panel["id"]:
                faults.append(f"{title}: overlaps another panel at {cell}")
                break
        for target in panel["targets"]:
            where = f"{title} {target['refId']}"
            if target["datasource"] != {"type": PLUGIN, "uid": "${DS}"} or panel["datasource"] != target["datasource"]:
                faults.append(f"{where}: not the data source DS")
            if target["rawQueryText"] != target["queryText"]:
                faults.append(f"{where}: queryText differs from rawQueryText")
            if panel["type"] == "timeseries" and target["queryType"] != "time series":
                faults.append(f"{where}: a timeseries panel wants the query type time series")
        sql = " ".join(t["rawQueryText"] for t in panel["targets"])
        for name in variables:
            says = re.search(rf"Filters without effect here:[^.]*\b{name}\b", panel["description"])
            if name != "DS" and (f"${{{name}:sqlstring}}" in sql) == bool(says):
                faults.append(f"{title}: the filter {name} and what the description says of it do not agree")
    for variable in variables.values():
        if variable["type"] == "query" and not (variable["multi"] and variable["includeAll"]):
            faults.append(f"variable {variable['name']}: not multi-value with All")
        if "$__" in str(variable["query"]):
            faults.append(f"variable {variable['name']}: asked without a time range")
    return faults


def check_panels(dashboard, book, faults, filtered=False):
    """Every panel's rows under the variables as they stand."""
    found = {}
    for panel in dashboard["panels"]:
        title, columns = name_of(panel), set()
        letters = set()
        for target in panel["targets"]:
            where = f"{title} {target['refId']}"
            names, rows = book.run(target["queryText"], faults, where)
            check_columns(where, names, rows, target, faults)
            columns |= set(names)
            letters.add(target["refId"])
            found[title, target["refId"]] = [dict(zip(names, row)) for row in rows]
            for row in found[title, target["refId"]]:
                if row.get("unpriced") and row["unpriced"] == row.get("executions") and row.get("cost") is not None:
                    faults.append(f"{where}: nothing is priced, yet it shows {row['cost']}")
                    break
            may = (title, target["refId"]) in MAY_BE_EMPTY
            may |= filtered and any(title.startswith(start) for start in MAY_BE_EMPTY_IF_FILTERED)
            if not rows and not may and names:
                faults.append(f"{where}: no rows")
            if panel["type"] == "barchart" and panel["options"].get("xField") not in names:
                faults.append(f"{where}: xField {panel['options'].get('xField')} is not selected")
        for override in panel["fieldConfig"]["overrides"]:
            kind, value = override["matcher"]["id"], override["matcher"]["options"]
            if {"byName": value not in columns, "byFrameRefID": value not in letters}.get(kind, True):
                faults.append(f"{title}: override for {value}, which is not there")
        labels = re.findall(r"__field\.labels\.(\w+)", panel["fieldConfig"]["defaults"].get("displayName", ""))
        faults.extend(f"{title}: no column {label} for the names" for label in labels if label not in columns)
    return found


def variable_values(dashboard, book, faults):
    values = {}
    for variable in dashboard["templating"]["list"]:
        if variable["type"] != "query":
            continue
        names, rows = book.run(variable["query"], faults, f"variable {variable['name']}")
        if len(names) == 2 and set(names) != {"__text", "__value"} or len(names) > 2:
            faults.append(f"variable {variable['name']}: wants one column, or __text and __value")
        if not rows:
            faults.append(f"variable {variable['name']}: no values")
        at = names.index("__value") if "__value" in names else 0
        values[variable["name"]] = [row[at] for row in rows]
        # All with a text of its own is put in as it stands, else the list of all values.
        book.chosen[variable["name"]] = variable.get("allValue") or values[variable["name"]]
    return values


def in_memory(path):
    """A copy to change: what the book would look like on a busy day, and with hostile names."""
    changed = sqlite3.connect(":memory:")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as original:
        original.backup(changed)
    return changed


def check(dashboard, path, binary, reports, times=None):
    faults = []
    check_form(dashboard, faults)
    book = Book(sqlite3.connect(f"file:{path}?mode=ro", uri=True))
    values = variable_values(dashboard, book, faults)
    found = check_panels(dashboard, book, faults)
    if faults:  # sums of unsound panels say nothing
        return list(dict.fromkeys(faults))
    compare(book, found, path, binary, reports, faults)

    # A few busy days, with as many before them in the book.
    busy = book.one("SELECT max(day_epoch) FROM usage_daily")
    few = Book(book.connection, 3, busy + DAY)
    few.chosen = dict(book.chosen)
    compare(few, check_panels(dashboard, few, faults), path, binary, reports, faults)

    everything = dict(book.chosen)
    for name, choices in values.items():
        for choice in choices:
            book.chosen = {**everything, name: [choice]}
            check_panels(dashboard, book, faults, filtered=True)
    book.chosen = everything

    # The newest busy day becomes today, and the busiest principal takes a hostile name.
    memory = in_memory(path)
    loudest = memory.execute("SELECT principal_id FROM usage_day ORDER BY executions DESC").fetchone()[0]
    memory.execute("UPDATE principal SET name = ?, team = ? WHERE id = ?", (HOSTILE, HOSTILE, loudest))
    memory.execute("UPDATE name SET value = ? WHERE id = (SELECT workgroup_id FROM usage_day WHERE principal_id = ?)",
                   (HOSTILE, loudest))
    # The quietest principal has nothing with a price.
    quiet = memory.execute("SELECT principal_id FROM usage_day GROUP BY 1 ORDER BY sum(executions)").fetchone()[0]
    taken = memory.execute("SELECT coalesce(sum(cost), 0) / 1e9 FROM usage_day WHERE principal_id = ? AND day = "
                           "(SELECT day FROM local_day WHERE start = ?)", (quiet, busy)).fetchone()[0]
    for usage in ("usage_day", "usage_hour"):
        memory.execute(f"UPDATE {usage} SET unpriced = executions, cost = 0 WHERE principal_id = ?", (quiet,))
    memory.execute("UPDATE meta SET value = (SELECT day FROM local_day WHERE start = ?) WHERE key = 'today'", (busy,))
    memory.execute("UPDATE meta SET value = ? WHERE key = 'rolled_up_at'", (busy + DAY - 60,))
    memory.commit()
    hostile = Book(memory)
    variable_values(dashboard, hostile, faults)
    today = check_panels(dashboard, hostile, faults)
    if faults:
        return list(dict.fromkeys(faults))
    compare(hostile, today, path, binary, reports, faults, busy, taken)
    for title, letter, column in (("Cost by client", "A", "client"), ("Daily cost by principal", "B", "unpriced")):
        if not any("unpriced" in str(row[column]) or row.get("unpriced") for row in today[title, letter]):
            faults.append(f"{title}: executions without a price are not shown")
    everything = dict(hostile.chosen)
    all_executions = today.get(("Executions and scanned", "A"), [{}])[0].get("executions")
    for name in values:
        if name == "kind":
            continue
        hostile.chosen = {**everything, name: [HOSTILE]}
        some = check_panels(dashboard, hostile, faults, filtered=True)
        executions = some[("Executions and scanned", "A")][0]["executions"]
        if not 0 < executions < all_executions:
            faults.append(f"variable {name}: a hostile value chose {executions} of {all_executions} executions")
        hostile.chosen = {**everything, name: [HOSTILE, "x') OR ('a' = 'a"]}
        again = check_panels(dashboard, hostile, faults, filtered=True)
        if again != some:
            faults.append(f"variable {name}: an injected value changed the answer")
    if times is not None:
        times.update(book.seconds)
    return list(dict.fromkeys(faults))


def check_alert_rule(file, path, faults):
    """Provisioned rules are run as they are stored: without variables."""
    text = file.read_text()
    raw, plain = (re.findall(rf"^ +{key}: (SELECT .*)$", text, re.M) for key in ("rawQueryText", "queryText"))
    if not raw or raw != plain:
        faults.append(f"{file.name}: queryText differs from rawQueryText")
    book = Book(sqlite3.connect(f"file:{path}?mode=ro", uri=True))
    for sql in plain:
        _, rows = book.run(sql, faults, file.name)
        if len(rows) != 1 or not all(isinstance(v, float) for v in rows[0]):
            faults.append(f"{file.name}: a rule wants one row of REAL numbers, not {rows}")


def main():
    options = [a for a in sys.argv[1:] if a.startswith("--")]
    file, path, binary = (Path(a).resolve() for a in sys.argv[1:] if not a.startswith("--"))
    dashboard, times, reports = json.loads(file.read_text()), {}, {}
    faults = check(dashboard, path, binary, reports, times)
    for rule in sorted(file.parent.glob("provisioning/alerting/*.yaml")):
        check_alert_rule(rule, path, faults)
    if "--times" in options:
        for where, seconds in sorted(times.items(), key=lambda item: -item[1]):
            print(f"{seconds * 1000:8.2f} ms  {where}")
    if faults:
        sys.exit("\n".join(faults))
    targets = sum(len(p["targets"]) for p in dashboard["panels"])
    print(f"{len(dashboard['panels'])} panels, {targets} queries, {len(reports)} reports: all good")
    if "--self-test" in options:
        from faults import FAULTS
        for says, put_in in FAULTS:
            faulty = copy.deepcopy(dashboard)
            put_in({name_of(p): p for p in faulty["panels"]}, faulty)
            seen = check(faulty, path, binary, reports)
            if not any(re.search(says, fault) for fault in seen):
                sys.exit(f"not found: {says}; but: {seen}")
        print(f"{len(FAULTS)} faults put in, each found")


main()
