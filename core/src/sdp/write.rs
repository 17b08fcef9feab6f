//! Writing a session description (RFC 4566, 5; RFC 2326, C).
use super::{AddressType, FrameRate};
use crate::rtsp::{Position, Range};
use crate::text::{Emit, OneLine, TextWriter};
use crate::time::{Duration, MediaTime};
use embedded_io::Write;

/// The control of track `n` is this and the number, which
/// [`Url::track`](crate::rtsp::Url::track) splits off again.
pub const CONTROL_PREFIX: &str = "track";

/// What a server describes: one medium, with its tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Presentation<'a> {
    /// A name for people.
    pub name: &'a str,
    /// A number that no other session of this host has (RFC 4566, 5.2, `sess-id`).
    pub session_id: u64,
    /// A number that grows when the description changes (RFC 4566, 5.2, `sess-version`).
    pub version: u64,
    /// What kind of address the server has. The address itself is left open, as it is SETUP that
    /// settles it (RFC 2326, C.1.7).
    pub address_type: AddressType,
    /// How long it is; `None`: it is live.
    pub duration: Option<Duration>,
    /// The tracks; their controls count from 0.
    pub tracks: &'a [Track],
}

/// One track of a presentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Track {
    /// How it is coded.
    pub format: TrackFormat,
    /// The frame rate, if it has one.
    pub frame_rate: Option<FrameRate>,
}

/// How a track is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TrackFormat {
    /// JPEG by RFC 2435, payload type 26.
    Jpeg {
        /// Pixels across; 0: not known.
        width: u16,
        /// Pixels down; 0: not known.
        height: u16,
    },
}

impl Presentation<'_> {
    /// All of it; from the live edge on, if it is live.
    pub fn range(&self) -> Range {
        match self.duration {
            Some(duration) => {
                Range { end: Some(MediaTime::ZERO + duration), ..Range::starting_at(MediaTime::ZERO) }
            }
            None => Range { start: Some(Position::Now), end: None },
        }
    }

    fn address(&self) -> &'static str {
        match self.address_type {
            AddressType::Ip4 => "IN IP4 0.0.0.0\r\n",
            AddressType::Ip6 => "IN IP6 ::\r\n",
        }
    }
}

impl Emit for Presentation<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        out.text("v=0\r\no=- ");
        out.dec(self.session_id);
        out.text(" ");
        out.dec(self.version);
        out.text(" ");
        out.text(self.address());
        out.text("s=");
        // A name must not be empty: a space stands for none (RFC 4566, 5.3).
        OneLine(if self.name.is_empty() { b" " } else { self.name.as_bytes() }).emit(out);
        out.text("\r\nc=");
        out.text(self.address());
        out.text("t=0 0\r\na=control:*\r\na=range:");
        self.range().emit(out);
        out.text("\r\n");
        for (number, track) in (0u32..).zip(self.tracks) {
            track.emit(number, out);
        }
    }
}

impl Track {
    fn emit<W: Write>(&self, number: u32, out: &mut TextWriter<W>) {
        let TrackFormat::Jpeg { width, height } = self.format;
        out.text("m=video 0 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\na=control:");
        out.text(CONTROL_PREFIX);
        out.dec(number);
        out.text("\r\n");
        if let Some(rate) = self.frame_rate {
            out.text("a=framerate:");
            out.thousandths(rate.0);
            out.text("\r\n");
        }
        // Above 2040 pixels the RTP header cannot say the size; GStreamer and live555 read it here.
        if width > 0 && height > 0 {
            out.text("a=x-dimensions:");
            out.dec(width);
            out.text(",");
            out.dec(height);
            out.text("\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::{Description, Media};
    use crate::text::tests::emitted;
    use proptest::prelude::*;
    use std::vec::Vec;

    const LIVE: Presentation<'static> = Presentation {
        name: "",
        session_id: 7,
        version: 1,
        address_type: AddressType::Ip6,
        duration: None,
        tracks: &[Track { format: TrackFormat::Jpeg { width: 0, height: 0 }, frame_rate: None }],
    };

    #[test]
    fn a_live_presentation_of_unknown_size() {
        assert_eq!(
            std::str::from_utf8(&emitted(&LIVE)).unwrap(),
            "v=0\r\no=- 7 1 IN IP6 ::\r\ns= \r\nc=IN IP6 ::\r\nt=0 0\r\na=control:*\r\na=range:npt=now-\r\n\
             m=video 0 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\na=control:track0\r\n"
        );
    }

    #[test]
    fn a_line_end_in_a_name_adds_no_line() {
        let bytes = emitted(&Presentation { name: "a\r\nm=audio 0 RTP/AVP 0", ..LIVE });
        let sdp = Description::parse(&bytes).unwrap();
        assert_eq!(sdp.name(), b"a  m=audio 0 RTP/AVP 0");
        assert_eq!(sdp.media().count(), 1);
    }

    fn read(media: Media<'_>) -> Track {
        assert_eq!(media.rtpmap(26).unwrap().encoding, b"JPEG");
        let (width, height) = media.dimensions().unwrap_or((0, 0));
        Track { format: TrackFormat::Jpeg { width, height }, frame_rate: media.frame_rate() }
    }

    fn tracks() -> impl Strategy<Value = Track> {
        let size = prop_oneof![Just((0, 0)), (1u16.., 1u16..)];
        (size, prop::option::of(1u32..)).prop_map(|((width, height), rate)| Track {
            format: TrackFormat::Jpeg { width, height },
            frame_rate: rate.map(FrameRate),
        })
    }

    proptest! {
        #[test]
        fn presentations_round_trip(
            name in "[!-~]([ -~]{0,20}[!-~])?", session_id: u64, version: u64, ip6: bool,
            micros: Option<u64>, tracks in prop::collection::vec(tracks(), 0..4),
        ) {
            let address_type = if ip6 { AddressType::Ip6 } else { AddressType::Ip4 };
            let duration = micros.map(Duration::from_micros);
            let presentation = Presentation { name: &name, session_id, version, address_type, duration, tracks: &tracks };
            let bytes = emitted(&presentation);
            let sdp = Description::parse(&bytes).unwrap();
            prop_assert_eq!(sdp.name(), name.as_bytes());
            prop_assert_eq!(sdp.control(), Some(&b"*"[..]));
            prop_assert_eq!(sdp.range(), Some(Ok(presentation.range())));
            prop_assert_eq!(sdp.connection().unwrap().address_type, address_type);
            prop_assert_eq!(sdp.media().map(read).collect::<Vec<_>>(), tracks);
            for (n, media) in sdp.media().enumerate() {
                let control = std::format!("{CONTROL_PREFIX}{n}");
                prop_assert_eq!(media.control(), Some(control.as_bytes()));
            }
        }
    }
}
