//! Parses RTSP messages that arrive piece by piece. What is found in the first bytes must stay true
//! when more arrive, and all parts of a message must lie in the buffer.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pinhole::rtsp::{Message, Parsed, parse_within};

fuzz_target!(|input: (u16, u16, &[u8])| {
    let (room, cut, bytes) = input;
    let room = usize::from(room);
    let bytes = &bytes[..bytes.len().min(room)];
    let whole = parse_within(bytes, room);
    match whole {
        Ok(Parsed::Skip(len)) => assert!(len > 0 && len <= bytes.len()),
        Ok(Parsed::Complete(message, len)) => {
            assert!(len > 0 && len <= bytes.len());
            if let Message::Request(request) = message {
                for header in request.headers.iter() {
                    assert!(request.headers.get_all(str(header.name)).count() > 0);
                }
            }
        }
        Ok(Parsed::Partial) | Err(_) => {}
    }
    if let Err(error) = whole {
        assert!(error.at <= bytes.len());
        assert!(error.skip != Some(0));
    }
    let cut = usize::from(cut).min(bytes.len());
    match parse_within(&bytes[..cut], room) {
        Ok(Parsed::Partial | Parsed::Skip(_)) => {}
        said => assert_eq!(said, whole),
    }
});

fn str(name: &[u8]) -> &str {
    core::str::from_utf8(name).expect("names are tokens")
}
