//! Clients on smoltcp watch a real clip from a server on smoltcp.
mod common;

use TransportChoice::{Auto, Tcp, Udp};
use common::{NO_FAULTS, sample};
use pinhole::client::{Config, TransportChoice};
use pinhole_sim::clip::Clip;
use pinhole_sim::faults::Faults;
use pinhole_sim::wire::Medium;
use pinhole_sim::world::{Family, Media, SMALL, Sim, Watcher, udp};
use pinhole_smoltcp::memory::{ServerResources, TcpBuffers};
use pinhole_smoltcp::time::now;
use smoltcp::time::Duration;

const FRAMES: u64 = 60;

fn start(faults: (Faults, u64), resources: ServerResources, clip: Clip) -> Sim {
    Sim::new(Medium::Ip, Family::V4, faults, resources, Media::Recorded(clip))
}

fn config(transport: TransportChoice) -> Config {
    let mut config = Config::DEFAULT;
    config.transport = transport;
    config
}

fn all_told(sim: &Sim, what: &str) -> bool {
    sim.watchers.iter().all(|watcher| watcher.told(what))
}

/// Has the clients leave; the server then has nobody left.
fn leave(sim: &mut Sim) {
    sim.watchers.iter_mut().for_each(|watcher| watcher.client.conn_mut().teardown());
    let gone = sim.run(10, |sim| {
        sim.served.server.connected() == 0 && sim.watchers.iter().all(|watcher| watcher.client.is_closed())
    });
    assert!(gone && all_told(sim, "Closed"), "{:?}", sim.watchers[0].log);
    let closed = sim.served.app.log.iter().filter(|event| event.contains("reason: Teardown")).count();
    assert_eq!(closed, sim.watchers.len());
}

/// Every frame reaches every client, whole, and both ends are told that the clip has ended.
fn whole_clip(medium: Medium, family: Family, resources: ServerResources, transports: &[TransportChoice]) {
    let mut sim = Sim::new(medium, family, NO_FAULTS, resources, Media::Recorded(sample(FRAMES as usize)));
    transports.iter().for_each(|transport| sim.watch(config(*transport)));
    let ended = sim.run(10, |sim| all_told(sim, "Ended"));
    assert!(ended, "{:?}\n{:?}", sim.watchers[0].log, sim.served.app.log);
    for (watcher, transport) in sim.watchers.iter().zip(transports) {
        assert_eq!(watcher.check(&sim.served.clip), (FRAMES, 0));
        let figures = watcher.client.conn().statistics(0).unwrap();
        assert_eq!((figures.frames_complete, figures.lost), (FRAMES, 0));
        assert_eq!((figures.frames_missing, figures.frames_skipped), (0, 0));
        let lower = if *transport == Tcp { "Interleaved" } else { "Udp" };
        assert!(watcher.told(&format!("Playing {{ lower: {lower}")), "{:?}", watcher.log);
    }
    let ended = sim.served.app.log.iter().filter(|event| event.contains("Ended")).count();
    assert_eq!(ended, transports.len());
    leave(&mut sim);
}

#[test]
fn by_udp() {
    whole_clip(Medium::Ethernet, Family::V4, SMALL, &[Udp]);
}

#[test]
fn by_udp_over_ipv6() {
    whole_clip(Medium::Ethernet, Family::V6, SMALL, &[Udp]);
}

#[test]
fn by_udp_with_room_for_one_packet() {
    whole_clip(Medium::Ip, Family::V4, ServerResources { udp: udp(1), ..SMALL }, &[Udp]);
}

#[test]
fn interleaved_from_a_transmit_buffer_of_half_a_packet() {
    whole_clip(Medium::Ethernet, Family::V4, SMALL, &[Tcp]);
}

#[test]
fn interleaved_over_ipv6() {
    let resources = ServerResources { tcp: TcpBuffers { receive: 300, transmit: 5000 }, ..SMALL };
    whole_clip(Medium::Ip, Family::V6, resources, &[Tcp]);
}

#[test]
fn packets_are_shortened_for_ipv6() {
    let mut resources = SMALL;
    resources.config.max_packet = 1472;
    for family in [Family::V4, Family::V6] {
        whole_clip(Medium::Ip, family, resources, &[Udp]);
    }
}

