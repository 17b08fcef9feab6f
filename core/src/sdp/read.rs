//! [`Description`]: reads session descriptions line by line, when a field is asked for (RFC 4566, 5 and 6).
use super::format::static_map;
use super::{AddressType, FrameRate};
use crate::rtsp::{Range, RangeError};
use crate::text;
use core::fmt;

/// A received session description, borrowed from a buffer. Make it with [`Self::parse`]. Each method searches
/// the bytes anew.
///
/// Unknown lines are skipped. Lines may end in LF alone. White space and NUL bytes at the end of a line are
/// ignored, because some cameras send them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Description<'a> {
    session: Section<'a>,
    media: &'a [u8],
}

/// Why bytes are no session description. The server has sent something else, so its presentation cannot be
/// played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SdpError {
    /// There are no bytes, or only empty lines.
    Empty,
    /// The first line that is not empty is not `v=0`.
    Version,
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the session description is empty",
            Self::Version => "the session description does not start with v=0",
        })
    }
}

impl core::error::Error for SdpError {}

/// An attribute of a session or of a medium: a line `a=NAME:VALUE` or `a=NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Attribute<'a> {
    /// The name: the bytes before the colon, or the whole attribute if it has no colon. Compare the name
    /// without regard to case.
    pub name: &'a [u8],
    /// The value after the first colon, without white space around it; empty if the attribute has no colon.
    pub value: &'a [u8],
}

/// A connection address, to which packets are sent: a `c=` line. RTSP agrees on addresses in SETUP, so this
/// address matters only for multicast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Connection<'a> {
    /// The internet protocol of the address.
    pub address_type: AddressType,
    /// The address as bytes. A slash and what follows it are cut off: for a multicast group, these are the
    /// time to live (TTL) and the number of addresses. The address may be a name, and is not checked further.
    pub address: &'a [u8],
}

/// The coding and the clock of a payload type (RFC 4566, 6, `rtpmap`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RtpMap<'a> {
    /// The name of the coding, such as `JPEG`. Compare the name without regard to case.
    pub encoding: &'a [u8],
    /// The clock rate of the RTP timestamps in ticks per second, as the server gives it. It may be 0: in that
    /// case, do not receive the medium.
    pub clock_rate: u32,
    /// The number of channels of audio; 1 if the number is not given or above 255 (RFC 4566, 6). For other
    /// media than audio, it has no meaning.
    pub channels: u8,
}

/// One medium of a presentation: an `m=` line, and the lines that belong to it. RTSP sets up one stream for
/// each medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Media<'a> {
    /// The kind of the medium, such as `video` or `audio`.
    pub kind: &'a [u8],
    /// The port in the `m=` line. Ignore it: RTSP servers send 0, because both ends agree on ports in SETUP.
    pub port: u16,
    /// The transport protocol, such as `RTP/AVP`. This library receives only media whose protocol begins with
    /// `RTP/AVP`.
    pub protocol: &'a [u8],
    formats: &'a [u8],
    section: Section<'a>,
    session: Section<'a>,
}

