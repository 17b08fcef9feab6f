//! RTP data packets (RFC 3550, 5.1): [`Packet`] reads, [`Repr`] writes.
use crate::storage;
use core::fmt;

/// The length in bytes of the fixed RTP header, without the CSRC list and the header extension. It is the
/// size of the array for [`Repr::emit`], and the least length of an RTP packet.
pub const HEADER_LEN: usize = 12;

/// The only version of RTP that is in use.
const VERSION: u8 = 2;
/// The bit in the first byte that announces an extension.
const EXTENSION_BIT: u8 = 0x10;
/// Bytes of an extension before its data.
const EXTENSION_HEAD_LEN: usize = 4;

/// A view of the bytes of a received RTP packet. [`Repr`] writes a packet's header.
///
/// [`Self::new_checked`] validates the lengths of the CSRC list, the header extension and the padding.
/// [`Self::payload`] contains none of these. The CSRC list itself is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Packet<T: AsRef<[u8]>> {
    buffer: T,
    layout: Layout,
}

impl<T: AsRef<[u8]>> Packet<T> {
    /// Views `buffer` as an RTP packet. `buffer` must be one whole UDP datagram, or the data of one
    /// interleaved message without its 4-byte `$` prefix.
    ///
    /// # Errors
    /// Returns an [`Error`] if the version is not 2, if a part that the header announces is not there, or if
    /// the padding is longer than the rest of the packet. If there is an error, drop the packet, and go on
    /// with the next packet.
    pub fn new_checked(buffer: T) -> Result<Self, Error> {
        let layout = Layout::of(buffer.as_ref())?;
        Ok(Self { buffer, layout })
    }

    /// Returns the payload type, 0 to 127, which the session description maps to a codec.
    pub fn payload_type(&self) -> u8 {
        let [_, b, ..] = self.header();
        b & 0x7F
    }

    /// Returns whether the marker bit is set. For video, the bit is set in the last packet of a frame. For
    /// audio, the bit is set in the first packet after a silence (RFC 3551, 4.1).
    pub fn marker(&self) -> bool {
        let [_, b, ..] = self.header();
        b & 0x80 != 0
    }

    /// Returns the sequence number of the packet. The number rises by 1 with each packet of the source; after
    /// 65,535 comes 0. [`Statistics`](super::Statistics) tells what a number that is not the next one means.
    pub fn sequence_number(&self) -> u16 {
        let [_, _, a, b, ..] = self.header();
        u16::from_be_bytes([a, b])
    }

    /// Returns the timestamp in ticks of the stream's clock, whose rate the session description announces.
    /// The timestamps of a source start at a random value and wrap at 2^32, so only the difference of two
    /// timestamps means something.
    pub fn timestamp(&self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = self.header();
        u32::from_be_bytes([a, b, c, d])
    }

    /// Returns the synchronisation source (SSRC): the number that identifies the source of the stream.
    pub fn ssrc(&self) -> u32 {
        let [.., a, b, c, d] = self.header();
        u32::from_be_bytes([a, b, c, d])
    }

    /// Returns the number of bytes of padding after the payload, including the last byte, which holds this
    /// number. For a packet without padding, the result is 0.
    pub fn padding_len(&self) -> usize {
        self.buffer.as_ref().len().saturating_sub(self.layout.payload_end)
    }

    /// Returns the header extension (RFC 3550, 5.3.1): 16 bits whose meaning a profile defines, and the
    /// extension's data. The data is a multiple of 4 bytes long and may be empty. Returns `None` if the
    /// packet has no extension.
    pub fn extension(&self) -> Option<(u16, &[u8])> {
        let bytes = self.buffer.as_ref().get(self.layout.extension..self.layout.payload)?;
        let ([a, b, _, _], data) = bytes.split_first_chunk()?;
        Some((u16::from_be_bytes([*a, *b]), data))
    }

    /// Returns the payload: the bytes after the header, CSRC list and extension, without the padding. The
    /// payload may be empty. A packet without a payload carries no media: count the packet, but there is no
    /// data to use.
    pub fn payload(&self) -> &[u8] {
        self.buffer.as_ref().get(self.layout.payload..self.layout.payload_end).unwrap_or(&[])
    }

