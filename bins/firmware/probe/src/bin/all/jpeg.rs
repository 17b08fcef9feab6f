//! JPEG files: looked at, re-coded, put together and mended.
use pinhole::codec::jpeg::{
    Header, JpegInfo, Missing, MissingRange, RecodeOptions, Sampling, check, inspect, mend, mend_max_len,
    quantisers, recode, recode_max_len, restart_interval_for,
};
use pinhole::frame::ByteRange;
use probe::{any, bytes, room, used};

pub(crate) fn all() {
    let mut out = [0; 100];
    used(check(bytes()));
    if let Ok(inspected) = inspect(bytes()) {
        used((inspected.needs_recode(), inspected));
    }
    used(recode_max_len(any(0)));
    used(recode(bytes(), room(&mut out), any(RecodeOptions::default())));
    let info = any(JpegInfo::of_size(any(1), any(1), any(Sampling::Yuv420)));
    used(restart_interval_for(&info, any(0)));
    used(JpegInfo::locate(bytes()));
    used(Missing::locate(bytes(), &info, any(&[ByteRange::new(0, 1)])));
    used(quantisers(any(1)));
    header();
    let range = any(MissingRange { first: 0, count: 1, start: 0, resume: 0 });
    used(range.end());
    let Some(missing) = any(Missing::new(any(&[range]))) else { return };
    used((missing.ranges().count(), missing.count()));
    missing.areas(&info).for_each(used);
    used(mend_max_len(&info, &missing, any(0)));
    used(mend(bytes(), &info, &missing, room(&mut out)));
}

fn header() {
    let tables = any([[0; 64]; 2]);
    let header = Header {
        width: any(1),
        height: any(1),
        sampling: any(Sampling::Yuv420),
        restart_interval: any(1),
        luma: &tables[0],
        chroma: &tables[1],
    };
    let mut out = [0; 100];
    used(Header::len(any(1)));
    used(header.emit(room(&mut out)));
}
