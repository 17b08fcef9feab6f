//! The payload headers of RTP/JPEG packets (RFC 2435, 3.1).
use crate::codec::jpeg::Sampling;
use crate::emit;
use core::fmt;

/// The least Q value that stands for quantisation tables in the packets themselves (RFC 2435, 4.2). Of
/// the lower values, 1 to 99 stand for tables by a formula
/// ([`quantisers`](crate::codec::jpeg::quantisers)). The values 0 and 100 to 127 are reserved.
pub const Q_IN_BAND: u8 = 128;

/// The Q value with which the tables may change with every frame (RFC 2435, 4.2). With this value, the
/// first packet of every frame must carry the tables: [`Payload::parse`] and [`HeaderRepr::emit`] refuse a
/// first packet without tables.
pub const Q_DYNAMIC: u8 = 255;

/// The largest width and the largest height that the main header can express, in pixels: 2040. If the width
/// or the height of a picture is larger, both are sent as 0 in the main header. The true size is then sent
/// in a header extension ([`ONVIF_PROFILE`]).
pub const MAX_DIMENSION: u16 = 255 * 8;

/// The profile (the first 16 bits) of the RTP header extension that ONVIF defines for JPEG (ONVIF Streaming
/// Specification, "JPEG over RTP"). The first packet of a frame can have this extension. The data of the
/// extension are marker segments of the original JPEG file. For example, SOF0 gives the true size of a
/// picture that is too large for RFC 2435. [`Depacketizer`](super::Depacketizer) reads the extension by
/// itself.
pub const ONVIF_PROFILE: u16 = 0xFFD8;

/// The length of the main header in bytes.
const MAIN_LEN: usize = 8;
/// The length of the restart marker header in bytes.
const RESTART_LEN: usize = 4;
/// The length of the quantisation table header in bytes, without the tables.
const TABLES_LEN: usize = 4;
/// The length of a quantisation table in bytes.
const TABLE_LEN: usize = 64;

/// The bit that is set in the types of frames with restart markers (RFC 2435, 3.1.3).
const TYPE_RESTART: u8 = 64;
const COUNT_MASK: u16 = 0x3FFF;

/// A parsed payload of an RTP/JPEG packet: its headers, and its part of the scan (the entropy-coded data
/// of the JPEG file).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Payload<'a> {
    /// How fields make a picture (RFC 2435, 3.1.1): 0 for whole pictures, 1 to 3 for the fields of
    /// interlaced video. Other values have no meaning in RFC 2435; packets with such values are not
    /// refused.
    pub type_specific: u8,
    /// The offset of the first byte of `data`, in bytes from the start of the frame's scan: 0 to 2^24 - 1.
    /// The offset is 0 in the first packet of a frame.
    pub offset: u32,
    /// How many pixels share a chroma sample.
    pub sampling: Sampling,
    /// The restart marker header; `None` if the frame has no restart markers.
    pub restart: Option<Restart>,
    /// Which quantisation tables the frame has. 1 to 99 stand for a formula (see
    /// [`quantisers`](crate::codec::jpeg::quantisers)). 128 ([`Q_IN_BAND`]) to 254 stand for tables that
    /// the first packet of a frame carries. If the first packet does not carry tables, use the tables that
    /// an earlier frame carried with the same value. With 255 ([`Q_DYNAMIC`]), the first packet of each
    /// frame carries tables. 0 and 100 to 127 are reserved. These values never occur in this field, because
    /// [`Self::parse`] refuses them.
    pub q: u8,
    /// The width in pixels, a multiple of 8. If the picture is wider than the header can express, this is
    /// 0: take the width from the ONVIF extension or the session description then.
    pub width: u16,
    /// The height in pixels, a multiple of 8. If the picture is higher than the header can express, this is
    /// 0: take the height from the ONVIF extension or the session description then.
    pub height: u16,
    /// The quantisation tables; `None` if this packet does not carry them. Only the first packet of a
    /// frame, at offset 0, can carry them.
    pub tables: Option<Tables<'a>>,
    /// A part of the scan, from `offset` on: the rest of the payload after its headers, which may be
    /// empty.
    pub data: &'a [u8],
}

