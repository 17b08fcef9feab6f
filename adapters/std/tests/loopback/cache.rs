//! The client's cache: media longer than it, seeks, and servers that come back.
use crate::common::{LIMIT, Serving, library};
use pinhole::client::TransportChoice;
use pinhole::codec::jpeg::JpegInfo;
use pinhole::frame::{Frame, FrameId, TrackId};
use pinhole::rtsp::Speed;
use pinhole::time::MediaTime;
use pinhole_std::client::{Client, Error, Event, Options, PrefetchOptions};
use pinhole_std::media::{Library, PatternFormat, Playback};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

const TRANSPORTS: [TransportChoice; 2] = [TransportChoice::Udp, TransportChoice::Tcp];
const TURN: Duration = Duration::from_millis(5);

fn anywhere() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Fetches as fast as the server can.
fn options(transport: TransportChoice, cache: usize) -> Options {
    let speed = Speed::from_thousandths(16_000).unwrap();
    let prefetch = Some(PrefetchOptions { speed, ..PrefetchOptions::default() });
    Options { transport, cache, prefetch, ..Options::default() }
}

fn scan<'a>(frame: &Frame<'a>) -> &'a [u8] {
    let info = JpegInfo::locate(frame.data).expect("a JPEG file");
    &frame.data[info.scan as usize..][..info.scan_len as usize]
}

/// A client that reads one frame after the other.
struct Viewer {
    client: Client,
    next: FrameId,
    /// The numbers of the frames that were read, in the clip.
    seen: Vec<u64>,
    events: Vec<Event>,
}

impl Viewer {
    fn new(url: &str, options: &Options) -> Self {
        let client = Client::connect(url, options).expect("the server is there");
        Self { client, next: FrameId(0), seen: Vec::new(), events: Vec::new() }
    }

    /// Reads the next frame, if it is there.
    fn look(&mut self, clip: &Library) {
        if let Ok(frame) = self.client.frame(0, self.next) {
            let number = (frame.time + 1_500) / 3_000;
            let sent = clip.load(TrackId::default(), FrameId(number)).unwrap();
            assert!(scan(&sent) == scan(&frame), "frame {number}");
            self.seen.push(number);
            self.next = self.next.next();
            self.client.watch_from(0, self.next);
        }
    }

    fn turn(&mut self) -> Result<(), Error> {
        let done = self.client.turn(TURN);
        self.events.extend(std::iter::from_fn(|| self.client.poll_event()));
        done
    }

    /// Reads frames as they come, until `done`.
    fn watch(&mut self, clip: &Library, done: impl Fn(&Self) -> bool) -> Result<(), Error> {
        let deadline = Instant::now() + LIMIT;
        while !done(self) {
            assert!(Instant::now() < deadline, "not in time: {:?}, seen {:?}", self.events, self.seen);
            self.turn()?;
            self.look(clip);
        }
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.events.contains(&Event::Ended) && self.next == self.client.cached(0).end
    }
}

#[test]
fn a_small_cache_shows_a_whole_clip() {
    let clip = library();
    let store = (0..60).map(|n| clip.load(TrackId::default(), FrameId(n)).unwrap().data.len());
    let cache = store.sum::<usize>() / 4;
    for transport in TRANSPORTS {
        let serving = Serving::start(anywhere(), library());
        let mut viewer = Viewer::new(&serving.url(), &options(transport, cache));
        viewer.watch(&clip, Viewer::has_ended).unwrap();
        assert!(viewer.seen.iter().copied().eq(0..60), "{:?}", viewer.seen);
        let usage = viewer.client.usage(0);
        assert_eq!(usage.capacity, cache);
        assert!((cache / 4..=cache).contains(&usage.bytes) && (5..60).contains(&usage.frames), "{usage:?}");
        assert!(viewer.client.cached(0).start > FrameId(0));
        let figures = viewer.client.track_statistics(0);
        assert_eq!((figures.frames_complete, figures.frames_missing, figures.frames_damaged), (60, 0, 0));
        assert!(!viewer.events.contains(&Event::Paused));
    }
}

#[test]
fn a_seek_begins_at_its_frame() {
    let clip = library();
    for transport in TRANSPORTS {
        let serving = Serving::start(anywhere(), library());
        let mut viewer = Viewer::new(&serving.url(), &options(transport, 64 << 20));
        viewer.watch(&clip, |viewer| viewer.next == FrameId(3)).unwrap();
        assert_eq!(viewer.client.duration(), Some(Duration::from_secs(2)));
        assert!(!viewer.client.is_live());
        let at = MediaTime::from_micros(1_500_000);
        let first = viewer.client.cached(0).end;
        viewer.client.seek(at);
        viewer.next = first;
        viewer.watch(&clip, Viewer::has_ended).unwrap();
        assert_eq!(viewer.seen, [0, 1, 2, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59]);
        assert_eq!(viewer.client.find(0, at), Some(first));
        let spans: Vec<_> = viewer.client.time_ranges(0).map(|span| span.frames).collect();
        assert_eq!(spans, [first..FrameId(first.0 + 15), FrameId(0)..first]);
        // After the end, too.
        viewer.events.clear();
        viewer.next = viewer.client.cached(0).end;
        viewer.client.seek(MediaTime::from_micros(1_900_000));
        viewer.watch(&clip, Viewer::has_ended).unwrap();
        assert_eq!(viewer.seen[18..], [57, 58, 59]);
        let refused = |event: &Event| matches!(event, Event::Refused { .. });
        viewer.client.seek(MediaTime::from_micros(9_000_000));
        viewer.watch(&clip, |viewer| viewer.events.iter().any(refused)).unwrap();
    }
}

