"""Asks a running Grafana for every panel's data, through its own API, and fails on any error or missing rows.

usage: smoke.py URL NAME:PASSWORD [DAYS]     (the span ends now; default 365 days)
"""

import base64
import json
import re
import sys
import time
import urllib.error
import urllib.request

url, login = sys.argv[1:3]
days = int(sys.argv[3]) if len(sys.argv) > 3 else 365
headers = {"Authorization": "Basic " + base64.b64encode(login.encode()).decode(), "Content-Type": "application/json"}
# These may be empty in a sound book.
MAY_BE_EMPTY = ("Daily cost by principal B", "Today's running cost by principal", "Hours that are not complete",
                "Failed and cancelled")


def ask(path, body=None):
    request = urllib.request.Request(url + path, json.dumps(body).encode() if body else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except (OSError, ValueError) as error:
        return 0, str(error)


def rows_of(result):
    return max((len(column) for frame in result.get("frames", []) for column in frame["data"]["values"]), default=0)


for _ in range(120):  # the plugin is fetched first
    status, said = ask("/api/health")
    if status == 200:
        break
    time.sleep(2)
else:
    sys.exit(f"Grafana does not answer: {said}")

status, said = ask("/api/datasources/uid/athena-ledger/health")
if status != 200:
    sys.exit(f"data source: {status} {said}")
status, said = ask("/api/dashboards/uid/athena-ledger")
if status != 200:
    sys.exit(f"dashboard: {status} {said}")
dashboard, faults, now = said["dashboard"], [], int(time.time() * 1000)
every = {v["name"]: v["allValue"] for v in dashboard["templating"]["list"] if "allValue" in v}

for panel in dashboard["panels"]:
    for target in panel["targets"]:
        name = f"{panel['title'].split(' (')[0]} {target['refId']}"
        # What the page does before it asks: variables at All. The plugin itself replaces $__from and $__to.
        sql = re.sub(r"\$\{(\w+):sqlstring\}", lambda match: every[match[1]], target["rawQueryText"])
        query = {**target, "queryText": sql, "datasource": {"type": target["datasource"]["type"], "uid": "athena-ledger"}}
        started = time.perf_counter()
        status, said = ask("/api/ds/query", {"queries": [query], "from": str(now - days * 86_400_000), "to": str(now)})
        took = (time.perf_counter() - started) * 1000
        result = said["results"].get(target["refId"], {}) if status in (200, 207) and isinstance(said, dict) else {}
        rows = rows_of(result)
        print(f"{status} {rows:5} rows {took:7.1f} ms  {name}")
        if status != 200 or result.get("error"):
            faults.append(f"{name}: {status} {result.get('error') or said}")
        elif not rows and not name.startswith(MAY_BE_EMPTY):
            faults.append(f"{name}: no rows")
sys.exit("\n".join(faults) or None)
