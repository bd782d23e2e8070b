//! The server's pages.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::exposition;
use super::state::{NoSnapshot, State};

/// Answers one request. Of `HEAD` requests hyper sends the head only.
pub(super) async fn answer(state: Arc<State>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let page = match request.uri().path() {
        "/" => Page::Index,
        "/metrics" => Page::Metrics,
        "/-/ready" => Page::Ready,
        "/-/healthy" => Page::Healthy,
        _ => return text(StatusCode::NOT_FOUND, "404 page not found\n".to_owned()),
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n".to_owned());
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match page {
        Page::Index => text(StatusCode::OK, INDEX.to_owned()),
        Page::Metrics => metrics(&state).await,
        Page::Ready => ready(&state),
        Page::Healthy => healthy(&state),
    }
}

#[derive(Clone, Copy)]
enum Page {
    Index,
    Metrics,
    Ready,
    Healthy,
}

const INDEX: &str = "\
Longship ships the logs of this node to Loki.

/metrics     figures for Prometheus
/-/ready     200 once the configuration is loaded
/-/healthy   200 while all components are healthy
";

async fn metrics(state: &State) -> Response<Full<Bytes>> {
    match state.metrics().await {
        Ok(page) => response(StatusCode::OK, exposition::CONTENT_TYPE, page),
        Err(NoSnapshot) => {
            text(StatusCode::SERVICE_UNAVAILABLE, "the data plane did not tell its figures in time\n".to_owned())
        }
    }
}

/// Probes look at the status; the text is what Alloy answers.
fn ready(state: &State) -> Response<Full<Bytes>> {
    if state.is_ready() {
        text(StatusCode::OK, "Alloy is ready.\n".to_owned())
    } else {
        text(StatusCode::SERVICE_UNAVAILABLE, "Alloy is not ready.\n".to_owned())
    }
}

/// Probes look at the status; the text is what Alloy answers.
fn healthy(state: &State) -> Response<Full<Bytes>> {
    let unhealthy = state.unhealthy();
    if unhealthy.is_empty() {
        text(StatusCode::OK, "All Alloy components are healthy.\n".to_owned())
    } else {
        let names = unhealthy.join(", ");
        text(StatusCode::INTERNAL_SERVER_ERROR, format!("unhealthy components: {names}\n"))
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", body)
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
