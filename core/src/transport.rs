//! How media travel, in the words of both ends.

/// Which of a pair of ports: RTP has the even one, RTCP the odd one above it (RFC 3550, 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Port {
    /// Media.
    Rtp,
    /// Reports.
    Rtcp,
}

/// A lower transport (RFC 2326, 12.39).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Lower {
    /// RTP and RTCP over UDP.
    Udp,
    /// Interleaved in the RTSP connection (RFC 2326, 10.12).
    Interleaved,
}

impl Lower {
    /// The protocol that it travels by, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Interleaved => "tcp",
        }
    }
}
