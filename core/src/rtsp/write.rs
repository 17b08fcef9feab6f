//! Writes messages (RFC 2326, 6, 7 and 12).
use super::{Method, Status};
use crate::text::{Emit, TextWriter};
use core::fmt;
use embedded_io::{ErrorKind, ErrorType, Write};

/// Writes one request or response into a sink. Begin with [`Self::request`] or [`Self::response`], call
/// [`Self::header`] for each header field, and end with [`Self::finish`] or, if there is a body, with
/// [`Self::body`].
///
/// Always call [`Self::finish`] or [`Self::body`] at the end: only these two methods report errors. If that
/// call fails, or if you do not make it, the bytes in the sink are not a whole message: drop the bytes, and
/// do not send them.
#[derive(Debug)]
#[must_use = "without `finish` or `body` the message has no end"]
pub struct MessageWriter<W: Write> {
    out: TextWriter<PartSink<W>>,
}

/// Why a message could not be written. Drop the bytes in the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WriteError<E> {
    /// The sink failed with this error, for example because it is full.
    Sink(E),
    /// A header field or the start line would contain a control byte. Such a byte could end the line and
    /// begin another line. If the value comes from a peer or a user, wrap the value in
    /// [`OneLine`](crate::text::OneLine), or refuse it.
    Control,
}

impl<E: fmt::Display> fmt::Display for WriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sink(error) => error.fmt(f),
            Self::Control => f.write_str("a header field would have a control character in it"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for WriteError<E> {}

impl<E: embedded_io::Error> embedded_io::Error for WriteError<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Sink(error) => error.kind(),
            Self::Control => ErrorKind::InvalidData,
        }
    }
}

impl<W: Write> MessageWriter<W> {
    const fn new(sink: W) -> Self {
        Self { out: TextWriter::new(PartSink { sink, part: Part::Line }) }
    }

    /// Starts a request, and writes its start line and `CSeq` into `sink`. `url` is a [`Url`](super::Url), a
    /// [`ControlUrl`](super::ControlUrl), or text such as `*`. `cseq` is the number of the request on this
    /// connection: the response has the same `CSeq`. Errors are reported at the end, by [`Self::finish`] or
    /// [`Self::body`].
    pub fn request(sink: W, method: Method<'_>, url: &(impl Emit + ?Sized), cseq: u32) -> Self {
        let mut this = Self::new(sink);
        this.out.text(method.name());
        this.out.text(" ");
        url.emit(&mut this.out);
        this.out.text(" RTSP/1.0");
        this.end_line();
        this.header("CSeq", &cseq);
        this
    }

    /// Starts the response to the request with the sequence number `cseq`, and writes its start line and
    /// `CSeq` into `sink`. If the request has no valid `CSeq`, pass `None`: the response then has no `CSeq`
    /// either. The reason phrase is [`Status::reason`]. Errors are reported at the end, by [`Self::finish`]
    /// or [`Self::body`].
    pub fn response(sink: W, status: Status, cseq: Option<u32>) -> Self {
        let mut this = Self::new(sink);
        this.out.text("RTSP/1.0 ");
        this.out.dec(status.0);
        this.out.text(" ");
        this.out.text(status.reason());
        this.end_line();
        if let Some(cseq) = cseq {
            this.header("CSeq", &cseq);
        }
        this
    }

    /// Writes one header field. Pass `name` without the colon. Neither the name nor the value may have
    /// control bytes in it; otherwise [`Self::finish`] or [`Self::body`] returns [`WriteError::Control`]. If
    /// a value comes from a peer, wrap the value in [`OneLine`](crate::text::OneLine), because it may be
    /// folded over several lines. Do not write `CSeq`, `Content-Type` and `Content-Length` with this method:
    /// [`Self::request`], [`Self::response`] and [`Self::body`] write them.
    pub fn header(&mut self, name: &str, value: &(impl Emit + ?Sized)) {
        self.name(name);
        value.emit(&mut self.out);
        self.end_line();
    }

    // A function of its own, so that its code is there once and not for each type of value.
    fn name(&mut self, name: &str) {
        self.out.text(name);
        self.out.text(": ");
    }

    /// Ends a message without a body. Returns the sink, which now has the whole message.
    ///
    /// # Errors
    /// Returns the first error that occurred while the message was written. Drop the sink with the bytes in
    /// it.
    pub fn finish(mut self) -> Result<W, WriteError<W::Error>> {
        self.end();
        self.into_sink()
    }

    /// Ends a message with a body, and writes the header fields `Content-Type` and `Content-Length` before
    /// it. Returns the sink, which now has the whole message. `body` is emitted twice, the first time only to
    /// learn its length. `body` must give the same bytes both times; otherwise `Content-Length` is wrong.
    /// Control bytes are allowed in `body`.
    ///
    /// # Errors
    /// Returns the first error that occurred while the message was written. Drop the sink with the bytes in
    /// it.
    pub fn body(
        mut self,
        content_type: &str,
        body: &(impl Emit + ?Sized),
    ) -> Result<W, WriteError<W::Error>> {
        self.end_with(content_type, body);
        self.into_sink()
    }

    /// Ends a message without a body, by reference. That takes less code where the writer is not passed
    /// on.
    pub(crate) fn end(&mut self) {
        self.end_line();
    }