impl<'a> Description<'a> {
    /// Reads the start of a session description: checks the first line, and finds the first medium. All other
    /// lines are read only by the methods that return their values. A malformed line counts as missing.
    ///
    /// # Errors
    /// Returns [`SdpError::Empty`] if `bytes` have only empty lines, and [`SdpError::Version`] if the first
    /// line that is not empty is not `v=0`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SdpError> {
        let mut lines = Lines(bytes);
        let first = lines.find(|line| !line.text.is_empty()).ok_or(SdpError::Empty)?;
        if first.value(b'v').map(<[u8]>::trim_ascii) != Some(b"0") {
            return Err(SdpError::Version);
        }
        let (session, media) = split_section(bytes, first.end(bytes));
        Ok(Self { session: Section(session), media })
    }

    /// Returns the name of the session as bytes. They are usually UTF-8, which is not checked. They are empty
    /// if the description has no name.
    pub fn name(&self) -> &'a [u8] {
        self.session.value(b's').unwrap_or_default()
    }

    /// Returns the attributes (`a=` lines) of the session as a whole, without those of its media.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        self.session.attributes()
    }

    /// Returns the `control` attribute of the presentation (RFC 2326, C.1.1). Make the URL for PLAY, PAUSE
    /// and TEARDOWN from this attribute with [`Url::control`](crate::rtsp::Url::control). If the result is
    /// `None`, use the base URL itself ([`Url::base`](crate::rtsp::Url::base)).
    pub fn control(&self) -> Option<&'a [u8]> {
        self.session.attribute(b"control")
    }

    /// Returns the range of the whole presentation (RFC 2326, C.1.5). `None` if the description gives no
    /// range: the length of the presentation is not known then, for example because the presentation is live.
    ///
    /// # Errors
    /// Returns the error of [`Range::parse`] if the range cannot be used. Treat the range as missing in that
    /// case.
    pub fn range(&self) -> Option<Result<Range, RangeError>> {
        self.session.attribute(b"range").map(Range::parse)
    }

    /// Returns the connection address from the first `c=` line of the session. `None` if the session has no
    /// `c=` line, or if its first one is malformed or has no internet address. Both ends agree on addresses
    /// in SETUP, so the address is needed only for multicast.
    pub fn connection(&self) -> Option<Connection<'a>> {
        self.session.connection()
    }

    /// Returns the media in the order of the description. If the `m=` line of a medium has no valid port or
    /// no protocol, that medium is left out.
    pub fn media(&self) -> impl Iterator<Item = Media<'a>> + use<'a> {
        let session = self.session;
        let mut rest = self.media;
        core::iter::from_fn(move || {
            let first = Lines(rest).next()?;
            let (section, media) = split_section(rest, first.end(rest));
            rest = media;
            Some(Media::parse(first, Section(section), session))
        })
        .flatten()
    }
}

impl<'a> Media<'a> {
    fn parse(line: Line<'a>, section: Section<'a>, session: Section<'a>) -> Option<Self> {
        let (kind, rest) = text::first_word(line.value(b'm')?);
        let (port, rest) = text::first_word(rest);
        let (protocol, formats) = text::first_word(rest);
        // `PORT/COUNT` is used by layered streams (RFC 4566, 5.14).
        let (port, _) = text::split_once(port, b'/').unwrap_or((port, &[]));
        let port = u16::try_from(text::decimal(port)?).ok()?;
        (!protocol.is_empty()).then_some(Self { kind, port, protocol, formats, section, session })
    }

    /// Returns the formats of the medium, as they are written in the `m=` line. If the protocol is RTP, the
    /// formats are payload types: use [`Self::payload_types`].
    pub fn formats(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.formats.split(u8::is_ascii_whitespace).filter(|format| !format.is_empty())
    }

