//! How the memory of a microcontroller is divided.
use pinhole::server::Config;
use pinhole_sim::device;
use pinhole_smoltcp::memory::{PacketBuffer, ServerResources, TcpBuffers, UdpBuffers};
use smoltcp::phy::DeviceCapabilities;
use std::fmt;
use std::mem::size_of;

/// A client's request; the longest that the peers in the tests send take half of it.
const TCP_RECEIVE: usize = 768;

/// What a server is lent, of so much memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// What the server is lent.
    pub(super) resources: ServerResources,
    /// Bytes of the device's own buffers.
    pub(super) device: usize,
    /// Bytes that there are.
    pub(super) ram: usize,
}

/// It does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "with --sessions {sessions}, {need} bytes are taken at the least, {} more than --ram {ram}: give --ram {need}, \
     or fewer --sessions",
    need - ram
)]
pub(super) struct TooLittle {
    sessions: usize,
    need: usize,
    ram: usize,
}

impl Budget {
    /// Divides `ram` bytes: what has a fixed size comes first, and the rest goes to what waits to be
    /// sent, in equal parts to the TCP socket of each session and to the UDP socket that all of them
    /// share.
    ///
    /// # Errors
    /// [`TooLittle`], if not even one packet can wait in each.
    pub(super) fn divide(
        ram: usize,
        sessions: usize,
        config: Config,
        capabilities: &DeviceCapabilities,
    ) -> Result<Self, TooLittle> {
        let device = device::ram(capabilities.max_transmission_unit);
        let with = |tcp, packets| Self { resources: resources(sessions, tcp, packets, config), device, ram };
        let packet = usize::from(config.max_packet);
        let message = config.message_len();
        let least = with(message, 1);
        let left = ram.checked_sub(least.total()).ok_or(TooLittle { sessions, need: least.total(), ram })?;
        let share = left / (sessions + 1);
        let of_packet = packet + size_of::<smoltcp::socket::udp::PacketMetadata>();
        let budget = with(message + share, 1 + share / of_packet);
        // What is no whole packet of UDP's part.
        let rest = budget.left() / sessions;
        Ok(with(budget.resources.tcp.transmit + rest, 1 + share / of_packet))
    }

    /// Bytes of a session that wait by TCP at the most: whole packets, each with the header of RFC 2326,
    /// 10.12.
    pub(super) const fn by_tcp(&self) -> usize {
        let packet = 4 + self.resources.config.max_packet as usize;
        self.resources.tcp.transmit / packet * packet
    }

    /// Bytes that are taken.
    pub(super) const fn total(&self) -> usize {
        self.resources.ram().total() + self.device
    }

    /// Bytes that are left over.
    pub(super) const fn left(&self) -> usize {
        self.ram.saturating_sub(self.total())
    }

    /// What takes how many bytes, of how many.
    pub(super) fn parts(&self) -> Vec<(&'static str, usize)> {
        let parts = self.resources.ram().parts().into_iter().filter(|(_, bytes)| *bytes > 0);
        parts.chain([("device", self.device)]).collect()
    }
}

/// The table, with the sum and what is left.
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
    // Each frame's last packet is shorter than the others, so that more fit in.
    udp.rtp_transmit = PacketBuffer { packets: packets + 1, ..udp.rtp_transmit };
    ServerResources {
        connections: sessions,
        tcp: TcpBuffers { receive: TCP_RECEIVE, transmit },
        udp: Some(udp),
        ring: None,
        config,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divide(ram: usize, sessions: usize, mtu: usize) -> Result<Budget, TooLittle> {
        let mut config = Config::DEFAULT;
        config.max_packet = mtu as u16 - 28;
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = mtu + 14;
        Budget::divide(ram, sessions, config, &capabilities)
    }

    #[test]
    fn all_of_it_is_used_and_no_more() {
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
    fn what_waits_is_shared_evenly() {
        let budget = divide(1 << 20, 4, 1500).unwrap();
        let udp = budget.resources.udp.unwrap().rtp_transmit;
        let tcp = budget.resources.tcp.transmit;
        assert!(udp.bytes <= tcp && tcp - udp.bytes < tcp / 10, "{budget}");
    }

    #[test]
    fn what_does_not_fit_is_said_with_what_would() {
        let said = divide(10_000, 4, 1500).unwrap_err();
        let text = said.to_string();
        for figure in [said.need, said.need - 10_000, 10_000, 4] {
            assert!(text.contains(&figure.to_string()), "{text}");
        }
    }
}
