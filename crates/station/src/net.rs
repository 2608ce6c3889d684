//! Calls to the world outside.

use std::time::Duration;

/// An HTTP client whose calls end after `timeout`. TLS is by rustls with `ring`, as the signatures are.
///
/// # Errors
/// When no client can be made.
pub fn http_client(timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    // Fails when it was installed before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(timeout).build()
}
