//! The client's side.
use pinhole::client::{
    ClientConn, Config, Event, Intake, PlayOptions, Port, Prefetch, PrefetchOptions, ReceiverStatistics,
};
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::Slot;
use pinhole::frame::{FrameId, FrameSink, Seek};
use pinhole::rtsp::Pair;
use pinhole::time::MediaTime;
use probe::{Ring, any, bytes, now, room, text, used};

type Conn<'a> = ClientConn<&'a mut [u8], &'a str>;

pub(crate) fn all() {
    let (mut storage, mut slots, mut frames) = ([0; 100], [Slot::default(); 4], [0; 100]);
    let mut rings = [Ring::new(TRACK, any(&mut slots), room(&mut frames))];
    let rings: &mut [Ring<'_>] = any(&mut rings);
    let config: Config = any(Config::default());
    used(config.storage_len(any(0)));
    let Ok(mut conn) = Conn::new(config, now(), text(), any(1), room(&mut storage)) else { return };
    let mut prefetch = Prefetch::new(any(Some(PrefetchOptions::default())));
    while any(true) {
        let (conn, prefetch) = (any(&mut conn), any(&mut prefetch));
        input(conn, &mut prefetch.sink(rings));
        input(conn, rings);
        commands(conn);
        output(conn);
        fetch(conn, prefetch, rings);
    }
}

fn input<K: FrameSink + ?Sized>(conn: &mut Conn<'_>, sink: &mut K) {
    used(conn.stream_room());
    used(conn.handle_stream(now(), bytes(), sink));
    conn.handle_datagram(now(), any(0), any(Port::Rtp), bytes(), sink);
    conn.handle_timeout(now(), sink);
    if any(false) {
        conn.disconnected(now(), sink);
    }
}

fn commands(conn: &mut Conn<'_>) {
    if any(true) {
        used(conn.setup(any(0), any(Some(Pair { rtp: 0, rtcp: 1 }))));
    }
    if any(true) {
        conn.announce_buffer(any(1));
    }
    if any(true) {
        conn.play(any(Some(Seek::Live)));
    }
    if any(true) {
        conn.play_with(any(PlayOptions::default()));
    }
    if any(true) {
        conn.pause();
    }
    if any(true) {
        conn.teardown();
    }
}

fn output(conn: &mut Conn<'_>) {
    let mut out = [0; 100];
    if let Some(chunk) = conn.poll_stream(now()) {
        used(chunk.bytes());
        used(chunk.fill(room(&mut out)));
        chunk.advance(any(0));
    }
    if let Some(pending) = conn.poll_transmit(now()) {
        used((pending.track(), pending.port(), pending.to_port(), pending.bytes()));
        used(pending.emit(room(&mut out)));
        if any(true) {
            pending.commit();
        }
    }
    used((conn.poll_at(), conn.track(any(0)), conn.clock(any(0)), conn.dropped(), conn.duration()));
    if let Some(figures) = conn.statistics(any(0)) {
        used(figures.after(&any(ReceiverStatistics::default())));
    }
}

fn fetch(conn: &mut Conn<'_>, prefetch: &mut Prefetch, rings: &mut [Ring<'_>]) {
    while let Some(event) = conn.poll_event(now()) {
        used(prefetch.on_event(&event));
        used::<Event<'_>>(event);
    }
    used(prefetch.poll(rings));
    used(prefetch.play(any(PlayOptions::default()), rings));
    prefetch.watch_from(any(0), any(FrameId(0)));
    prefetch.unwatch(any(0));
    used((prefetch.too_large(), prefetch.is_asking(), prefetch.is_over()));
    if any(true) {
        prefetch.hold();
    }
    if any(true) {
        prefetch.disconnected();
    }
    prefetch.go_on_at(any(MediaTime::ZERO));
    let mut sink: Intake<'_, _, _> = prefetch.sink(rings);
    sink.abandon(any(0));
}
