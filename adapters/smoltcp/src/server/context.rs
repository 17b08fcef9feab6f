//! What the connections of a server share.
use super::storage::SharedStorage;
use super::transmit_queue::TransmitQueue;
use crate::udp::UdpPair;
use pinhole::server::{Config, PortPair};
use pinhole::time::Now;
use smoltcp::wire::IpListenEndpoint;

/// What all connections of a server share during one poll.
pub(super) struct Context<'s, 'a> {
    pub(super) now: Now,
    pub(super) config: Config,
    pub(super) ip_mtu: usize,
    pub(super) listen: IpListenEndpoint,
    pub(super) udp: Option<UdpPair>,
    /// The ports of `udp`.
    pub(super) ports: Option<PortPair>,
    /// The transmit buffers of `udp`: RTP's and RTCP's.
    pub(super) queues: &'s mut [TransmitQueue; 2],
    pub(super) storage: &'s mut SharedStorage<'a>,
    /// The server accepts no connection any more.
    pub(super) closing: bool,
}
