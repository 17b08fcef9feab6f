//! A connection from a proxy, until the proxy has said whose it is: by a header of the PROXY protocol, version 2.
use super::arrival::{Arrival, Protocol, Role};
use super::limits::Seat;
use super::peer::Next;
use mio::event::Source as _;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use pinhole::time::{Duration, Instant, Now};
use ppp::v2::{Addresses, Command, Header, ParseError};
use std::io::{self, Read};
use std::net::SocketAddr;

/// The longest header in bytes. Addresses take 52 at most; what proxies add to them, such as the name that a client of
/// TLS has asked for, takes a few hundred.
const MAX_HEADER: usize = 2048;

/// A connection whose header has not come. It has the seat of the proxy, which has no limit of its own address.
pub(super) struct Proxied {
    stream: TcpStream,
    /// That of the proxy.
    address: SocketAddr,
    seat: Seat,
    /// What comes after the header.
    protocol: Protocol,
    readable: bool,
    /// When it is given up.
    until: Instant,
    state: State,
}

/// What the proxy has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unknown,
    /// It is the connection of a client at this address.
    Client(SocketAddr),
    /// It is the proxy's own connection, for example to find out whether the server is there.
    Own,
    /// The server stops.
    Over,
}

/// What has come of the header.
#[derive(Debug, PartialEq, Eq)]
enum Head {
    Partial,
    /// All of it, which is so many bytes.
    Whole(usize, State),
}

/// Why a header is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum BadHeader {
    #[error(
        "it does not begin with a header of the PROXY protocol, version 2 (in HAProxy: send-proxy-v2, check-send-proxy)"
    )]
    Missing,
    #[error("its header of the PROXY protocol has more than {MAX_HEADER} bytes")]
    Long,
    #[error("its header of the PROXY protocol is malformed")]
    Malformed,
    #[error("its header of the PROXY protocol has not come in time")]
    Late,
}

impl Proxied {
    pub(super) fn new(
        now: Now,
        mut stream: TcpStream,
        (address, seat): (SocketAddr, Seat),
        protocol: Protocol,
        timeout: Duration,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        stream.register(registry, token, Interest::READABLE)?;
        let until = now.at + timeout;
        Ok(Self { stream, address, seat, protocol, readable: true, until, state: State::Unknown })
    }

    pub(super) fn deregister(&mut self, registry: &Registry) {
        // It is closed in any case.
        let _ = self.stream.deregister(registry);
    }

