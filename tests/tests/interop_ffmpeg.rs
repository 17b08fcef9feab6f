//! ffmpeg watches the server.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, undisturbed, watch};

#[test]
fn ffmpeg_sees_each_frame_over_udp_and_tcp() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clips = [Clip::sample(), Clip::course(), Clip::own_huffman(&directory)];
    let server = Server::of(&clips.each_ref());
    for clip in &clips {
        let file = watch::ffmpeg_file(&clip.plain);
        assert_eq!(file.len(), clip.frames);
        for transport in Transport::ALL {
            let seen = watch::ffmpeg_stream(&server.url(clip.mount()), transport);
            watch::assert_same(&seen, &file, &format!("{} over {transport}", clip.mount()));
        }
    }
}

#[test]
fn ffmpeg_sees_each_frame_of_720p() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clip = Clip::large(&directory);
    let server = Server::of(&[&clip]);
    let file = watch::ffmpeg_file(&clip.plain);
    for transport in Transport::ALL {
        let seen = watch::ffmpeg_stream(&server.url(clip.mount()), transport);
        watch::assert_same(&seen, &file, &format!("720p over {transport}"));
    }
}

#[test]
fn slash_and_query_name_the_same_stream() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    let file = watch::ffmpeg_file(&clip.plain);
    for suffix in ["/", "?user=nobody"] {
        let seen = watch::ffmpeg_stream(&(server.url(clip.mount()) + suffix), Transport::Tcp);
        watch::assert_same(&seen, &file, suffix);
    }
}
