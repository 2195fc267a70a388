//! The command line as a process: what it prints, where, and how it ends. No variable of the environment counts.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_athena-ledger"))
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .expect("the binary runs")
}

/// Exit code, stdout, and stderr without its logs.
fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said: Vec<String> =
        text(&output.stderr).lines().filter(|line| !line.starts_with('{')).map(str::to_owned).collect();
    (output.status.code().unwrap_or(-1), text(&output.stdout), said.join("\n"))
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn wrong_usage_and_config_end_with_2_and_the_cure() {
    let folder = folder();
    std::fs::write(folder.path().join("wrong.toml"), "[collect]\nlookup_rat = 1\n").expect("written");
    let cases: &[(&[&str], &str)] = &[
        (&["report", "--by", "nobody"], "possible values"),
        (&["report", "--since", "tomorrow"], "36h"),
        (&["report", "--since", "2026-01-02", "--until", "2026-01-01"], "is not before --until"),
        (&["collect", "--since", "91d"], "--files"),
        (&["collect", "--until", "1h"], "--since 7d"),
        (&["--config", "missing.toml", "check"], "missing.toml"),
        (
            &["--config", "wrong.toml", "report"],
            "wrong.toml:2:1: unknown key `lookup_rat`\n  help: did you mean `lookup_rate`?",
        ),
        (&["collect", "--files", "no-such-folder"], "no-such-folder"),
        (&["show", "no id"], "without spaces"),
    ];
    for (args, cure) in cases {
        let (code, stdout, stderr) = told(&run(folder.path(), args));
        assert_eq!((code, stdout.as_str()), (2, ""), "{args:?}: {stderr}");
        assert!(stderr.contains(cure), "{args:?}: {stderr}");
    }
}

#[test]
fn no_credentials_are_told_at_once_with_the_cure() {
    let folder = folder();
    let began = std::time::Instant::now();
    let (code, stdout, stderr) = told(&run(folder.path(), &["collect"]));
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.contains("AWS_REGION"), "{stderr}");
    std::fs::create_dir(folder.path().join(".aws")).expect("made");
    std::fs::write(folder.path().join(".aws/config"), "[default]\nregion = eu-west-1\n").expect("written");
    let (code, _, stderr) = told(&run(folder.path(), &["collect"]));
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("aws sts get-caller-identity"), "{stderr}");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    assert!(!folder.path().join("athena-ledger.db").exists(), "nothing was read, so nothing is made");
}

#[test]
fn a_report_needs_a_book() {
    let folder = folder();
    let (code, _, stderr) = told(&run(folder.path(), &["report"]));
    assert_eq!(code, 1);
    assert!(stderr.contains("there is no database") && stderr.contains("athena-ledger collect"), "{stderr}");
}

#[test]
fn files_are_read_without_credentials_and_shown() {
    let folder = folder();
    let record = r#"{"Records":[{"userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/a\u001b[31mnn",
        "accountId":"111122223333","userName":"a\u001b[31mnn"},"eventTime":"2026-11-20T10:00:00Z",
        "eventSource":"athena.amazonaws.com","eventName":"StartQueryExecution","awsRegion":"eu-west-1","eventID":"e-1",
        "recipientAccountId":"111122223333","requestParameters":{"workGroup":"etl"},
        "responseElements":{"queryExecutionId":"7d4c1b9e"}},{"eventSource":"s3.amazonaws.com"}]}"#;
    std::fs::write(folder.path().join("trail.json"), record).expect("written");
    let (code, stdout, stderr) = told(&run(folder.path(), &["--json", "collect", "--files", "trail.json"]));
    assert_eq!(code, 0, "{stderr}");
    let report: serde_json::Value = serde_json::from_str(&stdout).expect("one JSON object");
    for key in [
        "events_read",
        "events_stored",
        "duplicates",
        "skipped",
        "own",
        "unreadable",
        "executions_new",
        "finished",
        "pending",
        "denied",
        "gone",
        "api_calls",
        "throttled",
        "elapsed_ms",
        "complete",
    ] {
        assert!(!report[key].is_null(), "{key} is missing: {stdout}");
    }
    assert_eq!((&report["events_read"], &report["executions_new"]), (&2.into(), &1.into()));
    let (code, stdout, _) = told(&run(folder.path(), &["show", "7d4c1b9e"]));
    assert_eq!(code, 0);
    assert!(stdout.contains("not known yet") && !stdout.contains('\u{1b}'), "{stdout}");
    let (code, stdout, _) = told(&run(folder.path(), &["show", "7D4C"]));
    assert!(code == 0 && stdout.contains("7d4c1b9e"), "the beginning of one id is enough: {stdout}");
    let (code, _, stderr) = told(&run(folder.path(), &["show", "8"]));
    assert!(code == 1 && stderr.contains("athena-ledger collect"), "{stderr}");
    let (code, stdout, _) =
        told(&run(folder.path(), &["report", "--since", "2026-11-20", "--until", "2026-11-21"]));
    assert_eq!(code, 3, "files alone are never complete");
    assert!(stdout.contains("partial: files") && !stdout.contains('\u{1b}'), "{stdout}");
    let (code, _, stderr) = told(&run(folder.path(), &["backup", "copy.db"]));
    assert_eq!(code, 0, "{stderr}");
    let (code, _, stderr) = told(&run(folder.path(), &["backup", "copy.db"]));
    assert!(code == 1 && stderr.contains("already exists"), "{stderr}");
}

