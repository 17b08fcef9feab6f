//! The byte stream of an RTSP connection: tells RTP packets from replies, and passes over all but the
//! headers.
use pinhole::rtp::{HEADER_LEN, Repr};
use pinhole::rtsp::interleaved;

/// Framing and RTP header: all that is looked at.
const HEAD: usize = interleaved::HEADER_LEN + HEADER_LEN;
/// Where RTP is: the channel that SETUP asks for.
const RTP_CHANNEL: u8 = 0;

/// Finds the RTP packets in a byte stream, in whatever pieces it comes.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    head: [u8; HEAD],
    held: usize,
    /// Bytes until the next message, and what is to be told when they have passed.
    skip: usize,
    pending: Option<(Repr, usize)>,
    /// In a reply: how much of the blank line that ends it was seen.
    blank: Option<usize>,
}

impl Scanner {
    /// Takes the bytes that were read. Calls `tell` with the header and the payload length of each RTP
    /// packet, once its last byte was there. A packet may begin in one call and end in a later one.
    pub(crate) fn push(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Repr, usize)) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let (_, rest) = bytes.split_at(self.skip.min(bytes.len()));
                self.skip -= bytes.len() - rest.len();
                bytes = rest;
            } else if let Some(seen) = self.blank {
                let (&byte, rest) = bytes.split_first().expect("it is not empty");
                bytes = rest;
                let seen = match (byte, seen) {
                    (b'\r', 0 | 2) | (b'\n', 1 | 3) => seen + 1,
                    (b'\r', _) => 1,
                    _ => 0,
                };
                self.blank = (seen < 4).then_some(seen);
            } else {
                let want = self.want();
                let (part, rest) = bytes.split_at((want - self.held).min(bytes.len()));
                self.head[self.held..][..part.len()].copy_from_slice(part);
                self.held += part.len();
                bytes = rest;
                self.take_head();
            }
            if self.skip == 0
                && let Some((header, payload)) = self.pending.take()
            {
                tell(header, payload);
            }
        }
    }

    /// Returns how many bytes of the head have to be there to go on.
    fn want(&self) -> usize {
        match self.held {
            0 => 1,
            1..interleaved::HEADER_LEN => interleaved::HEADER_LEN,
            _ => HEAD,
        }
    }

    fn take_head(&mut self) {
        if self.head[0] != interleaved::MAGIC {
            (self.held, self.blank) = (0, Some(0));
            return;
        }
        let Some(header) = interleaved::Header::parse(&self.head[..self.held]).filter(|_| self.held >= 4)
        else {
            return;
        };
        let len = usize::from(header.len);
        if header.channel != RTP_CHANNEL || len < HEADER_LEN {
            (self.held, self.skip) = (0, len);
        } else if self.held == HEAD {
            let header = super::header(&self.head[interleaved::HEADER_LEN..]);
            self.pending = header.map(|header| (header, len - HEADER_LEN));
            (self.held, self.skip) = (0, len - HEADER_LEN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_found_between_replies_however_the_stream_is_cut() {
        let repr = |sequence_number| Repr {
            payload_type: 26,
            marker: true,
            sequence_number,
            timestamp: 0x2424_2424,
            ssrc: 7,
        };
        let mut stream = b"RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\n".to_vec();
        let expected: Vec<_> = (0..4).map(|n| (repr(n), usize::from(n) * 50)).collect();
        for (repr, len) in &expected {
            let mut fixed = [0; HEADER_LEN];
            repr.emit(&mut fixed);
            let len = u16::try_from(HEADER_LEN + len).unwrap();
            stream.extend(interleaved::Header { channel: 0, len }.emit());
            stream.extend(fixed);
            stream.resize(stream.len() + usize::from(len) - HEADER_LEN, b'$');
            // RTCP between them, and a reply in which a dollar sign stands.
            stream.extend(interleaved::Header { channel: 1, len: 3 }.emit());
            stream.extend(b"$$$RTSP/1.0 200 OK\r\nServer: $\r\nX: \r\r\n\r\n");
        }
        for piece in [1, 2, 3, 5, 16, 17, 1000] {
            let (mut scanner, mut found) = (Scanner::default(), Vec::new());
            for part in stream.chunks(piece) {
                scanner.push(part, |header, len| found.push((header, len)));
            }
            assert_eq!(found, expected, "in pieces of {piece}");
        }
    }
}
