//! The connection as a stream of bytes: split, pipelined, mixed with `$` messages (RFC 2326, 10.12),
//! and written in pieces of any size.
use super::*;
use crate::rtsp::interleaved::Header as Dollar;
use proptest::prelude::*;

const DIALOGUE: &str = "\r\nOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n\
    DESCRIBE rtsp://h/clip RTSP/1.0\nCseq : 2\nAccept:\n application/sdp\n\n\
    SETUP rtsp://h/clip/track0 RTSP/1.0\r\ncseq: 3  \r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n\
    $\x07\0\x03abc\
    SET_PARAMETER * RTSP/1.0\r\nCSeq: 4\r\nContent-Length: 5\r\n\r\nx: y\n\
    SETUP rtsp://h/clip/track1 RTSP/1.0\r\nCSeq: 5\r\nTransport: RTP/AVP;client_port=5000\r\n\r\n\
    BAD\x20rtsp://h/ RTSP/1.0\r\nCSeq: 6\r\n: \r\n\r\n\
    RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n\
    PLAY rtsp://h/clip RTSP/1.0\r\nCSeq: 7\r\nSession: 0\r\n\r\n";

fn dollar(channel: u8, payload: &[u8]) -> Vec<u8> {
    let header = Dollar { channel, len: payload.len() as u16 };
    [&header.emit()[..], payload].concat()
}

/// Everything the server writes, where the client's bytes come in these pieces.
fn answers<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bench = Bench::new();
    for piece in pieces {
        bench.receive(piece);
    }
    bench.out
}

#[test]
fn wherever_a_dialogue_is_split_the_answers_are_the_same() {
    let bytes = DIALOGUE.as_bytes();
    let whole = answers([bytes]);
    assert_eq!(take_apart(&whole).0.len(), 7);
    for at in 1..bytes.len() {
        let (one, other) = bytes.split_at(at);
        assert_eq!(answers([one, other]), whole, "split at {at}");
    }
    assert_eq!(answers(bytes.chunks(1)), whole);
}

#[test]
fn requests_wait_for_room_for_their_replies_and_poll_at_wakes_for_them() {
    let mut bench = Bench::new();
    bench.window = 0;
    // Their replies are longer than what a connection queues.
    let requests: String = (1..=50).map(|n| format!("OPTIONS * RTSP/1.0\r\nCSeq: {n}\r\n\r\n")).collect();
    assert_eq!(bench.take(requests.as_bytes()), Ok(requests.len()));
    bench.run(seconds(1));
    assert_eq!(bench.out, []);
    // All that is queued is written at once, which makes room for requests: only the timer tells.
    let now = bench.now();
    let mut turn = bench.conn.turn(now, &mut bench.storage);
    let mut queued = vec![0; 4000];
    let written = turn.poll_stream(&bench.store).unwrap().write(&mut queued);
    assert!(turn.poll_stream(&bench.store).is_none());
    bench.out.extend(&queued[..written]);
    assert!(bench.next().is_some_and(|at| at <= bench.at));
    // The socket takes a little, and again and again; nothing else happens.
    for _ in 0..60 {
        bench.window = 300;
        if bench.next().is_some_and(|at| at <= bench.at) {
            bench.turn();
        }
    }
    assert_eq!(bench.sent().len(), 50);
}

