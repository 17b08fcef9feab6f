//! Drives a client connection with a server that answers requests properly, or sends anything else.
#![no_main]
use libfuzzer_sys::{arbitrary, fuzz_target};
use pinhole::client::{ClientConn, Config, Event, PlayOptions, Port, TransportChoice};
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::Seek;
use pinhole::frame::{FrameRing, Slot};
use pinhole::rtsp::{Message, Method, Pair, Parsed, Scale, Speed, parse};
use pinhole::time::{Duration, Instant, MediaTime, Now, NtpTime};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=a\r\nt=0 0\r\na=control:*\r\n\
    m=video 0 RTP/AVP 26\r\na=control:track0\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n";

#[derive(arbitrary::Arbitrary, Debug)]
enum Step<'a> {
    /// The answer to the last request, as it should be but for what is added to its head.
    Answer {
        status: u8,
        extra: &'a [u8],
    },
    Bytes(&'a [u8]),
    Data {
        channel: u8,
        payload: &'a [u8],
    },
    Datagram {
        track: u8,
        rtp: bool,
        bytes: &'a [u8],
    },
    Wait {
        millis: u16,
    },
    Write {
        len: u16,
    },
    Ports {
        track: u8,
        some: bool,
    },
    Play {
        from: Option<u16>,
        scale: Option<i32>,
        speed: Option<u32>,
    },
    Pause,
    Teardown,
    Lost,
}

fuzz_target!(|input: (u8, u16, Vec<Step<'_>>)| {
    let (transport, window, steps) = input;
    let mut now = Now { at: Instant::from_micros(1 << 40), ntp: NtpTime(1) };
    let mut config = Config::DEFAULT;
    config.transport =
        [TransportChoice::Auto, TransportChoice::Udp, TransportChoice::Tcp][usize::from(transport % 3)];
    let storage = vec![0; config.storage_len(usize::from(window))];
    let mut conn = ClientConn::new(config, now, "rtsp://h/clip", 7, storage).unwrap();
    let mut rings = [(); 4].map(|()| FrameRing::new(TRACK, [Slot::EMPTY; 4], vec![0; 20_000]));
    let sink = &mut rings[..];
    let mut asked = Vec::new();
    for step in steps {
        match step {
            Step::Answer { status, extra } => {
                if let Some(reply) = reply(&mut asked, status, extra) {
                    let _ = conn.handle_stream(now, &reply, sink);
                }
            }
            Step::Bytes(bytes) => _ = conn.handle_stream(now, bytes, sink),
            Step::Data { channel, payload } => {
                let len = payload.len().min(u16::MAX.into());
                let header = pinhole::rtsp::interleaved::Header { channel: channel % 4, len: len as u16 };
                let bytes = [&header.emit()[..], &payload[..len]].concat();
                let _ = conn.handle_stream(now, &bytes, sink);
            }
            Step::Datagram { track, rtp, bytes } => {
                let port = if rtp { Port::Rtp } else { Port::Rtcp };
                conn.handle_datagram(now, track, port, bytes, sink);
            }
            Step::Wait { millis } => now.at = now.at + Duration::from_millis(u64::from(millis)),
            Step::Write { len } => {
                if let Some(chunk) = conn.poll_stream(now) {
                    let mut buffer = vec![0; usize::from(len)];
                    let filled = chunk.fill(&mut buffer);
                    chunk.advance(filled);
                    asked.extend(&buffer[..filled]);
                }
            }
            Step::Ports { track, some } => {
                let _ = conn.setup(track, some.then_some(Pair { rtp: 5000, rtcp: 5001 }));
            }
            Step::Play { from, scale, speed } => {
                let mut play = PlayOptions::default();
                play.from = from.map(|from| Seek::To(MediaTime::from_micros(u64::from(from) << 10)));
                play.scale = scale.and_then(Scale::from_thousandths).unwrap_or_default();
                play.speed = speed.and_then(Speed::from_thousandths).unwrap_or_default();
                conn.play_with(play);
            }
            Step::Pause => conn.pause(),
            Step::Teardown => conn.teardown(),
            Step::Lost => conn.disconnected(now, sink),
        }
        conn.handle_timeout(now, sink);
        while let Some(event) = conn.poll_event(now) {
            if matches!(event, Event::Closed | Event::Failed(_)) {
                return;
            }
        }
        // Bounded: each datagram is a punch or a report, and the next one is due later.
        for sent in 0.. {
            let Some(pending) = conn.poll_transmit(now) else { break };
            assert!(sent < 100 && !pending.bytes().is_empty());
            pending.commit();
        }
        let _ = (conn.poll_at(), conn.track(0), conn.statistics(0), conn.stream_room());
    }
});

/// Takes the first whole request out of `asked`, and answers it.
fn reply(asked: &mut Vec<u8>, status: u8, extra: &[u8]) -> Option<Vec<u8>> {
    let (head, body, len) = match parse(asked).expect("what a client says can be read") {
        Parsed::Complete(Message::Request(request), len) => {
            let status = match status {
                0..200 => "200 OK",
                200..220 => "404 Not Found",
                220..230 => "454 Session Not Found",
                230..240 => "461 Unsupported Transport",
                240..250 => "302 Moved",
                _ => "500 Oops",
            };
            let cseq = request.headers.cseq().expect("a request has a number");
            let transport = request.headers.get("Transport").map(String::from_utf8_lossy);
            let transport = transport.map_or(String::new(), |value| format!("Transport: {value}\r\n"));
            let body = if request.method == Method::Describe { SDP } else { "" };
            let length = format!("Content-Length: {}\r\n", body.len());
            (format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\nSession: 1\r\n{transport}{length}"), body, len)
        }
        Parsed::Complete(_, len) => (String::new(), "", len),
        Parsed::Partial => return None,
        Parsed::Skip(_) => panic!("an empty line between messages"),
    };
    asked.drain(..len);
    Some([head.as_bytes(), extra, b"\r\n", body.as_bytes()].concat())
}
