//! Inputs with faults.
use super::events::PendingEvents;
use super::stream::MOST_AHEAD;
use super::*;
use pinhole::frame::{FrameId, FrameStore, TrackId};
use pinhole::time::{Duration, MediaTime};
use std::thread;
use std::time::{Duration as StdDuration, Instant as StdInstant};

const TRACK: TrackId = TrackId { media: 0, track: 0 };

/// Frames of 4:2:0 with an EOI each.
fn sample() -> Vec<Vec<u8>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../video/bunny288.mjpeg");
    let file = std::fs::read(path).unwrap();
    let mut starts: Vec<usize> =
        (0..file.len() - 2).filter(|at| file[*at..].starts_with(&[0xFF, 0xD8, 0xFF])).collect();
    starts.push(file.len());
    starts.windows(2).map(|pair| file[pair[0]..pair[1]].to_vec()).collect()
}

fn start(reader: impl Read + Send + 'static, clock: Clock) -> Live {
    // As they are: the tests know their frames again.
    let how = NormaliseOptions { restart_intervals: false, ..NormaliseOptions::default() };
    Live::start("test", reader, clock, Wakers::default(), FrameRate(25_000), how).unwrap()
}

/// Takes frames until `enough`. Returns the events until then.
fn take(live: &mut Live, clock: Clock, mut enough: impl FnMut(&Live) -> bool) -> Vec<InputEvent> {
    let end = StdInstant::now() + StdDuration::from_secs(20);
    let mut said = Vec::new();
    while !enough(live) {
        assert!(StdInstant::now() < end, "{live:?}");
        if !live.take() {
            thread::sleep(StdDuration::from_micros(200));
        }
        said.extend(live.next_event(clock.now().at));
    }
    said.extend(std::iter::from_fn(|| live.next_event(clock.now().at)));
    said
}

fn trouble(said: &[InputEvent]) -> InputTrouble {
    let mut all = PendingEvents::default();
    for event in said {
        if let InputEvent::Trouble(more) = event {
            all.trouble(more.clone());
        }
    }
    match all.next(Instant::from_micros(0), true) {
        Some(InputEvent::Trouble(trouble)) => trouble,
        _ => InputTrouble::default(),
    }
}

fn frames(live: &Live) -> Vec<(Vec<u8>, MediaTime)> {
    let span = live.window().span();
    let frame = |id| live.window().frame(TRACK, FrameId(id)).unwrap();
    (span.start.0..span.end.0).map(|id| (frame(id).data.to_vec(), frame(id).media_time(90_000))).collect()
}

/// What a test writes, when it writes it.
struct Pipe(std::sync::mpsc::Receiver<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Ok(bytes) = self.0.recv() else { return Ok(0) };
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

/// Frames, and then a bug.
struct Bug(io::Cursor<Vec<u8>>);

impl Read for Bug {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => panic!("a bug of the reader"),
            read => Ok(read),
        }
    }
}

#[test]
fn a_panic_of_the_reader_ends_the_input() {
    let clock = Clock::start();
    let mut live = start(Bug(io::Cursor::new(sample()[..3].concat())), clock);
    let said = take(&mut live, clock, Live::is_over);
    assert_eq!(said.last(), Some(&InputEvent::Ended));
    assert!(frames(&live).len() >= 2, "those before it were normalised");
}

#[test]
fn garbage_between_frames_costs_no_frame() {
    let frames_in = sample();
    let input = [&b"hello"[..], &frames_in[0], b"12345678", &frames_in[1], &frames_in[2], b"bye"].concat();
    let clock = Clock::start();
    let mut live = start(io::Cursor::new(input), clock);
    let said = take(&mut live, clock, Live::is_over);
    let seen: Vec<Vec<u8>> = frames(&live).into_iter().map(|(data, _)| data).collect();
    assert_eq!(seen, frames_in[..3]);
    assert_eq!(trouble(&said), InputTrouble { junk: 16, junk_at: Some(0), ..InputTrouble::default() });
    assert_eq!(said.last(), Some(&InputEvent::Ended));
}

