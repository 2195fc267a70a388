"""Kills a demo at random moments and looks at what is left: a sound file that keeps every law.

usage: kill.py BINARY SCRATCH_FOLDER [TIMES]
"""

import json
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

binary, scratch = sys.argv[1], Path(sys.argv[2])
times = int(sys.argv[3]) if len(sys.argv) > 3 else 12
dice = random.Random(9)
found = 0
for n in range(times):
    db = scratch / f"killed-{n}.db"
    process = subprocess.Popen(
        [binary, "--db", db, "demo", "--exit"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(dice.uniform(0.05, 2.5))
    process.kill()
    process.wait()
    if not db.exists() or db.stat().st_size == 0:
        continue
    with sqlite3.connect(db) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",), db
        # What was committed is whole: every execution without an answer is still to be asked.
        orphans = """SELECT count(*) FROM execution e LEFT JOIN ask a ON a.execution = e.id
                     WHERE (e.status IN (0, 2)) <> (a.execution IS NOT NULL)"""
        assert connection.execute(orphans).fetchone() == (0,), db
        unlinked = "SELECT count(*) FROM execution WHERE start_at IS NOT NULL AND start_event_id IS NULL"
        assert connection.execute(unlinked).fetchone() == (0,), db
        found += connection.execute("SELECT count(*) FROM execution").fetchone()[0]
    report = subprocess.run([binary, "--json", "--db", db, "report"], capture_output=True, text=True, check=False)
    assert report.returncode in (0, 3), report.stderr
    json.loads(report.stdout)
assert found > 0, "every demo was killed before it wrote a row"
print(f"{times} killed, {found} executions found in what was left, every file sound")
