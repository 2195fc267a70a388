//! The SDK's HTTP client that reaches a [`World`] without a socket, on tokio's time.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use super::request::{Reply, Request};
use super::world::World;

impl World {
    /// For `SdkConfig`. Latency is tokio's sleep; a read time-out of the connector's settings is honoured, and it is
    /// the only way out of a hang.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(Wire { world: self.clone() })
    }
}

#[derive(Debug)]
struct Wire {
    world: World,
}

#[derive(Debug)]
struct Connection {
    world: World,
    read_timeout: Option<Duration>,
}

impl HttpClient for Wire {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        // There is no connecting here, so its time-out has nothing to limit.
        let read_timeout = settings.read_timeout();
        SharedHttpConnector::new(Connection { world: self.world.clone(), read_timeout })
    }
}

impl HttpConnector for Connection {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (world, read_timeout) = (self.world.clone(), self.read_timeout);
        HttpConnectorFuture::new(async move {
            match read_timeout {
                None => exchange(&world, request).await,
                Some(limit) => tokio::time::timeout(limit, exchange(&world, request))
                    .await
                    .unwrap_or_else(|elapsed| Err(ConnectorError::timeout(elapsed.into()))),
            }
        })
    }
}

async fn exchange(world: &World, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let header = |name: &str| request.headers().get(name).map(str::to_owned);
    let body = request.body().bytes().unwrap_or_default().to_vec();
    match world.exchange(&Request::new(header, "203.0.113.9".to_owned(), body)).await {
        Reply::Hang => std::future::pending().await,
        Reply::Reset => Err(ConnectorError::io("connection reset by peer".into())),
        Reply::Answer { status, content_type, request_id, body } => {
            let status = StatusCode::try_from(status).map_err(|error| ConnectorError::user(error.into()))?;
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            response.headers_mut().insert("content-type", content_type);
            response.headers_mut().insert("x-amzn-requestid", request_id);
            Ok(response)
        }
    }
}