/// Connects again until that succeeds.
fn reconnect(viewer: &mut Viewer) {
    let deadline = Instant::now() + LIMIT;
    viewer.client.reconnect();
    while !viewer.client.is_connected() {
        assert!(Instant::now() < deadline, "not in time");
        if viewer.turn().is_err() {
            viewer.client.reconnect();
        }
    }
}

#[test]
fn recorded_media_go_on_after_a_reconnection() {
    let clip = library();
    for transport in TRANSPORTS {
        let mut slow = options(transport, 64 << 20);
        slow.prefetch = Some(PrefetchOptions { speed: Speed::NORMAL, ..PrefetchOptions::default() });
        let serving = Serving::start(anywhere(), library());
        let (url, address) = (serving.url(), serving.address);
        let mut viewer = Viewer::new(&url, &slow);
        viewer.watch(&clip, |viewer| viewer.next == FrameId(10)).unwrap();
        drop(serving);
        let error = viewer.watch(&clip, |_| false).unwrap_err();
        assert!(error.to_string().contains("closed the connection"), "{error}");
        assert!(!viewer.client.is_connected() && viewer.client.frame(0, FrameId(0)).is_ok());
        // Nobody is there.
        viewer.client.reconnect();
        let error = viewer.watch(&clip, |_| false).unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error}");
        let _serving = Serving::start(address, library());
        reconnect(&mut viewer);
        viewer.watch(&clip, Viewer::has_ended).unwrap();
        assert!(viewer.seen.iter().copied().eq(0..60), "{:?}", viewer.seen);
        assert_eq!(viewer.client.time_ranges(0).count(), 1);
        assert_eq!(viewer.client.track_statistics(0).frames_complete, 60);
    }
}

#[test]
fn live_media_go_on_after_a_reconnection() {
    let pattern = || {
        let mut library = Library::new(Playback::default());
        let format = PatternFormat::new(64, 48, Playback::default().frame_rate).unwrap();
        library.add_pattern("bunny288", format);
        library
    };
    let serving = Serving::start(anywhere(), pattern());
    let address = serving.address;
    let mut viewer = Viewer::new(&serving.url(), &options(TransportChoice::Tcp, 8 << 20));
    let deadline = Instant::now() + LIMIT;
    let come = |viewer: &mut Viewer, frames: u64| {
        while viewer.client.cached(0).end < FrameId(frames) {
            assert!(Instant::now() < deadline, "not in time");
            let _ = viewer.turn();
        }
    };
    come(&mut viewer, 10);
    assert!(viewer.client.is_live());
    drop(serving);
    let lost = viewer.client.cached(0).end;
    while viewer.client.is_connected() {
        assert!(Instant::now() < deadline, "not in time");
        let _ = viewer.turn();
    }
    let gone = Instant::now();
    std::thread::sleep(Duration::from_secs(1));
    let _serving = Serving::start(address, pattern());
    reconnect(&mut viewer);
    let enough = viewer.client.cached(0).end.0 + 5;
    come(&mut viewer, enough);
    let spans: Vec<_> = viewer.client.time_ranges(0).collect();
    let [after, before] = &spans[..] else { panic!("{spans:?}") };
    assert!(before.frames.end >= lost && after.frames.start == before.frames.end);
    let gap = Duration::from(after.from.since(before.to));
    assert!(gap >= Duration::from_millis(900) && gap <= gone.elapsed() + Duration::from_secs(1), "{gap:?}");
}

#[test]
fn a_cache_smaller_than_a_frame_is_an_error() {
    let serving = Serving::start(anywhere(), library());
    let mut viewer = Viewer::new(&serving.url(), &options(TransportChoice::Tcp, 5_000));
    let error = viewer.watch(&library(), |_| false).unwrap_err();
    let Error::CacheTooSmall { frame, cache: 5_000 } = error else { panic!("{error}") };
    let frames = library();
    let largest = (0..60).map(|n| frames.load(TrackId::default(), FrameId(n)).unwrap().data.len()).max();
    assert!(frame > 5_000 && frame <= largest.unwrap(), "{error}");
    assert!(error.to_string().contains(&frame.to_string()));
}