#[test]
fn a_pass_is_skipped_while_another_process_writes() {
    let folder = folder();
    std::fs::write(folder.path().join("trail.json"), r#"{"Records":[]}"#).expect("written");
    let mut config = athena_ledger::config::Config::default();
    config.store.path = folder.path().join("athena-ledger.db");
    let stop = tokio_util::sync::CancellationToken::new();
    let other =
        athena_ledger::store::Store::open(std::sync::Arc::new(config), stop).expect("the store opens");
    let (code, _, stderr) = told(&run(folder.path(), &["run", "--once"]));
    assert!(code == 0 && stderr.contains("skipped: another athena-ledger is writing"), "{code} {stderr}");
    let (code, _, stderr) = told(&run(folder.path(), &["collect", "--files", "trail.json"]));
    assert!(code == 1 && stderr.contains("another athena-ledger is writing"), "{code} {stderr}");
    drop(other);
}

#[test]
fn channels_and_rules_are_checked_without_showing_secrets() {
    let folder = folder();
    let config = "[[channel]]\nname = 'ops'\nkind = 'slack'\nurl_env = 'SLACK'\n
        [[channel]]\nname = 'hook'\nkind = 'webhook'\nurl_file = 'hook.txt'\nsecret_file = 'secret.txt'\n
        [[rule]]\nname = 'busy'\nkind = 'threshold'\nlimit = '1 TB'\nchannels = ['hook']\n";
    std::fs::write(folder.path().join("athena-ledger.toml"), config).expect("written");
    std::fs::write(folder.path().join("hook.txt"), "http://127.0.0.1:9/T000/private\n").expect("written");
    std::fs::write(folder.path().join("secret.txt"), "whsec_bm90IHNob3duIGFueXdoZXJl\n").expect("written");
    let (_, stdout, stderr) = told(&run(folder.path(), &["check"]));
    assert!(
        stdout.contains("rule busy: tells when all of Athena scans 1.0 TiB or more in an hour (UTC)"),
        "{stdout}"
    );
    assert!(stdout.contains("FAIL  channel ops: no address\n  because: $SLACK is not set"), "{stdout}");
    assert!(stdout.contains("channel hook: address from hook.txt"), "{stdout}");
    let (code, tested, wrong) = told(&run(folder.path(), &["alerts", "test", "hook"]));
    assert_eq!(code, 1);
    assert!(wrong.contains("cannot connect"), "{wrong}");
    let (_, sent, _) = told(&run(folder.path(), &["check", "--send"]));
    for text in [&stdout, &stderr, &tested, &wrong, &sent] {
        assert!(!text.contains("private") && !text.contains("bm90"), "{text}");
    }
    let (code, _, stderr) = told(&run(folder.path(), &["alerts", "test", "hok"]));
    assert!(code == 2 && stderr.contains("channels are ops, hook"), "{stderr}");
    let (code, _, stderr) = told(&run(folder.path(), &["run"]));
    assert!(code == 2 && stderr.contains("$SLACK is not set"), "{stderr}");
}

#[test]
fn a_report_is_a_table_csv_json_or_one_html_file() {
    let folder = folder();
    let record = r#"{"userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/=x<b>","accountId":"111122223333","userName":"=x<b>"},
        "eventTime":"2026-11-20T10:00:00Z","eventSource":"athena.amazonaws.com","eventName":"StartQueryExecution",
        "awsRegion":"us-east-1","eventID":"e-1","recipientAccountId":"111122223333",
        "responseElements":{"queryExecutionId":"0a1b2c3d-0000-4000-8000-000000000001"}}"#;
    std::fs::write(folder.path().join("t.json"), format!("[{record}]")).expect("written");
    told(&run(folder.path(), &["collect", "--files", "t.json"]));
    let report = |format: &str| {
        let args = ["report", "--since", "2026-11-20", "--until", "2026-11-21", "--format", format];
        told(&run(folder.path(), &args)).1
    };
    let csv = report("csv");
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 2, "{csv}");
    assert!(lines[0].starts_with("principal,key,kind,team,executions,"), "{csv}");
    assert!(lines[1].starts_with("'=x<b>,arn:aws:iam::111122223333:user/=x<b>,user,,1,0,0,1,"), "{csv}");
    assert!(lines[1].ends_with(','), "what is not priced costs nothing known: {csv}");
    let json: serde_json::Value = serde_json::from_str(&report("json")).expect("JSON");
    assert_eq!(json["total"]["unpriced"], 1);
    let html = report("html");
    assert!(html.starts_with("<!doctype html>") && html.contains("unknown"), "{html}");
    assert!(!html.contains("<b>") && !html.contains("src=") && !html.contains("href="), "{html}");
    assert!(report("table").contains("Unpriced: 1"));
}

#[test]
fn every_command_has_help_with_an_example() {
    let folder = folder();
    for command in ["demo", "collect", "run", "alerts", "report", "show", "backup", "simulate"] {
        let (code, stdout, _) = told(&run(folder.path(), &[command, "--help"]));
        assert_eq!(code, 0);
        assert!(stdout.contains("Example") && stdout.contains("athena-ledger"), "{command}: {stdout}");
    }
}
