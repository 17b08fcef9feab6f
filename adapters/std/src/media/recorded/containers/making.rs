//! Makes containers for tests and fuzz targets.

/// Returns an element of Matroska, with an ID that has its marker.
pub(in super::super) fn element(id: u32, body: &[u8]) -> Vec<u8> {
    let size = (1 << 56 | body.len() as u64).to_be_bytes();
    [&id_bytes(id)[..], &size, body].concat()
}

fn id_bytes(id: u32) -> Vec<u8> {
    id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

/// Returns an element with a number.
pub(in super::super) fn number(id: u32, value: u64) -> Vec<u8> {
    element(id, &value.to_be_bytes())
}

/// Returns the header of a Matroska file.
pub(in super::super) fn ebml() -> Vec<u8> {
    element(0x1A45_DFA3, &element(0x4282, b"matroska"))
}

/// Returns the description of a track of Matroska; `more` are further elements.
pub(in super::super) fn track(track: u64, kind: u64, codec: &str, more: &[u8]) -> Vec<u8> {
    let parts = [number(0xD7, track), number(0x83, kind), element(0x86, codec.as_bytes()), more.to_vec()];
    element(0xAE, &parts.concat())
}

/// Returns the body of a block of Matroska; `flags` are its lacing, and more.
pub(in super::super) fn block(track: u8, time: i16, flags: u8, data: &[u8]) -> Vec<u8> {
    let [high, low] = time.to_be_bytes();
    [&[0x80 | track, high, low, flags], data].concat()
}

/// Returns a Matroska file with pictures, 40 ms apart, each in a block of its own.
pub(in super::super) fn matroska(pictures: &[Vec<u8>]) -> Vec<u8> {
    let blocks = (0_i16..).zip(pictures).map(|(n, picture)| {
        let block = block(1, 40 * n, 0x80, picture);
        if n % 2 == 0 { element(0xA3, &block) } else { element(0xA0, &element(0xA1, &block)) }
    });
    let blocks = blocks.collect::<Vec<_>>().concat();
    let cluster = element(0x1F43_B675, &[number(0xE7, 0), blocks].concat());
    let info = element(0x1549_A966, &number(0x2A_D7B1, 1_000_000));
    let tracks = element(0x1654_AE6B, &track(1, 1, "V_MJPEG", &number(0x23_E383, 40_000_000)));
    [ebml(), element(0x1853_8067, &[info, tracks, cluster].concat())].concat()
}

/// Returns a box of MP4.
pub(in super::super) fn mp4_box(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], name, body].concat()
}

/// Returns a box with a version, flags, and these words.
pub(in super::super) fn words(name: &[u8; 4], version: u32, words: &[u32]) -> Vec<u8> {
    let body: Vec<u8> = [&[version], words].concat().iter().flat_map(|word| word.to_be_bytes()).collect();
    mp4_box(name, &body)
}

/// Returns the description of video with this code; `more` are boxes in it.
pub(in super::super) fn described(code: &[u8; 4], more: &[u8]) -> Vec<u8> {
    let entry = mp4_box(code, &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 70], more].concat());
    mp4_box(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1], &entry[..]].concat())
}

/// Returns a track of MP4 with 1000 units a second, these tables, and these edits.
pub(in super::super) fn trak(id: u32, handler: &[u8; 4], tables: &[Vec<u8>], edits: &[u8]) -> Vec<u8> {
    let tkhd = words(b"tkhd", 0, &[&[0, 0, id, 0, 0][..], &[0; 15]].concat());
    let mdhd = words(b"mdhd", 0, &[0, 0, 1000, 0, 0]);
    let hdlr = mp4_box(b"hdlr", &[&[0; 8], &handler[..], &[0; 13]].concat());
    let minf = mp4_box(b"minf", &mp4_box(b"stbl", &tables.concat()));
    mp4_box(b"trak", &[tkhd, edits.to_vec(), mp4_box(b"mdia", &[mdhd, hdlr, minf].concat())].concat())
}

/// Returns what an MP4 file begins with.
pub(in super::super) fn ftyp() -> Vec<u8> {
    mp4_box(b"ftyp", b"isom\0\0\0\0isom")
}

/// Returns a movie box with these tracks, and 1000 units a second.
pub(in super::super) fn moov(parts: &[Vec<u8>]) -> Vec<u8> {
    let mvhd = words(b"mvhd", 0, &[&[0, 0, 1000, 0][..], &[0; 20]].concat());
    mp4_box(b"moov", &[mvhd, parts.concat()].concat())
}

/// Returns the tables of frames with these lengths, one after the other from `at` on; each is shown for `delta`
/// units.
pub(in super::super) fn tables(lens: &[u32], at: u32, delta: u32) -> Vec<Vec<u8>> {
    let count = lens.len() as u32;
    vec![
        words(b"stts", 0, &[1, count, delta]),
        words(b"stsc", 0, &[1, 1, count, 1]),
        words(b"stsz", 0, &[&[0, count], lens].concat()),
        words(b"stco", 0, &[1, at]),
    ]
}

/// Returns an MP4 file with pictures, 40 ms apart.
pub(in super::super) fn mp4(pictures: &[Vec<u8>]) -> Vec<u8> {
    let lens: Vec<u32> = pictures.iter().map(|picture| picture.len() as u32).collect();
    let start = [ftyp(), mp4_box(b"mdat", &pictures.concat())].concat();
    let tables = tables(&lens, ftyp().len() as u32 + 8, 40);
    let trak = trak(1, b"vide", &[vec![described(b"jpeg", &[])], tables].concat(), &[]);
    [start, moov(&[trak])].concat()
}

/// Returns an MP4 file with each picture in a fragment of its own, 40 ms apart.
pub(in super::super) fn fragmented(pictures: &[Vec<u8>]) -> Vec<u8> {
    let trak = trak(1, b"vide", &[described(b"jpeg", &[])], &[]);
    let mvex = mp4_box(b"mvex", &words(b"trex", 0, &[1, 1, 40, 0, 0]));
    let fragment = |(n, picture): (u32, &Vec<u8>)| {
        let moof = |data: u32| {
            let tfhd = words(b"tfhd", 0x02_0000, &[1]);
            let tfdt = words(b"tfdt", 0, &[5000 + 40 * n]);
            let trun = words(b"trun", 0x201, &[1, data, picture.len() as u32]);
            let traf = mp4_box(b"traf", &[tfhd, tfdt, trun].concat());
            mp4_box(b"moof", &[words(b"mfhd", 0, &[n + 1]), traf].concat())
        };
        let data = moof(0).len() as u32 + 8;
        [moof(data), mp4_box(b"mdat", picture)].concat()
    };
    let fragments = (0..).zip(pictures).map(fragment).collect::<Vec<_>>().concat();
    [ftyp(), moov(&[trak, mvex]), fragments].concat()
}
