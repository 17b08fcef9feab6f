//! [`Presentation`]: writes session descriptions (RFC 4566, 5; RFC 2326, C).
use super::format::Encoding;
use super::{AddressType, FrameRate};
use crate::frame::TrackInfo;
use crate::payload::payload_type;
use crate::rtsp::{Position, Range};
use crate::text::{Emit, OneLine, TextWriter};
use crate::time::{Duration, MediaTime};
use embedded_io::Write;

/// The first part of each track's `control` attribute in a session description. The second part is the
/// track's number: the first track has `trackID=0`, as with live555, whose names some recorders expect. [`Url::track`](crate::rtsp::Url::track) finds this text and
/// the number in the URL of a SETUP.
pub const CONTROL_PREFIX: &str = "trackID=";

/// The session description of one medium with its tracks, which a server sends in answer to DESCRIBE. Its
/// [`Emit`] writes the text, with [`CONTENT_TYPE`](super::CONTENT_TYPE) as the media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Presentation<'a> {
    /// The name of the session, for people. If it is empty, a space is written; control characters in the
    /// name become spaces.
    pub name: &'a str,
    /// A number by which clients know this description (RFC 4566, 5.2, `sess-id`). No other session
    /// description of this host may have the same number.
    pub session_id: u64,
    /// A number that must grow whenever the description changes (RFC 4566, 5.2, `sess-version`). If the
    /// number does not grow, clients may go on with the old description.
    pub version: u64,
    /// The internet protocol of the server's address. The address is written as 0.0.0.0 or ::, which means
    /// unspecified, because both ends agree on addresses in SETUP (RFC 2326, C.1.7).
    pub address_type: AddressType,
    /// The duration of the medium; `None` if it is live.
    pub duration: Option<Duration>,
    /// The tracks of the medium, at most 256. The number of a track is its index in this slice, counted from
    /// 0. This number is written into the `control` attribute of the track. Clients cannot set up a track
    /// with a number above 255.
    pub tracks: &'a [Track<'a>],
}

/// One track of a [`Presentation`], which writes a media description (an `m=` line with its attributes) for
/// each of its tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Track<'a> {
    /// The codec and clock of the track.
    pub info: TrackInfo<'a>,
    /// The width and the height of the picture in pixels; `None` if they are not known, and for audio. The
    /// payload format of JPEG cannot express more than 2040 pixels: clients read larger sizes only here.
    pub dimensions: Option<(u16, u16)>,
    /// The frame rate of the track; `None` if it is not known, and for audio. The rate should not be 0:
    /// clients take a rate of 0 as not known.
    pub frame_rate: Option<FrameRate>,
}

impl Presentation<'_> {
    /// Returns the range of the whole medium. It goes from 0 to the medium's duration. If the medium is live,
    /// it goes from the live edge on, without an end.
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
        for (number, track) in (0u32..).zip(self.tracks) {
            track.emit(number, out);
        }
        out.text("\r\n");
    }
}

impl Track<'_> {
    /// Writes the lines of the track after a line that is not ended yet, and leaves its last one so.
    fn emit<W: Write>(&self, number: u32, out: &mut TextWriter<W>) {
        let Encoding { media, name, channels } = Encoding::of(self.info.codec);
        let payload_type = payload_type(&self.info);
        out.text("\r\nm=");
        out.text(media);
        out.text(" 0 RTP/AVP ");
        out.dec(payload_type);
        out.text("\r\na=rtpmap:");
        out.dec(payload_type);
        out.text(" ");
        out.text(name);
        out.text("/");
        out.dec(self.info.clock_rate);
        if channels > 1 {
            out.text("/");
            out.dec(channels);
        }
        out.text("\r\na=control:");
        out.text(CONTROL_PREFIX);
        out.dec(number);
        if let Some(rate) = self.frame_rate {
            out.text("\r\na=framerate:");
            out.thousandths(rate.0);
        }
        // The payload header cannot express sizes above 2040 pixels; GStreamer and live555 read them here.
        if let Some((width, height)) = self.dimensions {
            out.text("\r\na=x-dimensions:");
            out.dec(width);
            out.text(",");
            out.dec(height);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::jpeg::TRACK;
    use crate::sdp::{Description, Media, receivable};
    use crate::text::tests::emitted;
    use proptest::prelude::*;
    use std::vec::Vec;

    const LIVE: Presentation<'static> = Presentation {
        name: "",
        session_id: 7,
        version: 1,
        address_type: AddressType::Ip6,
        duration: None,
        tracks: &[Track { info: TRACK, dimensions: None, frame_rate: None }],
    };

    #[test]
    fn a_live_presentation_of_unknown_size() {
        assert_eq!(
            std::str::from_utf8(&emitted(&LIVE)).unwrap(),
            "v=0\r\no=- 7 1 IN IP6 ::\r\ns= \r\nc=IN IP6 ::\r\nt=0 0\r\na=control:*\r\na=range:npt=now-\r\n\
             m=video 0 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\na=control:trackID=0\r\n"
        );
    }

    #[test]
    fn a_line_end_in_a_name_adds_no_line() {
        let bytes = emitted(&Presentation { name: "a\r\nm=audio 0 RTP/AVP 0", ..LIVE });
        let sdp = Description::parse(&bytes).unwrap();
        assert_eq!(sdp.name(), b"a  m=audio 0 RTP/AVP 0");
        assert_eq!(sdp.media().count(), 1);
    }

    fn read(media: Media<'_>) -> Track<'static> {
        let found = receivable(&media).unwrap();
        let info = TrackInfo::new(found.codec, found.clock_rate);
        assert_eq!(found.payload_type, payload_type(&info));
        Track { info, dimensions: media.dimensions(), frame_rate: media.frame_rate() }
    }

    fn tracks() -> impl Strategy<Value = Track<'static>> {
        let dimensions = prop::option::of((1u16.., 1u16..));
        (dimensions, prop::option::of(1u32..)).prop_map(|(dimensions, rate)| Track {
            info: TRACK,
            dimensions,
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
