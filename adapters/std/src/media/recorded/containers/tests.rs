//! Containers as they are written, with all that may be in them, cut, damaged and hostile.
use super::super::super::Playback;
use super::super::super::foreign::Container::{Matroska, Mp4};
use super::super::super::normalise::NormaliseOptions;
use super::super::Recorded;
use super::super::files::{Files, ReadAt};
use super::super::index::Index;
use super::super::memory_file::MemoryFile;
use super::super::source::Tools;
use super::making::{
    block, described, ebml, element, fragmented, ftyp, matroska, moov, mp4, mp4_box, number, tables, track,
    trak, words,
};
use super::{Container, Meter, Refused, Timing, Video, find};
use pinhole::frame::{FrameId, Seek, TrackId};
use pinhole::media::{FrameClock, MediaErrorKind};
use pinhole::sdp::FrameRate;
use pinhole::time::{Duration, MediaTime};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A file of which little is read at once.
fn file_of(data: &[u8]) -> MemoryFile {
    MemoryFile { data: data.to_vec(), at_once: 1000 }
}

/// A disk with one file.
#[derive(Debug)]
struct One(Vec<u8>);

impl Files for One {
    fn open(&self, _: &Path) -> io::Result<Box<dyn ReadAt>> {
        Ok(Box::new(file_of(&self.0)))
    }
}

fn read(container: Container, file: &[u8]) -> Result<Video, Refused> {
    let len = file.len() as u64;
    find(container, &file_of(file), len, &Meter::new(&mut |_| ()))
}

/// The content of frames, and their times in microseconds.
fn frames(container: Container, file: &[u8]) -> Vec<(Vec<u8>, u64)> {
    let video = read(container, file).unwrap_or_else(|refused| panic!("{refused:?}"));
    let time = |slot: u64| match &video.timing {
        Timing::Steady(clock) => clock.expect("containers have clocks").pts(slot).as_micros(),
        Timing::Varying { unit, .. } => unit.time(slot).as_micros(),
    };
    let frame = |sample: &super::Sample| {
        (file[sample.at as usize..][..sample.len as usize].to_vec(), time(sample.time))
    };
    video.samples.iter().map(frame).collect()
}

fn told(container: Container, file: &[u8]) -> Vec<String> {
    read(container, file).unwrap().problems.into_iter().map(|told| told.reason).collect()
}

fn refused(container: Container, file: &[u8]) -> String {
    match read(container, file) {
        Err(Refused::Codec(name)) => name,
        Err(Refused::Damaged(told)) => told.reason,
        other => format!("{other:?}"),
    }
}

/// Frames of different lengths.
fn pictures(count: u8) -> Vec<Vec<u8>> {
    (0..count).map(|n| vec![n + 1; 300 + 70 * usize::from(n)]).collect()
}

/// Pictures with the times of frames at 25 a second.
fn steady(pictures: &[Vec<u8>]) -> Vec<(Vec<u8>, u64)> {
    pictures.iter().cloned().zip((0..).map(|n| 40_000 * n)).collect()
}

/// A file of Matroska with one track of Motion-JPEG and these clusters.
fn with_clusters(more: &[u8], clusters: &[u8]) -> Vec<u8> {
    let tracks = element(0x1654_AE6B, &track(1, 1, "V_MJPEG", more));
    [ebml(), element(0x1853_8067, &[&tracks, clusters].concat())].concat()
}

/// An element whose size is unknown.
fn endless(id: u32, body: &[u8]) -> Vec<u8> {
    let id = id.to_be_bytes();
    [&id[..], &[0xFF], body].concat()
}

fn cluster(time: u64, blocks: &[u8]) -> Vec<u8> {
    element(0x1F43_B675, &[&number(0xE7, time), blocks].concat())
}

fn simple(time: i16, data: &[u8]) -> Vec<u8> {
    element(0xA3, &block(1, time, 0x80, data))
}

#[test]
fn frames_have_their_place_and_time() {
    let pictures = pictures(5);
    for (container, file) in
        [(Matroska, matroska(&pictures)), (Mp4, mp4(&pictures)), (Mp4, fragmented(&pictures))]
    {
        assert_eq!(frames(container, &file), steady(&pictures));
        let video = read(container, &file).unwrap();
        assert_eq!(video.timing, Timing::Steady(FrameClock::new(25, 1)));
        assert_eq!((video.slots, video.problems), (5, vec![]));
    }
}

