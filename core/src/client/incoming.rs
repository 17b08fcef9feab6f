//! Input of a client connection: RTSP messages, and packets of the tracks.
use super::conn::{ClientState, Parts, window_of};
use super::event::ClientError;
use super::phase::{Kind, Phase};
use super::track::Route;
use crate::frame::FrameSink;
use crate::rtp::{Handled, Port};
use crate::rtsp::interleaved::{Data, HEADER_LEN, Header, MAGIC};
use crate::rtsp::{Message, ParseError, ParseErrorKind, Parsed, parse_within};
use crate::time::Now;

impl ClientState {
    /// Takes in bytes of the connection. Whole messages are read in place; the start of a message whose
    /// end has not come is kept in the storage.
    pub(super) fn read<K: FrameSink + ?Sized>(
        &mut self,
        now: Now,
        data: &[u8],
        url: &[u8],
        parts: &mut Parts<'_>,
        sink: &mut K,
    ) {
        let mut rest = data;
        // Bounded by `data`: each round takes some of it, or ends.
        while !rest.is_empty() && self.phase != Phase::Over {
            let taken = match self.discard.min(rest.len()) {
                0 if self.incoming.is_empty() => self.read_in_place(now, rest, url, parts, sink),
                0 => self.read_held(now, rest, url, parts, sink),
                skip => {
                    self.discard = self.discard.saturating_sub(skip);
                    self.consumed = self.consumed.saturating_add(skip as u64);
                    skip
                }
            };
            rest = rest.get(taken..).unwrap_or(&[]);
            if taken == 0 {
                break;
            }
        }
    }

    fn read_in_place<K: FrameSink + ?Sized>(
        &mut self,
        now: Now,
        rest: &[u8],
        url: &[u8],
        parts: &mut Parts<'_>,
        sink: &mut K,
    ) -> usize {
        let Parts { texts, tx, rx, windows } = parts;
        // No more than the storage holds: what is accepted does not depend on how the bytes were split.
        let bytes = rest.get(..rx.len()).unwrap_or(rest);
        let len = self.read_message(now, bytes, url, rx.len(), texts, tx, windows, sink);
        if len == 0 {
            self.incoming.push(rx, bytes);
            return bytes.len();
        }
        len
    }

    /// Completes the message whose start is kept, with as little copying as its kind allows.
    fn read_held<K: FrameSink + ?Sized>(
        &mut self,
        now: Now,
        rest: &[u8],
        url: &[u8],
        parts: &mut Parts<'_>,
        sink: &mut K,
    ) -> usize {
        let Parts { texts, tx, rx, windows } = parts;
        let held = self.incoming.bytes(rx);
        let room = rx.len();
        let need = match (Header::parse(held), held.first()) {
            (Some(header), _) => header.frame_len(),
            (None, Some(&MAGIC)) => HEADER_LEN,
            _ => room,
        };
        let held = held.len();
        let take = need.min(room).saturating_sub(held).min(rest.len());
        self.incoming.push(rx, rest.get(..take).unwrap_or(&[]));
        let len = {
            // A copy of the queue's place: the bytes stay where they are until it is emptied.
            let incoming = self.incoming;
            self.read_message(now, incoming.bytes(rx), url, room, texts, tx, windows, sink)
        };
        if len == 0 {
            return take;
        }
        self.incoming.pop(room);
        // What was copied after the message is read again in its place.
        len.saturating_sub(held)
    }

    /// Handles the message that `bytes` start with. Returns its length, or 0 if its end is not there.
    #[allow(clippy::too_many_arguments, reason = "the parts of the storage, which a message may lie in")]
    fn read_message<K: FrameSink + ?Sized>(
        &mut self,
        now: Now,
        bytes: &[u8],
        url: &[u8],
        room: usize,
        texts: &mut [u8],
        tx: &mut [u8],
        windows: &mut [u8],
        sink: &mut K,
    ) -> usize {
        let len = match parse_within(bytes, room) {
            Ok(Parsed::Partial) => return 0,
            Ok(Parsed::Skip(len)) => len,
            Ok(Parsed::Complete(message, len)) => {
                match message {
                    Message::Data(data) => self.on_data(now, data, windows, sink),
                    Message::Response(response) => self.on_response(now, &response, url, texts, windows),
                    Message::Request(request) => self.on_request(&request, texts, tx),
                }
                len
            }
            Err(error) => self.on_malformed(now, error, bytes.len()),
        };
        self.consumed = self.consumed.saturating_add(len as u64);
        len
    }

    /// Skips a malformed message if the next one can be found, and fails otherwise. Returns how many of
    /// the `held` bytes are done with.
    fn on_malformed(&mut self, now: Now, error: ParseError, held: usize) -> usize {
        let at = self.consumed.saturating_add(error.at as u64);
        match (error.kind, error.skip) {
            // An interleaved packet: only these have a known length from their first bytes on.
            (ParseErrorKind::TooLong { .. }, Some(need)) if error.at == 0 => {
                self.dropped = self.dropped.saturating_add(1);
                self.discard = need.saturating_sub(held);
                need.min(held)
            }
            (ParseErrorKind::TooLong { need }, _) => {
                self.fail(ClientError::TooLong { at, need });
                held
            }
            (ParseErrorKind::NotRtsp, _) => {
                self.fail(ClientError::NotRtsp { at });
                held
            }
            (ParseErrorKind::Http, _) => {
                self.fail(ClientError::Http { at });
                held
            }
            (_, Some(len)) if self.forgive_keepalive(now) => len,
            _ => {
                self.fail(ClientError::Malformed { at });
                held
            }
        }
    }

    /// Passes an interleaved packet to its track. One of a channel that was not set up is skipped
    /// (RFC 2326, 10.12).
    fn on_data<K: FrameSink + ?Sized>(&mut self, now: Now, data: Data<'_>, windows: &mut [u8], sink: &mut K) {
        let found = (0u8..).zip(&self.tracks).find_map(|(index, track)| match track.route {
            Route::Interleaved(pair) if pair.rtp == data.channel => Some((index, Port::Rtp)),
            Route::Interleaved(pair) if pair.rtcp == data.channel => Some((index, Port::Rtcp)),
            _ => None,
        });
        if let Some((index, port)) = found {
            self.on_packet(now, index, port, data.payload, windows, sink);
        }
    }

    pub(super) fn on_packet<K: FrameSink + ?Sized>(
        &mut self,
        now: Now,
        index: u8,
        port: Port,
        bytes: &[u8],
        windows: &mut [u8],
        sink: &mut K,
    ) {
        if self.phase == Phase::Over {
            return;
        }
        let count = self.tracks.len();
        let Some(track) = self.tracks.get_mut(usize::from(index)) else { return };
        let storage = window_of(windows, index, count);
        match track.receiver.handle_packet(now.at, port, bytes, storage, sink) {
            Handled::Media => (self.playing.stall_told, self.playing.life_asked) = (false, false),
            Handled::Control => self.forget_late_bye(index),
            Handled::Refused => {}
        }
    }

    /// Forgets a BYE that came before the first packet of what PLAY asked for: it belongs to what was
    /// sent before.
    fn forget_late_bye(&mut self, index: u8) {
        let set_up = matches!(self.phase, Phase::Ready | Phase::Playing);
        let asked = self.outstanding.is_some_and(|asked| matches!(asked.kind, Kind::Play { .. }));
        let awaited = asked && self.phase == Phase::Ready;
        let track = self.tracks.get_mut(usize::from(index));
        if let Some(track) = track.filter(|track| !set_up || (awaited && track.receiver.is_starting())) {
            track.receiver.forget_bye();
        }
    }
}
