//! The options of a server.
use pinhole::server::Config;
use std::net::SocketAddr;
use std::num::NonZero;

/// The configuration of a [`Server`](super::Server). Make it with [`Self::new`], which sets the usual values, change
/// fields, and pass it to [`Server::bind`](super::Server::bind).
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The address and TCP port to listen on for RTSP. With port 0, the system chooses a free port, which
    /// [`Server::local_addr`](super::Server::local_addr) returns. RTP and RTCP are sent from UDP ports of the same address,
    /// which the system chooses.
    pub listen: SocketAddr,
    /// The address and TCP port to listen on for browsers, which are served pages and pictures over HTTP. With port 0, the
    /// system chooses a free port, which [`Server::http_addr`](super::Server::http_addr) returns. `None` if the server has
    /// no pages.
    ///
    /// Their connections count as those of RTSP do, and have the same limits and timeouts. A stream to a browser that would
    /// exceed a limit of bits a second is refused with 503. With [`Server::listen_tls`](super::Server::listen_tls), the
    /// pages are also to be had there, by `https://`.
    #[cfg(feature = "http")]
    pub http: Option<SocketAddr>,
    /// The configuration of each connection. If you change [`Config::max_packet`], set
    /// [`NormaliseOptions::max_packet`](crate::media::NormaliseOptions::max_packet) of the library to the
    /// same value, so that restart intervals fit the packets.
    pub config: Config,
    /// The most connections at once, over all event loops. The first request of a further one is answered
    /// with 503 and `Retry-After`, and it is closed; if many come at once, some are closed without a reply.
    /// [`Self::for_descriptors`] sets it from what the system allows.
    pub max_connections: usize,
    /// The most connections at once from one IPv4 address, or from one IPv6 network of 64 bits. Further
    /// ones are refused as those beyond `max_connections` are, so that one address does not take all.
    pub max_connections_per_ip: usize,
    /// The most pairs of UDP sockets, an RTP and an RTCP port each, over all event loops; each loop has one
    /// at least and 256 at most. Any number of sessions can share a pair, and a pair is closed with its last
    /// session. Only sessions of one address whose ports are not confirmed yet have pairs of their own.
    pub max_udp_pairs: usize,
    /// The most bits a second that are sent to all clients together; `None` is no limit. A PLAY that would
    /// exceed it is refused with 453, by the average rate of the medium, or for live input by that of its
    /// newest frames, times the speed that the client asks for.
    pub max_bitrate: Option<u64>,
    /// The most bits a second that are sent to the clients of one IPv4 address, or of one IPv6 network of 64
    /// bits; `None` is no limit. See [`Self::max_bitrate`].
    pub max_bitrate_per_ip: Option<u64>,
    /// The number of event loops, each on a thread of its own. Each new connection goes to the loop that has
    /// the fewest connections, and stays with that loop.
    pub threads: NonZero<usize>,
}

impl Options {
    /// Creates options to listen on `listen`, without pages for browsers, with the core's default configuration, at most 1024
    /// connections, a quarter of them from one address, at most 256 pairs of UDP sockets, no limit of bits a
    /// second, and one event loop.
    pub const fn new(listen: SocketAddr) -> Self {
        const CONNECTIONS: usize = 1024;
        Self {
            listen,
            #[cfg(feature = "http")]
            http: None,
            config: Config::DEFAULT,
            max_connections: CONNECTIONS,
            max_connections_per_ip: per_ip(CONNECTIONS),
            max_udp_pairs: 256,
            max_bitrate: None,
            max_bitrate_per_ip: None,
            threads: NonZero::<usize>::MIN,
        }
    }

    /// Sets [`Self::max_connections`], and [`Self::max_connections_per_ip`] to what follows from it: a quarter
    /// of it, but 64 at least.
    pub const fn set_max_connections(&mut self, connections: usize) {
        self.max_connections = connections;
        self.max_connections_per_ip = per_ip(connections);
    }
}

/// Returns how many of `connections` one address may have: a quarter, so that four such addresses are needed
/// to take all. But 64, more than a household or an office behind one address has viewers, if there are so
/// many.
const fn per_ip(connections: usize) -> usize {
    let quarter = connections / 4;
    if quarter >= 64 {
        quarter
    } else if connections < 64 {
        connections
    } else {
        64
    }
}
