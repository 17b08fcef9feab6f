//! Connections that take turns with one storage, and the length of their table of tracks.
use super::*;
use proptest::prelude::*;

const ONE: usize = 1;
/// The longest request that is taken.
const REQUEST: usize = 300;

fn bench() -> Bench<Clip, ONE> {
    let clip = Clip::of(10, 30_000);
    let end = Some(pts(10));
    Bench::with_tracks(clip, Config::DEFAULT, end)
}

/// The buffers of a transport, and a connection on it that has no storage between its turns.
struct Sharing {
    bench: Bench<Clip, ONE>,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    capacity: usize,
    /// The outgoing buffer is a ring, and offers no more than this of its room at once.
    piece: usize,
}

impl Sharing {
    fn new(capacity: usize, piece: usize) -> Self {
        let bench = bench();
        Self { bench, incoming: Vec::new(), outgoing: Vec::new(), capacity, piece }
    }

    /// All that can be done now, so that the storage is free at the end.
    fn turn(&mut self, storage: &mut [u8]) {
        let now = self.bench.now();
        let Self { bench: Bench { conn, store, end, told, put_off, random, .. }, .. } = self;
        let mut app = App { store: &*store, end: *end, refusal: None, slow: false, put_off, random, told };
        let mut turn = conn.turn(now, storage);
        loop {
            let room = self.capacity - self.outgoing.len();
            let mut read = false;
            if room >= Config::DEFAULT.message_len() {
                turn.limit_stream(room);
                let taken = turn.handle_stream(&self.incoming).unwrap();
                turn.serve(&mut app);
                let rest = turn.take_back();
                self.incoming.drain(..taken - rest);
                read = taken > rest;
            }
            loop {
                let room = self.capacity - self.outgoing.len();
                turn.limit_stream(if read { 0 } else { room });
                let Some(chunk) = turn.poll_stream(app.store) else { break };
                let mut buffer = vec![0; room.min(self.piece)];
                let written = chunk.write(&mut buffer);
                self.outgoing.extend(&buffer[..written]);
                if written == 0 {
                    break;
                }
            }
            if !read {
                break;
            }
        }
        turn.serve(&mut app);
        assert!(turn.is_storage_free(), "something is left in the storage");
    }
}

fn replies_and_data(sent: Vec<Sent>) -> (Vec<Reply>, Vec<(u8, Vec<u8>)>) {
    let (mut replies, mut data) = (Vec::new(), Vec::new());
    for sent in sent {
        match sent {
            Sent::Reply(reply) => replies.push(reply),
            Sent::Data(channel, bytes) => data.push((channel, bytes)),
        }
    }
    (replies, data)
}

/// From the first request to a frame of many packets, with reports and requests behind.
fn dialogue(session: &str) -> String {
    let mut all = String::new();
    let mut say = |method: &str, headers: &str| {
        let cseq = all.matches("CSeq").count();
        all.push_str(&format!("{method} {URL} RTSP/1.0\r\nCSeq: {cseq}\r\n{headers}\r\n"));
    };
    let session = format!("Session: {session}\r\n");
    say("OPTIONS", "");
    say("DESCRIBE", "Accept: application/sdp\r\n");
    say("SETUP", TCP);
    say("PLAY", &session);
    for _ in 0..4 {
        say("GET_PARAMETER", &session);
    }
    all.insert_str(all.find("GET_").unwrap(), "$\u{1}\0\u{4}\0\0\0\0");
    all
}

