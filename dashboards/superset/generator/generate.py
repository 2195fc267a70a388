#!/usr/bin/env python3
"""generate.py [schema.sql]: writes datasets/, charts/ and dashboards/ from panels.py. Needs PyYAML."""
import pathlib
import sys
import uuid

import yaml
from datasets import DATASETS, dataset
from panels import COLOURS, EVERYBODY, FILTERS, NO_WORKGROUP, ROWS
from viz import SPAN

HERE = pathlib.Path(__file__).resolve().parent.parent
ROOT = uuid.UUID("5f0c8f6e-3a0b-5c53-9d0a-8f6f0b6f0a00")


def uuid_of(kind, name):
    """Always the same, so that an upgrade finds what it replaces."""
    return str(uuid.uuid5(ROOT, f"{kind}/{name}"))


def write(folder, name, value):
    path = HERE / folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(value, sort_keys=False, width=110, allow_unicode=True))
    return path


def chart_file(chart):
    return {"slice_name": chart["title"], "description": chart["about"], "certified_by": None,
            "certification_details": None, "viz_type": chart["viz"], "params": chart["params"],
            "query_context": chart["query_context"], "cache_timeout": None, "uuid": uuid_of("chart", chart["slug"]),
            "version": "1.0.0", "dataset_uuid": uuid_of("dataset", chart["dataset"])}


def position():
    """The grid, and the number each chart has in it: filters name charts by that number."""
    grid = {"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]}
    found = {"DASHBOARD_VERSION_KEY": "v2", "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
             "GRID_ID": grid, "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": "Athena ledger"}}}
    number, numbers = 0, {}
    for at, (height, charts) in enumerate(ROWS, 1):
        row = f"ROW-{at}"
        grid["children"].append(row)
        found[row] = {"type": "ROW", "id": row, "children": [], "parents": ["ROOT_ID", "GRID_ID"],
                      "meta": {"background": "BACKGROUND_TRANSPARENT"}}
        for width, chart in charts:
            number += 1
            numbers[chart["slug"]] = number
            key = f"CHART-{chart['slug']}"
            found[row]["children"].append(key)
            found[key] = {"type": "CHART", "id": key, "children": [], "parents": ["ROOT_ID", "GRID_ID", row],
                          "meta": {"uuid": uuid_of("chart", chart["slug"]), "sliceName": chart["title"],
                                   "chartId": number, "width": width, "height": height}}
    return found, numbers


def native_filter(key, name, kind, target, excluded, mask, **control):
    return {"id": f"NATIVE_FILTER-{key}", "name": name, "filterType": kind, "targets": [target],
            "controlValues": {"enableEmptyFilter": False, **control},
            "defaultDataMask": {"filterState": {}, "ownState": {}, "extraFormData": {}, **mask},
            "cascadeParentIds": [], "scope": {"rootPath": ["ROOT_ID"], "excluded": excluded},
            "type": "NATIVE_FILTER", "description": ""}


def filters(charts, numbers):
    yield native_filter("time", "Time", "filter_time", {}, [numbers[c["slug"]] for c in charts if not c["timed"]],
                        {"extraFormData": {"time_range": SPAN}, "filterState": {"value": SPAN}})
    for key, name, column in FILTERS:
        without = NO_WORKGROUP if column == "workgroup" else EVERYBODY
        yield native_filter(key, name, "filter_select",
                            {"datasetUuid": uuid_of("dataset", "usage_daily"), "column": {"name": column}},
                            [numbers[c["slug"]] for c in charts if c["dataset"] in without], {}, multiSelect=True,
                            defaultToFirstItem=False, searchAllOptions=False, inverseSelection=False) | {
                                # Of those seen of late: all of them would be asked of the whole book.
                                "time_range": SPAN, "adhoc_filters": []}


def main():
    schema = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parent.parent / "schema.sql").read_text()
    charts = [chart for _, row in ROWS for _, chart in row]
    written = {write("datasets/athena_ledger", view, dataset(view, schema, uuid_of)) for view in DATASETS}
    written |= {write("charts", chart["slug"], chart_file(chart)) for chart in charts}
    grid, numbers = position()
    everything = {"scope": {"rootPath": ["ROOT_ID"], "excluded": []}, "chartsInScope": []}
    metadata = {"native_filter_configuration": list(filters(charts, numbers)), "cross_filters_enabled": True,
                "color_scheme": "supersetColors", "filter_bar_orientation": "HORIZONTAL", "refresh_frequency": 300, "timed_refresh_immune_slices": [],
                "expanded_slices": {}, "label_colors": COLOURS, "shared_label_colors": [], "default_filters": "{}",
                "chart_configuration": {}, "global_chart_configuration": everything}
    written.add(write("dashboards", "athena_ledger", {
        "dashboard_title": "Athena ledger", "description": None, "slug": "athena-ledger", "certified_by": None,
        "certification_details": None, "published": True, "uuid": uuid_of("dashboard", "athena_ledger"),
        "css": (HERE / "generator" / "dashboard.css").read_text(), "position": grid, "metadata": metadata,
        "version": "1.0.0"}))
    for folder in ("datasets/athena_ledger", "charts", "dashboards"):
        for path in set((HERE / folder).glob("*.yaml")) - written:
            path.unlink()
    print(f"{len(charts)} charts on {len(DATASETS)} datasets")


main()
