//! What is sent, and what tshark says of it.
use pinhole::codec::Codec;
use pinhole::codec::pcm::{Pcm, Sample};
use pinhole::frame::{Frame, FrameRing, Seek, Slot, TrackId, TrackInfo};
use pinhole::rtp::{Framing, Play, Port, Sender, SenderConfig};
use pinhole::time::{Duration, Instant, MediaTime, Now, NtpTime};
use pinhole_tests::capture::Capture;
use pinhole_tests::network::in_own_network;
use pinhole_tests::peer::{Peer, available};
use std::net::UdpSocket;

/// Runs as the test of this name.
pub(crate) fn is_well_formed(test: &str) {
    if !available(&[Peer::Tshark]) {
        return;
    }
    in_own_network(test, || {
        let forms = [
            (Sample::L16, 2, 44_100, "PT=16-bit uncompressed audio, stereo"),
            (Sample::L16, 1, 44_100, "PT=16-bit uncompressed audio, monaural"),
            (Sample::Pcmu, 1, 8_000, "PT=ITU-T G.711 PCMU"),
        ];
        for (sample, channels, clock_rate, name) in forms {
            let pcm = Pcm { sample, channels };
            let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
            let port = receiver.local_addr().unwrap().port();
            let capture = Capture::start(554);
            let sent = send(TrackInfo::new(Codec::Pcm(pcm), clock_rate), pcm.instant_len(), port);
            let recording = capture.finish().with_rtp(port);
            let rows = recording.rows("rtp", &["_ws.col.Info"]);
            assert_eq!(rows.len(), sent, "{name}");
            assert!(rows.iter().all(|row| row.starts_with(name)), "{name}: {rows:?}");
            assert_eq!(recording.malformed(), [""; 0], "{name}: malformed");
        }
    });
}

/// Sends a second of sound to this port of 127.0.0.1. Returns the number of RTP packets.
fn send(info: TrackInfo<'static>, instant: usize, port: u16) -> usize {
    const BLOCK: u32 = 1_024;
    let mut sound = FrameRing::new(info, vec![Slot::EMPTY; 64], vec![0; 1 << 20]);
    let samples = vec![0x55; BLOCK as usize * instant];
    for time in (0..info.clock_rate).step_by(BLOCK as usize) {
        sound.push(&Frame::intra(&samples, u64::from(time), BLOCK)).unwrap();
    }
    let now = |millis: u64| Now {
        at: Instant::from_micros(millis * 1_000),
        ntp: NtpTime::from_unix(Duration::from_millis(1_700_000_000_000 + millis)),
    };
    let config = SenderConfig {
        track: TrackId::default(),
        framing: Framing::Datagram,
        max_packet: 1_400,
        late: Duration::from_secs(1),
        adapt: false,
        live_burst: SenderConfig::DEFAULT_LIVE_BURST,
        cname: 5,
        ssrc: 0x1234_5678,
        sequence_number: 0xDEF0,
        timestamp: 0x5678_9ABC,
    };
    let mut sender = Sender::new(now(0), config);
    sender.play(Play { from: Some(Seek::To(MediaTime::ZERO)), ..Play::default() }, &sound).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (mut packets, mut out) = (0, [0; 1_500]);
    for millis in 0..1_200 {
        while let Some(mut transmit) = sender.poll_transmit(now(millis), &sound) {
            let is_rtp = transmit.port() == Port::Rtp;
            let len = transmit.emit(1, &mut out).unwrap().len;
            if is_rtp {
                socket.send_to(&out[..len], ("127.0.0.1", port)).unwrap();
                packets += 1;
            }
            transmit.commit(1);
        }
    }
    packets
}
