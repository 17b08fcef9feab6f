//! Session descriptions (RFC 4566) as RTSP uses them (RFC 2326, C). [`Description`] reads a session
//! description that a server has sent, and [`Presentation`] writes one.
mod format;
mod read;
mod write;

#[cfg(feature = "client")]
pub(crate) use format::{Receivable, receivable};
pub use read::{Attribute, Connection, Description, Media, RtpMap, SdpError};
pub use write::{CONTROL_PREFIX, Presentation, Track};

/// The media type of a session description, for the header `Content-Type` of a response to DESCRIBE and for
/// `Accept` in the request.
pub const CONTENT_TYPE: &str = "application/sdp";

/// The internet protocol that an address belongs to (RFC 4566, 8.2.6, `addrtype`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum AddressType {
    /// The address is an IPv4 address.
    #[default]
    Ip4,
    /// The address is an IPv6 address.
    Ip6,
}

/// A frame rate in thousandths of a frame per second: 30 frames per second are 30,000. A rate that was read
/// is never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameRate(pub u32);
