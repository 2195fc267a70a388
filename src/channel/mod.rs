//! Where alerts go. A channel renders a message in its own way and sends it once; when to try again is not its matter.

pub mod slack;
pub mod webhook;

use std::sync::Once;
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, StatusCode, redirect};

use crate::config::secret::{SecretError, Source, exposed};
use crate::config::{ChannelConfig, ChannelKind};
use crate::domain::alert::Message;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From the first byte sent to the last one received.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Of an answer, for an error's text; and read of it, so that a secret at the edge is seen whole.
const QUOTED: usize = 200;
const READ: usize = 4_096;
/// Shorter parts of an address, such as `hook` or `v1`, are no secrets.
const SHORTEST_SECRET: usize = 6;

/// A channel that can be sent to.
#[derive(Clone, Debug)]
pub struct Channel {
    name: String,
    kind: Kind,
    url: Source,
    client: Client,
}

#[derive(Clone, Debug)]
enum Kind {
    Slack,
    Webhook { secret: Option<Source>, headers: Vec<(String, Source)> },
}

/// Why a message did not arrive. Never holds an address's path or a secret.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("no address")]
    Address(#[from] SecretError),
    #[error("no signing secret")]
    Secret(#[source] SecretError),
    #[error("the address of this channel is not one (it is not shown: it may be a secret)")]
    NoAddress,
    #[error("the secret is not base64 with an optional `whsec_` before it")]
    BadSecret,
    #[error("a header of this channel is not one: {0}")]
    Header(String),
    #[error("{what}")]
    Connection { what: String },
    #[error("HTTP {status}{}", if said.is_empty() { String::new() } else { format!(": {said}") })]
    Answer { status: StatusCode, said: String, retry_after: Option<Duration> },
}

impl SendError {
    /// The receiver's own wish for the next attempt.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answer { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The channel works, but not for this message.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Answer { status, .. } if matches!(status.as_u16(), 400 | 413 | 422))
    }

    /// The same, should the receiver have quoted one of these.
    fn without(self, secrets: &[String]) -> Self {
        match self {
            Self::Answer { status, said, retry_after } => {
                let said =
                    secrets.iter().fold(said, |said, secret| said.replace(secret.as_str(), "[secret]"));
                let said = crate::report::shortened(&said, QUOTED);
                Self::Answer { status, said, retry_after }
            }
            error => error,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        let help = match self {
            Self::Address(_) | Self::NoAddress => {
                "set the variable or file that url_env or url_file names, in the service's environment too"
            }
            Self::Secret(_) => {
                "set the variable or file that secret_env or secret_file names, in the service's environment too"
            }
            Self::BadSecret => "as Standard Webhooks has them: whsec_ and 24 to 64 random bytes in base64",
            Self::Header(_) => "names and values are visible ASCII",
            Self::Connection { .. } => {
                "check the address, the network and HTTPS_PROXY; certificates are verified"
            }
            Self::Answer { status, .. } if status.is_redirection() => {
                "redirects are not followed: configure the address it leads to"
            }
            Self::Answer { status, .. } if matches!(status.as_u16(), 401 | 403 | 404 | 410) => {
                "the webhook is gone or wrong: make a new one and set its address"
            }
            Self::Answer { .. } => return None,
        };
        Some(help.to_owned())
    }
}

impl Channel {
    pub fn new(config: &ChannelConfig) -> Result<Self, SendError> {
        static CRYPTO: Once = Once::new();
        // One crypto library for all of us; a second installation would be refused, and change nothing.
        CRYPTO.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("athena-ledger/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| connection(&error))?;
        let kind = match config.kind {
            ChannelKind::Slack => Kind::Slack,
            ChannelKind::Webhook => {
                Kind::Webhook { secret: config.secret.clone(), headers: config.headers.clone() }
            }
        };
        Ok(Self { name: config.name.clone(), kind, url: config.url.clone(), client })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Between two messages: Slack takes one a second (Slack, rate limits of incoming webhooks).
    pub fn rest(&self) -> Duration {
        match self.kind {
            Kind::Slack => Duration::from_millis(1_100),
            Kind::Webhook { .. } => Duration::ZERO,
        }
    }

    /// Whether address and secret can be read.
    pub fn ready(&self) -> Result<(), SendError> {
        self.address()?;
        match &self.kind {
            Kind::Webhook { secret, headers } => {
                if let Some(secret) = secret {
                    webhook::key(exposed(&secret.read().map_err(SendError::Secret)?))?;
                }
                webhook::headers(headers).map(drop)
            }
            Kind::Slack => Ok(()),
        }
    }

    /// Sends a message once. `at`: Unix seconds, for the signature.
    pub async fn send(&self, message: &Message, at: i64) -> Result<(), SendError> {
        let address = self.address()?;
        let request = self.client.post(address.clone());
        let request = match &self.kind {
            Kind::Slack => slack::request(request, &self.name, message),
            Kind::Webhook { secret, headers } => {
                let secret = secret.as_ref().map(Source::read).transpose().map_err(SendError::Secret)?;
                webhook::request(request, &self.name, message, at, secret.as_ref().map(exposed), headers)?
            }
        };
        answered(request, at).await.map_err(|error| error.without(&self.secrets(&address)))
    }

    /// What an answer may repeat and nobody may read: parts of the address, and the values of headers.
    fn secrets(&self, address: &reqwest::Url) -> Vec<String> {
        let segments = address.path_segments().into_iter().flatten().map(str::to_owned);
        let more = [address.query(), address.password(), Some(address.username())];
        let mut secrets: Vec<String> =
            segments.chain(more.into_iter().flatten().map(str::to_owned)).collect();
        if let Kind::Webhook { headers, .. } = &self.kind {
            secrets.extend(
                headers.iter().filter_map(|(_, value)| value.read().ok()).map(|v| exposed(&v).to_owned()),
            );
        }
        // The longest first: one may be part of another.
        secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets
    }

    fn address(&self) -> Result<reqwest::Url, SendError> {
        let text = self.url.read()?;
        let url = reqwest::Url::parse(exposed(&text)).map_err(|_| SendError::NoAddress)?;
        Some(url).filter(|url| matches!(url.scheme(), "http" | "https")).ok_or(SendError::NoAddress)
    }
}

/// The same for every attempt to deliver one message to one channel.
pub fn idempotency_key(message: &Message, channel: &str) -> String {
    format!("{}.{channel}", message.id())
}

/// `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
fn wish(text: &str, at: i64) -> Option<Duration> {
    let seconds = || text.trim().parse().ok();
    let until = || {
        let date = chrono::DateTime::parse_from_rfc2822(text.trim()).ok()?;
        u64::try_from(date.timestamp() - at).ok()
    };
    seconds().or_else(until).map(Duration::from_secs)
}

/// Scheme and host of an address, which are no secrets.
pub fn host_of(address: &str) -> String {
    let url = reqwest::Url::parse(address).ok();
    url.and_then(|url| Some(format!("{}://{}", url.scheme(), url.host_str()?)))
        .unwrap_or_else(|| "an address that is none".to_owned())
}

async fn answered(request: RequestBuilder, at: i64) -> Result<(), SendError> {
    let answer = request.send().await.map_err(|error| connection(&error))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let header = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let retry_after = header.and_then(|text| wish(&text, at));
    // Only as much as is quoted: an answer may be endless.
    let mut answer = answer;
    let mut said = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        said.extend_from_slice(&chunk);
        if said.len() >= READ {
            break;
        }
    }
    let said = crate::report::printable(&String::from_utf8_lossy(&said));
    Err(SendError::Answer { status, said, retry_after })
}

/// reqwest's words without the address, which may be a secret.
fn connection(error: &reqwest::Error) -> SendError {
    let mut what = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        "cannot connect".to_owned()
    } else {
        "the connection broke".to_owned()
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        what = format!("{what}: {cause}");
        source = cause.source();
    }
    SendError::Connection { what: crate::report::shortened(&what, 400) }
}
