//! The `Transport` header (RFC 2326, 12.39).
use crate::text::{self, Emit, TextWriter};
use core::fmt;
use embedded_io::Write;

/// A lower transport: what carries RTP and RTCP (RFC 2326, 12.39).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum LowerTransport {
    /// RTP and RTCP packets are UDP datagrams.
    Udp,
    /// RTP and RTCP packets are interleaved in the RTSP connection (RFC 2326, 10.12).
    Interleaved,
}

impl LowerTransport {
    /// Returns the name of the protocol that carries the packets, in lower case: `udp` or `tcp`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Interleaved => "tcp",
        }
    }
}

/// One way to carry a stream: one of those that a client offers, or the one that a server chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TransportSpec<'a> {
    /// The transport protocol, the profile, and the lower transport.
    pub profile: Profile<'a>,
    /// Whether packets go to a multicast group. By the RFC that is the default; in practice it is meant
    /// only where it is said, as clients leave `unicast` out.
    pub multicast: bool,
    /// The client's UDP ports for RTP and RTCP; `None` if the value has none.
    pub client_port: Option<Pair<u16>>,
    /// The server's UDP ports for RTP and RTCP; `None` if the value has none. They are a hint: a
    /// malformed value counts as missing.
    pub server_port: Option<Pair<u16>>,
    /// The channels of interleaved RTP and RTCP packets; `None` if the value has none. With
    /// [`Profile::Tcp`] the client may leave the choice to the server.
    pub interleaved: Option<Pair<u8>>,
    /// The SSRC of the sender; `None` if the value has none. It is a hint: a malformed value counts as
    /// missing.
    pub ssrc: Option<u32>,
    /// The mode of the session without its quotes, such as `PLAY`. Empty means to play.
    pub mode: &'a [u8],
    /// The address to which the client wants the packets to be sent, which may be somebody else's (RFC
    /// 2326, 16). Empty means the client's own.
    pub destination: &'a [u8],
    /// The address from which the packets come. Empty means the server's own.
    pub source: &'a [u8],
}

/// The transport protocol, the profile and the lower transport of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Profile<'a> {
    /// RTP/AVP over UDP.
    #[default]
    Udp,
    /// RTP/AVP interleaved in the RTSP connection.
    Tcp,
    /// Any other, as it was sent.
    Other(&'a [u8]),
}

/// Two numbers: one for RTP, and one for RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pair<T> {
    /// The number for RTP: a port or a channel.
    pub rtp: T,
    /// The number for RTCP: a port or a channel. If a peer does not give it, it is the number for RTP
    /// plus one.
    pub rtcp: T,
}

/// Why one way to carry a stream cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct TransportError {
    /// What is malformed in the value.
    pub kind: TransportErrorKind,
    /// The offset of the malformed part in the value, in bytes.
    pub at: usize,
}

/// What is malformed in a `Transport` value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The client's ports are no numbers, are 0, or are 65535 without a port for RTCP.
    ClientPort,
    /// The channels of interleaved packets are no numbers, or are 255 without a channel for RTCP.
    Interleaved,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            TransportErrorKind::ClientPort => "the client's ports in the transport are malformed",
            TransportErrorKind::Interleaved => "the channels in the transport are malformed",
        };
        write!(f, "{what} (byte {})", self.at)
    }
}

impl core::error::Error for TransportError {}

/// Returns the ways to carry a stream in the value of the field, in the client's order. A server should
/// choose the first that it supports. A malformed entry is an error of its own, and does not hide the
/// entries after it.
pub fn transports(value: &[u8]) -> impl Iterator<Item = Result<TransportSpec<'_>, TransportError>> {
    text::split(value, b',')
        .filter(|spec| !spec.is_empty())
        .map(move |spec| TransportSpec::parse(spec).map_err(|e| e.after(text::offset(value, spec))))
}

impl TransportError {
    const fn after(self, bytes: usize) -> Self {
        Self { kind: self.kind, at: self.at.wrapping_add(bytes) }
    }
}

impl<'a> TransportSpec<'a> {
    /// Returns a transport over UDP to these ports of the client.
    pub fn udp(client_port: Pair<u16>) -> Self {
        Self { client_port: Some(client_port), ..Self::default() }
    }

    /// Returns an interleaved transport on these channels.
    pub fn tcp(interleaved: Pair<u8>) -> Self {
        Self { profile: Profile::Tcp, interleaved: Some(interleaved), ..Self::default() }
    }

