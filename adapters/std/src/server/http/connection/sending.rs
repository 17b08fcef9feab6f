//! Pictures that are sent to a browser: stills, and streams.
use super::super::super::Event;
use super::super::super::logins::name_of;
use super::super::super::shared::Shared;
use super::super::frames::{FramePicker, Next as NextFrame};
use super::super::picture::Picture;
use super::super::request::{Method, Request};
use super::super::response::{Content, Framing, Head, Status};
use super::{Frames, HttpConnection, State, Step};
use crate::media::{Library, Problem};
use pinhole::time::Now;
use std::sync::Arc;

impl HttpConnection {
    pub(super) fn begin_frames(
        &mut self,
        now: Now,
        media: u16,
        request: &Request<'_>,
        shared: &Shared,
        tell: &mut impl FnMut(&Event),
    ) {
        let library = &shared.library;
        self.put_head(&Head {
            status: Status::OK,
            content: Content::Parts,
            len: None,
            keep_alive: false,
            fields: "",
        });
        if request.method == Method::Head {
            self.allowance.sends_nothing();
            return;
        }
        let picker = FramePicker::new(media, library.is_live(media));
        let framing = if request.wants_next_head { Framing::NextHeads } else { Framing::Lengths };
        let frames =
            Frames { picker, framing, since: now.at, is_slow: false, last: None, count: 0, bytes: 0 };
        self.state = State::Frames(Box::new(frames));
        let user = name_of(shared.logins.as_deref(), &self.login);
        tell(&Event::BrowserOpened { peer: self.address, mount: library.mount_of(media).to_owned(), user });
    }

    /// Sends the frame that a still is of, once it is there.
    pub(super) fn send_still(&mut self, now: Now, library: &Library) -> Step {
        let State::Still(still) = &mut self.state else { return Step::Again };
        let (has_body, keep_alive, track) = (still.has_body, still.keep_alive, still.picker.track());
        let picture = match still.picker.next(now.at, library, false) {
            NextFrame::Frame(id) => library.hold(track, id).ok().map(Picture::new),
            NextFrame::Wait | NextFrame::At(_) if still.until > now.at => return Step::Wait(None),
            NextFrame::Wait | NextFrame::At(_) | NextFrame::End => None,
        };
        let Some(picture) = picture else {
            let body = format!("/{} has no picture now\n", library.mount_of(track.media));
            let (status, content) = (Status::UNAVAILABLE, Content::Text);
            self.allowance.sends_nothing();
            self.put_head(&Head { status, content, len: Some(body.len()), keep_alive, fields: "" });
            if has_body {
                self.outbox.text().push_str(&body);
            }
            return Step::Again;
        };
        let (content, len) = (Content::Jpeg, Some(picture.len()));
        self.put_head(&Head { status: Status::OK, content, len, keep_alive, fields: "" });
        if has_body {
            // Its bits count as long as those of a stream: else stills would be a stream without a limit.
            self.not_before = self.allowance.counts_bitrate().then(|| now.at + library.interval(track.media));
            self.outbox.put(Arc::new(picture));
        } else {
            self.allowance.sends_nothing();
        }
        Step::Again
    }

    /// Sends the next frame of a stream, if it is due and there.
    pub(super) fn send_frame(&mut self, now: Now, shared: &Shared, tell: &mut impl FnMut(&Event)) -> Step {
        let library = &shared.library;
        let State::Frames(frames) = &mut self.state else { return Step::Again };
        let track = frames.picker.track();
        let is_slow = std::mem::take(&mut frames.is_slow);
        let id = match frames.picker.next(now.at, library, is_slow) {
            NextFrame::Frame(id) if !self.stops => id,
            NextFrame::At(at) if !self.stops => return Step::Wait(Some(at)),
            NextFrame::Wait if !self.stops => return Step::Wait(None),
            _ => {
                self.leave(now, shared, tell);
                return Step::Again;
            }
        };
        let Ok(frame) = library.hold(track, id) else { return Step::Wait(Some(now.at)) };
        let picture = Arc::new(Picture::new(frame));
        frames.framing.before(self.outbox.text(), picture.len(), frames.count == 0);
        self.outbox.put(picture.clone());
        frames.framing.after(self.outbox.text(), false);
        frames.picker.sent();
        frames.count += 1;
        frames.bytes += picture.len() as u64;
        frames.last = Some(picture);
        Step::Again
    }

    /// Ends a stream, if there is one, and tells so.
    pub(super) fn leave(&mut self, now: Now, shared: &Shared, tell: &mut impl FnMut(&Event)) {
        let State::Frames(frames) = std::mem::replace(&mut self.state, State::Leaves(None)) else { return };
        let Frames { picker, framing, since, last, count, bytes, .. } = *frames;
        self.allowance.sends_nothing();
        match last.filter(|_| framing == Framing::NextHeads) {
            // A part was begun, which would be an empty picture.
            Some(last) if self.outbox.is_empty() => {
                self.outbox.put(last);
                framing.after(self.outbox.text(), true);
            }
            _ => framing.end(self.outbox.text()),
        }
        let media = picker.track().media;
        let problem = shared.library.take_failed().into_iter().find(|(failed, _)| *failed == media);
        tell(&Event::BrowserClosed {
            peer: self.address,
            mount: shared.library.mount_of(media).to_owned(),
            frames: count,
            frames_skipped: picker.skipped(),
            bytes,
            lifetime: now.at.since(since),
            user: name_of(shared.logins.as_deref(), &self.login),
            problem: problem.map(|(_, problem): (u16, Problem)| problem),
        });
    }
}
