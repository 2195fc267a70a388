//! Several accounts and regions in one book: how each is reached, and what one that fails does to the others.

use std::path::Path;
use std::process::Command;

use athena_ledger::aws::{Aws, AwsError, AwsSettings};
use athena_ledger::config::ScopeConfig;
use athena_ledger::domain::scope::{AccountId, Region, Scope};
use athena_ledger::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY, home};

use crate::simulated::Simulated;
use crate::world::Book;

fn other() -> Scope {
    Scope {
        account: AccountId::parse("444455556666").expect("an account"),
        region: Region::parse("eu-west-1").expect("a region"),
    }
}

fn aws(book: &Book) -> Aws {
    let keys = (ACCESS_KEY_ID, SECRET_ACCESS_KEY);
    let http = book.world.http_client();
    Aws::new(AwsSettings::in_process(&book.config.collect, book.clock.clone(), http, keys, home().region))
}

#[tokio::test(start_paused = true)]
async fn a_role_is_assumed_with_its_external_id_and_its_account_is_the_scope() {
    let book = Book::new();
    let role = book.world.add_role(&other().account, "ledger", Some("a secret handshake"));
    let scope = ScopeConfig {
        role_arn: Some(role),
        external_id: Some("a secret handshake".to_owned()),
        ..ScopeConfig::default()
    };
    let connection = aws(&book).connect(&scope, Some(&other().region)).await.expect("the scope connects");
    assert_eq!(connection.scope, other());
    let own = connection.own.expect("STS says who we are");
    assert!(format!("{own:?}").contains("ledger"), "{own:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_external_id_is_a_credentials_error_that_names_the_refusal_and_not_the_id() {
    let book = Book::new();
    let role = book.world.add_role(&other().account, "ledger", Some("a secret handshake"));
    let scope = ScopeConfig {
        role_arn: Some(role),
        external_id: Some("a wrong guess".to_owned()),
        ..ScopeConfig::default()
    };
    let error = aws(&book).connect(&scope, Some(&other().region)).await.expect_err("refused");
    assert!(matches!(error, AwsError::NoRole { .. }), "{error:?}");
    assert!(error.help().expect("a cure").contains("trust policy"));
    let said = anyhow_chain(&error);
    assert!(!said.contains("a wrong guess") && !said.contains("handshake"), "{said}");
    assert!(said.contains("AssumeRole"), "{said}");
}

fn anyhow_chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        said.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    said
}

fn run(aws: &Simulated, folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_athena-ledger"))
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .envs(aws.environment.iter().cloned())
        .output()
        .expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_scope_that_cannot_be_used_is_named_and_one_named_twice_is_read_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "
        [collect]
        lookup_rate = 1000
        [[scope]]
        name = 'lake'
        account = '111122223333'
        regions = ['us-east-1']
        [[scope]]
        name = 'other'
        account = '444455556666'
        regions = ['us-east-1']
        [[scope]]
        name = 'lake again'
        regions = ['us-east-1']";
    std::fs::write(folder.path().join("athena-ledger.toml"), config).expect("written");
    let aws = Simulated::start(&["--queries", "20", "--hours", "3", "--no-quotas"]);
    let (code, stdout, stderr) = run(&aws, folder.path(), &["--json", "collect", "--since", "4h"]);
    assert_eq!(code, 3, "{stderr}");
    let report: serde_json::Value = serde_json::from_str(&stdout).expect("one JSON object");
    assert_eq!(report["finished"], 20);
    assert_eq!((&report["duplicates"], &report["failed_scopes"]), (&0.into(), &1.into()), "{stderr}");
    assert!(stderr.contains("other/us-east-1 was not read"), "{stderr}");
    assert!(stderr.contains("the credentials are of account 111122223333"), "{stderr}");
    assert!(stderr.contains("lake again/us-east-1 is 111122223333/us-east-1"), "{stderr}");
    let (code, stdout, _) = run(&aws, folder.path(), &["report", "--since", "4h"]);
    assert_eq!(code, 3, "a configured scope that was never read is missing: {stdout}");
    assert!(stdout.contains("444455556666/us-east-1") && stdout.contains("not walked"), "{stdout}");
    let (code, stdout, _) = run(&aws, folder.path(), &["report", "--since", "4h", "--scope", "lake"]);
    assert_eq!(code, 0, "{stdout}");
}
