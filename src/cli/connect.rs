//! Which AWS: the one over the network, or the simulated one in process.

use crate::aws::AwsSettings;
use crate::clock::Clock;
use crate::config::{Config, ScopeConfig, env};
use crate::domain::scope::Scope;
use crate::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY, World, home};

/// AWS over the network, as the configuration and the environment have it.
pub(super) fn settings(config: &Config, clock: Clock) -> AwsSettings {
    AwsSettings::network(&config.collect, clock, env::ca_bundle())
}

/// The simulated AWS, in process.
pub(super) fn simulated(config: &Config, clock: Clock, world: &World) -> AwsSettings {
    let keys = (ACCESS_KEY_ID, SECRET_ACCESS_KEY);
    AwsSettings::in_process(&config.collect, clock, world.http_client(), keys, home().region)
}

/// A scope of the simulated company.
pub(super) fn simulated_scope(scope: Scope) -> ScopeConfig {
    ScopeConfig { account: Some(scope.account), regions: vec![scope.region], ..ScopeConfig::default() }
}
