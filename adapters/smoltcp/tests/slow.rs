//! A link that is slower than the video: its device takes no packet while another one leaves.
mod common;

use common::NO_FAULTS;
use pinhole::client::{Config, TransportChoice};
use pinhole::frame::{FrameId, FrameStore, TrackId};
use pinhole::sdp::FrameRate;
use pinhole_sim::clip::Clip;
use pinhole_sim::wire::Medium;
use pinhole_sim::world::{Family, Media, RTSP, SMALL, Sim, udp};
use pinhole_smoltcp::memory::{ServerResources, TcpBuffers};
use pinhole_smoltcp::time::to_smoltcp;
use pinhole_std::media::NormaliseOptions;
use smoltcp::socket::tcp;
use smoltcp::time::Duration;
use std::path::Path;

/// Of a small camera: three packets for each client that is sent to by TCP, and four for all others.
const RESOURCES: ServerResources = ServerResources {
    connections: 4,
    tcp: TcpBuffers { receive: 512, transmit: 3 * 1404 },
    udp: udp(4),
    ..SMALL
};
/// Buffers of the camera: one that is written, and two.
const BUFFERS: usize = 3;

/// Returns a camera of 890 kB/s, in frames of 27 KB on average, on a link of so many bytes per second.
fn camera(bytes_per_second: u64) -> Sim {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../video/bunny288.mjpeg");
    let clip = Clip::open(Path::new(path), FrameRate(33_000), NormaliseOptions::default()).unwrap().first(99);
    let mut sim = Sim::new(Medium::Ethernet, Family::V4, NO_FAULTS, RESOURCES, Media::Camera(clip, BUFFERS));
    sim.served.host.port.rate = Some(8 * bytes_per_second);
    sim
}

fn watch(sim: &mut Sim, transport: TransportChoice) {
    let mut config = Config::DEFAULT;
    config.transport = transport;
    sim.watch(config);
}

/// Whole frames of a client, the bytes of them, and damaged frames.
#[derive(Clone, Copy, Debug, Default)]
struct Got {
    whole: u64,
    bytes: u64,
    damaged: u64,
}

/// Lets `millis` pass, and counts what each client gets in that time.
fn count(sim: &mut Sim, millis: u64) -> Vec<Got> {
    let mut got = vec![Got::default(); sim.watchers.len()];
    let mut seen: Vec<_> = sim.watchers.iter().map(|watcher| watcher.ring.frames().end.0).collect();
    for _ in 0..millis / 500 {
        sim.pass(500);
        for ((got, seen), watcher) in got.iter_mut().zip(&mut seen).zip(&sim.watchers) {
            let new = *seen..watcher.ring.frames().end.0;
            *seen = new.end;
            for frame in new.map(|id| watcher.ring.frame(TrackId::default(), FrameId(id)).unwrap()) {
                if frame.flags.integrity.is_complete() {
                    (got.whole, got.bytes) = (got.whole + 1, got.bytes + frame.data.len() as u64);
                } else {
                    got.damaged += 1;
                }
            }
        }
    }
    got
}

/// Sends a request on a connection of its own once a second while `millis` pass. Returns the longest time that a
/// reply takes.
fn slowest_reply(sim: &mut Sim, seconds: u64) -> Duration {
    let mut host = sim.host();
    let socket = host.tcp(2048, 512);
    host.connect(socket, (sim.served.host.address, RTSP), 50_000);
    sim.others.push(host);
    let last = sim.others.len() - 1;
    let mut longest = Duration::ZERO;
    for cseq in 1..=seconds {
        let request = format!("OPTIONS * RTSP/1.0\r\nCSeq: {cseq}\r\n\r\n");
        assert!(sim.run(1, |sim| sim.others[last].socket(socket).state() == tcp::State::Established));
        let asked = sim.at;
        sim.others[last].socket(socket).send_slice(request.as_bytes()).unwrap();
        assert!(sim.run(5, |sim| sim.others[last].socket(socket).can_recv()), "no reply in 5 s");
        longest = longest.max(sim.at - asked);
        sim.others[last].socket(socket).recv(|bytes| (bytes.len(), ())).unwrap();
        sim.pass(1_000);
    }
    longest
}

