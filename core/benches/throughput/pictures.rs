//! Normalises pictures as they enter a server, compared with decoding them.
use crate::measure::{Subject, medians, report};
use pinhole::codec::jpeg::{Inspected, RecodeOptions, Sampling, inspect, recode, recode_max_len};
use std::hint::black_box;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

/// The most bytes of a restart interval, so that two of them fit into a packet.
const INTERVAL_BYTES: u32 = 650;

/// How many frames of a clip are measured. More would not change the medians.
const FRAMES: usize = 16;

pub(crate) fn run(clip: &[Vec<u8>]) {
    let step = clip.len().div_ceil(FRAMES).max(1);
    let clip: Vec<&[u8]> = clip.iter().step_by(step).map(Vec::as_slice).collect();
    let len = clip.iter().map(|frame| frame.len()).sum();
    let mut pixels = Vec::new();
    let room = clip.iter().map(|frame| recode_max_len(frame.len())).max().unwrap_or(0);
    let (mut marked, mut plain) = (vec![0; room], vec![0; room]);
    let mut decode = || {
        for frame in &clip {
            let mut decoder = JpegDecoder::new(ZCursor::new(*frame));
            decoder.decode_headers().unwrap();
            pixels.resize(decoder.output_buffer_size().unwrap(), 0);
            decoder.decode_into(&mut pixels).unwrap();
            black_box(&pixels);
        }
    };
    let mut look = || {
        for frame in &clip {
            black_box(inspect(black_box(frame)).unwrap());
        }
    };
    let mut with_markers = || {
        for frame in &clip {
            let restart_interval = Some(interval(&inspect(frame).unwrap()));
            let done = recode(frame, &mut marked, RecodeOptions { restart_interval });
            black_box(done.unwrap());
        }
    };
    let mut without = || {
        for frame in &clip {
            let done = recode(frame, &mut plain, RecodeOptions { restart_interval: Some(0) });
            black_box(done.unwrap());
        }
    };
    let mut subjects: [Subject<'_>; 4] = [
        ("decode (zune-jpeg)", &mut decode),
        ("normalise, with markers", &mut with_markers),
        ("normalise, without", &mut without),
        ("inspect", &mut look),
    ];
    let times = medians(&mut subjects);
    for ((name, _), time) in subjects.iter().zip(&times) {
        report(name, *time, len, times[0]);
    }
}

/// MCUs from one restart marker to the next.
fn interval(found: &Inspected) -> u16 {
    let info = &found.info;
    let height = if info.sampling == Sampling::Yuv422 { 8 } else { 16 };
    let mcus = u32::from(info.width).div_ceil(16) * u32::from(info.height).div_ceil(height);
    (mcus * INTERVAL_BYTES / info.scan_len.max(1)).clamp(1, 0xFFFF) as u16
}
