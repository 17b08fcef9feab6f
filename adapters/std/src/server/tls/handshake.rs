//! A connection at the port for TLS, until its handshake is finished.
use super::super::Event;
use super::super::arrival::{Arrival, Role};
use super::super::byte_stream::ByteStream;
use super::super::limits::Seat;
use super::super::peer::Next;
use super::super::shared::Shared;
use super::Secure;
use super::error::HandshakeError;
use super::plain::Plain;
use crate::tls::Session;
use mio::event::Source as _;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use pinhole::time::{Duration, Instant, Now};
use rustls::server::{Accepted, Acceptor};
use std::io::{self, Read as _, Write as _};
use std::mem;
use std::net::{Shutdown, SocketAddr};

/// The most bytes of a client before its handshake is finished. A ClientHello has up to 2,000, and the rest less.
const MAX_BYTES: usize = 16 << 10;
/// How much of what is no TLS is looked at, to say what it is.
const PEEK: usize = 512;
/// How many requests without TLS are answered: RTSP clients may ask OPTIONS, and give up at the DESCRIBE after it.
const ANSWERS: u8 = 3;
/// How long a connection without TLS stays, so that what its client still sends does not reset it before the client has read
/// the answers.
const FAREWELL: Duration = Duration::from_secs(2);
/// The first byte of a handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// A connection whose handshake is not finished. It costs next to nothing until a whole ClientHello has come. What comes
/// then, an exchange of keys and a signature, is done for so many of an address, and so many of all, in a second.
pub(in super::super) struct Handshake {
    stream: TcpStream,
    address: SocketAddr,
    seat: Seat,
    readable: bool,
    writable: bool,
    /// When it is given up.
    until: Instant,
    /// How many bytes have come.
    received: usize,
    state: State,
}

enum State {
    /// Waits for the ClientHello.
    Hello(Box<Acceptor>),
    /// Waits until it is answered among those of its address.
    Asked(Box<Accepted>),
    /// Waits until it is answered among those of all addresses, which is at that time, if it is known.
    Next(Box<Accepted>, Option<Instant>),
    Answered(Box<Session>),
    /// Does not speak TLS, and is told so at so many more requests.
    Plain(u8),
    /// Has failed, or is another connection now.
    Over,
}

/// What comes after a step.
enum Step {
    Again,
    /// Something has to come, or this time.
    Wait(Option<Instant>),
    Done,
}

/// Why there is no session; `None` if the client has closed the connection, as those do that only look whether the
/// server is there.
struct Failure(Option<HandshakeError>);

impl From<HandshakeError> for Failure {
    fn from(error: HandshakeError) -> Self {
        Self(Some(error))
    }
}

