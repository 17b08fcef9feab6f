//! A proxy between a client and an RTSP server. The proxy loses some of the UDP datagrams, and delays others.
use crate::dialogue::UdpPair;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// A proxy through which clients reach an RTSP server. In the RTSP messages, the proxy replaces the UDP ports
/// of both ends by ports of its own, so that all datagrams pass through the proxy. It loses some of the RTP
/// and RTCP datagrams on their way to the client, and none on their way to the server. RTP over TCP passes
/// without loss and delay. The proxy runs until the test's process ends, even if this is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    faults: Arc<Faults>,
}

/// What happens to datagrams on their way to clients.
#[derive(Debug, Default)]
struct Faults {
    lost_per_million: AtomicU64,
    /// The longest delay of a datagram in microseconds.
    jitter: AtomicU64,
    lost: AtomicU64,
}

impl Relay {
    /// Starts a relay to the server at `to`, on a free port of the loopback interface. `lost_per_million` is
    /// how many of a million datagrams are lost on average: with 0 none, and with 1,000,000 or more all. A
    /// fixed pseudo-random sequence decides which datagrams are lost; the sequence starts anew for each
    /// client.
    ///
    /// The server may start later. If a client connects while the server does not listen, the relay closes
    /// the connection.
    ///
    /// # Panics
    /// Panics if there is no free port for the relay.
    pub fn start(to: SocketAddr, lost_per_million: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let faults = Arc::<Faults>::default();
        faults.lost_per_million.store(lost_per_million, Relaxed);
        let applied = Arc::clone(&faults);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let path = Arc::new(Path::new());
                path.carry(&applied);
                if let Ok(server) = TcpStream::connect(to) {
                    path.connect(client, server).expect("a connection can be cloned");
                }
            }
        });
        Self { address, faults }
    }

    /// Returns the URL by which a client reaches `url` through the relay: a URL with the same path and the
    /// relay's address. `url` must be a URL of the server that was given to [`Self::start`], because the
    /// relay connects to no other server.
    ///
    /// # Panics
    /// Panics if `url` does not begin with `rtsp://`.
    pub fn url(&self, url: &str) -> String {
        let rest = url.strip_prefix("rtsp://").expect("an RTSP URL");
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        format!("rtsp://{}/{path}", self.address)
    }

    /// Returns the address and the TCP port at which the relay listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets how many of a million datagrams are lost on average from now on, also for clients that are
    /// connected already. With 0 no datagram is lost, and with 1,000,000 or more all are lost.
    pub fn lose(&self, lost_per_million: u64) {
        self.faults.lost_per_million.store(lost_per_million, Relaxed);
    }

    /// Delays each RTP datagram from now on by a random time of up to `jitter`, also for clients that are
    /// connected already. A datagram waits for those before it, so their delays add up if they come at once:
    /// use a stream whose frames have one packet each, and are further apart than `jitter`.
    pub fn delay_by_up_to(&self, jitter: Duration) {
        self.faults.jitter.store(jitter.as_micros() as u64, Relaxed);
    }

    /// Returns how many RTP and RTCP datagrams the relay has lost since its start, for all clients
    /// together.
    pub fn lost(&self) -> u64 {
        self.faults.lost.load(Relaxed)
    }
}

/// The path of one client's packets.
struct Path {
    /// The server's ports, as the client sees them.
    front: UdpPair,
    /// The client's ports, as the server sees them.
    back: UdpPair,
    /// The first of the client's own ports; 0 until SETUP has named it.
    client: AtomicU16,
    /// The first of the server's own ports; 0 until SETUP has named it.
    server: AtomicU16,
}

impl Path {
    fn new() -> Self {
        Self {
            front: UdpPair::bind(),
            back: UdpPair::bind(),
            client: AtomicU16::new(0),
            server: AtomicU16::new(0),
        }
    }