proptest! {
    #[test]
    fn connections_that_share_a_storage_say_what_those_do_that_have_one(
        pieces in prop::collection::vec((1usize..200, 1usize..3_000), 100..400),
        capacity in 1536usize..6_000,
        piece in 100usize..6_000,
    ) {
        let mut own = bench();
        own.set_up(0, TCP);
        let said = dialogue(&own.session);
        let mut own = bench();
        own.receive(&said);
        let (replies, data) = replies_and_data(own.sent());
        prop_assert!(replies.len() == 8 && data.len() > 20);

        let mut storage = vec![0; Config::DEFAULT.storage_len(REQUEST)];
        let mut sharing = [(); 2].map(|()| (Sharing::new(capacity, piece), said.as_bytes(), Vec::new()));
        for (into, out) in pieces.into_iter().chain([(REQUEST, 3_000); 100]) {
            for (sharing, said, heard) in &mut sharing {
                let room = REQUEST - sharing.incoming.len();
                let (now, later) = said.split_at(into.min(room).min(said.len()));
                sharing.incoming.extend(now);
                *said = later;
                sharing.turn(&mut storage);
                let out = out.min(sharing.outgoing.len());
                heard.extend(sharing.outgoing.drain(..out));
            }
        }
        for (sharing, said, heard) in sharing {
            prop_assert!(said.is_empty() && sharing.incoming.is_empty() && sharing.outgoing.is_empty());
            let (sent, rest) = take_apart(&heard);
            prop_assert!(rest.is_empty());
            prop_assert_eq!(&(replies.clone(), data.clone()), &replies_and_data(sent));
            prop_assert_eq!(&own.told, &sharing.bench.told);
        }
    }
}

#[test]
fn a_request_that_is_too_long_ends_a_connection_that_shares_too() {
    let mut storage = vec![0; Config::DEFAULT.storage_len(REQUEST)];
    let mut sharing = Sharing::new(2_000, 2_000);
    sharing.incoming.extend(format!("OPTIONS {URL} RTSP/1.0\r\nCSeq: 1\r\nA: ").bytes());
    sharing.turn(&mut storage);
    assert!(sharing.outgoing.is_empty());
    sharing.incoming.resize(REQUEST, b'a');
    sharing.turn(&mut storage);
    let error = ConnError::TooLong { at: REQUEST as u64 };
    assert_eq!(sharing.bench.told, [Told::Disconnect(error)]);
    assert_eq!(sharing.bench.take(b"OPTIONS"), Err(error));
    assert!(sharing.outgoing.starts_with(b"RTSP/1.0 4"), "{:?}", sharing.outgoing);
}

#[test]
fn bytes_in_the_storage_keep_it() {
    let mut storage = vec![0; Config::DEFAULT.storage_len(REQUEST)];
    let mut conn = ServerConn::<ONE>::with_tracks(Config::DEFAULT, Now::default(), CLIENT);
    let mut turn = conn.turn(Now::default(), &mut storage);
    assert!(turn.is_storage_free());
    assert_eq!(turn.handle_stream(b"OPTIONS "), Ok(8));
    assert!(!turn.is_storage_free());
    assert_eq!(turn.take_back(), 8);
    assert!(turn.is_storage_free());
}

#[test]
fn a_table_of_one_track_takes_one_and_another_in_its_place() {
    let mut bench = bench();
    for _ in 0..2 {
        // The channels are free again.
        assert!(bench.set_up(0, TCP).get("Transport").contains("interleaved=0-1"));
    }
    assert!(matches!(
        bench.told[..],
        [Told::Opened(0, _), Told::Opened(0, _), Told::Closed(0, CloseReason::Replaced, _)]
    ));
    let another = format!("{URL}/track1");
    assert_eq!(bench.request("SETUP", &another, UDP).status, 453);
    bench.ok("PLAY", URL, "");
    assert_eq!(bench.request("SETUP", &another, UDP).status, 455);
    bench.session.clear();
    assert_eq!(bench.request("SETUP", &another, UDP).status, 453);
}

/// A client that gives its session up and sets another up in one breath.
#[test]
fn a_table_of_one_track_has_room_right_after_a_teardown() {
    let mut bench = bench();
    bench.start(TCP, "");
    let session = core::mem::take(&mut bench.session);
    bench.receive(format!(
        "TEARDOWN {URL} RTSP/1.0\r\nCSeq: 8\r\nSession: {session}\r\n\r\n\
         SETUP {URL}/track1 RTSP/1.0\r\nCSeq: 9\r\n{UDP}\r\n"
    ));
    assert_eq!(bench.reply().status, 200);
    let told = &bench.told[bench.told.len() - 2..];
    assert!(
        matches!(told, [Told::Opened(1, LowerTransport::Udp), Told::Closed(0, CloseReason::Teardown, _)]),
        "{told:?}"
    );
}
