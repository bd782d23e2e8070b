//! The arguments of an HTTP client, which are part of several blocks.

use std::collections::BTreeMap;
use std::path::PathBuf;

use longship_pipeline::plan::{Authentication, Labels, Pem, Secret, Tls};
use longship_syntax::Span;
use longship_syntax::ast::Block;

use crate::graph::{Body, Context, Spanned, one_of};

/// How to speak to a server.
#[derive(Debug, Default)]
pub(super) struct HttpClient {
    pub(super) authentication: Authentication,
    pub(super) tls: Tls,
    /// What `http_headers` adds to every request.
    pub(super) headers: Labels,
}

const AUTHENTICATION_CLASH: &str =
    "at most one of basic_auth, authorization, oauth2, bearer_token & bearer_token_file must be configured";

/// Reads the arguments out of the body of the block they are part of.
pub(super) fn decode(body: &mut Body<'_>, context: &mut Context<'_>) -> HttpClient {
    let authentication = decode_authentication(body, context);
    let tls = body.block("tls_config", context).map(|block| decode_tls(block, context)).unwrap_or_default();
    let headers: BTreeMap<String, Vec<String>> = body.optional("http_headers", context).unwrap_or_default();
    let headers = headers.into_iter().map(|(name, values)| (name, values.join(", "))).collect();
    decode_connection(body, context);
    HttpClient { authentication, tls, headers }
}

fn decode_authentication(body: &mut Body<'_>, context: &mut Context<'_>) -> Authentication {
    let header = |scheme: &str, credentials| Authentication::Header { scheme: scheme.to_owned(), credentials };
    let mut ways: Vec<(Span, Authentication)> = Vec::new();
    if let Some(token) = given(body.spanned("bearer_token", context)) {
        ways.push((token.span, header("Bearer", Secret::Inline(token.value))));
    }
    if let Some(path) = given(body.spanned("bearer_token_file", context)) {
        ways.push((path.span, header("Bearer", Secret::File(path.value.into()))));
    }
    if let Some(block) = body.block("basic_auth", context) {
        ways.push((block.span(), decode_basic_auth(block, context)));
    }
    if let Some(block) = body.block("authorization", context) {
        ways.push((block.span(), decode_authorization(block, context)));
    }
    if let Some(block) = body.block("oauth2", context) {
        context.unsupported(block.span(), "block \"oauth2\"");
        ways.push((block.span(), Authentication::None));
    }
    if let Some((span, _)) = ways.get(1) {
        context.error(*span, AUTHENTICATION_CLASH);
    }
    ways.into_iter().next().map_or(Authentication::None, |(_, way)| way)
}

fn decode_basic_auth(block: &Block, context: &mut Context<'_>) -> Authentication {
    let mut body = Body::of(block, context);
    let username = body.optional("username", context).unwrap_or_default();
    let clash = "at most one of basic_auth password & password_file must be configured";
    let password = decode_secret(["password", "password_file"], clash, &mut body, context);
    body.finish(context);
    Authentication::Basic { username, password: password.unwrap_or_else(|| Secret::Inline(String::new())) }
}

fn decode_authorization(block: &Block, context: &mut Context<'_>) -> Authentication {
    let mut body = Body::of(block, context);
    let scheme = given(body.spanned("type", context));
    if let Some(basic) = scheme.as_ref().filter(|scheme| scheme.value.eq_ignore_ascii_case("basic")) {
        context.error(basic.span, "authorization type cannot be set to \"basic\", use \"basic_auth\" instead");
    }
    let clash = "at most one of authorization credentials & credentials_file must be configured";
    let credentials = decode_secret(["credentials", "credentials_file"], clash, &mut body, context);
    body.finish(context);
    let Some(credentials) = credentials else { return Authentication::None };
    Authentication::Header { scheme: scheme.map_or_else(|| "Bearer".to_owned(), |scheme| scheme.value), credentials }
}

/// Reads a secret that is given as such or in a file.
fn decode_secret(
    [inline, file]: [&'static str; 2],
    clash: &str,
    body: &mut Body<'_>,
    context: &mut Context<'_>,
) -> Option<Secret> {
    let secret = given(body.spanned(inline, context)).map(|secret| Secret::Inline(secret.value));
    let path = given(body.spanned(file, context));
    match (secret, path) {
        (Some(_), Some(path)) => {
            context.error(path.span, clash);
            None
        }
        (Some(secret), None) => Some(secret),
        (None, path) => path.map(|path| Secret::File(PathBuf::from(path.value))),
    }
}

fn decode_tls(block: &Block, context: &mut Context<'_>) -> Tls {
    let mut body = Body::of(block, context);
    let ca = decode_pem(["ca_pem", "ca_file"], &mut body, context);
    let certificate = decode_pem(["cert_pem", "cert_file"], &mut body, context);
    let key = decode_pem(["key_pem", "key_file"], &mut body, context);
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            context
                .error(block.span(), "a client certificate needs both cert_pem or cert_file and key_pem or key_file");
            None
        }
    };
    let server_name = given(body.spanned("server_name", context)).map(|name| name.value);
    let insecure_skip_verify = body.optional("insecure_skip_verify", context).unwrap_or_default();
    // TLS 1.2 is the oldest version that is spoken.
    let versions = [("TLS10", false), ("TLS11", false), ("TLS12", false), ("TLS13", true)];
    let tls13_only = given(body.spanned("min_version", context)).is_some_and(|version| {
        one_of(&version.value, &versions, "TLS version").map_err(|message| context.error(version.span, message))
            == Ok(true)
    });
    body.finish(context);
    Tls { ca, identity, server_name, insecure_skip_verify, tls13_only }
}

fn decode_pem([inline, file]: [&'static str; 2], body: &mut Body<'_>, context: &mut Context<'_>) -> Option<Pem> {
    let text = given(body.spanned(inline, context));
    let path = given(body.spanned(file, context));
    match (text, path) {
        (Some(_), Some(path)) => {
            context.error(path.span, format!("at most one of {inline} and {file} must be configured"));
            None
        }
        (Some(text), None) => Some(Pem::Inline(text.value)),
        (None, path) => path.map(|path| Pem::File(PathBuf::from(path.value))),
    }
}

/// Reads how connections are made. There is one way in this version, so what asks for another is reported.
fn decode_connection(body: &mut Body<'_>, context: &mut Context<'_>) {
    if let Some(proxy) = given(body.spanned("proxy_url", context)) {
        context.unsupported(proxy.span, "attribute \"proxy_url\"");
    }
    let from_environment = body.spanned::<bool>("proxy_from_environment", context);
    if let Some(proxy) = from_environment.filter(|proxy| proxy.value) {
        context.unsupported(proxy.span, "attribute \"proxy_from_environment\"");
    }
    // Without a proxy there is nothing for these to say.
    body.optional::<String>("no_proxy", context);
    body.optional::<BTreeMap<String, Vec<String>>>("proxy_connect_header", context);
    // Loki redirects nobody, and pushes gain nothing from HTTP/2: one request is under way on a connection.
    body.optional::<bool>("follow_redirects", context);
    body.optional::<bool>("enable_http2", context);
}

/// Leaves out a text that is empty, which counts as not given.
fn given(text: Option<Spanned<String>>) -> Option<Spanned<String>> {
    text.filter(|text| !text.value.is_empty())
}