    pub(super) const fn ready(&mut self, readable: bool) {
        self.readable |= readable;
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the connection with the next turn, because the server stops.
    pub(super) const fn close(&mut self) {
        self.state = State::Over;
    }

    /// Returns the connection as that of the client, after [`Next::Readmit`]; `None` if there is no room for it.
    pub(super) fn into_arrival(self) -> Option<Arrival> {
        let Self { stream, address, seat, protocol, state, .. } = self;
        let role = Role::from(protocol);
        let (address, seat) = match state {
            State::Client(client) => match seat.exchange(client) {
                Ok(seat) => (client, seat),
                Err(reason) => {
                    tracing::warn!("{client} is turned away: {reason}");
                    return None;
                }
            },
            State::Own => (address, seat),
            State::Unknown | State::Over => return None,
        };
        Some(Arrival { role, stream: stream.into(), address, seat })
    }

    /// Does what can be done now.
    pub(super) fn turn(&mut self, now: Now, scratch: &mut [u8]) -> Next {
        if self.state == State::Over {
            return Next::Close;
        }
        match self.read(scratch) {
            Ok(true) => Next::Readmit,
            Ok(false) if now.at < self.until => Next::Wait(Some(self.until)),
            Ok(false) => self.refuse(BadHeader::Late),
            Err(error) => match error.downcast() {
                Ok(error) => self.refuse(error),
                // The proxy has closed the connection.
                Err(_) => Next::Close,
            },
        }
    }

    fn refuse(&self, error: BadHeader) -> Next {
        tracing::warn!("the proxy {} is not understood: {error}", self.address);
        Next::Close
    }

    /// Reads the header, once it is there as a whole. Returns whether it is.
    fn read(&mut self, scratch: &mut [u8]) -> io::Result<bool> {
        if !self.readable {
            return Ok(false);
        }
        let room = scratch.get_mut(..MAX_HEADER).unwrap_or_default();
        // What comes after the header is somebody else's.
        let len = match self.stream.peek(room) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        match parse(room.get(..len).unwrap_or_default()).map_err(io::Error::other)? {
            Head::Partial => {
                // More of it is an event.
                self.readable = false;
                Ok(false)
            }
            Head::Whole(len, state) => {
                self.stream.read_exact(room.get_mut(..len).unwrap_or_default())?;
                self.state = state;
                Ok(true)
            }
        }
    }
}

/// Reads the header at the begin of what has come, which is not empty.
fn parse(bytes: &[u8]) -> Result<Head, BadHeader> {
    match Header::try_from(bytes) {
        Ok(header) => {
            let client = match (header.command, header.addresses) {
                (Command::Proxy, Addresses::IPv4(ip)) => {
                    State::Client((ip.source_address, ip.source_port).into())
                }
                (Command::Proxy, Addresses::IPv6(ip)) => {
                    State::Client((ip.source_address, ip.source_port).into())
                }
                (Command::Local, _) | (Command::Proxy, Addresses::Unspecified | Addresses::Unix(_)) => {
                    State::Own
                }
            };
            Ok(Head::Whole(header.len(), client))
        }
        Err(ParseError::Incomplete(_) | ParseError::Partial(..)) if bytes.len() < MAX_HEADER => {
            Ok(Head::Partial)
        }
        Err(ParseError::Incomplete(_) | ParseError::Partial(..)) => Err(BadHeader::Long),
        Err(ParseError::Prefix) => Err(BadHeader::Missing),
        Err(_) => Err(BadHeader::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ppp::v2::{Builder, Protocol as Transport, Type, Version};
    use proptest::prelude::*;

    fn header(addresses: impl Into<Addresses>, command: Command) -> Vec<u8> {
        let builder = Builder::with_addresses(Version::Two | command, Transport::Stream, addresses);
        builder.write_tlv(Type::Authority, b"cam.example").unwrap().build().unwrap()
    }

    fn addresses(client: &str) -> (SocketAddr, SocketAddr) {
        let client: SocketAddr = client.parse().unwrap();
        let server = if client.is_ipv4() { "10.0.0.1:554" } else { "[2001:db8::1]:554" };
        (client, server.parse().unwrap())
    }

    #[test]
    fn a_header_says_whose_the_connection_is() {
        for client in ["192.0.2.7:40000", "[2001:db8::7]:40000"] {
            let bytes = header(addresses(client), Command::Proxy);
            for len in 1..bytes.len() {
                assert_eq!(parse(&bytes[..len]), Ok(Head::Partial), "{client} {len}");
            }
            let whole = Ok(Head::Whole(bytes.len(), State::Client(client.parse().unwrap())));
            assert_eq!(parse(&bytes), whole);
            // What comes after it is not its own.
            assert_eq!(parse(&[&bytes[..], b"OPTIONS"].concat()), whole);
            let own = header(addresses(client), Command::Local);
            assert_eq!(parse(&own), Ok(Head::Whole(own.len(), State::Own)));
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for bytes in [
            &b"OPTIONS * RTSP/1.0\r\n"[..],
            b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 554\r\n",
            b"\r\n\r\n\0\r\nQUIX",
        ] {
            assert_eq!(parse(bytes), Err(BadHeader::Missing));
        }
        let bytes = header(addresses("192.0.2.7:40000"), Command::Proxy);
        // Version 3, a command and a family that there are none of, and addresses that are too short.
        for (at, value) in [(12, 0x31), (12, 0x25), (13, 0x41), (15, 3)] {
            let mut bad = bytes.clone();
            bad[at] = value;
            assert_eq!(parse(&bad), Err(BadHeader::Malformed), "{at}");
        }
        let mut long = bytes[..16].to_vec();
        long[14..].copy_from_slice(&[0xFF, 0xFF]);
        long.resize(MAX_HEADER, 0);
        assert_eq!(parse(&long), Err(BadHeader::Long));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(tail in proptest::collection::vec(any::<u8>(), 0..300)) {
            let begin = header(addresses("192.0.2.7:40000"), Command::Proxy);
            for len in [0, 12, 13, 14, 16] {
                let bytes = [&begin[..len], &tail].concat();
                if let Ok(Head::Whole(len, _)) = parse(&bytes) {
                    prop_assert!(len <= bytes.len());
                }
            }
        }
    }
}
