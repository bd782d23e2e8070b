//! The agent's HTTP server: figures for Prometheus, probes for Kubernetes.
//!
//! [`crate::server::Server`] is bound before anything else is started, so that a taken port is an error at once, and
//! serves a [`State`] that becomes ready later. It is the last to stop: what happens while the agent drains can be
//! watched.
//!
//! Whoever connects is not trusted to be quick or well-meaning: one connection carries one request, has a bounded time
//! for it, and there are so many connections at most; further ones wait in the kernel.

mod exposition;
mod routes;
mod state;

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as BlockingListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub use self::exposition::Recorder;
pub use self::state::{Component, State};

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    limits: Limits,
}

/// What a client may take up.
#[derive(Clone, Copy, Debug)]
struct Limits {
    connections: usize,
    /// Until the head of the request has arrived.
    head: Duration,
    /// Until the answer has left.
    connection: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 64, head: Duration::from_secs(5), connection: Duration::from_secs(30) }
    }
}

impl Server {
    /// Listens on `address`, which is `host:port`, or `:port` for all of the machine's addresses. Called within a tokio
    /// runtime.
    pub fn bind(address: &str) -> io::Result<Self> {
        let listener = match address.strip_prefix(':') {
            Some(port) => BlockingListener::bind(format!("[::]:{port}"))
                .or_else(|_no_ipv6| BlockingListener::bind(format!("0.0.0.0:{port}"))),
            None => BlockingListener::bind(address),
        }?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener: TcpListener::from_std(listener)?, address, limits: Limits::default() })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until it is dropped.
    pub async fn serve(self, state: Arc<State>) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if connections.len() < self.limits.connections => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(answer(stream, Arc::clone(&state), self.limits));
                    }
                    // For want of descriptors, or because the peer has gone already; the next may do better.
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// How long a listener that could not accept is left alone.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Answers the request of one connection. What goes wrong goes wrong at the client.
async fn answer(stream: TcpStream, state: Arc<State>, limits: Limits) {
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(routes::answer(state, request).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    drop(tokio::time::timeout(limits.connection, serving).await);
}

/// A request's head is at most so long.
const HEAD_BYTES_MAX: usize = 16 << 10;

#[cfg(test)]
mod tests;