/// The restart marker header of an RTP/JPEG payload (RFC 2435, 3.1.7), for frames with restart markers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Restart {
    /// The number of MCUs (minimum coded units) in each restart interval. 0 is not valid, and is not
    /// checked.
    pub interval: u16,
    /// The F bit: the packet begins where a restart interval begins. If [`Self::count`] is `None`, ignore
    /// the bit: a sender without counts sets the bit in all packets.
    pub first: bool,
    /// The L bit: the packet ends where a restart interval ends. If [`Self::count`] is `None`, ignore the
    /// bit: a sender without counts sets the bit in all packets.
    pub last: bool,
    /// The number of the packet's first restart interval in the frame, counted from 0, in 14 bits. `None`
    /// (sent as 0x3FFF) if packets are not aligned to intervals. In that case, find the intervals by
    /// their markers, or decode only frames that came completely.
    pub count: Option<u16>,
}

/// The two quantisation tables of a frame: 64 values of 8 bits each, in zigzag order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tables<'a> {
    /// The table of the luma component.
    pub luma: &'a [u8; TABLE_LEN],
    /// The table of both chroma components. If the packet carries only one table, this is the luma table.
    pub chroma: &'a [u8; TABLE_LEN],
}

impl<'a> Payload<'a> {
    /// Parses the payload of one RTP packet. No state is needed from other packets.
    ///
    /// # Errors
    /// Returns an [`Error`] if a header is incomplete, if a value is reserved or forbidden by RFC 2435,
    /// or if the tables do not fit baseline JPEG of 8 bits. Drop the packet then.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut input = Input { rest: bytes, at: 0 };
        let [type_specific, o0, o1, o2, kind, q, width, height] = input.field()?;
        let offset = u32::from_be_bytes([0, o0, o1, o2]);
        let sampling = match kind & !TYPE_RESTART {
            0 => Sampling::Yuv422,
            1 => Sampling::Yuv420,
            _ => return Err(Error::UnsupportedType { found: kind }),
        };
        if !matches!(q, 1..=99 | Q_IN_BAND..) {
            return Err(Error::ReservedQ { found: q });
        }
        let restart = match kind & TYPE_RESTART {
            0 => None,
            _ => Some(Restart::parse(input.field()?)),
        };
        let tables = match offset == 0 && q >= Q_IN_BAND {
            true => input.tables(q)?,
            false => None,
        };
        Ok(Self {
            type_specific,
            offset,
            sampling,
            restart,
            q,
            width: u16::from(width) * 8,
            height: u16::from(height) * 8,
            tables,
            data: input.rest,
        })
    }
}

/// The payload headers of an RTP/JPEG packet to send. The packet continues with a part of the scan (the
/// entropy-coded data of the JPEG file).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HeaderRepr<'a> {
    /// The offset of the part that the packet carries, in bytes from the start of the scan: 0 in the first
    /// packet of a frame. Only the lower 24 bits are sent, so a scan of more than 16 MiB cannot be sent.
    pub offset: u32,
    /// How many pixels share a chroma sample.
    pub sampling: Sampling,
    /// The restart marker header; `None` if the frame has no restart markers.
    pub restart: Option<Restart>,
    /// Which quantisation tables the frame has. 1 to 99 stand for tables by a formula
    /// ([`quantisers`](crate::codec::jpeg::quantisers)). [`Q_IN_BAND`] and higher values stand for tables
    /// that the packets carry. Do not use 0 or 100 to 127, which are reserved; this is not checked.
    pub q: u8,
    /// The width in pixels, which is sent rounded up to a multiple of 8. If the width or the height is
    /// more than [`MAX_DIMENSION`], both are sent as 0, and the receiver has to learn them from a header
    /// extension or the session description.
    pub width: u16,
    /// The height in pixels, which is sent rounded up to a multiple of 8. If the width or the height is
    /// more than [`MAX_DIMENSION`], both are sent as 0.
    pub height: u16,
    /// The quantisation tables; `None` to send none. The tables are sent only if `offset` is 0 and `q` is
    /// at least [`Q_IN_BAND`]; otherwise this field is ignored.
    pub tables: Option<Tables<'a>>,
}

