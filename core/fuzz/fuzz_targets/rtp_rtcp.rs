//! Parses arbitrary bytes as RTP packets, as RTP/JPEG payloads and as compound RTCP packets.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pinhole::payload::jpeg;
use pinhole::rtp;
use pinhole::rtp::rtcp::{Compound, Packet, reports};
use pinhole::rtsp::interleaved;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(packet) = rtp::Packet::new_checked(bytes) {
        assert!(packet.payload().len() + packet.padding_len() + rtp::HEADER_LEN <= bytes.len());
        assert!(packet.extension().is_none_or(|(_, data)| data.len() % 4 == 0));
        let mut fixed = [0; rtp::HEADER_LEN];
        let repr = rtp::Repr::parse(&packet);
        repr.emit(&mut fixed);
        assert_eq!(rtp::Repr::parse(&rtp::Packet::new_checked(&fixed[..]).unwrap()), repr);
        let _ = jpeg::Payload::parse(packet.payload());
    }
    let _ = jpeg::Payload::parse(bytes);
    let _ = interleaved::Data::parse(bytes);
    // Each packet takes four bytes at least.
    assert!(Compound::new(bytes).count() <= bytes.len() / 4 + 1);
    assert!(reports(bytes).count() <= bytes.len() / 24);
    for packet in Compound::new(bytes).map_while(Result::ok) {
        match packet {
            Packet::SourceDescription(description) => {
                let _ = (description.items().count(), description.cname(1));
            }
            Packet::Bye(bye) => _ = (bye.sources().count(), bye.reason()),
            _ => {}
        }
    }
});
