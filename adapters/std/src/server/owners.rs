//! Finds the connection that a datagram belongs to. Several connections share a pair of sockets.
use crate::udp::{at_port, host};
use pinhole::rtp::rtcp;
use pinhole::rtsp::Pair;
use pinhole::server::{MAX_TRACKS, Port, UdpRoute};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

/// How many reception report blocks of a datagram are looked at to find its connection. A packet has up to
/// 31, and clients send one for each track.
const BLOCKS: usize = 31;

/// The routes of all connections of one event loop, by what a datagram shows. To find one takes the same
/// time whoever sends it, and does not grow with the connections but for the depth of a tree.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// By the port of the client that a route sends to.
    exact: BTreeSet<(SocketAddr, u8, bool, usize)>,
    /// By the port that the client has announced, where the route sends to another one.
    announced: BTreeSet<(SocketAddr, u8, bool, usize)>,
    /// By the address of the client and an SSRC on which it may report.
    ssrc: BTreeSet<(SocketAddr, u8, u32, usize)>,
    /// By the address of the client, where its ports may still have to be learnt from its datagrams.
    latching: BTreeSet<(SocketAddr, u8, bool, usize)>,
    /// The routes of each connection, from which the above is made, and the address of its client.
    routes: Vec<Option<(SocketAddr, Routes)>>,
    /// How many routes use each pair of sockets.
    users: Vec<usize>,
}

type Routes = heapless::Vec<UdpRoute, MAX_TRACKS>;

impl Owners {
    /// Returns the connection that a datagram belongs to; `None` if it is nobody's, or might be that of
    /// several.
    pub(super) fn of(&self, from: SocketAddr, socket: u8, port: Port, datagram: &[u8]) -> Option<usize> {
        let is_rtcp = port == Port::Rtcp;
        let key = at_port(from, from.port());
        let all = (key, socket, is_rtcp, 0)..=(key, socket, is_rtcp, usize::MAX);
        let by_port =
            |known: &BTreeSet<(_, _, _, usize)>| known.range(all.clone()).next().map(|(.., index)| *index);
        if let Some(index) = by_port(&self.exact).or_else(|| by_port(&self.announced)) {
            return Some(index);
        }
        let host = host(from);
        if is_rtcp {
            let mut blocks = rtcp::reports(datagram).take(BLOCKS);
            let by_ssrc = |ssrc| self.ssrc.range((host, socket, ssrc, 0)..=(host, socket, ssrc, usize::MAX));
            if let Some((.., index)) = blocks.find_map(|block| by_ssrc(block.ssrc).next()) {
                return Some(*index);
            }
        }
        let mut latching = self.latching.range(latching_at(host, socket, is_rtcp));
        let (.., index) = latching.next()?;
        latching.next().is_none().then_some(*index)
    }

    /// Takes note of the routes of connection `index`, whose client is at `address`. Returns whether they have
    /// changed.
    pub(super) fn set(
        &mut self,
        index: usize,
        address: SocketAddr,
        routes: impl Iterator<Item = UdpRoute>,
    ) -> bool {
        let routes: Routes = routes.take(MAX_TRACKS).collect();
        if self.routes.len() <= index {
            self.routes.resize(index + 1, None);
        }
        let Some(known) = self.routes.get_mut(index) else { return false };
        if known.as_ref().map_or(routes.is_empty(), |(_, known)| *known == routes) {
            return false;
        }
        let new = (!routes.is_empty()).then(|| (host(address), routes));
        let old = std::mem::replace(known, new.clone());
        if let Some((host, routes)) = old {
            self.change(index, host, &routes, false);
        }
        if let Some((host, routes)) = new {
            self.change(index, host, &routes, true);
        }
        true
    }

    /// Adds the routes of a connection to what is looked up, or removes them.
    fn change(&mut self, index: usize, host: SocketAddr, routes: &Routes, add: bool) {
        for route in routes {
            let place = usize::from(route.socket);
            if self.users.len() <= place {
                self.users.resize(place + 1, 0);
            }
            if let Some(users) = self.users.get_mut(place) {
                *users = if add { *users + 1 } else { users.saturating_sub(1) };
            }
        }
        for route in routes.iter().filter(|route| route.open) {
            let &UdpRoute { socket, to, announced, ssrc, latched, .. } = route;
            let keys = |ports: Pair<u16>| {
                [(ports.rtp, false), (ports.rtcp, true)]
                    .map(|(port, is_rtcp)| (at_port(host, port), socket, is_rtcp, index))
            };
            keys(to).into_iter().for_each(|key| put(&mut self.exact, key, add));
            if announced != to {
                keys(announced).into_iter().for_each(|key| put(&mut self.announced, key, add));
            }
            if !latched.rtcp {
                put(&mut self.ssrc, (host, socket, ssrc, index), add);
            }
            if !latched.rtp {
                put(&mut self.latching, (host, socket, false, index), add);
            }
            if !latched.rtp && !latched.rtcp {
                put(&mut self.latching, (host, socket, true, index), add);
            }
        }
    }

    /// Returns how many routes use a pair of sockets.
    pub(super) fn users(&self, socket: u8) -> usize {
        self.users.get(usize::from(socket)).copied().unwrap_or(0)
    }

    /// Returns how many connections of the client at `address` have ports to be learnt at a pair of sockets.
    pub(super) fn latching(&self, address: SocketAddr, socket: u8) -> usize {
        self.latching.range(latching_at(host(address), socket, false)).count()
    }
}

fn latching_at(host: SocketAddr, socket: u8, is_rtcp: bool) -> RangeInclusive<(SocketAddr, u8, bool, usize)> {
    (host, socket, is_rtcp, 0)..=(host, socket, is_rtcp, usize::MAX)
}

fn put<T: Ord>(set: &mut BTreeSet<T>, key: T, add: bool) {
    if add {
        set.insert(key);
    } else {
        set.remove(&key);
    }
}
