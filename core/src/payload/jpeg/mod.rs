//! The payload format of JPEG (RFC 2435). [`Depacketizer`] builds JPEG files from packets; [`Payload`]
//! and [`HeaderRepr`] read and write the headers of single payloads.
mod depacketize;
mod error;
mod header;
mod intervals;
mod onvif;
mod packetize;
#[cfg(test)]
mod tests;

pub use depacketize::Depacketizer;
pub use error::DepacketizeError;
pub use header::{
    Error, HeaderRepr, MAX_DIMENSION, ONVIF_PROFILE, Payload, Q_DYNAMIC, Q_IN_BAND, Restart, Tables,
};
pub(super) use packetize::{EXTENSION_LEN, Packetizer};
