//! Inspects, checks and re-codes JPEG files, most of them real ones with some bytes changed. A re-coded file
//! must be one that RTP can carry, and must be as `recode` describes it.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pinhole::codec::jpeg::{RecodeOptions, check, inspect, recode, recode_max_len};

const SEEDS: [&[u8]; 6] = [
    include_bytes!("../../src/codec/jpeg/testdata/cjpeg-420-optimal-restart3.jpg"),
    include_bytes!("../../src/codec/jpeg/testdata/cjpeg-422-optimal.jpg"),
    include_bytes!("../../src/codec/jpeg/testdata/cjpeg-422-restart-row.jpg"),
    include_bytes!("../../src/codec/jpeg/testdata/ffmpeg-420-optimal.jpg"),
    include_bytes!("../../src/codec/jpeg/testdata/ffmpeg-422-optimal.jpg"),
    include_bytes!("../../src/codec/jpeg/testdata/ffmpeg-422-default.jpg"),
];

/// Bytes of a file to change, by place.
type Changes = Vec<(u16, u8)>;

fuzz_target!(|input: (u8, Option<u16>, Changes, &[u8])| {
    let (seed, restart_interval, changes, raw) = input;
    let mut file = SEEDS.get(usize::from(seed)).copied().unwrap_or(raw).to_vec();
    for (at, byte) in changes {
        let len = file.len();
        if let Some(place) = file.get_mut(usize::from(at) % len.max(1)) {
            *place = byte;
        }
    }
    match inspect(&file) {
        Ok(inspected) => {
            assert!(inspected.len <= file.len());
            let end = u64::from(inspected.info.scan) + u64::from(inspected.info.scan_len);
            assert!(end <= file.len() as u64);
        }
        Err(error) => assert!(error.at <= file.len()),
    }
    match check(&file) {
        Ok((found, inspected)) => {
            assert!(found.end <= file.len() && inspected.eoi);
            assert_eq!(inspect(&file[found]), Ok(inspected));
        }
        Err(error) => assert!(error.at <= file.len()),
    }
    let mut out = vec![0; recode_max_len(file.len())];
    match recode(&file, &mut out, RecodeOptions { restart_interval }) {
        Ok(recoded) => {
            let inspected = inspect(&out[..recoded.len]).expect("what was re-coded can be carried");
            assert!(!inspected.needs_recode() && inspected.eoi);
            assert_eq!((inspected.info, inspected.len), (recoded.info, recoded.len));
            // To do it again changes nothing.
            let mut again = vec![0; recoded.len];
            let second = recode(&out[..recoded.len], &mut again, RecodeOptions::default());
            assert_eq!(second, Ok(recoded));
            assert_eq!(again, out[..recoded.len]);
        }
        Err(error) => assert!(error.at <= file.len()),
    }
});
