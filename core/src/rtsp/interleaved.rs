//! Binary data between RTSP messages on one connection: `$`, a channel, a length, and that many bytes
//! (RFC 2326, 10.12).

/// The first byte of a frame of binary data. No RTSP message starts with it.
pub const MAGIC: u8 = b'$';

/// The length in bytes of the header of a frame of interleaved binary data.
pub const HEADER_LEN: usize = 4;

/// The length of the longest payload in bytes, as its field has 16 bits.
pub const MAX_PAYLOAD: usize = u16::MAX as usize;

/// The header of a frame: the four bytes before the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Header {
    /// The channel, which says what the payload belongs to. SETUP agrees on channels (RFC 2326, 12.39,
    /// `interleaved`).
    pub channel: u8,
    /// The length of the payload after the header, in bytes.
    pub len: u16,
}

impl Header {
    /// Reads a header from the start of `bytes`. Returns `None` if there are fewer than four bytes, or
    /// if they do not start with `$`.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes.first_chunk::<HEADER_LEN>()? {
            &[MAGIC, channel, high, low] => Some(Self { channel, len: u16::from_be_bytes([high, low]) }),
            _ => None,
        }
    }

    /// Returns the four bytes of the header, as they are sent.
    pub const fn emit(self) -> [u8; HEADER_LEN] {
        let [high, low] = self.len.to_be_bytes();
        [MAGIC, self.channel, high, low]
    }

    /// Returns the length of the whole frame in bytes, with this header.
    pub const fn frame_len(self) -> usize {
        HEADER_LEN + self.len as usize
    }
}

/// A whole frame of binary data, borrowed from the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Data<'a> {
    /// The channel, which says what the payload belongs to. A frame on a channel that nobody has set up
    /// is to be ignored.
    pub channel: u8,
    /// An RTP or RTCP packet, which is not checked yet.
    pub payload: &'a [u8],
}

impl<'a> Data<'a> {
    /// Reads the frame at the start of `bytes`. Returns `None` if it is not complete, or if no frame
    /// starts there. [`Header::parse`] and [`Header::frame_len`] say how many bytes are missing.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header = Header::parse(bytes)?;
        let payload = bytes.get(HEADER_LEN..header.frame_len())?;
        Some(Self { channel: header.channel, payload })
    }

    /// Returns the length of the whole frame in bytes.
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
