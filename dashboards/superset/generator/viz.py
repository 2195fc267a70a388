"""Charts as Superset stores them: `params` is what a browser runs, `query_context` what the API and reports run."""
import json

# Superset's own "last month" ends at midnight and leaves today out.
SPAN = 'DATEADD(DATETIME("today"), -29, day) : DATEADD(DATETIME("today"), 1, day)'
USD, USD4, BYTES, COUNT, PERCENT = "$,.2f", "$,.4f", "MEMORY_BINARY", ",d", ".1%"


def sql_metric(label, expression):
    return {"expressionType": "SQL", "sqlExpression": expression, "label": label, "hasCustomLabel": True,
            "optionName": "metric_" + "".join(c for c in label.lower() if c.isalnum())}


def label_of(metric):
    return metric if isinstance(metric, str) else metric["label"]


def where(column, operator, value):
    return {"clause": "WHERE", "expressionType": "SIMPLE", "subject": column, "operator": operator, "comparator": value}


def chart(slug, title, viz, dataset, time, params, query, filters=(), about=None):
    """`time` is the time column the span applies to, None for what is always now."""
    adhoc = ([where(time, "TEMPORAL_RANGE", SPAN)] if time else []) + list(filters)
    params = {"viz_type": viz, "adhoc_filters": adhoc, "extra_form_data": {}, **params}
    asked = [{"col": f["subject"], "op": f["operator"], "val": f["comparator"]} for f in adhoc]
    base = {"filters": asked, "extras": {"having": "", "where": ""}, "applied_time_extras": {}, "columns": [],
            "metrics": [], "orderby": [], "annotation_layers": [], "row_limit": params.get("row_limit", 10000),
            "series_limit": 0, "group_others_when_limit_reached": False, "order_desc": True, "url_params": {},
            "custom_params": {}, "custom_form_data": {}}
    context = {"datasource": {"id": 0, "type": "table"}, "force": False, "queries": [{**base, **query}],
               "form_data": {**params, "force": False, "result_format": "json", "result_type": "full"},
               "result_format": "json", "result_type": "full"}
    return {"slug": slug, "title": title, "viz": viz, "dataset": dataset, "params": params, "about": about,
            "timed": time is not None, "query_context": json.dumps(context)}


def number(slug, title, dataset, time, metric, form, subtitle="", **more):
    params = {"metric": metric, "y_axis_format": form, "header_font_size": 0.4, "subtitle": subtitle,
              "subtitle_font_size": 0.125, "time_format": "%d %b, %H:%M", "row_limit": 1}
    return chart(slug, title, "big_number_total", dataset, time, params, {"metrics": [metric]}, **more)


def before(slug, title, dataset, time, metric, form, **more):
    """The number of the span of equal length before this one, and the change since then."""
    params = {"query_mode": "aggregate", "groupby": [], "all_columns": [], "metrics": [metric], "row_limit": 1,
              "time_compare": ["inherit"], "comparison_type": "values", "show_cell_bars": False,
              "column_config": {f"{name} {metric}": {"d3NumberFormat": form, "d3SmallNumberFormat": form}
                                for name in ("Main", "#", "△")}, "table_timestamp_format": "%Y-%m-%d", "color_pn": False}
    return chart(slug, title, "table", dataset, time, params, {"metrics": [metric], "time_offsets": ["inherit"]}, **more)


def axis(column, grain=None):
    base = {"columnType": "BASE_AXIS", "sqlExpression": column, "label": column, "expressionType": "SQL"}
    return {"timeGrain": grain, **base} if grain else base


def pivot(x, series, metrics):
    return [{"operation": "pivot",
             "options": {"index": [x], "columns": series, "drop_missing_columns": False,
                         "aggregates": {label_of(m): {"operator": "mean"} for m in metrics}}},
            *([{"operation": "rename", "options": {"columns": {label_of(metrics[0]): None}, "level": 0,
                                                   "inplace": True}}] if series and len(metrics) == 1 else []),
            {"operation": "flatten"}]


