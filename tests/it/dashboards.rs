//! Every query of the dashboards is valid against this version's schema, and reads views only.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

/// The views as empty tables: a query of anything else does not prepare.
fn views_only() -> Connection {
    let schema = Connection::open_in_memory().expect("a database");
    schema.execute_batch(include_str!("../../schema.sql")).expect("the schema is valid");
    let mut bare = Connection::open_in_memory().expect("a database");
    let mut views = schema.prepare("SELECT name FROM sqlite_schema WHERE type = 'view'").expect("valid");
    let names = views.query_map([], |row| row.get::<_, String>(0)).expect("read");
    for name in names.map(|name| name.expect("a name")) {
        let select = schema.prepare(&format!("SELECT * FROM {name}")).expect("the view is valid");
        let columns = select.column_names().collect::<Vec<_>>().join(", ");
        bare.execute_batch(&format!("CREATE TABLE {name} ({columns})")).expect("a table");
    }
    let writes = |context: AuthContext<'_>| match context.action {
        AuthAction::Select
        | AuthAction::Read { .. }
        | AuthAction::Function { .. }
        | AuthAction::Recursive => Authorization::Allow,
        _ => Authorization::Deny,
    };
    bare.authorizer(Some(writes)).expect("an authorizer");
    bare
}

/// What Grafana and the plugin make of a query, with all filters at All.
fn grafana_sql(text: &str) -> String {
    let mut sql = text.replace("$__from", "1794182400000").replace("$__to", "1794873600000");
    while let Some(start) = sql.find("${") {
        let end = start + sql[start..].find('}').expect("a closed variable");
        sql.replace_range(start..=end, "'*'");
    }
    while let Some(start) = sql.find("$__unixEpochGroupSeconds(") {
        let end = start + sql[start..].find(')').expect("a closed macro");
        let inner = sql[start..end].split_once('(').expect("arguments").1.to_owned();
        let (column, seconds) = inner.split_once(',').expect("two arguments");
        sql.replace_range(start..=end, &format!("cast(({column} / {seconds}) as int) * {seconds}"));
    }
    sql
}

#[test]
fn every_query_of_the_grafana_dashboard_is_valid() {
    let connection = views_only();
    let text = std::fs::read_to_string(root().join("grafana/athena-ledger.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let mut queries = 0;
    let targets = dashboard["panels"]
        .as_array()
        .expect("panels")
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    for target in targets.flatten() {
        assert_eq!(target["queryText"], target["rawQueryText"], "alerts run the one, people see the other");
        let sql = grafana_sql(target["queryText"].as_str().expect("SQL"));
        assert!(!sql.contains('$'), "{sql}");
        connection.prepare(&sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
        queries += 1;
    }
    assert!(queries > 20, "{queries}");
}

/// The value of a `key: value` line of YAML as our bundle writes it.
fn value(line: &str, key: &str) -> Option<String> {
    let line = line.trim_start().trim_start_matches("- ");
    let value = line.strip_prefix(key)?.strip_prefix(':')?.trim();
    let quoted = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
    Some(quoted.map_or_else(|| value.to_owned(), |value| value.replace("''", "'")))
}

/// With values of several lines as one.
fn unfolded(text: &str) -> String {
    let is_key = |line: &str| {
        let line = line.trim_start().trim_start_matches("- ");
        let key = line.split_once(':').map_or("", |(key, _)| key);
        !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    text.lines().fold(String::new(), |all, line| {
        let (between, line) = if is_key(line) { ("\n", line) } else { (" ", line.trim()) };
        all + between + line
    })
}

/// What a dataset takes from its view: columns, and the expressions of metrics and of columns of its own.
fn terms(text: &str) -> Vec<String> {
    let mut terms: Vec<String> = Vec::new();
    let mut column = None;
    for line in unfolded(text).lines() {
        column = value(line, "column_name").or(column);
        if let Some(expression) = value(line, "expression") {
            // A column of the view has none of its own.
            let own = Some(expression).filter(|text| !text.is_empty() && text != "null");
            terms.extend(own.or(column.take()));
            column = None;
        }
    }
    terms
}

#[test]
fn every_column_of_the_superset_datasets_is_there() {
    let connection = views_only();
    let mut views = BTreeSet::new();
    for file in std::fs::read_dir(root().join("superset/datasets/athena_ledger")).expect("datasets") {
        let text = std::fs::read_to_string(file.expect("an entry").path()).expect("text");
        let view = text.lines().find_map(|line| value(line, "table_name")).expect("a view");
        for term in terms(&text) {
            let sql = format!("SELECT {term} FROM {view}");
            connection.prepare(&sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
        }
        views.insert(view);
    }
    assert!(views.contains("usage_daily") && views.contains("query_log"), "{views:?}");
}
