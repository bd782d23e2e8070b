//! Makes a connection to a destination: files, names, TCP, TLS.
//!
//! Names are looked up by the C library, in a thread of its own. It knows the search domains and `ndots` that Kubernetes
//! sets, and a binary that is linked statically against glibc 2.34 or later has both of its ways, `/etc/hosts` and
//! `/etc/resolv.conf`, built in: it needs nothing else in an otherwise empty image.

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;
use tokio_rustls::TlsConnector;

use super::exchange::{Connection, describe};
use super::{Destination, Step, tls};

/// An address gets this long before the next one is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Makes a new connection. Files with secrets and certificates are read for each, so that a changed one needs no reload.
pub(super) async fn connect(destination: &Arc<Destination>, step: &Cell<Step>) -> Result<Connection, String> {
    step.set(Step::Prepare);
    let reader = Arc::clone(destination);
    let prepared = spawn_blocking(move || {
        let authorization = reader.authorization()?;
        let tls = reader.address.https.then(|| tls::config(&reader.endpoint.tls)).transpose()?;
        Ok::<_, String>((authorization, tls))
    });
    let (authorization, tls) = prepared.await.map_err(|error| error.to_string())??;
    step.set(Step::LookUp);
    let address = &destination.address;
    let found = lookup_host((address.host.as_str(), address.port)).await.map_err(|error| describe(&error))?;
    let (stream, peer) = dial(found.collect(), step).await?;
    stream.set_nodelay(true).map_err(|error| describe(&error))?;
    let socket = stream.as_fd().try_clone_to_owned().map_err(|error| describe(&error))?;
    let Some(config) = tls else {
        return Connection::open(stream, socket, peer, authorization).await;
    };
    step.set(Step::Handshake(peer));
    let name = destination.endpoint.tls.server_name.as_ref().unwrap_or(&address.host);
    let name = ServerName::try_from(name.clone()).map_err(|error| format!("server name \"{name}\": {error}"))?;
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(|error| describe(&error))?;
    Connection::open(stream, socket, peer, authorization).await
}

/// Connects to the first of these addresses that takes a connection: each is tried when the one before it has failed or
/// had its head start.
async fn dial(addresses: VecDeque<SocketAddr>, step: &Cell<Step>) -> Result<(TcpStream, SocketAddr), String> {
    let mut addresses = addresses;
    step.set(Step::Connect(*addresses.front().ok_or("it has no address")?));
    let mut attempts = JoinSet::new();
    let mut failure = None;
    loop {
        let more = match addresses.pop_front() {
            Some(peer) => {
                attempts.spawn(async move { (peer, TcpStream::connect(peer).await) });
                !addresses.is_empty()
            }
            None => false,
        };
        let attempt = tokio::select! {
            attempt = attempts.join_next() => attempt,
            () = sleep(HEAD_START), if more => continue,
        };
        let Some(attempt) = attempt else {
            let (peer, error) = failure.expect("there was an address, so there was an attempt");
            step.set(Step::Connect(peer));
            return Err(error);
        };
        match attempt.map_err(|error| error.to_string())? {
            (peer, Ok(stream)) => return Ok((stream, peer)),
            (peer, Err(error)) => failure = failure.or_else(|| Some((peer, describe(&error)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn tries_one_address_after_the_other() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let (open, step) = (TcpListener::bind("127.0.0.2:0").unwrap(), Cell::new(Step::LookUp));
        let (refusing, taking) = (closed.local_addr().unwrap(), open.local_addr().unwrap());
        drop(closed);
        let (_, peer) = dial([refusing, taking].into(), &step).await.unwrap();
        assert_eq!(peer, taking);
        assert_eq!(dial([refusing, refusing].into(), &step).await.unwrap_err(), "connection refused");
        assert!(matches!(step.get(), Step::Connect(peer) if peer == refusing));
    }

    #[tokio::test]
    async fn does_not_wait_for_an_address_that_is_silent() {
        // Its queue of one connection that nobody accepts is full, so it answers nothing.
        let silent = listener_without_room();
        let address = silent.local_addr().unwrap();
        let _queued: Vec<_> = (0..4).map(|_| std::net::TcpStream::connect_timeout(&address, HEAD_START)).collect();
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let taking = open.local_addr().unwrap();
        let (_, peer) = dial([address, taking].into(), &Cell::new(Step::LookUp)).await.unwrap();
        assert_eq!(peer, taking);
    }

    fn listener_without_room() -> TcpListener {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.listen(0).unwrap().into_std().unwrap()
    }
}
