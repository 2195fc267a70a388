"""What the dashboard's panels must add up to: the same span as `report --json` tells it."""

import json
import subprocess
import tempfile
from collections import defaultdict
from datetime import datetime, timezone

DAY = 86400


def instant(epoch):
    return datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def report(path, binary, known, by, since, until):
    key = by, since, until
    if key not in known:
        command = [binary, "--db", path, "report", "--json", "--by", by, "--since", instant(since), "--until", instant(until),
                   "--top", "1000000"]
        with tempfile.TemporaryDirectory() as nowhere:  # no config of this folder
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=nowhere)
        if done.returncode not in (0, 3):
            raise SystemExit(done.stderr)
        known[key] = json.loads(done.stdout)
    return known[key]


def sums(rows, by, *measures):
    """Lines of a panel, added up by a column's value."""
    found = defaultdict(lambda: [0] * len(measures))
    for row in rows:
        for n, measure in enumerate(measures):
            found[row[by] if by else "total"][n] += row[measure] or 0
    return dict(found)


def compare(book, found, path, binary, known, faults, today=None, taken=0.0):
    """`today`: the book was told that this is its day, and names were changed; only today's panels are looked at.
    `taken`: dollars of that day that have no price in it any more."""

    def told(by, since=book.since, until=book.until):
        return report(path, binary, known, by, since, until)

    def same(title, mine, theirs, rounded=0.005):
        alike = mine.keys() == theirs.keys() and all(
            abs(a - b) <= (rounded if isinstance(a, float) or isinstance(b, float) else 0)
            for name in mine for a, b in zip(mine[name], theirs[name]))
        if not alike:
            differ = {n: (mine.get(n), theirs.get(n)) for n in mine.keys() | theirs.keys() if mine.get(n) != theirs.get(n)}
            faults.append(f"{title}: differs from report: {dict(list(differ.items())[:3])}")

    def rows(title, letter="A"):
        return found.get((title, letter), [])

    if today:
        total = told("principal", today, today + DAY)["total"]
        running = rows("Today's running cost by principal")
        newest = max((r["time"] for r in running), default=None)
        same("Today's running cost by principal", sums([r for r in running if r["time"] == newest], None, "cost"),
             {"total": [total["cost_usd"] - taken]})
        same("Today", sums(rows("Today"), None, "cost"), {"total": [total["cost_usd"] - taken]})
        return

    total = told("kind")["total"]
    cost = {"total": [total["cost_usd"]]}
    same("Cost in span", sums(rows("Cost in span"), None, "cost"), cost)
    same("Executions and scanned", sums(rows("Executions and scanned"), None, "executions", "scanned"),
         {"total": [total["executions"], total["scanned_bytes"]]}, 0)
    same("Unpriced executions", sums(rows("Unpriced executions"), None, "executions"),
         {"total": [total["unpriced"]]}, 0)

    # Lines against lines; "(other)" stands for those below the panel's last.
    def lines(title, mine, by, measures, keep=lambda line: True):
        theirs = defaultdict(lambda: [0] * len(measures))
        for line in filter(keep, told(by)["lines"]):
            name = line[by] or "(none)"
            into = theirs[name if name in mine else "(other)"]
            for n, measure in enumerate(measures):
                into[n] += line[measure]
        same(title, mine, dict(theirs))

    def plain(rows, column):
        return [{**r, column: r[column].split(" (", 1)[0] if r[column].endswith(" unpriced)") else r[column]} for r in rows]

    for by in ("workgroup", "client", "database"):
        lines(f"Cost by {by}", sums(plain(rows(f"Cost by {by}"), by), by, "cost"), by, ["cost_usd"])
    measures = ("cost_usd", "executions", "unpriced", "scanned_bytes")
    for title, kinds in (("People", ("user", "unknown")), ("Services", ("service",))):
        lines(title, sums(rows(title), "principal", "cost", "executions", "unpriced", "scanned"), "principal", measures,
              lambda line, kinds=kinds: line["kind"] in kinds)
    lines("Daily cost by principal", sums(rows("Daily cost by principal"), "principal", "cost"), "principal", ["cost_usd"])
    by_kind = {"people": "user", "services": "service", "unknown": "unknown"}
    kinds = {line["kind"]: line["cost_usd"] for line in told("kind")["lines"]}
    same("People and services", sums([{"kind": kind, "cost": sum(r[name] or 0.0 for r in rows("People and services"))}
                                      for name, kind in by_kind.items()], "kind", "cost"),
         {kind: [kinds.get(kind, 0.0)] for kind in by_kind.values()})
    days = {line["day"]: [line["cost_usd"]] for line in told("day")["lines"]}
    if told("day")["timezone"] == "UTC":
        same("Daily cost by principal, by day",
             {instant(t)[:10]: v for t, v in sums(rows("Daily cost by principal"), "time", "cost").items()}, days)

    shapes = rows("Most repeated query shapes")
    same("Most repeated query shapes", sums(shapes, None, "executions", "failed", "unpriced", "scanned", "cost"),
         {"total": [total[m] for m in ("executions", "failed", "unpriced", "scanned_bytes", "cost_usd")]})
    heat = [sum(v for name, v in r.items() if name != "weekday" and v) for r in rows("Cost by hour and weekday")]
    same("Cost by hour and weekday", {"total": [sum(heat)]}, cost)
    same("Failed and cancelled", sums(rows("Failed and cancelled"), "state", "executions"),
         {state: [total[state.lower()]] for state in ("FAILED", "CANCELLED") if total[state.lower()]}, 0)
    nobody = [line for line in told("principal")["lines"] if line["key"] == "unattributed"]
    same("Unattributed", sums(rows("Unattributed"), None, "executions", "unpriced", "cost"),
         {"total": [sum(line[m] for line in nobody) for m in ("executions", "unpriced", "cost_usd")]})
    if len(rows("Recent queries")) != min(200, total["executions"]):
        faults.append(f"Recent queries: {len(rows('Recent queries'))} rows of {total['executions']}")
    top = [r["cost"] for r in rows("Most expensive executions")]
    if top != sorted(top, reverse=True) or sum(top) > total["cost_usd"] + 0.005:
        faults.append("Most expensive executions: not sorted by cost, or more than all cost")

    # The span, cut at the newest hour read, and as long a one before it.
    since, until = book.since, min(book.until, book.one("SELECT walked_to_epoch FROM ledger_now")) // 3600 * 3600
    before = told("kind", 2 * since - until, since)["total"]["cost_usd"]
    change = rows("Against the previous span")[0]
    if book.one("SELECT min(hour_epoch) FROM coverage_hourly WHERE status <> 'none'") <= 2 * since - until:
        now = told("kind", since, until)["total"]["cost_usd"]
        same("Against the previous span", {"total": [change["previous"] or 0.0, change["change"]]},
             {"total": [before, now / before - 1 if before else None]})
    elif change != {"change": None, "previous": None}:
        faults.append(f"Against the previous span: {change} of a time that is not in the book")
    covered = told("kind")["coverage"]
    mine = rows("Coverage of the span")[0]["coverage"]
    if covered["due"] and abs(mine - covered["complete"] / covered["due"]) > 1e-9:
        faults.append(f"Coverage of the span: {mine}, not {covered['complete']} of {covered['due']}")

    # The month to date, and the forecast not below it.
    month, as_of = book.connection.execute("SELECT CAST(strftime('%s', month || '-01') AS INTEGER), as_of_epoch FROM ledger_now").fetchone()
    so_far = told("kind", month, as_of)["total"]["cost_usd"]
    same("Month to date", sums(rows("Month to date"), None, "cost"), {"total": [so_far]})
    forecast = rows("Forecast of the month")[0]["cost"]
    if forecast is not None and forecast < so_far - 0.005:
        faults.append(f"Forecast of the month: {forecast} is below the month so far, {so_far}")
