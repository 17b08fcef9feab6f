//! `--mtu`: packets as large as the network takes.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, undisturbed, viewer, watch};
use std::time::Duration;

/// The longest RTP packet of a clip.
fn longest(server: &Server, clip: &Clip) -> usize {
    let url = server.url(clip.mount());
    let mut dialogue = Dialogue::connect(server.address());
    dialogue.set_up_tcp(&url);
    dialogue.request("PLAY", &url, &[]).ok();
    let packets = std::iter::from_fn(|| dialogue.interleaved(Duration::from_secs(10)));
    packets.filter(|(channel, _)| *channel == 0).take(200).map(|(_, packet)| packet.len()).max().unwrap()
}

#[test]
fn an_mtu_counts_the_whole_ip_packet() {
    let clip = Clip::sample();
    for (mtu, packet) in [("596", 548), ("1400", 1352), ("9000", 8952)] {
        let server = Server::with(&["--mtu", mtu], &[&clip.path]);
        assert_eq!(longest(&server, &clip), packet, "--mtu {mtu}");
    }
}

#[test]
fn jumbo_packets_reach_every_client() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clips = [Clip::sample(), Clip::large(&directory)];
    let paths = clips.each_ref().map(|clip| &clip.path);
    for mtu in ["9000", "65535"] {
        let server = Server::with(&["--mtu", mtu], &paths);
        for clip in &clips {
            let file = watch::ffmpeg_file(&clip.plain);
            for transport in Transport::ALL {
                let url = server.url(clip.mount());
                // ffmpeg's receive buffer holds few packets of this size: a large frame's do not fit.
                if transport == Transport::Tcp || clip.mount() == "bunny288" {
                    let seen = watch::ffmpeg_stream(&url, transport);
                    watch::assert_same(&seen, &file, &format!("{} over {transport}, {mtu}", clip.mount()));
                }
                viewer::watch(&url, transport, &[]).assert_whole(clip.frames);
            }
        }
    }
}