impl HeaderRepr<'_> {
    /// Returns how many bytes [`Self::emit`] writes: the headers and the tables.
    pub fn buffer_len(&self) -> usize {
        let restart = if self.restart.is_some() { RESTART_LEN } else { 0 };
        let tables = match (self.has_tables(), self.tables) {
            (false, _) => 0,
            (true, None) => TABLES_LEN,
            (true, Some(_)) => TABLES_LEN + 2 * TABLE_LEN,
        };
        MAIN_LEN + restart + tables
    }

    /// Writes the headers and the tables to the front of `out`. Returns their length in bytes. Send the
    /// packet's part of the scan directly after the headers and the tables. Returns `None` if `out` is
    /// shorter than [`Self::buffer_len`]. Returns `None` also if `q` is [`Q_DYNAMIC`], `offset` is 0, and
    /// there are no tables, because such a packet is not allowed.
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let mut at = self.emit_head(out)?;
        if let Some(Tables { luma, chroma }) = self.tables.filter(|_| self.has_tables()) {
            for table in [luma, chroma] {
                let end = at.checked_add(TABLE_LEN)?;
                out.get_mut(at..end)?.copy_from_slice(table);
                at = end;
            }
        }
        Some(at)
    }

    /// Writes the headers to the front of `out`, without the tables. Returns the length of the headers in
    /// bytes. If [`Self::emit`] would write tables, send the 64 bytes of the luma table and the 64 bytes
    /// of the chroma table directly after the headers. Use this method to send tables and scan from where
    /// they are, without a copy. It returns `None` if `out` is too short for the headers. It returns
    /// `None` also if `q` is [`Q_DYNAMIC`], `offset` is 0, and there are no tables.
    pub fn emit_head(&self, mut out: &mut [u8]) -> Option<usize> {
        if self.has_tables() && self.q == Q_DYNAMIC && self.tables.is_none() {
            return None;
        }
        let room = out.len();
        let [_, o0, o1, o2] = self.offset.to_be_bytes();
        let kind = match self.sampling {
            Sampling::Yuv422 => 0,
            Sampling::Yuv420 => 1,
        } | if self.restart.is_some() { TYPE_RESTART } else { 0 };
        let [width, height] = self.blocks();
        emit::field(&mut out, [0, o0, o1, o2, kind, self.q, width, height])?;
        if let Some(restart) = self.restart {
            emit::field(&mut out, restart.to_bytes())?;
        }
        if self.has_tables() {
            let length = if self.tables.is_some() { 2 * TABLE_LEN as u8 } else { 0 };
            emit::field(&mut out, [0, 0, 0, length])?;
        }
        Some(room.saturating_sub(out.len()))
    }

    fn has_tables(&self) -> bool {
        self.offset == 0 && self.q >= Q_IN_BAND
    }

    /// Returns the width and the height in blocks of 8 pixels.
    fn blocks(&self) -> [u8; 2] {
        let blocks = |side: u16| side.div_ceil(8) as u8;
        match self.width <= MAX_DIMENSION && self.height <= MAX_DIMENSION {
            true => [blocks(self.width), blocks(self.height)],
            false => [0; 2],
        }
    }
}

impl Restart {
    fn parse([i0, i1, c0, c1]: [u8; RESTART_LEN]) -> Self {
        let count = u16::from_be_bytes([c0, c1]);
        Self {
            interval: u16::from_be_bytes([i0, i1]),
            first: count & 0x8000 != 0,
            last: count & 0x4000 != 0,
            count: Some(count & COUNT_MASK).filter(|&count| count != COUNT_MASK),
        }
    }

    fn to_bytes(self) -> [u8; RESTART_LEN] {
        let [i0, i1] = self.interval.to_be_bytes();
        let count = self.count.unwrap_or(COUNT_MASK) & COUNT_MASK;
        let [c0, c1] = (u16::from(self.first) << 15 | u16::from(self.last) << 14 | count).to_be_bytes();
        [i0, i1, c0, c1]
    }
}

/// Why the payload of a packet is not one of RTP/JPEG that this library can read. In each case, drop the
/// packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The payload ends within its headers.
    Truncated {
        /// The least length in bytes, from the start of the payload, that the payload would need to hold
        /// the header that is cut off.
        needed: usize,
    },
    /// The type, at byte 4 of the payload, is not 0, 1, 64 or 65.
    UnsupportedType {
        /// The type that the payload has.
        found: u8,
    },
    /// Q, at byte 5 of the payload, is 0 or 100 to 127, which RFC 2435 reserves.
    ReservedQ {
        /// The Q value that the payload has.
        found: u8,
    },
    /// Q is 255, and the packet is the first one of a frame, but it has no tables.
    NoTables {
        /// The offset of the tables' length field, in bytes from the start of the RTP payload.
        at: usize,
    },
    /// The length of the tables is no multiple of 64 bytes, which is the length of one table.
    TableLength {
        /// The offset of the tables' length field, in bytes from the start of the RTP payload.
        at: usize,
        /// The length of the tables that the field gives, in bytes.
        found: u16,
    },
    /// A table has values of 16 bits, which baseline JPEG does not have.
    TablePrecision {
        /// The offset of the precision byte, in bytes from the start of the RTP payload.
        at: usize,
        /// The precision byte. This byte has one bit for each table, the lowest bit for the first table. A
        /// bit that is set means values of 16 bits.
        found: u8,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed } => write!(f, "JPEG payload ends before byte {needed}"),
            Self::UnsupportedType { found } => write!(f, "JPEG payload of unsupported type {found}"),
            Self::ReservedQ { found } => write!(f, "JPEG payload with the reserved Q {found}"),
            Self::NoTables { at } => write!(f, "JPEG payload with Q 255 but no tables at byte {at}"),
            Self::TableLength { at, found } => write!(f, "JPEG tables of {found} bytes at byte {at}"),
            Self::TablePrecision { at, found } => {
                write!(f, "JPEG tables of 16 bits (precision {found:#04x}) at byte {at}")
            }
        }
    }
}

