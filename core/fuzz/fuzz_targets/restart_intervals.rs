//! Sends a real frame with restart markers, loses packets and changes bytes. The mended frame must
//! be readable, and must decode if no byte was changed.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pinhole::codec::jpeg::{
    self, JpegInfo, Missing, RecodeOptions, TRACK, inspect, mend, mend_max_len, recode, recode_max_len,
};
use pinhole::frame::{FrameId, FrameStore, Integrity, TrackId};
use pinhole::frame::{FrameRing, Slot};
use pinhole::payload::jpeg::Depacketizer;
use pinhole::payload::jpeg::{HeaderRepr, Q_DYNAMIC, Restart, Tables};
use pinhole::rtp;

static FILES: [&[u8]; 2] = [
    include_bytes!("../../src/codec/jpeg/testdata/ffmpeg-420-optimal.jpg"),
    include_bytes!("../../src/codec/jpeg/testdata/ffmpeg-422-optimal.jpg"),
];

/// Which file, the restart interval, bytes a packet, which packets are lost, whether the last has
/// its marker, and bytes to change.
type Input = (bool, u8, u8, u32, bool, Vec<(u16, u8)>);

fuzz_target!(|input: Input| {
    let (second, interval, size, lost, ends, changes) = input;
    let src = FILES[usize::from(second)];
    let mut file = vec![0; recode_max_len(src.len())];
    let restart_interval = Some(u16::from(interval % 12).max(1));
    let info = recode(src, &mut file, RecodeOptions { restart_interval }).unwrap().info;
    let start = info.scan as usize;
    for (at, byte) in &changes {
        file[start + usize::from(*at) % info.scan_len as usize] = *byte;
    }
    // A scan that begins as a file does is taken for one, as some cameras send files: the target `depacketizer` has those.
    if file[start..].starts_with(&[0xFF, 0xD8]) {
        return;
    }
    let table = |at: u32| file[at as usize..].first_chunk().unwrap();
    let header = HeaderRepr {
        offset: 0,
        sampling: info.sampling,
        restart: Some(Restart { interval: info.restart_interval, first: true, last: true, count: None }),
        q: Q_DYNAMIC,
        width: info.width,
        height: info.height,
        tables: Some(Tables { luma: table(info.luma_table), chroma: table(info.chroma_table) }),
    };
    let mut ring = FrameRing::new(TRACK, [Slot::EMPTY; 4], vec![0; 20_000]);
    let mut depacketizer = Depacketizer::new(Some((info.width, info.height)));
    let size = usize::from(size).max(info.scan_len as usize / 32 + 1);
    let pieces: Vec<_> = file[start..][..info.scan_len as usize].chunks(size).collect();
    let mut gap = 0;
    // Whole, for the tables; then with losses.
    for timestamp in 0..2 {
        for (n, piece) in pieces.iter().enumerate() {
            let is_lost = timestamp == 1 && lost >> n & 1 != 0;
            gap += u16::from(is_lost);
            if is_lost {
                continue;
            }
            let marker = n + 1 == pieces.len() && (ends || timestamp == 0);
            let repr = rtp::Repr { payload_type: 26, marker, sequence_number: 0, timestamp, ssrc: 0 };
            let header = HeaderRepr { offset: (n * size) as u32, ..header };
            let mut bytes = vec![0; rtp::HEADER_LEN + header.buffer_len()];
            let (head, rest) = bytes.split_first_chunk_mut().unwrap();
            repr.emit(head);
            header.emit(rest).unwrap();
            bytes.extend_from_slice(piece);
            let packet = rtp::Packet::new_checked(&bytes[..]).unwrap();
            depacketizer.push(0, &packet, std::mem::take(&mut gap), 0, &mut ring).unwrap();
        }
    }
    depacketizer.finish_open(0, &mut ring);
    let Ok(frame) = ring.frame(TrackId::default(), FrameId(1)) else { return };
    let info = JpegInfo::locate(frame.data).expect("a normalised file");
    if frame.flags.integrity != Integrity::Partial {
        assert!(frame.flags.integrity.is_complete() || !changes.is_empty());
        return;
    }
    let Some(missing) = Missing::locate(frame.data, &info, frame.missing) else {
        assert!(!changes.is_empty());
        return;
    };
    let mut out = vec![0; mend_max_len(&info, &missing, frame.data.len())];
    match mend(frame.data, &info, &missing, &mut out) {
        Ok(len) => {
            assert!(inspect(&out[..len]).is_ok());
            let mut again = vec![0; 20_000];
            let decoded = recode(&out[..len], &mut again, RecodeOptions::default());
            assert!(decoded.is_ok() || !changes.is_empty());
        }
        Err(error) => assert!(error != jpeg::MendError::OutputFull && !changes.is_empty(), "{error}"),
    }
});
