//! Parses RTSP header values. A value that was parsed must parse to the same again once written.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pinhole::rtsp::{Range, RtpInfo, Scale, Session, Speed, Url, transports};
use pinhole::text::{Emit, TextWriter};

fn emitted(value: &impl Emit) -> Vec<u8> {
    let mut out = TextWriter::new(Vec::new());
    value.emit(&mut out);
    let text = out.finish().expect("a Vec takes all");
    assert_eq!(text.len(), value.text_len());
    text
}

fuzz_target!(|bytes: &[u8]| {
    for spec in transports(bytes) {
        match spec {
            Ok(spec) => _ = emitted(&spec),
            Err(error) => assert!(error.at <= bytes.len()),
        }
    }
    if let Ok(range) = Range::parse(bytes) {
        assert_eq!(Range::parse(&emitted(&range)), Ok(range));
    }
    if let Some(scale) = Scale::parse(bytes) {
        assert_eq!(Scale::parse(&emitted(&scale)), Some(scale));
    }
    if let Some(speed) = Speed::parse(bytes) {
        assert_eq!(Speed::parse(&emitted(&speed)), Some(speed));
    }
    if let Some(session) = Session::parse(bytes) {
        let _ = session.timeout();
        emitted(&session);
    }
    for info in RtpInfo::iter(bytes) {
        emitted(&info);
    }
    if let Ok(url) = Url::parse(bytes) {
        let text = emitted(&url);
        let again = Url::parse(&text).expect("a URL that was written is one");
        assert_eq!(emitted(&again), text);
        if let Some((base, track)) = url.track() {
            emitted(&base.control(b"track1"));
            emitted(&base);
            let _ = track;
        }
        let _ = (url.path_is("clip"), url.host(), url.port(), url.query());
        emitted(&url.control(bytes));
    }
});
