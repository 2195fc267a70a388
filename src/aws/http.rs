//! The one HTTP client: hyper, rustls with ring, proxies from the environment.

use std::path::Path;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use super::AwsError;

/// Where instances and containers get their credentials: these never go through a proxy.
const METADATA: [&str; 4] = ["169.254.169.254", "169.254.170.2", "169.254.170.23", "[fd00:ec2::254]"];

/// `ca_bundle`: PEM certificates trusted beside the system's.
pub(super) fn client(ca_bundle: Option<&Path>) -> Result<SharedHttpClient, AwsError> {
    let mut trust = TrustStore::default();
    if let Some(path) = ca_bundle {
        let failed = |source| AwsError::CaBundle { path: path.to_owned(), source };
        trust = trust.with_pem_certificate(std::fs::read(path).map_err(failed)?);
    }
    let tls =
        TlsContext::builder().with_trust_store(trust).build().map_err(|error| AwsError::Tls(error.into()))?;
    Ok(SharedHttpClient::new(Routes {
        proxied: through(&tls, ProxyConfig::from_env()),
        direct: through(&tls, ProxyConfig::disabled()),
    }))
}

fn through(tls: &TlsContext, proxy: ProxyConfig) -> SharedHttpClient {
    let tls = tls.clone();
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder();
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector
            .proxy_config(proxy.clone())
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls.clone())
            .build()
    })
}

/// Chooses by the host that is asked. The SDK's own `no_proxy` cannot: it is ignored where the environment names the
/// proxy.
#[derive(Debug)]
struct Routes<C> {
    proxied: C,
    direct: C,
}

impl HttpClient for Routes<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Routes {
            proxied: self.proxied.http_connector(settings, components),
            direct: self.direct.http_connector(settings, components),
        })
    }
}

impl HttpConnector for Routes<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri = request.uri().parse::<http::Uri>().unwrap_or_default();
        let direct = uri.host().is_some_and(|host| METADATA.contains(&host));
        if direct { &self.direct } else { &self.proxied }.call(request)
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;

    /// Fails with its own name, so that the one that was asked is known.
    #[derive(Debug)]
    struct Named(&'static str);

    impl HttpConnector for Named {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            HttpConnectorFuture::ready(Err(ConnectorError::user(self.0.into())))
        }
    }

    #[tokio::test]
    async fn metadata_is_never_asked_through_a_proxy_and_all_else_may_be() {
        let routes = Routes {
            proxied: SharedHttpConnector::new(Named("proxied")),
            direct: SharedHttpConnector::new(Named("direct")),
        };
        for (uri, route) in [
            ("http://169.254.169.254/latest/meta-data/iam/security-credentials/", "direct"),
            ("http://169.254.170.2/v2/credentials/1", "direct"),
            ("http://169.254.170.23/v1/credentials", "direct"),
            ("http://[fd00:ec2::254]/latest/api/token", "direct"),
            ("https://athena.us-east-1.amazonaws.com/", "proxied"),
            ("https://169.254.169.254.example.com/", "proxied"),
        ] {
            let mut request = HttpRequest::new(aws_smithy_types::body::SdkBody::empty());
            request.set_uri(uri).expect("a URI");
            let error = routes.call(request).await.expect_err("nobody answers");
            let asked = std::error::Error::source(&error).map(ToString::to_string);
            assert_eq!(asked.as_deref(), Some(route), "{uri}");
        }
    }
}
