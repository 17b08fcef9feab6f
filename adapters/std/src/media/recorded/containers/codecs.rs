//! What codecs in containers are called.
use pinhole::codec::Codec;

/// Four-character codes, in small letters.
const CODES: [(&[u8; 4], &str); 34] = [
    (b"avc1", "H.264"),
    (b"avc3", "H.264"),
    (b"h264", "H.264"),
    (b"x264", "H.264"),
    (b"hvc1", "H.265"),
    (b"hev1", "H.265"),
    (b"dvh1", "H.265"),
    (b"dvhe", "H.265"),
    (b"hevc", "H.265"),
    (b"vvc1", "H.266"),
    (b"av01", "AV1"),
    (b"vp08", "VP8"),
    (b"vp80", "VP8"),
    (b"vp09", "VP9"),
    (b"vp90", "VP9"),
    (b"mp4v", "MPEG-4"),
    (b"xvid", "MPEG-4"),
    (b"divx", "MPEG-4"),
    (b"dx50", "MPEG-4"),
    (b"s263", "H.263"),
    (b"h263", "H.263"),
    (b"mp1v", "MPEG-1"),
    (b"m1v ", "MPEG-1"),
    (b"mp2v", "MPEG-2"),
    (b"m2v1", "MPEG-2"),
    (b"apch", "ProRes"),
    (b"apcn", "ProRes"),
    (b"apcs", "ProRes"),
    (b"apco", "ProRes"),
    (b"ap4h", "ProRes"),
    (b"avdn", "DNxHD"),
    (b"png ", "PNG"),
    (b"mjpb", "Motion-JPEG B"),
    (b"mjp2", "Motion JPEG 2000"),
];

/// Matroska's codec IDs, by what they begin with (draft-ietf-cellar-codec, 3.4).
const IDS: [(&str, &str); 17] = [
    ("V_MPEG4/ISO/AVC", "H.264"),
    ("V_MPEGH/ISO/HEVC", "H.265"),
    ("V_MPEGI/ISO/VVC", "H.266"),
    ("V_MPEG4/", "MPEG-4"),
    ("V_MPEG2", "MPEG-2"),
    ("V_MPEG1", "MPEG-1"),
    ("V_AV1", "AV1"),
    ("V_VP8", "VP8"),
    ("V_VP9", "VP9"),
    ("V_THEORA", "Theora"),
    ("V_FFV1", "FFV1"),
    ("V_PRORES", "ProRes"),
    ("V_DIRAC", "Dirac"),
    ("V_REAL/", "RealVideo"),
    ("V_JPEG2000", "JPEG 2000"),
    ("V_UNCOMPRESSED", "raw"),
    ("V_AVS", "AVS"),
];

/// The codec of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    MotionJpeg,
    /// Its name, for people.
    Other(String),
}

impl Kind {
    /// Returns the codec with this four-character code.
    pub(super) fn of_code(code: [u8; 4]) -> Self {
        if Codec::of_fourcc(code).is_some() {
            return Self::MotionJpeg;
        }
        let small = code.map(|byte| byte.to_ascii_lowercase());
        let name = CODES.iter().find(|(code, _)| **code == small).map(|(_, name)| (*name).to_owned());
        Self::Other(name.unwrap_or_else(|| format!("\"{}\"", code.escape_ascii())))
    }

    /// Returns the codec with this object type (ISO/IEC 14496-1, table 5, and its registration authority).
    pub(super) fn of_object_type(object_type: u8) -> Self {
        let name = match object_type {
            0x6C => return Self::MotionJpeg,
            0x20 => "MPEG-4",
            0x21 => "H.264",
            0x23 => "H.265",
            0x60..=0x65 => "MPEG-2",
            0x6A => "MPEG-1",
            0x6D => "PNG",
            0x6E => "JPEG 2000",
            0xB1 => "VP9",
            other => return Self::Other(format!("video of object type {other}")),
        };
        Self::Other(name.to_owned())
    }

    /// Returns the codec with this ID of Matroska, and this private data.
    pub(super) fn of_id(id: &[u8], private: &[u8]) -> Self {
        let id = id.split(|byte| *byte == 0).next().unwrap_or_default();
        let code = |at: usize| private.get(at..at + 4).and_then(|code| <[u8; 4]>::try_from(code).ok());
        match id {
            b"V_MJPEG" => return Self::MotionJpeg,
            // A BITMAPINFOHEADER.
            b"V_MS/VFW/FOURCC" => {
                if let Some(code) = code(16) {
                    return Self::of_code(code);
                }
            }
            // A sample description.
            b"V_QUICKTIME" => {
                if let Some(code) = code(4) {
                    return Self::of_code(code);
                }
            }
            _ => {}
        }
        let name = IDS.iter().find(|(start, _)| id.starts_with(start.as_bytes()));
        let short = id.get(..id.len().min(40)).unwrap_or_default();
        Self::Other(name.map_or_else(|| format!("\"{}\"", short.escape_ascii()), |(_, name)| (*name).into()))
    }
}
