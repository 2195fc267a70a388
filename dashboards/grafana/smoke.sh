#!/usr/bin/env bash
# Asks a real Grafana for the data of every panel. Needs Docker with compose, and Python 3.
# Not run by the project itself, which is built on a machine without a Docker engine; smoke.py was tried there against a
# stand-in for Grafana's API.
#
# usage: LEDGER_DIR=/folder/of/athena-ledger.db ./smoke.sh
set -euo pipefail
cd "$(dirname "$0")"
: "${LEDGER_DIR:?the folder of athena-ledger.db}"
export LEDGER_DIR LEDGER_GID=${LEDGER_GID:-$(stat -c %g "$LEDGER_DIR")}
export GRAFANA_PORT=${GRAFANA_PORT:-3000} GRAFANA_PASSWORD=${GRAFANA_PASSWORD:-admin}
docker compose up --detach
trap 'docker compose down --volumes' EXIT
python3 smoke.py "http://127.0.0.1:$GRAFANA_PORT" "admin:$GRAFANA_PASSWORD" || { docker compose logs --tail 50; exit 1; }
