//! The parser of requests, for a fuzz target.
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
    match request::parse(&bytes[..cut.min(bytes.len())]) {
        Ok(Parsed::Partial) => {}
        found => assert_eq!(found, whole),
    }
}
