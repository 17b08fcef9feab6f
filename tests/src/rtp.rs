//! Just enough of RTP and RTCP to check packets without Pinhole's own code.

/// The fields of a received RTP packet that has no CSRCs (RFC 3550, 5.1). [`Self::parse`] reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtp {
    /// The marker bit: true for the last packet of a JPEG frame (RFC 2435, 3).
    pub marker: bool,
    /// The payload type, from 0 to 127: 26 for JPEG (RFC 3551, 6).
    pub payload_type: u8,
    /// The sequence number of the packet. After 65,535 comes 0.
    pub sequence: u16,
    /// The RTP timestamp, which says when the frame is shown: in units of the clock rate, 1/90,000 s for
    /// video, from an unknown start. All packets of a frame have the same timestamp.
    pub timestamp: u32,
    /// The SSRC, which names the stream.
    pub ssrc: u32,
    /// The bytes after the header and its extension, without padding. For JPEG, these bytes begin with the
    /// header of RFC 2435, 3.1.
    pub payload: Vec<u8>,
}

impl Rtp {
    /// Reads an RTP packet: a whole UDP datagram, or the bytes of an interleaved packet without framing.
    ///
    /// # Panics
    /// Panics if the packet is not of RTP version 2, has CSRCs, or is shorter than its header says.
    pub fn parse(packet: &[u8]) -> Self {
        assert!(packet.len() >= 12 && packet[0] >> 6 == 2, "no RTP packet: {packet:02x?}");
        assert_eq!(packet[0] & 0x0f, 0, "a server has no CSRCs to name");
        let mut payload = &packet[12..];
        if packet[0] & 0x10 != 0 {
            payload = &payload[4 + 4 * usize::from(u16_at(payload, 2))..];
        }
        if packet[0] & 0x20 != 0 {
            payload = &payload[..payload.len() - usize::from(packet[packet.len() - 1])];
        }
        Self {
            marker: packet[1] & 0x80 != 0,
            payload_type: packet[1] & 0x7f,
            sequence: u16_at(packet, 2),
            timestamp: u32_at(packet, 4),
            ssrc: u32_at(packet, 8),
            payload: payload.to_vec(),
        }
    }

    /// Returns the fragment offset of a JPEG payload: the number of bytes of the frame's scan data that come
    /// before the data of this packet (RFC 2435, 3.1.2). The first packet of a frame has 0. The payload type
    /// is not checked.
    ///
    /// # Panics
    /// Panics if the payload has fewer than four bytes.
    pub fn fragment_offset(&self) -> u32 {
        u32_at(&self.payload, 0) & 0xff_ffff
    }
}

/// One moment on two clocks, the sender's wall clock and the RTP clock of a stream, as an RTCP sender
/// report has it (RFC 3550, 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    /// The SSRC of the stream that the report is about.
    pub ssrc: u32,
    /// The wall clock: seconds since 1900 in the upper 32 bits, and their fraction in the lower 32 bits,
    /// in units of 2^-32 s.
    pub ntp: u64,
    /// The RTP timestamp of the same moment as [`Self::ntp`], in ticks of the stream's clock.
    pub rtp: u32,
}

/// RTCP packet types (RFC 3550, 12.1), as [`rtcp_packets`] returns them.
pub mod rtcp_type {
    /// A sender report (RFC 3550, 6.4.1).
    pub const SR: u8 = 200;
    /// A receiver report (RFC 3550, 6.4.2).
    pub const RR: u8 = 201;
    /// A source description (RFC 3550, 6.5).
    pub const SDES: u8 = 202;
    /// A goodbye: the stream has ended (RFC 3550, 6.6).
    pub const BYE: u8 = 203;
}

/// Splits a compound RTCP packet. Returns the packet type (see [`rtcp_type`]) and the bytes, with the header,
/// of each packet in `compound`, in order. If `compound` is empty, the list is empty.
///
/// # Panics
/// Panics if a packet is not of RTP version 2, or if the lengths of the packets do not add up to the length
/// of `compound`.
pub fn rtcp_packets(mut compound: &[u8]) -> Vec<(u8, &[u8])> {
    let mut packets = Vec::new();
    while !compound.is_empty() {
        assert!(compound.len() >= 4 && compound[0] >> 6 == 2, "no RTCP packet: {compound:02x?}");
        let (packet, rest) = compound.split_at(4 + 4 * usize::from(u16_at(compound, 2)));
        packets.push((packet[1], packet));
        compound = rest;
    }
    packets
}

/// Returns the clocks of the first sender report in a compound RTCP packet; `None` if `compound` has no
/// sender report.
///
/// # Panics
/// Panics if the report is cut short, or if the packet cannot be split by [`rtcp_packets`].
pub fn sender_report(compound: &[u8]) -> Option<SenderReport> {
    let (_, sr) = rtcp_packets(compound).into_iter().find(|(kind, _)| *kind == rtcp_type::SR)?;
    let ntp = u64::from(u32_at(sr, 8)) << 32 | u64::from(u32_at(sr, 12));
    Some(SenderReport { ssrc: u32_at(sr, 4), ntp, rtp: u32_at(sr, 16) })
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extension_and_padding_are_no_payload() {
        let packet = [
            0xb0, 0x9a, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, // the header: P, X, M, type 26
            0xff, 0xd8, 0, 1, 1, 1, 1, 1, // one word of extension
            9, 0, 0, 5, 8, 0, 0, 3, // payload and three bytes of padding
        ];
        let rtp = Rtp::parse(&packet);
        assert!(rtp.marker && rtp.payload_type == 26 && rtp.sequence == 7);
        assert_eq!(rtp.payload, [9, 0, 0, 5, 8]);
        assert_eq!(rtp.fragment_offset(), 5);
    }

    #[test]
    fn a_compound_is_walked_to_its_end() {
        let bye = [0x81, 203, 0, 1, 0, 0, 0, 2];
        let compound = [&[0x80, 201, 0, 1, 0, 0, 0, 2][..], &bye].concat();
        assert_eq!(rtcp_packets(&compound).last(), Some(&(rtcp_type::BYE, &bye[..])));
        assert_eq!(sender_report(&compound), None);
    }
}
