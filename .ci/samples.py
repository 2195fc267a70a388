"""Public CloudTrail records: every one is stored, a duplicate, skipped, or unreadable with a reason.

usage: samples.py BINARY FOLDER
"""

import json
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

binary, folder = sys.argv[1], Path(sys.argv[2])
golden = json.loads(Path(__file__).with_name("samples.json").read_text())
with tempfile.TemporaryDirectory() as scratch:
    db = Path(scratch) / "samples.db"
    config = Path(scratch) / "samples.toml"
    # The records are years old; the default retention would remove them again.
    config.write_text('[retention]\nread_events = "never"\nevents = "never"\n')
    command = [binary, "--json", "--config", config, "--db", db, "collect", "--files", folder]
    result = subprocess.run(command, env={"HOME": scratch, "AWS_EC2_METADATA_DISABLED": "true"}, capture_output=True, text=True, check=False)
    assert "panicked" not in result.stderr, result.stderr
    report = json.loads(result.stdout)
    with sqlite3.connect(db) as connection:
        found = {key: report[key] for key in golden if key in report}
        found["principals"] = [
            list(row)
            for row in connection.execute(
                "SELECT DISTINCT principal, principal_key, p.kind FROM event_log JOIN principal p ON p.key = principal_key ORDER BY 2"
            )
        ]
        found["reasons"] = [list(row) for row in connection.execute("SELECT reason, count(*) FROM unreadable GROUP BY 1 ORDER BY 1")]
sums = ("events_stored", "duplicates", "skipped", "own", "unreadable")
assert report["events_read"] == sum(report[key] for key in sums), report
if found != golden:
    print(json.dumps(found, indent=1))
    sys.exit("the samples read differently from .ci/samples.json")
print(f"{report['events_read']} public records accounted for")