#[test]
fn part_headers_and_lengths_are_no_garbage() {
    let frames_in = sample();
    let part = |data: &[u8]| [b"--frame\r\nContent-Type: image/jpeg\r\n\r\n", data, b"\r\n"].concat();
    let length = |data: &[u8]| [format!("{:05}", data.len()).as_bytes(), data].concat();
    for input in [
        frames_in[..5].iter().map(|f| part(f)).collect::<Vec<_>>().concat(),
        frames_in[..5].iter().map(|f| length(f)).collect::<Vec<_>>().concat(),
    ] {
        let clock = Clock::start();
        let mut live = start(io::Cursor::new(input), clock);
        let said = take(&mut live, clock, Live::is_over);
        assert_eq!((frames(&live).len(), trouble(&said)), (5, InputTrouble::default()));
    }
}

#[test]
fn a_frame_cut_off_by_the_end_is_left_out() {
    let frames_in = sample();
    let mut input = frames_in[..3].concat();
    input.truncate(input.len() - frames_in[2].len() / 2);
    let clock = Clock::start();
    let mut live = start(io::Cursor::new(input), clock);
    let said = take(&mut live, clock, Live::is_over);
    assert_eq!(frames(&live).len(), 2);
    let trouble = trouble(&said);
    assert_eq!(trouble.left_out, 1);
    let problem = trouble.problem.unwrap();
    assert_eq!(problem.frame, Some(2));
    assert!(problem.to_string().starts_with("test: frame 2, byte "), "{problem}");
}

#[test]
fn frames_that_come_too_fast_are_dropped() {
    let small = sample().swap_remove(0);
    let many = 4000;
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let last = sample().swap_remove(1);
    let feed = [small.clone(), last.clone()];
    let writer = thread::spawn(move || {
        for n in 1..=many {
            sender.send(feed[usize::from(n == many)].clone()).unwrap();
        }
    });
    let clock = Clock::start();
    let mut live = start(Pipe(receiver), clock);
    let said = take(&mut live, clock, Live::is_over);
    writer.join().unwrap();
    let passed = live.window().span().end.0;
    assert_eq!(passed + trouble(&said).dropped, many as u64);
    assert!(trouble(&said).dropped > 0, "{passed} frames in {:?}", clock.now().at);
    let now = MediaTime::from_micros(clock.now().at.as_micros());
    let seen = frames(&live);
    assert!(seen.windows(2).all(|pair| pair[0].1 < pair[1].1));
    assert!(seen.last().unwrap().1 <= now + MOST_AHEAD);
    assert!(seen.len() > 1);
}

#[test]
fn an_input_that_stalls_goes_on_at_its_true_time() {
    let frames_in = sample();
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let clock = Clock::start();
    let mut live = start(Pipe(receiver), clock);
    sender.send(frames_in[0].clone()).unwrap();
    take(&mut live, clock, |live| live.window().span().end == FrameId(1));
    thread::sleep(StdDuration::from_millis(300));
    assert!(!live.take() && !live.is_over());
    sender.send(frames_in[1].clone()).unwrap();
    take(&mut live, clock, |live| live.window().span().end == FrameId(2));
    let seen = frames(&live);
    assert!(seen[1].1.since(seen[0].1) >= Duration::from_millis(300));
}

#[test]
fn views_share_bytes_and_events_come_once() {
    let frames_in = sample();
    let clock = Clock::start();
    let mut live = start(io::Cursor::new(frames_in[..5].concat()), clock);
    let mut other = live.share();
    take(&mut live, clock, Live::is_over);
    assert!(other.take() && other.is_over() && !other.take());
    assert_eq!(other.size(), live.size());
    assert_eq!(other.window().span(), live.window().span());
    for id in (0..5).map(FrameId) {
        let of = |view: &Live| view.window().frame(TRACK, id).unwrap().data.as_ptr();
        assert_eq!(of(&other), of(&live));
    }
    assert_eq!(other.next_event(clock.now().at), None);
}