    fn parse(spec: &'a [u8]) -> Result<Self, TransportError> {
        let mut parts = text::split(spec, b';');
        let mut this = Self { profile: Profile::parse(parts.next().unwrap_or_default()), ..Self::default() };
        for part in parts {
            let (name, value) = text::parameter(part);
            let error = |kind| TransportError { kind, at: text::offset(spec, part) };
            let is = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
            if is(b"multicast") {
                this.multicast = true;
            } else if is(b"client_port") {
                let ports = Pair::<u16>::parse(value).filter(|ports| ports.rtp != 0 && ports.rtcp != 0);
                this.client_port = Some(ports.ok_or(error(TransportErrorKind::ClientPort))?);
            } else if is(b"server_port") {
                this.server_port = Pair::<u16>::parse(value).filter(|ports| ports.rtp != 0);
            } else if is(b"interleaved") && !value.is_empty() {
                this.interleaved =
                    Some(Pair::<u8>::parse(value).ok_or(error(TransportErrorKind::Interleaved))?);
            } else if is(b"ssrc") {
                this.ssrc = text::hexadecimal(value);
            } else if is(b"mode") {
                this.mode = value;
            } else if is(b"destination") {
                this.destination = value;
            } else if is(b"source") {
                this.source = value;
            }
        }
        Ok(this)
    }
}

impl<'a> Profile<'a> {
    fn parse(name: &'a [u8]) -> Self {
        if name.eq_ignore_ascii_case(b"RTP/AVP") || name.eq_ignore_ascii_case(b"RTP/AVP/UDP") {
            Self::Udp
        } else if name.eq_ignore_ascii_case(b"RTP/AVP/TCP") {
            Self::Tcp
        } else {
            Self::Other(name)
        }
    }

    const fn name(self) -> &'a [u8] {
        match self {
            Self::Udp => b"RTP/AVP",
            Self::Tcp => b"RTP/AVP/TCP",
            Self::Other(name) => name,
        }
    }
}

impl Pair<u16> {
    fn parse(value: &[u8]) -> Option<Self> {
        let number = |digits| u16::try_from(text::decimal(digits)?).ok();
        match text::split_once(value, b'-') {
            Some((rtp, rtcp)) => {
                Some(Self { rtp: number(rtp.trim_ascii())?, rtcp: number(rtcp.trim_ascii())? })
            }
            None => {
                let rtp = number(value)?;
                Some(Self { rtp, rtcp: rtp.checked_add(1)? })
            }
        }
    }
}

impl Pair<u8> {
    fn parse(value: &[u8]) -> Option<Self> {
        let Pair { rtp, rtcp } = Pair::<u16>::parse(value)?;
        Some(Self { rtp: u8::try_from(rtp).ok()?, rtcp: u8::try_from(rtcp).ok()? })
    }
}

impl<T: Into<u64> + Copy> Emit for Pair<T> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        out.dec(self.rtp);
        out.text("-");
        out.dec(self.rtcp)
    }
}

