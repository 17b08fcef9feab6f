//! Carries frames from each TAP to the other over a wire.
use crate::tun::Tap;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use pinhole::time::Instant;
use pinhole_sim::wire::Wire;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant as Clock};

/// The longest Ethernet frame of a TAP.
const MAX_FRAME: usize = (1 << 16) + 14;
/// The largest number of frames that are read from a TAP before the other one has its turn.
const BATCH: usize = 256;

/// Two TAPs, with a wire from each to the other.
pub(super) struct Bridge {
    ends: [Tap; 2],
    directions: [Direction; 2],
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    start: Clock,
    /// The TAPs that may have more frames to read.
    unread: [bool; 2],
    /// Frames stay in a TAP while its wire is full.
    push_back: bool,
}

/// The frames of one direction.
pub(super) struct Direction {
    /// The wire between the ends.
    pub(super) wire: Wire,
    /// Frames that the interface did not accept because it was down.
    pub(super) not_taken: u64,
}

impl Bridge {
    /// Creates a bridge. The first wire leads from the first end to the second. A full wire pushes its sender back,
    /// or loses what is too much for its rate.
    ///
    /// # Errors
    /// Returns an error if the TAPs cannot be waited for.
    pub(super) fn new(ends: [Tap; 2], wires: [Wire; 2], push_back: bool) -> io::Result<Self> {
        let poll = Poll::new()?;
        for (index, end) in ends.iter().enumerate() {
            poll.registry().register(&mut SourceFd(&end.as_raw_fd()), Token(index), Interest::READABLE)?;
        }
        Ok(Self {
            ends,
            directions: wires.map(|wire| Direction { wire, not_taken: 0 }),
            poll,
            events: Events::with_capacity(8),
            buffer: vec![0; MAX_FRAME],
            start: Clock::now(),
            unread: [true; 2],
            push_back,
        })
    }

    /// Waits until there is something to do, for at most `at_most`, and does it. A signal ends the wait.
    ///
    /// # Errors
    /// Returns an error if a TAP was deleted.
    pub(super) fn turn(&mut self, at_most: Duration) -> io::Result<()> {
        let now = self.now();
        let arrivals = self.directions.iter().filter_map(|direction| direction.wire.poll_at());
        // What is left in a TAP does not wake: it came before.
        let unread = self.directions.iter().zip(self.unread).filter(|(_, unread)| *unread);
        let next = arrivals.chain(unread.map(|(direction, _)| self.room_at(direction))).min();
        let wait = next.map_or(at_most, |next| at_most.min(next.since(now).into()));
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for from in [0, 1] {
            self.unread[from] = self.take_in(from)?;
        }
        let now = self.now();
        for (direction, to) in self.directions.iter_mut().zip(self.ends.iter().rev()) {
            while let Some(frame) = direction.wire.receive(now) {
                // Counted for the report instead of a message for each frame.
                direction.not_taken += u64::from(to.send(&frame).is_err());
            }
        }
        Ok(())
    }

    /// Returns both directions: from the first end to the second, and back.
    pub(super) const fn directions(&self) -> &[Direction; 2] {
        &self.directions
    }

    /// Sends the frames of an end over its wire. Returns whether there may be more.
    fn take_in(&mut self, from: usize) -> io::Result<bool> {
        let now = self.now();
        for _ in 0..BATCH {
            if self.room_at(&self.directions[from]) > now {
                return Ok(true);
            }
            let Some(len) = self.ends[from].receive(&mut self.buffer)? else { return Ok(false) };
            self.directions[from].wire.send(now, &self.buffer[..len]);
        }
        Ok(true)
    }

    /// Returns when frames of a direction are read.
    fn room_at(&self, direction: &Direction) -> Instant {
        if self.push_back { direction.wire.room_at() } else { Instant::ZERO }
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.start.elapsed().into()
    }
}
