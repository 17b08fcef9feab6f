//! retina, a strict client in Rust, watches the server.
use futures_util::StreamExt as _;
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::server::{GstServer, Server};
use pinhole_tests::{Transport, watch};
use retina::client::{PlayOptions, Session, SessionOptions, SetupOptions};
use retina::codec::CodecItem;
use std::time::Duration;

#[test]
fn retina_sees_each_frame_over_udp_and_tcp() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    let clips = [Clip::sample(), Clip::course(), Clip::own_huffman(&directory)];
    let server = Server::of(&clips.each_ref());
    for clip in &clips {
        let file = watch::ffmpeg_file(&clip.plain);
        for transport in Transport::ALL {
            let frames = frames(&server.url(clip.mount()), transport, clip.frames);
            let seen = watch::ffmpeg_file(&directory.file("seen.mjpeg", &frames.concat()));
            watch::assert_same(&seen, &file, &format!("{} over {transport}", clip.mount()));
        }
    }
}

#[test]
fn retina_and_ffmpeg_agree_on_odd_sizes() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    let server = Server::with(&["--pattern", "331x187@25"], &[""; 0]);
    let url = server.url("pattern");
    let (_, by_ffmpeg) = watch::ffmpeg_start(&url, Transport::Tcp, 25);
    for transport in Transport::ALL {
        let frames = frames(&url, transport, 25);
        let seen = watch::ffmpeg_file(&directory.file("seen.mjpeg", &frames.concat()));
        watch::assert_same(&seen, &by_ffmpeg, &format!("odd size over {transport}"));
    }
}

/// The same client with a stock server: where this fails, the one above means nothing.
#[test]
fn retina_sees_what_gst_rtsp_server_serves() {
    if !available(&[Peer::Ffmpeg, Peer::GstServer]) {
        return;
    }
    let directory = TempDir::new();
    let clip = Clip::avi(&directory);
    let server = GstServer::start(&clip);
    let frames = frames(&server.url, Transport::Tcp, clip.frames);
    let seen = watch::ffmpeg_file(&directory.file("seen.mjpeg", &frames.concat()));
    watch::assert_same(&seen, &watch::ffmpeg_file(&clip.plain), "retina");
}

/// The first `count` frames of a stream, as whole JPEG files.
fn frames(url: &str, transport: Transport, count: usize) -> Vec<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let watching = async {
        let mut session = Session::describe(url.parse().unwrap(), SessionOptions::default()).await?;
        let transport = transport.to_string().parse()?;
        session.setup(0, SetupOptions::default().transport(transport)).await?;
        let mut stream = session.play(PlayOptions::default()).await?.demuxed()?;
        let mut frames = Vec::new();
        while frames.len() < count {
            // retina does not end at a BYE: a frame that never came shows as a timeout below.
            match stream.next().await.transpose()? {
                Some(CodecItem::VideoFrame(frame)) => {
                    assert_eq!(frame.loss(), 0, "packets lost before frame {}", frames.len());
                    frames.push(frame.into_data());
                }
                Some(_) => {}
                None => break,
            }
        }
        Ok::<_, retina::Error>(frames)
    };
    let watched = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), watching).await });
    watched.unwrap_or_else(|_| panic!("{url} over {transport}: fewer than {count} frames")).unwrap()
}
