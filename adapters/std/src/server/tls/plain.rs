//! Clients that speak without TLS at the port for TLS, which are told so in what they speak.

/// What a client speaks in place of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    Rtsp,
    Http,
}

impl Plain {
    /// Tells by the begin of a request; `None` if it is none.
    pub(super) fn of(begin: &[u8]) -> Option<Self> {
        let has = |protocol: &[u8]| begin.windows(protocol.len()).any(|part| part == protocol);
        if has(b" RTSP/") {
            Some(Self::Rtsp)
        } else if has(b" HTTP/") {
            Some(Self::Http)
        } else {
            None
        }
    }

    /// Returns the name of the protocol.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Rtsp => "RTSP",
            Self::Http => "HTTP",
        }
    }

    /// Returns the response to a request of which this is the begin.
    pub(super) fn response(self, begin: &[u8]) -> String {
        let body = "This port speaks TLS: use an address that begins with rtsps:// or https://\n";
        // Some clients show nothing but the first line.
        let (version, wanted) = match self {
            Self::Rtsp => ("RTSP/1.0", "rtsps"),
            Self::Http => ("HTTP/1.1", "https"),
        };
        let field = match self {
            Self::Rtsp => cseq(begin).map(|number| format!("CSeq: {number}\r\n")).unwrap_or_default(),
            Self::Http => "Connection: close\r\n".to_owned(),
        };
        format!(
            "{version} 400 This port speaks TLS: use {wanted}://\r\n{field}Content-Type: text/plain\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

/// Returns the number of a request of RTSP, which its response has as well (RFC 2326, 12.17).
fn cseq(begin: &[u8]) -> Option<u32> {
    let number = begin.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(5)?;
        name.eq_ignore_ascii_case(b"CSeq:").then_some(value)
    })?;
    str::from_utf8(number).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_answered_in_what_it_speaks() {
        for (request, first, field) in [
            ("OPTIONS * RTSP/1.0\r\nX: y\r\ncseq:  7 \r\n\r\n", "RTSP/1.0 400 ", "\r\nCSeq: 7\r\n"),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", "\r\nConnection: close\r\n"),
        ] {
            let plain = Plain::of(request.as_bytes()).unwrap();
            let response = plain.response(request.as_bytes());
            assert!(response.starts_with(first) && response.contains(field), "{response}");
            let (head, body) = response.split_once("\r\n\r\n").unwrap();
            assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{response}");
            assert!(body.contains("rtsps://") && response.len() < 256, "{response}");
        }
        // A number that has not come is none, and nothing of the request is repeated but a number.
        for request in
            ["OPTIONS * RTSP/1.0\r\nCSe", "OPTIONS * RTSP/1.0\r\nCSeq: 1\r2\r\n", "x RTSP/1.0\nCSeq:"]
        {
            let response = Plain::Rtsp.response(request.as_bytes());
            assert!(!response.contains("CSeq"), "{response}");
        }
        assert_eq!(Plain::of(b"OPTIONS * RTSP"), None);
    }
}
