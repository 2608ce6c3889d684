//! What a browser may do with a page of this station: Content Security Policy (Level 3) and its relatives.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use std::collections::BTreeSet;

/// Nothing but what the app needs: its own files, pictures that it draws or takes, and a camera's stream.
const CONTENT: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; \
    media-src blob:; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; connect-src 'self'";
/// The devices that the app needs, and none that it does not.
const PERMISSIONS: &str = "camera=(self), bluetooth=(self), serial=(self), screen-wake-lock=(self), microphone=(), \
    geolocation=(), usb=(), hid=(), midi=(), payment=(), display-capture=()";

/// The headers of every answer to a browser. `sockets` and `frames` were checked by [`source`].
pub(super) fn headers(sockets: &BTreeSet<String>, frames: &[String]) -> HeaderMap {
    let mut content = CONTENT.to_owned();
    for socket in sockets {
        content += " ";
        content += socket;
    }
    content += "; frame-ancestors ";
    content += &if frames.is_empty() { "'none'".to_owned() } else { frames.join(" ") };
    let content = HeaderValue::try_from(content).unwrap_or_else(|_| unreachable!("sources are of plain characters"));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_SECURITY_POLICY, content);
    headers.insert(HeaderName::from_static("permissions-policy"), HeaderValue::from_static(PERMISSIONS));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A path holds the id that opens an order.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    headers
}

/// `url` if it can stand in a policy as what it says: a scheme of these, a host name or IPv4 address, and perhaps a port and, if
/// `with_path`, a path, all of plain characters. (IPv6 addresses cannot: CSP3 §2.3.1 has no such source.) Or why not.
pub(super) fn source<'a>(url: &'a str, schemes: &[&str], with_path: bool) -> Result<&'a str, String> {
    let expected = || {
        let like: Vec<_> = schemes.iter().map(|scheme| format!("{scheme}://host:port")).collect();
        format!("it must be like {}, in lower case, without user, query or IPv6 address", like.join(" or "))
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(expected)?;
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'/');
    let good = schemes.contains(&scheme)
        && url.len() <= 200
        && !host.is_empty()
        && host.bytes().all(plain)
        && port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok())
        && path.is_none_or(|path| with_path && path.bytes().all(in_path));
    if good { Ok(url) } else { Err(expected()) }
}

#[cfg(test)]
mod tests {
    use super::source;

    #[test]
    fn only_plain_sources_get_into_a_policy() {
        for good in ["ws://127.0.0.1:7101", "wss://meters.example", "ws://localhost:1/CLS0000000017"] {
            assert_eq!(source(good, &["ws", "wss"], true), Ok(good));
        }
        for bad in [
            "ws://",
            "http://127.0.0.1:7101",
            "127.0.0.1:7101",
            "ws://a b",
            "ws://a; script-src *",
            "ws://a,b",
            "ws://*",
            "ws://*.example",
            "ws://user@a",
            "ws://a:70000",
            "ws://a:",
            "ws://a:+1",
            "ws://[::1]:1",
            "ws://a/?b",
            "ws://a/'self'",
            "ws://A",
            "'unsafe-eval'",
            "",
        ] {
            assert!(source(bad, &["ws", "wss"], true).is_err(), "{bad}");
        }
        assert!(source("http://127.0.0.1:7000/page", &["http", "https"], false).is_err());
        assert!(source("http://127.0.0.1:7000", &["http", "https"], false).is_ok());
    }
}
