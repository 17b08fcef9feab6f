//! [`TransportSpec`]: the `Transport` header, by which client and server agree on how packets are sent (RFC
//! 2326, 12.39).
use crate::text::{self, Emit, TextWriter};
use core::fmt;
use embedded_io::Write;

/// A lower transport, which carries the packets of RTP and RTCP: UDP or the RTSP connection (RFC 2326,
/// 12.39).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum LowerTransport {
    /// Each packet of RTP or RTCP is a UDP datagram.
    Udp,
    /// Packets of RTP and RTCP are interleaved in the RTSP connection (RFC 2326, 10.12).
    Interleaved,
}

impl LowerTransport {
    /// Returns the name of the protocol that carries the packets, in lower case: `udp` or `tcp`. Use it in
    /// messages to people, not in a `Transport` header, which has other words for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Interleaved => "tcp",
        }
    }
}

/// One way to carry a stream: one entry of a `Transport` header. In a request, it is one of the ways that the
/// client offers. In a response, it is the way that the server has chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TransportSpec<'a> {
    /// The transport protocol, the profile, and the lower transport. Skip an entry with [`Profile::Other`].
    pub profile: Profile<'a>,
    /// Is true if the entry says `multicast`: the packets go to a multicast group. Is false if the entry says
    /// `unicast` or neither of the two words. In RFC 2326 multicast is the default, but clients that leave
    /// the word out mean unicast.
    pub multicast: bool,
    /// The client's UDP ports for RTP and RTCP; `None` if the entry has no such ports. If a request offers
    /// UDP without these ports, skip the entry. An entry for interleaved packets needs no ports.
    pub client_port: Option<Pair<u16>>,
    /// The server's UDP ports for RTP and RTCP; `None` if the entry has no such ports, or malformed ones. If
    /// this is `None`, a client can still receive packets, but does not know where to send its reports.
    pub server_port: Option<Pair<u16>>,
    /// The channels of interleaved RTP and RTCP packets. `None` if the entry has no channels. If an entry
    /// with [`Profile::Tcp`] in a request has no channels, the server chooses the channels. If the entry in
    /// the response has no channels, the channels that the client asked for apply.
    pub interleaved: Option<Pair<u8>>,
    /// The synchronisation source (SSRC) of the RTP packets that will be sent; `None` if the entry has no
    /// SSRC, or a malformed one. This is only a hint: the packets may have another SSRC.
    pub ssrc: Option<u32>,
    /// What the client wants to do, without quotes: one method or a comma-separated list of methods, such as
    /// `PLAY` or `PLAY,RECORD`. Empty means `PLAY`.
    pub mode: &'a [u8],
    /// The address to which the client wants the packets to be sent, as it was written. If the entry has no
    /// destination, this is empty, which means the client's own address. Send packets only to the client's
    /// own address: ignore any other value, or refuse the request. Another address may be that of a victim
    /// (RFC 2326, 16).
    pub destination: &'a [u8],
    /// The address from which the server sends the packets, as it was written: an IP address or a name, which
    /// is not checked. If the entry has no source, this is empty: expect the packets from the address of the
    /// server in the RTSP connection. If this is a name, resolve the name, or expect the packets from the
    /// address of the server in the RTSP connection, too.
    pub source: &'a [u8],
}

/// The transport protocol, the profile and the lower transport of a stream, as the first word of an entry of
/// a `Transport` header names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Profile<'a> {
    /// RTP/AVP over UDP: `RTP/AVP` or `RTP/AVP/UDP`.
    #[default]
    Udp,
    /// RTP/AVP interleaved in the RTSP connection: `RTP/AVP/TCP`.
    Tcp,
    /// Any other word, such as `RTP/SAVP`, as it was sent. This library does not support such a transport:
    /// skip the entry.
    Other(&'a [u8]),
}

/// Two numbers that belong together: one for RTP and one for RTCP. Both are UDP ports, or both are channels
/// of interleaved packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pair<T> {
    /// The number for RTP: a UDP port or a channel.
    pub rtp: T,
    /// The number for RTCP: a UDP port or a channel. If a peer gives only the number for RTP, this is that
    /// number plus one.
    pub rtcp: T,
}

/// Why one entry of a `Transport` header is malformed. Skip this entry, and look at the next one. If no entry
/// of a request is usable, answer with
/// [`Status::UNSUPPORTED_TRANSPORT`](super::Status::UNSUPPORTED_TRANSPORT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct TransportError {
    /// What is malformed in the entry.
    pub kind: TransportErrorKind,
    /// The offset of the malformed parameter, in bytes from the start of the value that was passed to
    /// [`transports`].
    pub at: usize,
}

/// What is malformed in an entry of a `Transport` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// A port of the client is not a number from 1 to 65535. If the entry gives only the port for RTP, the
    /// port for RTCP is one higher; so 65535 alone is malformed, too.
    ClientPort,
    /// A channel of interleaved packets is not a number from 0 to 255. If the entry gives only the channel
    /// for RTP, the channel for RTCP is one higher; so 255 alone is malformed, too.
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

/// Returns the entries in the value of a `Transport` header: the ways to carry a stream, in the client's
/// order of preference. As a server, choose the first entry that you support. If you support no entry, answer
/// 461 ([`Status::UNSUPPORTED_TRANSPORT`](super::Status::UNSUPPORTED_TRANSPORT)). For a malformed entry, the
/// iterator returns an error and then goes on with the next entry. Empty entries are skipped, and unknown
/// parameters are ignored.
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
    /// Returns a unicast transport over UDP to these ports of the client, for the `Transport` header of a
    /// request or a response. All other fields are empty or `None`: a server has to set
    /// [`Self::server_port`].
    pub fn udp(client_port: Pair<u16>) -> Self {
        Self { client_port: Some(client_port), ..Self::default() }
    }

    /// Returns a transport that is interleaved in the RTSP connection, on these channels, for the `Transport`
    /// header of a request or a response. All other fields are empty or `None`.
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
        let channels = self.interleaved.map(|Pair { rtp, rtcp }| Pair { rtp: rtp.into(), rtcp: rtcp.into() });
        for (name, pair) in [
            (";client_port=", self.client_port),
            (";server_port=", self.server_port),
            (";interleaved=", channels),
        ] {
            if let Some(pair) = pair {
                out.text(name);
                pair.emit(out);
            }
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
