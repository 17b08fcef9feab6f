//! What a tunnelled session reads: the bodies of its POSTs.
use super::decoder::{Decoder, NotBase64};
use super::{Place, Post, Registration};
use std::io;

/// The requests of a tunnel, from one POST after the other, and the head of the answer to its GET.
#[derive(Debug)]
pub(in super::super) struct TunnelInput {
    registration: Registration,
    /// What is still to be written of the head of the answer to the GET.
    head: Vec<u8>,
    decoder: Decoder,
    post: Option<Post>,
    /// A POST that has come while the one before it was there.
    next: Option<Post>,
}

impl TunnelInput {
    /// Creates the input of a tunnel without a POST. `head` is what the GET is answered with first.
    pub(in super::super) fn new(registration: Registration, head: Vec<u8>) -> Self {
        Self { registration, head, decoder: Decoder::default(), post: None, next: None }
    }

    /// Notes which worker has the GET, and as which of its connections, so that POSTs find it.
    pub(in super::super) fn is_served_by(&self, worker: usize, index: usize) {
        self.registration.place(worker, index);
    }

    /// Returns whether `place` is that of this tunnel.
    pub(in super::super) const fn is_at(&self, place: Place) -> bool {
        self.registration.is_at(place)
    }

    /// Takes a POST. What has come on the one before is still read, if there is one, and that is closed then: a client
    /// that opens another one has left it, even if its end was lost on the way.
    pub(in super::super) fn attach(&mut self, post: Post) {
        self.next = Some(post);
    }

    /// Returns whether there is something to read that no socket tells of.
    pub(in super::super) fn has_more(&self) -> bool {
        self.next.is_some()
            || self.decoder.has_more()
            || self.post.as_ref().is_some_and(|post| !post.text.is_empty() || post.stream.has_more())
    }

    /// Returns what is still to be written of the head.
    pub(in super::super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Takes note that `len` bytes of the head were written.
    pub(in super::super) fn head_written(&mut self, len: usize) {
        self.head.drain(..len.min(self.head.len()));
        if self.head.is_empty() {
            self.head = Vec::new();
        }
    }

    /// Reads what came into `out`, with `text` as room for base64; from a socket only if one `is_readable`. Returns how many characters were read from a socket,
    /// and how many bytes were written to `out`; the latter may stand for characters that were read before. The end of a
    /// POST is `(0, 0)`.
    ///
    /// # Errors
    /// Returns [`io::ErrorKind::WouldBlock`] if nothing has come, and [`io::ErrorKind::InvalidData`] if what came is no
    /// base64.
    pub(in super::super) fn read(
        &mut self,
        is_readable: bool,
        text: &mut [u8],
        out: &mut [u8],
    ) -> io::Result<(usize, usize)> {
        let Self { decoder, post, next, .. } = self;
        if post.is_none() {
            *post = next.take();
            decoder.restart();
        }
        let Some(current) = post else { return Err(io::ErrorKind::WouldBlock.into()) };
        if decoder.has_more() || !current.text.is_empty() {
            let (taken, written) = decode(decoder, &current.text, out)?;
            current.text.drain(..taken);
            return Ok((0, written));
        }
        match current.stream.read(is_readable, text) {
            Ok((0, 0)) => *post = None,
            Ok((came, read)) => {
                let text = text.get(..read).unwrap_or_default();
                let (taken, written) = decode(decoder, text, out)?;
                current.text = text.get(taken..).unwrap_or_default().to_vec();
                return Ok((came, written));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && next.is_none() => return Err(error),
            // A POST that fails is like one that ends: the session has its GET.
            Err(_) => *post = None,
        }
        Ok((0, 0))
    }
}

fn decode(decoder: &mut Decoder, text: &[u8], out: &mut [u8]) -> io::Result<(usize, usize)> {
    decoder.decode(text, out).map_err(|NotBase64| io::ErrorKind::InvalidData.into())
}
