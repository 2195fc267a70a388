//! The command line: the only place that prints. One file per command.

mod alerts;
mod args;
mod backup;
mod check;
mod collect;
mod connect;
mod demo;
mod failure;
mod out;
mod progress;
mod report;
mod run;
mod serve;
mod show;
mod simulate;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::Parser;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::window::Window;
use args::{Cli, Command};
use failure::{Failure, Outcome};

/// The book of a demo that names none.
const DEMO: &str = "athena-ledger-demo.db";

/// What every command needs to know.
struct Session {
    config: Arc<Config>,
    /// Where the config came from; `None` is the built-in defaults.
    config_file: Option<PathBuf>,
    json: bool,
}

impl Session {
    fn database(&self) -> &Path {
        &self.config.store.path
    }
}

/// Runs the command of this process's arguments and prints what it has to say.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are no errors; clap knows which stream and which colours.
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    out::start_logging(matches!(cli.command, Command::Run(_)));
    match run(cli) {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            out::error(&failure.text());
            failure.exit_code()
        }
    }
}

fn run(cli: Cli) -> Result<Outcome, Failure> {
    if let Command::Simulate(args) = &cli.command {
        return block_on(false, |stop| simulate::simulate(args, stop));
    }
    let session = session(&cli)?;
    match cli.command {
        Command::Demo(args) => block_on(true, |stop| demo::demo(session, args, stop)),
        Command::Collect(args) => block_on(false, |stop| collect::collect(session, args, stop)),
        Command::Run(args) => block_on(false, |stop| run::run(session, args, stop)),
        Command::Serve(args) => block_on(false, |stop| serve::serve(session, args, stop)),
        Command::Alerts { command } => block_on(false, |stop| alerts::alerts(session, command, stop)),
        Command::Report(args) if args.digest => report::digest(&session, &args, &Clock::system()),
        Command::Report(args) => report::report(&session, &args, &Clock::system()),
        Command::Show { id } => show::show(&session, &id),
        Command::Check(args) => block_on(false, |stop| check::check(session, args, stop)),
        Command::Backup { file } => backup::backup(&session, &file),
        Command::Simulate(_) => Ok(Outcome::Done),
    }
}

fn session(cli: &Cli) -> Result<Session, Failure> {
    let config_file = crate::config::env::locate(cli.config.as_deref())?;
    let mut config = match &config_file {
        Some(path) => Config::load(path)?,
        None => Config::default(),
    };
    match (&cli.db, &cli.command) {
        (Some(db), _) => config.store.path.clone_from(db),
        // Never beside the book of a real account, of which it would become a part.
        (None, Command::Demo(_)) => config.store.path = DEMO.into(),
        (None, _) => {}
    }
    Ok(Session { config: Arc::new(config), config_file, json: cli.json })
}

/// One thread is enough for work that mostly waits, and it is what simulated time needs. Ctrl-C and SIGTERM set
/// the stop signal; a second one ends the process as usual.
fn block_on<F>(simulated_time: bool, command: impl FnOnce(CancellationToken) -> F) -> Result<Outcome, Failure>
where
    F: Future<Output = Result<Outcome, Failure>>,
{
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(simulated_time).build()?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let signals = out::stop_on_signals(stop.clone())?;
        tokio::select! {
            result = command(stop) => result,
            never = signals => match never {},
        }
    })
}

/// The span two instants make; a wrong one is told apart by why it is wrong.
fn span(since: DateTime<Utc>, until: DateTime<Utc>, now: DateTime<Utc>) -> Result<Window, Failure> {
    let oldest = now - crate::stages::HISTORY;
    if since < oldest {
        return Err(Failure::usage(
            anyhow::anyhow!("--since {} is over 90 days ago", since.format("%Y-%m-%d %H:%M")),
            Some(
                "CloudTrail's event history ends there (and Athena forgets a query after 45 days): read older \
                 events from trail files with --files"
                    .to_owned(),
            ),
        ));
    }
    Window::new(since, until).ok_or_else(|| empty_span(since, until))
}

fn empty_span(since: DateTime<Utc>, until: DateTime<Utc>) -> Failure {
    let (since, until) = (since.format("%Y-%m-%d %H:%M:%S"), until.format("%Y-%m-%d %H:%M:%S"));
    Failure::usage(
        anyhow::anyhow!("--since {since} is not before --until {until}"),
        Some(
            "--since is inclusive, --until exclusive; both default to what a report or pass needs".to_owned(),
        ),
    )
}