    /// Returns the RTP payload types of the medium, from 0 to 127, in the server's order of preference. A
    /// format that is no number from 0 to 127 is skipped. [`Self::protocol`] is not checked: call this only
    /// if the protocol begins with `RTP/`.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.formats()
            .filter_map(|format| u8::try_from(text::decimal(format)?).ok())
            .filter(|&payload_type| payload_type < 128)
    }

    /// Returns the attributes (`a=` lines) of this medium, without those of the session.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        self.section.attributes()
    }

    /// Returns the `control` attribute of the medium's stream (RFC 2326, C.1.1). Make the URL for SETUP from
    /// this attribute with [`Url::control`](crate::rtsp::Url::control). A description of a single stream may
    /// leave the attribute out. If the result is `None`, use the URL of the presentation.
    pub fn control(&self) -> Option<&'a [u8]> {
        self.section.attribute(b"control")
    }

    /// Returns the coding and the clock of a payload type, from the medium's `rtpmap` attribute. A few
    /// payload types need no such attribute, because RFC 3551, 6 fixes their coding. If the attribute is
    /// missing or malformed, there are two cases:
    ///
    /// - For a payload type with a fixed coding that this library can receive, that coding is returned.
    /// - For all other payload types, the result is `None`: skip the payload type.
    pub fn rtpmap(&self, payload_type: u8) -> Option<RtpMap<'a>> {
        self.of_format(b"rtpmap", payload_type).and_then(RtpMap::parse).or_else(|| static_map(payload_type))
    }

    /// Returns the format parameters of a payload type as bytes, without the payload type itself (RFC 4566,
    /// 6, `fmtp`). The form of the parameters depends on the coding. `None` if the description gives no
    /// parameters for this payload type.
    pub fn fmtp(&self, payload_type: u8) -> Option<&'a [u8]> {
        self.of_format(b"fmtp", payload_type)
    }

    /// Returns the range of the medium's stream (RFC 2326, C.1.5). If the stream has no range, the result is
    /// the range of the presentation. `None` if neither the stream nor the presentation has a range: the
    /// length of the stream is not known then, for example because the stream is live.
    ///
    /// # Errors
    /// Returns the error of [`Range::parse`] if the range cannot be used. Treat the range as missing in that
    /// case.
    pub fn range(&self) -> Option<Result<Range, RangeError>> {
        self.section.attribute(b"range").or_else(|| self.session.attribute(b"range")).map(Range::parse)
    }

    /// Returns the frame rate of the medium (RFC 4566, 6, `framerate`). Digits after the third decimal are
    /// cut off. `None` if the attribute is missing, malformed, too large or 0: the frame rate is not known in
    /// these cases.
    pub fn frame_rate(&self) -> Option<FrameRate> {
        let value = self.section.attribute(b"framerate")?;
        let rate = u32::try_from(text::fraction(value, 1_000)?).ok()?;
        (rate > 0).then_some(FrameRate(rate))
    }

    /// Returns the width and the height of the picture in pixels, from the attribute `x-dimensions`. If there
    /// is no `x-dimensions`, both are from the attribute `framesize` (RFC 6064). `None` if both attributes
    /// are missing, or if a number is malformed, 0 or above 65,535: the size is not known in these cases.
    pub fn dimensions(&self) -> Option<(u16, u16)> {
        let (width, height) = match self.section.attribute(b"x-dimensions") {
            Some(value) => text::split_once(value, b',')?,
            None => text::split_once(text::first_word(self.section.attribute(b"framesize")?).1, b'-')?,
        };
        let pixels =
            |digits: &[u8]| u16::try_from(text::decimal(digits.trim_ascii())?).ok().filter(|&n| n > 0);
        Some((pixels(width)?, pixels(height)?))
    }

    /// Returns the connection address from the first `c=` line of the medium. More `c=` lines of the medium
    /// are ignored. If the medium has no `c=` line, or if its first one is malformed or has no internet
    /// address, returns the address from the first `c=` line of the session. `None` if the `c=` line of the
    /// session cannot be used either. Both ends agree on addresses in SETUP, so the address is needed only
    /// for multicast.
    pub fn connection(&self) -> Option<Connection<'a>> {
        self.section.connection().or_else(|| self.session.connection())
    }

    /// Returns the value of an attribute that starts with this payload type, without the payload type.
    fn of_format(&self, name: &[u8], payload_type: u8) -> Option<&'a [u8]> {
        self.attributes().filter(|a| a.name.eq_ignore_ascii_case(name)).find_map(|a| {
            let (format, value) = text::first_word(a.value);
            (text::decimal(format) == Some(u64::from(payload_type))).then_some(value)
        })
    }
}

impl<'a> RtpMap<'a> {
    fn parse(value: &'a [u8]) -> Option<Self> {
        let mut parts = text::split(value, b'/');
        let encoding = parts.next().filter(|name| !name.is_empty())?;
        let clock_rate = u32::try_from(text::decimal(parts.next()?)?).ok()?;
        let channels = parts.next().and_then(text::decimal).and_then(|channels| u8::try_from(channels).ok());
        let channels = channels.unwrap_or(1);
        Some(Self { encoding, clock_rate, channels })
    }
}

/// The lines of the session, or of one medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Section<'a>(&'a [u8]);

