//! The UDP side of an event loop: its pairs of sockets, and whose what arrives there is.
use super::owners::Owners;
use super::udp_pairs::UdpPairs;
use crate::udp::host;
use pinhole::server::{Port, PortPair, UdpRoute};
use std::net::SocketAddr;

/// How many pairs the clients of one address get for sessions whose ports are not confirmed. Each has one
/// for itself, so that it can be told which of them a datagram from behind a NAT belongs to. Further ones
/// share pairs, and only the ports that they announce count until one of them is confirmed.
const PAIRS_PER_ADDRESS: usize = 8;

/// The pairs of UDP sockets of one event loop. They are opened when sessions need them, and closed with the
/// last session on them.
#[derive(Debug)]
pub(super) struct Datagrams {
    pairs: UdpPairs,
    owners: Owners,
    /// Pairs that were chosen for sessions of the turn under way, and for which client.
    chosen: Vec<(SocketAddr, u8)>,
}

impl Datagrams {
    pub(super) fn new(pairs: UdpPairs) -> Self {
        Self { pairs, owners: Owners::default(), chosen: Vec::new() }
    }

    pub(super) const fn pairs(&self) -> &UdpPairs {
        &self.pairs
    }

    /// Chooses a pair for a further session of the client at `address`; `None` if the system has none. Call
    /// [`Self::end_turn`] after the turn in which it is used.
    pub(super) fn choose(&mut self, address: SocketAddr) -> Option<PortPair> {
        let host = host(address);
        let Self { pairs, owners, chosen } = self;
        let taken = |socket| {
            owners.latching(host, socket) + chosen.iter().filter(|other| **other == (host, socket)).count()
        };
        let free = pairs.open().find(|&socket| taken(socket) == 0);
        let least = pairs.open().min_by_key(|&socket| taken(socket));
        let own = pairs.open().filter(|&socket| taken(socket) > 0).count();
        let socket = match free {
            Some(socket) => Some(socket),
            None if own < PAIRS_PER_ADDRESS => match pairs.add() {
                Ok(added) => added.or(least),
                Err(error) => {
                    tracing::warn!(%error, "no further UDP ports for sessions");
                    least
                }
            },
            None => least,
        }?;
        chosen.push((host, socket));
        pairs.ports(socket)
    }

    /// Takes note of the routes of connection `index` after its turn, or of its end if there are none. Closes
    /// the pairs that nobody uses any more.
    pub(super) fn end_turn(
        &mut self,
        index: usize,
        address: SocketAddr,
        routes: impl Iterator<Item = UdpRoute>,
    ) {
        let changed = self.owners.set(index, address, routes);
        if !changed && self.chosen.is_empty() {
            return;
        }
        self.chosen.clear();
        let idle: Vec<_> = self.pairs.open().filter(|&socket| self.owners.users(socket) == 0).collect();
        for socket in idle {
            self.pairs.close(socket);
        }
    }