#[test]
fn rounded_times_are_those_of_a_steady_clock() {
    let times = |rate: f64| (0..60).map(move |n| (f64::from(n) * 1000.0 / rate).round() as i16);
    for (rate, clock, interval) in [
        (30.0, (30, 1), Some(33_333_333)),
        (30_000.0 / 1001.0, (30_000, 1001), Some(33_366_667)),
        (24.0, (24, 1), None),
        (60.0, (60, 1), None),
    ] {
        let more = interval.map_or(Vec::new(), |interval| number(0x23_E383, interval));
        let blocks = times(rate).flat_map(|time| simple(time, &[7; 100])).collect::<Vec<_>>();
        let video = read(Matroska, &with_clusters(&more, &cluster(0, &blocks))).unwrap();
        assert_eq!(video.timing, Timing::Steady(FrameClock::new(clock.0, clock.1)), "{rate}");
        assert!(video.samples.iter().map(|sample| sample.time).eq(0..60), "{rate}");
    }
}

#[test]
fn varying_times_are_kept() {
    let times = [1000, 1033, 1100, 1107, 2000, 2950];
    let blocks: Vec<u8> = times.iter().flat_map(|time| simple(*time, &[7; 100])).collect();
    let file = with_clusters(&[], &cluster(70_000, &blocks));
    let shown: Vec<u64> = frames(Matroska, &file).into_iter().map(|(_, time)| time).collect();
    assert_eq!(shown, [0, 33_000, 100_000, 107_000, 1_000_000, 1_950_000]);
    let video = read(Matroska, &file).unwrap();
    let Timing::Varying { unit, average, grid } = video.timing else { panic!("{:?}", video.timing) };
    assert_eq!(unit.time(video.slots), MediaTime::from_micros(1_990_000));
    assert_eq!((average.0, grid), (3_015, FrameClock::new(1000, 1).unwrap()));

    let lens = [100; 4];
    let mut all = tables(&lens, ftyp().len() as u32 + 8, 0);
    all[0] = words(b"stts", 0, &[3, 1, 40, 1, 500, 2, 17]);
    let trak = trak(1, b"vide", &[vec![described(b"jpeg", &[])], all].concat(), &[]);
    let file = [ftyp(), mp4_box(b"mdat", &[7; 400]), moov(&[trak])].concat();
    let shown: Vec<u64> = frames(Mp4, &file).into_iter().map(|(_, time)| time).collect();
    assert_eq!(shown, [0, 40_000, 540_000, 557_000]);
    assert_eq!(read(Mp4, &file).unwrap().slots, 574);
}

#[test]
fn laced_frames_follow_each_other() {
    let frames_of = |flags: u8, head: &[u8], lens: [usize; 3]| {
        let data: Vec<Vec<u8>> = (1..).zip(lens).map(|(n, len)| vec![n; len]).collect();
        let block = block(1, 0, flags, &[&[2], head, &data.concat()].concat());
        let file = with_clusters(&number(0x23_E383, 40_000_000), &cluster(0, &element(0xA3, &block)));
        assert_eq!(frames(Matroska, &file), steady(&data));
    };
    frames_of(0x02, &[255, 255, 10, 255, 0], [520, 255, 90]);
    frames_of(0x04, &[], [300; 3]);
    // 800 and 500, which is 300 less (RFC 9559, 10.3.3).
    frames_of(0x06, &[0x43, 0x20, 0x5E, 0xD3], [800, 500, 900]);
    let wrong = block(1, 0, 0x02, &[2, 255, 255, 255, 0, 9, 1, 2, 3]);
    let file = with_clusters(&[], &cluster(0, &[element(0xA3, &wrong), simple(40, &[5; 50])].concat()));
    assert_eq!(frames(Matroska, &file), [(vec![5; 50], 40_000)]);
    assert_eq!(told(Matroska, &file), ["the lengths of the frames in this block are wrong"]);
}

