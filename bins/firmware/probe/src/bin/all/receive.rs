//! The receiving side of RTP.
use pinhole::frame::Slot;
use pinhole::payload::jpeg::Depacketizer;
use pinhole::rtp;
use pinhole::rtp::{Reorder, Statistics};
use pinhole::time::{Duration, MediaTime, NtpTime};
use probe::{Ring, any, bytes, now, room, used};

pub(crate) fn all() {
    count();
    order();
    depacketize();
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
    let (mut slots, mut frames) = ([Slot::default(); 4], [0; 100]);
    let mut ring = Ring::new(any(&mut slots), room(&mut frames));
    let mut depacketizer = Depacketizer::new(any(None));
    while any(true) {
        let depacketizer = any(&mut depacketizer);
        let Ok(packet) = rtp::Packet::new_checked(bytes()) else { continue };
        used(depacketizer.push(any(0), &packet, any(0), any(MediaTime::ZERO), &mut ring));
        used(depacketizer.counters());
        if any(false) {
            depacketizer.finish_open(any(0), &mut ring);
        }
        if any(false) {
            depacketizer.forget_open();
        }
    }
}
