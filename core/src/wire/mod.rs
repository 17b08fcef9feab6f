//! What goes over the network: a view and a representation for each message, without state.
mod emit;
pub mod interleaved;
pub mod jpeg;
pub mod rtcp;
pub mod rtp;
pub mod rtsp;
pub mod sdp;