#[test]
fn unknown_sizes_and_unknown_elements_are_walked_through() {
    let cluster = |time: u64, blocks: &[u8]| {
        let parts = [element(0xEC, &[0xA3; 50]), number(0xE7, time), number(0xA7, 3), blocks.to_vec()];
        endless(0x1F43_B675, &parts.concat())
    };
    let group = element(0xA0, &[number(0x9B, 40), element(0xA1, &block(1, 40, 0, &[2; 90]))].concat());
    let audio = element(0xA3, &block(2, 0, 0x80, &[9; 33]));
    let first = cluster(0, &[simple(0, &[1; 80]), audio, group].concat());
    let second = cluster(80, &simple(0, &[3; 70]));
    let tracks = endless(0x1654_AE6B, &[track(1, 1, "V_MJPEG\0\0", &[]), track(2, 2, "A_PCM", &[])].concat());
    let tags = element(0x1254_C367, &[0x1F; 40]);
    let file = [ebml(), endless(0x1853_8067, &[tracks, first, tags, second].concat())].concat();
    assert_eq!(frames(Matroska, &file), steady(&[vec![1; 80], vec![2; 90], vec![3; 70]]));
    let video = read(Matroska, &file).unwrap();
    assert_eq!((video.audio, video.problems), (1, vec![]));
}

#[test]
fn tracks_may_be_described_after_their_frames() {
    let tracks = element(0x1654_AE6B, &track(1, 1, "V_MJPEG", &[]));
    let blocks = [simple(0, &[1; 80]), simple(40, &[2; 80])].concat();
    let file = [ebml(), element(0x1853_8067, &[cluster(0, &blocks), tracks].concat())].concat();
    assert_eq!(frames(Matroska, &file), steady(&[vec![1; 80], vec![2; 80]]));
}

#[test]
fn a_cut_file_has_its_whole_frames() {
    let pictures = pictures(3);
    for (container, file) in [(Matroska, matroska(&pictures)), (Mp4, fragmented(&pictures))] {
        let mut most = 0;
        for cut in 0..file.len() {
            let Ok(video) = read(container, &file[..cut]) else {
                assert_eq!(most, 0, "{cut}");
                continue;
            };
            let found = frames(container, &file[..cut]);
            assert_eq!(found, steady(&pictures)[..found.len()], "{cut}");
            assert!(found.len() >= most && found.len() <= 3, "{cut}");
            most = found.len();
            // Where it is cut between two boxes, nothing shows that there was more.
            let between = |name: &[u8]| file.get(cut + 4..cut + 8) == Some(name);
            let is_told = !video.problems.is_empty();
            assert!(is_told || between(b"moof") || between(b"mdat"), "{container:?} {cut}");
        }
        assert_eq!(most, 2);
    }
    // The tables come first.
    let lens: Vec<u32> = pictures.iter().map(|picture| picture.len() as u32).collect();
    let made = |at: u32| {
        moov(&[trak(1, b"vide", &[vec![described(b"jpeg", &[])], tables(&lens, at, 40)].concat(), &[])])
    };
    let at = ftyp().len() + made(0).len() + 8;
    let file = [ftyp(), made(at as u32), mp4_box(b"mdat", &pictures.concat())].concat();
    assert_eq!(frames(Mp4, &file), steady(&pictures));
    let cut = at + pictures[0].len() + 5;
    assert_eq!(frames(Mp4, &file[..cut]), steady(&pictures[..1]));
    let missing = "the file ends before its video does; 2 frames are missing from here on";
    assert_eq!(told(Mp4, &file[..cut]), [missing]);
}

#[test]
fn reading_goes_on_after_damage() {
    let clusters: Vec<Vec<u8>> = (0..3).map(|n| cluster(40 * n, &simple(0, &[n as u8; 200]))).collect();
    let mut file = with_clusters(&[], &clusters.concat());
    let second = file.len() - 2 * clusters[0].len();
    file[second..second + 60].fill(0);
    assert_eq!(frames(Matroska, &file), [(vec![0; 200], 0), (vec![2; 200], 80_000)]);
    let [problem] = &read(Matroska, &file).unwrap().problems[..] else { panic!("not one problem") };
    assert_eq!(problem.at, Some(second as u64));
    assert!(problem.reason.contains("bytes here are damaged"), "{}", problem.reason);
}

