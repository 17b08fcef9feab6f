//! Interleaved packets: RTP and RTCP packets between RTSP messages on one connection. On the wire each has a
//! header of four bytes, which are `$`, the channel and a length of 16 bits, and then a payload of that
//! length (RFC 2326, 10.12).

/// The first byte of every interleaved packet. No RTSP request or response starts with this byte, so it tells
/// which of the two comes next.
pub const MAGIC: u8 = b'$';

/// The length in bytes of the header of an interleaved packet: `$`, the channel and the length.
pub const HEADER_LEN: usize = 4;

/// The length in bytes of the longest payload of an interleaved packet, 65,535. The header of the packet does
/// not count.
pub const MAX_PAYLOAD: usize = u16::MAX as usize;

/// The fields of the header of an interleaved packet, which is the four bytes before the payload.
/// [`Self::parse`] reads a header, and [`Self::emit`] writes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Header {
    /// The channel, which says to which stream the payload belongs, and whether it is RTP or RTCP. The two
    /// ends agree on channels in SETUP (RFC 2326, 12.39, `interleaved`). Skip a received packet if no SETUP
    /// has agreed on its channel.
    pub channel: u8,
    /// The length of the payload that follows the header, in bytes; the header does not count.
    pub len: u16,
}

impl Header {
    /// Reads a header from the start of `bytes`. The payload after it need not be there yet.
    ///
    /// Returns `None` in two cases:
    ///
    /// - `bytes` is empty, or starts with [`MAGIC`] and has fewer than four bytes: wait for more bytes.
    /// - `bytes` starts with another byte than [`MAGIC`]: there is no interleaved packet. The bytes may be an
    ///   RTSP request or response.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes.first_chunk::<HEADER_LEN>()? {
            &[MAGIC, channel, high, low] => Some(Self { channel, len: u16::from_be_bytes([high, low]) }),
            _ => None,
        }
    }

    /// Returns the four bytes of the header, as they are sent before the payload.
    pub const fn emit(self) -> [u8; HEADER_LEN] {
        let [high, low] = self.len.to_be_bytes();
        [MAGIC, self.channel, high, low]
    }

    /// Returns the length of the whole interleaved packet in bytes: four bytes of header, and the payload. In
    /// the receive buffer, the next packet or message starts that many bytes after the first byte of this
    /// packet.
    pub const fn frame_len(self) -> usize {
        HEADER_LEN + self.len as usize
    }
}

/// The channel and the payload of one complete interleaved packet, borrowed from the receive buffer.
/// [`Self::parse`] returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Data<'a> {
    /// The channel, which says to which stream the payload belongs, and whether it is RTP or RTCP. Ignore a
    /// packet if no SETUP has agreed on its channel.
    pub channel: u8,
    /// The RTP or RTCP packet, without the four bytes of the interleaved header before it. Its bytes are not
    /// checked yet, and there may be none.
    pub payload: &'a [u8],
}

impl<'a> Data<'a> {
    /// Reads the interleaved packet at the start of `bytes`; more bytes may follow it.
    ///
    /// Returns `None` in two cases:
    ///
    /// - `bytes` is empty, or starts with [`MAGIC`] and has less than the whole packet: wait for more bytes.
    ///   [`Header::parse`] and [`Header::frame_len`] tell how many bytes the whole packet will have.
    /// - `bytes` starts with another byte than [`MAGIC`]: there is no interleaved packet. The bytes may be an
    ///   RTSP request or response.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header = Header::parse(bytes)?;
        let payload = bytes.get(HEADER_LEN..header.frame_len())?;
        Some(Self { channel: header.channel, payload })
    }

    /// Returns the length of the whole interleaved packet in bytes: four bytes of header, and the payload. In
    /// the receive buffer, the next packet or message starts that many bytes after the first byte of this
    /// packet.
    pub const fn frame_len(&self) -> usize {
        HEADER_LEN + self.payload.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn a_frame_is_there_when_its_last_byte_is() {
        let bytes = [b'$', 1, 0, 3, 7, 8, 9];
        for end in 0..bytes.len() {
            assert_eq!(Data::parse(&bytes[..end]), None);
        }
        assert_eq!(Data::parse(&bytes), Some(Data { channel: 1, payload: &[7, 8, 9] }));
        assert_eq!(Data::parse(b"OPTIONS"), None);
    }

    proptest! {
        #[test]
        fn frames_round_trip(channel: u8, payload in prop::collection::vec(any::<u8>(), 0..300), more: Vec<u8>) {
            let header = Header { channel, len: payload.len() as u16 };
            let bytes = [&header.emit()[..], &payload, &more].concat();
            prop_assert_eq!(Header::parse(&bytes), Some(header));
            let data = Data::parse(&bytes).unwrap();
            prop_assert_eq!(data, Data { channel, payload: &payload });
            prop_assert_eq!(data.frame_len(), header.frame_len());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = (Header::parse(&bytes), Data::parse(&bytes));
        }
    }
}
