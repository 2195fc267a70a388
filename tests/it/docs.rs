//! What is written twice is held together here: commands, paths, the policy, the version.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

fn read(path: &str) -> String {
    let full = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&full).unwrap_or_else(|error| panic!("{}: {error}", full.display()))
}

#[test]
fn the_policy_of_the_readme_is_the_one_to_deploy_and_never_reads_results() {
    let deployed: Value = serde_json::from_str(&read("deploy/iam-policy.json")).expect("a policy");
    let readme = read("README.md");
    let quoted = readme
        .split("```json")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("a policy in README.md");
    assert_eq!(serde_json::from_str::<Value>(quoted).expect("a policy"), deployed);
    let denied = deployed["Statement"].as_array().expect("statements").iter().find(|s| s["Effect"] == "Deny");
    assert!(denied.expect("a denial")["Action"].to_string().contains("athena:GetQueryResults"));
}

#[test]
fn paths_in_prose_exist() {
    for document in ["README.md", "src/lib.rs", "CHANGELOG.md"] {
        for word in read(document).split(['`', '(', ')', ' ', '\n']) {
            let is_path = ["src/", "deploy/", "tests/", "benches/", "examples/", ".ci/"]
                .iter()
                .any(|start| word.starts_with(start))
                || ["config.example.toml", "schema.sql"].contains(&word);
            if is_path && !word.contains('*') {
                let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(word);
                assert!(path.exists(), "{document} names {word}, which is not there");
            }
        }
    }
}

#[test]
fn ci_runs_the_test_command_of_the_readme() {
    let readme = read("README.md");
    let command = readme
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("cargo test"))
        .expect("a test command in README.md");
    assert!(read(".ci/run").lines().any(|line| line.trim() == command), "`{command}` is not in .ci/run");
}

#[test]
fn the_changelog_has_this_version() {
    assert!(read("CHANGELOG.md").contains(&format!("## {}", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn the_readme_names_every_command() {
    let readme = read("README.md");
    for command in ["demo", "collect", "report", "show", "check", "backup", "simulate"] {
        assert!(
            readme.contains(&format!("athena-ledger {command}")),
            "README.md does not show `athena-ledger {command}`"
        );
    }
}
