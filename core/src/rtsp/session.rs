//! The `Session` header (RFC 2326, 12.37).
use crate::text::{self, Emit, TextWriter};
use crate::time::Duration;
use embedded_io::Write;

/// The value of a `Session` header: the identifier of a session, and its timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Session<'a> {
    /// The identifier of the session, without the timeout. It is not empty. The bytes are usually ASCII,
    /// which is not checked. They have no meaning to a client: a client sends the same bytes in later
    /// requests.
    pub id: &'a [u8],
    /// The timeout in seconds. If this is `None`, the header gives no timeout, and
    /// [`Session::DEFAULT_TIMEOUT_SECS`] applies. The server ends the session when it has heard nothing from
    /// its client for the timeout. So a client must send a request at shorter intervals.
    pub timeout_secs: Option<u32>,
}

impl<'a> Session<'a> {
    /// The timeout of a session in seconds if the `Session` header gives no timeout (RFC 2326, 12.37).
    /// [`Self::timeout`] uses it.
    pub const DEFAULT_TIMEOUT_SECS: u32 = 60;

    /// Reads the value of a `Session` header, such as `6B8B4567;timeout=60`. Returns `None` if the value has
    /// no identifier: treat the header as missing. If the timeout is 0, no number, or too large for 32 bits,
    /// only the timeout counts as missing.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut parts = text::split(value, b';');
        let id = parts.next().filter(|id| !id.is_empty())?;
        let timeout_secs = parts
            .map(text::parameter)
            .find(|(name, _)| name.eq_ignore_ascii_case(b"timeout"))
            .and_then(|(_, secs)| u32::try_from(text::decimal(secs)?).ok())
            .filter(|&secs| secs > 0);
        Some(Self { id, timeout_secs })
    }

    /// Returns the timeout of the session; [`Self::DEFAULT_TIMEOUT_SECS`] if the header gives none.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.timeout_secs.unwrap_or(Self::DEFAULT_TIMEOUT_SECS)))
    }
}

impl Emit for Session<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        out.text(self.id);
        if let Some(secs) = self.timeout_secs {
            out.text(";timeout=");
            out.dec(secs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::emitted;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn the_timeout_is_no_part_of_the_id() {
        let session = Session::parse(b"6B8B4567 ; Timeout = 65").unwrap();
        assert_eq!(session, Session { id: b"6B8B4567", timeout_secs: Some(65) });
        assert_eq!(session.timeout(), Duration::from_secs(65));
    }

    #[test]
    fn without_a_timeout_it_is_a_minute() {
        for value in [&b"1"[..], b"1;timeout=0", b"1;timeout=soon", b"1;"] {
            assert_eq!(Session::parse(value).unwrap().timeout(), Duration::from_secs(60));
        }
        assert_eq!(Session::parse(b" ;timeout=60"), None);
    }

    proptest! {
        #[test]
        fn sessions_round_trip(id in "[A-Za-z0-9$_.+-]{1,40}", timeout_secs in prop::option::of(1u32..)) {
            let session = Session { id: id.as_bytes(), timeout_secs };
            let bytes = emitted(&session);
            prop_assert_eq!(Session::parse(&bytes), Some(session));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Session::parse(&bytes);
        }
    }
}