#[test]
fn what_there_is_no_room_for_is_not_taken() {
    let mut bench = Bench::new();
    bench.slow = true;
    let describe = format!("DESCRIBE {URL} RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    bench.receive(&describe);
    let room = bench.stream_room();
    assert!(room < 2048);
    let many = "\r\n".repeat(4000);
    assert_eq!(bench.take(many.as_bytes()), Ok(room));
    assert_eq!(bench.stream_room(), 0);
    assert_eq!(bench.take(many.as_bytes()), Ok(0));
    bench.answer();
    bench.receive("OPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n");
    assert_eq!(bench.sent().len(), 2);
}

#[test]
fn reports_between_requests_are_read_and_other_channels_are_not() {
    let mut bench = Bench::new();
    bench.start(TCP, "");
    bench.run(millis(100));
    let ssrc = rtp(&bench.channel(0)[0]).ssrc;
    bench.receive(
        [
            dollar(1, &receiver_report(ssrc, 7)),
            dollar(9, &receiver_report(ssrc, 9)),
            dollar(0, &receiver_report(ssrc, 10)),
            dollar(1, &receiver_report(ssrc.wrapping_add(1), 11)),
            dollar(1, b"no RTCP"),
            dollar(1, b""),
        ]
        .concat(),
    );
    bench.ok("TEARDOWN", URL, "");
    assert!(matches!(
        bench.told[1],
        Told::Closed(0, CloseReason::Teardown, Summary { lost: 7, jitter: 45, .. })
    ));
}

#[test]
fn a_dollar_message_longer_than_the_storage_is_dropped_without_a_word() {
    let mut bench = Bench::new();
    bench.receive([dollar(1, &[b'P'; 65_535]), dollar(200, &[b'$'; 3000])].concat());
    assert_eq!(bench.sent(), []);
    bench.ok("OPTIONS", "*", "");
}

/// A session over TCP, written in pieces of `write` bytes, by one call for each or by two.
fn played_in_pieces(write: usize, at_once: bool) -> Vec<u8> {
    let mut bench = Bench::of(Clip::of(4, 2000));
    (bench.write, bench.at_once) = (write, at_once);
    bench.start(TCP, "");
    bench.run(millis(100));
    bench.request("GET_PARAMETER", URL, "");
    bench.run(seconds(1));
    bench.out
}

#[test]
fn the_size_of_the_writes_makes_no_difference() {
    let whole = played_in_pieces(usize::MAX, false);
    let (sent, rest) = take_apart(&whole);
    let packets = sent.iter().filter(|sent| matches!(sent, Sent::Data(0, _))).count();
    assert_eq!((packets, rest), (4 * 2, &[][..]));
    for write in [1, 7, 1415, 1417, 5000, usize::MAX] {
        for at_once in [false, true] {
            assert_eq!(played_in_pieces(write, at_once), whole, "{write}, at once: {at_once}");
        }
    }
}

#[test]
fn a_chunk_that_is_dropped_says_the_same_again() {
    let mut bench = Bench::new();
    bench.window = 0;
    bench.receive("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    let mut turn = bench.conn.turn(bench.now(), &mut bench.storage);
    let mut buffer = [[0; 500]; 2];
    for buffer in &mut buffer {
        let chunk = turn.poll_stream(&bench.store).unwrap();
        assert!(chunk.fill(buffer) > 0);
    }
    assert_eq!(buffer[0], buffer[1]);
    let chunk = turn.poll_stream(&bench.store).unwrap();
    let mut short = [0; 3];
    assert_eq!(chunk.fill(&mut short), 3);
    assert_eq!(short, buffer[0][..3]);
    // More than there is changes nothing.
    chunk.advance(usize::MAX);
    assert!(turn.poll_stream(&bench.store).is_none());
}

#[test]
fn pieces_are_whole_messages_and_what_would_be_copied() {
    let mut bench = Bench::of(Clip::of(4, 5000));
    bench.start(TCP, "");
    bench.window = 0;
    bench.receive("OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n");
    bench.at = bench.at + millis(41);
    let mut turn = bench.conn.turn(bench.now(), &mut bench.storage);
    let mut copied = [0; 20_000];
    let filled = turn.poll_stream(&bench.store).unwrap().fill(&mut copied);
    // A reply, and a frame of four packets.
    let (sent, rest) = take_apart(&copied[..filled]);
    assert!(sent.len() > 4 && rest.is_empty());
    for (most, room) in [(100, 1_000), (12, 1_000), (5, 1_000), (100, 60), (1, 1_000)] {
        let (mut heads, mut bytes, mut count) = (vec![0; room], Vec::<u8>::new(), 0);
        let chunk = turn.poll_stream(&bench.store).unwrap();
        let pieces = chunk.pieces(most, &mut heads, |piece| {
            bytes.extend_from_slice(piece);
            count += 1;
        });
        let len = pieces.bytes();
        assert_eq!(bytes, copied[..len], "{most} pieces, {room} bytes for heads");
        assert!(count <= most && (len == filled) == (most == 100 && room == 1_000));
        assert!(take_apart(&bytes).1.is_empty());
    }
}

/// A session over TCP, of which each write takes a part of the pieces that it is given, or all of them; and the
/// figures at its end. With `by_bytes`, what was taken is counted message by message.
fn played_by_pieces(taken: &[usize], by_bytes: bool) -> (Vec<u8>, Summary) {
    let mut bench = Bench::of(Clip::of(12, 3000));
    bench.start(TCP, "");
    bench.window = 0;
    let mut out = Vec::new();
    for n in 0..120 {
        bench.at = bench.at + millis(7);
        let now = bench.now();
        let mut heads = vec![0; 400];
        let mut turn = bench.conn.turn(now, &mut bench.storage);
        let Some(chunk) = turn.poll_stream(&bench.store) else { continue };
        let mut bytes = Vec::<u8>::new();
        let pieces = chunk.pieces(40, &mut heads, |piece| bytes.extend_from_slice(piece));
        let len = taken[n % taken.len()].min(bytes.len());
        out.extend_from_slice(&bytes[..len]);
        if by_bytes { chunk.advance(len) } else { chunk.advance_pieces(pieces, len) }
    }
    let now = bench.now();
    let (_, summary) = bench.conn.summaries(now).next().expect("a session");
    (out, summary)
}

#[test]
fn all_pieces_at_once_count_as_their_messages_do() {
    const ALL: usize = usize::MAX;
    for taken in [&[ALL][..], &[0, ALL], &[1, ALL, 100], &[700, 3, ALL, 2000, 0], &[1]] {
        let (bytes, summary) = played_by_pieces(taken, false);
        assert_eq!((bytes.clone(), summary), played_by_pieces(taken, true), "{taken:?}");
        assert!(bytes.len() > 100, "{taken:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_pieces_give_the_same_answers(cuts in prop::collection::vec(1usize..60, 1..40)) {
        let mut rest = DIALOGUE.as_bytes();
        let mut pieces = Vec::new();
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(answers(pieces), answers([DIALOGUE.as_bytes()]));
    }
}