    /// Ends a message with a body, by reference.
    pub(crate) fn end_with(&mut self, content_type: &str, body: &(impl Emit + ?Sized)) {
        self.header("Content-Type", content_type);
        self.out.sink_mut().part = Part::Length(0);
        body.emit(&mut self.out);
        let len = core::mem::replace(&mut self.out.sink_mut().part, Part::Line);
        self.header("Content-Length", &len.len());
        self.end_line();
        self.out.sink_mut().part = Part::Body;
        body.emit(&mut self.out);
    }

    /// Returns the sink, after [`Self::end`] or [`Self::end_with`].
    pub(crate) fn into_sink(self) -> Result<W, WriteError<W::Error>> {
        Ok(self.out.finish()?.sink)
    }

    fn end_line(&mut self) {
        let part = core::mem::replace(&mut self.out.sink_mut().part, Part::Body);
        self.out.text("\r\n");
        self.out.sink_mut().part = part;
    }
}

/// The sink for all parts of a message. With one type for each part, everything that is emitted would
/// be compiled several times.
#[derive(Debug)]
struct PartSink<W> {
    sink: W,
    part: Part,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    /// A part of one line. Control bytes are refused, so that nothing from a peer can end the line.
    Line,
    /// A body whose length is being counted, with its length in bytes so far. Nothing is written.
    Length(u64),
    Body,
}

impl Part {
    const fn len(self) -> u64 {
        match self {
            Self::Length(len) => len,
            Self::Line | Self::Body => 0,
        }
    }
}

impl<W: Write> ErrorType for PartSink<W> {
    type Error = WriteError<W::Error>;
}

impl<W: Write> Write for PartSink<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        match &mut self.part {
            Part::Line if bytes.iter().any(u8::is_ascii_control) => return Err(WriteError::Control),
            Part::Length(len) => {
                *len = len.saturating_add(bytes.len() as u64);
                return Ok(());
            }
            Part::Line | Part::Body => {}
        }
        self.sink.write_all(bytes).map_err(WriteError::Sink)
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        self.sink.flush().map_err(WriteError::Sink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtsp::{Message, Parsed, Session, parse};
    use crate::text::SliceSink;
    use embedded_io::SliceWriteError;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn a_response_with_a_body() {
        let session = Session { id: b"42", timeout_secs: Some(60) };
        let mut message = MessageWriter::response(Vec::new(), Status::OK, Some(2));
        message.header("Session", &session);
        let bytes = message.body("application/sdp", "v=0\r\n").unwrap();
        assert_eq!(
            std::str::from_utf8(&bytes).unwrap(),
            "RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 42;timeout=60\r\n\
             Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
        );
    }

    #[test]
    fn a_line_end_in_a_value_is_refused() {
        for value in ["a\r\nX: b", "a\nb", "a\0"] {
            let mut message = MessageWriter::response(Vec::new(), Status::OK, None);
            message.header("Session", value);
            message.header("CSeq", "1");
            assert_eq!(message.finish().unwrap_err(), WriteError::Control);
        }
        let injected = MessageWriter::request(Vec::new(), Method::Play, "* RTSP/1.0\r\nX: y", 1);
        assert_eq!(injected.finish().unwrap_err(), WriteError::Control);
    }

    #[test]
    fn a_full_sink_says_so() {
        let mut bytes = [0u8; 24];
        let message = MessageWriter::request(SliceSink::new(&mut bytes), Method::Options, "*", 1);
        assert_eq!(message.finish().unwrap_err(), WriteError::Sink(SliceWriteError::Full));
    }

    proptest! {
        #[test]
        fn requests_round_trip(
            method in 0usize..12, name in "[A-Z]{2,5}X", url in "rtsp://h/[a-z ]{0,8}[a-z]",
            cseq: u32, value in "([!-~]([ -~]{0,20}[!-~])?)?", body: Vec<u8>, more: Vec<u8>,
        ) {
            use Method::*;
            let methods = [
                Options, Describe, Announce, Setup, Play, Pause, Teardown, GetParameter, SetParameter,
                Redirect, Record, Unknown(name.as_bytes()),
            ];
            let mut message = MessageWriter::request(Vec::new(), methods[method], url.as_str(), cseq);
            message.header("X-Value", value.as_str());
            let message = message.body("text/parameters", &body[..]).unwrap();
            let bytes = [&message[..], &more].concat();
            let Ok(Parsed::Complete(Message::Request(request), len)) = parse(&bytes) else {
                return Err(TestCaseError::fail("no request"));
            };
            prop_assert_eq!(len, message.len());
            prop_assert_eq!((request.method, request.url), (methods[method], url.as_bytes()));
            prop_assert_eq!((request.headers.cseq(), request.body), (Some(cseq), &body[..]));
            prop_assert_eq!(request.headers.get("x-value"), Some(value.as_bytes()));
        }

        #[test]
        fn responses_round_trip(code in 100u16..1000, cseq: Option<u32>) {
            let bytes = MessageWriter::response(Vec::new(), Status(code), cseq).finish().unwrap();
            let Ok(Parsed::Complete(Message::Response(response), _)) = parse(&bytes) else {
                return Err(TestCaseError::fail("no response"));
            };
            prop_assert_eq!((response.status, response.headers.cseq()), (Status(code), cseq));
            prop_assert_eq!(response.reason, Status(code).reason().as_bytes());
        }
    }
}
