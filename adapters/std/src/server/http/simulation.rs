//! The parser of requests, and the decoder of tunnels, for a fuzz target.
use super::super::tunnel::Decoder;
use super::request::{self, MAX_HEAD, Parsed};

/// Reads a request that comes in two pieces. What is found in the first one must stay true when the rest comes.
///
/// # Panics
/// The parser has a fault.
pub fn http_request(bytes: &[u8], cut: usize) {
    let whole = request::parse(bytes);
    if let Ok(Parsed::Complete(request, len)) = whole {
        assert!((1..=bytes.len().min(MAX_HEAD)).contains(&len));
        assert!(request.path.starts_with('/') && !request.path.contains('?'));
        assert!(request.host.is_none_or(|host| !host.contains(['/', '"', '<', '@', ' '])));
        // What comes after it changes nothing.
        assert_eq!(request::parse(&bytes[..len]), whole);
    }
    match request::parse(head(bytes, cut)) {
        Ok(Parsed::Partial) => {}
        found => assert_eq!(found, whole),
    }
    assert_eq!(decoded(&[bytes]), decoded(&[head(bytes, cut), tail(bytes, cut)]));
}

fn head(bytes: &[u8], cut: usize) -> &[u8] {
    &bytes[..cut.min(bytes.len())]
}

fn tail(bytes: &[u8], cut: usize) -> &[u8] {
    &bytes[cut.min(bytes.len())..]
}

/// Decodes base64 that comes in pieces; `None` if it is none.
fn decoded(pieces: &[&[u8]]) -> Option<Vec<u8>> {
    let (mut decoder, mut all) = (Decoder::default(), Vec::new());
    for mut piece in pieces.iter().copied() {
        while !piece.is_empty() || decoder.has_more() {
            let mut out = [0; 7];
            let (taken, written) = decoder.decode(piece, &mut out).ok()?;
            assert!(taken <= piece.len() && (taken == piece.len() || written == out.len()));
            piece = &piece[taken..];
            all.extend_from_slice(&out[..written]);
        }
    }
    Some(all)
}
