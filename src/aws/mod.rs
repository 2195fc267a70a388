//! AWS, connected: credentials, one HTTP client, and one pace per account and region.
//!
//! Knows which account it talks to before anybody asks it something; never reads events or executions itself.

mod http;
mod paced;

pub mod fault;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::clock::Clock;
use crate::config::{CollectConfig, ScopeConfig};
use crate::domain::principal::CallerIdentity;
use crate::domain::scope::{AccountId, Region, Scope};
use fault::{CallError, FaultKind};
use paced::{Paced, Rates};

pub use paced::{Pace, Traffic};

/// Named in our user agent, so that our own calls can be told in CloudTrail.
const APP_NAME: &str = "athena-ledger";
/// The SDK's own retries of transient faults; throttling is looped by `source` and `engine`, without end.
const ATTEMPTS: u32 = 3;
/// Begins after the limiter's permit, so that waiting for a quota never counts as a slow answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What connections are made with.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    pub clock: Clock,
    /// LookupEvents calls per second.
    pub lookup_rate: f64,
    /// BatchGetQueryExecution and GetQueryExecution calls per second, each.
    pub batch_rate: f64,
    pub wire: Wire,
}

/// How AWS is reached.
#[derive(Clone, Debug)]
pub enum Wire {
    /// Over the network, with the SDK's standard credential chain. `ca_bundle`: PEM certificates to trust as well.
    Network { ca_bundle: Option<PathBuf> },
    /// Through an HTTP client that is AWS itself, with credentials of its own.
    InProcess { http: SharedHttpClient, credentials: Credentials, region: Region },
}

impl AwsSettings {
    pub fn network(collect: &CollectConfig, clock: Clock, ca_bundle: Option<PathBuf>) -> Self {
        Self::new(collect, clock, Wire::Network { ca_bundle })
    }

    /// `keys`: access key id and secret that the AWS behind `http` knows.
    pub fn in_process(
        collect: &CollectConfig,
        clock: Clock,
        http: SharedHttpClient,
        keys: (&str, &str),
        region: Region,
    ) -> Self {
        let credentials = Credentials::new(keys.0, keys.1, None, None, "in process");
        Self::new(collect, clock, Wire::InProcess { http, credentials, region })
    }

    fn new(collect: &CollectConfig, clock: Clock, wire: Wire) -> Self {
        Self { clock, lookup_rate: collect.lookup_rate, batch_rate: collect.batch_rate, wire }
    }
}

/// One account and region, connected and paced.
#[derive(Clone, Debug)]
pub struct Connection {
    pub scope: Scope,
    pub cloudtrail: aws_sdk_cloudtrail::Client,
    pub athena: aws_sdk_athena::Client,
    /// Who we are there; `None` if STS would not say.
    pub own: Option<CallerIdentity>,
    pub pace: Arc<Pace>,
}

/// Why a scope cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    #[error("no AWS region is configured")]
    NoRegion,
    #[error("no usable AWS credentials")]
    NoCredentials(#[source] aws_credential_types::provider::error::CredentialsError),
    #[error("the role {role} cannot be assumed")]
    NoRole { role: String, source: aws_credential_types::provider::error::CredentialsError },
    #[error("AWS does not tell whose credentials these are")]
    NoAccount(#[source] CallError),
    #[error("the credentials are of account {found}, the scope is of {configured}")]
    OtherAccount { found: AccountId, configured: AccountId },
    #[error("AWS_CA_BUNDLE {} cannot be read", path.display())]
    CaBundle { path: PathBuf, source: std::io::Error },
    #[error("the TLS certificates to trust cannot be used")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl AwsError {
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::NoRegion => "set AWS_REGION, a region in the profile, or `regions` of a [[scope]]".to_owned(),
            Self::NoCredentials(_) => {
                "`aws sts get-caller-identity` must work in this shell: set AWS_PROFILE, run `aws sso login`, or \
                 give the machine a role; without any, --files still reads trail files"
                    .to_owned()
            }
            Self::NoRole { .. } => "its trust policy must name the caller (and the external_id of the [[scope]], if it asks \
                 for one), and the caller's own policy must allow sts:AssumeRole on it"
                .to_owned(),
            Self::NoAccount(error) => return error.help(),
            Self::OtherAccount { .. } => {
                "set `profile` or `role_arn` of the [[scope]] to one of its account, or correct `account`".to_owned()
            }
            Self::CaBundle { .. } | Self::Tls(_) => "it must be a file of PEM certificates".to_owned(),
        })
    }
}

/// Makes connections. Those of one account and region share one pace, whoever made them.
#[derive(Debug)]
pub struct Aws {
    settings: AwsSettings,
    paces: Mutex<HashMap<Scope, Arc<Pace>>>,
}

impl Aws {
    pub fn new(settings: AwsSettings) -> Self {
        Self { settings, paces: Mutex::default() }
    }