#[test]
fn a_container_is_found_past_rubbish() {
    let picture =
        include_bytes!("../../../../../../core/src/codec/jpeg/testdata/ffmpeg-420-default.jpg").to_vec();
    let pictures = vec![picture; 3];
    for file in [matroska(&pictures), mp4(&pictures), fragmented(&pictures)] {
        for before in [&b"\r\n"[..], b"\0", b"\xEF\xBB\xBF", b"HTTP/1.1 200 OK\r\n\r\n", &[0x55; 900]] {
            let files: Arc<dyn Files> = Arc::new(One([before, &file].concat()));
            let how = NormaliseOptions { restart_intervals: false, ..NormaliseOptions::default() };
            let (index, problems) = Index::of_file(&files, Path::new("clip"), how, &mut |_| ());
            let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
            let index = index.unwrap_or_else(|| panic!("{said:?}"));
            assert_eq!((index.frames(), said.len()), (3, 1), "{said:?}");
            let told =
                format!("clip: frame 0, byte 0: {}", MediaErrorKind::Junk { len: before.len() as u64 });
            assert_eq!(said, [told]);
            assert_eq!(index.own_rate(), Some(FrameRate(25_000)));
            let mut tools = Tools::new(how);
            for n in 0..3 {
                assert_eq!(index.load(n, &mut tools).as_deref(), Some(&pictures[n as usize][..]));
            }
        }
    }
}

