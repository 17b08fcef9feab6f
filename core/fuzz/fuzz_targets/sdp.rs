//! Reads session descriptions to their last attribute.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pinhole::sdp::Description;

fuzz_target!(|bytes: &[u8]| {
    let Ok(description) = Description::parse(bytes) else { return };
    let _ = (description.name(), description.control(), description.range(), description.connection());
    let _ = description.attributes().count();
    for media in description.media() {
        let _ = (media.control(), media.range(), media.frame_rate(), media.dimensions(), media.connection());
        let _ = (media.formats().count(), media.attributes().count());
        for payload_type in media.payload_types() {
            let _ = (media.rtpmap(payload_type), media.fmtp(payload_type));
        }
    }
});
