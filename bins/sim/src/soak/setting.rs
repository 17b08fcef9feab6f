//! What the clients of a seed share.
use super::scenario::Scenario;
use super::source::Source;
use super::trace::Trace;
use bumpalo::Bump;
use pinhole::frame::FrameId;
use pinhole::time::Instant;
use smoltcp::wire::IpAddress;

/// What all clients of a seed have in common, at one moment.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a, 's> {
    pub(super) arena: &'a Bump,
    pub(super) scenario: &'s Scenario,
    pub(super) source: &'s Source,
    pub(super) server: IpAddress,
    /// The newest frame that there is.
    pub(super) newest: FrameId,
    /// A session has missed frames that were gone, perhaps in the middle of one.
    pub(super) overrun: bool,
    /// The server has closed the session of the client whose turn it is, perhaps in the middle of a frame.
    pub(super) closed: bool,
    /// Frames that the server has left out of the session of the client whose turn it is: any number, if it
    /// has adapted to loss.
    pub(super) left_out: u64,
    pub(super) at: Instant,
    pub(super) trace: Trace<'s>,
}
