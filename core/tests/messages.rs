//! What errors say to people: each names the values that it has, in one line without a control character.
#![cfg(all(feature = "client", feature = "jpeg", feature = "server"))]
use pinhole::client::{ClientError, NotWaiting, Unusable};
use pinhole::codec::jpeg::{JpegError, JpegErrorKind, RecodeError, RecodeErrorKind};
use pinhole::media::{MediaError, MediaErrorKind, ReadError};
use pinhole::payload::{self, jpeg};
use pinhole::rtp;
use pinhole::rtsp::{Method, Status, WriteError};
use pinhole::server::{CloseReason, ConnError, SessionId};
use std::fmt::Display;

/// Fails unless the error is told in one line, which has all of `parts` in it.
fn says(error: &dyn Display, parts: &[&str]) {
    let line = error.to_string();
    assert!(line.len() > 10 && !line.contains(char::is_control), "{line:?}");
    for part in parts {
        assert!(line.contains(part), "{line:?} has no {part:?}");
    }
}

#[test]
fn of_pictures() {
    use JpegErrorKind as Kind;
    let kinds = [
        (Kind::NotJpeg, "FF D8"),
        (Kind::Truncated, "ends"),
        (Kind::NotMarker, "no marker"),
        (Kind::SegmentLength, "length"),
        (Kind::Misplaced(0xC4), "FF C4"),
        (Kind::Progressive, "progressive"),
        (Kind::Arithmetic, "arithmetic"),
        (Kind::Lossless, "lossless"),
        (Kind::Hierarchical, "hierarchical"),
        (Kind::Precision(12), "12 bits"),
        (Kind::QuantPrecision16, "16-bit"),
        (Kind::Components(4), "4 components"),
        (Kind::Sampling { y: 0x41, cb: 0x11, cr: 0x12 }, "41, 11, 12"),
        (Kind::ZeroSize, "zero"),
        (Kind::SeveralScans, "scans"),
        (Kind::MissingTable, "table"),
        (Kind::UnequalChromaTables, "tables"),
        (Kind::HuffmanTable, "Huffman"),
        (Kind::TooManyIntervals(20_000), "20000"),
    ];
    for (reason, part) in kinds {
        says(&JpegError { at: 77, reason }, &["byte 77: ", part]);
        says(&RecodeError { at: 78, reason: RecodeErrorKind::Jpeg(reason) }, &["byte 78: ", part]);
    }
    let kinds = [
        (RecodeErrorKind::EndsEarly, "ends"),
        (RecodeErrorKind::BadCode, "Huffman"),
        (RecodeErrorKind::BadSymbol(0xAB), "AB"),
        (RecodeErrorKind::RunPastEnd, "block"),
        (RecodeErrorKind::DcRange, "2047"),
        (RecodeErrorKind::RestartMarker { expected: 0xD3, found: Some(0xD5) }, "FF D5 stands where FF D3"),
        (RecodeErrorKind::RestartMarker { expected: 0xD3, found: None }, "FF D3 is missing"),
        (RecodeErrorKind::OutputFull, "buffer"),
    ];
    for (reason, part) in kinds {
        says(&RecodeError { at: 79, reason }, &["byte 79: ", part]);
    }
}

#[test]
fn of_media_files() {
    let kinds = [
        (MediaErrorKind::Unrecognised, "no start of Motion-JPEG"),
        (MediaErrorKind::Chunks, "chunks"),
        (MediaErrorKind::Junk { len: 31 }, "31 bytes"),
        (MediaErrorKind::TooLarge, "too large"),
        (MediaErrorKind::NoLength, "length"),
        (MediaErrorKind::WrongLength { told: 31, found: 32 }, "32 bytes, not 31"),
        (MediaErrorKind::Truncated, "frame"),
        (MediaErrorKind::TruncatedChunk, "chunk"),
        (MediaErrorKind::NoVideo, "no video"),
        // Whatever stands there is escaped.
        (MediaErrorKind::OtherCodec { code: *b"H\n\x1B4" }, "the video is H"),
    ];
    for (reason, part) in kinds {
        let error = MediaError { at: 88, frame: 5, reason };
        says(&error, &["frame 5, byte 88: ", part]);
        says(&ReadError::<String>::Media(error), &[part]);
    }
    says(&ReadError::Io("the disk fails"), &["the disk fails"]);
}

#[test]
fn of_packets() {
    let errors = [
        (jpeg::Error::Truncated { needed: 40 }, "byte 40"),
        (jpeg::Error::UnsupportedType { found: 9 }, "type 9"),
        (jpeg::Error::ReservedQ { found: 100 }, "Q 100"),
        (jpeg::Error::NoTables { at: 12 }, "byte 12"),
        (jpeg::Error::TableLength { at: 12, found: 3 }, "3 bytes at byte 12"),
        (jpeg::Error::TablePrecision { at: 12, found: 3 }, "byte 12"),
    ];
    for (error, part) in errors {
        says(&jpeg::DepacketizeError::Payload(error), &[part]);
    }
    let errors = [
        (jpeg::DepacketizeError::Hole { offset: 900, expected: 800 }, "byte 900 of the scan after byte 800"),
        (jpeg::DepacketizeError::Overlap { offset: 700, expected: 800 }, "byte 700"),
        (jpeg::DepacketizeError::Changed, "another size"),
        (jpeg::DepacketizeError::NoTables { q: 200 }, "Q 200"),
        (jpeg::DepacketizeError::NoDimensions, "size"),
        (jpeg::DepacketizeError::Full, "no room"),
    ];
    for (error, part) in errors {
        says(&payload::DepacketizeError::Jpeg(error), &[part]);
    }
    says(&rtp::Error::Truncated { needed: 12 }, &["byte 12"]);
    says(&rtp::Error::Version { found: 1 }, &["version 1"]);
    says(&rtp::Error::Padding { found: 200 }, &["200 bytes"]);
}

#[test]
fn of_connections() {
    let errors = [
        (ClientError::NotRtsp { at: 4 }, "byte 4"),
        (ClientError::Http { at: 4 }, "HTTP"),
        (ClientError::Malformed { at: 4 }, "byte 4"),
        (ClientError::TooLong { at: 4, need: 5000 }, "byte 4 takes 5000 bytes"),
        (ClientError::NoTrack, "no track"),
        (ClientError::NoPorts, "no ports"),
        (ClientError::NoRoom, "room"),
        (ClientError::Timeout { method: Method::Describe }, "DESCRIBE"),
        (ClientError::SessionLost { status: Status::SESSION_NOT_FOUND }, "454 "),
        (ClientError::Disconnected, "closed"),
    ];
    for (error, part) in errors {
        says(&error, &[part]);
    }
    says(&NotWaiting, &["ports"]);
    says(&Unusable::StorageTooSmall { need: 4000 }, &["4000 bytes"]);
    let errors = [
        (ConnError::NotRtsp { at: 4 }, "byte 4"),
        (ConnError::TooLong { at: 4 }, "byte 4"),
        (ConnError::Idle, "in time"),
        (ConnError::Closed, "closed"),
        (ConnError::StorageTooSmall { need: 4000 }, "4000 bytes"),
    ];
    for (error, part) in errors {
        says(&error, &[part]);
    }
    let reasons = [CloseReason::Teardown, CloseReason::Timeout, CloseReason::Replaced, CloseReason::Closed];
    reasons.iter().for_each(|reason| says(&reason.description(), &[]));
    says(&SessionId(7), &["7"]);
    says(&WriteError::<String>::Control, &["control character"]);
    says(&WriteError::Sink("the sink is full"), &["the sink is full"]);
}
