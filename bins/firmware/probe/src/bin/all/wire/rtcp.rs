//! RTCP.
use pinhole::rtp::rtcp::{Compound, CompoundRepr, Packet, ReportBlock, bye, interval, reports, rr, sdes, sr};
use pinhole::time::{Duration, NtpTime};
use probe::{any, bytes, room, used};

pub(super) fn all() {
    reports(bytes()).for_each(used);
    used(interval(any(0), any(Duration::ZERO)));
    for packet in Compound::new(bytes()).map_while(Result::ok) {
        match packet {
            Packet::SenderReport(report) => {
                used((report.ssrc(), report.info()));
                report.reports().for_each(used);
            }
            Packet::ReceiverReport(report) => {
                used(report.ssrc());
                report.reports().for_each(used);
            }
            Packet::SourceDescription(description) => {
                used(description.cname(any(0)));
                description.items().for_each(used);
            }
            Packet::Bye(bye) => {
                used(bye.reason());
                bye.sources().for_each(used);
            }
            other => used(other),
        }
    }
    emit();
}

fn emit() {
    let blocks: &[ReportBlock] = any(&[]);
    let info = any(sr::SenderInfo { ntp: NtpTime(0), rtp_timestamp: 0, packets: 0, octets: 0 });
    let mut out = [0; 100];
    let compound = CompoundRepr {
        ssrc: any(0),
        sender: any(Some(info)),
        reports: blocks,
        cname: bytes(),
        bye: any(true),
    };
    used((compound.buffer_len(), compound.emit(room(&mut out))));
    let report = sr::Repr { ssrc: any(0), info, reports: blocks };
    used((report.buffer_len(), report.emit(room(&mut out))));
    let report = rr::Repr { ssrc: any(0), reports: blocks };
    used((report.buffer_len(), report.emit(room(&mut out))));
    let description = sdes::Repr { ssrc: any(0), cname: bytes() };
    used((description.buffer_len(), description.emit(room(&mut out))));
    let bye = bye::Repr { ssrc: any(0) };
    used((bye.buffer_len(), bye.emit(room(&mut out))));
}
