//! The service: it ticks by itself, makes up for what it missed, and ends when it is told to.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use athena_ledger::aws::AwsSettings;
use athena_ledger::config::{Config, ScopeConfig};
use athena_ledger::service::Service;
use athena_ledger::simulator::{ACCESS_KEY_ID, Faults, SECRET_ACCESS_KEY, StartSpec, home};
use chrono::TimeDelta;

use crate::simulated::Simulated;
use crate::world::{Book, noon};

fn service(book: &Book) -> Service {
    let mut config = book.config.clone();
    let scope = home();
    config.scopes = vec![ScopeConfig {
        account: Some(scope.account),
        regions: vec![scope.region],
        ..ScopeConfig::default()
    }];
    let keys = (ACCESS_KEY_ID, SECRET_ACCESS_KEY);
    let http = book.world.http_client();
    let aws = AwsSettings::in_process(&config.collect, book.clock.clone(), http, keys, home().region);
    Service::new(Arc::new(config), aws, book.clock.clone(), Vec::new(), book.stop.clone())
}

/// Runs the service for so many hours, then stops it.
async fn live(book: &Book, hours: u64) {
    let service = service(book);
    let stop = book.stop.clone();
    let signal = async {
        tokio::time::sleep(Duration::from_secs(hours * 3600)).await;
        stop.cancel();
    };
    let (ended, ()) = tokio::join!(service.run(|| {}), signal);
    ended.expect("the service ends by the signal");
}

#[tokio::test(start_paused = true)]
async fn it_ticks_every_hour_and_makes_up_for_an_outage() {
    let mut book = Book::new();
    book.config.rules =
        Config::parse("[[rule]]\nname = 'blind'\nkind = 'gap'\n", "t".as_ref()).expect("valid").rules;
    for hour in 0..40 {
        book.world.start(StartSpec::at(noon() + TimeDelta::hours(hour) + TimeDelta::minutes(10)));
    }
    live(&book, 6).await;
    let hours = "SELECT count(*) FROM coverage_hourly WHERE status = 'complete'";
    assert_eq!(book.row(hours), "6", "two before noon and four since");
    assert_eq!(book.row("SELECT count(*) FROM query_log"), "5");
    // The machine is off for a day; the next service begins where this one ended.
    book.wait(TimeDelta::hours(24)).await;
    book.stop = tokio_util::sync::CancellationToken::new();
    live(&book, 2).await;
    assert_eq!(book.row("SELECT count(*) FROM query_log"), "31");
    assert_eq!(book.row("SELECT count(*) FROM coverage_hourly WHERE status IN ('partial', 'none')"), "0");
    assert_eq!(book.row("SELECT count(*) FROM alert"), "0", "it read all before it judged its blindness");
}

#[tokio::test(start_paused = true)]
async fn an_aws_that_fails_for_hours_is_told_and_then_made_up_for() {
    let mut book = Book::new();
    book.config.rules =
        Config::parse("[[rule]]\nname = 'blind'\nkind = 'gap'\n", "t".as_ref()).expect("valid").rules;
    book.world.start(StartSpec::at(noon() + TimeDelta::hours(3)));
    live(&book, 1).await;
    book.world.set_faults(Faults { denied: vec!["cloudtrail:LookupEvents".to_owned()], ..Faults::default() });
    book.stop = tokio_util::sync::CancellationToken::new();
    live(&book, 8).await;
    let aspects = book.rows("SELECT title FROM alert ORDER BY id");
    assert_eq!(aspects.len(), 2, "coverage and lag, once each: {aspects:?}");
    book.world.set_faults(Faults::default());
    book.stop = tokio_util::sync::CancellationToken::new();
    live(&book, 2).await;
    assert_eq!(book.row("SELECT count(*) FROM query_log"), "1");
    assert_eq!(book.row("SELECT count(*) FROM coverage_hourly WHERE status IN ('partial', 'none')"), "0");
}

#[test]
fn as_a_process_it_says_when_it_is_ready_and_what_each_stage_did_and_ends_at_a_signal() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join("athena-ledger.toml"),
        "[collect]\nlookup_rate = 1000\n[page]\nlisten = \"127.0.0.1:0\"\n",
    )
    .expect("written");
    let aws = Simulated::start(&["--queries", "20", "--no-quotas"]);
    // As systemd listens.
    let told = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&told).expect("a socket");
    systemd.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
    let mut process = Command::new(env!("CARGO_BIN_EXE_athena-ledger"))
        .arg("run")
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .envs(aws.environment.iter().cloned())
        .env("NOTIFY_SOCKET", &told)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut lines =
        BufReader::new(process.stderr.take().expect("a pipe")).lines().map(|line| line.expect("text"));
    let mut stages = Vec::new();
    for line in &mut lines {
        let log: serde_json::Value = serde_json::from_str(&line).expect("one JSON object a line");
        let stage = log["stage"].as_str().or(log["message"].as_str()).unwrap_or_default().to_owned();
        stages.push(stage.clone());
        if stage == "judge" {
            break;
        }
    }
    assert_eq!(stages, ["shown", "ready", "collect", "enrich", "rollup", "judge"]);
    let heard = || {
        let mut words = [0; 64];
        let length = systemd.recv(&mut words).expect("a word");
        String::from_utf8_lossy(&words[..length]).trim().to_owned()
    };
    assert_eq!(heard(), "READY=1");
    let id = nix::unistd::Pid::from_raw(i32::try_from(process.id()).expect("a process id"));
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).expect("signalled");
    let rest: Vec<String> = lines.collect();
    assert!(process.wait().expect("ended").success());
    assert_eq!(heard(), "STOPPING=1");
    assert!(rest.last().expect("a last word").contains("stopped"), "{rest:?}");
}