def over(slug, title, dataset, time, x, metrics, series=(), grain=None, viz="echarts_timeseries_bar", form=USD, top=0,
         categories=False, **more):
    """Bars, lines or areas along `x`; `top` keeps that many series and adds the others up."""
    options = more.pop("options", {})
    series = list(series)
    params = {"x_axis": x, "time_grain_sqla": grain, "metrics": metrics, "groupby": series, "order_desc": True,
              "row_limit": 10000, "truncate_metric": True, "show_empty_columns": True, "show_legend": True,
              "legendType": "scroll", "legendOrientation": "top", "x_axis_time_format": "%d %b",
              "y_axis_format": form, "tooltipTimeFormat": "%Y-%m-%d", "rich_tooltip": True, "zoomable": False,
              "limit": top or None, "group_others_when_limit_reached": bool(top), **options}
    if viz == "echarts_timeseries_bar":
        params = {"stack": "Stack", "orientation": "vertical", **params}
    if categories:
        params = {"xAxisForceCategorical": True, "x_axis_sort": x, "x_axis_sort_asc": True, **params}
    query = {"columns": [axis(x, grain), *series], "metrics": metrics, "orderby": [[metrics[0], False]],
             "series_columns": series, "series_limit": top, "group_others_when_limit_reached": bool(top),
             "extras": {**({"time_grain_sqla": grain} if grain else {}), "having": "", "where": ""},
             "time_offsets": [], "post_processing": pivot(x, series, metrics)}
    return chart(slug, title, viz, dataset, time, params, query, **more)


def bars(slug, title, dataset, time, column, metric, form=USD, rows=15, **more):
    """Lying bars, the longest on top."""
    label = label_of(metric)
    params = {"x_axis": column, "metrics": [metric], "groupby": [], "order_desc": True, "row_limit": rows,
              "truncate_metric": True, "x_axis_sort": label, "x_axis_sort_asc": True, "orientation": "horizontal",
              "show_value": True, "show_legend": False, "y_axis_format": form, "rich_tooltip": True, "zoomable": False}
    query = {"columns": [axis(column)], "metrics": [metric], "orderby": [[metric, False]], "series_columns": [],
             "time_offsets": [],
             "post_processing": [*pivot(column, [], [metric])[:1],
                                 {"operation": "sort", "options": {"by": label, "ascending": True}},
                                 {"operation": "flatten"}]}
    return chart(slug, title, "echarts_timeseries_bar", dataset, time, params, query, **more)


def heat(slug, title, dataset, time, x, y, metric, form=USD, **more):
    params = {"x_axis": x, "groupby": y, "metric": metric, "row_limit": 1000, "sort_x_axis": "alpha_asc",
              "sort_y_axis": "alpha_desc", "normalize_across": "heatmap", "legend_type": "continuous",
              "linear_color_scheme": "schemeYlOrRd", "show_legend": True, "show_percentage": False,
              "show_values": False, "value_bounds": [None, None], "xscale_interval": -1, "yscale_interval": -1,
              "left_margin": "auto", "bottom_margin": "auto", "y_axis_format": form}
    rank = {"operation": "rank", "options": {"metric": label_of(metric)}}
    query = {"columns": [axis(x), y], "metrics": [metric], "orderby": [[x, True], [y, False]],
             "post_processing": [rank]}
    return chart(slug, title, "heatmap_v2", dataset, time, params, query, **more)


TABLE = {"percent_metrics": [], "order_desc": True, "table_timestamp_format": "%Y-%m-%d %H:%M:%S",
         "color_pn": False, "allow_render_html": False, "server_page_length": 10}


def columns_config(formats):
    return {name: {"d3NumberFormat": form, "d3SmallNumberFormat": form} if isinstance(form, str) else form
            for name, form in formats.items()}


def rows(slug, title, dataset, time, columns, order, limit, formats, options=None, **more):
    """A table of rows as they are."""
    params = {"query_mode": "raw", "all_columns": columns, "groupby": [], "metrics": [],
              "order_by_cols": [json.dumps([order, False])], "row_limit": limit,
              "column_config": columns_config(formats), **TABLE, **(options or {})}
    query = {"columns": columns, "orderby": [[order, False]], "post_processing": []}
    return chart(slug, title, "table", dataset, time, params, query, **more)


def sums(slug, title, dataset, time, columns, metrics, order, limit, formats, options=None, **more):
    """A table of sums by `columns`."""
    params = {"query_mode": "aggregate", "groupby": columns, "all_columns": [], "metrics": metrics,
              "timeseries_limit_metric": order, "row_limit": limit,
              "column_config": columns_config(formats), **TABLE, **(options or {})}
    query = {"columns": columns, "metrics": metrics, "orderby": [[order, False]], "post_processing": []}
    return chart(slug, title, "table", dataset, time, params, query, **more)
