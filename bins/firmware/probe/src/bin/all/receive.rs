//! The receiving side of RTP.
use pinhole::codec::Codec;
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{ClockReference, Slot};
use pinhole::payload::Depacketizer;
use pinhole::rtp;
use pinhole::rtp::{Delivery, Port, Receiver, ReceiverConfig, Reorder, Start, Statistics};
use pinhole::time::{Duration, NtpTime};
use probe::{Ring, any, bytes, now, room, used};

pub(crate) fn all() {
    count();
    order();
    depacketize();
    receive();
}

fn receive() {
    let (mut slots, mut frames, mut storage) = ([Slot::EMPTY; 4], [0; 100], [0; 100]);
    let mut ring = Ring::new(TRACK, any(&mut slots), room(&mut frames));
    let storage = room(&mut storage);
    let mut receiver = Receiver::new(any(ReceiverConfig::new(TRACK, 26)), any(0));
    receiver.set_delivery(any(Delivery::Datagrams { max_packet: 0, wait: Duration::ZERO }), storage);
    while any(true) {
        let receiver = any(&mut receiver);
        receiver.expect_source(any(None));
        receiver.expect_start(any(Start::default()));
        receiver.confirm_start(any(Start::default()));
        receiver.jump(any(Start::default()));
        used(receiver.handle_packet(now().at, any(Port::Rtp), bytes(), storage, &mut ring));
        receiver.handle_timeout(now().at, storage, &mut ring);
        if any(false) {
            receiver.finish(storage, &mut ring);
        }
        if let Some(report) = receiver.poll_report(now().at) {
            used(report.bytes());
            report.commit();
        }
        used((receiver.poll_at(), receiver.report_at(), receiver.ends_at(), receiver.statistics()));
        clock(receiver.clock().unwrap_or_default());
    }
}

fn clock(reference: ClockReference) {
    used(reference.map(any(1), any(0), any(reference), any(1)));
    used(reference.media_time(any(1), any(0), any(NtpTime(0))));
    used(reference.ntp_at(any(1), any(0)));
}

fn count() {
    let mut statistics = Statistics::new(any(1), any(90_000));
    while any(true) {
        let statistics = any(&mut statistics);
        used(statistics.on_packet(now().at, any(0), any(0)).sequence());
        statistics.on_sender_report(now().at, any(NtpTime(0)));
        used((statistics.ssrc(), statistics.jitter(), statistics.counters()));
        used(statistics.report_block(now().at));
    }
}

fn order() {
    let mut storage = [0; 100];
    let mut reorder = Reorder::new(room(&mut storage), any(0), any(Duration::ZERO));
    let mut deliver = |packet: &[u8], lost: u16| used((packet, lost));
    while any(true) {
        let reorder = any(&mut reorder);
        used(reorder.offer(now().at, any(0), bytes(), &mut deliver));
        reorder.handle_timeout(now().at, &mut deliver);
        used((reorder.poll_at(), reorder.counters()));
        if any(false) {
            reorder.flush(&mut deliver);
        }
    }
}

fn depacketize() {
    let (mut slots, mut frames) = ([Slot::EMPTY; 4], [0; 100]);
    let mut ring = Ring::new(TRACK, any(&mut slots), room(&mut frames));
    let mut depacketizer = Depacketizer::new(any(Codec::Jpeg), any(None));
    while any(true) {
        let depacketizer = any(&mut depacketizer);
        let Ok(packet) = rtp::Packet::new_checked(bytes()) else { continue };
        used(depacketizer.push(any(0), &packet, any(0), any(0), &mut ring).is_ok());
        used((depacketizer.counters(), depacketizer.has_open()));
        if any(false) {
            depacketizer.finish_open(any(0), &mut ring);
        }
        if any(false) {
            depacketizer.forget_open();
        }
    }
}
