//! Servers that a viewer has to bear with: they answer wrongly, or not at all.
use crate::dialogue::UdpPair;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// A server that says `greeting` when a client connects, and `answer` to each request. `CSEQ` in
/// the answer stands for the request's own. It lasts as long as the test's process.
///
/// # Panics
/// If there is no free port.
pub fn server(greeting: &'static str, answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || serve(client, greeting, answer));
        }
    });
    address
}

/// A proxy to an RTSP server that makes its UDP go astray, as a firewall does: the ports that a
/// client names in SETUP are replaced by a pair that nobody reads. It lasts as long as the test's
/// process.
///
/// # Panics
/// If there is no free port.
pub fn udp_swallower(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    thread::spawn(move || {
        let nobody = UdpPair::bind();
        let transport = nobody.transport();
        let (_, ports) = transport.split_once("client_port=").expect("a pair has ports");
        for client in listener.incoming().flatten() {
            let ports = ports.to_owned();
            thread::spawn(move || relay(client, to, &ports));
        }
    });
    address
}

fn relay(mut client: TcpStream, to: SocketAddr, ports: &str) -> io::Result<()> {
    let mut server = TcpStream::connect(to)?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || io::copy(&mut from_server, &mut to_client));
    let mut chunk = [0; 4096];
    loop {
        let n = client.read(&mut chunk)?;
        // The server sees the end of the client's requests as such.
        if n == 0 {
            return server.shutdown(Shutdown::Write);
        }
        // A request is small and comes in one piece; RTCP on this connection stays as it is.
        match std::str::from_utf8(&chunk[..n]).ok().and_then(|text| text.split_once("client_port=")) {
            Some((before, after)) => {
                let rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
                server.write_all(format!("{before}client_port={ports}{rest}").as_bytes())?;
            }
            None => server.write_all(&chunk[..n])?,
        }
    }
}

/// An address at which nobody listens.
///
/// # Panics
/// If there is no free port.
pub fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket")
}

fn serve(mut client: TcpStream, greeting: &str, answer: &str) -> Option<()> {
    client.write_all(greeting.as_bytes()).ok()?;
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let n = client.read(&mut chunk).ok().filter(|n| *n > 0)?;
        received.extend_from_slice(&chunk[..n]);
        while let Some(end) = received.windows(4).position(|w| w == b"\r\n\r\n") {
            let request = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
            let cseq =
                request.lines().find_map(|line| line.strip_prefix("cseq:")).unwrap_or("0").trim().to_owned();
            client.write_all(answer.replace("CSEQ", &cseq).as_bytes()).ok()?;
            received.drain(..end + 4);
        }
    }
}
