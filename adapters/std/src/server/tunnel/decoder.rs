//! Base64 that comes in pieces (RFC 4648, 4).
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

/// Takes texts whose last character has bits that mean nothing, as some clients set them.
const ENGINE: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// Decodes a text of base64 that comes in pieces of any length. Padding may stand at the end of any group of four
/// characters, because clients encode each request by itself. White space may stand anywhere.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    /// The characters of a group that is not complete.
    group: heapless::Vec<u8, 4>,
    /// The bytes of a group for which there was no room.
    bytes: heapless::Deque<u8, 3>,
}

/// A text is no base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct NotBase64;

impl Decoder {
    /// Decodes the begin of `text` into the begin of `out`. Returns how many characters were taken, and how many bytes
    /// were written. All characters are taken unless `out` is full.
    ///
    /// # Errors
    /// There is a character that base64 does not have, or padding within a group.
    pub(in super::super) fn decode(
        &mut self,
        text: &[u8],
        out: &mut [u8],
    ) -> Result<(usize, usize), NotBase64> {
        let (mut taken, mut written) = (0, 0);
        for place in out {
            while self.bytes.is_empty() {
                let Some(&character) = text.get(taken) else { return Ok((taken, written)) };
                taken += 1;
                self.take(character)?;
            }
            if let Some(byte) = self.bytes.pop_front() {
                *place = byte;
                written += 1;
            }
        }
        Ok((taken, written))
    }

    /// Returns whether there are bytes for which there was no room.
    pub(in super::super) fn has_more(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Forgets a group that is not complete, because another text begins.
    pub(in super::super) fn restart(&mut self) {
        self.group.clear();
    }

    fn take(&mut self, character: u8) -> Result<(), NotBase64> {
        if character.is_ascii_whitespace() {
            return Ok(());
        }
        // It is never full here.
        let _ = self.group.push(character);
        if self.group.is_full() {
            let mut bytes = [0; 3];
            let len = ENGINE.decode_slice(&self.group, &mut bytes).map_err(|_| NotBase64)?;
            self.group.clear();
            self.bytes.extend(bytes.into_iter().take(len));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose;

    /// Decodes pieces, each into room for `room` bytes at a time.
    fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, room: usize) -> Result<Vec<u8>, NotBase64> {
        let (mut decoder, mut all, mut out) = (Decoder::default(), Vec::new(), vec![0; room]);
        for mut piece in pieces {
            loop {
                let (taken, written) = decoder.decode(piece, &mut out)?;
                piece = &piece[taken..];
                all.extend_from_slice(&out[..written]);
                if piece.is_empty() && !decoder.has_more() {
                    break;
                }
                assert_eq!(written, room, "there is room for more");
            }
        }
        Ok(all)
    }

    #[test]
    fn requests_that_are_padded_are_decoded_at_any_split() {
        let requests = ["OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", "$\u{1}\0\u{2}ab", "x", ""];
        let text: String =
            requests.iter().map(|request| general_purpose::STANDARD.encode(request) + "\r\n").collect();
        let bytes = requests.concat().into_bytes();
        for end in 0..=text.len() {
            let (first, rest) = text.as_bytes().split_at(end);
            assert_eq!(decode([first, rest], 5), Ok(bytes.clone()), "{end}");
        }
        for len in 1..8 {
            assert_eq!(decode(text.as_bytes().chunks(len), len), Ok(bytes.clone()), "{len}");
        }
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in ["T1BU!abc", "T1B\0", "T=BU", "====", "T===", "GET / HTTP/1.1", "T1-_"] {
            assert_eq!(decode([text.as_bytes()], 64), Err(NotBase64), "{text}");
        }
        // Bits that mean nothing are set, and lines are broken within a group.
        assert_eq!(decode([&b"T1\r\n B\tV\nTx== "[..]], 64), Ok(b"OPUO".to_vec()));
    }

    #[test]
    fn another_text_begins_anew() {
        let (mut decoder, mut out) = (Decoder::default(), [0; 8]);
        assert_eq!(decoder.decode(b"T1BUT1B", &mut out), Ok((7, 3)));
        decoder.restart();
        assert_eq!(decoder.decode(b"T1BU", &mut out), Ok((4, 3)));
        assert_eq!(&out[..3], b"OPT");
    }
}
