//! The TLS session of a connection whose handshake is finished.
use crate::tls::Session;
use std::io::{self, IoSlice, Read, Write};

/// How many bytes can be looked at before they are read.
const AHEAD: usize = 5;

/// The TLS session of a client.
#[derive(Debug)]
pub(in super::super) struct Secure {
    session: Session,
    /// What was looked at, and not read.
    ahead: heapless::Vec<u8, AHEAD>,
    /// Whether there may be something that was received and not read.
    has_more: bool,
}

impl Secure {
    pub(in super::super) const fn new(session: Session) -> Self {
        Self { session, ahead: heapless::Vec::new(), has_more: true }
    }

    /// Returns whether there may be something that was received and not read.
    pub(in super::super) const fn has_more(&self) -> bool {
        self.has_more
    }

    /// Returns the first bytes of what is to be read, five at most, as far as they were received.
    #[cfg(feature = "http")]
    pub(in super::super) fn peek(&mut self) -> &[u8] {
        let mut more = [0; AHEAD];
        let room = more.get_mut(self.ahead.len()..).unwrap_or_default();
        if !room.is_empty()
            && let Ok(taken) = self.session.take(room)
        {
            // There is room for all of it.
            let _ = self.ahead.extend_from_slice(room.get(..taken).unwrap_or_default());
        }
        &self.ahead
    }

    /// Reads once: what was received, or else from `socket` if that `is_readable`. Returns how many bytes came from there,
    /// and how many were put into `buffer`. The end is `(0, 0)`.
    ///
    /// # Errors
    /// As for [`ByteStream::read`](super::super::byte_stream::ByteStream::read).
    pub(in super::super) fn read(
        &mut self,
        is_readable: bool,
        socket: impl Read + Write,
        buffer: &mut [u8],
    ) -> io::Result<(usize, usize)> {
        if !self.ahead.is_empty() {
            let len = self.ahead.len().min(buffer.len());
            let (early, rest) = self.ahead.split_at(len);
            buffer.iter_mut().zip(early).for_each(|(to, from)| *to = *from);
            self.ahead = rest.iter().copied().collect();
            return Ok((0, len));
        }
        match self.session.take(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.receive(is_readable, socket),
            taken => taken.map(|taken| (0, taken)),
        }
    }

    /// Receives once from `socket`, if that `is_readable`. Returns what [`Self::read`] does.
    pub(in super::super) fn receive(
        &mut self,
        is_readable: bool,
        socket: impl Read + Write,
    ) -> io::Result<(usize, usize)> {
        self.has_more = false;
        if !is_readable {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let came = self.session.receive(socket)?;
        self.has_more = came > 0;
        Ok((came, 0))
    }

    /// Encrypts the begin of what `pieces` are together, and writes it as far as `socket` takes it. Nothing is encrypted
    /// before all that was is written.
    ///
    /// # Errors
    /// Those of the socket.
    pub(in super::super) fn write(
        &mut self,
        mut socket: impl Write,
        pieces: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        self.session.flush(&mut socket)?;
        let written = self.session.write(pieces)?;
        match self.session.flush(socket) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(written),
        }
    }

    /// Writes what is encrypted.
    ///
    /// # Errors
    /// Those of the socket; [`io::ErrorKind::WouldBlock`] if something is left.
    pub(in super::super) fn flush(&mut self, socket: impl Write) -> io::Result<()> {
        self.session.flush(socket)
    }

    /// Returns whether there is something to be written to the socket.
    pub(in super::super) fn wants_write(&self) -> bool {
        self.session.wants_write()
    }

    /// Says that nothing more is sent. What the socket does not take is lost.
    pub(in super::super) fn farewell(&mut self, socket: impl Write) {
        self.session.farewell(socket);
    }
}

#[cfg(all(test, feature = "client", feature = "http"))]
mod tests {
    use super::*;
    use crate::tls::{Identity, Trust};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use rustls::{ClientConnection, ServerConnection};
    use std::collections::VecDeque;

    /// A socket that has room for so many bytes.
    #[derive(Default)]
    struct Socket {
        incoming: VecDeque<u8>,
        outgoing: VecDeque<u8>,
        room: usize,
    }

