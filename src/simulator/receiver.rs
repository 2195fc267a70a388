//! A receiver of webhooks on loopback: answers as it is told, and remembers what it was sent.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Larger than any message.
const LARGEST: usize = 1 << 20;

/// How one request is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Status(u16),
    /// 429 with `Retry-After`, in seconds.
    TooMany(u64),
    /// 302 to another address.
    Redirect(String),
    /// The connection breaks.
    Reset,
    /// 200, after so many milliseconds.
    Slow(u64),
    /// 404, with the path that was asked for in the answer, as many servers do.
    Echo,
    /// No answer, ever.
    Hang,
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub answer: Answer,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug)]
struct State {
    script: VecDeque<Answer>,
    otherwise: Answer,
    received: Vec<Received>,
}

/// The receiver; it listens until the runtime ends.
#[derive(Clone, Debug)]
pub struct Receiver {
    url: String,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    /// Listens on a free port of 127.0.0.1 and answers 200.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let state = State { script: VecDeque::new(), otherwise: Answer::Status(200), received: Vec::new() };
        let receiver = Self {
            url: format!("http://{}/hook", listener.local_addr()?),
            state: Arc::new(Mutex::new(state)),
        };
        let state = Arc::clone(&receiver.state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&state)));
            }
        });
        Ok(receiver)
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The next answers, then `otherwise`.
    pub fn answer(&self, script: impl IntoIterator<Item = Answer>, otherwise: Answer) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.script = script.into_iter().collect();
        state.otherwise = otherwise;
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).received.clone()
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) -> io::Result<()> {
    let mut bytes = Vec::new();
    let (headers, body_at) = loop {
        if let Some(found) = head(&bytes) {
            break found;
        }
        if stream.read_buf(&mut bytes).await? == 0 || bytes.len() > LARGEST {
            return Ok(());
        }
    };
    let length =
        headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let length: usize = length.unwrap_or(0).min(LARGEST);
    while bytes.len() < body_at + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    }
    let body = String::from_utf8_lossy(bytes.get(body_at..).unwrap_or_default()).into_owned();
    let answer = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = state.script.pop_front().unwrap_or_else(|| state.otherwise.clone());
        state.received.push(Received { headers, body, answer: answer.clone() });
        answer
    };
    let echo = answer == Answer::Echo;
    let (status, more) = match answer {
        Answer::Status(status) => (status, String::new()),
        Answer::TooMany(seconds) => (429, format!("Retry-After: {seconds}\r\n")),
        Answer::Redirect(to) => (302, format!("Location: {to}\r\n")),
        Answer::Reset => {
            // Closing with unsent data behind makes the kernel send a reset.
            stream.set_zero_linger()?;
            return Ok(());
        }
        Answer::Slow(milliseconds) => {
            tokio::time::sleep(std::time::Duration::from_millis(milliseconds)).await;
            (200, String::new())
        }
        Answer::Echo => (404, String::new()),
        Answer::Hang => std::future::pending().await,
    };
    let said = if echo { request_line(&bytes) } else { String::new() };
    let length = said.len();
    let reply =
        format!("HTTP/1.1 {status} .\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{said}");
    stream.write_all(reply.as_bytes()).await?;
    stream.shutdown().await
}

fn request_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    format!("Cannot {}", text.lines().next().unwrap_or_default())
}

/// The headers, and where the body begins; `None` before they are whole.
fn head(bytes: &[u8]) -> Option<(Vec<(String, String)>, usize)> {
    let end = memchr::memmem::find(bytes, b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
    let headers = text.lines().skip(1).filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned()));
    Some((headers.collect(), end + 4))
}
