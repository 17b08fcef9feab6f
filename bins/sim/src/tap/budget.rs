//! The division of a microcontroller's memory.
use pinhole::server::Config;
use pinhole_sim::device;
use pinhole_smoltcp::memory::{PacketBuffer, ServerResources, TcpBuffers, UdpBuffers};
use smoltcp::phy::DeviceCapabilities;
use std::fmt;
use std::mem::size_of;

/// Bytes of the receive buffer: twice the longest request of the clients in the tests.
const TCP_RECEIVE: usize = 768;

/// The memory of a board, and what the server and the device take of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// The server's resources.
    pub(super) resources: ServerResources,
    /// Bytes of the device's buffers.
    pub(super) device: usize,
    /// Bytes of memory.
    pub(super) ram: usize,
}

/// The memory is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "with --sessions {sessions}, {need} bytes are taken at the least, {} more than --ram {ram}: give --ram {need}, \
     or fewer --sessions",
    need - ram
)]
pub(super) struct TooSmall {
    sessions: usize,
    need: usize,
    ram: usize,
}

impl Budget {
    /// Divides `ram` bytes. What remains after everything of a fixed size goes to the transmit buffers, in
    /// equal parts to the TCP socket of each session and to the UDP socket that they share.
    ///
    /// # Errors
    /// Returns [`TooSmall`] if there is no room for one packet in each transmit buffer.
    pub(super) fn divide(
        ram: usize,
        sessions: usize,
        config: Config,
        capabilities: &DeviceCapabilities,
    ) -> Result<Self, TooSmall> {
        let device = device::ram(capabilities.max_transmission_unit);
        let with = |tcp, packets| Self { resources: resources(sessions, tcp, packets, config), device, ram };
        let packet = usize::from(config.max_packet);
        let message = config.message_len();
        let least = with(message, 1);
        let left = ram.checked_sub(least.total()).ok_or(TooSmall { sessions, need: least.total(), ram })?;
        let share = left / (sessions + 1);
        let of_packet = packet + size_of::<smoltcp::socket::udp::PacketMetadata>();
        let budget = with(message + share, 1 + share / of_packet);
        // The part of UDP's share that is less than a packet.
        let rest = budget.left() / sessions;
        Ok(with(budget.resources.tcp.transmit + rest, 1 + share / of_packet))
    }

    /// Returns the bytes of whole packets that a session's TCP transmit buffer holds, each with the header
    /// of RFC 2326, 10.12.
    pub(super) const fn by_tcp(&self) -> usize {
        let packet = 4 + self.resources.config.max_packet as usize;
        self.resources.tcp.transmit / packet * packet
    }

    /// Returns the bytes that are taken.
    pub(super) const fn total(&self) -> usize {
        self.resources.ram().total() + self.device
    }

    /// Returns the bytes that are left.
    pub(super) const fn left(&self) -> usize {
        self.ram.saturating_sub(self.total())
    }

    /// Returns the bytes of each part.
    pub(super) fn parts(&self) -> Vec<(&'static str, usize)> {
        let parts = self.resources.ram().parts().into_iter().filter(|(_, bytes)| *bytes > 0);
        parts.chain([("device", self.device)]).collect()
    }
}

/// A table of the parts, with their sum and what is left.
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sums = [("together", self.total()), ("left", self.left())];
        for (name, bytes) in self.parts().into_iter().chain(sums) {
            writeln!(f, "  {name:<22}{bytes:>10}")?;
        }
        let sessions = self.resources.connections;
        let udp = self
            .resources
            .udp
            .map_or(0, |udp| udp.rtp_transmit.bytes / usize::from(self.resources.config.max_packet));
        write!(
            f,
            "of which {} bytes by TCP wait to be sent at the most for each of --sessions {sessions}, and packets \
             by UDP for all of them: {udp}",
            self.by_tcp()
        )
    }
}

const fn resources(sessions: usize, transmit: usize, packets: usize, config: Config) -> ServerResources {
    let mut udp = UdpBuffers::to_send(packets, config.max_packet as usize);
    // The last packet of a frame is shorter than the others: more packets fit in.
    udp.rtp_transmit = PacketBuffer { packets: packets + 1, ..udp.rtp_transmit };
    ServerResources {
        connections: sessions,
        tcp: TcpBuffers { receive: TCP_RECEIVE, transmit },
        udp: Some(udp),
        ring: None,
        pool: None,
        config,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divide(ram: usize, sessions: usize, mtu: usize) -> Result<Budget, TooSmall> {
        let mut config = Config::DEFAULT;
        config.max_packet = mtu as u16 - 28;
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = mtu + 14;
        Budget::divide(ram, sessions, config, &capabilities)
    }

    #[test]
    fn all_memory_is_used() {
        for (sessions, mtu) in [(1, 1500), (4, 1500), (7, 596), (32, 9000)] {
            let least = divide(0, sessions, mtu).unwrap_err().need;
            assert_eq!(divide(least - 1, sessions, mtu).unwrap_err().need, least);
            for ram in (least..least + 5_000).chain([1 << 20, 100 << 20]) {
                let budget = divide(ram, sessions, mtu).unwrap();
                assert!(budget.total() <= ram && budget.left() < sessions, "{ram}: {budget}");
                let parts: usize = budget.parts().iter().map(|(_, bytes)| bytes).sum();
                assert_eq!(parts, budget.total());
            }
        }
    }

    #[test]
    fn transmit_buffers_share_evenly() {
        let budget = divide(1 << 20, 4, 1500).unwrap();
        let udp = budget.resources.udp.unwrap().rtp_transmit;
        let tcp = budget.resources.tcp.transmit;
        assert!(udp.bytes <= tcp && tcp - udp.bytes < tcp / 10, "{budget}");
    }

    #[test]
    fn errors_name_the_needed_size() {
        let said = divide(10_000, 4, 1500).unwrap_err();
        let text = said.to_string();
        for figure in [said.need, said.need - 10_000, 10_000, 4] {
            assert!(text.contains(&figure.to_string()), "{text}");
        }
    }
}