    /// Resolves credentials, region and account of a scope. `region`: `None` is the SDK's own.
    pub async fn connect(
        &self,
        scope: &ScopeConfig,
        region: Option<&Region>,
    ) -> Result<Connection, AwsError> {
        let http = match &self.settings.wire {
            Wire::Network { ca_bundle } => http::client(ca_bundle.as_deref())?,
            Wire::InProcess { http, .. } => http.clone(),
        };
        let sdk = self.loader(http.clone(), scope, region).load().await;
        let region =
            sdk.region().and_then(|region| Region::parse(region.as_ref())).ok_or(AwsError::NoRegion)?;
        let sdk = assume(scope, sdk).await;
        let provider = sdk.credentials_provider().ok_or_else(no_provider)?;
        provider.provide_credentials().await.map_err(|source| match &scope.role_arn {
            Some(role) => AwsError::NoRole { role: role.clone(), source },
            None => AwsError::NoCredentials(source),
        })?;
        let (account, own) = identify(&sdk, scope).await?;
        let scope = Scope { account, region };
        let pace = self.pace(&scope);
        let paced = SharedHttpClient::new(Paced { inner: http, pace: Arc::clone(&pace) });
        let cloudtrail = aws_sdk_cloudtrail::config::Builder::from(&sdk).http_client(paced.clone()).build();
        let athena = aws_sdk_athena::config::Builder::from(&sdk).http_client(paced).build();
        Ok(Connection {
            scope,
            cloudtrail: aws_sdk_cloudtrail::Client::from_conf(cloudtrail),
            athena: aws_sdk_athena::Client::from_conf(athena),
            own,
            pace,
        })
    }

    fn loader(&self, http: SharedHttpClient, scope: &ScopeConfig, region: Option<&Region>) -> ConfigLoader {
        let timeouts =
            TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http)
            .time_source(SdkTime(self.settings.clock.clone()))
            .sleep_impl(TokioSleep::new())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts);
        if let Ok(name) = AppName::new(APP_NAME) {
            loader = loader.app_name(name);
        }
        if let Some(profile) = &scope.profile {
            loader = loader.profile_name(profile);
        }
        if let Wire::InProcess { credentials, region, .. } = &self.settings.wire {
            let region = aws_config::Region::new(region.as_str().to_owned());
            loader = loader.credentials_provider(credentials.clone()).region(region).empty_test_environment();
        }
        match region {
            Some(region) => loader.region(aws_config::Region::new(region.as_str().to_owned())),
            None => loader,
        }
    }

    fn pace(&self, scope: &Scope) -> Arc<Pace> {
        let rates = Rates { lookup: self.settings.lookup_rate, batch: self.settings.batch_rate };
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(paces.entry(scope.clone()).or_insert_with(|| Arc::new(Pace::new(rates))))
    }
}

/// The configuration with the scope's role assumed, if it has one.
async fn assume(scope: &ScopeConfig, sdk: SdkConfig) -> SdkConfig {
    let (Some(role), Some(base)) = (&scope.role_arn, sdk.credentials_provider()) else { return sdk };
    let mut provider = AssumeRoleProvider::builder(role).session_name(APP_NAME).configure(&sdk);
    if let Some(id) = &scope.external_id {
        provider = provider.external_id(id);
    }
    let provider = provider.build_from_provider(base).await;
    sdk.into_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build()
}

fn no_provider() -> AwsError {
    AwsError::NoCredentials(aws_credential_types::provider::error::CredentialsError::not_loaded_no_source())
}

/// The account, and who we are in it. An account that is configured, or named by the role, needs no answer of STS,
/// but an answer must not contradict it.
async fn identify(
    sdk: &SdkConfig,
    scope: &ScopeConfig,
) -> Result<(AccountId, Option<CallerIdentity>), AwsError> {
    let configured = scope.named_account();
    let answer = aws_sdk_sts::Client::new(sdk).get_caller_identity().send().await;
    match answer.map_err(|error| CallError::new("sts:GetCallerIdentity", error)) {
        Ok(told) => {
            let found = told.account().and_then(AccountId::parse);
            match (configured, found) {
                (Some(configured), Some(found)) if configured != found => {
                    Err(AwsError::OtherAccount { found, configured })
                }
                (Some(account), _) | (None, Some(account)) => {
                    Ok((account, told.arn().and_then(CallerIdentity::parse)))
                }
                (None, None) => Err(AwsError::NoAccount(CallError::silent("sts:GetCallerIdentity"))),
            }
        }
        Err(error) => match configured {
            Some(account) if error.kind() != FaultKind::Credentials => {
                tracing::warn!(%account, "{error}: our own calls cannot be told from others'");
                Ok((account, None))
            }
            _ => Err(AwsError::NoAccount(error)),
        },
    }
}

/// The SDK signs and expires by our clock.
#[derive(Debug)]
struct SdkTime(Clock);

impl TimeSource for SdkTime {
    fn now(&self) -> SystemTime {
        self.0.now().into()
    }
}