#[test]
fn two_clients_at_once() {
    whole_clip(Medium::Ethernet, Family::V4, SMALL, &[Udp, Tcp]);
    whole_clip(Medium::Ethernet, Family::V4, SMALL, &[Udp, Udp]);
    whole_clip(Medium::Ethernet, Family::V4, SMALL, &[Tcp, Tcp]);
}

#[test]
fn without_udp_media_are_interleaved() {
    let resources = ServerResources { udp: udp(0), ..SMALL };
    let mut sim = start(NO_FAULTS, resources, sample(10));
    sim.watch(config(Auto));
    assert!(sim.run(5, |sim| all_told(sim, "Ended")), "{:?}", sim.watchers[0].log);
    assert!(sim.watchers[0].told("Playing { lower: Interleaved"));
    assert_eq!(sim.watchers[0].check(&sim.served.clip), (10, 0));
}

#[test]
fn a_slow_reader_gets_fewer_whole_frames() {
    let mut sim = start(NO_FAULTS, SMALL, sample(FRAMES as usize));
    // Each of the 701 bytes waits for an acknowledgement that the client holds back.
    sim.ack_delay = Some(Duration::from_millis(10));
    sim.watch(config(Tcp));
    assert!(sim.run(10, |sim| all_told(sim, "Ended")), "{:?}", sim.watchers[0].log);
    let (complete, damaged) = sim.watchers[0].check(&sim.served.clip);
    let figures = sim.watchers[0].client.conn().statistics(0).unwrap();
    assert!(complete > 2 && complete < FRAMES / 2, "{complete}");
    assert_eq!((damaged, figures.lost, figures.frames_missing), (0, 0, 0));
    assert_eq!(complete + sim.served.app.skipped, FRAMES);
}

#[test]
fn a_slow_main_loop_makes_no_response_overdue() {
    let mut sim = start(NO_FAULTS, SMALL, sample(FRAMES as usize));
    sim.watch(config(Udp));
    assert!(sim.run(5, |sim| all_told(sim, "Playing")), "{:?}", sim.watchers[0].log);
    let Watcher { host, mut client, mut ring, mut log, .. } = sim.watchers.remove(0);
    sim.others.push(host);
    client.conn_mut().pause();
    // Its main loop has a turn, in which it asks, and the next one long after the answer has come.
    for _ in 0..2 {
        let sockets = &mut sim.others[0].sockets;
        client.poll(now(sim.at), sockets, &mut ring, |event| log.push(format!("{event:?}")));
        sim.run(20, |_| false);
    }
    assert_eq!(log.last().map(String::as_str), Some("Paused"));
}

/// Frames are complete and right, or marked, or counted as missing.
fn over_a_bad_network(transport: TransportChoice, seed: u64) -> (u64, u64) {
    let mut faults = NO_FAULTS.0;
    (faults.loss, faults.duplicate, faults.reorder) = (0.01, 0.01, 0.02);
    let resources = ServerResources { tcp: TcpBuffers { receive: 1024, transmit: 40_000 }, ..SMALL };
    let mut sim = start((faults, seed), resources, sample(FRAMES as usize));
    sim.watch(config(transport));
    assert!(sim.run(60, |sim| all_told(sim, "Ended")), "{:?}", sim.watchers[0].log);
    let (complete, damaged) = sim.watchers[0].check(&sim.served.clip);
    let figures = sim.watchers[0].client.conn().statistics(0).unwrap();
    assert_eq!((figures.frames_complete, figures.frames_damaged), (complete, damaged));
    let known = complete + damaged + figures.frames_missing + sim.served.app.skipped;
    assert_eq!(known, FRAMES, "{figures:?}");
    (complete, damaged)
}

#[test]
fn frames_lost_by_udp_are_marked_or_counted() {
    let mut sum = (0, 0);
    for seed in 1..=10 {
        let (complete, damaged) = over_a_bad_network(Udp, seed);
        sum = (sum.0 + complete, sum.1 + damaged);
    }
    assert!(sum.0 > 0 && sum.1 > 0, "{sum:?}");
}

#[test]
fn a_bad_network_only_delays_interleaved_frames() {
    for seed in 1..=5 {
        let (complete, damaged) = over_a_bad_network(Tcp, seed);
        assert!(complete > 0 && damaged == 0, "{complete} complete, {damaged} damaged");
    }
}
