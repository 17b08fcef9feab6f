//! Just enough of RTP and RTCP to check a packet by eye, kept apart from Pinhole's own views.

/// An RTP packet (RFC 3550, 5.1) without CSRCs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtp {
    /// The last packet of a frame.
    pub marker: bool,
    /// 26 for JPEG (RFC 3551, 6).
    pub payload_type: u8,
    /// The low 16 bits of the packet's number.
    pub sequence: u16,
    /// When the frame is to be shown, in units of 1/90,000 s.
    pub timestamp: u32,
    /// Who sent it.
    pub ssrc: u32,
    /// What follows the header and its extension.
    pub payload: Vec<u8>,
}

impl Rtp {
    /// Reads a packet.
    ///
    /// # Panics
    /// If it is none.
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

    /// The fragment offset of a JPEG payload (RFC 2435, 3.1.2): 0 begins a frame.
    pub fn fragment_offset(&self) -> u32 {
        u32_at(&self.payload, 0) & 0xff_ffff
    }
}

/// What an RTCP sender report says of time (RFC 3550, 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    /// Who sent it.
    pub ssrc: u32,
    /// The wall clock, in seconds since 1900 and their fraction.
    pub ntp: u64,
    /// The same moment on the clock of the RTP timestamps.
    pub rtp: u32,
}

/// RTCP's packet types (RFC 3550, 12.1).
pub mod rtcp_type {
    /// Sender report.
    pub const SR: u8 = 200;
    /// Receiver report.
    pub const RR: u8 = 201;
    /// Source description.
    pub const SDES: u8 = 202;
    /// Goodbye.
    pub const BYE: u8 = 203;
}

/// The packets of a compound: type, and whole packet.
///
/// # Panics
/// If the lengths do not add up.
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

/// The sender report of a compound, if there is one.
///
/// # Panics
/// If it is cut short.
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