impl Emit for TransportSpec<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        out.text(self.profile.name());
        out.text(if self.multicast { ";multicast" } else { ";unicast" });
        for (name, value) in [(";destination=", self.destination), (";source=", self.source)] {
            if !value.is_empty() {
                out.text(name);
                out.text(value);
            }
        }
        for (name, ports) in [(";client_port=", self.client_port), (";server_port=", self.server_port)] {
            if let Some(ports) = ports {
                out.text(name);
                ports.emit(out);
            }
        }
        if let Some(channels) = self.interleaved {
            out.text(";interleaved=");
            channels.emit(out);
        }
        if let Some(ssrc) = self.ssrc {
            out.text(";ssrc=");
            out.hex(ssrc);
        }
        if !self.mode.is_empty() {
            out.text(";mode=\"");
            out.text(self.mode);
            out.text("\"");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::emitted;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn one(value: &[u8]) -> Result<TransportSpec<'_>, TransportError> {
        let mut specs = transports(value);
        let spec = specs.next().unwrap();
        assert_eq!(specs.next(), None);
        spec
    }

    #[test]
    fn ffmpeg_over_udp_and_over_tcp() {
        let udp = one(b"RTP/AVP/UDP;unicast;client_port=18888-18889").unwrap();
        assert_eq!(udp, TransportSpec::udp(Pair { rtp: 18888, rtcp: 18889 }));
        let tcp = one(b"RTP/AVP/TCP;unicast;interleaved=0-1").unwrap();
        assert_eq!(tcp, TransportSpec::tcp(Pair { rtp: 0, rtcp: 1 }));
    }

    #[test]
    fn gstreamer_offers_a_list_in_its_order_of_preference() {
        let value =
            b"RTP/AVP;unicast;client_port=5000-5001, RTP/AVP;multicast, RTP/AVP/TCP;unicast;interleaved=0-1";
        let specs: Vec<_> = transports(value).map(Result::unwrap).collect();
        assert_eq!(specs[0], TransportSpec::udp(Pair { rtp: 5000, rtcp: 5001 }));
        assert!(specs[1].multicast);
        assert_eq!(specs[2].profile, Profile::Tcp);
        assert_eq!(specs.len(), 3);
    }

    #[test]
    fn parameters_in_any_order_with_space_and_quotes() {
        let spec =
            one(b" rtp/avp ; SSRC = 1a2B ; mode=\"PLAY,RECORD\" ;; client_port= 6970 ;x=y; unicast").unwrap();
        assert_eq!(spec.client_port, Some(Pair { rtp: 6970, rtcp: 6971 }));
        assert_eq!((spec.ssrc, spec.mode), (Some(0x1A2B), &b"PLAY,RECORD"[..]));
    }

    #[test]
    fn a_camera_that_pads_its_ssrc_and_one_that_has_none() {
        assert_eq!(
            one(b"RTP/AVP/TCP;unicast;interleaved=0-1;ssrc= 30a98ee7").unwrap().ssrc,
            Some(0x30A9_8EE7)
        );
        assert_eq!(one(b"RTP/AVP;unicast;ssrc=none;server_port=0-0").unwrap(), TransportSpec::default());
    }

    #[test]
    fn tcp_without_channels_leaves_them_to_the_server() {
        assert_eq!(one(b"RTP/AVP/TCP;unicast").unwrap().interleaved, None);
        assert_eq!(one(b"RTP/AVP/TCP;interleaved=").unwrap().interleaved, None);
        assert_eq!(one(b"RTP/AVP/TCP;interleaved=2").unwrap().interleaved, Some(Pair { rtp: 2, rtcp: 3 }));
    }

    #[test]
    fn ports_without_a_successor_are_an_error_and_do_not_overflow() {
        let value = b"RTP/AVP;client_port=65535,RTP/AVP/TCP;interleaved=255,RTP/SAVP;unicast";
        let specs: Vec<_> = transports(value).collect();
        assert_eq!(specs[0], Err(TransportError { kind: TransportErrorKind::ClientPort, at: 8 }));
        assert_eq!(specs[1], Err(TransportError { kind: TransportErrorKind::Interleaved, at: 38 }));
        assert_eq!(specs[2].unwrap().profile, Profile::Other(b"RTP/SAVP"));
        for bad in ["0", "-", "1-", "5000-0", "70000-70001", "18446744073709551615", "a-b"] {
            assert!(one(std::format!("RTP/AVP;client_port={bad}").as_bytes()).is_err(), "{bad}");
        }
    }

    fn pairs<T: Arbitrary>() -> impl Strategy<Value = Pair<T>> {
        any::<(T, T)>().prop_map(|(rtp, rtcp)| Pair { rtp, rtcp })
    }

    proptest! {
        #[test]
        fn specs_round_trip(
            tcp: bool, multicast: bool, ssrc: Option<u32>,
            client_port in prop::option::of(pairs().prop_filter("ports", |p| p.rtp != 0 && p.rtcp != 0)),
            server_port in prop::option::of(pairs().prop_filter("a port", |p| p.rtp != 0)),
            interleaved in prop::option::of(pairs()),
            (mode, destination, source) in ("[A-Z]{0,6}", "[0-9.]{0,9}", "[0-9a-f:]{0,9}"),
        ) {
            let spec = TransportSpec {
                profile: if tcp { Profile::Tcp } else { Profile::Udp },
                multicast, client_port, server_port, interleaved, ssrc,
                mode: mode.as_bytes(),
                destination: destination.as_bytes(),
                source: source.as_bytes(),
            };
            let bytes = emitted(&spec);
            prop_assert_eq!(one(&bytes), Ok(spec));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, text in "(RTP/AVP)?([;,](client_port=|interleaved=|ssrc=)[0-9-]{0,8}){0,4}") {
            let _ = (transports(&bytes).count(), transports(text.as_bytes()).count());
        }
    }
}