    /// Starts to carry datagrams.
    fn carry(self: &Arc<Self>, faults: &Arc<Faults>) {
        type Ends = fn(&Path) -> (&UdpSocket, &UdpSocket, u16);
        let up: [Ends; 2] = [
            |path| (&path.front.rtp, &path.back.rtp, path.server.load(Relaxed)),
            |path| (&path.front.rtcp, &path.back.rtcp, path.server.load(Relaxed) | 1),
        ];
        let down: [Ends; 2] = [
            |path| (&path.back.rtp, &path.front.rtp, path.client.load(Relaxed)),
            |path| (&path.back.rtcp, &path.front.rtcp, path.client.load(Relaxed) | 1),
        ];
        let loss = down.map(|ends| (ends, true)).into_iter().chain(up.map(|ends| (ends, false)));
        for (seed, (ends, lossy)) in (1..).zip(loss) {
            let (path, faults, is_media) = (Arc::clone(self), Arc::clone(faults), seed == 1);
            thread::spawn(move || {
                let (mut packet, mut random) = (vec![0; 65_536], seed);
                loop {
                    let Ok((len, _)) = ends(&path).0.recv_from(&mut packet) else { return };
                    let (_, to, port) = ends(&path);
                    let jitter = if is_media { faults.jitter.load(Relaxed) } else { 0 };
                    if jitter > 0 {
                        thread::sleep(Duration::from_micros(next(&mut random) % jitter));
                    }
                    if lossy && next(&mut random) % 1_000_000 < faults.lost_per_million.load(Relaxed) {
                        faults.lost.fetch_add(1, Relaxed);
                    } else if port > 1 {
                        // Whoever is gone does not get it.
                        let _ = to.send_to(&packet[..len], (Ipv4Addr::LOCALHOST, port));
                    }
                }
            });
        }
    }

    /// Starts to carry RTSP.
    fn connect(self: Arc<Self>, client: TcpStream, server: TcpStream) -> io::Result<()> {
        let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
        let path = Arc::clone(&self);
        thread::spawn(move || {
            copy(from_client, to_server, |text| {
                replace(text, "client_port=", &path.back).map(|(text, port)| {
                    path.client.store(port, Relaxed);
                    text
                })
            })
        });
        thread::spawn(move || {
            copy(server, client, |text| {
                let (text, port) = replace(text, "server_port=", &self.front)?;
                self.server.store(port, Relaxed);
                let own = self.back.transport();
                let (_, seen) = own.split_once("client_port=")?;
                let port = self.client.load(Relaxed);
                Some(text.replace(seen, &format!("{port}-{}", port + 1)))
            })
        });
        Ok(())
    }
}

/// Copies messages, which are small and come in one piece. `edit` returns the changed text of a message
/// that names ports.
fn copy(mut from: TcpStream, mut to: TcpStream, edit: impl Fn(&str) -> Option<String>) -> io::Result<()> {
    let mut chunk = vec![0; 65_536];
    loop {
        let n = from.read(&mut chunk)?;
        // The end of one direction is passed on as such.
        if n == 0 {
            return to.shutdown(Shutdown::Write);
        }
        match std::str::from_utf8(&chunk[..n]).ok().and_then(&edit) {
            Some(edited) => to.write_all(edited.as_bytes())?,
            None => to.write_all(&chunk[..n])?,
        }
    }
}

/// Replaces the ports after `name` in `text` by those of `pair`. Returns the new text, and the first of
/// the ports that were there.
fn replace(text: &str, name: &str, pair: &UdpPair) -> Option<(String, u16)> {
    let (before, after) = text.split_once(name)?;
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
    let port = after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    let own = pair.transport();
    let (_, ports) = own.split_once("client_port=")?;
    Some((format!("{before}{name}{ports}{rest}"), port))
}

/// Returns the next number of a generator by Marsaglia (xorshift).
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_replaced_where_they_stand() {
        let pair = UdpPair::bind();
        let own = pair.transport();
        let text = "SETUP rtsp://a/ RTSP/1.0\r\nTransport: RTP/AVP;unicast;client_port=5000-5001\r\n\r\n";
        let (edited, port) = replace(text, "client_port=", &pair).unwrap();
        assert_eq!((port, edited), (5000, text.replace("RTP/AVP;unicast;client_port=5000-5001", &own)));
        assert_eq!(replace("OPTIONS * RTSP/1.0\r\n\r\n", "client_port=", &pair), None);
    }

    #[test]
    fn about_as_many_are_lost_as_was_asked_for() {
        for seed in 1..3 {
            let mut state = seed;
            let lost = (0..100_000).filter(|_| next(&mut state) % 1_000_000 < 10_000).count();
            assert!((800..1_200).contains(&lost), "{lost}");
        }
    }
}
