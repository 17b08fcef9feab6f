//! An RTP receiver with the system's default socket buffer. It reads late, like a program that has other
//! work, and so shows whether a server's bursts overflow such a buffer.
use crate::dialogue::{Dialogue, UdpPair};
use crate::rtp::Rtp;
use socket2::SockRef;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

/// What [`watch`] received of a stream, counted by RTP headers. A frame of which no packet came is counted
/// neither in [`Self::whole`] nor in [`Self::broken`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The number of frames of which every packet came.
    pub whole: u64,
    /// The number of frames of which some packets came, but not all.
    pub broken: u64,
    /// The number of frames whose packets had all come when the first of them was read.
    pub at_once: u64,
    /// The number of packets that did not come, counted by the gaps in the sequence numbers. Packets before
    /// the first packet that came and after the last packet that came are not counted.
    pub lost: u64,
}

/// Plays the medium `url` of `server` over UDP for the time `span`, and returns what was received. Blocks for
/// that time. Whenever a packet has come, the receiver sleeps for `late`, and then reads all packets that
/// wait in the socket. If `late` is zero, the receiver reads each packet at once.
///
/// # Panics
/// Panics if the server refuses DESCRIBE, SETUP or PLAY, or if no packet comes for five seconds. So the
/// stream must be longer than `span`.
pub fn watch(server: SocketAddr, url: &str, late: Duration, span: Duration) -> Received {
    let mut dialogue = Dialogue::connect(server);
    let pair = UdpPair::bind();
    dialogue.set_up(url, &pair.transport());
    play(dialogue, &pair, url, late, span)
}

/// Does the same as [`watch`] with a receive buffer of `buffer` bytes, or as many as the system grants. Says in
/// SETUP, by `x-receive-buffer`, that the buffer holds half of what the system says that it has.
///
/// # Panics
/// Panics as [`watch`] does, or if the system does not tell the length of the buffer.
pub fn watch_announced(
    server: SocketAddr,
    url: &str,
    late: Duration,
    span: Duration,
    buffer: usize,
) -> Received {
    let mut dialogue = Dialogue::connect(server);
    let pair = UdpPair::bind();
    let socket = SockRef::from(&pair.rtp);
    socket.set_recv_buffer_size(buffer).expect("a UDP socket");
    let room = socket.recv_buffer_size().expect("a UDP socket") / 2;
    let track = dialogue.track(url);
    let headers = [("Transport", &*pair.transport()), ("x-receive-buffer", &*room.to_string())];
    dialogue.request("SETUP", &track, &headers).ok();
    play(dialogue, &pair, url, late, span)
}

fn play(mut dialogue: Dialogue, pair: &UdpPair, url: &str, late: Duration, span: Duration) -> Received {
    dialogue.request("PLAY", url, &[]).ok();
    let end = Instant::now() + span;
    let mut count = Count::default();
    let mut packet = vec![0; 65_536];
    while Instant::now() < end {
        pair.rtp.set_read_timeout(Some(Duration::from_secs(5))).expect("a UDP socket");
        pair.rtp.peek(&mut packet).expect("the stream goes on");
        thread::sleep(late);
        count.begin_reading();
        for_each_waiting(&pair.rtp, &mut packet, |packet| count.take(&Rtp::parse(packet)));
    }
    count.received
}

fn for_each_waiting(socket: &UdpSocket, packet: &mut [u8], mut take: impl FnMut(&[u8])) {
    socket.set_nonblocking(true).expect("a UDP socket");
    while let Ok(len) = socket.recv(packet) {
        take(&packet[..len]);
    }
    socket.set_nonblocking(false).expect("a UDP socket");
}

#[derive(Debug, Default)]
struct Count {
    received: Received,
    next: Option<u16>,
    /// The time of the frame that the newest packet belongs to, and whether all of its packets came so
    /// far.
    open: Option<(u32, bool)>,
    /// Whether all packets of that frame that came were read at once.
    is_one_reading: bool,
}

impl Count {
    /// What comes now had come before any of it was read.
    const fn begin_reading(&mut self) {
        self.is_one_reading = false;
    }

    fn take(&mut self, packet: &Rtp) {
        let gap = self.next.map_or(0, |next| packet.sequence.wrapping_sub(next));
        self.received.lost += u64::from(gap);
        self.next = Some(packet.sequence.wrapping_add(1));
        if let Some((timestamp, _)) = self.open
            && timestamp != packet.timestamp
        {
            self.received.broken += 1;
            self.open = None;
        }
        let start = packet.fragment_offset() == 0;
        self.is_one_reading |= start;
        let (_, whole) = self.open.unwrap_or((0, start));
        let whole = whole && (gap == 0 || start);
        self.open = Some((packet.timestamp, whole));
        if packet.marker {
            *if whole { &mut self.received.whole } else { &mut self.received.broken } += 1;
            self.received.at_once += u64::from(whole && self.is_one_reading);
            self.open = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(packets: &[(u16, u32, u32, bool)]) -> Received {
        let mut count = Count::default();
        for &(sequence, timestamp, offset, marker) in packets {
            let payload = [&offset.to_be_bytes()[..], &[0; 4]].concat();
            count.take(&Rtp { marker, payload_type: 26, sequence, timestamp, ssrc: 1, payload });
        }
        count.received
    }

    #[test]
    fn a_frame_is_whole_where_no_packet_of_it_is_lost() {
        let whole = [(65_535, 7, 0, false), (0, 7, 90, true)];
        assert_eq!(count(&whole), Received { whole: 1, broken: 0, at_once: 1, lost: 0 });
        let middle = [(1, 7, 0, false), (3, 7, 90, true), (4, 8, 0, true)];
        assert_eq!(count(&middle), Received { whole: 1, broken: 1, at_once: 1, lost: 1 });
        let end = [(1, 7, 0, false), (3, 8, 0, false), (4, 8, 90, true)];
        assert_eq!(count(&end), Received { whole: 1, broken: 1, at_once: 1, lost: 1 });
        let start = [(1, 7, 0, true), (3, 8, 90, true)];
        assert_eq!(count(&start), Received { whole: 1, broken: 1, at_once: 1, lost: 1 });
    }

    #[test]
    fn a_frame_that_is_read_in_parts_did_not_come_at_once() {
        let packet = |sequence, offset: u32, marker| {
            let payload = [&offset.to_be_bytes()[..], &[0; 4]].concat();
            Rtp { marker, payload_type: 26, sequence, timestamp: 7, ssrc: 1, payload }
        };
        let mut count = Count::default();
        count.take(&packet(1, 0, false));
        count.begin_reading();
        count.take(&packet(2, 90, true));
        assert_eq!((count.received.whole, count.received.at_once), (1, 0));
    }
}
