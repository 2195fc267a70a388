"""The figures README quotes of the page and the dashboards, over a large book.

usage: python3 benches/page.py BINARY LEDGER [ROW ...]

LEDGER is made by examples/fill_ledger.rs. Rows: start, views, panels, readers. Build with `cargo build --release`.
Times of views are from the first byte sent to the last one received, over loopback, medians of 5.
"""

import gzip
import json
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from measure import say, simulated  # noqa: E402

HERE = Path(__file__).parent.parent


@contextmanager
def served(binary, ledger):
    """The page as a process of its own; yields its address, and how long the first answer took."""
    began = time.monotonic()
    process = subprocess.Popen([binary, "--db", ledger, "serve", "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
    try:
        base = re.search(r"http://[0-9.:]+", process.stderr.readline()).group(0)
        get(base + "/healthz", ok=False)
        yield base, time.monotonic() - began
    finally:
        process.terminate()
        process.wait()


def get(url, ok=True):
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        if ok:
            raise
        return error.read()


def timed(url):
    times, size = [], 0
    for _ in range(5):
        began = time.perf_counter()
        size = len(get(url))
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times), size


def start(binary, ledger):
    times = []
    for _ in range(5):
        with served(binary, ledger) as (_, took):
            times.append(1000 * took)
    say("start", f"start to the first answer: {statistics.median(times):.0f} ms; binary {os.path.getsize(binary) / 1e6:.1f} MB")


def views(binary, ledger):
    with served(binary, ledger) as (base, _):
        usage = json.loads(gzip.decompress(get(base + "/api/usage?since=2025-11-20&until=2026-11-19")))
        key = urllib.parse.quote(usage["lines"][0]["key"])
        rare = urllib.parse.quote(usage["lines"][-1]["key"])
        newest = json.loads(gzip.decompress(get(base + "/api/queries?limit=1")))["executions"][0]
        shape = newest["query_fingerprint"]
        year = "since=2025-11-20&until=2026-11-19"
        paths = {
            "overview, a year": f"/?{year}",
            "overview, 30 days": "/",
            "overview of a workgroup, 30 days": "/?workgroup=workgroup3",
            "principal, a year": f"/principal?principal={key}&{year}",
            "rarest principal, a year": f"/principal?principal={rare}&{year}",
            "shape, a year": f"/shape/{shape}?{year}",
            "execution": f"/execution/{newest['execution_id']}",
            "queries": "/queries",
            "queries of the rarest principal, a year": f"/queries?principal={rare}&{year}",
            "queries, a text that is nowhere": f"/queries?q=nowhere&{year}",
            "coverage, a year": f"/coverage?{year}",
            "alerts": "/alerts",
            "metrics": "/metrics",
            "api/usage by workgroup, a year": f"/api/usage?by=workgroup&{year}",
        }
        for name, path in paths.items():
            took, size = timed(base + path)
            say("views", f"{name:42} {took:6.0f} ms {size / 1000:7.1f} KB")
        assets = sum(len(get(base + f"/assets/{name}")) for name in ("page.css", "page.js", "charts.js"))
        say("views", f"assets, once: {assets / 1000:.0f} KB")


def panels(_, ledger):
    """Every query of the Grafana dashboard over its 30 days, all filters at All, by Python's SQLite."""
    dashboard = json.loads((HERE / "dashboards/grafana/athena-ledger.json").read_text())
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    until = connection.execute("SELECT as_of_epoch FROM ledger_now").fetchone()[0]
    slowest = []
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            sql = target["queryText"].replace("$__from", str((until - 30 * 86400) * 1000)).replace("$__to", str(until * 1000))
            sql = re.sub(r"\$\{\w+:sqlstring\}", "'*'", sql)
            sql = re.sub(r"\$__unixEpochGroupSeconds\((\w+), (\d+)\)", r"cast((\1 / \2) as int) * \2", sql)
            times = []
            for _ in range(5):
                began = time.perf_counter()
                connection.execute(sql).fetchall()
                times.append(time.perf_counter() - began)
            slowest.append((1000 * statistics.median(times), panel["title"]))
    for took, title in sorted(slowest, reverse=True)[:8]:
        say("panels", f"{title:60} {took:6.0f} ms")
    say("panels", f"the other {len(slowest) - 8}: at most {sorted(slowest, reverse=True)[8][0]:.0f} ms")


def readers(binary, ledger):
    """A tick of a collector on a copy of the book, alone and with 50 readers who look at a page every 5 s."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(ledger))) as scratch:
        copy = os.path.join(scratch, "copy.db")
        shutil.copyfile(ledger, copy)
        config = Path(scratch, "ledger.toml")
        config.write_text("[collect]\nfirst_span = \"4h\"\n")

        def tick():
            with simulated(binary, "--queries", "1000", "--latency", "30") as environment:
                arguments = [binary, "--json", "--config", config, "--db", copy, "collect", "--since", "2h"]
                done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
            if done.returncode not in (0, 3):
                raise SystemExit(done.stderr)
            return json.loads(done.stdout)["elapsed_ms"] / 1000

        def look(base, number, stop, waits, errors):
            paths = ["/", "/queries", "/coverage", "/?workgroup=workgroup3", "/metrics"]
            time.sleep(number / 10)
            while not stop.is_set():
                began = time.perf_counter()
                try:
                    get(base + paths[number % len(paths)])
                except Exception as error:  # noqa: BLE001
                    errors.append(repr(error))
                waits.append(time.perf_counter() - began)
                stop.wait(5)

        tick()
        alone, crowded = [], []
        waits, errors = [], []
        for _ in range(3):
            alone.append(tick())
            with served(binary, copy) as (base, _):
                stop = threading.Event()
                threads = [threading.Thread(target=look, args=(base, n, stop, waits, errors)) for n in range(50)]
                for thread in threads:
                    thread.start()
                time.sleep(5)
                crowded.append(tick())
                stop.set()
                for thread in threads:
                    thread.join()
        longer = statistics.median(crowded) / statistics.median(alone)
        say(
            "readers",
            f"a tick alone {statistics.median(alone):.1f} s, with 50 readers {statistics.median(crowded):.1f} s ({longer:.2f} x); "
            f"{len(waits)} pages, {len(errors)} errors, median {1000 * statistics.median(waits):.0f} ms, longest {max(waits):.1f} s",
        )
        for error in errors[:3]:
            say("readers", error)


if __name__ == "__main__":
    ROWS = {"start": start, "views": views, "panels": panels, "readers": readers}
    for row in sys.argv[3:] or ROWS:
        ROWS[row](os.path.abspath(sys.argv[1]), sys.argv[2])
