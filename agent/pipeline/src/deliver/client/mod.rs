//! Sends pushes of one destination and brings back what came of them.
//!
//! A shard's driver owns one [`Client`] per lane and calls [`Client::push`] for each body, several at a time. The client
//! keeps connections that were answered on and uses the one that was used last; `connect` makes new ones, `exchange`
//! sends one request over one connection, `headers` and `tls` hold what the endpoint's plan means for them. Nothing runs
//! between pushes: a connection is driven by the push that uses it.

mod address;
mod answer;
mod body;
mod connect;
mod exchange;
mod headers;
mod tls;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use tokio::time::timeout;

use self::address::Address;
use self::body::SharedBody;
use self::exchange::{Broken, Connection};
use crate::encode::compress::Body;
use crate::environment::Answer;
use crate::limits::REQUESTS_MAX;
use crate::plan::Endpoint;

/// A connection that was not used for this long is closed, as Go's client does it: a balancer on the way may have
/// forgotten it without a word.
const IDLE_MAX: Duration = Duration::from_secs(90);

/// Sends pushes of one destination from one shard.
pub(crate) struct Client {
    /// What is wrong with the endpoint where it cannot be spoken to at all.
    destination: Result<Arc<Destination>, String>,
    request_timeout: Duration,
    /// Connections with no request under way, the one used last at the end.
    idle: RefCell<Vec<Connection>>,
}

/// An endpoint, taken apart.
struct Destination {
    endpoint: Endpoint,
    address: Address,
    /// The headers of every request, but for the authorization.
    headers: HeaderMap,
}

/// What a push is at; the text of its failure begins with it.
#[derive(Clone, Copy, Debug)]
enum Step {
    Prepare,
    LookUp,
    Connect(SocketAddr),
    Handshake(SocketAddr),
    Push(SocketAddr),
}

impl Client {
    /// Creates a client that has no connection yet. An endpoint that cannot be spoken to fails every push.
    pub(crate) fn new(endpoint: &Endpoint) -> Self {
        Self {
            destination: Destination::new(endpoint).map(Arc::new),
            request_timeout: endpoint.request_timeout,
            idle: RefCell::default(),
        }
    }

    /// Sends a body, waits at most `request_timeout`, and gives what came of it, with the body's memory.
    pub(crate) async fn push(&self, body: Body) -> (Answer, Body) {
        let body = Arc::new(body);
        let answer = match &self.destination {
            Ok(destination) => self.push_shared(destination, SharedBody::new(&body)).await,
            Err(error) => Answer::Failed { error: error.clone() },
        };
        // Nobody else has it: the request was written in full, or dropped with its connection. So this copies nothing.
        (answer, Arc::unwrap_or_clone(body))
    }

    /// Closes connections that were not used for a while. Every push does it, so it is needed only where none come.
    pub(crate) fn close_idle(&self) {
        self.idle.borrow_mut().retain(|connection| connection.idle_since.elapsed() < IDLE_MAX);
    }

    async fn push_shared(&self, destination: &Arc<Destination>, body: SharedBody) -> Answer {
        self.close_idle();
        let step = Cell::new(Step::Prepare);
        let error = match timeout(self.request_timeout, self.send(destination, body, &step)).await {
            Ok(Ok(answer)) => return answer,
            Ok(Err(reason)) => reason,
            Err(_) => format!("no answer after {:?}", self.request_timeout),
        };
        Answer::Failed { error: format!("{}: {error}", destination.describe(step.get())) }
    }

    /// Sends a body over the connection used last, or a new one.
    async fn send(
        &self,
        destination: &Arc<Destination>,
        body: SharedBody,
        step: &Cell<Step>,
    ) -> Result<Answer, String> {
        if let Some(connection) = self.take_idle() {
            match self.exchange(destination, connection, body.clone(), step).await {
                // Closed while it was idle, as servers do, and before the request was begun: that is no failure.
                Err(Broken { begun: false, .. }) => {}
                Err(broken) => return Err(broken.error),
                Ok(answer) => return Ok(answer),
            }
        }
        let connection = connect::connect(destination, step).await?;
        self.exchange(destination, connection, body, step).await.map_err(|broken| broken.error)
    }

    async fn exchange(
        &self,
        destination: &Destination,
        mut connection: Connection,
        body: SharedBody,
        step: &Cell<Step>,
    ) -> Result<Answer, Broken> {
        step.set(Step::Push(connection.peer));
        let answer = connection.exchange(destination.request(&connection, body)).await?;
        let mut idle = self.idle.borrow_mut();
        if idle.len() < REQUESTS_MAX && connection.is_reusable() {
            connection.idle_since = Instant::now();
            idle.push(connection);
        }
        Ok(answer)
    }

    /// Takes out the connection used last, of those that are still open.
    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        std::iter::from_fn(|| idle.pop()).find_map(|mut connection| connection.is_reusable().then_some(connection))
    }
}

impl Destination {
    fn new(endpoint: &Endpoint) -> Result<Self, String> {
        let address = Address::parse(&endpoint.url).map_err(|reason| format!("url: {reason}"))?;
        let headers = headers::common(endpoint, &address)?;
        Ok(Self { endpoint: endpoint.clone(), address, headers })
    }

    fn describe(&self, step: Step) -> String {
        match step {
            Step::Prepare => "prepare the connection".to_owned(),
            Step::LookUp => format!("look up {}", self.address.host),
            Step::Connect(peer) => format!("connect {peer}"),
            Step::Handshake(peer) => format!("TLS handshake with {peer}"),
            Step::Push(peer) => format!("push to {peer}"),
        }
    }
}

#[cfg(test)]
mod tests;
