//! Dependencies: one TLS stack, free licences, and a reason for each.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// Crates that would bring a second HTTP or TLS stack.
/// Crates that exist once or not at all.
const BANNED: &[&str] = &["openssl-sys", "openssl", "native-tls", "aws-lc-rs", "aws-lc-sys"];
const SINGLE: &[&str] =
    &["hyper", "http", "h2", "rustls", "ring", "rusqlite", "libsqlite3-sys", "tokio", "chrono"];
/// Licences a user of the binary can live with.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Unicode-3.0",
    "Zlib",
    "0BSD",
    "CC0-1.0",
    "MIT-0",
    "Unlicense",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "Apache-2.0 WITH LLVM-exception",
];

/// Packages that end up in the binary: normal dependencies, on any platform.
fn shipped() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .map(|node| (node["id"].as_str().expect("an id"), node))
        .collect();
    let mut ids = vec![metadata["resolve"]["root"].as_str().expect("a root")];
    let mut next = 0;
    while let Some(id) = ids.get(next).copied() {
        next += 1;
        for dependency in nodes[id]["deps"].as_array().expect("deps") {
            let normal =
                dependency["dep_kinds"].as_array().expect("kinds").iter().any(|kind| kind["kind"].is_null());
            let id = dependency["pkg"].as_str().expect("an id");
            if normal && !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages.filter(|package| ids.contains(&package["id"].as_str().expect("an id"))).cloned().collect()
}

#[test]
fn there_is_one_http_stack_one_tls_stack_and_one_sqlite() {
    let packages = shipped();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &packages {
        versions
            .entry(package["name"].as_str().expect("a name"))
            .or_default()
            .push(package["version"].as_str().expect("a version"));
    }
    for banned in BANNED {
        assert!(
            !versions.contains_key(banned),
            "{banned} came in: `cargo tree -i {banned}` tells through whom; switch its feature off"
        );
    }
    for single in SINGLE {
        let found = &versions[single];
        assert_eq!(found.len(), 1, "{single} is there as {found:?}: align the versions in Cargo.toml");
    }
}

#[test]
fn every_licence_is_one_users_can_live_with() {
    for package in shipped() {
        let licence = package["license"].as_str().unwrap_or_default().replace('/', " OR ");
        let allowed = |alternative: &str| {
            let parts = alternative.trim_matches(['(', ')', ' ']).split(" AND ");
            parts.map(|part| part.trim_matches(['(', ')', ' '])).all(|part| LICENCES.contains(&part))
        };
        // `A AND (B OR C)` is split at OR, too: each side then holds a whole licence or a list of them.
        let fine = licence.split(" OR ").any(allowed);
        assert!(
            fine,
            "{} is under `{licence}`: find another crate, or add the licence with the reason",
            package["name"]
        );
    }
}

#[test]
fn every_dependency_says_why() {
    let manifest = include_str!("../../Cargo.toml");
    let sections = manifest.split("\n[").filter(|section| section.contains("dependencies]"));
    for line in sections.flat_map(|section| section.lines().skip(1)) {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(line.contains(" # "), "add half a line of reason in Cargo.toml: {line}");
        }
    }
}