impl<'a> Section<'a> {
    fn values(self, kind: u8) -> impl Iterator<Item = &'a [u8]> {
        Lines(self.0).filter_map(move |line| line.value(kind))
    }

    fn value(self, kind: u8) -> Option<&'a [u8]> {
        self.values(kind).next()
    }

    fn attributes(self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        self.values(b'a').map(|value| {
            let (name, value) = text::split_once(value, b':').unwrap_or((value, &[]));
            Attribute { name: name.trim_ascii(), value: value.trim_ascii() }
        })
    }

    fn attribute(self, name: &[u8]) -> Option<&'a [u8]> {
        self.attributes().find(|a| a.name.eq_ignore_ascii_case(name)).map(|a| a.value)
    }

    fn connection(self) -> Option<Connection<'a>> {
        let (net_type, rest) = text::first_word(self.value(b'c')?);
        let (address_type, address) = text::first_word(rest);
        let address_type = match (net_type, address_type) {
            (b"IN", b"IP4") => AddressType::Ip4,
            (b"IN", b"IP6") => AddressType::Ip6,
            _ => return None,
        };
        let address = text::split(address, b'/').next().filter(|address| !address.is_empty())?;
        Some(Connection { address_type, address })
    }
}

#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a [u8],
    /// What comes after the line end.
    rest: &'a [u8],
}

impl<'a> Line<'a> {
    /// What stands after `kind=`.
    fn value(self, kind: u8) -> Option<&'a [u8]> {
        match self.text {
            [k, b'=', value @ ..] if *k == kind => Some(value),
            _ => None,
        }
    }

    /// Where in `bytes` the next line starts.
    fn end(self, bytes: &[u8]) -> usize {
        bytes.len().saturating_sub(self.rest.len())
    }
}

struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let (mut text, rest) = text::split_once(self.0, b'\n').unwrap_or((self.0, &[]));
        while let [shorter @ .., b'\r' | b' ' | b'\t' | b'\0'] = text {
            text = shorter;
        }
        self.0 = rest;
        Some(Line { text, rest })
    }
}

