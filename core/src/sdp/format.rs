//! The names of codecs in session descriptions: one table for reading and writing.
#[cfg(feature = "client")]
use super::Media;
use super::RtpMap;
use crate::codec::Codec;
#[cfg(all(feature = "client", feature = "pcm"))]
use crate::codec::pcm::Pcm;
#[cfg(feature = "pcm")]
use crate::codec::pcm::Sample;
#[cfg(feature = "client")]
use crate::text;

/// A codec as `m=` and `a=rtpmap` name it (RFC 4566, 5.14 and 6).
pub(super) struct Encoding {
    /// The medium, such as `video`.
    pub(super) media: &'static str,
    /// The encoding, such as `JPEG`. Names are compared without regard to case.
    pub(super) name: &'static str,
    /// The channels of audio; 1 for other media.
    pub(super) channels: u8,
}

impl Encoding {
    pub(super) const fn of(codec: Codec) -> Self {
        match codec {
            #[cfg(feature = "jpeg")]
            Codec::Jpeg => Self { media: "video", name: "JPEG", channels: 1 },
            #[cfg(feature = "pcm")]
            Codec::Pcm(pcm) => {
                let name = match pcm.sample {
                    Sample::L16 => "L16",
                    Sample::Pcmu => "PCMU",
                };
                Self { media: "audio", name, channels: pcm.channels }
            }
        }
    }
}

/// Returns the codec that an encoding stands for; `None` if this crate cannot receive it.
#[cfg(feature = "client")]
fn codec_of(map: &RtpMap<'_>) -> Option<Codec> {
    // Audio without a channel is none.
    #[cfg(feature = "pcm")]
    let channels = map.channels.max(1);
    let codecs = [
        #[cfg(feature = "jpeg")]
        Codec::Jpeg,
        #[cfg(feature = "pcm")]
        Codec::Pcm(Pcm { sample: Sample::L16, channels }),
        #[cfg(feature = "pcm")]
        Codec::Pcm(Pcm { sample: Sample::Pcmu, channels }),
    ];
    codecs.into_iter().find(|codec| {
        let Encoding { name, channels, .. } = Encoding::of(*codec);
        let is_other =
            name == "JPEG" && OTHER_JPEG.iter().any(|other| map.encoding.eq_ignore_ascii_case(other));
        (is_other || map.encoding.eq_ignore_ascii_case(name.as_bytes())) && map.channels == channels
    })
}

/// Names of JPEG that are in no RFC. Cameras write `a=rtpmap:26 MJPEG/90000`, also without need: 26 is JPEG
/// (RFC 3551, 6).
#[cfg(feature = "client")]
const OTHER_JPEG: [&[u8]; 3] = [b"MJPEG", b"MJPG", b"JPG"];

/// Returns what a static payload type stands for (RFC 3551, 6, tables 4 and 5), of those that this crate
/// can receive.
pub(super) const fn static_map(payload_type: u8) -> Option<RtpMap<'static>> {
    let (encoding, clock_rate, channels) = match payload_type {
        #[cfg(feature = "pcm")]
        0 => ("PCMU", 8_000, 1),
        #[cfg(feature = "pcm")]
        10 => ("L16", 44_100, 2),
        #[cfg(feature = "pcm")]
        11 => ("L16", 44_100, 1),
        #[cfg(feature = "jpeg")]
        26 => ("JPEG", 90_000, 1),
        _ => return None,
    };
    Some(RtpMap { encoding: encoding.as_bytes(), clock_rate, channels })
}

/// A medium that can be received: the payload type, what it is, and the clock rate in Hz.
#[cfg(feature = "client")]
pub(crate) struct Receivable {
    pub(crate) payload_type: u8,
    pub(crate) codec: Codec,
    pub(crate) clock_rate: u32,
}

/// Returns the first payload type of a medium that this crate can receive; `None` if there is none.
#[cfg(feature = "client")]
pub(crate) fn receivable(media: &Media<'_>) -> Option<Receivable> {
    if !text::starts_with_ignore_case(media.protocol, b"RTP/AVP") {
        return None;
    }
    media.payload_types().find_map(|payload_type| {
        let map = media.rtpmap(payload_type).filter(|map| map.clock_rate > 0);
        let map = map.or_else(|| static_map(payload_type))?;
        Some(Receivable { payload_type, codec: codec_of(&map)?, clock_rate: map.clock_rate })
    })
}
