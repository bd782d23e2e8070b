//! The sink's pages.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::ResetSwitch;
use crate::fault::Fault;
use crate::push::{NoAnswer, push};
use crate::sink::Shared;

/// What `POST /control` takes: the faults that replace those in force.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Control {
    faults: Vec<Fault>,
}

/// What `GET /control` and `POST /control` answer, by fault.
#[derive(Serialize)]
struct InForce {
    fault: Fault,
    fired: u64,
}

/// Answers one request.
pub(super) async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    reset: ResetSwitch,
) -> Result<Response<Full<Bytes>>, NoAnswer> {
    let response = match (request.method(), request.uri().path()) {
        (&Method::POST, PUSH_PATH) => return push(shared, request, reset).await,
        (_, PUSH_PATH) => text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n".to_owned()),
        (&Method::GET, "/ready") => text(StatusCode::OK, "ready\n".to_owned()),
        (&Method::GET, "/stats") => json(&shared.stats()),
        (&Method::GET, "/streams") => json(&shared.streams()),
        (&Method::GET, "/writers") => json(&shared.writers()),
        (&Method::GET, "/control") => json(&in_force(&shared)),
        (&Method::POST, "/control") => control(&shared, request).await,
        _ => text(StatusCode::NOT_FOUND, "404 page not found\n".to_owned()),
    };
    Ok(response)
}

/// Where Loki takes pushes.
pub(crate) const PUSH_PATH: &str = "/loki/api/v1/push";
/// More than this is no list of faults.
const CONTROL_BYTES_MAX: usize = 1 << 20;

async fn control(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let body = match Limited::new(request.into_body(), CONTROL_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return text(StatusCode::BAD_REQUEST, format!("{error}\n")),
    };
    match serde_json::from_slice::<Control>(&body) {
        Ok(control) => {
            shared.state().faults.set(control.faults);
            json(&in_force(shared))
        }
        Err(error) => text(StatusCode::BAD_REQUEST, format!("{error}\n")),
    }
}

fn in_force(shared: &Shared) -> Vec<InForce> {
    shared.state().faults.list().into_iter().map(|(fault, fired)| InForce { fault, fired }).collect()
}

fn json(value: &impl Serialize) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec_pretty(value).expect("reports have string keys and no failing parts");
    response(StatusCode::OK, "application/json", body)
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", body.into_bytes())
}

fn response(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