    /// Receives the datagrams that wait at the socket with this token, and hands those that belong to a
    /// connection to `take`, with its index. Returns whether there may be more, for which the socket causes
    /// no further event.
    pub(super) fn receive(
        &self,
        token: usize,
        buffer: &mut [u8],
        mut take: impl FnMut(usize, u8, Port, SocketAddr, &[u8]),
    ) -> bool {
        self.pairs.receive(token, buffer, |socket, port, from, datagram| {
            if let Some(index) = self.owners.of(from, socket, port, datagram) {
                take(index, socket, port, from, datagram);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::Poll;
    use pinhole::rtsp::Pair;
    use std::net::{Ipv4Addr, SocketAddr};

    /// The poll has to outlive the registry.
    fn datagrams(most: usize) -> (Datagrams, Poll) {
        let poll = Poll::new().unwrap();
        let registry = poll.registry().try_clone().unwrap();
        (Datagrams::new(UdpPairs::new((Ipv4Addr::LOCALHOST, 0).into(), 2, registry, most)), poll)
    }

    fn from(host: u8, port: u16) -> SocketAddr {
        (Ipv4Addr::new(10, 0, 0, host), port).into()
    }

    fn route(socket: u8, rtp: u16, ssrc: u32, latched: bool) -> UdpRoute {
        UdpRoute::new(socket, Pair { rtp, rtcp: rtp + 1 }, ssrc, Pair { rtp: latched, rtcp: false })
    }

    fn report(ssrc: u32) -> Vec<u8> {
        let mut report = vec![0x81, 201, 0, 7, 1, 2, 3, 4];
        report.extend(ssrc.to_be_bytes());
        report.extend([0; 20]);
        report
    }

    #[test]
    fn pairs_are_closed_when_idle() {
        let (mut datagrams, _poll) = datagrams(4);
        let ports = datagrams.choose(from(1, 1)).unwrap();
        datagrams.end_turn(0, from(1, 1), [route(ports.socket, 5000, 7, false)].into_iter());
        // Another address shares it, for nothing can be mistaken.
        assert_eq!(datagrams.choose(from(2, 1)), Some(ports));
        datagrams.end_turn(1, from(2, 1), [route(ports.socket, 5000, 8, false)].into_iter());
        datagrams.end_turn(0, from(1, 1), std::iter::empty());
        assert_eq!(datagrams.pairs.open().count(), 1);
        datagrams.end_turn(1, from(2, 1), std::iter::empty());
        assert_eq!(datagrams.pairs.open().count(), 0);
        // A SETUP that is refused after all leaves nothing.
        assert!(datagrams.choose(from(1, 1)).is_some());
        datagrams.end_turn(0, from(1, 1), std::iter::empty());
        assert_eq!(datagrams.pairs.open().count(), 0);
    }

    #[test]
    fn unconfirmed_sessions_of_one_address_have_few_pairs() {
        let (mut datagrams, _poll) = datagrams(256);
        for index in 0..100 {
            let socket = datagrams.choose(from(1, 1)).unwrap().socket;
            let rtp = 5000 + 2 * index as u16;
            datagrams.end_turn(index, from(1, 1), [route(socket, rtp, 7, false)].into_iter());
        }
        assert_eq!(datagrams.pairs.open().count(), PAIRS_PER_ADDRESS);
        let (mut few, _poll) = self::datagrams(2);
        for _ in 0..5 {
            assert!(few.choose(from(1, 1)).is_some(), "they share");
        }
        assert_eq!(few.pairs.open().count(), 2);
    }

    #[test]
    fn datagrams_are_found_by_port_by_ssrc_and_by_address() {
        let mut owners = Owners::default();
        owners.set(0, from(1, 9), [route(0, 5000, 70, false), route(1, 5002, 71, true)].into_iter());
        owners.set(1, from(1, 9), [route(1, 6000, 72, false)].into_iter());
        owners.set(2, from(2, 9), [route(0, 5000, 73, false)].into_iter());
        let of = |from, socket, port, data: &[u8]| owners.of(from, socket, port, data);
        assert_eq!(of(from(1, 5000), 0, Port::Rtp, b""), Some(0));
        assert_eq!(of(from(2, 5001), 0, Port::Rtcp, b""), Some(2));
        assert_eq!(of(from(1, 40_000), 1, Port::Rtcp, &report(71)), Some(0));
        assert_eq!(of(from(1, 40_000), 1, Port::Rtcp, &report(9)), Some(1), "it latches");
        assert_eq!(of(from(1, 40_000), 1, Port::Rtp, b""), Some(1));
        assert_eq!(of(from(2, 40_000), 1, Port::Rtcp, &report(71)), None, "of another address");
        owners.set(3, from(1, 9), [route(1, 8000, 74, false)].into_iter());
        assert_eq!(owners.of(from(1, 40_000), 1, Port::Rtp, b""), None, "either may be meant");
        owners.set(3, from(1, 9), std::iter::empty());
        assert_eq!(owners.of(from(1, 8000), 1, Port::Rtp, b""), Some(1));
        for index in 0..3 {
            owners.set(index, from(1, 9), std::iter::empty());
        }
        assert_eq!(owners.of(from(1, 5000), 0, Port::Rtp, b""), None);
        assert!([0, 1].iter().all(|&socket| owners.users(socket) == 0));
    }

    #[test]
    fn the_announced_port_is_found_after_another_was_learned() {
        let mut owners = Owners::default();
        let mut learned = route(0, 5000, 70, true);
        learned.to.rtp = 40_000;
        owners.set(0, from(1, 9), [learned].into_iter());
        assert_eq!(owners.of(from(1, 5000), 0, Port::Rtp, b""), Some(0));
        // Somebody else behind the same NAT uses that port.
        owners.set(1, from(1, 9), [route(0, 5000, 71, true)].into_iter());
        assert_eq!(owners.of(from(1, 5000), 0, Port::Rtp, b""), Some(1));
        owners.set(1, from(1, 9), std::iter::empty());
        owners.set(0, from(1, 9), [route(0, 40_000, 70, true)].into_iter());
        assert_eq!(owners.of(from(1, 5000), 0, Port::Rtp, b""), None);
    }

    /// Each datagram was held against each of the connections, which took 10 ms with 900 of them.
    #[test]
    fn datagrams_of_strangers_cost_little_with_many_connections() {
        let mut owners = Owners::default();
        for index in 0..1000_u16 {
            let [high, low] = index.to_be_bytes();
            let address = SocketAddr::from((Ipv4Addr::new(10, 1, high, low), 9));
            let routes =
                (0..4).map(|n| route(n, 5000 + 2 * u16::from(n), u32::from(index) * 4 + u32::from(n), false));
            owners.set(index.into(), address, routes);
        }
        let flood: Vec<u8> = (0..60_000 / 32).flat_map(|ssrc| report(1_000_000 + ssrc)).collect();
        let start = std::time::Instant::now();
        for _ in 0..10_000 {
            assert_eq!(owners.of(from(9, 40_000), 0, Port::Rtcp, &flood), None);
            assert!(start.elapsed() < std::time::Duration::from_secs(20));
        }
    }
}
