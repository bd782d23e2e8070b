//! The headers of a push.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::Full;
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, TRAILER,
    TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use hyper::{HeaderMap, Method, Request};

use super::Destination;
use super::address::Address;
use super::body::SharedBody;
use super::exchange::Connection;
use crate::plan::{Authentication, Endpoint, Secret};

const TENANT: HeaderName = HeaderName::from_static("x-scope-orgid");

/// Headers that say how the request is written, which is not for the configuration to decide.
const FRAMING: [HeaderName; 5] = [CONNECTION, CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Gives the headers that all requests of an endpoint have. Those of the configuration come first, so that the standard
/// ones replace them.
pub(super) fn common(endpoint: &Endpoint, address: &Address) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &endpoint.headers {
        let name: HeaderName = name.parse().map_err(|error| format!("header \"{name}\": {error}"))?;
        let value = value.parse().map_err(|error| format!("header \"{name}\": {error}"))?;
        headers.append(name, value);
    }
    for name in FRAMING {
        headers.remove(name);
    }
    headers.insert(HOST, address.host_header.clone());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
    let user_agent = endpoint.user_agent.parse().map_err(|error| format!("user agent: {error}"))?;
    headers.insert(USER_AGENT, user_agent);
    if !endpoint.tenant_id.is_empty() {
        headers.insert(TENANT, endpoint.tenant_id.parse().map_err(|error| format!("tenant_id: {error}"))?);
    }
    Ok(headers)
}

impl Destination {
    /// Gives the request that goes over a connection with this body.
    pub(super) fn request(&self, connection: &Connection, body: SharedBody) -> Request<Full<SharedBody>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.address.target.clone();
        *request.headers_mut() = self.headers.clone();
        if let Some(authorization) = &connection.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        request
    }

    /// Gives the value of `Authorization`, if there is to be one. Reads the secret's file, so it blocks.
    pub(super) fn authorization(&self) -> Result<Option<HeaderValue>, String> {
        let value = match (&self.endpoint.authentication, &self.address.user) {
            (Authentication::None, None) => return Ok(None),
            (Authentication::None, Some((name, password))) => basic(name, password),
            (Authentication::Basic { username, password }, _) => basic(username, &reveal(password)?),
            (Authentication::Header { scheme, credentials }, _) => format!("{scheme} {}", reveal(credentials)?),
        };
        let mut value = HeaderValue::try_from(value).map_err(|error| format!("authorization: {error}"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{password}")))
}

fn reveal(secret: &Secret) -> Result<String, String> {
    match secret {
        Secret::Inline(secret) => Ok(secret.clone()),
        Secret::File(path) => match std::fs::read_to_string(path) {
            Ok(secret) => Ok(secret.trim().to_owned()),
            Err(error) => Err(format!("read {}: {}", path.display(), super::exchange::describe(&error))),
        },
    }
}
