//! The server's side for users alone, as a camera links it.
use crate::server::{answer, serve_by};
use crate::{any, bytes, text};
use pinhole::auth::{Algorithm, Ha1, NonceKey};
use pinhole::server::{LoginApp, Logins, Users};

/// One user, of whom the hashes of the password are in flash.
struct Account;

impl Users for Account {
    fn find(&self, name: &[u8]) -> Option<u16> {
        (name == text().as_bytes()).then_some(0)
    }

    fn ha1(&self, _: u16, algorithm: Algorithm) -> Option<Ha1> {
        Ha1::from_hex(algorithm, bytes())
    }
}

/// Connections, one after the other.
pub fn serve() {
    let mut logins = Logins::<4>::new(NonceKey::new(any([0; 32])));
    serve_by(|conn, storage, camera| {
        let logins = any(&mut logins);
        answer(conn, storage, &mut LoginApp { app: camera, users: &Account, realm: "camera", logins });
    });
}