impl core::error::Error for Error {}

struct Input<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn field<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.chunk().copied()
    }

    fn chunk<const N: usize>(&mut self) -> Result<&'a [u8; N], Error> {
        let needed = self.at.saturating_add(N);
        let (chunk, rest) = self.rest.split_first_chunk().ok_or(Error::Truncated { needed })?;
        (self.rest, self.at) = (rest, needed);
        Ok(chunk)
    }

    fn skip(&mut self, len: usize) -> Result<(), Error> {
        let needed = self.at.saturating_add(len);
        let (_, rest) = self.rest.split_at_checked(len).ok_or(Error::Truncated { needed })?;
        (self.rest, self.at) = (rest, needed);
        Ok(())
    }

    /// Reads the quantisation table header (RFC 2435, 3.1.8). If it has no tables, those that came
    /// before with the same Q remain valid.
    fn tables(&mut self, q: u8) -> Result<Option<Tables<'a>>, Error> {
        let at = self.at;
        let [_, precision, l0, l1] = self.field()?;
        let length = u16::from_be_bytes([l0, l1]);
        // There is one bit for each table; that of the first table is the lowest.
        if length > 0 && precision & 0b11 != 0 {
            return Err(Error::TablePrecision { at: at.saturating_add(1), found: precision });
        }
        match length {
            0 if q == Q_DYNAMIC => Err(Error::NoTables { at: at.saturating_add(2) }),
            0 => Ok(None),
            64 => {
                let table = self.chunk()?;
                Ok(Some(Tables { luma: table, chroma: table }))
            }
            // Some encoders send a table for each component, so three: GStreamer and FFmpeg take the first two.
            128.. if length.is_multiple_of(TABLE_LEN as u16) => {
                let tables = Tables { luma: self.chunk()?, chroma: self.chunk()? };
                self.skip(usize::from(length).saturating_sub(2 * TABLE_LEN))?;
                Ok(Some(tables))
            }
            found => Err(Error::TableLength { at: at.saturating_add(2), found }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const LUMA: [u8; 64] = [16; 64];
    const CHROMA: [u8; 64] = [17; 64];
    const TABLES: Tables<'static> = Tables { luma: &LUMA, chroma: &CHROMA };
    const FIRST: HeaderRepr<'static> = HeaderRepr {
        offset: 0,
        sampling: Sampling::Yuv420,
        restart: None,
        q: 255,
        width: 640,
        height: 360,
        tables: Some(TABLES),
    };

    fn bytes(repr: HeaderRepr<'_>) -> Vec<u8> {
        let mut out = [0; 256];
        let len = repr.emit(&mut out).unwrap();
        assert_eq!(len, repr.buffer_len());
        out[..len].into()
    }

    fn error(bytes: &[u8]) -> Error {
        Payload::parse(bytes).unwrap_err()
    }

    #[test]
    fn the_headers_stand_in_the_order_of_rfc_2435() {
        let restart = Restart { interval: 10, first: true, last: false, count: Some(0x123) };
        let bytes = bytes(HeaderRepr { restart: Some(restart), ..FIRST });
        assert_eq!(bytes[..16], [0, 0, 0, 0, 65, 255, 80, 45, 0, 10, 0x81, 0x23, 0, 0, 0, 128]);
        let payload = Payload::parse(&bytes).unwrap();
        assert_eq!((payload.restart, payload.tables), (Some(restart), Some(TABLES)));
    }

    #[test]
    fn later_packets_of_restart_types_keep_the_restart_header() {
        let repr = HeaderRepr { offset: 1400, restart: Some(Restart::parse([0, 4, 0xFF, 0xFF])), ..FIRST };
        let bytes = [&bytes(repr)[..], &[0xAB]].concat();
        assert_eq!(bytes, [0, 0, 5, 0x78, 65, 255, 80, 45, 0, 4, 0xFF, 0xFF, 0xAB]);
        let payload = Payload::parse(&bytes).unwrap();
        assert_eq!((payload.data, payload.tables), (&[0xAB][..], None));
        assert_eq!(payload.restart.unwrap().count, None);
    }

    #[test]
    fn sizes_round_up_and_too_large_ones_are_zero() {
        let size = |width, height| {
            let bytes = bytes(HeaderRepr { width, height, ..FIRST });
            let payload = Payload::parse(&bytes).unwrap();
            (payload.width, payload.height)
        };
        assert_eq!(size(641, 359), (648, 360));
        assert_eq!(size(2040, 2033), (2040, 2040));
        assert_eq!(size(2041, 8), (0, 0));
        assert_eq!(size(2560, 1440), (0, 0));
    }

    #[test]
    fn tables_may_be_named_instead_of_sent_but_not_for_q_255() {
        let named = HeaderRepr { q: 200, tables: None, ..FIRST };
        assert_eq!(Payload::parse(&bytes(named)).unwrap().tables, None);
        assert_eq!(HeaderRepr { q: 255, ..named }.emit(&mut [0; 256]), None);
        let mut bytes = bytes(named);
        bytes[5] = 255;
        assert_eq!(error(&bytes), Error::NoTables { at: 10 });
    }

    #[test]
    fn one_table_serves_all_components() {
        let mut bytes = bytes(FIRST);
        bytes[11] = 64;
        let payload = Payload::parse(&bytes).unwrap();
        assert_eq!(payload.tables, Some(Tables { luma: &LUMA, chroma: &LUMA }));
        assert_eq!(payload.data, CHROMA);
    }

    #[test]
    fn each_fault_is_named_with_its_place() {
        let with = |at: usize, value: u8| {
            let mut bytes = bytes(FIRST);
            bytes[at] = value;
            error(&bytes)
        };
        assert_eq!(with(4, 2), Error::UnsupportedType { found: 2 });
        assert_eq!(with(4, 130), Error::UnsupportedType { found: 130 });
        assert_eq!(with(5, 0), Error::ReservedQ { found: 0 });
        assert_eq!(with(5, 127), Error::ReservedQ { found: 127 });
        assert_eq!(with(9, 1), Error::TablePrecision { at: 9, found: 1 });
        assert_eq!(with(11, 129), Error::TableLength { at: 10, found: 129 });
        // Six tables, of which two are there.
        assert_eq!(with(10, 1), Error::Truncated { needed: 396 });
        assert_eq!(error(&[0; 7]), Error::Truncated { needed: 8 });
        assert_eq!(error(&bytes(FIRST)[..139]), Error::Truncated { needed: 140 });
        assert_eq!(error(&[0, 0, 0, 1, 64, 50, 1, 1, 0]), Error::Truncated { needed: 12 });
    }

    proptest! {
        #[test]
        fn what_is_emitted_parses_back(
            offset in prop_oneof![Just(0u32), 0u32..1 << 24],
            yuv420: bool,
            restart: Option<(u16, bool, bool, Option<u16>)>,
            q in prop_oneof![1u8..100, 128u8..],
            width in 1u16..=2040,
            height in 1u16..=2040,
            data: Vec<u8>,
        ) {
            let sampling = if yuv420 { Sampling::Yuv420 } else { Sampling::Yuv422 };
            let restart = restart.map(|(interval, first, last, count)| {
                Restart { interval, first, last, count: count.map(|count| count % COUNT_MASK) }
            });
            let repr =
                HeaderRepr { offset, sampling, restart, q, width, height, tables: Some(TABLES) };
            let bytes = [bytes(repr), data.clone()].concat();
            let payload = Payload::parse(&bytes).unwrap();
            let tables = (offset == 0 && q >= 128).then_some(TABLES);
            let (width, height) = (width.next_multiple_of(8), height.next_multiple_of(8));
            let data = &data[..];
            prop_assert_eq!(payload, Payload {
                type_specific: 0, offset, sampling, restart, q, width, height, tables, data,
            });
            prop_assert_eq!(repr.emit(&mut std::vec![0; repr.buffer_len() - 1]), None);
        }

        #[test]
        fn arbitrary_bytes_give_data_from_their_end(mut bytes: Vec<u8>) {
            if let Some(kind) = bytes.get_mut(4) {
                *kind &= 65;
            }
            if let Ok(payload) = Payload::parse(&bytes) {
                prop_assert!(bytes.ends_with(payload.data));
            }
        }
    }
}
