#!/usr/bin/env bash
# Holds the dashboard against Grafana's own types. Opt-in: needs Node.js, npm and a minute for the first time.
#
# usage: types.sh [DASHBOARD_JSON]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dashboard=$(realpath "${1:-$here/../../dashboards/grafana/athena-ledger.json}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$here/package-lock.json" "$work"
cd "$work"
npm ci --silent --no-audit --no-fund --ignore-scripts
python3 "$here/types.py" "$dashboard" >dashboard.ts
npx --no-install tsc --version
npx --no-install tsc --noEmit --strict --skipLibCheck --module nodenext --moduleResolution nodenext dashboard.ts
echo "$(basename "$dashboard"): $(grep -c satisfies dashboard.ts) pieces are of Grafana's types"