    /// Consumes the view and returns the buffer that was passed to [`Self::new_checked`].
    pub fn into_inner(self) -> T {
        self.buffer
    }

    fn header(&self) -> [u8; HEADER_LEN] {
        self.buffer.as_ref().first_chunk().copied().unwrap_or_default()
    }
}

/// The fields of the fixed RTP header. To send a packet, set the fields, and write the header with
/// [`Self::emit`]. The written header has no CSRC list and announces no padding. [`ExtensionRepr::emit`] can
/// add an extension. To read the fields from a received packet, use [`Self::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Repr {
    /// The payload type, 0 to 127, which the session description maps to a codec. Of a value above 127,
    /// [`Self::emit`] writes only the lower 7 bits.
    pub payload_type: u8,
    /// The marker bit. For video, it is set in the last packet of a frame. For audio, it is set in the first
    /// packet after a silence (RFC 3551, 4.1).
    pub marker: bool,
    /// The sequence number of the packet. The number rises by 1 with each packet of a source; after 65,535
    /// comes 0. [`Self::emit`] does not count: if you send packets, begin at a random number (RFC 3550, 5.1),
    /// and add 1 for each packet.
    pub sequence_number: u16,
    /// The timestamp of the packet, in ticks of the stream's clock, whose rate the session description
    /// announces. The timestamp wraps at 2^32. All packets of one picture have the same timestamp. If you
    /// send packets, begin at a random timestamp (RFC 3550, 5.1).
    pub timestamp: u32,
    /// The synchronisation source (SSRC): the random number that identifies the source of the stream.
    pub ssrc: u32,
}

impl Repr {
    /// Reads the fields of the fixed header of a packet. The CSRC list, extension, payload and padding of the
    /// packet are not in the result; read them from [`Packet`].
    pub fn parse<T: AsRef<[u8]>>(packet: &Packet<T>) -> Self {
        Self {
            payload_type: packet.payload_type(),
            marker: packet.marker(),
            sequence_number: packet.sequence_number(),
            timestamp: packet.timestamp(),
            ssrc: packet.ssrc(),
        }
    }

    /// Returns the number of bytes that [`Self::emit`] writes: always [`HEADER_LEN`].
    pub const fn buffer_len(&self) -> usize {
        HEADER_LEN
    }

    /// Writes the fixed header to `out`. Write the payload right after it, or the header extension if
    /// there is one (see [`ExtensionRepr::emit`]).
    pub fn emit(&self, out: &mut [u8; HEADER_LEN]) {
        let [s0, s1] = self.sequence_number.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.to_be_bytes();
        let kind = u8::from(self.marker) << 7 | (self.payload_type & 0x7F);
        *out = [VERSION << 6, kind, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3];
    }
}

/// A header extension of a packet to be sent (RFC 3550, 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtensionRepr<'a> {
    /// The 16 bits whose meaning the profile of the extension defines, such as an identifier.
    pub profile: u16,
    /// The extension's data, without the 4-byte head of the extension. The length must be a multiple of 4
    /// bytes, and at most 262,140 bytes; otherwise [`Self::emit`] returns `None`.
    pub data: &'a [u8],
}

impl ExtensionRepr<'_> {
    /// Returns the length of the extension in bytes, with its 4-byte head. The slice `out` that you pass to
    /// [`Self::emit`] must have at least this length.
    pub const fn buffer_len(&self) -> usize {
        EXTENSION_HEAD_LEN.saturating_add(self.data.len())
    }

    /// Writes the extension to the front of `out`, and sets the bit in `header` that announces the extension.
    /// `header` is the fixed header of the packet, which [`Repr::emit`] has written. `out` is the room right
    /// after that header. Returns the length of the extension in bytes: write the payload to `out` from this
    /// offset on.
    ///
    /// Returns `None` if the extension is longer than `out`, or if the length of [`Self::data`] is no
    /// multiple of 4 bytes or more than 262,140 bytes. Nothing is written then, and `header` is not changed.
    pub fn emit(&self, header: &mut [u8; HEADER_LEN], out: &mut [u8]) -> Option<usize> {
        let whole = self.data.len().is_multiple_of(4);
        let words = u16::try_from(self.data.len() / 4).ok().filter(|_| whole)?;
        let (head, rest) = out.split_first_chunk_mut::<EXTENSION_HEAD_LEN>()?;
        if !storage::put(rest, 0, self.data) {
            return None;
        }
        let ([p0, p1], [l0, l1]) = (self.profile.to_be_bytes(), words.to_be_bytes());
        *head = [p0, p1, l0, l1];
        let [first, ..] = header;
        *first |= EXTENSION_BIT;
        Some(self.buffer_len())
    }
}

