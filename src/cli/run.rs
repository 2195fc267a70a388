//! `run`: the service, or one full pass of it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::args::RunArgs;
use super::failure::{Failure, Outcome, chain};
use super::{Session, collect, connect, out};
use crate::aws::Aws;
use crate::channel::Channel;
use crate::clock::Clock;
use crate::report::count;
use crate::service::Service;
use crate::stages;
use crate::store::{Store, StoreError};
use crate::web::Page;

pub(super) async fn run(
    session: Session,
    args: RunArgs,
    stop: CancellationToken,
) -> Result<Outcome, Failure> {
    let channels = channels(&session)?;
    if args.once {
        return once(session, &channels, stop).await;
    }
    let clock = Clock::system();
    let settings = connect::settings(&session.config, clock.clone());
    let page = page(&session, &clock).await;
    let service = Service::new(Arc::clone(&session.config), settings, clock, channels, stop.clone());
    let shown = async {
        if let Some(page) = page
            && let Err(error) = page.serve(stop).await
        {
            tracing::error!("{}", chain(&error, None));
        }
    };
    let served = service.run(|| {
        // Without systemd there is nobody to tell.
        let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Ready]);
        tracing::info!(db = %session.database().display(), "ready");
    });
    let (served, ()) = tokio::join!(served, shown);
    served?;
    let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Stopping]);
    tracing::info!("stopped");
    Ok(Outcome::Done)
}

/// The page beside the service. Without its address the service still collects and tells.
async fn page(session: &Session, clock: &Clock) -> Option<Page> {
    let address = session.config.page.listen?;
    match Page::listen(Arc::clone(&session.config), clock.clone(), address).await {
        Ok(page) => {
            tracing::info!(page = format!("http://{}/", page.address()), "shown");
            Some(page)
        }
        Err(error) => {
            tracing::warn!("no page: {}", chain(&error, error.help().as_deref()));
            None
        }
    }
}

fn channels(session: &Session) -> Result<Vec<Channel>, Failure> {
    let channels = session.config.channels.iter().map(|config| {
        let channel = Channel::new(config).and_then(|channel| channel.ready().map(|()| channel));
        channel.map_err(|error| {
            let help = error.help();
            Failure::usage(anyhow::Error::new(error).context(format!("channel {}", config.name)), help)
        })
    });
    channels.collect()
}

/// A full pass with alerts and deliveries; nothing, and no failure, while another one runs.
async fn once(session: Session, channels: &[Channel], stop: CancellationToken) -> Result<Outcome, Failure> {
    let clock = Clock::system();
    let store = match Store::open_aside(Arc::clone(&session.config), stop.clone()).await {
        Ok(store) => Arc::new(store),
        Err(StoreError::Taken { path }) => {
            out::note(&format!("skipped: another athena-ledger is writing {}", path.display()));
            return Ok(Outcome::Done);
        }
        Err(error) => return Err(error.into()),
    };
    let aws = Aws::new(connect::settings(&session.config, clock.clone()));
    let (connections, unreachable) = tokio::select! {
        connected = stages::connect::connect(&session.config, &aws) => connected,
        () = stop.cancelled() => Default::default(),
    };
    let nobody = connections.is_empty();
    let config = Arc::clone(&session.config);
    let ctx = stages::connect::context(config, clock.clone(), store, connections, &unreachable, stop.clone())
        .await?;
    let report = stages::tick(&ctx, None).await?;
    let coverage = collect::coverage(&ctx, None)?;
    if !stop.is_cancelled() {
        let found =
            stages::judge(&ctx).await? + stages::digest(&ctx.store, &session.config, clock.now()).await?;
        let done = stages::deliver(&ctx.store, channels, &clock, &stop).await?;
        if found > 0 && channels.is_empty() {
            out::note("no channel is configured: nobody is told; `athena-ledger alerts` has what was found");
        }
        out::note(&format!(
            "{}, {} delivered, {} to be tried again",
            count(found, "new alert"),
            done.delivered,
            done.failed
        ));
    }
    let outcome = collect::tell(&session, report, &unreachable, &coverage, true)?;
    Ok(if nobody { Outcome::Failed } else { outcome })
}
