//! What computes.
use rustls::crypto::{CryptoProvider, ring};
use std::sync::{Arc, OnceLock};

/// Returns what computes. It is the same for all connections.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(ring::default_provider())))
}
