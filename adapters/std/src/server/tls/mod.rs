//! RTSP and HTTP inside TLS: [`handshake`] is a connection before it is one of these, [`Secure`] is what encrypts it then, and
//! [`Certificate`] is what all show.
mod error;
mod handshake;
mod plain;
mod secure;

pub use error::HandshakeError;
pub(super) use handshake::Handshake;
pub(super) use secure::Secure;

use crate::tls::Identity;
use rustls::ServerConfig;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The certificate that clients are shown, which may be replaced at any time. All event loops share it.
#[derive(Debug, Default)]
pub(super) struct Certificate(Mutex<Option<Arc<ServerConfig>>>);

impl Certificate {
    /// Has all handshakes from now on show this certificate.
    pub(super) fn set(&self, identity: Identity) {
        *self.lock() = Some(identity.into_config());
    }

    /// Returns the certificate of now; `None` if there is none yet.
    fn get(&self) -> Option<Arc<ServerConfig>> {
        self.lock().clone()
    }

    /// Held for a few steps only.
    fn lock(&self) -> MutexGuard<'_, Option<Arc<ServerConfig>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
