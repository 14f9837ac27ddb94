//! Who may ask, and what a request may be.

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body::Body as _;

use crate::observed::Observed;

/// Bytes that the body of a request may have that shows something; none is ever read.
pub(crate) const BODY_MAX: u64 = 64 << 10;

/// Bytes that the body of a request may have that changes something.
pub(crate) const POST_MAX: usize = 4 << 20;

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) error: &'static str,
    pub(crate) message: &'static str,
}

/// A method that a path does not know.
pub(crate) const BAD_METHOD: Refused = Refused {
    status: StatusCode::METHOD_NOT_ALLOWED,
    error: "BADMETHOD",
    message: "this path only shows things; use GET or HEAD",
};

/// Whether a request may be: its method, the length of its body.
///
/// # Errors
/// 405, 413.
pub(crate) fn check_shape(request: &axum::extract::Request) -> Result<(), Refused> {
    let most_allowed = match *request.method() {
        Method::GET | Method::HEAD => BODY_MAX,
        Method::POST => POST_MAX as u64,
        _ => return Err(BAD_METHOD),
    };
    if request.body().size_hint().upper().is_none_or(|most| most > most_allowed) {
        let message =
            "the body is too long, or its length is not told; send less, or none where none is needed";
        return Err(Refused { status: StatusCode::PAYLOAD_TOO_LARGE, error: "TOOLARGE", message });
    }
    Ok(())
}

/// Whether a request that changes something says so by its content type: a web page can send this one to another site only
/// when that site agrees, which this one does not.
///
/// # Errors
/// 415.
pub(crate) fn check_content(request: &axum::extract::Request) -> Result<(), Refused> {
    let is_json = request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if *request.method() != Method::POST || is_json {
        return Ok(());
    }
    let message = "a request that changes something needs the header content-type: application/json";
    Err(Refused { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, error: "BADCONTENT", message })
}

/// Whether the one who asks may see what the node holds.
///
/// # Errors
/// 401 without the right password, where one is set. 403 without a password, when the request names a host by a domain:
/// it may come from a web page that had its own domain resolved to this machine.
pub(crate) fn check_access(node: &dyn Observed, headers: &HeaderMap) -> Result<(), Refused> {
    if node.is_protected() {
        if credentials(headers).is_some_and(|(user, password)| node.admits(&user, &password)) {
            return Ok(());
        }
        let message =
            "a password is set: send it as a bearer token, or user and password as basic authentication";
        return Err(Refused { status: StatusCode::UNAUTHORIZED, error: "NOAUTH", message });
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if host.is_none_or(is_address) {
        return Ok(());
    }
    let message = "without a password this API answers only to an IP address or localhost as the host";
    Err(Refused { status: StatusCode::FORBIDDEN, error: "NOPERM", message })
}

/// Whether `host`, a `Host` header, names an IP address or this machine.
fn is_address(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok()
}

/// The user and the password that a request brings; a bearer token is the password of `default`.
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(("default".to_owned(), rest.trim().to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    let user = if user.is_empty() { "default" } else { user };
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_localhost_pass_for_hosts() {
        for host in ["127.0.0.1:7072", "127.0.0.1", "[::1]:7072", "[::1]", "LOCALHOST:1", "10.0.0.1:80"] {
            assert!(is_address(host), "{host}");
        }
        for host in ["evil.example:7072", "evil.example", "", "[evil]:1", "127.0.0.1.evil.example:7072"] {
            assert!(!is_address(host), "{host}");
        }
    }

    #[test]
    fn credentials_come_as_basic_or_bearer() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            credentials(&headers)
        };
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(read("Bearer s3cret"), pair("default", "s3cret"));
        assert_eq!(read("basic YWRhOmE6Yg=="), pair("ada", "a:b"));
        assert_eq!(read("Basic OnA="), pair("default", "p"));
        for bad in ["Basic", "Basic %%", "Digest x", "Basic YWRh"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(credentials(&HeaderMap::new()), None);
    }
}
