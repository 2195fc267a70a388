//! The configured scopes, connected: what a pass runs in.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::{Ctx, Progress, ScopeCtx};
use crate::aws::{Aws, AwsError, Connection};
use crate::clock::Clock;
use crate::config::{Config, ScopeConfig};
use crate::domain::scope::{AccountId, Region, Scope};
use crate::engine::athena::Athena;
use crate::source::lookup_events::LookupEvents;
use crate::store::{Store, StoreError};

/// A configured scope that could not be connected.
pub struct Unreachable {
    pub name: String,
    pub error: AwsError,
    /// As far as the configuration tells them.
    account: Option<AccountId>,
    region: Option<Region>,
}

impl Unreachable {
    fn may_be(&self, scope: &Scope) -> bool {
        self.account.as_ref().is_none_or(|account| *account == scope.account)
            && self.region.as_ref().is_none_or(|region| *region == scope.region)
    }
}

/// Every configured account and region; without any, the SDK's own.
pub fn targets(config: &Config) -> Vec<(ScopeConfig, Option<Region>)> {
    let own = [ScopeConfig::default()];
    let scopes = if config.scopes.is_empty() { own.as_slice() } else { &config.scopes };
    scopes
        .iter()
        .flat_map(|scope| {
            let regions: Vec<Option<Region>> = match scope.regions.as_slice() {
                [] => vec![None],
                regions => regions.iter().cloned().map(Some).collect(),
            };
            regions.into_iter().map(|region| (scope.clone(), region))
        })
        .collect()
}

/// What a target is called in messages, before its account is known.
pub fn target_name(scope: &ScopeConfig, region: Option<&Region>) -> String {
    let account = scope.name.as_deref().or(scope.account.as_ref().map(|account| account.as_str()));
    format!(
        "{}/{}",
        account.unwrap_or("default account"),
        region.map_or("default region", |region| region.as_str())
    )
}

/// Connects every target side by side; one that fails stops no other. Two that turn out to be one scope are one.
pub async fn connect(config: &Config, aws: &Aws) -> (Vec<Connection>, Vec<Unreachable>) {
    let targets = targets(config);
    let results = join_all(targets.iter().map(|(scope, region)| aws.connect(scope, region.as_ref()))).await;
    let (mut connected, mut unreachable) = (Vec::new(), Vec::new());
    for ((scope, region), result) in targets.iter().zip(results) {
        match result {
            Ok(connection) if connected.iter().any(|other: &Connection| other.scope == connection.scope) => {
                let (name, scope) = (target_name(scope, region.as_ref()), connection.scope);
                tracing::warn!("{name} is {scope}, which another [[scope]] names too: it is read once");
            }
            Ok(connection) => connected.push(connection),
            Err(error) => unreachable.push(Unreachable {
                name: target_name(scope, region.as_ref()),
                error,
                account: scope.named_account(),
                region: region.clone(),
            }),
        }
    }
    (connected, unreachable)
}

/// What the stages need, around an open store.
pub async fn context(
    config: Arc<Config>,
    clock: Clock,
    store: Arc<Store>,
    connections: Vec<Connection>,
    unreachable: &[Unreachable],
    stop: CancellationToken,
) -> Result<Ctx, StoreError> {
    let watched = watched(&config, &store, &connections, unreachable).await?;
    let mut scopes = Vec::new();
    for connection in connections {
        scopes.push(ScopeCtx {
            id: store.scope(&connection.scope).await?,
            scope: connection.scope.clone(),
            source: LookupEvents::new(&connection),
            engine: Athena::new(&connection),
        });
    }
    Ok(Ctx { config, clock, store, scopes, watched, stop, progress: Arc::new(Progress::default()) })
}

/// The scopes somebody expects to be read: those connected, those configured by account and region, and of a target
/// that cannot be reached this time, whatever was read of it before.
async fn watched(
    config: &Config,
    store: &Store,
    connections: &[Connection],
    unreachable: &[Unreachable],
) -> Result<Vec<Scope>, StoreError> {
    let mut watched: Vec<Scope> = connections.iter().map(|connection| connection.scope.clone()).collect();
    let before = if unreachable.is_empty() { Vec::new() } else { store.scopes_read().await? };
    let lost = before.into_iter().filter(|scope| unreachable.iter().any(|target| target.may_be(scope)));
    for scope in config.named_scopes().chain(lost) {
        if !watched.contains(&scope) {
            watched.push(scope);
        }
    }
    Ok(watched)
}
