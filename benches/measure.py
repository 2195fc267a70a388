"""The figures README quotes: the collector against the simulated AWS as a process of its own.

usage: python3 benches/measure.py BINARY [ROW ...] [--ledger FILE]

Rows: hour, reads, demo, cpu, million, crowd, files, ledger (needs --ledger, made by examples/fill_ledger.rs), boto3.
Build with `cargo build --release`. Wall times include starting the process; one run each unless said.
"""

import argparse
import gzip
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from contextlib import contextmanager
from pathlib import Path

ROWS = ["hour", "reads", "demo", "cpu", "million", "crowd", "files", "ledger", "boto3"]


@contextmanager
def simulated(binary, *options):
    """The simulated AWS; yields the environment that points at it."""
    process = subprocess.Popen(
        [binary, "simulate", "--port", "0", *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    words = process.stdout.readline().split()
    try:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        yield clean | dict(word.split("=", 1) for word in words if "=" in word)
    finally:
        process.terminate()
        process.wait()


def collect(binary, environment, scratch, settings, watch=None):
    """One `collect`; returns its JSON report with the CPU seconds, peak memory in KiB and wall seconds it took."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    (folder / "ledger.toml").write_text("[collect]\n" + settings)
    arguments = [binary, "--json", "--config", folder / "ledger.toml", "--db", folder / "ledger.db", "collect", "--since", "4h"]
    began = time.monotonic()
    process = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    watching = threading.Thread(target=watch, args=(folder / "ledger.db", began)) if watch else None
    if watching:
        watching.start()
    output = process.stdout.read()
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    if watching:
        watching.join()
    if os.waitstatus_to_exitcode(status) not in (0, 3):
        raise SystemExit(errors.decode())
    report = json.loads(output)
    report |= {"user_s": usage.ru_utime, "peak_kib": usage.ru_maxrss, "wall_s": wall, "db": str(folder / "ledger.db")}
    return report


def say(row, text):
    print(f"{row:8} {text}", flush=True)


def paced(report, rate=2.0):
    lookups = report["api_calls"]["LookupEvents"]
    seconds = report["elapsed_ms"] / 1000
    batches = report["api_calls"]["BatchGetQueryExecution"]
    return (
        f"{report['finished']} priced in {seconds:.2f} s with {lookups} LookupEvents + {batches} Batch calls, "
        f"{report['throttled']} throttled: {seconds / (lookups / rate):.3f} x (calls / {rate:g} s)"
    )


def hour(binary, scratch):
    with simulated(binary, "--queries", "1000", "--latency", "30") as environment:
        say("hour", paced(collect(binary, environment, scratch, "lookup_rate = 2")))


def reads(binary, scratch):
    priced = []

    def watch(db, began):
        while not priced:
            time.sleep(0.1)
            try:
                with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as connection:
                    sql = "SELECT (SELECT count(*) FROM execution WHERE status = 1), (SELECT count(*) FROM event WHERE name <> 1)"
                    finished, read = connection.execute(sql).fetchone()
            except sqlite3.OperationalError:
                continue
            if finished >= 1000:
                priced.append((time.monotonic() - began, read))

    with simulated(binary, "--queries", "1000", "--reads", "4000", "--latency", "30") as environment:
        settings = 'lookup_rate = 2\nread_names_budget = "unlimited"'
        report = collect(binary, environment, scratch, settings, watch)
    seconds, read = priced[0]
    say("reads", f"{paced(report)}; all priced after {seconds:.1f} s, when {read} of the read events were stored")


def demo(binary, scratch):
    began = time.monotonic()
    subprocess.run([binary, "--db", Path(scratch) / "demo.db", "demo", "--exit"], check=True, capture_output=True)
    say("demo", f"a simulated week in {time.monotonic() - began:.1f} s, equal to the simulator's truth (or it had failed)")


def cpu(binary, scratch):
    with simulated(binary, "--queries", "5000", "--no-quotas") as environment:
        report = collect(binary, environment, scratch, "lookup_rate = 100000\nbatch_rate = 100000")
    say("cpu", f"{report['finished']} priced: {report['user_s']:.2f} s user CPU, peak {report['peak_kib'] / 1024:.1f} MiB")


def million(binary, scratch):
    settings = 'lookup_rate = 100000\nbatch_rate = 100000\nread_names_budget = "unlimited"'
    for queries, events in ((1_000, 49_000), (20_000, 980_000)):
        options = ("--queries", str(queries), "--reads", str(events), "--hours", "3", "--no-quotas")
        with simulated(binary, *options) as environment:
            report = collect(binary, environment, scratch, settings)
        say("million", f"{report['events_read']:,} events: peak {report['peak_kib'] / 1024:.1f} MiB, {report['wall_s']:.0f} s")


def crowd(binary, scratch):
    """Another client sends 20 LookupEvents a second for 45 s while we collect."""
    with simulated(binary, "--queries", "1000") as environment:
        body = json.dumps({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "ConsoleLogin"}]}).encode()
        today = time.strftime("%Y%m%d", time.gmtime())
        headers = {
            "X-Amz-Target": "CloudTrail_20131101.LookupEvents",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={environment['AWS_ACCESS_KEY_ID']}/{today}/"
            f"{environment['AWS_REGION']}/cloudtrail/aws4_request, SignedHeaders=host, Signature=0",
        }
        sent = {"answered": 0, "refused": 0}
        stop = time.monotonic() + 45

        def hammer():
            while time.monotonic() < stop:
                began = time.monotonic()
                request = urllib.request.Request(environment["AWS_ENDPOINT_URL"], body, headers)
                try:
                    urllib.request.urlopen(request).read()
                    sent["answered"] += 1
                except urllib.error.HTTPError:
                    sent["refused"] += 1
                time.sleep(max(0.0, 0.05 - (time.monotonic() - began)))

        other = threading.Thread(target=hammer)
        other.start()
        report = collect(binary, environment, scratch, "lookup_rate = 2")
        other.join()
    say(
        "crowd",
        f"{report['finished']} of 1000 in one collect, {report['elapsed_ms'] / 1000:.0f} s, {report['throttled']} throttled; "
        f"the other client had {sent['answered']} answered and {sent['refused']} refused",
    )


def trail_file(dice, records):
    """The text of a trail file: one record in fifty a start of Athena, every id, address and time its own."""

    def word(length):
        return "".join(dice.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=length))

    def record(n):
        role = f"task-{dice.randrange(40)}"
        start = n % 50 == 0
        source, name = ("athena", "StartQueryExecution") if start else dice.choice(
            [("sts", "AssumeRole"), ("s3", "ListBuckets"), ("ec2", "DescribeInstances"), ("kms", "Decrypt"), ("logs", "CreateLogStream")]
        )
        parameters = (
            {"queryString": "***OMITTED***", "workGroup": "primary", "queryExecutionContext": {"database": "lake"}}
            if start
            else {"resource": f"arn:aws:{source}:us-east-1:111122223333:{word(12)}", "context": {"key": word(24), "size": n}}
        )
        return {
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "AssumedRole",
                "principalId": f"AROA{word(17)}:session-{n}",
                "arn": f"arn:aws:sts::111122223333:assumed-role/{role}/session-{n}",
                "accountId": "111122223333",
                "accessKeyId": f"ASIA{word(16)}",
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": f"AROA{word(17)}",
                        "arn": f"arn:aws:iam::111122223333:role/{role}",
                        "accountId": "111122223333",
                        "userName": role,
                    },
                    "attributes": {"creationDate": time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime()), "mfaAuthenticated": "false"},
                },
            },
            "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - dice.randrange(86_400))),
            "eventSource": f"{source}.amazonaws.com",
            "eventName": name,
            "awsRegion": "us-east-1",
            "sourceIPAddress": f"10.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(256)}",
            "userAgent": "aws-sdk-java/2.29.1 Linux/5.10 OpenJDK_64-Bit_Server_VM/17.0.12 md/io#async cfg/retry-mode#standard",
            "requestParameters": parameters,
            "responseElements": {"queryExecutionId": str(uuid.UUID(int=dice.getrandbits(128)))} if start else None,
            "requestID": str(uuid.UUID(int=dice.getrandbits(128))),
            "eventID": str(uuid.UUID(int=dice.getrandbits(128))),
            "readOnly": not start,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": "111122223333",
            "eventCategory": "Management",
            "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256"},
        }

    return json.dumps({"Records": [record(n) for n in range(records)]}, separators=(",", ":")).encode()


def files(binary, scratch):
    """`collect --files` on one core, from start to end of the process, into a new book; files as large as trails make them."""
    dice = random.Random(1)
    texts = [trail_file(dice, 10_000) for _ in range(20)]
    megabytes = sum(map(len, texts)) / 1e6
    for kind in ("json", "json.gz"):
        folder = Path(tempfile.mkdtemp(dir=scratch))
        for n, text in enumerate(texts):
            (folder / f"{n}.{kind}").write_bytes(gzip.compress(text, 6) if kind == "json.gz" else text)
        stored = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
        db = Path(tempfile.mkdtemp(dir=scratch)) / "files.db"
        command = ["taskset", "-c", "0", binary, "--json", "--db", db, "collect", "--files", folder]
        clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")} | {"AWS_EC2_METADATA_DISABLED": "true"}
        began = time.monotonic()
        done = subprocess.run(command, env=clean, capture_output=True, check=False)
        wall = time.monotonic() - began
        report = json.loads(done.stdout)
        assert report["executions_new"] == 20 * 200, report
        say("files", f"{kind}: {megabytes:.0f} MB of JSON ({stored:.0f} MB on disk) in {wall:.2f} s: {megabytes / wall:.0f} MB/s")


def timed(arguments, times=5):
    """Wall seconds of a command: the median of some runs."""
    runs = []
    for _ in range(times):
        began = time.monotonic()
        done = subprocess.run(arguments, capture_output=True, check=False)
        runs.append(time.monotonic() - began)
        if done.returncode not in (0, 3):
            raise SystemExit(done.stderr.decode())
    return sorted(runs)[times // 2]


def ledger(binary, scratch, file):
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        count, newest = connection.execute("SELECT count(*), max(id) FROM execution").fetchone()
        dice = random.Random(1)
        ids = [
            connection.execute("SELECT execution_id FROM execution WHERE id >= ? LIMIT 1", [dice.randrange(1, newest)]).fetchone()[0]
            for _ in range(5)
        ]
    say("ledger", f"{count:,} executions, {os.path.getsize(file) / count:.0f} bytes on disk each")
    spans = {
        "400 days": ("2025-10-16", "2026-11-20"),
        "odd 200": ("2026-02-03T04:05:06Z", "2026-08-22T13:14:15Z"),
        "7 days": ("2026-11-12T10:20:30Z", "2026-11-19T10:20:30Z"),
        "2 days": ("2026-06-01T00:30:00Z", "2026-06-02T23:30:00Z"),
    }
    for by in ("principal", "kind", "team", "workgroup", "client", "database", "hour", "day"):
        times = [
            f"{name} {1000 * timed([binary, '--db', file, 'report', '--by', by, '--since', since, '--until', until]):.0f} ms"
            for name, (since, until) in spans.items()
        ]
        say("ledger", f"report --by {by:10} {', '.join(times)}")
    shows = [1000 * timed([binary, "--db", file, "show", id]) for id in ids]
    say("ledger", f"show {max(shows):.1f} ms at most, of {len(shows)} executions")


def boto3_script(binary, scratch):
    """What people write: pages of starts, then one GetQueryExecution per id; as boto3 comes, and with patient retries."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

    for name, settings in (("as it comes", None), ("retries = 20", Config(retries={"mode": "standard", "max_attempts": 20}))):
        with simulated(binary, "--queries", "1000", "--latency", "30") as environment:
            session = boto3.Session(
                environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], region_name=environment["AWS_REGION"]
            )
            trail, athena = (
                session.client(api, endpoint_url=environment["AWS_ENDPOINT_URL"], config=settings) for api in ("cloudtrail", "athena")
            )
            began, priced = time.monotonic(), 0
            try:
                pages = trail.get_paginator("lookup_events").paginate(
                    LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "StartQueryExecution"}]
                )
                events = [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]
                for event in events:
                    athena.get_query_execution(QueryExecutionId=event["responseElements"]["queryExecutionId"])
                    priced += 1
                ended = "to its end"
            except ClientError as error:
                ended = f"then {error.response['Error']['Code']}"
        say("boto3", f"a plain script, {name}: {priced} priced in {time.monotonic() - began:.1f} s, {ended}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("rows", nargs="*", metavar="ROW")
    parser.add_argument("--ledger", help="a file made by examples/fill_ledger.rs")
    arguments = parser.parse_args()
    binary = os.path.abspath(arguments.binary)
    rows = arguments.rows or [row for row in ROWS if row not in ("ledger", "boto3")]
    if len(rows) > 1:
        # Each in a process of its own: a child's peak memory counts what its parent held when it forked.
        for row in rows:
            subprocess.run([sys.executable, __file__, binary, row, *(["--ledger", arguments.ledger] if arguments.ledger else [])], check=True)
        return
    with tempfile.TemporaryDirectory() as scratch:
        if rows == ["ledger"]:
            ledger(binary, scratch, arguments.ledger)
        else:
            {"boto3": boto3_script}.get(rows[0], globals().get(rows[0]))(binary, scratch)


if __name__ == "__main__":
    main()
