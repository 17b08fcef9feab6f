//! Who may watch: one user, whose password is given when the firmware is built, or everybody.
use core::net::SocketAddr;
use mps2::Entropy;
use pinhole::auth::{Algorithm, Ha1, NonceKey};
use pinhole::server::{Answered, Notice, Request};
use pinhole_smoltcp::server::{Application, LoginApp, Logins, Users};

/// The user, and what is kept of the password.
pub(crate) struct Account {
    user: &'static str,
    sha256: [u8; 64],
    md5: [u8; 32],
}

// REALM, and ACCOUNT, which is `None` if everybody may watch.
include!(concat!(env!("OUT_DIR"), "/account.rs"));

/// The name of the user, if not everybody may watch.
pub(crate) const USER: Option<&str> = match &ACCOUNT {
    Some(account) => Some(account.user),
    None => None,
};

impl Users for Account {
    fn find(&self, name: &[u8]) -> Option<u16> {
        (name == self.user.as_bytes()).then_some(0)
    }

    fn ha1(&self, _: u16, algorithm: Algorithm) -> Option<Ha1> {
        let digits: &[u8] = match algorithm {
            Algorithm::Md5 => &self.md5,
            Algorithm::Sha256 => &self.sha256,
        };
        Ha1::from_hex(algorithm, digits)
    }
}

/// An application of which only the user is told anything, if there is one.
pub(crate) struct Gate<'a, A, const SESSIONS: usize> {
    pub(crate) app: A,
    pub(crate) logins: &'a mut Logins<SESSIONS>,
}

impl<A: Application, const SESSIONS: usize> Gate<'_, A, SESSIONS> {
    /// The application for users. What there is without any takes no flash.
    fn login(&mut self) -> Option<LoginApp<'_, &mut A, Account, SESSIONS>> {
        let users = const { &ACCOUNT }.as_ref()?;
        Some(LoginApp { app: &mut self.app, users, realm: REALM, logins: self.logins })
    }
}

impl<A: Application, const SESSIONS: usize> Application for Gate<'_, A, SESSIONS> {
    type Store = A::Store;

    fn store(&self) -> &A::Store {
        self.app.store()
    }

    fn request(&mut self, request: Request<'_>) -> Answered {
        match self.login() {
            Some(mut app) => app.request(request),
            None => self.app.request(request),
        }
    }

    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        match self.login() {
            Some(mut app) => app.notice(peer, notice),
            None => self.app.notice(peer, notice),
        }
    }
}

/// Draws the key of nonces.
pub(crate) fn key(mut entropy: Entropy) -> NonceKey {
    let mut key = [0; 32];
    for bytes in key.as_chunks_mut().0 {
        *bytes = entropy.draw().to_le_bytes();
    }
    NonceKey::new(key)
}
