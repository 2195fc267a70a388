//! The simulated AWS on a socket, for any AWS client: HTTP/1.1 with keep-alive.
//!
//! Answers as the in-process wire does, faults included. Listens where it is told and checks no signature, so it
//! belongs on loopback.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Bytes;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::request::{Reply, Request};
use super::world::World;

/// Ample for fifty ids.
const BODY_LIMIT: usize = 1 << 20;

/// Serves until `stop`, then lets the answers under way finish.
pub async fn serve(world: World, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
    let router = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state((world, stop.clone()))
        .into_make_service_with_connect_info::<Peer>();
    axum::serve(Lines(listener), router).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn answer(
    State((world, stop)): State<(World, CancellationToken)>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let request = Request::new(header, peer.address.ip().to_string(), body.to_vec());
    match world.exchange(&request).await {
        Reply::Answer { status, content_type, request_id, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let headers = [("content-type", content_type), ("x-amzn-requestid", request_id.as_str())];
            (status, headers, body).into_response()
        }
        Reply::Reset => peer.hang_up(),
        Reply::Hang => {
            stop.cancelled().await;
            peer.hang_up()
        }
    }
}

/// The other end of a connection.
#[derive(Clone)]
struct Peer {
    address: SocketAddr,
    cut: Arc<AtomicBool>,
}

impl Peer {
    /// What is returned never reaches the peer: writing it fails.
    fn hang_up(&self) -> Response {
        self.cut.store(true, Ordering::Relaxed);
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Connected<IncomingStream<'_, Lines>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        Self { address: *stream.remote_addr(), cut: Arc::clone(&stream.io().cut) }
    }
}

/// A listener whose connections can be cut from within a handler.
struct Lines(TcpListener);

struct Line {
    stream: TcpStream,
    cut: Arc<AtomicBool>,
}

impl Listener for Lines {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Costs latency at worst: the answer would wait for the peer's acknowledgement.
        let _ = stream.set_nodelay(true);
        (Line { stream, cut: Arc::default() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Line {
    fn alive(&self) -> io::Result<()> {
        match self.cut.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.alive()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.alive()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::clock::Clock;
    use crate::simulator::Faults;

    const QUESTION: &str = "POST / HTTP/1.1\r\nhost: sts\r\ncontent-length: 43\r\n\
        authorization: AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/sts/aws4_request, Signature=0\r\n\r\n\
        Action=GetCallerIdentity&Version=2011-06-15";

    async fn ask(stream: &mut TcpStream) -> io::Result<String> {
        stream.write_all(QUESTION.as_bytes()).await?;
        let mut buffer = vec![0; 4096];
        let read = stream.read(&mut buffer).await?;
        Ok(String::from_utf8_lossy(&buffer[..read]).into_owned())
    }

    /// A real socket in real time: the one thing that the in-process wire cannot show.
    #[tokio::test]
    async fn a_connection_serves_many_requests_can_be_cut_and_ends_with_the_server() {
        let world = World::new(Clock::system());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(world.clone(), listener, stop.clone()));
        let mut stream = TcpStream::connect(address).await.expect("listening");
        for _ in 0..2 {
            let answer = ask(&mut stream).await.expect("an answer");
            assert!(
                answer.starts_with("HTTP/1.1 200 OK") && answer.contains("<Account>111122223333<"),
                "{answer}"
            );
        }
        let only = Some(crate::simulator::Api::GetCallerIdentity);
        world.set_faults(Faults { reset: 1.0, only, ..Faults::default() });
        assert!(ask(&mut stream).await.is_ok_and(|answer| answer.is_empty()));
        world.set_faults(Faults { hang: 1.0, only, ..Faults::default() });
        let mut stream = TcpStream::connect(address).await.expect("listening");
        stream.write_all(QUESTION.as_bytes()).await.expect("sent");
        while world.calls().of(crate::simulator::Api::GetCallerIdentity).total() < 4 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        server.await.expect("no panic").expect("served");
    }
}
