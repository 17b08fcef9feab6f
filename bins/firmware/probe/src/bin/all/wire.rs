//! What is on the wire, both ways.
mod rtcp;
mod rtsp;
mod sdp;

use pinhole::codec::jpeg::Sampling;
use pinhole::payload::jpeg::{HeaderRepr, Payload, Restart, Tables};
use pinhole::rtp;
use pinhole::rtsp::interleaved;
use probe::{any, bytes, room, used};

pub(crate) fn all() {
    packet();
    extension();
    jpeg();
    if let Some(header) = interleaved::Header::parse(bytes()) {
        used((header.emit(), header.frame_len()));
    }
    if let Some(data) = interleaved::Data::parse(bytes()) {
        used(data.frame_len());
    }
    rtcp::all();
    rtsp::all();
    sdp::all();
}

fn packet() {
    let Ok(packet) = rtp::Packet::new_checked(bytes()) else { return };
    used((
        packet.payload_type(),
        packet.marker(),
        packet.sequence_number(),
        packet.timestamp(),
        packet.ssrc(),
    ));
    used((packet.padding_len(), packet.extension(), packet.payload()));
    let repr = rtp::Repr::parse(&packet);
    let mut out = [0; rtp::HEADER_LEN];
    used(repr.buffer_len());
    repr.emit(any(&mut out));
    used(packet.into_inner());
}

fn extension() {
    let (mut fixed, mut out) = ([0; rtp::HEADER_LEN], [0; 100]);
    let extension = rtp::ExtensionRepr { profile: any(0), data: bytes() };
    used(extension.buffer_len());
    used(extension.emit(any(&mut fixed), room(&mut out)));
}

fn jpeg() {
    used(Payload::parse(bytes()));
    let tables = any([[0; 64]; 2]);
    let repr = HeaderRepr {
        offset: any(0),
        sampling: any(Sampling::Yuv420),
        restart: any(Some(Restart { interval: 1, first: true, last: true, count: None })),
        q: any(255),
        width: any(8),
        height: any(8),
        tables: any(Some(Tables { luma: &tables[0], chroma: &tables[1] })),
    };
    let mut out = [0; 100];
    used(repr.buffer_len());
    used(repr.emit(room(&mut out)));
    used(repr.emit_head(room(&mut out)));
}
