//! Whole dialogues, as real clients and servers hold them.
use super::{Message, Method, Parsed, Profile, RtpInfo, Session, Status, Url, parse, transports};
use crate::rtsp::interleaved::Data;
use std::vec::Vec;

/// Messages in the manner of each peer, `$` frames among them.
const DIALOGUES: [(&str, &[&[u8]]); 6] = [
    (
        "ffmpeg, the client over TCP",
        &[
            b"OPTIONS rtsp://127.0.0.1:8554/bunny RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Lavf59.27.100\r\n\r\n",
            b"DESCRIBE rtsp://127.0.0.1:8554/bunny RTSP/1.0\r\nAccept: application/sdp\r\nCSeq: 2\r\nUser-Agent: Lavf59.27.100\r\n\r\n",
            b"SETUP rtsp://127.0.0.1:8554/bunny/track0 RTSP/1.0\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nCSeq: 3\r\nUser-Agent: Lavf59.27.100\r\n\r\n",
            b"PLAY rtsp://127.0.0.1:8554/bunny/ RTSP/1.0\r\nRange: npt=0.000-\r\nCSeq: 4\r\nUser-Agent: Lavf59.27.100\r\nSession: 1234\r\n\r\n",
            b"$\x01\x00\x08\x80\xc9\x00\x01\x00\x00\x00\x01",
            b"GET_PARAMETER rtsp://127.0.0.1:8554/bunny/ RTSP/1.0\r\nCSeq: 5\r\nUser-Agent: Lavf59.27.100\r\nSession: 1234\r\n\r\n",
            b"TEARDOWN rtsp://127.0.0.1:8554/bunny/ RTSP/1.0\r\nCSeq: 6\r\nUser-Agent: Lavf59.27.100\r\nSession: 1234\r\n\r\n",
        ],
    ),
    (
        "GStreamer, the client over UDP",
        &[
            b"OPTIONS rtsp://[::1]:8554/bunny RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: GStreamer/1.22.0\r\n\r\n",
            b"SETUP rtsp://[::1]:8554/bunny/track0 RTSP/1.0\r\nCSeq: 3\r\nUser-Agent: GStreamer/1.22.0\r\nTransport: RTP/AVP;unicast;client_port=45678-45679\r\n\r\n",
            b"PLAY rtsp://[::1]:8554/bunny/ RTSP/1.0\r\nCSeq: 4\r\nUser-Agent: GStreamer/1.22.0\r\nRange: npt=0-\r\nSession: 1234\r\n\r\n",
        ],
    ),
    (
        "live555, the client in VLC",
        &[
            b"OPTIONS rtsp://h:8554/bunny RTSP/1.0\r\nCSeq: 2\r\nUser-Agent: LibVLC/3.0.18 (LIVE555 Streaming Media v2016.11.28)\r\n\r\n",
            b"SETUP rtsp://h:8554/bunny/track0 RTSP/1.0\r\nCSeq: 4\r\nUser-Agent: LibVLC/3.0.18 (LIVE555 Streaming Media v2016.11.28)\r\nTransport: RTP/AVP;unicast;client_port=51234-51235\r\n\r\n",
            b"SET_PARAMETER rtsp://h:8554/bunny RTSP/1.0\r\nCSeq: 5\r\nContent-Type: text/parameters\r\nContent-Length: 8\r\n\r\nvol: 10\n",
        ],
    ),
    (
        "gst-rtsp-server",
        &[
            b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE, GET_PARAMETER, PAUSE, PLAY, SETUP, SET_PARAMETER, TEARDOWN\r\nServer: GStreamer RTSP server\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n",
            b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Base: rtsp://h:8554/bunny/\r\nContent-Length: 28\r\n\r\nv=0\r\nm=video 0 RTP/AVP 26\r\n\n",
            b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=7B6DD2E6;mode=\"PLAY\"\r\nSession: uk3cN5Yl-lZxzVbg;timeout=60\r\n\r\n",
            b"$\x00\x00\x04\x80\x1a\x00\x01",
            b"RTSP/1.0 200 OK\r\nCSeq: 4\r\nRTP-Info: url=rtsp://h:8554/bunny/stream=0;seq=30;rtptime=3\r\nRange: npt=0-10\r\nSession: uk3cN5Yl-lZxzVbg;timeout=60\r\n\r\n",
            b"$\x00\x00\x00",
            b"RTSP/1.0 454 Session Not Found\r\nCSeq: 5\r\n\r\n",
        ],
    ),
    (
        "a live555 server",
        &[
            b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nDate: Thu, Jan 01 1970 00:00:00 GMT\r\nTransport: RTP/AVP;unicast;destination=10.0.0.2;source=10.0.0.1;client_port=5000-5001;server_port=6970-6971\r\nSession: 8B2C46A1;timeout=65\r\n\r\n",
            b"RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: Digest realm=\"LIVE555\", nonce=\"1\"\r\n\r\n",
        ],
    ),
    (
        "a camera with bare LF, folded lines and no reason phrase",
        &[
            b"RTSP/1.0 200\nCseq: 1 \nPublic: OPTIONS,\n  DESCRIBE\n\n",
            b"$\x03\x00\x02$$",
            b"OPTIONS * RTSP/1.0\r\r\nCSeq: 9\r\r\n\r\r\n",
        ],
    ),
];

