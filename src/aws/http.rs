//! The one HTTP client: hyper, rustls with ring, proxies from the environment.

use std::path::Path;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::AwsError;

/// Never through a proxy: credentials of instances and containers.
const METADATA: &str = "169.254.169.254,169.254.170.2,169.254.170.23,fd00:ec2::254";

/// `ca_bundle`: PEM certificates trusted beside the system's.
pub(super) fn client(ca_bundle: Option<&Path>) -> Result<SharedHttpClient, AwsError> {
    let mut trust = TrustStore::default();
    if let Some(path) = ca_bundle {
        let failed = |source| AwsError::CaBundle { path: path.to_owned(), source };
        trust = trust.with_pem_certificate(std::fs::read(path).map_err(failed)?);
    }
    let tls =
        TlsContext::builder().with_trust_store(trust).build().map_err(|error| AwsError::Tls(error.into()))?;
    Ok(Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder();
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector
            .proxy_config(ProxyConfig::from_env().no_proxy(METADATA))
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls.clone())
            .build()
    }))
}
