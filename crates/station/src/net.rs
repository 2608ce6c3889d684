//! Calls to the world outside.

use std::time::Duration;

/// How long a connection may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// An HTTP client whose calls end after `timeout`, and whose connections are made within [`CONNECT_TIMEOUT`]. TLS is by rustls with `ring`, as the signatures are.
///
/// # Errors
/// When no client can be made.
pub fn http_client(timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    // Fails when it was installed before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Directly, whatever the environment says of proxies: ids of payments are in the URLs. A redirected PUT would become a GET.
    let builder = reqwest::Client::builder().timeout(timeout).connect_timeout(CONNECT_TIMEOUT);
    builder.no_proxy().redirect(reqwest::redirect::Policy::none()).build()
}