/// The reason why bytes are not an RTP packet. Drop the bytes, and go on with the next packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The packet ends before its header, CSRC list or extension does.
    Truncated {
        /// The least length in bytes that the packet would need to have, counted from its first byte. It goes
        /// to the end of the part that is cut short. That part is the fixed header, the CSRC list, the 4-byte
        /// head of the extension, or the rest of the extension.
        needed: usize,
    },
    /// The version, in the first two bits, is not 2. The bytes are of another protocol.
    Version {
        /// The version that was found, 0 to 3.
        found: u8,
    },
    /// The number of bytes of padding, which is in the last byte of the packet, cannot be true: the number is
    /// 0, or it is greater than the number of bytes after the header, CSRC list and extension.
    Padding {
        /// The number in the last byte of the packet. If no byte follows the header, CSRC list and extension,
        /// this is 0.
        found: u8,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed } => write!(f, "RTP packet ends before byte {needed}"),
            Self::Version { found } => write!(f, "RTP version {found} at byte 0, not 2"),
            Self::Padding { found } => write!(f, "RTP padding of {found} bytes in the last byte"),
        }
    }
}

impl core::error::Error for Error {}

/// The offsets of a packet's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Layout {
    /// The end of the CSRC list. Equal to `payload` where there is no extension.
    extension: usize,
    payload: usize,
    payload_end: usize,
}