/// Splits before the first `m=` line that starts at `from` or later.
fn split_section(bytes: &[u8], from: usize) -> (&[u8], &[u8]) {
    let mut at = from;
    for line in Lines(bytes.get(from..).unwrap_or_default()) {
        if line.value(b'm').is_some() {
            break;
        }
        at = line.end(bytes);
    }
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtsp::Position;
    use crate::time::MediaTime;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn gst_rtsp_server_with_video_and_audio() {
        let sdp = Description::parse(
            b"v=0\r\no=- 1188340656180883 1 IN IP4 127.0.0.1\r\ns=Session streamed with GStreamer\r\n\
              i=rtsp-server\r\nt=0 0\r\na=tool:GStreamer\r\na=type:broadcast\r\na=control:*\r\n\
              a=range:npt=0-9.96\r\nm=video 0 RTP/AVP 26\r\nc=IN IP4 0.0.0.0\r\n\
              a=framerate:25\r\na=x-dimensions:1280,720\r\na=framesize:26 1280-720\r\n\
              a=control:stream=0\r\nm=audio 0 RTP/AVP 97\r\nc=IN IP4 0.0.0.0\r\n\
              a=rtpmap:97 MPEG4-GENERIC/48000/2\r\na=fmtp:97 mode=AAC-hbr;sizelength=13\r\n\
              a=control:stream=1\r\n",
        )
        .unwrap();
        assert_eq!(sdp.name(), b"Session streamed with GStreamer");
        assert_eq!(sdp.control(), Some(&b"*"[..]));
        let range = Range {
            start: Some(Position::At(MediaTime::ZERO)),
            end: Some(MediaTime::from_micros(9_960_000)),
        };
        assert_eq!(sdp.range(), Some(Ok(range)));
        assert_eq!(sdp.connection(), None);

        let media: Vec<_> = sdp.media().collect();
        assert_eq!(media.len(), 2);
        let video = media[0];
        assert_eq!((video.kind, video.port, video.protocol), (&b"video"[..], 0, &b"RTP/AVP"[..]));
        assert_eq!(video.payload_types().collect::<Vec<_>>(), [26]);
        assert_eq!(video.rtpmap(26), Some(RtpMap { encoding: b"JPEG", clock_rate: 90_000, channels: 1 }));
        assert_eq!(video.control(), Some(&b"stream=0"[..]));
        assert_eq!(video.frame_rate(), Some(FrameRate(25_000)));
        assert_eq!(video.dimensions(), Some((1280, 720)));
        assert_eq!(video.range(), sdp.range());
        assert_eq!(video.connection().unwrap().address, b"0.0.0.0");

        let audio = media[1];
        assert_eq!(
            audio.rtpmap(97),
            Some(RtpMap { encoding: b"MPEG4-GENERIC", clock_rate: 48_000, channels: 2 })
        );
        assert_eq!(audio.fmtp(97), Some(&b"mode=AAC-hbr;sizelength=13"[..]));
        assert_eq!(audio.rtpmap(96), None);
        assert_eq!(audio.control(), Some(&b"stream=1"[..]));
        assert_eq!((audio.frame_rate(), audio.dimensions()), (None, None));
    }

    #[test]
    fn a_camera_with_bare_lf_no_name_and_nuls_at_the_end() {
        let sdp = Description::parse(
            b"v=0\no=- 0 0 IN IP4 10.0.0.9\nc=IN IP4 224.2.1.1/127\nt=0 0\nz\n\
              m=video 0 RTP/AVP 96 26 \na=X-Dimensions: 2560, 1440\na=framerate:29.970\n\
              a=control:rtsp://10.0.0.9/trackID=1\n\0\0",
        )
        .unwrap();
        assert_eq!(sdp.name(), b"");
        let video = sdp.media().next().unwrap();
        assert_eq!(video.formats().collect::<Vec<_>>(), [b"96", b"26"]);
        assert_eq!(video.dimensions(), Some((2560, 1440)));
        assert_eq!(video.frame_rate(), Some(FrameRate(29_970)));
        assert_eq!(
            video.connection(),
            Some(Connection { address_type: AddressType::Ip4, address: b"224.2.1.1" })
        );
        assert_eq!(video.control(), Some(&b"rtsp://10.0.0.9/trackID=1"[..]));
    }

    #[test]
    fn a_malformed_medium_hides_no_other_and_keeps_its_attributes() {
        let sdp = Description::parse(
            b"v=0\r\nm=audio 0 RTP/AVP 0\r\nm=video\r\na=control:lost\r\nm=video 99999 RTP/AVP 26\r\n\
              m=video 5004/2 RTP/AVP 26 200 x\r\na=framesize:26 320-240\r\na=framerate:0",
        )
        .unwrap();
        let media: Vec<_> = sdp.media().collect();
        assert_eq!(media.len(), 2);
        assert_eq!(media[0].control(), None);
        assert_eq!(media[1].port, 5004);
        assert_eq!(media[1].payload_types().collect::<Vec<_>>(), [26]);
        assert_eq!(media[1].dimensions(), Some((320, 240)));
        assert_eq!(media[1].frame_rate(), None);
    }

    #[test]
    fn what_is_no_description_is_refused() {
        assert_eq!(Description::parse(b"\r\n\0"), Err(SdpError::Empty));
        assert_eq!(Description::parse(b"<html>"), Err(SdpError::Version));
        assert_eq!(Description::parse(b"m=video 0 RTP/AVP 26"), Err(SdpError::Version));
        assert!(Description::parse(b"\r\nv=0").is_ok());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(
            bytes: Vec<u8>,
            lines in "([macs]=(control|framerate|framesize|x-dimensions|rtpmap|video 0|IN IP4)?[: ][0-9a-z,/.: -]{0,12}\r?\n){0,8}",
        ) {
            for bytes in [&bytes[..], &[b"v=0\n", &bytes[..]].concat(), &[b"v=0\n", lines.as_bytes()].concat()] {
                let Ok(sdp) = Description::parse(bytes) else { continue };
                let _ = (sdp.name(), sdp.control(), sdp.range(), sdp.connection(), sdp.attributes().count());
                for media in sdp.media() {
                    let _ = (media.rtpmap(26), media.fmtp(96), media.control(), media.range(), media.connection());
                    let _ = (media.frame_rate(), media.dimensions(), media.payload_types().count());
                }
            }
        }
    }
}