#[test]
fn an_input_without_views_is_read_no_more() {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let live = start(Pipe(receiver), Clock::start());
    let picture = sample().swap_remove(0);
    sender.send(picture.clone()).unwrap();
    drop(live);
    let end = StdInstant::now() + StdDuration::from_secs(20);
    while sender.send(picture.clone()).is_ok() {
        assert!(StdInstant::now() < end);
    }
}

#[test]
fn a_change_of_size_is_an_event() {
    let mut picture = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut picture, 80);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_1);
    encoder.encode(&[99; 3 * 64 * 48], 64, 48, jpeg_encoder::ColorType::Rgb).unwrap();
    let frames_in = sample();
    let clock = Clock::start();
    let input = [&frames_in[0][..], &frames_in[1], &picture, &frames_in[2]].concat();
    let mut live = start(io::Cursor::new(input), clock);
    let said = take(&mut live, clock, Live::is_over);
    let sizes: Vec<_> = said
        .iter()
        .filter_map(|event| match event {
            InputEvent::Format { width, height, .. } => Some((*width, *height)),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [(512, 288), (64, 48), (512, 288)]);
    assert_eq!(frames(&live).len(), 4);
}

#[test]
fn what_is_before_the_frames_is_passed_over() {
    let frames_in = sample();
    let part = |data: &[u8]| [b"--x\r\nContent-Type: image/jpeg\r\n\r\n", data, b"\r\n"].concat();
    let parts = [part(&frames_in[0]), part(&frames_in[1])].concat();
    let header = &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..];
    let mut chunked = header.to_vec();
    for chunk in parts.chunks(700) {
        chunked.extend([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    }
    chunked.extend(b"0\r\n\r\n");
    let cut = &frames_in[2][frames_in[2].len() / 2..];
    for (what, input, passed_over) in [
        ("a line end", [b"\r\n", &frames_in[..2].concat()[..]].concat(), 2),
        ("a byte", [b"\0", &frames_in[..2].concat()[..]].concat(), 1),
        ("a frame that is cut", [cut, &frames_in[..2].concat()].concat(), cut.len()),
        ("fields", parts[5..].to_vec(), 28),
        ("a part that is cut", [cut, b"\r\n", &parts].concat(), cut.len() + 2),
        ("chunks", chunked.clone(), header.len()),
        ("chunks alone", chunked[header.len()..].to_vec(), 0),
    ] {
        let clock = Clock::start();
        let mut live = start(io::Cursor::new(input), clock);
        let said = take(&mut live, clock, Live::is_over);
        let seen: Vec<Vec<u8>> = frames(&live).into_iter().map(|(data, _)| data).collect();
        assert!(seen == frames_in[..2], "{what}: {} frames", seen.len());
        let (junk, junk_at) = (passed_over as u64, (passed_over > 0).then_some(0));
        assert_eq!(trouble(&said), InputTrouble { junk, junk_at, ..InputTrouble::default() }, "{what}");
    }
}

#[test]
fn an_input_without_a_frame_says_why() {
    let mut progressive = sample().swap_remove(0);
    let sof = progressive.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    progressive[sof + 1] = 0xC2;
    for (input, why) in [
        (Vec::new(), "before anything came"),
        (vec![7; 5000], "no JPEG picture (FF D8 FF) is in the 5000 bytes"),
        (
            [b"\0\0\0\x20ftypisom", &[7; 5000][..]].concat(),
            "it is an MP4 file, and no plain Motion-JPEG; this command",
        ),
        (progressive, "progressive"),
    ] {
        let clock = Clock::start();
        let mut live = start(io::Cursor::new(input), clock);
        let said = take(&mut live, clock, Live::is_over);
        let [.., InputEvent::Nothing(problem), InputEvent::Ended] = &said[..] else { panic!("{said:?}") };
        assert!(problem.to_string().starts_with("test: ") && problem.reason.contains(why), "{problem}");
    }
}
