//! Session descriptions.
use pinhole::codec::jpeg::TRACK;
use pinhole::sdp::{AddressType, Description, FrameRate, Media, Presentation, Track};
use pinhole::text::{Emit, SliceSink, TextWriter};
use probe::{any, bytes, room, text, used};

pub(super) fn all() {
    if let Ok(description) = Description::parse(bytes()) {
        used((description.name(), description.control(), description.range(), description.connection()));
        description.attributes().for_each(used);
        description.media().for_each(medium);
    }
    let tracks: &[Track] =
        any(&[Track { info: TRACK, dimensions: Some((1, 1)), frame_rate: Some(FrameRate(1)) }]);
    let presentation = Presentation {
        name: text(),
        session_id: any(0),
        version: any(0),
        address_type: any(AddressType::Ip4),
        duration: any(None),
        tracks,
    };
    let mut out = [0; 100];
    used((presentation.range(), presentation.text_len()));
    let mut out = TextWriter::new(SliceSink::new(room(&mut out)));
    presentation.emit(&mut out);
    used(out.finish());
}

fn medium(medium: Media<'_>) {
    used((medium.control(), medium.range(), medium.frame_rate(), medium.dimensions(), medium.connection()));
    used((medium.rtpmap(any(26)), medium.fmtp(any(26))));
    medium.formats().for_each(used);
    medium.payload_types().for_each(used);
    medium.attributes().for_each(used);
}
