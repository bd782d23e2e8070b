//! Hands each request that comes in to who answers it.

mod connection;
mod routes;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc as blocking};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use self::connection::Connection;
pub(crate) use self::connection::ResetSwitch;
pub(crate) use self::routes::PUSH_PATH;
use crate::sink::Shared;

/// What the owner of a sink asks of its server.
#[derive(Debug)]
pub(crate) enum Command {
    /// Close the listener and all connections, as a server that dies. Tells when it is done.
    GoDown(blocking::Sender<io::Result<()>>),
    /// Listen again, on the same address. Tells whether it does.
    ComeUp(blocking::Sender<io::Result<()>>),
    /// Answer what is under way and end.
    Stop,
}

/// What connections are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Serve,
    /// Break off.
    Drop,
    /// Finish the request under way.
    Finish,
}

/// Serves until told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    let (orders, _) = watch::channel(Order::Serve);
    loop {
        tokio::select! {
            accepted = accept(listener.as_ref()) => {
                // An accept fails for want of descriptors, or because the peer has gone already; the next may do better.
                if let Ok(stream) = accepted {
                    connections.spawn(handle(stream, tls.clone(), Arc::clone(&shared), orders.subscribe()));
                } else {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
            Some(_) = connections.join_next() => {}
            command = commands.recv() => match command {
                Some(Command::GoDown(done)) => {
                    listener = None;
                    orders.send_replace(Order::Drop);
                    while connections.join_next().await.is_some() {}
                    orders.send_replace(Order::Serve);
                    tell(&done, Ok(()));
                }
                Some(Command::ComeUp(done)) => {
                    let bound = match listener.take() {
                        Some(listener) => Ok(listener),
                        None => TcpListener::bind(address).await,
                    };
                    tell(&done, bound.map(|bound| listener = Some(bound)));
                }
                Some(Command::Stop) | None => break,
            },
        }
    }
    drop(listener);
    orders.send_replace(Order::Finish);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(FINISH_TIME, finished).await.is_err() {
        connections.shutdown().await;
    }
}

/// How long requests that are under way at the end may take.
const FINISH_TIME: Duration = Duration::from_millis(500);
/// How long a listener that could not accept is left alone.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

fn tell(done: &blocking::Sender<io::Result<()>>, result: io::Result<()>) {
    // Who asked may have stopped waiting.
    drop(done.send(result));
}

/// Serves one connection. Its errors are the client's business.
async fn handle(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>, orders: watch::Receiver<Order>) {
    drop(stream.set_nodelay(true));
    shared.state().traffic.connected();
    let reset = ResetSwitch::default();
    let connection = Connection::new(stream, reset.clone());
    match tls {
        None => answer_requests(connection, reset, shared, orders).await,
        Some(acceptor) => {
            if let Ok(connection) = acceptor.accept(connection).await {
                answer_requests(connection, reset, shared, orders).await;
            }
        }
    }
}

async fn answer_requests(
    connection: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    reset: ResetSwitch,
    shared: Arc<Shared>,
    mut orders: watch::Receiver<Order>,
) {
    let service = service_fn(move |request| routes::answer(Arc::clone(&shared), request, reset.clone()));
    // Without a limit an idle connection stays open, as it does for minutes at a real Loki.
    let serving = http1::Builder::new().header_read_timeout(None).serve_connection(TokioIo::new(connection), service);
    let mut serving = std::pin::pin!(serving);
    let order = tokio::select! {
        _ = serving.as_mut() => return,
        order = orders.wait_for(|order| *order != Order::Serve) => order.map(|order| *order),
    };
    if order.is_ok_and(|order| order == Order::Finish) {
        serving.as_mut().graceful_shutdown();
        // What goes wrong now went wrong at the client.
        drop(serving.await);
    }
}
