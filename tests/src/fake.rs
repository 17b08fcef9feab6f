//! Servers that a viewer has to bear with: they answer wrongly, or not at all.
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
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
