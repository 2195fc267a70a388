"""Writes a dashboard as TypeScript that holds only if Grafana's types allow it.

usage: types.py DASHBOARD_JSON > dashboard.ts

Dashboard alone leaves options and field configs of panels open: each panel is held against its plugin's own types too.
"""

import json
import sys

RAW = "./node_modules/@grafana/schema/dist/types/raw"
dashboard = json.load(open(sys.argv[1], encoding="utf-8"))
kinds = sorted({panel["type"] for panel in dashboard["panels"]})
# A stat panel has no field config of its own.
own = {kind: "Record<string, never>" if kind == "stat" else f"{kind}.FieldConfig" for kind in kinds}

print(f'import type {{ Dashboard, FieldConfig }} from "{RAW}/dashboard/x/types.gen.js";')
for kind in kinds:
    print(f'import type * as {kind} from "{RAW}/composable/{kind}/panelcfg/x/types.gen.js";')
print("""
// JSON holds the values of enums; options leave out what has a default.
type Json<T> = T extends string ? `${T}` : T extends (infer U)[] ? Json<U>[]
  : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
type Sparse<T> = T extends string ? `${T}` : T extends (infer U)[] ? Sparse<U>[]
  : T extends object ? { [K in keyof T]?: Sparse<T[K]> } : T;
// Known to @grafana/data since 10.3, and left out of the schema.
type Standard = FieldConfig & { fieldMinMax: boolean };
""")
print(f"export const dashboard = {json.dumps(dashboard, indent=1)} satisfies Json<Dashboard>;")
for panel in dashboard["panels"]:
    kind, config = panel["type"], panel["fieldConfig"]
    print(f"\n// {panel['title']}")
    print(f"({json.dumps(panel['options'])}) satisfies Sparse<{kind}.Options>;")
    print(f"({json.dumps(config['defaults']['custom'])}) satisfies Sparse<{own[kind]}>;")
    for override in config["overrides"]:
        properties = {p["id"]: p["value"] for p in override["properties"]}
        custom = {key.split(".", 1)[1]: value for key, value in properties.items() if key.startswith("custom.")}
        standard = {key: value for key, value in properties.items() if not key.startswith("custom.")}
        print(f"({json.dumps(custom)}) satisfies Sparse<{own[kind]}>;")
        print(f"({json.dumps(standard)}) satisfies Sparse<Standard>;")
