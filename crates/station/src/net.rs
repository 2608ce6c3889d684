//! Calls to the world outside.

use std::time::Duration;

/// An HTTP client whose calls end after `timeout`. TLS is by rustls with `ring`, as the signatures are.
///
/// # Errors
/// When no client can be made.
pub fn http_client(timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    // Fails when it was installed before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Directly, whatever the environment says of proxies: ids of payments are in the URLs. A redirected PUT would become a GET.
    reqwest::Client::builder().timeout(timeout).no_proxy().redirect(reqwest::redirect::Policy::none()).build()
}
