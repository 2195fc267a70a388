//! The page: the book in a browser, the same as JSON under `/api/`, and `/metrics` for Prometheus.
//!
//! Reads the file through a read-only connection that is opened for each request, so it never holds up the writer and
//! follows a file that was replaced. Everything it shows may be other people's text: templates escape it, and nothing
//! on a page is executed that was not built in.

mod api;
mod assets;
mod figures;
mod guard;
mod metrics;
mod pages;
mod view;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;

use crate::clock::Clock;
use crate::config::Config;
use crate::config::secret::SecretError;
use crate::store::{Reader, StoreError};

/// What every request needs.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    path: PathBuf,
    config: Arc<Config>,
    clock: Clock,
    guard: Arc<guard::Guard>,
    told: Arc<metrics::Last>,
    /// Requests that read at the same time: the collector beside them needs its part of the machine.
    looks: Arc<Semaphore>,
}

/// More wait for their turn.
const AT_ONCE: usize = 4;
/// Answers under way get this long after the stop signal.
const LAST_WORDS: Duration = Duration::from_secs(3);

impl Book {
    /// Runs `read` beside the runtime's thread, with the file open for reading.
    async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    {
        // Never closed: an error would mean that there are no turns any more.
        let _turn = self.looks.acquire().await.ok();
        let path = self.path.clone();
        let opened = self.path.clone();
        match tokio::task::spawn_blocking(move || read(&Reader::open(&opened)?)).await {
            Ok(result) => result,
            Err(source) => Err(StoreError::Interrupted { path, source }),
        }
    }
}

/// Why the page cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the page's token cannot be read")]
    Token(#[source] SecretError),
    #[error("the page's token is too short: it has fewer than 16 characters")]
    ShortToken,
    #[error("the page stopped")]
    Stopped(#[source] io::Error),
}

impl WebError {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => Some(
                "something listens there already, maybe another athena-ledger: choose another with --listen or [page] listen"
                    .to_owned(),
            ),
            Self::Listen { .. } => Some("choose another address with --listen or [page] listen".to_owned()),
            Self::Token(_) => Some("set the variable or file that token_env or token_file names".to_owned()),
            Self::ShortToken => Some("make one with `openssl rand -hex 32`".to_owned()),
            Self::Stopped(_) => None,
        }
    }
}

/// A page that has its address and is not served yet.
#[derive(Debug)]
pub struct Page {
    listener: TcpListener,
    router: Router,
    address: SocketAddr,
}

impl Page {
    /// Takes the address. Port 0 is any that is free.
    pub async fn listen(config: Arc<Config>, clock: Clock, address: SocketAddr) -> Result<Self, WebError> {
        let guard = Arc::new(guard::Guard::new(&config.page)?);
        let failed = |source| WebError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let looks = Arc::new(Semaphore::new(AT_ONCE));
        let told = Arc::default();
        let book = Book { path: config.store.path.clone(), config, clock, guard, told, looks };
        Ok(Self { listener, router: router(book), address })
    }

    /// Where it can be reached.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, then lets the answers under way finish.
    pub async fn serve(self, stop: CancellationToken) -> Result<(), WebError> {
        let served =
            axum::serve(self.listener, self.router).with_graceful_shutdown(stop.clone().cancelled_owned());
        // A request that was begun and never ended must not hold the process.
        let patience = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        tokio::select! {
            ended = served.into_future() => ended.map_err(WebError::Stopped),
            () = patience => Ok(()),
        }
    }
}

fn router(book: Book) -> Router {
    Router::new()
        .route("/", get(pages::overview))
        .route("/principal", get(pages::principal))
        .route("/shape/{fingerprint}", get(pages::shape))
        .route("/execution/{id}", get(pages::execution))
        .route("/queries", get(pages::queries))
        .route("/alerts", get(pages::alerts))
        .route("/coverage", get(pages::coverage))
        .route("/queries.csv", get(api::queries_csv))
        .route("/api", get(pages::api))
        .route("/api/now", get(api::now))
        .route("/api/usage", get(api::usage))
        .route("/api/highlights", get(api::highlights))
        .route("/api/queries", get(api::queries))
        .route("/api/executions/{id}", get(api::execution))
        .route("/api/shapes/{fingerprint}", get(api::shape))
        .route("/api/alerts", get(api::alerts))
        .route("/api/coverage", get(api::coverage))
        .route("/metrics", get(metrics::metrics))
        .fallback(pages::nothing)
        .layer(middleware::from_fn_with_state(book.clone(), guard::token))
        .route("/login", get(pages::login).post(guard::login))
        .route("/logout", post(guard::logout))
        .route("/healthz", get(metrics::healthz))
        .route("/assets/{name}", get(assets::asset))
        .layer(middleware::from_fn_with_state(book.clone(), guard::host))
        .layer(middleware::map_response(guard::headers))
        .layer(CompressionLayer::new())
        .with_state(book)
}
