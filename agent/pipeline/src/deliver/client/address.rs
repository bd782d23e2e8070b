//! Takes an endpoint's URL apart.

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper::http::uri::InvalidUri;

/// Where a URL points.
#[derive(Debug)]
pub(super) struct Address {
    /// Speak TLS.
    pub(super) https: bool,
    /// A name or an IP address, IPv6 without brackets.
    pub(super) host: String,
    /// The port, by default that of the scheme.
    pub(super) port: u16,
    /// The value of `Host`: host and port as they were written.
    pub(super) host_header: HeaderValue,
    /// Path and query.
    pub(super) target: Uri,
    /// User and password in the URL.
    pub(super) user: Option<(String, String)>,
}

impl Address {
    /// Takes a URL apart. What is wrong with it is told without its text, in which a password may be.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        // A fragment is for the reader of the address, and never sent.
        let url = url.split_once('#').map_or(url, |(before, _)| before);
        let Some((scheme, _)) = url.split_once("://") else {
            return Err("no scheme, expected http:// or https://".to_owned());
        };
        let uri: Uri = url.parse().map_err(|error: InvalidUri| error.to_string())?;
        let https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(format!("unsupported protocol scheme \"{scheme}\"")),
        };
        let authority = uri.authority().ok_or("no host")?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err("no host".to_owned());
        }
        let (user, written) = match authority.as_str().rsplit_once('@') {
            Some((user, written)) => (Some(user), written),
            None => (None, authority.as_str()),
        };
        let port = match written.strip_prefix(authority.host()).and_then(|rest| rest.strip_prefix(':')) {
            Some(port) => port.parse().map_err(|error| format!("port \"{port}\": {error}"))?,
            None if https => 443,
            None => 80,
        };
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        Ok(Self {
            https,
            host,
            port,
            host_header: HeaderValue::from_str(written).map_err(|error| error.to_string())?,
            target: target.parse().map_err(|error: InvalidUri| error.to_string())?,
            user: user.map(|user| {
                let (name, password) = user.split_once(':').unwrap_or((user, ""));
                (percent_decoded(name), percent_decoded(password))
            }),
        })
    }
}

/// Replaces `%` and two hexadecimal digits by the byte they stand for.
fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.split_first_chunk::<2>().filter(|_| *first == b'%');
        let byte = digits.and_then(|(digits, after)| {
            let high = char::from(digits[0]).to_digit(16)?;
            let low = char::from(digits[1]).to_digit(16)?;
            Some((u8::try_from(high * 16 + low).ok()?, after))
        });
        let (byte, after) = byte.unwrap_or((*first, after));
        decoded.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> (bool, String, u16, String, String) {
        let address = Address::parse(url).unwrap();
        let host_header = address.host_header.to_str().unwrap().to_owned();
        (address.https, address.host, address.port, host_header, address.target.to_string())
    }

    #[test]
    fn takes_urls_apart() {
        let check = |url, https, host: &str, port, host_header: &str, target: &str| {
            let expected = (https, host.to_owned(), port, host_header.to_owned(), target.to_owned());
            assert_eq!(parts(url), expected, "{url}");
        };
        check("http://loki:3100/loki/api/v1/push", false, "loki", 3100, "loki:3100", "/loki/api/v1/push");
        check("https://loki.example", true, "loki.example", 443, "loki.example", "/");
        check("http://[::1]:80/a?b=c%20d#e", false, "::1", 80, "[::1]:80", "/a?b=c%20d");
        check("http://10.0.0.1/push", false, "10.0.0.1", 80, "10.0.0.1", "/push");
        check("https://u:p@loki/push", true, "loki", 443, "loki", "/push");
    }

    #[test]
    fn finds_user_and_password() {
        let user = |url| Address::parse(url).unwrap().user;
        assert_eq!(user("http://loki/"), None);
        assert_eq!(user("http://a:b@loki/"), Some(("a".to_owned(), "b".to_owned())));
        assert_eq!(user("http://1234@loki/"), Some(("1234".to_owned(), String::new())));
        assert_eq!(user("http://a%40b:c%3a%zz%2@loki/"), Some(("a@b".to_owned(), "c:%zz%2".to_owned())));
    }

    #[test]
    fn tells_what_is_wrong_without_the_password() {
        let check = |url, expected: &str| assert_eq!(Address::parse(url).unwrap_err(), expected, "{url}");
        check("ftp://u:secret@loki/", "unsupported protocol scheme \"ftp\"");
        check("loki:3100", "no scheme, expected http:// or https://");
        check("/push", "no scheme, expected http:// or https://");
        check("http://u:secret@:80/", "no host");
        check("http://u:secret@loki:99999/", "port \"99999\": number too large to fit in target type");
        check("http://u:secret@loki:/", "port \"\": cannot parse integer from empty string");
        for url in ["", "http://u:secret@lo ki/", "http://", "http:///push"] {
            let error = Address::parse(url).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
