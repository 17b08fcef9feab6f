use super::super::{RecodeErrorKind, recode};
use super::*;
use proptest::prelude::*;
use std::string::ToString;
use std::vec::Vec;

static FILES: [&[u8]; 8] = [
    include_bytes!("../testdata/ffmpeg-420-default.jpg"),
    include_bytes!("../testdata/ffmpeg-422-default.jpg"),
    include_bytes!("../testdata/ffmpeg-420-optimal.jpg"),
    include_bytes!("../testdata/ffmpeg-422-optimal.jpg"),
    include_bytes!("../testdata/cjpeg-420-q75.jpg"),
    include_bytes!("../testdata/cjpeg-422-restart-row.jpg"),
    include_bytes!("../testdata/cjpeg-420-optimal-restart3.jpg"),
    include_bytes!("../testdata/cjpeg-grey.jpg"),
];

fn scan_of(file: &[u8]) -> Range<usize> {
    let info = super::super::inspect(file).unwrap().info;
    info.scan as usize..(info.scan + info.scan_len) as usize
}

#[test]
fn whole_pictures_are_found_between_junk_and_padding() {
    for file in FILES {
        assert_eq!(check(file).unwrap().0, 0..file.len());
        let junk = [0, 0xFF, 0xD9, 0xFF, 0xD8, 7];
        let buffer = [&junk[..], file, &[0; 100]].concat();
        let (found, inspected) = check(&buffer).unwrap();
        assert_eq!(&buffer[found], file);
        assert_eq!(Ok(inspected), super::super::inspect(file));
    }
}

#[test]
fn what_is_cut_is_no_picture() {
    for file in FILES {
        let scan = scan_of(file);
        for at in (0..scan.end).step_by(41) {
            let error = check(&file[..at]).unwrap_err();
            let expected = match at {
                0 => CheckErrorKind::NoStart,
                _ if at < scan.start => match error.reason {
                    CheckErrorKind::Jpeg(error) => CheckErrorKind::Jpeg(error),
                    other => panic!("{other:?} at {at}"),
                },
                _ => match error.reason {
                    CheckErrorKind::Scan(error) => CheckErrorKind::Scan(error),
                    other => panic!("{other:?} at {at}"),
                },
            };
            assert_eq!(error.reason, expected);
            // Also with an end of its own, as some sensors write.
            assert!(check(&[&file[..at], &[0xFF, 0xD9]].concat()).is_err(), "{at}");
        }
        assert_eq!(check(&file[..scan.end]).unwrap_err().reason, CheckErrorKind::NoEnd);
    }
}

#[test]
fn an_older_tail_is_told_with_its_place() {
    for file in FILES {
        let scan = scan_of(file);
        // Where the DMA has stopped, the rest of a longer picture follows.
        let longer = [&file[..scan.end], &file[scan.start + 30..]].concat();
        let error = check(&longer).unwrap_err();
        match error.reason {
            CheckErrorKind::OlderTail => assert!(error.at.abs_diff(scan.end) < 10, "{error} {scan:?}"),
            // With restart markers, the tail's number is a wrong one.
            reason => assert!(matches!(reason, CheckErrorKind::Scan(_)), "{error}"),
        }
    }
}

#[test]
fn errors_name_the_byte_in_the_buffer() {
    let file = FILES[4];
    let scan = scan_of(file);
    let buffer = [&[1, 2, 3][..], &file[..scan.start + 40], &[0xFF, 0xD9]].concat();
    let error = check(&buffer).unwrap_err();
    assert!(error.at.abs_diff(3 + scan.start + 40) < 10, "{error}");
    let CheckErrorKind::Scan(fault) = error.reason else { panic!("{error}") };
    assert_eq!((fault.reason, fault.at + 3), (RecodeErrorKind::EndsEarly, error.at));
    assert!(error.to_string().ends_with(&std::format!("(byte {})", error.at)), "{error}");
    let said = |buffer: &[u8]| check(buffer).unwrap_err().to_string();
    assert_eq!(said(b"no picture"), "no picture starts here (byte 0)");
    assert_eq!(said(&file[..scan.end]), std::format!("the picture has no end (byte {})", scan.end));
    assert!(said(&file[..20]).ends_with("(byte 20)"), "{}", said(&file[..20]));
    let longer = [&file[..scan.end], &file[scan.start + 30..]].concat();
    assert!(said(&longer).starts_with("the scan goes on after its last MCU (byte "), "{}", said(&longer));
}

proptest! {
    /// What passes can be re-coded, whatever the bytes.
    #[test]
    fn what_passes_is_whole(file in 0..FILES.len(), at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..20)) {
        let mut buffer = FILES[file].to_vec();
        let at = at.index(buffer.len());
        let end = buffer.len().min(at + bytes.len());
        buffer[at..end].copy_from_slice(&bytes[..end - at]);
        if let Ok((found, _)) = check(&buffer) {
            let picture: Vec<u8> = buffer[found].to_vec();
            let mut out = std::vec![0; super::super::recode_max_len(picture.len())];
            let done = recode(&picture, &mut out, Default::default());
            // Whether a picture is as bright as can be is not looked at.
            let right = done.is_ok() || done.is_err_and(|error| error.reason == RecodeErrorKind::DcRange);
            prop_assert!(right, "{done:?}");
        }
    }
}