/// What a receiver takes from `bytes` when they arrive `step` at a time.
fn receive(bytes: &[u8], step: usize) -> Vec<(Message<'_>, usize)> {
    let (mut messages, mut start) = (Vec::new(), 0);
    for end in (0..bytes.len()).step_by(step).skip(1).chain([bytes.len()]) {
        loop {
            match parse(&bytes[start..end]).unwrap() {
                Parsed::Partial => break,
                Parsed::Skip(n) => start += n,
                Parsed::Complete(message, n) => {
                    start += n;
                    messages.push((message, n));
                }
            }
        }
    }
    assert_eq!(start, bytes.len());
    messages
}

#[test]
fn every_split_point_of_a_dialogue_gives_the_same_messages() {
    for (peer, dialogue) in DIALOGUES {
        let bytes = dialogue.concat();
        let whole = receive(&bytes, bytes.len());
        let lengths: Vec<_> = whole.iter().map(|(_, n)| *n).collect();
        assert_eq!(lengths, dialogue.iter().map(|m| m.len()).collect::<Vec<_>>(), "{peer}");
        for step in 1..40 {
            assert_eq!(receive(&bytes, step), whole, "{peer}, {step} bytes at a time");
        }
        for message in dialogue {
            for end in 0..message.len() {
                assert_eq!(
                    parse(&message[..end]),
                    Ok(Parsed::Partial),
                    "{peer}, {end} of {}",
                    message.escape_ascii()
                );
            }
        }
    }
}

#[test]
fn line_ends_between_messages_are_skipped() {
    let bytes = b"\r\n\nOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n\r\n$\0\0\0\r\n\r\n";
    for step in 1..bytes.len() {
        assert_eq!(receive(bytes, step).len(), 2);
    }
}

fn messages(peer: usize) -> Vec<Message<'static>> {
    DIALOGUES[peer]
        .1
        .iter()
        .map(|bytes| match parse(bytes).unwrap() {
            Parsed::Complete(message, _) => message,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn what_ffmpeg_asks() {
    let messages = messages(0);
    let methods: Vec<_> = messages
        .iter()
        .filter_map(|m| match m {
            Message::Request(request) => Some((request.method, request.headers.cseq().unwrap())),
            _ => None,
        })
        .collect();
    let expected = [
        Method::Options,
        Method::Describe,
        Method::Setup,
        Method::Play,
        Method::GetParameter,
        Method::Teardown,
    ];
    assert_eq!(methods, expected.into_iter().zip(1..).collect::<Vec<_>>());
    let Message::Request(setup) = messages[2] else { panic!() };
    assert_eq!(Url::parse(setup.url).unwrap().track().unwrap().1, 0);
    let spec = transports(setup.headers.get("transport").unwrap()).next().unwrap().unwrap();
    assert_eq!(spec.profile, Profile::Tcp);
    assert_eq!(messages[4], Message::Data(Data { channel: 1, payload: b"\x80\xc9\0\x01\0\0\0\x01" }));
}

#[test]
fn what_gst_rtsp_server_answers() {
    let messages = messages(3);
    let Message::Response(describe) = messages[1] else { panic!() };
    assert_eq!((describe.status, describe.body.len()), (Status::OK, 28));
    let Message::Response(play) = messages[4] else { panic!() };
    let info = RtpInfo::iter(play.headers.get("RTP-Info").unwrap()).next().unwrap();
    assert_eq!((info.seq, info.rtptime), (Some(30), Some(3)));
    assert_eq!(Session::parse(play.headers.get("Session").unwrap()).unwrap().id, b"uk3cN5Yl-lZxzVbg");
    let Message::Response(last) = messages[6] else { panic!() };
    assert_eq!((last.status, last.reason), (Status::SESSION_NOT_FOUND, &b"Session Not Found"[..]));
}

#[test]
fn what_a_live555_client_sets_and_a_live555_server_refuses() {
    let Message::Request(set) = messages(2)[2] else { panic!() };
    assert_eq!((set.method, set.body), (Method::SetParameter, &b"vol: 10\n"[..]));
    let Message::Response(refusal) = messages(4)[1] else { panic!() };
    assert_eq!(refusal.status, Status::UNAUTHORIZED);
}

#[test]
fn each_method_has_its_name() {
    let methods = [
        ("OPTIONS", Method::Options),
        ("DESCRIBE", Method::Describe),
        ("ANNOUNCE", Method::Announce),
        ("SETUP", Method::Setup),
        ("PLAY", Method::Play),
        ("PAUSE", Method::Pause),
        ("TEARDOWN", Method::Teardown),
        ("GET_PARAMETER", Method::GetParameter),
        ("SET_PARAMETER", Method::SetParameter),
        ("REDIRECT", Method::Redirect),
        ("RECORD", Method::Record),
    ];
    for (name, method) in methods {
        assert_eq!((Method::from_name(name.as_bytes()), method.name()), (method, name.as_bytes()));
    }
    for name in ["", "play", "PLAY ", "PLAYS", "PLAY,PAUSE", ","] {
        assert_eq!(Method::from_name(name.as_bytes()), Method::Unknown(name.as_bytes()));
    }
}
