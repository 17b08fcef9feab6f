//! A socket that is read at once, to see when the last packet of each picture came.
use crate::Result;
use crate::rtsp::SetUp;
use pinhole::rtp::Packet;
use pinhole::rtsp::RECEIVE_BUFFER;
use pinhole_tests::Transport;
use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// So that nothing is lost by the fault of this receiver.
const BUFFER: usize = 4 << 20;
/// How often a thread looks whether it is still needed.
const LOOK: Duration = Duration::from_millis(500);

/// A session whose packets are looked at by a thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Session {
    control: TcpStream,
    ends: Arc<Mutex<Vec<Instant>>>,
}

impl Session {
    /// Plays the medium at `url`. If it `announces` its receive buffer, it says in SETUP how much of packets by UDP it
    /// holds.
    ///
    /// # Errors
    /// Returns an error if the server refuses, or if the system refuses a socket.
    pub(super) fn start(url: &str, transport: Transport, announces: bool) -> Result<Self> {
        let ends = Arc::new(Mutex::new(Vec::new()));
        let log = ends.clone();
        let note = move || log.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = socket.local_addr()?.port();
        // Ordinary users are granted less than this, which is no error.
        let _ = SockRef::from(&socket).set_recv_buffer_size(BUFFER);
        let mut header = match transport {
            Transport::Udp => format!("RTP/AVP;unicast;client_port={port}-{}", port.wrapping_add(1)),
            Transport::Tcp => "RTP/AVP/TCP;unicast;interleaved=0-1".to_owned(),
        };
        if announces {
            // The system counts more than the bytes of packets.
            let room = SockRef::from(&socket).recv_buffer_size()? / 2;
            header += &format!("\r\n{RECEIVE_BUFFER}: {room}");
        }
        let set_up = SetUp::new(url, &header)?;
        let mut control = set_up.stream.try_clone()?;
        let stream = set_up.stream.try_clone()?;
        control.write_all(set_up.play(None).as_bytes())?;
        match transport {
            Transport::Udp => {
                socket.set_read_timeout(Some(LOOK))?;
                thread::spawn(move || datagrams(&socket, &stream, note));
            }
            Transport::Tcp => {
                thread::spawn(move || interleaved(stream, note));
            }
        }
        Ok(Self { control, ends })
    }

    /// Returns when the last packet of each picture came.
    pub(super) fn ends(&self) -> Vec<Instant> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The other side may have closed it.
        let _ = self.control.shutdown(Shutdown::Both);
    }
}

fn ends_picture(packet: &[u8]) -> bool {
    Packet::new_checked(packet).is_ok_and(|packet| packet.marker())
}

fn datagrams(socket: &UdpSocket, mut control: &TcpStream, note: impl Fn()) {
    if control.set_nonblocking(true).is_err() {
        return;
    }
    let mut packet = vec![0; 65_536];
    loop {
        match socket.recv(&mut packet) {
            Ok(len) if ends_picture(&packet[..len]) => note(),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                // It is shut down when nobody looks any more.
                if matches!(control.read(&mut packet), Ok(0)) {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

fn interleaved(mut stream: TcpStream, note: impl Fn()) {
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; 1 << 18]);
    while let Ok(read @ 1..) = stream.read(&mut chunk) {
        bytes.extend_from_slice(&chunk[..read]);
        let mut rest = &bytes[..];
        loop {
            // What is no packet is the reply to PLAY.
            let skip = rest.iter().position(|byte| *byte == b'$').unwrap_or(rest.len());
            rest = &rest[skip..];
            let [_, channel, high, low, after @ ..] = rest else { break };
            let Some((packet, next)) = after.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))
            else {
                break;
            };
            if *channel == 0 && ends_picture(packet) {
                note();
            }
            rest = next;
        }
        bytes.drain(..bytes.len() - rest.len());
    }
}