#[test]
fn pictures_that_are_to_be_turned_are_told() {
    let plain = include_bytes!("../../../../../../core/src/codec/jpeg/testdata/ffmpeg-420-default.jpg");
    // Exif data with an orientation alone: 6, which is a quarter of a turn.
    let exif = b"\xFF\xE1\0\x22Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let turned = [&plain[..2], exif, &plain[2..]].concat();
    let mut by_matrix = mp4(&[plain.to_vec()]);
    let matrix = by_matrix.windows(4).position(|name| name == b"tkhd").unwrap() + 4 + 40;
    for (place, value) in [(1, 1_i32 << 16), (3, -1 << 16)] {
        by_matrix[matrix + 4 * place..][..4].copy_from_slice(&value.to_be_bytes());
    }
    let told = |file: Vec<u8>| {
        let files: Arc<dyn Files> = Arc::new(One(file));
        let (index, problems) =
            Index::of_file(&files, Path::new("clip"), NormaliseOptions::default(), &mut |_| ());
        assert_eq!(index.expect("it is served").frames(), 1);
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let by_90 = "clip: its pictures are to be turned by 90 degrees clockwise, which RTP cannot tell: they are served \
                 as they are stored";
    assert_eq!(told(turned.clone()), [by_90]);
    assert_eq!(told(mp4(&[turned])), [by_90]);
    assert_eq!(told(by_matrix), [by_90]);
    assert!(told(mp4(&[plain.to_vec()])).is_empty() && told(plain.to_vec()).is_empty());
}

#[test]
fn other_codecs_are_named() {
    let described_by = |codec: &str, more: &[u8]| {
        let tracks = element(0x1654_AE6B, &track(1, 1, codec, more));
        let cluster = cluster(0, &simple(0, &[1; 80]));
        [ebml(), element(0x1853_8067, &[tracks, cluster].concat())].concat()
    };
    let private = |code: &[u8; 4]| element(0x63A2, &[&[0; 16], &code[..], &[0; 20]].concat());
    for (codec, more, name) in [
        ("V_MPEG4/ISO/AVC", vec![], "H.264"),
        ("V_VP9", vec![], "VP9"),
        ("V_STRANGE\x1B[1m", vec![], r#""V_STRANGE\x1b[1m""#),
        ("V_MS/VFW/FOURCC", private(b"XVID"), "MPEG-4"),
        ("V_MJPEG", element(0x6D80, &[1]), "Motion-JPEG, compressed once more or encrypted,"),
    ] {
        assert_eq!(refused(Matroska, &described_by(codec, &more)), name);
    }
    let carried = [
        described_by("V_MS/VFW/FOURCC", &private(b"MJPG")),
        described_by("V_QUICKTIME", &element(0x63A2, b"\0\0\0\x56jpeg")),
    ];
    for file in carried {
        assert_eq!(frames(Matroska, &file).len(), 1);
    }
    assert!(matches!(read(Matroska, &described_by("A_AAC", &number(0x83, 2))), Err(Refused::NoVideo)));

    let movie = |entry: Vec<u8>| {
        let parts = [vec![entry], tables(&[100], ftyp().len() as u32 + 8, 40)].concat();
        let trak = trak(1, b"vide", &parts, &[]);
        [ftyp(), mp4_box(b"mdat", &[7; 100]), moov(&[trak])].concat()
    };
    let esds = |kind: u8| {
        let config = [&[4, 13, kind, 0x11][..], &[0; 11]].concat();
        let es = [&[3, 3 + config.len() as u8 + 3, 0, 1, 0][..], &config, &[6, 1, 2]].concat();
        mp4_box(b"esds", &[&[0; 4], &es[..]].concat())
    };
    for (code, more, name) in [
        (b"avc1", vec![], "H.264"),
        (b"hvc1", vec![], "H.265"),
        (b"mp4v", esds(0x20), "MPEG-4"),
        (b"mp4v", esds(0x61), "MPEG-2"),
        (b"x\x01 y", vec![], r#""x\x01 y""#),
        (b"mjpb", vec![], "Motion-JPEG B"),
    ] {
        assert_eq!(refused(Mp4, &movie(described(code, &more))), name);
    }
    for (code, more) in [(b"jpeg", vec![]), (b"mjpa", vec![]), (b"MJPG", vec![]), (b"mp4v", esds(0x6C))] {
        assert_eq!(frames(Mp4, &movie(described(code, &more))).len(), 1);
    }
}

#[test]
fn the_first_track_with_motion_jpeg_is_served() {
    let expected = "there are 2 video tracks, and the first with Motion-JPEG, track 3, is served";
    let tracks = [track(2, 1, "V_VP8", &[]), track(3, 1, "V_MJPEG", &[]), track(4, 2, "A_VORBIS", &[])];
    let blocks = [2, 3, 4].map(|track| element(0xA3, &block(track, 0, 0x80, &[track; 60])));
    let parts = [element(0x1654_AE6B, &tracks.concat()), cluster(0, &blocks.concat())];
    let file = [ebml(), element(0x1853_8067, &parts.concat())].concat();
    assert_eq!(frames(Matroska, &file), [(vec![3; 60], 0)]);
    assert_eq!(told(Matroska, &file), [expected]);

    let of = |code: &[u8; 4], at: u32| {
        [vec![described(code, &[])], tables(&[60], ftyp().len() as u32 + 8 + at, 40)].concat()
    };
    let traks = [
        trak(1, b"soun", &of(b"sowt", 0), &[]),
        trak(2, b"vide", &of(b"avc1", 0), &[]),
        trak(3, b"vide", &of(b"jpeg", 60), &[]),
    ];
    let file = [ftyp(), mp4_box(b"mdat", &[[2; 60], [3; 60]].concat()), moov(&traks)].concat();
    assert_eq!(frames(Mp4, &file), [(vec![3; 60], 0)]);
    assert_eq!(told(Mp4, &file), [expected]);
    assert_eq!(read(Mp4, &file).unwrap().audio, 1);
}

#[test]
fn edit_lists_move_cut_and_repeat() {
    let pictures = pictures(5);
    let lens: Vec<u32> = pictures.iter().map(|picture| picture.len() as u32).collect();
    let edited = |edits: &[u32]| {
        let list = mp4_box(b"edts", &words(b"elst", 0, edits));
        let tables = tables(&lens, ftyp().len() as u32 + 8, 40);
        let trak = trak(1, b"vide", &[vec![described(b"jpeg", &[])], tables].concat(), &list);
        [ftyp(), mp4_box(b"mdat", &pictures.concat()), moov(&[trak])].concat()
    };
    let shown = |edits: &[u32]| {
        let number = |frame: &(Vec<u8>, u64)| (frame.0[0] - 1, frame.1 / 1000);
        frames(Mp4, &edited(edits)).iter().map(number).collect::<Vec<_>>()
    };
    const ONCE: u32 = 1 << 16;
    let all = [(0, 0), (1, 40), (2, 80), (3, 120), (4, 160)];
    assert_eq!(shown(&[1, 200, 0, ONCE]), all);
    // A pause first.
    let later = all.map(|(n, time)| (n, time + 500));
    assert_eq!(shown(&[2, 500, u32::MAX, ONCE, 200, 0, ONCE]), later);
    assert_eq!(read(Mp4, &edited(&[2, 500, u32::MAX, ONCE, 200, 0, ONCE])).unwrap().problems, []);
    // From the middle of the second frame to the end of the third.
    assert_eq!(shown(&[1, 60, 60, ONCE]), [(1, 0), (2, 20)]);
    // Twice the first two frames.
    assert_eq!(shown(&[2, 80, 0, ONCE, 80, 0, ONCE]), [(0, 0), (1, 40), (0, 80), (1, 120)]);
    // Without a duration it goes on to the end.
    assert_eq!(shown(&[1, 0, 80, ONCE]), [(2, 0), (3, 40), (4, 80)]);
    // What makes no sense is told, and left out of account.
    let wrong = [1, 200, 0_u32.wrapping_sub(9), ONCE];
    assert_eq!(shown(&wrong), all);
    assert_eq!(told(Mp4, &edited(&wrong)).len(), 1);
}

#[test]
fn all_kinds_of_tables_are_read() {
    let pictures = pictures(5);
    let lens: Vec<u32> = pictures.iter().map(|picture| picture.len() as u32).collect();
    let start = ftyp().len() as u32 + 16;
    // Two frames in each of the first two chunks, with gaps between, and one in the third.
    let (gap, mut media, mut at, mut chunks) = ([0xEE; 30], Vec::new(), start, Vec::new());
    for chunk in pictures.chunks(2) {
        chunks.push(at);
        media.extend([&chunk.concat()[..], &gap].concat());
        at = start + media.len() as u32;
    }
    let [stts, _, stsz, _] = <[Vec<u8>; 4]>::try_from(tables(&lens, 0, 40)).unwrap();
    let stsc = words(b"stsc", 0, &[2, 1, 2, 1, 3, 1, 1]);
    let compact: Vec<u8> = lens.iter().flat_map(|len| (*len as u16).to_be_bytes()).collect();
    let stz2 = mp4_box(b"stz2", &[&[0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 5], &compact[..]].concat());
    let stco = words(b"stco", 0, &[&[3], &chunks[..]].concat());
    let co64: Vec<u32> = chunks.iter().flat_map(|at| [0, *at]).collect();
    let co64 = words(b"co64", 0, &[&[3], &co64[..]].concat());
    let ctts = words(b"ctts", 0, &[1, 5, 80]);
    // A length of 64 bits.
    let mdat = [&[0, 0, 0, 1], &b"mdat"[..], &(media.len() as u64 + 16).to_be_bytes(), &media].concat();
    for (sizes, chunks, offsets) in [(&stsz, &stco, None), (&stz2, &co64, None), (&stsz, &co64, Some(&ctts))]
    {
        let mut all =
            vec![described(b"jpeg", &[]), stts.clone(), stsc.clone(), sizes.clone(), chunks.clone()];
        all.extend(offsets.cloned());
        let list =
            mp4_box(b"edts", &words(b"elst", 0, &[1, 200, if offsets.is_some() { 80 } else { 0 }, 1 << 16]));
        let file = [&ftyp()[..], &mdat, &moov(&[trak(1, b"vide", &all, &list)])].concat();
        assert_eq!(frames(Mp4, &file), steady(&pictures));
        assert_eq!(told(Mp4, &file), [""; 0]);
    }
}

#[test]
fn a_file_without_tables_is_told_from_others() {
    let file = mp4(&pictures(3));
    let tables = file.windows(4).position(|name| name == b"moov").unwrap() - 4;
    let media = ftyp().len() as u64 + 8;
    assert!(matches!(read(Mp4, &file[..tables]), Err(Refused::Unfinished(at)) if at == media));
}

#[test]
fn damaged_boxes_are_named() {
    let mut file = mp4(&pictures(3));
    let times = file.windows(4).position(|name| name == b"stts").unwrap();
    // There are a thousand runs in it, it says.
    file[times + 8..times + 12].copy_from_slice(&1000_u32.to_be_bytes());
    assert!(refused(Mp4, &file).starts_with(r#"the "stts" box is damaged: "#), "{}", refused(Mp4, &file));
}

#[test]
fn counts_without_end_are_bounded() {
    let entry = described(b"jpeg", &[]);
    for len in [0, 1, 5000] {
        let stsz = words(b"stsz", 0, &[len, u32::MAX]);
        let stsc = words(b"stsc", 0, &[1, 1, u32::MAX, 1]);
        let all =
            vec![entry.clone(), words(b"stts", 0, &[1, u32::MAX, 1]), stsc, stsz, words(b"stco", 0, &[1, 8])];
        let file = [ftyp(), moov(&[trak(1, b"vide", &all, &[])])].concat();
        match read(Mp4, &file) {
            // Without a length for all, each needs one of its own.
            Err(refused) => assert_eq!(len, 0, "{refused:?}"),
            Ok(video) => {
                let count = video.samples.len();
                assert!(count < file.len() && (count == 0 || video.slots == count as u64));
                assert_eq!(video.problems.len(), 1);
            }
        }
    }
    // The same bytes over and over.
    let stco = words(b"stco", 0, &[&[90][..], &[8; 90]].concat());
    let stsc = words(b"stsc", 0, &[1, 1, 1, 1]);
    let all = vec![entry.clone(), words(b"stts", 0, &[1, 90, 1]), stsc, words(b"stsz", 0, &[500, 90]), stco];
    let file = [ftyp(), moov(&[trak(1, b"vide", &all, &[])])].concat();
    assert!(refused(Mp4, &file).contains("than have room in the file"), "{}", refused(Mp4, &file));
    let trak = trak(1, b"vide", &[entry], &[]);
    for track in [1, 2] {
        let run = words(b"trun", 0, &[u32::MAX]);
        let traf = mp4_box(b"traf", &[vec![words(b"tfhd", 0, &[track])], vec![run; 1000]].concat().concat());
        let file = [ftyp(), moov(std::slice::from_ref(&trak)), mp4_box(b"moof", &traf).repeat(20)].concat();
        let video = read(Mp4, &file).unwrap();
        assert_eq!((video.samples.len(), video.problems.is_empty()), (0, track == 2));
    }
}

#[test]
fn varying_frames_are_shown_until_the_next_one() {
    const PICTURE: &[u8] = include_bytes!("../../../../../../core/src/codec/jpeg/testdata/cjpeg-420-q75.jpg");

    let blocks: Vec<u8> = [0, 40, 540, 557].into_iter().flat_map(|time| simple(time, PICTURE)).collect();
    let files: Arc<dyn Files> = Arc::new(One(with_clusters(&[], &cluster(0, &blocks))));
    let how = NormaliseOptions::default();
    let (index, problems) = Index::of_file(&files, Path::new("clip.mkv"), how, &mut |_| ());
    assert_eq!(problems, []);
    let playback = Playback { repeat: true, ..Playback::default() };
    let recorded = Recorded::new(index.expect("it has frames"), playback, how);
    let track = TrackId { media: 0, track: 0 };
    assert_eq!(recorded.frame_rate(), None);
    assert_eq!(recorded.duration(), Duration::from_millis(597));
    // In units of 1/90,000 s; after the last frame, the first one comes again.
    let times = [0, 1, 2, 3, 4, 5].map(|n| recorded.time(track, FrameId(n)).unwrap());
    assert_eq!(times, [0, 3600, 48_600, 50_130, 53_730, 57_330]);
    assert_eq!([0, 1, 2, 3].map(|n| recorded.shown(n)), [3600, 45_000, 1530, 3600]);
    for (millis, frame) in [(0, 0), (40, 1), (41, 2), (540, 2), (557, 3), (558, 4), (637, 5)] {
        let to = Seek::To(MediaTime::from_micros(1000 * millis));
        assert_eq!(recorded.seek(track, to), Ok(FrameId(frame)), "{millis}");
    }
}