/// Nine in ten of the bytes that the link carries are those of whole frames, and replies come in time.
#[test]
fn by_udp_whole_frames_come_at_the_rate_of_the_link() {
    for kilobytes in [40, 200, 400, 800] {
        let mut sim = camera(kilobytes * 1_000);
        watch(&mut sim, TransportChoice::Udp);
        assert!(sim.run(1, |sim| sim.watchers[0].told("Playing")), "{:?}", sim.watchers[0].log);
        let got = count(&mut sim, 60_000)[0];
        assert!(got.bytes >= 60 * kilobytes * 900, "{kilobytes} kB/s: {got:?}");
        assert_eq!(got.damaged, 0, "{kilobytes} kB/s");
        let took = slowest_reply(&mut sim, 10);
        // A reply waits for its turn among packets that take up to 38 ms each.
        let most = if kilobytes < 200 { 500 } else { 200 };
        assert!(took < Duration::from_millis(most), "{kilobytes} kB/s: {took}");
    }
}

#[test]
fn by_tcp_whole_frames_come_at_the_rate_of_the_link() {
    for kilobytes in [200, 400, 800] {
        let mut sim = camera(kilobytes * 1_000);
        watch(&mut sim, TransportChoice::Tcp);
        assert!(sim.run(1, |sim| sim.watchers[0].told("Playing")), "{:?}", sim.watchers[0].log);
        let got = count(&mut sim, 60_000)[0];
        assert!(got.bytes >= 60 * kilobytes * 900, "{kilobytes} kB/s: {got:?}");
        assert_eq!(got.damaged, 0, "{kilobytes} kB/s");
        let took = slowest_reply(&mut sim, 10);
        assert!(took < Duration::from_millis(200), "{kilobytes} kB/s: {took}");
    }
}

/// A device that takes nothing for two seconds has lost nobody: all go on soon after, although nothing is heard of
/// them.
#[test]
fn a_link_that_stood_still_goes_on() {
    let mut sim = camera(2_000_000);
    (0..2).for_each(|_| watch(&mut sim, TransportChoice::Udp));
    assert!(sim.run(1, |sim| sim.watchers.iter().all(|watcher| watcher.told("Playing"))));
    sim.pass(3_000);
    sim.watchers.iter().for_each(|watcher| watcher.host.port.cut_each([true, false]));
    // A frame of Ethernet takes two seconds.
    sim.served.host.port.rate = Some(8 * 720);
    sim.pass(1_000);
    sim.served.host.port.rate = Some(8 * 2_000_000);
    assert!(sim.run(5, |sim| sim.at >= to_smoltcp(sim.served.host.port.ready_at())));
    sim.pass(2_000);
    let got = count(&mut sim, 500);
    assert!(got.iter().all(|got| got.whole >= 10), "{got:?}");
}

/// Nobody has the link alone, whatever the order of the sockets.
#[test]
fn clients_share_a_slow_link() {
    use TransportChoice::{Tcp, Udp};
    for transports in [&[Tcp, Tcp][..], &[Udp, Tcp], &[Tcp, Udp], &[Udp, Udp], &[Tcp, Tcp, Tcp]] {
        let mut sim = camera(400_000);
        transports.iter().for_each(|transport| watch(&mut sim, *transport));
        let playing = sim.run(2, |sim| sim.watchers.iter().all(|watcher| watcher.told("Playing")));
        assert!(playing, "{transports:?}: {:?}", sim.watchers[1].log);
        let got = count(&mut sim, 30_000);
        let all: u64 = got.iter().map(|got| got.bytes).sum();
        assert!(all >= 30 * 400_000 * 8 / 10, "{transports:?}: {got:?}");
        for got in &got {
            assert!(got.bytes * 2 * transports.len() as u64 >= all, "{transports:?}: {got:?} of {all}");
            assert_eq!(got.damaged, 0, "{transports:?}");
        }
    }
}
