"""A reader of another account, who may only read, while the collector writes: always consistent, fresh, never an error.

usage: reader.py BINARY SCRATCH_FOLDER      (as root: it runs the reader as somebody else)
"""

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

READER, GROUP = 54321, 54322
# Both sides of each law come from one statement, which sees one state of the file.
LAWS = {
    "hours and executions": "SELECT (SELECT coalesce(sum(executions), 0) FROM usage_hourly) - (SELECT coalesce(sum(executions), 0) FROM coverage_hourly)",
    "days and hours": "SELECT (SELECT coalesce(sum(billed_bytes), 0) FROM usage_daily) - (SELECT coalesce(sum(billed_bytes), 0) FROM usage_hourly)",
    "shapes and days": "SELECT (SELECT coalesce(sum(executions), 0) FROM shape_daily) - (SELECT coalesce(sum(executions), 0) FROM usage_daily)",
}


def read(db):
    """Looks until it is told to end; tells how often, how many different states it saw, and the last one."""
    looks, states, folder = 0, [], os.path.dirname(db)
    try:
        open(os.path.join(folder, "intruder"), "w").close()
        raise SystemExit("the folder can be written")
    except PermissionError:
        pass
    while not os.path.exists(os.path.join(folder, "done")):
        connection = sqlite3.connect(f"file:{db}?mode=ro", uri=True, timeout=5)
        for law, sql in LAWS.items():
            off = connection.execute(sql).fetchone()[0]
            if off:
                raise SystemExit(f"{law} differ by {off}")
        state = connection.execute("SELECT count(*) FROM query_log").fetchone()[0]
        if not states or states[-1] != state:
            states.append(state)
        connection.close()
        looks += 1
    if states != sorted(states):
        raise SystemExit(f"went back in time: {states}")
    return f"{looks} {len(states)} {states[-1]}"


def reader_of(db):
    """The reader as another account; its process, and the pipe of its words."""
    words, into = os.pipe()
    process = os.fork()
    if process:
        os.close(into)
        return process, words
    said, code = "", 1
    try:
        os.setgroups([])
        os.setgid(GROUP)
        os.setuid(READER)
        said, code = read(db), 0
    except BaseException as error:  # noqa: BLE001
        said = repr(error)
    os.write(into, said.encode())
    os._exit(code)


def main(binary, scratch):
    folder = Path(scratch) / "shared"
    folder.mkdir()
    os.chown(folder, 0, GROUP)
    folder.chmod(0o2750)
    Path(scratch).chmod(0o755)
    config = Path(scratch) / "reader.toml"
    config.write_text("[store]\nmode = \"0640\"\n[collect]\nlookup_rate = 1000\nbatch_rate = 1000\nread_names_budget = \"0s\"\n")
    db = folder / "ledger.db"
    simulated = subprocess.Popen(
        [binary, "simulate", "--port", "0", "--queries", "4000", "--no-quotas", "--latency", "20"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    words = simulated.stdout.readline().split()
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    environment = clean | dict(word.split("=", 1) for word in words if "=" in word)
    try:
        collector = subprocess.Popen(
            [binary, "--config", config, "--db", db, "collect"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        while not (db.exists() and db.stat().st_size > 100_000):
            time.sleep(0.01)
        reader, words = reader_of(str(db))
        errors = collector.communicate()[1]
        assert collector.returncode in (0, 3), errors
        (folder / "done").touch()
        _, status = os.waitpid(reader, 0)
        with os.fdopen(words) as pipe:
            told = pipe.read()
        assert status == 0, told
        looks, states, last = map(int, told.split())
        assert states > 3, "it saw the book grow"
        with sqlite3.connect(db) as connection:
            assert last <= connection.execute("SELECT count(*) FROM execution").fetchone()[0]
        print(f"{looks} looks by another account during a pass: {states} states, each consistent, up to {last} executions")
    finally:
        simulated.kill()


if __name__ == "__main__":
    if os.getuid() != 0:
        raise SystemExit("needs root: it runs the reader as somebody else")
    main(sys.argv[1], sys.argv[2])
