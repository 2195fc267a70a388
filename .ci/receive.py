"""What arrives at a webhook, with an independent implementation of Standard Webhooks: signatures, TLS, kill -9.

usage: receive.py BINARY SCRATCH_FOLDER [KILLS]
"""

import base64
import json
import os
import random
import re
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

binary, scratch = os.path.abspath(sys.argv[1]), Path(sys.argv[2])
kills = int(sys.argv[3]) if len(sys.argv) > 3 else 40
secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()
verifier = Webhook(secret)
arrived = []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        arrived.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        pass


def listen(context=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


plain = listen()
authority = trustme.CA()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
encrypted = listen(context)

folder = scratch / "receive"
folder.mkdir()
config = folder / "athena-ledger.toml"
config.write_text(
    f"""
[collect]
lookup_rate = 1000
batch_rate = 1000
[[channel]]
name = "signed"
kind = "webhook"
url = "http://127.0.0.1:{plain}/hook"
secret_env = "WEBHOOK_SECRET"
headers = {{ "X-Team" = "data" }}
[[channel]]
name = "stranger"
kind = "webhook"
url = "https://127.0.0.1:{encrypted}/hook"
[[rule]]
name = "each"
kind = "threshold"
subject = "execution"
limit = "1 MB"
channels = ["signed"]
"""
)
simulated = subprocess.Popen(
    [binary, "simulate", "--port", "0", "--queries", "300", "--no-quotas"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
)
words = simulated.stdout.readline().split()
clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
environment = clean | dict(word.split("=", 1) for word in words if "=" in word) | {"WEBHOOK_SECRET": secret}


def run(*arguments):
    return subprocess.run([binary, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)


try:
    # A test message, verified by the library; a changed one is refused by it.
    done = run("alerts", "test", "signed")
    assert done.returncode == 0, done.stderr
    headers, body = arrived.pop()
    verifier.verify(body, headers)
    try:
        verifier.verify(body + " ", headers)
        raise AssertionError("a changed body was taken")
    except WebhookVerificationError:
        pass
    told = json.loads(body)
    assert (told["type"], told["version"]) == ("athena_ledger.test", 1), told
    assert headers["x-team"] == "data" and re.fullmatch(r"[0-9a-f]{32}\.signed", headers["webhook-id"]), headers

    # A certificate that nobody vouches for.
    done = run("alerts", "test", "stranger")
    assert done.returncode == 1 and not arrived, done.stdout
    assert "certificate" in done.stderr.lower(), done.stderr

    # Alerts that are found, stored and delivered by processes that are killed at any moment.
    # Not `--since`: the hours of a backfill are not judged.
    assert run("collect").returncode in (0, 3)
    db = folder / "athena-ledger.db"
    with sqlite3.connect(db) as connection:
        began = int(time.time()) - 4 * 3600
        connection.execute("INSERT INTO meta VALUES ('judging_since', ?)", [str(began)])
        wanted = connection.execute("SELECT count(*) FROM execution WHERE scanned_bytes >= 1048576").fetchone()[0]
    dice = random.Random(5)
    for _ in range(kills):
        process = subprocess.Popen([binary, "run", "--once"], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0.02, 0.4))
        process.kill()
        process.wait()
    for _ in range(20):
        done = run("run", "--once")
        assert done.returncode in (0, 3), done.stderr
        with sqlite3.connect(db) as connection:
            left = connection.execute("SELECT count(*) FROM outbox WHERE delivered_at IS NULL").fetchone()[0]
        if left == 0:
            break
    assert left == 0, left
    for headers, body in arrived:
        verifier.verify(body, headers)
    keys = {}
    for headers, body in arrived:
        told = json.loads(body)
        assert headers["webhook-id"] == f"{told['data']['id']}.signed", headers
        keys.setdefault(told["data"]["key"], set()).add(headers["webhook-id"])
    assert len(keys) == wanted, (len(keys), wanted)
    assert all(len(same) == 1 for same in keys.values()), "one execution, one key"
    log = run("alerts").stdout + run("check").stdout
    assert secret not in log and secret not in db.read_bytes().decode("latin-1")
    print(f"{wanted} alerts through {kills} kills: {len(arrived)} deliveries, none lost, signatures verified")
finally:
    simulated.kill()
