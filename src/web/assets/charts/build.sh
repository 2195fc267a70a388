#!/usr/bin/env bash
# Makes ../charts.js.gz again, with the licences of what is in it. Needs node and npm; building the program does not.
set -euo pipefail
cd "$(dirname "$0")"
npm ci --no-audit --no-fund
npx esbuild charts.js --bundle --minify --format=iife --target=es2020 --legal-comments=none --outfile=charts.min.js
gzip -9 -n -c charts.min.js >../charts.js.gz
cat node_modules/echarts/LICENSE node_modules/echarts/NOTICE >../charts.LICENSE
printf '\n---- zrender ----\n\n' >>../charts.LICENSE
cat node_modules/zrender/LICENSE >>../charts.LICENSE
printf '\n---- tslib ----\n\n' >>../charts.LICENSE
cat node_modules/tslib/LICENSE.txt >>../charts.LICENSE
rm -rf charts.min.js node_modules
ls -l ../charts.js.gz
