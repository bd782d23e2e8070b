//! One connection, and one request over it at a time.

use std::error::Error;
use std::future::{Future, poll_fn, ready};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use http_body_util::Full;
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HeaderValue;
use hyper_util::rt::TokioIo;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite};

use super::answer::read_answer;
use super::body::SharedBody;
use crate::environment::Answer;

/// An open connection.
pub(super) struct Connection {
    /// The other end.
    pub(super) peer: SocketAddr,
    /// What every request over it carries as `Authorization`.
    pub(super) authorization: Option<HeaderValue>,
    /// When the last request over it was answered.
    pub(super) idle_since: Instant,
    sender: SendRequest<Full<SharedBody>>,
    /// Reads and writes the socket; `None` once it is closed.
    wire: Option<Wire>,
    /// The socket again, to look at it.
    socket: OwnedFd,
}

/// Boxed once for each connection, because its type has the socket's in it.
type Wire = Pin<Box<dyn Future<Output = hyper::Result<()>>>>;

/// An exchange that brought no answer.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) error: String,
    /// Some of the request may have been written.
    pub(super) begun: bool,
}

impl Connection {
    /// Makes a connection of a socket that is ready for the first request.
    pub(super) async fn open(
        stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
        socket: OwnedFd,
        peer: SocketAddr,
        authorization: Option<HeaderValue>,
    ) -> Result<Self, String> {
        let (sender, wire) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| describe(&error))?;
        Ok(Self { peer, authorization, idle_since: Instant::now(), sender, wire: Some(Box::pin(wire)), socket })
    }

    /// Sends a request and reads the answer.
    pub(super) async fn exchange(&mut self, request: Request<Full<SharedBody>>) -> Result<Answer, Broken> {
        let Self { sender, wire, .. } = self;
        if let Err(error) = alongside(wire, sender.ready()).await {
            return Err(Broken { error: describe(&error), begun: false });
        }
        let response = match alongside(wire, sender.try_send_request(request)).await {
            Ok(response) => response,
            Err(mut error) => {
                let begun = error.take_message().is_none();
                return Err(Broken { error: describe(&error.into_error()), begun });
            }
        };
        let (answer, complete) = alongside(wire, read_answer(response)).await;
        if !complete {
            *wire = None;
        }
        Ok(answer)
    }

    /// Nothing is under way, and the other end has not closed it or sent anything that nobody asked for.
    ///
    /// Where an answer came before the whole request was taken, the rest of it would have to be written first: such a
    /// connection is not worth keeping.
    pub(super) fn is_reusable(&mut self) -> bool {
        let look = alongside(&mut self.wire, ready(()));
        // What it leads to is seen below; the next exchange asks to be woken.
        let Poll::Ready(()) = pin!(look).poll(&mut Context::from_waker(Waker::noop())) else { return false };
        self.wire.is_some() && self.sender.is_ready() && self.is_silent()
    }

    /// There is nothing to read, not even the end. The runtime learns of that only when it waits for events, and a busy
    /// shard may not have done that since.
    fn is_silent(&self) -> bool {
        recv(self.socket.as_fd(), &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT) == Err(Errno::AGAIN)
    }
}

/// Does something while the connection is driven.
async fn alongside<T>(wire: &mut Option<Wire>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        if wire.as_mut().is_some_and(|open| open.as_mut().poll(context).is_ready()) {
            // An error of it reaches whoever waits for the answer.
            *wire = None;
        }
        work.as_mut().poll(context)
    })
    .await
}

/// Gives the words for an error, in the form of the system's own where it comes from there.
pub(super) fn describe(error: &(dyn Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let text = deepest.to_string();
    let text = text.split_once(" (os error").map_or(text.as_str(), |(text, _)| text);
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}
