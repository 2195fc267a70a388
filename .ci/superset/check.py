"""What a running Superset says of the bundle. usage: check.py BASE title|charts|answers ...

title CHART TITLE: some chart has this title. charts: every chart answers the API. answers ALL SERVICES BINARY DB: what the
browser was answered, without and with the filter kind = service, is right and equal to what `report` says.
"""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request

# The demo has nobody without a kind whose numbers would be missed, and no usual day yet.
MAY_BE_EMPTY = {"Unattributed by workgroup: no start was seen (local days)"}


def call(base, path, token=None, body=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = None
    if body is not None:
        # Only with a body: without one this header is answered by 400.
        headers["Content-Type"] = "application/json"
        data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(base + path, data, headers), timeout=120) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{path}: {error.code} {error.read().decode()[:500]}") from error


def charts(base):
    login = {"username": "admin", "password": os.environ["SUPERSET_PASSWORD"], "provider": "db"}
    token = call(base, "/api/v1/security/login", body=login)["access_token"]
    return token, call(base, "/api/v1/dashboard/athena-ledger/charts", token)["result"]


def every_chart(base):
    token, found = charts(base)
    bad = []
    for chart in found:
        for result in call(base, f"/api/v1/chart/{chart['id']}/data/?force=true", token)["result"]:
            if result["status"] != "success" or (result["rowcount"] == 0 and chart["slice_name"] not in MAY_BE_EMPTY):
                bad.append(f"{chart['slice_name']}: {result['status']}, {result['rowcount']} rows, {result.get('error')}")
    if bad:
        raise SystemExit("\n".join(bad))
    print(f"{len(found)} charts answer the API")


def report(binary, db, by):
    arguments = [binary, "--db", db, "--json", "report", "--since", "2026-11-09", "--until", "2026-11-18", "--by", by, "--top", "1000"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stderr
    return json.loads(done.stdout)


def answers(base, whole, filtered, binary, db):
    _, found = charts(base)
    names = {chart["id"]: chart["slice_name"] for chart in found}

    def told(file, nobody=frozenset()):
        seen = json.load(open(file))
        bad = list(seen["faults"]) + [f"{title}: empty" for title in seen["empty"] if title not in MAY_BE_EMPTY | nobody]
        by_title, sql = {}, []
        for answer in seen["answers"]:
            title = names.get(answer["slice"], "a filter")
            if answer["status"] != 200 or answer.get("error"):
                bad.append(f"{title}: {answer['status']} {answer.get('error')}")
            for result in answer.get("results", []):
                if result["error"]:
                    bad.append(f"{title}: {result['error']}")
                sql.append(result["query"] or "")
                by_title.setdefault(title, result["data"])
        return bad, by_title, sql

    bad, rows, _ = told(whole)
    total = report(binary, db, "kind")["total"]

    def same(title, mine, theirs, cents=True):
        near = 0.005 if cents else 0
        if mine.keys() != theirs.keys() or any(abs((mine[key] or 0) - theirs[key]) > near for key in theirs):
            bad.append(f"{title}: {mine}, but report says {theirs}")

    def lines(by, measure):
        return {line[by] or None: line[measure] for line in report(binary, db, by)["lines"]}

    def column(title, key, value):
        return {row[key]: row[value] for row in rows[title]}

    same("cost in the span", {"cost": rows["Cost in the span (USD)"][0]["cost"]}, {"cost": total["cost_usd"]})
    kinds = "By kind (local days)"
    same(kinds, column(kinds, "principal_kind", "cost"), lines("kind", "cost_usd"))
    same(kinds, column(kinds, "principal_kind", "executions_sum"), lines("kind", "executions"), cents=False)
    same(kinds, column(kinds, "principal_kind", "billed"), lines("kind", "billed_bytes"), cents=False)
    for title, by, key in (
        ("Cost by workgroup (USD, local days)", "workgroup", "workgroup"),
        ("Cost by database (USD, local days)", "database", "database_name"),
    ):
        same(title, column(title, key, "cost"), lines(by, "cost_usd"))
    people = {line["principal"]: line["cost_usd"] for line in report(binary, db, "principal")["lines"] if line["kind"] == "user"}
    same("people", column("People: cost by principal (USD, local days)", "principal", "People"), people)

    # Of services no people are left.
    worse, _, sql = told(filtered, {"People: cost by principal (USD, local days)"})
    bad += worse
    of_kind = [query for query in sql if "principal_kind IN ('service')" in query]
    if len(of_kind) < 12:
        bad.append(f"the filter of kinds is in {len(of_kind)} queries only")
    if bad:
        raise SystemExit("\n".join(map(str, dict.fromkeys(bad))))
    print(f"{len(rows)} charts in a browser, numbers as report's, filter in {len(of_kind)} queries")


if __name__ == "__main__":
    base, what, *more = sys.argv[1:]
    if what == "title":
        if not any(more[1] == chart["slice_name"] for chart in charts(base)[1]):
            raise SystemExit("the upgrade did not arrive")
    elif what == "charts":
        every_chart(base)
    else:
        answers(base, *more)