    impl Read for Socket {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.incoming.is_empty() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.incoming.read(buffer)
        }
    }

    impl Write for Socket {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room);
            if taken == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.outgoing.extend(&bytes[..taken]);
            self.room -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Test {
        client: ClientConnection,
        secure: Secure,
        socket: Socket,
        /// What the client has sent, and what of it was read; what was written, and what of it the client has.
        sent: Vec<u8>,
        read: Vec<u8>,
        written: Vec<u8>,
        seen: Vec<u8>,
    }

    impl Test {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let identity = Identity::self_signed(directory.path(), []).unwrap();
            let mut client = Trust::new(Some(identity.fingerprint())).connect("localhost").unwrap();
            let mut session = Session::new(ServerConnection::new(identity.into_config()).unwrap());
            let mut socket = Socket { room: usize::MAX, ..Socket::default() };
            while client.is_handshaking() || session.is_handshaking() || session.wants_write() {
                while client.wants_write() {
                    client.write_tls(&mut socket.incoming).unwrap();
                }
                while session.receive(&mut socket).is_ok_and(|came| came > 0) {}
                session.flush(&mut socket).unwrap();
                while !socket.outgoing.is_empty() {
                    client.read_tls(&mut socket.outgoing).unwrap();
                    client.process_new_packets().unwrap();
                }
            }
            let [sent, read, written, seen] = [const { Vec::new() }; 4];
            Self { client, secure: Secure::new(session), socket, sent, read, written, seen }
        }

        fn step(&mut self, kind: u8, len: usize) {
            let Self { client, secure, socket, .. } = self;
            match kind % 6 {
                // The client sends.
                0 => {
                    let bytes: Vec<_> = (0..len % 3000).map(|n| (self.sent.len() + n) as u8).collect();
                    client.writer().write_all(&bytes).unwrap();
                    while client.wants_write() {
                        client.write_tls(&mut socket.incoming).unwrap();
                    }
                    self.sent.extend(bytes);
                }
                1 => {
                    let begin = secure.peek().to_vec();
                    assert!(self.sent[self.read.len()..].starts_with(&begin));
                }
                2 => {
                    let mut buffer = vec![0; 1 + len % 3000];
                    match secure.read(len.is_multiple_of(2), &mut *socket, &mut buffer) {
                        Ok((_, taken)) => self.read.extend(&buffer[..taken]),
                        Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                    }
                }
                3 => socket.room = len % 5000,
                4 => {
                    let bytes: Vec<_> = (0..len).map(|n| (self.written.len() + n) as u8).collect();
                    let (first, second) = bytes.split_at(len / 3);
                    match secure.write(&mut *socket, &[IoSlice::new(first), IoSlice::new(second)]) {
                        Ok(written) => self.written.extend(&bytes[..written]),
                        Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                    }
                }
                _ => {
                    let left = secure.flush(&mut *socket).is_err();
                    assert_eq!(left, secure.wants_write());
                }
            }
            // What is encrypted and not sent has a bound: four records, and what TLS adds to them.
            while !socket.outgoing.is_empty() {
                client.read_tls(&mut socket.outgoing).unwrap();
                client.process_new_packets().unwrap();
                let mut buffer = vec![0; 1 << 17];
                if let Ok(len) = client.reader().read(&mut buffer) {
                    self.seen.extend(&buffer[..len]);
                }
            }
            assert!(self.written.len() - self.seen.len() <= (64 << 10) + 5000);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// However little the socket takes, and in whatever pieces is read, nothing is lost, doubled or out of order.
        #[test]
        fn both_ways_are_whole(steps in vec((any::<u8>(), 0..100_000_usize), 0..60)) {
            let mut test = Test::new();
            for (kind, len) in steps {
                test.step(kind, len);
            }
            test.socket.room = usize::MAX;
            test.step(5, 0);
            while test.secure.has_more() || !test.socket.incoming.is_empty() {
                test.step(2, 2998);
            }
            prop_assert!(test.read == test.sent);
            prop_assert!(test.seen == test.written);
        }
    }
}
