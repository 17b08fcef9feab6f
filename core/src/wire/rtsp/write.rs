//! Putting a message together (RFC 2326, 6, 7 and 12).
use super::{Method, Status};
use crate::text::{Emit, TextWriter};
use core::fmt;
use embedded_io::{ErrorKind, ErrorType, Write};

/// Writes one request or response: the start line, then header fields, then
/// [`finish`](Self::finish) or [`body`](Self::body).
///
/// After an error, or where neither of the two was called, what was written is no message and is
/// to be dropped.
#[derive(Debug)]
#[must_use = "without `finish` or `body` the message has no end"]
pub struct MessageWriter<W> {
    out: TextWriter<LineSink<W>>,
}

/// Why a message could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WriteError<E> {
    /// The sink took no more.
    Sink(E),
    /// A control byte in a header field or a start line: it could have ended the line and begun
    /// another.
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
    /// Starts a request for `url`: a [`Url`](super::Url), a [`ControlUrl`](super::ControlUrl), or
    /// text such as `*`.
    ///
    /// # Errors
    /// A [`WriteError`].
    pub fn request(
        sink: W,
        method: Method<'_>,
        url: &(impl Emit + ?Sized),
        cseq: u32,
    ) -> Result<Self, WriteError<W::Error>> {
        let mut this = Self { out: TextWriter::new(LineSink(sink)) };
        this.out.text(method.name())?;
        this.out.text(" ")?;
        url.emit(&mut this.out)?;
        this.out.text(" RTSP/1.0")?;
        this.end_line()?;
        this.header("CSeq", &cseq)?;
        Ok(this)
    }

    /// Starts the response to the request with this sequence number, or to one without any.
    ///
    /// # Errors
    /// A [`WriteError`].
    pub fn response(sink: W, status: Status, cseq: Option<u32>) -> Result<Self, WriteError<W::Error>> {
        let mut this = Self { out: TextWriter::new(LineSink(sink)) };
        this.out.text("RTSP/1.0 ")?;
        this.out.dec(status.0)?;
        this.out.text(" ")?;
        this.out.text(status.reason())?;
        this.end_line()?;
        if let Some(cseq) = cseq {
            this.header("CSeq", &cseq)?;
        }
        Ok(this)
    }

    /// Writes a header field. A value that a peer sent may be folded:
    /// [`OneLine`](crate::text::OneLine) unfolds it.
    ///
    /// # Errors
    /// A [`WriteError`].
    pub fn header(&mut self, name: &str, value: &(impl Emit + ?Sized)) -> Result<(), WriteError<W::Error>> {
        self.out.text(name)?;
        self.out.text(": ")?;
        value.emit(&mut self.out)?;
        self.end_line()
    }

    /// Ends a message that has no body, and returns the sink.
    ///
    /// # Errors
    /// A [`WriteError`].
    pub fn finish(mut self) -> Result<W, WriteError<W::Error>> {
        self.end_line()?;
        Ok(self.out.into_sink().0)
    }

    /// Ends a message with a body, and returns the sink. The body is emitted twice, the first
    /// time to learn its length.
    ///
    /// # Errors
    /// A [`WriteError`].
    pub fn body(
        mut self,
        content_type: &str,
        body: &(impl Emit + ?Sized),
    ) -> Result<W, WriteError<W::Error>> {
        self.header("Content-Type", content_type)?;
        self.header("Content-Length", &(body.text_len() as u64))?;
        let mut out = TextWriter::new(self.finish()?);
        body.emit(&mut out).map_err(WriteError::Sink)?;
        Ok(out.into_sink())
    }

    fn end_line(&mut self) -> Result<(), WriteError<W::Error>> {
        self.out.sink_mut().0.write_all(b"\r\n").map_err(WriteError::Sink)
    }
}

/// A sink for a part of one line: it refuses control bytes, so that nothing a peer sent can end
/// the line.
#[derive(Debug)]
struct LineSink<W>(W);

impl<W: Write> ErrorType for LineSink<W> {
    type Error = WriteError<W::Error>;
}

impl<W: Write> Write for LineSink<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        if bytes.iter().any(u8::is_ascii_control) {
            return Err(WriteError::Control);
        }
        self.0.write_all(bytes).map_err(WriteError::Sink)
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        self.0.flush().map_err(WriteError::Sink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::SliceSink;
    use crate::wire::rtsp::{Message, Parsed, Session, parse};
    use embedded_io::SliceWriteError;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn a_response_with_a_body() {
        let session = Session { id: b"42", timeout_secs: Some(60) };
        let mut message = MessageWriter::response(Vec::new(), Status::OK, Some(2)).unwrap();
        message.header("Session", &session).unwrap();
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
            let mut message = MessageWriter::response(Vec::new(), Status::OK, None).unwrap();
            assert_eq!(message.header("Session", value).unwrap_err(), WriteError::Control);
        }
        let injected = MessageWriter::request(Vec::new(), Method::Play, "* RTSP/1.0\r\nX: y", 1);
        assert_eq!(injected.unwrap_err(), WriteError::Control);
    }

    #[test]
    fn a_full_sink_says_so() {
        let mut bytes = [0u8; 24];
        let message = MessageWriter::request(SliceSink::new(&mut bytes), Method::Options, "*", 1);
        assert_eq!(message.unwrap_err(), WriteError::Sink(SliceWriteError::Full));
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
            let mut message = MessageWriter::request(Vec::new(), methods[method], url.as_str(), cseq).unwrap();
            message.header("X-Value", value.as_str()).unwrap();
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
            let bytes = MessageWriter::response(Vec::new(), Status(code), cseq).and_then(MessageWriter::finish).unwrap();
            let Ok(Parsed::Complete(Message::Response(response), _)) = parse(&bytes) else {
                return Err(TestCaseError::fail("no response"));
            };
            prop_assert_eq!((response.status, response.headers.cseq()), (Status(code), cseq));
            prop_assert_eq!(response.reason, Status(code).reason().as_bytes());
        }
    }
}
