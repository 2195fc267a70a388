//! The simulated AWS as a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Ends with the test.
#[derive(Debug)]
pub(crate) struct Simulated {
    process: Child,
    pub(crate) environment: Vec<(String, String)>,
}

impl Simulated {
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_athena-ledger"))
            .args(["simulate", "--port", "0"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("it tells where it is");
        let pairs = line.split_whitespace().filter_map(|word| word.split_once('='));
        let environment = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Self { process, environment }
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
