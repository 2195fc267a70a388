//! `serve`: the page over an existing book.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::args::ServeArgs;
use super::failure::{Failure, Outcome};
use super::{Session, out};
use crate::clock::Clock;
use crate::config::PAGE;
use crate::store::Reader;
use crate::web::{Page, WebError};

impl From<WebError> for Failure {
    fn from(error: WebError) -> Self {
        let help = error.help();
        Self::new(error, help)
    }
}

pub(super) async fn serve(
    session: Session,
    args: ServeArgs,
    stop: CancellationToken,
) -> Result<Outcome, Failure> {
    // A wrong file is told now, not on every page.
    drop(Reader::open(session.database())?);
    let address = listen_at(&session, args.listen)?;
    let page = Page::listen(Arc::clone(&session.config), Clock::system(), address).await?;
    out::note(&format!(
        "{} is shown at http://{}/ until Ctrl-C; /metrics and /healthz are there too",
        session.database().display(),
        page.address()
    ));
    page.serve(stop).await?;
    Ok(Outcome::Done)
}

/// The address that is asked for, else the configured one; beyond loopback a token is needed.
pub(super) fn listen_at(session: &Session, asked: Option<SocketAddr>) -> Result<SocketAddr, Failure> {
    let address = asked.or(session.config.page.listen).unwrap_or(PAGE);
    if !address.ip().is_loopback() && session.config.page.token.is_none() {
        return Err(Failure::usage(
            anyhow::anyhow!("{address} is reached by others: the page needs a token there"),
            Some("set token_env or token_file under [page], or listen on 127.0.0.1".to_owned()),
        ));
    }
    Ok(address)
}
