//! Standard output, standard error, logs and signals.

use std::convert::Infallible;
use std::future::Future;
use std::io::{self, IsTerminal, Write};

use crate::report::UsageReport;
use anstyle::{AnsiColor, Style};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Prints to stdout, coloured only where colours are wanted. A reader that closed the pipe is no error.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

pub(super) fn print_json(value: &serde_json::Value) -> io::Result<()> {
    print(&format!("{value:#}\n"))
}

/// A usage report, fitted to the terminal: its head bold, gaps in its coverage in colour.
pub(super) fn print_report(report: &UsageReport) -> io::Result<()> {
    let text = report.text(width());
    let mut styled = String::with_capacity(text.len());
    let head = report.by.as_str();
    for line in text.lines() {
        let style = match line.trim_start() {
            line if line.starts_with("Athena usage")
                || line.starts_with(head)
                || line.starts_with("total ") =>
            {
                BOLD
            }
            line if line.starts_with("Coverage:") && report.coverage.is_complete() => GOOD,
            line if line.starts_with("Coverage:") || line.starts_with("Unpriced:") => WARN,
            _ => Style::new(),
        };
        styled.push_str(&format!("{style}{line}{style:#}\n"));
    }
    print(&styled)
}

/// Says something beside the result, on stderr.
pub(super) fn note(text: &str) {
    anstream::eprintln!("{text}");
}

pub(super) fn warning(text: &str) {
    anstream::eprintln!("{WARN}warning:{WARN:#} {text}");
}

pub(super) fn error(text: &str) {
    anstream::eprintln!("{BAD}error:{BAD:#} {text}");
}

/// Columns of the terminal on stdout.
pub(super) fn width() -> Option<u16> {
    let stdout = console::Term::stdout();
    stdout.is_term().then(|| stdout.size().1)
}

/// Logs go to stderr: for people on a terminal, as JSON otherwise. `RUST_LOG` chooses; the default is warnings, and
/// for a service what each stage did.
pub(super) fn start_logging(service: bool) {
    // What the SDK's search for a region or credentials met on the way is in our own error, if it found none; and the
    // SDK calls it an error that a simulated connection cannot be closed.
    let quiet = "warn,aws_config=off,aws_smithy_runtime::client::http::connection_poisoning=off";
    let default = if service { format!("{quiet},athena_ledger=info") } else { quiet.to_owned() };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    if io::stderr().is_terminal() { logs.init() } else { logs.json().flatten_event(true).init() }
}

/// Sets `stop` at the first SIGINT or SIGTERM and tells so; the second one ends the process at once.
pub(super) fn stop_on_signals(stop: CancellationToken) -> io::Result<impl Future<Output = Infallible>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stop.is_cancelled() {
                // Whoever asks twice does not want to wait for the commit under way; SQLite undoes it.
                let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
            }
            note("stopping at the next page; what was read is kept (again to stop at once)");
            stop.cancel();
        }
    })
}
