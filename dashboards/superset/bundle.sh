#!/bin/sh
# bundle.sh OUT.zip Dashboard|assets [DATABASE]: zips this tree for Superset. `Dashboard` is for the first install,
# `assets` for upgrades. DATABASE is the absolute path of the ledger as Superset sees it.
set -eu
[ $# -ge 2 ] && { [ "$2" = Dashboard ] || [ "$2" = assets ]; } || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
exec python3 - "$(cd "$(dirname "$0")" && pwd)" "$@" <<'P'
import pathlib, sys, zipfile
here, out, kind, database = pathlib.Path(sys.argv[1]), *sys.argv[2:4], (sys.argv[4:] or [None])[0]
if database and not (database.startswith("/") and not set(database) & set("?%#'\"\n")):
    sys.exit("DATABASE: an absolute path without ? % # and quotes")
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
    for path in sorted(here.rglob("*.yaml")):
        text = path.read_text()
        if path.name == "metadata.yaml":
            text = text.replace("type: Dashboard", "type: " + kind)
        if database and path.parent.name == "databases":
            text = text.replace("/var/lib/athena-ledger/athena-ledger.db", database)
        # Superset takes the first folder off every path.
        bundle.writestr(f"athena_ledger/{path.relative_to(here)}", text)
P
