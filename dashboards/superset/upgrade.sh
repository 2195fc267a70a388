#!/bin/sh
# upgrade.sh URL BUNDLE.zip: replaces database, datasets, charts and dashboard in a running Superset by those of an
# `assets` bundle. Asks for the password of $SUPERSET_USER (default admin), unless $SUPERSET_PASSWORD is set.
set -eu
[ $# -eq 2 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
url=${1%/}
if [ -z "${SUPERSET_PASSWORD-}" ]; then
  trap 'stty echo' EXIT
  printf 'Password of %s: ' "${SUPERSET_USER:-admin}" >&2; stty -echo; read -r SUPERSET_PASSWORD; stty echo; echo >&2
fi
cookies=$(mktemp); trap 'rm -f "$cookies"' EXIT
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
# The password goes through standard input, where no process list shows it.
token=$(U="${SUPERSET_USER:-admin}" P="$SUPERSET_PASSWORD" python3 -c 'import json, os
print(json.dumps({"username": os.environ["U"], "password": os.environ["P"], "provider": "db"}))' |
  curl -fsS "$url/api/v1/security/login" -H 'Content-Type: application/json' -d @- | field access_token)
auth() { printf 'header = "Authorization: Bearer %s"\n' "$token"; }
csrf=$(auth | curl -fsS -K - -c "$cookies" "$url/api/v1/security/csrf_token/" | field result)
auth | curl -sS --fail-with-body -K - -b "$cookies" -H "X-CSRFToken: $csrf" -H "Referer: $url/" \
  -F "bundle=@$2;type=application/zip" "$url/api/v1/assets/import/"
echo
