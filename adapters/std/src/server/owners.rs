//! Finds the connection that a datagram belongs to. Several connections share a pair of sockets.
use super::peer::Peer;
use pinhole::server::{Claim, Port};
use slab::Slab;
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

/// What is known of the connections of one event loop. All of it is a shortcut: the claims of the
/// connections decide.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// The connection, by a datagram's source and the pair of sockets that it came in on.
    known: HashMap<(SocketAddr, u8), usize>,
    /// Connections and their pairs of sockets, while the client's ports may still have to be learnt
    /// from its datagrams.
    latching: BTreeSet<(usize, u8)>,
}

impl Owners {
    /// Returns the connection that a datagram belongs to; `None` if no connection claims it.
    pub(super) fn of(
        &mut self,
        peers: &Slab<Peer>,
        from: SocketAddr,
        socket: u8,
        port: Port,
        datagram: &[u8],
    ) -> Option<usize> {
        let claim = |peer: &Peer| peer.claim(from, socket, port, datagram);
        let known = self.known.get(&(from, socket)).copied();
        if let Some(index) = known
            && peers.get(index).is_some_and(|peer| claim(peer) == Claim::Exact)
        {
            return known;
        }
        let claims = peers.iter().map(|(index, peer)| (index, claim(peer)));
        let (index, claim) = Claim::strongest(claims)?;
        if claim == Claim::Exact {
            // Entries of ended connections stay until the map is too large. A session has two addresses.
            if self.known.len() > 4 * peers.len() {
                self.known.clear();
            }
            self.known.insert((from, socket), index);
        }
        Some(index)
    }

    /// Notes that a session of connection `index` uses the pair `socket`.
    pub(super) fn given(&mut self, index: usize, socket: u8) {
        self.latching.insert((index, socket));
    }

    /// Returns, by the number of each pair of sockets, whether a new session from `address` could be
    /// mistaken for another one there.
    pub(super) fn taken(&mut self, peers: &Slab<Peer>, address: IpAddr) -> [bool; 256] {
        let mut taken = [false; 256];
        self.latching.retain(|&(index, socket)| {
            let Some(peer) = peers.get(index) else { return false };
            let own = peer.address().ip();
            let latching = peer.may_latch(own, socket);
            if own == address
                && let Some(taken) = taken.get_mut(usize::from(socket))
            {
                *taken |= latching;
            }
            latching
        });
        taken
    }
}