impl Layout {
    fn of(bytes: &[u8]) -> Result<Self, Error> {
        let truncated = |needed| Error::Truncated { needed };
        let &[first, ..] = bytes.first_chunk::<HEADER_LEN>().ok_or(truncated(HEADER_LEN))?;
        if first >> 6 != VERSION {
            return Err(Error::Version { found: first >> 6 });
        }
        let extension = HEADER_LEN + 4 * usize::from(first & 0x0F);
        let mut payload = extension;
        if first & EXTENSION_BIT != 0 {
            let head = bytes.get(extension..).and_then(<[u8]>::first_chunk::<4>);
            let &[_, _, a, b] = head.ok_or(truncated(extension + 4))?;
            payload += 4 + 4 * usize::from(u16::from_be_bytes([a, b]));
        }
        let body = bytes.get(payload..).ok_or(truncated(payload))?;
        let padding = match (first & 0x20 != 0, body.last()) {
            (false, _) => 0,
            (true, Some(&n)) if n > 0 && usize::from(n) <= body.len() => n,
            (true, last) => return Err(Error::Padding { found: last.copied().unwrap_or(0) }),
        };
        Ok(Self { extension, payload, payload_end: bytes.len().saturating_sub(usize::from(padding)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const PLAIN: [u8; 14] = [0x80, 0x9A, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xAA, 0xBB];

    #[test]
    fn the_fixed_header_is_read() {
        let packet = Packet::new_checked(&PLAIN[..]).unwrap();
        assert_eq!((packet.payload_type(), packet.marker()), (26, true));
        assert_eq!((packet.sequence_number(), packet.timestamp()), (0x0102, 0x0304_0506));
        assert_eq!((packet.ssrc(), packet.padding_len()), (0x0708_090A, 0));
        assert_eq!((packet.extension(), packet.payload()), (None, &[0xAA, 0xBB][..]));
    }

    #[test]
    fn csrc_extension_and_padding_are_no_payload() {
        let mut bytes = Vec::from(PLAIN);
        bytes[0] = 0x80 | 0x20 | 0x10 | 2;
        bytes.splice(12..12, [0; 8].into_iter().chain([0xFF, 0xD8, 0, 1, 9, 9, 9, 9]));
        bytes.extend([0, 0, 3]);
        let packet = Packet::new_checked(&bytes[..]).unwrap();
        assert_eq!(packet.extension(), Some((0xFFD8, &[9, 9, 9, 9][..])));
        assert_eq!((packet.payload(), packet.padding_len()), (&[0xAA, 0xBB][..], 3));
    }

    #[test]
    fn an_empty_extension_is_still_one() {
        let mut bytes = Vec::from(PLAIN);
        bytes[0] |= 0x10;
        bytes.splice(12..12, [0xFF, 0xFF, 0, 0]);
        let packet = Packet::new_checked(&bytes[..]).unwrap();
        assert_eq!(packet.extension(), Some((0xFFFF, &[][..])));
        assert_eq!(packet.payload(), [0xAA, 0xBB]);
    }

    #[test]
    fn extensions_have_whole_words() {
        for (data, room) in [(&[0; 3][..], 100), (&[0; 8], 11), (&[0; 4 << 16], 1 << 20)] {
            let (mut header, mut out) = ([0x80; HEADER_LEN], std::vec![7; room]);
            assert_eq!(ExtensionRepr { profile: 1, data }.emit(&mut header, &mut out), None);
            assert!(header == [0x80; HEADER_LEN] && out.iter().all(|&byte| byte == 7));
        }
    }

    #[test]
    fn missing_parts_are_errors() {
        let with = |first: u8, last: u8| {
            let mut bytes = PLAIN;
            (bytes[0], bytes[13]) = (first, last);
            Packet::new_checked(bytes).map(|_| ())
        };
        assert_eq!(Packet::new_checked(&PLAIN[..11]), Err(Error::Truncated { needed: 12 }));
        assert_eq!(with(0x40, 0), Err(Error::Version { found: 1 }));
        assert_eq!(with(0x81, 0), Err(Error::Truncated { needed: 16 }));
        assert_eq!(with(0x90, 0), Err(Error::Truncated { needed: 16 }));
        assert_eq!(with(0xA0, 0), Err(Error::Padding { found: 0 }));
        assert_eq!(with(0xA0, 3), Err(Error::Padding { found: 3 }));
        assert_eq!(with(0xA0, 2), Ok(()));
    }

    proptest! {
        #[test]
        fn what_is_emitted_parses_back(
            payload_type in 0u8..128,
            marker: bool,
            sequence_number: u16,
            timestamp: u32,
            ssrc: u32,
            payload: Vec<u8>,
        ) {
            let repr = Repr { payload_type, marker, sequence_number, timestamp, ssrc };
            let mut header = [0; HEADER_LEN];
            repr.emit(&mut header);
            let bytes = [&header[..], &payload].concat();
            let packet = Packet::new_checked(&bytes).unwrap();
            prop_assert_eq!(Repr::parse(&packet), repr);
            prop_assert_eq!(packet.payload(), &payload[..]);

            let extension = ExtensionRepr { profile: sequence_number, data: &payload[..payload.len() / 4 * 4] };
            let mut out = std::vec![0; extension.buffer_len()];
            prop_assert_eq!(extension.emit(&mut header, &mut out), Some(out.len()));
            let bytes = [&header[..], &out, &payload].concat();
            let packet = Packet::new_checked(&bytes).unwrap();
            prop_assert_eq!(Repr::parse(&packet), repr);
            prop_assert_eq!(packet.extension(), Some((extension.profile, extension.data)));
            prop_assert_eq!(packet.payload(), payload);
        }

        #[test]
        fn parts_of_any_bytes_add_up(mut bytes: Vec<u8>) {
            if let Some(first) = bytes.first_mut() {
                *first = *first & 0x3F | 0x80;
            }
            if let Ok(packet) = Packet::new_checked(&bytes[..]) {
                let extension = packet.extension().map_or(0, |(_, data)| data.len() + 4);
                let csrc = 4 * usize::from(bytes[0] & 0x0F);
                let parts = HEADER_LEN + csrc + extension + packet.payload().len() + packet.padding_len();
                prop_assert_eq!(parts, bytes.len());
            }
        }
    }
}
