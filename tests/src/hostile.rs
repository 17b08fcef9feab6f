//! What no decent client sends.

/// Requests that are refused, each with the statuses that will do; `url` is served, `none` is not.
pub fn bad_requests(url: &str, none: &str) -> Vec<(String, &'static [u16])> {
    vec![
        ("HELLO\r\n\r\n".to_owned(), &[400]),
        ("OPTIONS * RTSP/1.0\r\n\r\n".to_owned(), &[400]),
        ("OPTIONS * RTSP/1.0\r\nCSeq: many\r\n\r\n".to_owned(), &[400]),
        ("OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n".to_owned(), &[505]),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".to_owned(), &[400, 505]),
        (format!("BREW {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n"), &[405, 501]),
        (format!("DESCRIBE {none} RTSP/1.0\r\nCSeq: 1\r\n\r\n"), &[404]),
        (format!("OPTIONS {url} RTSP/1.0\r\nCSeq: 1\r\nRequire: warp\r\n\r\n"), &[551]),
        (format!("SETUP {url} RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/SAVP\r\n\r\n"), &[461]),
        (format!("SETUP {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n"), &[400, 461]),
        (format!("PLAY {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n"), &[454]),
        (format!("PLAY {url} RTSP/1.0\r\nCSeq: 1\r\nSession: 0123456789\r\n\r\n"), &[454]),
        (format!("OPTIONS {url} RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n"), &[400]),
        (format!("OPTIONS {url} RTSP/1.0\r\nCSeq: 1\r\nContent-Length: {}\r\n\r\n", u128::MAX), &[400, 413]),
        (
            format!("OPTIONS {url} RTSP/1.0\r\nCSeq: 1\r\nX: {}\r\n\r\n", "x".repeat(100_000)),
            &[400, 413, 414, 431],
        ),
    ]
}

/// Bytes that are no message at all.
pub fn noise() -> [Vec<u8>; 4] {
    [vec![0; 10_000], b"$".to_vec(), b"$\x00\xff\xff".to_vec(), "\r\n".repeat(5_000).into_bytes()]
}
