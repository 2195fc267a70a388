//! `simulate`: the simulated AWS on loopback.

use std::net::Ipv4Addr;
use std::time::Duration;

use chrono::SubsecRound;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::args::SimulateArgs;
use super::failure::{Failure, Outcome};
use super::out;
use crate::clock::Clock;
use crate::simulator::scenario::{self, HourLoad};
use crate::simulator::{ACCESS_KEY_ID, Faults, REGION, SECRET_ACCESS_KEY, World, server};

pub(super) async fn simulate(args: &SimulateArgs, stop: CancellationToken) -> Result<Outcome, Failure> {
    if !(0.0..=1.0).contains(&args.faults) {
        return Err(Failure::usage(
            anyhow::anyhow!("--faults {} is no part of calls: 0 to 1", args.faults),
            None,
        ));
    }
    let clock = Clock::system();
    let now = clock.now().trunc_subsecs(0);
    let world = World::new(clock);
    match args.queries {
        Some(queries) => drop(scenario::hour(
            &world,
            HourLoad {
                end: now,
                span: chrono::TimeDelta::hours(i64::from(args.hours.max(1))),
                queries,
                read_events: args.reads,
                seed: args.seed,
            },
        )),
        None => drop(scenario::week(&world, now, args.seed)),
    }
    world.set_latency(Duration::from_millis(args.latency));
    world.set_quotas(!args.no_quotas);
    if args.faults > 0.0 {
        world.set_faults(Faults::mixed(args.faults, args.seed));
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await.map_err(|error| {
        let help = "choose another --port, or 0 for a free one".to_owned();
        Failure::new(
            anyhow::Error::new(error).context(format!("cannot listen on port {}", args.port)),
            Some(help),
        )
    })?;
    let address = listener.local_addr()?;
    out::print(&format!(
        "export AWS_ENDPOINT_URL=http://{address} AWS_REGION={REGION} AWS_ACCESS_KEY_ID={ACCESS_KEY_ID} \
         AWS_SECRET_ACCESS_KEY={SECRET_ACCESS_KEY}\n"
    ))?;
    out::note("the simulated AWS answers until Ctrl-C; the line above points any AWS client at it");
    server::serve(world, listener, stop).await?;
    Ok(Outcome::Done)
}
