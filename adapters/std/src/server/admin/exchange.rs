//! One connection of an admin port: a request and its response.
use super::super::http::request::{MAX_HEAD, Parsed, parse};
use super::answers::{Answers, Response};
use mio::event::Source as _;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use pinhole::time::{Duration, Instant};
use std::io::{self, Read, Write};
use std::net::Shutdown;

/// How long a connection has for its request and its response.
const TIME: Duration = Duration::from_secs(5);
/// How often a connection is read at once when all is said. What a client sends then is not looked at.
const MAX_READS: usize = 16;

/// A connection.
pub(super) struct Exchange {
    stream: TcpStream,
    deadline: Instant,
    state: State,
}

enum State {
    /// This has come of the request.
    Reads(Vec<u8>),
    /// So many bytes of the response are written.
    Writes(Response, usize),
    /// The response is written, and its client has not closed the connection yet: to close it first could cost the
    /// client the response.
    Leaves,
}

impl Exchange {
    /// # Errors
    /// The connection is lost, or the system refuses to watch it.
    pub(super) fn new(
        now: Instant,
        mut stream: TcpStream,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.register(registry, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, deadline: now + TIME, state: State::Reads(Vec::new()) })
    }

    /// Returns when the connection is closed, whatever it does.
    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Does what can be done now. Returns whether the connection stays.
    pub(super) fn proceed(&mut self, now: Instant, answers: &mut Answers) -> bool {
        if self.deadline <= now {
            return false;
        }
        loop {
            match self.step(now, answers) {
                Ok(true) => {}
                Ok(false) => return false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }

    /// Does one step. Returns false if the connection is over.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if there is nothing to do now; others if the connection is lost.
    fn step(&mut self, now: Instant, answers: &mut Answers) -> io::Result<bool> {
        match &mut self.state {
            State::Reads(input) => {
                let mut buffer = [0; MAX_HEAD];
                let room = MAX_HEAD.saturating_sub(input.len());
                let read = self.stream.read(buffer.get_mut(..room).unwrap_or_default())?;
                if read == 0 {
                    return Ok(false);
                }
                input.extend_from_slice(buffer.get(..read).unwrap_or_default());
                let response = match parse(input) {
                    Ok(Parsed::Partial) => return Ok(true),
                    Ok(Parsed::Complete(request, _)) => answers.answer(now, &request),
                    Err(bad) => Response::of_status(bad.into()),
                };
                self.state = State::Writes(response, 0);
                Ok(true)
            }
            State::Writes(response, written) => {
                let rest = response.rest(*written);
                if rest.is_empty() {
                    self.stream.shutdown(Shutdown::Write)?;
                    self.state = State::Leaves;
                    return Ok(true);
                }
                *written += self.stream.write(rest)?;
                Ok(true)
            }
            State::Leaves => {
                let mut unread = [0; MAX_HEAD];
                for _ in 0..MAX_READS {
                    if self.stream.read(&mut unread)? == 0 {
                        return Ok(false);
                    }
                }
                Ok(false)
            }
        }
    }
}
