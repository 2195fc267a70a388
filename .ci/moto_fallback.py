"""Athena as moto answers it: it has GetQueryExecution only, so the collector must fall back to it.

usage: moto_fallback.py BINARY SCRATCH_FOLDER
"""

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

binary, scratch = sys.argv[1], Path(sys.argv[2])
# It answers what it does not have with a traceback each: only what we say is of interest here.
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"
keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
athena = boto3.client(
    "athena",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
)
ids = [
    athena.start_query_execution(
        QueryString=f"SELECT {n}", ResultConfiguration={"OutputLocation": "s3://results/"}
    )["QueryExecutionId"]
    for n in range(3)
]
records = [
    {
        "eventVersion": "1.08",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/ann", "accountId": "123456789012", "userName": "ann"},
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600)),
        "eventSource": "athena.amazonaws.com",
        "eventName": "StartQueryExecution",
        "awsRegion": "us-east-1",
        "eventID": f"moto-{n}",
        "recipientAccountId": "123456789012",
        "requestParameters": {"queryString": "***OMITTED***", "workGroup": "primary"},
        "responseElements": {"queryExecutionId": id},
    }
    for n, id in enumerate(ids)
]
trail = scratch / "moto.json"
trail.write_text(json.dumps({"Records": records}))
config = scratch / "moto.toml"
config.write_text('[[scope]]\naccount = "123456789012"\nregions = ["us-east-1"]\n')
environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
environment |= keys | {"AWS_ENDPOINT_URL_ATHENA": endpoint, "AWS_ENDPOINT_URL_STS": endpoint}
result = subprocess.run(
    [binary, "--json", "--config", config, "--db", scratch / "moto.db", "collect", "--files", trail],
    env=environment,
    capture_output=True,
    text=True,
    check=False,
)
server.stop()
print(result.stdout, result.stderr, file=sys.stderr)
report = json.loads(result.stdout)
assert result.returncode == 0, result.returncode
assert report["executions_new"] == 3, report
assert report["finished"] == 3, report
assert report["api_calls"]["GetQueryExecution"] >= 3, report
print("3 executions priced through GetQueryExecution alone")
