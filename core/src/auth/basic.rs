//! User name and password in the clear (RFC 7617).
use crate::text::{Emit, TextWriter, split_once};
use base64ct::{Base64, Encoding as _};
use core::fmt;
use embedded_io::Write;

/// A client's answer to a challenge of Basic. [`Emit`] writes the value of an `Authorization` header field.
#[derive(Clone, Copy)]
pub struct BasicResponse<'a> {
    /// The name of the user. It cannot have a colon: a server takes what follows that for the password.
    pub user: &'a [u8],
    /// The user's password.
    pub password: &'a [u8],
}

impl Emit for BasicResponse<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        out.text("Basic ");
        let mut bytes = self.user.iter().chain(b":").chain(self.password).copied();
        let mut group = [0; 3];
        loop {
            let mut len = 0;
            for (place, byte) in group.iter_mut().zip(&mut bytes) {
                *place = byte;
                len += 1;
            }
            let mut digits = [0; 4];
            let Ok(digits) = Base64::encode(group.get(..len).unwrap_or_default(), &mut digits) else {
                return;
            };
            out.text(digits);
            if len < group.len() {
                return;
            }
        }
    }
}

/// User name and password as a client sends them with Basic.
#[derive(Clone, Copy)]
pub struct BasicCredentials<'a> {
    base64: &'a [u8],
}

impl<'a> BasicCredentials<'a> {
    pub(super) const fn new(base64: &'a [u8]) -> Self {
        Self { base64 }
    }

    /// Decodes user name and password into `out`, and returns both. Returns `None` if the text is no base64,
    /// if it has no colon, or if `out` is too short for it.
    pub fn user_and_password<'b>(&self, out: &'b mut [u8]) -> Option<(&'b [u8], &'b [u8])> {
        split_once(Base64::decode(self.base64, out).ok()?, b':')
    }
}

/// Shows nothing of them.
impl fmt::Debug for BasicCredentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicCredentials").finish_non_exhaustive()
    }
}

/// Shows the user's name.
impl fmt::Debug for BasicResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicResponse").field("user", &self.user).finish_non_exhaustive()
    }
}