impl Handshake {
    pub(in super::super) fn new(
        now: Now,
        mut stream: TcpStream,
        (address, seat): (SocketAddr, Seat),
        timeout: Duration,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.register(registry, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            address,
            seat,
            readable: true,
            writable: true,
            until: now.at + timeout,
            received: 0,
            state: State::Hello(Box::default()),
        })
    }

    pub(in super::super) fn deregister(&mut self, registry: &Registry) {
        // It is closed in any case.
        let _ = self.stream.deregister(registry);
    }

    pub(in super::super) const fn ready(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    pub(in super::super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the connection with the next turn, because the server stops.
    pub(in super::super) fn close(&mut self) {
        self.state = State::Over;
    }

    /// Returns the connection as one inside TLS, after [`Next::Readmit`]; `None` if the handshake is not finished.
    pub(in super::super) fn into_arrival(self) -> Option<Arrival> {
        let Self { state, stream, address, seat, .. } = self;
        let State::Answered(session) = state else { return None };
        let session = Box::new(Secure::new(*session));
        Some(Arrival { role: Role::Rtsp, stream: ByteStream::secure(stream, session), address, seat })
    }

    /// Does what can be done now.
    pub(in super::super) fn turn(
        &mut self,
        now: Now,
        shared: &mut Shared,
        tell: &mut impl FnMut(&Event),
    ) -> Next {
        if matches!(self.state, State::Plain(_)) {
            return self.turn_plain(now.at);
        }
        let failure = loop {
            match self.step(now.at, shared) {
                Ok(Step::Again) => {}
                Ok(Step::Done) => return Next::Readmit,
                Ok(Step::Wait(_)) if self.until <= now.at => break Some(HandshakeError::TooSlow),
                Ok(Step::Wait(at)) => return Next::Wait(Some(at.unwrap_or(self.until).min(self.until))),
                Err(Failure(why)) => break why,
            }
        };
        if let Some(reason) = failure {
            tell(&Event::HandshakeFailed { peer: self.address, reason });
        }
        match self.state {
            State::Plain(_) => self.turn_plain(now.at),
            _ => Next::Close,
        }
    }

    /// Answers requests of a client that does not speak TLS, and waits until it closes the connection.
    fn turn_plain(&mut self, now: Instant) -> Next {
        let mut request = [0; PEEK];
        while now < self.until && self.received <= MAX_BYTES {
            match self.received_by(|stream| stream.read(&mut request)) {
                Ok(Some(read)) => {
                    self.received += read;
                    self.answer_plain(request.get(..read).unwrap_or_default());
                }
                Ok(None) => return Next::Wait(Some(self.until)),
                Err(_) => break,
            }
        }
        Next::Close
    }

    fn answer_plain(&mut self, request: &[u8]) {
        let State::Plain(left) = &mut self.state else { return };
        let Some(plain) = Plain::of(request).filter(|_| *left > 0) else { return };
        *left = if plain == Plain::Http { 0 } else { *left - 1 };
        // What the socket does not take is lost.
        let _ = self.stream.write(plain.response(request).as_bytes());
        if *left == 0 {
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }

    fn step(&mut self, now: Instant, shared: &mut Shared) -> Result<Step, Failure> {
        match mem::replace(&mut self.state, State::Over) {
            State::Hello(acceptor) => self.listen(acceptor, now),
            State::Asked(accepted) => match self.seat.handshake(now) {
                None => {
                    self.state = State::Next(accepted, None);
                    Ok(Step::Again)
                }
                Some(at) => {
                    self.state = State::Asked(accepted);
                    self.wait(at)
                }
            },
            State::Next(accepted, mut reserved) => match shared.handshakes.reserve(&mut reserved, now) {
                None => self.answer(*accepted, shared),
                Some(at) => {
                    self.state = State::Next(accepted, reserved);
                    self.wait(at)
                }
            },
            State::Answered(session) => self.go_on(session),
            State::Plain(_) | State::Over => Err(Failure(None)),
        }
    }

    /// Waits for its turn.
    fn wait(&self, at: Instant) -> Result<Step, Failure> {
        if at > self.until {
            return Err(HandshakeError::Busy.into());
        }
        Ok(Step::Wait(Some(at)))
    }

    /// Takes in the ClientHello, as far as it has come.
    fn listen(&mut self, mut acceptor: Box<Acceptor>, now: Instant) -> Result<Step, Failure> {
        if self.received == 0 && !self.looks_like_tls(now)? {
            self.state = State::Hello(acceptor);
            return Ok(Step::Wait(None));
        }
        let Some(read) = self.received_by(|stream| acceptor.read_tls(stream))? else {
            self.state = State::Hello(acceptor);
            return Ok(Step::Wait(None));
        };
        self.count(read)?;
        self.state = match acceptor.accept() {
            Ok(None) => State::Hello(acceptor),
            Ok(Some(accepted)) => State::Asked(Box::new(accepted)),
            Err((error, mut alert)) => {
                // It tells the client why. What the socket does not take is lost.
                let _ = alert.write(&mut self.stream);
                return Err(tls_error(&error).into());
            }
        };
        Ok(Step::Again)
    }

    /// Returns whether TLS has come; false if nothing has.
    ///
    /// # Errors
    /// What has come is something else.
    fn looks_like_tls(&mut self, now: Instant) -> Result<bool, Failure> {
        let mut begin = [0; PEEK];
        let Some(len) = self.received_by(|stream| stream.peek(&mut begin))? else { return Ok(false) };
        let begin = begin.get(..len).unwrap_or_default();
        match (begin.first(), Plain::of(begin)) {
            (Some(&HANDSHAKE), _) => Ok(true),
            (None, _) => Err(Failure(None)),
            (_, None) => Err(HandshakeError::NotTls.into()),
            (_, Some(plain)) => {
                (self.state, self.until) = (State::Plain(ANSWERS), self.until.min(now + FAREWELL));
                Err(HandshakeError::Plain { protocol: plain.name() }.into())
            }
        }
    }

    /// Makes the keys and the signature.
    fn answer(&mut self, accepted: Accepted, shared: &Shared) -> Result<Step, Failure> {
        let Some(config) = shared.certificate.get() else { return Err(Failure(None)) };
        match accepted.into_connection(config) {
            Ok(connection) => {
                self.state = State::Answered(Box::new(Session::new(connection)));
                Ok(Step::Again)
            }
            Err((error, mut alert)) => {
                let _ = alert.write(&mut self.stream);
                Err(tls_error(&error).into())
            }
        }
    }

    /// Sends the answer, and takes in the client's.
    fn go_on(&mut self, mut session: Box<Session>) -> Result<Step, Failure> {
        if self.writable {
            match session.flush(&mut self.stream) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(_) => return Err(Failure(None)),
            }
        }
        let step = if !session.is_handshaking() {
            Step::Done
        } else if let Some(read) = self.received_by(|stream| session.receive(stream))? {
            self.count(read)?;
            Step::Again
        } else {
            Step::Wait(None)
        };
        self.state = State::Answered(session);
        Ok(step)
    }

    /// Reads once. Returns how many bytes came, or `None` if none have come now.
    fn received_by(
        &mut self,
        read: impl FnOnce(&mut TcpStream) -> io::Result<usize>,
    ) -> Result<Option<usize>, Failure> {
        if !self.readable {
            return Ok(None);
        }
        match read(&mut self.stream) {
            Ok(0) => Err(Failure(None)),
            Ok(read) => Ok(Some(read)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            // Other errors are those of the socket.
            Err(error) => Err(Failure(error.downcast::<rustls::Error>().ok().map(|error| tls_error(&error)))),
        }
    }

    fn count(&mut self, read: usize) -> Result<(), Failure> {
        self.received += read;
        match self.received > MAX_BYTES {
            true => Err(HandshakeError::TooLong.into()),
            false => Ok(()),
        }
    }
}

/// Returns an error of TLS for people.
fn tls_error(error: &rustls::Error) -> HandshakeError {
    use rustls::AlertDescription::{BadCertificate, CertificateUnknown, UnknownCA};
    let reason = match error {
        rustls::Error::AlertReceived(UnknownCA | BadCertificate | CertificateUnknown) => {
            "it does not trust the certificate of this server".to_owned()
        }
        error => error.to_string(),
    };
    HandshakeError::Tls { reason }
}
