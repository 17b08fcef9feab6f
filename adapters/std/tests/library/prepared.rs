//! Files that are prepared ahead of time.
use crate::pictures::uncarriable;
use crate::{Scratch, T, frames, sample, with};
use pinhole::frame::FrameId;
use pinhole::sdp::FrameRate;
use pinhole_std::media::{NormaliseOptions, PrepareError, PrepareOptions, Progress, prepare};
use std::fs;
use std::ops::ControlFlow;

#[test]
fn prepared_files_are_served_as_they_are() {
    let scratch = Scratch::new("prepared");
    let mut content = frames();
    content[3] = uncarriable().swap_remove(0).2;
    let (input, output) = (scratch.file("clip.mjpeg", &content.concat()), scratch.0.join("out.avi"));
    for transcode in [false, true] {
        let normalising = NormaliseOptions { transcode, ..NormaliseOptions::default() };
        let options = PrepareOptions { normalising, frame_rate: FrameRate(25_000), replace: true };
        let mut last = Progress { done: 0, frames: 0 };
        let prepared = prepare(&input, &output, options, |progress| {
            last = progress;
            ControlFlow::Continue(())
        });
        let prepared = prepared.unwrap();
        let (frames, left_out) = (60 - u64::from(!transcode), u64::from(!transcode));
        assert_eq!((prepared.frames, prepared.changed, prepared.left_out), (frames, frames, left_out));
        assert_eq!((last.done, last.frames), (frames, frames));
        assert_eq!(prepared.bytes, fs::metadata(&output).unwrap().len());

        let (direct, prepared) = (with(&input, false, normalising), with(&output, false, normalising));
        assert_eq!(prepared.problems(), []);
        let mounted = prepared.mounted().map(|m| (m.frames, m.recoded, m.transcoded)).collect::<Vec<_>>();
        assert_eq!(mounted, [(Some(frames), 0, 0)]);
        for n in (0..frames).map(FrameId) {
            let (one, other) = (direct.load(T, n).unwrap(), prepared.load(T, n).unwrap());
            assert_eq!((one.data, one.time, one.duration), (other.data, other.time, other.duration), "{n:?}");
        }
    }
}

/// An element of Matroska.
fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    [id, &(1 << 56 | body.len() as u64).to_be_bytes(), body].concat()
}

#[test]
fn frames_that_are_far_apart_do_not_fill_the_disk() {
    let scratch = Scratch::new("apart");
    let made = |last: u64| {
        let cluster = |time: u64| {
            let block = [&[0x81, 0, 0, 0x80], &frames()[0][..]].concat();
            let parts = [element(&[0xE7], &time.to_be_bytes()), element(&[0xA3], &block)];
            element(&[0x1F, 0x43, 0xB6, 0x75], &parts.concat())
        };
        let track = [element(&[0xD7], &[1]), element(&[0x83], &[1]), element(&[0x86], b"V_MJPEG")];
        let tracks = element(&[0x16, 0x54, 0xAE, 0x6B], &element(&[0xAE], &track.concat()));
        let segment = [tracks, cluster(0), cluster(41), cluster(last)].concat();
        let ebml = element(&[0x1A, 0x45, 0xDF, 0xA3], &element(&[0x42, 0x82], b"matroska"));
        let input = scratch.file("in.mkv", &[ebml, element(&[0x18, 0x53, 0x80, 0x67], &segment)].concat());
        let how = NormaliseOptions::default();
        let options = PrepareOptions { normalising: how, frame_rate: FrameRate(25_000), replace: true };
        prepare(&input, &scratch.0.join("out.avi"), options, |_| ControlFlow::Continue(()))
    };
    assert_eq!(made(60_000).unwrap().frames, 3);
    let Err(PrepareError::Nothing(problems)) = made(40 * 24 * 3_600_000) else { panic!("it is written") };
    assert!(problems[0].reason.contains("so far apart"), "{problems:?}");
}

#[test]
fn a_stopped_preparation_leaves_no_file() {
    let scratch = Scratch::new("broken-off");
    let options = |replace| PrepareOptions {
        normalising: NormaliseOptions::default(),
        frame_rate: FrameRate(25_000),
        replace,
    };
    let output = scratch.file("out.avi", b"old");
    let broken = prepare(&sample(), &output, options(true), |_| ControlFlow::Break(()));
    assert!(matches!(broken, Err(PrepareError::BrokenOff)), "{broken:?}");
    let exists = prepare(&sample(), &output, options(false), |_| ControlFlow::Continue(()));
    assert!(matches!(exists, Err(PrepareError::Exists(_))), "{exists:?}");
    assert_eq!(fs::read(&output).unwrap(), b"old");
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
}
